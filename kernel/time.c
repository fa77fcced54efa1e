/*
 * Clocks and sleeping.
 *
 * There is one clock, cpu_clock(): nanoseconds since boot. MONOTONIC, BOOTTIME and their relatives are it; REALTIME and
 * TAI add realtime_offset, which starts from the CMOS clock and moves with clock_settime(). CPU-time clocks are what
 * usage.c counts. Sleeps end with the first tick at or after their deadline.
 *
 * Linux differs: clocks are slewed by NTP, BOOTTIME counts suspend, sleepers on REALTIME feel the clock being set.
 */
#include "kernel/time.h"

#include "kernel/proc.h"
#include "kernel/syscall.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/clock.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/uaccess.h>

s64 realtime_offset;

#define TIME_MAX_SEC ((long)(INT64_MAX / (long)NSEC_PER_SEC)) /* beyond it a deadline is "never" */

void time_init(void)
{
	realtime_offset = (s64)(arch_wallclock() * NSEC_PER_SEC - cpu_clock());
}

bool timespec_valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && (u64)ts->tv_nsec < NSEC_PER_SEC;
}

u64 timespec_ns(const struct timespec *ts)
{
	if (ts->tv_sec >= TIME_MAX_SEC)
		return (u64)INT64_MAX;
	return (u64)ts->tv_sec * NSEC_PER_SEC + (u64)ts->tv_nsec;
}

u64 deadline_after(const struct timespec *ts)
{
	return cpu_clock() + timespec_ns(ts);
}

struct timespec timespec_of(u64 ns)
{
	return (struct timespec){ (long)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };
}

/* ---- Reading ---- */

/* A clock of a process or thread, as clock_getcpuclockid() makes them: ~pid in the upper bits, bit 2 for a thread, the kind
 * of time in bits 0 and 1. */
static int foreign_cpu_clock(int clock, u64 *ns)
{
	int pid = ~(clock >> 3), kind = clock & 3;
	struct process_usage u;
	struct process *p;

	if (kind == 3)
		return -EINVAL;
	if (clock & 4) {
		struct task *t;

		spin_lock(&pid_lock);
		t = pid ? task_find(pid) : current;
		if (!t || t->process != current->process) {
			spin_unlock(&pid_lock);
			return -EINVAL;
		}
		*ns = task_runtime(t);
		spin_unlock(&pid_lock);
		return 0;
	}
	p = process_find(pid ? pid : current->process->pid);
	if (!p)
		return -EINVAL;
	process_usage(p, &u);
	process_put(p);
	*ns = kind == 0 ? u.utime + u.stime : kind == 1 ? u.utime : u.runtime;
	return 0;
}

/* => 0, or -EINVAL: no such clock */
static int clock_read(int clock, u64 *ns)
{
	struct process_usage u;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = time_real_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = cpu_clock();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		process_usage(current->process, &u);
		*ns = u.runtime;
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = task_runtime(current);
		return 0;
	default:
		return clock < 0 ? foreign_cpu_clock(clock, ns) : -EINVAL;
	}
}

long sys_clock_gettime(int clock, struct timespec __user *user)
{
	struct timespec ts;
	u64 ns;
	int err = clock_read(clock, &ns);

	if (err)
		return err;
	ts = timespec_of(ns);
	return copy_to_user(user, &ts, sizeof(ts)) ? -EFAULT : 0;
}

long sys_clock_getres(int clock, struct timespec __user *user)
{
	struct timespec ts = { 0, 1 };
	u64 ns;
	int err = clock_read(clock, &ns);

	if (err)
		return err;
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		ts.tv_nsec = NSEC_PER_SEC / HZ;
	return user && copy_to_user(user, &ts, sizeof(ts)) ? -EFAULT : 0;
}

long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz)
{
	const struct timezone utc = { 0, 0 };
	u64 ns = time_real_ns();
	struct timeval now = { (long)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };

	if (tv && copy_to_user(tv, &now, sizeof(now)))
		return -EFAULT;
	return tz && copy_to_user(tz, &utc, sizeof(utc)) ? -EFAULT : 0;
}

