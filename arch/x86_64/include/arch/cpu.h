/* One CPU: who am I, who runs here, interrupts on and off. Assembly lives here, in mmu.h and in *.S. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "kernel/types.h"

struct task;
struct mm;

/* What GS points to in the kernel. The offsets of the first fields are known to entry.S (layout.h). */
struct percpu {
	struct percpu *self;
	struct task *task;
	unsigned long kernel_sp; /* top of current's kernel stack, for syscall entry */
	unsigned long user_sp;	 /* scratch for syscall entry */
	const u32 *work;	 /* current->return_work: non-zero, and the way to user mode is the long one */
	unsigned int id;
	unsigned int apic_id;
	struct mm *mm; /* whose tables are loaded; NULL: the kernel's own */
	unsigned long nmi_count;
} __aligned(64);

extern struct percpu percpus[CONFIG_MAX_CPUS];

static inline struct percpu *this_cpu(void)
{
	struct percpu *cpu;

	__asm__ volatile("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(offsetof(struct percpu, self)));
	return cpu;
}

/* Volatile: a task may come back from schedule() on another CPU. */
static inline unsigned int cpu_id(void)
{
	unsigned int id;

	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(id) : "i"(offsetof(struct percpu, id)));
	return id;
}

static inline struct task *get_current(void)
{
	struct task *t;

	__asm__("movq %%gs:%c1, %0" : "=r"(t) : "i"(offsetof(struct percpu, task)));
	return t;
}
#define current get_current()

/* Boot only: what this CPU runs is called t from now on (its idle task). */
void set_current(struct task *t);

unsigned int cpu_count(void); /* CPUs running */

static inline unsigned long irq_save(void) /* interrupts off; returns what they were */
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void irq_restore(unsigned long flags)
{
	if (flags & BIT(9)) /* RFLAGS.IF */
		__asm__ volatile("sti" : : : "memory");
}

static inline bool irq_enabled(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return flags & BIT(9);
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

u64 cpu_clock(void); /* nanoseconds since boot, monotonic on and across CPUs */

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static inline u64 cpu_ticks(void) /* the same clock, cheaper: cpu_ticks_ns() makes nanoseconds of it */
{
	return rdtsc();
}

u64 cpu_ticks_ns(u64 ticks);

/* ---- Instructions without a name in C. For the port itself; nobody else needs them. ---- */

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 val)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)(val & 0xffffffff)), "d"((u32)(val >> 32)) : "memory");
}

static inline u64 read_cr0(void)
{
	u64 v;

	__asm__ volatile("movq %%cr0, %0" : "=r"(v));
	return v;
}

static inline void write_cr0(u64 v)
{
	__asm__ volatile("movq %0, %%cr0" : : "r"(v) : "memory");
}

static inline u64 read_cr2(void)
{
	u64 v;

	__asm__ volatile("movq %%cr2, %0" : "=r"(v));
	return v;
}

static inline u64 read_cr4(void)
{
	u64 v;

	__asm__ volatile("movq %%cr4, %0" : "=r"(v));
	return v;
}

static inline void write_cr4(u64 v)
{
	__asm__ volatile("movq %0, %%cr4" : : "r"(v) : "memory");
}

static inline u64 read_dr6(void)
{
	u64 v;

	__asm__ volatile("movq %%db6, %0" : "=r"(v));
	return v;
}

static inline void write_dr6(u64 v)
{
	__asm__ volatile("movq %0, %%db6" : : "r"(v));
}

static inline u64 read_rbp(void)
{
	u64 v;

	__asm__ volatile("movq %%rbp, %0" : "=r"(v));
	return v;
}

static inline u64 rdfsbase(void)
{
	u64 v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static inline void wrfsbase(u64 v)
{
	__asm__ volatile("wrfsbase %0" : : "r"(v));
}

/* The user's GS base waits in KERNEL_GS_BASE while the kernel runs; swapping there and back is cheaper than the MSR.
 * => interrupts off */
static inline u64 rdgsbase_user(void)
{
	u64 v;

	__asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(v) : : "memory");
	return v;
}

static inline void wrgsbase_user(u64 v)
{
	__asm__ volatile("swapgs; wrgsbase %0; swapgs" : : "r"(v) : "memory");
}

static inline void xsetbv(u32 reg, u64 val)
{
	__asm__ volatile("xsetbv" : : "c"(reg), "a"((u32)(val & 0xffffffff)), "d"((u32)(val >> 32)));
}

static inline void xsave(void *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0U), "d"(~0U) : "memory");
}

static inline void xrstor(const void *area)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0U), "d"(~0U) : "memory");
}

static inline void fxrstor(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

static inline void fxsave(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static inline bool rdrand(u64 *val)
{
	bool ok;

	__asm__ volatile("rdrand %0; setc %1" : "=r"(*val), "=qm"(ok) : : "cc");
	return ok;
}

static inline void lidt(const void *desc)
{
	__asm__ volatile("lidt (%0)" : : "r"(desc) : "memory");
}

static inline void lgdt(const void *desc)
{
	__asm__ volatile("lgdt (%0)" : : "r"(desc) : "memory");
}

static inline void ltr(u16 sel)
{
	__asm__ volatile("ltr %0" : : "r"(sel) : "memory");
}

static inline void lldt(u16 sel)
{
	__asm__ volatile("lldt %0" : : "r"(sel) : "memory");
}

static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outw(u16 port, u16 v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* Interrupts on and wait for one. `sti` takes effect after the next instruction: none slips in between. */
static inline void sti_hlt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline __noreturn void halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

#endif
