/*
 * Interval timers and limits on CPU time.
 *
 *	ITIMER_REAL           real_timer, a timer of timer.c. Its function runs in an interrupt, where signals cannot be
 *	                      sent: it hands the process to the kernel thread timerd, which sends SIGALRM and starts the
 *	                      next interval.
 *	ITIMER_VIRTUAL, PROF  `value` is the CPU time of the process at which it expires. Each tick of a process that has
 *	                      one set asks its task to compare on its way back to user mode: itimer_tick_work().
 *	RLIMIT_CPU            likewise: SIGXCPU each second above the soft limit, SIGKILL at the hard one.
 *
 *   I1  itimer[] changes under sig_lock; real_timer is queued only with itimer[ITIMER_REAL].value set.
 *   I2  A process on `fired` has not gone through itimer_exit(): it is alive.
 */
#include "kernel/proc.h"
#include "kernel/printk.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

static LIST_HEAD(fired); /* process->fired_node */
static struct spinlock fired_lock = SPINLOCK_INIT(RANK_LEAF);
static struct task *timerd;

/* ---- ITIMER_REAL ---- */

void itimer_fired(struct timer *t)
{
	struct process *p = container_of(t, struct process, real_timer);
	unsigned long flags = spin_lock_irqsave(&fired_lock);

	if (list_empty(&p->fired_node))
		list_add_tail(&p->fired_node, &fired);
	spin_unlock_irqrestore(&fired_lock, flags);
	sched_wake(timerd);
}

/* => with a reference; NULL: nobody waits */
static struct process *next_fired(void)
{
	unsigned long flags = spin_lock_irqsave(&fired_lock);
	struct process *p = NULL;

	if (!list_empty(&fired)) {
		p = list_first_entry(&fired, struct process, fired_node);
		list_del(&p->fired_node);
		process_get(p);
	}
	spin_unlock_irqrestore(&fired_lock, flags);
	return p;
}

/* Is it still due? Then the next interval begins. */
static bool rearm(struct process *p)
{
	struct itimer *it = &p->itimer[ITIMER_REAL];
	u64 now = cpu_clock();
	bool due;

	spin_lock(&p->sig_lock);
	due = it->value && it->value <= now;
	if (due && it->interval) {
		it->value += it->interval * ((now - it->value) / it->interval + 1); /* missed ones count as one */
		timer_start(&p->real_timer, it->value);
	} else if (due) {
		it->value = 0;
	}
	spin_unlock(&p->sig_lock);
	return due;
}

static void timerd_main(void *unused)
{
	struct process *p;

	(void)unused;
	for (;;) {
		WRITE_ONCE(current->state, TASK_UNINTERRUPTIBLE);
		smp_mb();
		p = next_fired();
		if (!p) {
			schedule();
			continue;
		}
		WRITE_ONCE(current->state, TASK_RUNNING);
		if (rearm(p))
			signal_send_process(p, SIGALRM, NULL);
		process_put(p);
	}
}

void itimer_boot(void)
{
	timerd = kthread_create("timerd", timerd_main, NULL);
	if (!timerd)
		panic("no memory for the timer thread");
}

void itimer_exit(struct process *p)
{
	unsigned long flags;

	spin_lock(&p->sig_lock);
	for (int i = 0; i < 3; i++)
		p->itimer[i] = (struct itimer){};
	spin_unlock(&p->sig_lock);
	timer_cancel(&p->real_timer);
	flags = spin_lock_irqsave(&fired_lock);
	list_del(&p->fired_node);
	spin_unlock_irqrestore(&fired_lock, flags);
}

/* ---- CPU time ---- */

/* => whether the timer expires; the next interval begins then. sig_lock held */
static bool cpu_timer_due(struct itimer *it, u64 now)
{
	if (!it->value || now < it->value)
		return false;
	it->value = it->interval ? now + it->interval : 0;
	return true;
}

