/*
 * Segments and the task-state segment: what is left of them in long mode.
 *
 * A GDT and a TSS per CPU. The TSS gives the stacks: rsp0, where an interrupt of user mode finds the running task's
 * kernel stack, and the IST stacks of #DF, NMI and #MC, which must work whatever the stack pointer is.
 *
 * There is no descriptor for 32-bit user code: without it no program enters compatibility mode, and the kernel needs
 * no second set of system-call paths. Linux differs: it has one.
 */
#include "arch/x86_64/x86.h"

/* SDM vol. 3A, figure 8-11 */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 io_map; /* beyond the limit: no port is a user's */
} __packed;

#define GDT_CODE64_KERNEL 0x00af9b000000ffffUL
#define GDT_DATA_KERNEL 0x00cf93000000ffffUL
#define GDT_CODE64_USER 0x00affb000000ffffUL
#define GDT_DATA_USER 0x00cff3000000ffffUL
#define GDT_TSS_AVAILABLE 0x890000000000UL

static u64 gdts[CONFIG_MAX_CPUS][GDT_WORDS] __aligned(64);
static struct tss tsses[CONFIG_MAX_CPUS] __aligned(64);

static_assert(offsetof(struct percpu, self) == PERCPU_SELF, "entry.S");
static_assert(offsetof(struct percpu, task) == PERCPU_TASK, "entry.S");
static_assert(offsetof(struct percpu, kernel_sp) == PERCPU_KERNEL_SP, "entry.S");
static_assert(offsetof(struct percpu, user_sp) == PERCPU_USER_SP, "entry.S");
static_assert(offsetof(struct percpu, work) == PERCPU_WORK, "entry.S");

/* A TSS descriptor is two words: base and limit as in the i386, then the base's upper half. */
static void gdt_set_tss(u64 *gdt, const struct tss *tss)
{
	u64 base = (u64)tss, limit = sizeof(*tss) - 1;

	gdt[SEL_TSS / 8] = GDT_TSS_AVAILABLE | limit | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
}

void gdt_load(unsigned int cpu)
{
	u64 *gdt = gdts[cpu];
	struct {
		u16 limit;
		u64 base;
	} __packed desc = { sizeof(gdts[cpu]) - 1, (u64)gdt };

	/* CS is SEL_KERNEL_CS already, with the same descriptor: nothing to load. */
	gdt[SEL_KERNEL_CS / 8] = GDT_CODE64_KERNEL;
	gdt[SEL_KERNEL_DS / 8] = GDT_DATA_KERNEL;
	gdt[SEL_USER_DS / 8] = GDT_DATA_USER;
	gdt[SEL_USER_CS / 8] = GDT_CODE64_USER;
	tsses[cpu].io_map = sizeof(struct tss);
	gdt_set_tss(gdt, &tsses[cpu]);
	lgdt(&desc);
	ltr(SEL_TSS);
	lldt(0); /* a reset leaves one of 64 KiB at address 0: a program's own descriptors, call gates included */
}

/* The word at the very top names the CPU (entry.S); the stack begins below it, 16-byte aligned. */
void gdt_set_ist(unsigned int cpu, unsigned int ist, void *top)
{
	*(struct percpu **)((char *)top - IST_PERCPU) = &percpus[cpu];
	tsses[cpu].ist[ist - 1] = (u64)top - 16;
}

void gdt_set_rsp0(unsigned int cpu, unsigned long sp)
{
	tsses[cpu].rsp[0] = sp;
}
