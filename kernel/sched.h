/* What the parts of kernel/ that make, end and time tasks need of the scheduler beyond kernel/task.h. */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "kernel/task.h"

struct task *task_alloc(void); /* with a kernel stack, not runnable; NULL: no memory */
void task_free(struct task *t); /* never ran, or has been switched away from for good */
void sched_start(struct task *t); /* a new task becomes runnable */
/* Wake t only if its state is one of these bits (BIT(TASK_INTERRUPTIBLE) ...): signals. => whether it was woken */
bool sched_wake_state(struct task *t, unsigned int states);
void sched_sleep_until(u64 deadline); /* uninterruptible; cpu_clock() time */

void sched_init(void);	   /* boot CPU, once, after slab */
void sched_init_cpu(void); /* each CPU, on itself: its boot context becomes its idle task */

/* Of all CPUs, for /proc/stat and loadavg. */
void sched_cpu_times(unsigned int cpu, u64 *user, u64 *system, u64 *idle); /* ns */
u64 sched_switches(void);
unsigned int sched_nr_running(void);

/* Interval timers of the process that was interrupted (itimer.c): ITIMER_VIRTUAL and ITIMER_PROF. => interrupts off */
void itimer_tick(struct task *t, bool from_user);

#endif
