/* What the files of this port tell each other. Nobody outside includes it. */
#ifndef X86_H
#define X86_H

#include "arch/x86_64/layout.h"
#include "kernel/types.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmu.h>

struct boot_info;

/* The linker's (boot/kernel.ld) and start.S's */
extern char image_start[], text_start[], text_end[], rodata_start[], data_start[], image_end[];
extern char boot_stack_top[];

static inline u64 image_phys(const void *sym) /* of an address in the image */
{
	return (u64)sym - KERNEL_BASE;
}

/* ---- cpu.c: features ---- */
enum cpu_feature {
	CPU_SMEP,
	CPU_SMAP,
	CPU_UMIP,
	CPU_FSGSBASE,
	CPU_XSAVE,
	CPU_PAGE1G,
	CPU_RDRAND,
	CPU_X2APIC_ON, /* the firmware has switched it on */
	CPU_FEATURES
};
extern bool cpu_features[CPU_FEATURES];

static inline bool cpu_has(enum cpu_feature f)
{
	return cpu_features[f];
}
void cpu_detect(void);		  /* once, on the boot CPU */
void cpu_setup(void);		  /* on each CPU: control registers, EFER, system-call entry */
void cpu_percpu_init(unsigned int cpu, unsigned int apic_id); /* GS of the calling CPU */

/* ---- gdt.c ---- */
void gdt_load(unsigned int cpu);			   /* of the calling CPU; keeps GS */
void gdt_set_ist(unsigned int cpu, unsigned int ist, void *top); /* top: a slot's end */
void gdt_set_rsp0(unsigned int cpu, unsigned long sp);

/* ---- trap.c, entry.S ---- */
void idt_init(void); /* once, without stacks of their own for #DF, NMI, #MC */
void idt_use_ists(void);
void idt_load(void);
void trap_page_fault(struct regs *r, u64 error);
void syscall_entry(void);
void syscall_entry_compat(void);
void task_start_user(void);
void task_start_kernel(void);
__noreturn void call_on_stack(void *top, void (*fn)(void)); /* the stack in use is given up */
struct task *switch_stack(unsigned long *save, unsigned long sp, struct task *prev);

/* ---- uaccess.S: exception table ---- */
extern char uaccess_text_start[], uaccess_text_end[];
unsigned long ex_table_find(unsigned long rip); /* where to go on; 0 none */

/* ---- mem.c ---- */
void mem_init(struct boot_info *b);	  /* final tables of the kernel; loads them */
u64 mem_kernel_top(void);		  /* physical address of the kernel's own top table */
void *mem_mmio(u64 phys, size_t size);	  /* map device registers, uncached; boot only */
u64 mem_boot_page(void);		  /* a cleared page for good, before page_alloc() works: physical address */
void mem_boot_done(struct boot_info *b);  /* no mem_boot_page() any more; enters them into b->taken */
pte_t *mem_kernel_pte(unsigned long addr, u64 (*new_table)(void)); /* level-1 entry; NULL when new_table gave 0 */
u64 mem_kernel_drop_table(unsigned long addr); /* unhook addr's empty level-1 table. => its physical address */

/* ---- kstack.c ---- */
void *kstack_boot_alloc(void); /* as mmu_kstack_alloc(), before page_alloc() works */
bool kstack_is_guard(unsigned long addr); /* in a slot of kernel stacks, but not in a stack */
bool kstack_contains(unsigned long addr); /* lies in some mapped kernel stack */

/* ---- acpi.c ---- */
struct acpi_info {
	u64 lapic_phys; /* 0: no MADT */
	u32 apic_ids[CONFIG_MAX_CPUS];
	unsigned int nr_cpus; /* usable ones; [0] need not be the boot CPU */
	unsigned int nr_cpus_left_out;
	u64 ioapic_phys; /* 0: none */
	u32 ioapic_gsi;
	struct { u32 gsi; bool low, level; } isa[16];
};
extern struct acpi_info acpi_info;
void acpi_init(u64 rsdp); /* needs the early identity map: before mem_init() */

/* ---- lapic.c, ioapic.c ---- */
void lapic_init(void);	   /* once */
void lapic_setup(void);	   /* on each CPU */
u32 lapic_id(void);
void lapic_eoi(void);
void lapic_ipi(unsigned int cpu, u8 vector);
void lapic_nmi_others(void);
void lapic_init_ipi(u32 apic_id);
void lapic_startup_ipi(u32 apic_id, u8 page);
void pic_mask(void);	 /* once, before lapic_setup() */
void ioapic_init(void); /* UART interrupts to the boot CPU */
bool ioapic_present(void);

/* ---- smp.c ---- */
/* Run fn(arg) on the CPUs of `mask` (not this one) and wait. => interrupts on, no spinlock held */
void smp_call(unsigned long mask, void (*fn)(void *), void *arg);
void smp_call_interrupt(void);
void smp_nmi(void);
unsigned long smp_others(void); /* running CPUs but this one */
extern char trampoline_start[], trampoline_end[];

/* ---- time.c ---- */
void tsc_init(void);
void tsc_calibrate(void); /* also the LAPIC timer */
void tsc_delay_us(unsigned int us);
u64 tsc_khz(void);
u32 lapic_timer_count(void); /* running down */
void lapic_timer_oneshot(u32 count);
void lapic_timer_set_rate(u64 hz);

/* ---- fpu.c ---- */
void fpu_init(void);  /* once: how large is an image */
void fpu_setup(void); /* on each CPU */
void fpu_save(void *area);
void fpu_load(const void *area);
/* uaccess.S: => 0, or -EFAULT when the CPU refuses the image */
int xrstor_checked(const void *area);
int fxrstor_checked(const void *area);

/* ---- uart.c ---- */
void uart_init(void);
void uart_poll(unsigned int first, unsigned int step);

#endif
