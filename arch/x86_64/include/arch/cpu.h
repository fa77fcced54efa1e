/* One CPU: who am I, who runs here, interrupts on and off. Assembly lives here, in mmu.h and in *.S. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "kernel/types.h"

struct task;

/* What GS points to in the kernel. The offsets of the first fields are known to entry.S. */
struct percpu {
	struct percpu *self;
	struct task *current;
	unsigned long kernel_sp; /* top of current's kernel stack, for syscall entry */
	unsigned long user_sp;	 /* scratch for syscall entry */
	unsigned int id;
	unsigned int apic_id;
};

static inline unsigned int cpu_id(void)
{
	unsigned int id;

	__asm__("movl %%gs:%c1, %0" : "=r"(id) : "i"(offsetof(struct percpu, id)));
	return id;
}

static inline struct task *get_current(void)
{
	struct task *t;

	__asm__("movq %%gs:%c1, %0" : "=r"(t) : "i"(offsetof(struct percpu, current)));
	return t;
}
#define current get_current()

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

#endif
