/*
 * Debug builds: who waits for ever?
 *
 * No task of a process sleeps uninterruptibly for longer than a lock is held or a page is filled. One that has done so for
 * STUCK_NS is told about, once: what it holds, where it sleeps. Two tasks that wait for each other's locks show up here, as
 * does a lost wake-up. Kernel threads wait for work for as long as it takes, so they are left out.
 */
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/proc.h"
#include <arch/cpu.h>
#include <arch/irq.h>

#define LOOK_NS (5 * NSEC_PER_SEC)
#define STUCK_NS (20 * NSEC_PER_SEC)

static bool stuck(const struct task *t, u64 now)
{
	u64 since = READ_ONCE(t->last_switch);

	return READ_ONCE(t->state) == TASK_UNINTERRUPTIBLE && !READ_ONCE(t->on_cpu) && since && now > since &&
	       now - since > STUCK_NS;
}

static void tell(struct task *t)
{
	t->told_stuck = true;
	pr_err("%s[%d] has been waiting for more than %lu s", t->comm, t->tid, STUCK_NS / NSEC_PER_SEC);
	lock_show_held(t);
	arch_backtrace_task(t);
}

static void look_at_all(void)
{
	u64 now = cpu_clock();
	struct task *t;

	spin_lock(&pid_lock);
	for (int tid = 1; (t = task_next_locked(tid)); tid = t->tid + 1)
		if (!t->told_stuck && stuck(t, now))
			tell(t);
	spin_unlock(&pid_lock);
}

static void watchdog_main(void *unused)
{
	(void)unused;
	for (;;) {
		WRITE_ONCE(current->state, TASK_UNINTERRUPTIBLE);
		schedule_timeout(cpu_clock() + LOOK_NS);
		look_at_all();
	}
}

void watchdog_boot(void)
{
	if (IS_ENABLED(CONFIG_DEBUG) && !kthread_create("watchdog", watchdog_main, NULL))
		panic("no memory for the watchdog thread");
}