long sys_time(long __user *user)
{
	long now = (long)(time_real_ns() / NSEC_PER_SEC);

	return user && put_user(now, user) ? -EFAULT : now;
}

/* ---- Setting ---- */

static long set_realtime(const struct timespec *ts)
{
	if (!timespec_valid(ts) || ts->tv_sec >= TIME_MAX_SEC)
		return -EINVAL;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	WRITE_ONCE(realtime_offset, (s64)(timespec_ns(ts) - cpu_clock()));
	return 0;
}

long sys_clock_settime(int clock, const struct timespec __user *user)
{
	struct timespec ts;

	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	if (copy_from_user(&ts, user, sizeof(ts)))
		return -EFAULT;
	return set_realtime(&ts);
}

long sys_settimeofday(const struct timeval __user *user, const struct timezone __user *tz)
{
	struct timezone zone;
	struct timeval tv;

	if (user && copy_from_user(&tv, user, sizeof(tv)))
		return -EFAULT;
	if (tz && copy_from_user(&zone, tz, sizeof(zone)))
		return -EFAULT;
	if (!user)
		return 0; /* time zones are libc's business */
	if ((u64)tv.tv_usec >= 1000000)
		return -EINVAL;
	return set_realtime(&(struct timespec){ tv.tv_sec, tv.tv_usec * (long)NSEC_PER_USEC });
}

/* ---- Sleeping ---- */

/* => 0 when the time has come, -EINTR when a signal came first */
static int sleep_until(u64 deadline)
{
	for (;;) {
		WRITE_ONCE(current->state, TASK_INTERRUPTIBLE);
		smp_mb();
		if (signal_pending()) {
			WRITE_ONCE(current->state, TASK_RUNNING);
			return -EINTR;
		}
		if (!schedule_timeout(deadline))
			return 0;
	}
}

/* A relative sleep that a signal may interrupt: restart_block keeps the deadline and where to put what is left. */
static long sleep_restartable(struct task *t)
{
	u64 deadline = t->restart_block[0], now;
	struct timespec __user *user_left = (void __user *)t->restart_block[1];
	struct timespec left;

	if (!sleep_until(deadline))
		return 0;
	now = cpu_clock();
	if (now >= deadline)
		return 0;
	left = timespec_of(deadline - now);
	if (user_left && copy_to_user(user_left, &left, sizeof(left)))
		return -EFAULT;
	t->restart_fn = sleep_restartable;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_relative(const struct timespec *ts, struct timespec __user *left)
{
	struct task *t = current;

	t->restart_block[0] = deadline_after(ts);
	t->restart_block[1] = (unsigned long)left;
	return sleep_restartable(t);
}

long sys_nanosleep(const struct timespec __user *want, struct timespec __user *left)
{
	struct timespec ts;

	if (copy_from_user(&ts, want, sizeof(ts)))
		return -EFAULT;
	return timespec_valid(&ts) ? sleep_relative(&ts, left) : -EINVAL;
}

static bool is_realtime(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM;
}

static bool can_sleep_on(int clock)
{
	return is_realtime(clock) || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_BOOTTIME_ALARM;
}

long sys_clock_nanosleep(int clock, int flags, const struct timespec __user *want, struct timespec __user *left)
{
	struct timespec ts;
	s64 deadline;
	u64 now;

	if (!can_sleep_on(clock))
		return clock_read(clock, &now) || clock == CLOCK_THREAD_CPUTIME_ID ? -EINVAL : -EOPNOTSUPP;
	if (copy_from_user(&ts, want, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	if (!(flags & TIMER_ABSTIME))
		return sleep_relative(&ts, left);
	deadline = (s64)timespec_ns(&ts) - (is_realtime(clock) ? realtime_offset : 0);
	return sleep_until(deadline > 0 ? (u64)deadline : 0) ? -ERESTARTNOHAND : 0;
}
