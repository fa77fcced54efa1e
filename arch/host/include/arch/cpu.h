/* One simulated CPU. `host_cpu` is the one that runs now; the scheduler of simulated CPUs sets it. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "kernel/types.h"

struct mm;
struct task;

struct host_cpu {
	struct task *task;
	struct mm *mm; /* whose tables are loaded; NULL: the kernel's own */
	bool irq_on;
};
extern struct host_cpu host_cpus[CONFIG_MAX_CPUS];
extern unsigned int host_cpu;

static inline unsigned int cpu_id(void)
{
	return host_cpu;
}

#define current (host_cpus[host_cpu].task)

unsigned int cpu_count(void);

static inline unsigned long irq_save(void)
{
	unsigned long was = host_cpus[host_cpu].irq_on;

	host_cpus[host_cpu].irq_on = false;
	return was;
}

static inline void irq_restore(unsigned long flags)
{
	host_cpus[host_cpu].irq_on = flags;
}

static inline bool irq_enabled(void)
{
	return host_cpus[host_cpu].irq_on;
}

static inline void irq_disable(void)
{
	host_cpus[host_cpu].irq_on = false;
}

static inline void irq_enable(void)
{
	host_cpus[host_cpu].irq_on = true;
}

void cpu_relax(void); /* a CPU that spins lets others run; alone it would spin for ever, and panics */

u64 cpu_clock(void); /* simulated: a nanosecond per question */

static inline u64 cpu_ticks(void)
{
	return cpu_clock();
}

static inline u64 cpu_ticks_ns(u64 ticks)
{
	return ticks;
}

#endif