static int cpu_limit_signal(struct process *p, u64 runtime)
{
	struct rlimit64 *r = &p->rlim[RLIMIT_CPU];
	u64 seconds = runtime / NSEC_PER_SEC;

	if (seconds >= r->max)
		return SIGKILL;
	if (seconds < r->cur)
		return 0;
	r->cur = seconds + 1; /* again in a second, as Linux */
	return SIGXCPU;
}

void itimer_tick_work(struct task *t)
{
	struct process *p = t->process;
	struct process_usage u;
	bool virtual, prof;
	int limit;

	t->tick_work = false;
	process_usage(p, &u);
	spin_lock(&p->sig_lock);
	virtual = cpu_timer_due(&p->itimer[ITIMER_VIRTUAL], u.utime);
	prof = cpu_timer_due(&p->itimer[ITIMER_PROF], u.utime + u.stime);
	limit = cpu_limit_signal(p, u.runtime);
	spin_unlock(&p->sig_lock);
	if (virtual)
		signal_send_process(p, SIGVTALRM, NULL);
	if (prof)
		signal_send_process(p, SIGPROF, NULL);
	if (limit)
		signal_send_process(p, limit, NULL);
}

/* ---- System calls ---- */

/* The time that `which` runs on, now. */
static u64 base_of(struct process *p, int which)
{
	struct process_usage u;

	if (which == ITIMER_REAL)
		return cpu_clock();
	process_usage(p, &u);
	return which == ITIMER_VIRTUAL ? u.utime : u.utime + u.stime;
}

static struct timeval timeval_of(u64 ns)
{
	return (struct timeval){ (long)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

static struct itimerval show(const struct itimer *it, u64 base)
{
	u64 left = it->value > base ? it->value - base : it->value ? NSEC_PER_USEC : 0;

	return (struct itimerval){ timeval_of(it->interval), timeval_of(left) };
}

static int ns_of(const struct timeval *tv, u64 *ns)
{
	struct timespec ts = { tv->tv_sec, tv->tv_usec * (long)NSEC_PER_USEC };

	if ((u64)tv->tv_usec >= 1000000 || !timespec_valid(&ts))
		return -EINVAL;
	*ns = timespec_ns(&ts);
	return 0;
}

/* value: relative, 0 stops it. => what it was */
static struct itimerval itimer_set(struct process *p, int which, u64 value, u64 interval)
{
	struct itimer *it = &p->itimer[which];
	u64 base = base_of(p, which);
	struct itimerval old;

	spin_lock(&p->sig_lock);
	old = show(it, base);
	it->value = value ? base + value : 0;
	it->interval = interval;
	if (which == ITIMER_REAL) {
		if (value)
			timer_start(&p->real_timer, it->value);
		else
			timer_cancel(&p->real_timer);
	}
	spin_unlock(&p->sig_lock);
	return old;
}

long sys_setitimer(int which, const struct itimerval __user *user_new, struct itimerval __user *user_old)
{
	struct itimerval new = {}, old;
	u64 value, interval;

	if (user_new && copy_from_user(&new, user_new, sizeof(new)))
		return -EFAULT;
	if (ns_of(&new.it_value, &value) || ns_of(&new.it_interval, &interval))
		return -EINVAL;
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	old = itimer_set(current->process, which, value, interval);
	return user_old && copy_to_user(user_old, &old, sizeof(old)) ? -EFAULT : 0;
}

long sys_getitimer(int which, struct itimerval __user *user)
{
	struct process *p = current->process;
	struct itimerval value;
	u64 base;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	base = base_of(p, which);
	spin_lock(&p->sig_lock);
	value = show(&p->itimer[which], base);
	spin_unlock(&p->sig_lock);
	return copy_to_user(user, &value, sizeof(value)) ? -EFAULT : 0;
}

long sys_alarm(unsigned int seconds)
{
	struct itimerval old = itimer_set(current->process, ITIMER_REAL, seconds * NSEC_PER_SEC, 0);
	long left = old.it_value.tv_sec;

	/* Rounded, but an alarm that is set never looks like none. */
	if ((!left && old.it_value.tv_usec) || old.it_value.tv_usec >= 500000)
		left++;
	return left;
}
