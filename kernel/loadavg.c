/*
 * Load averages: exponentially damped means of the number of runnable tasks, sampled every five seconds.
 *
 *	load = load * e^(-5 s / period) + runnable * (1 - e^(-5 s / period))
 *
 * in fixed point, with the factors that Linux uses. The sampling thread itself does not count.
 *
 * Linux differs: it counts uninterruptible sleepers as well, and idle CPUs stop sampling.
 */
#include "kernel/loadavg.h"

#include "kernel/printk.h"
#include "kernel/task.h"
#include <arch/cpu.h>

#define INTERVAL (5 * NSEC_PER_SEC)

static const unsigned long factor[3] = { 1884, 2014, 2037 }; /* LOAD_ONE * e^(-5/60), e^(-5/300), e^(-5/900) */
static unsigned long loads[3];

static unsigned long damp(unsigned long load, unsigned long factor_, unsigned long active)
{
	unsigned long sum = load * factor_ + active * (LOAD_ONE - factor_);

	if (active >= load)
		sum += LOAD_ONE - 1; /* rounds towards where it is going, so that it arrives */
	return sum / LOAD_ONE;
}

static void sample(void)
{
	unsigned long active = (sched_nr_running() - 1) * LOAD_ONE;

	for (int i = 0; i < 3; i++)
		WRITE_ONCE(loads[i], damp(loads[i], factor[i], active));
}

static void thread(void *unused)
{
	u64 next = cpu_clock() + INTERVAL;

	(void)unused;
	for (;;) {
		current->state = TASK_UNINTERRUPTIBLE;
		schedule_timeout(next);
		if (cpu_clock() < next)
			continue;
		sample();
		next += INTERVAL;
	}
}

void loadavg_start(void)
{
	if (!kthread_create("loadavg", thread, NULL))
		panic("no memory for the thread that samples the load");
}

void loadavg_get(unsigned long load[3])
{
	for (int i = 0; i < 3; i++)
		load[i] = READ_ONCE(loads[i]);
}
