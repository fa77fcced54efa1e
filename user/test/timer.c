/* Clocks, sleeps and interval timers. */
#include "sig.h"
#include <sys/times.h>

static long long now_ns(int clock)
{
	struct timespec ts;

	check_ok(clock_gettime(clock, &ts));
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long sys_nanosleep(const struct timespec *req, struct timespec *rem)
{
	return syscall(SYS_nanosleep, req, rem);
}

static long sys_clock_nanosleep(int clock, int flags, const struct timespec *req, struct timespec *rem)
{
	return syscall(SYS_clock_nanosleep, clock, flags, req, rem);
}

test(monotonic_goes_on)
{
	long long last = now_ns(CLOCK_MONOTONIC), first = last;

	for (int i = 0; i < 2000; i++) {
		long long t = now_ns(CLOCK_MONOTONIC);

		check(t >= last);
		last = t;
	}
	check(last > first);
}

test(clocks)
{
	static const int clock[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
				     CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
				     CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
	struct timespec ts;

	for (size_t i = 0; i < ARRAY_SIZE(clock); i++) {
		check_ok(syscall(SYS_clock_gettime, clock[i], &ts));
		check(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
		check_ok(syscall(SYS_clock_getres, clock[i], &ts));
		check(ts.tv_sec == 0 && ts.tv_nsec > 0 && ts.tv_nsec <= 10000000);
	}
	check_err(syscall(SYS_clock_gettime, 77, &ts), EINVAL);
	check_err(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8), EFAULT);
}

test(realtime_agrees)
{
	struct timeval tv;
	long t;

	check_ok(syscall(SYS_gettimeofday, &tv, NULL));
	t = syscall(SYS_time, NULL);
	check(t - tv.tv_sec <= 1 && t >= tv.tv_sec);
	check(now_ns(CLOCK_REALTIME) / 1000000000 - t <= 1);
	/* Later than this program was written. */
	check(tv.tv_sec > 1600000000);
}

test(sleep_takes_its_time)
{
	struct timespec req = { 0, 5000000 }, rem = { 77, 77 };
	long long before = now_ns(CLOCK_MONOTONIC), took;

	check_ok(sys_nanosleep(&req, &rem));
	took = now_ns(CLOCK_MONOTONIC) - before;
	check(took >= 5000000);
	check(took < 5000000000LL);
	check_eq(rem.tv_sec, 77);
}

test(sleep_errors)
{
	struct timespec bad[] = { { 0, 1000000000 }, { 0, -1 }, { -1, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_err(sys_nanosleep(&bad[i], NULL), EINVAL);
	check_err(sys_nanosleep((void *)8, NULL), EFAULT);
	check_err(sys_clock_nanosleep(77, 0, bad, NULL), EINVAL);
	bad[0].tv_nsec = 0;
	check_ok(sys_nanosleep(bad, NULL));
}

test(sleep_is_interrupted)
{
	struct timespec req = { 10, 0 }, rem = { 0, 0 };
	struct itimerval it = { .it_value = { 0, 3000 } };

	handle(SIGALRM, count, SA_RESTART);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_err(sys_nanosleep(&req, &rem), EINTR);
	check_eq(hits, 1);
	check(rem.tv_sec == 9 || (rem.tv_sec == 10 && rem.tv_nsec == 0));
}

test(absolute_sleep)
{
	long long target = now_ns(CLOCK_MONOTONIC) + 4000000;
	struct timespec ts = { target / 1000000000, target % 1000000000 };

	check_ok(sys_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	check(now_ns(CLOCK_MONOTONIC) >= target);
	/* The past is over at once. */
	ts.tv_sec = 0;
	check_ok(sys_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	check_ok(sys_clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
}

test(alarm_fires_once)
{
	handle(SIGALRM, count, 0);
	check_eq(alarm(1), 0);
	pause();
	check_eq(hits, 1);
	check_eq(alarm(0), 0);
}

test(alarm_tells_what_was_left)
{
	check_eq(alarm(100), 0);
	check_eq(alarm(50), 100);
	check_eq(alarm(0), 50);
	check_eq(alarm(0), 0);
}

test(alarm_kills)
{
	struct itimerval it = { .it_value = { 0, 2000 } };
	pid_t pid;

	child(pid) {
		check_ok(setitimer(ITIMER_REAL, &it, NULL));
		for (;;)
			;
	}
	check_killed(pid, SIGALRM);
}

test(interval_repeats)
{
	struct itimerval it = { { 0, 2000 }, { 0, 2000 } };

	handle(SIGALRM, count, 0);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	while (hits < 5)
		pause();
	memset(&it, 0, sizeof(it));
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	hits = 0;
	usleep(8000);
	check_eq(hits, 0);
}

test(interval_is_told)
{
	struct itimerval it = { { 5, 250000 }, { 100, 0 } }, got;

	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_ok(getitimer(ITIMER_REAL, &got));
	check_eq(got.it_interval.tv_sec, 5);
	check_eq(got.it_interval.tv_usec, 250000);
	check(got.it_value.tv_sec == 99 || got.it_value.tv_sec == 100);
	memset(&it, 0, sizeof(it));
	check_ok(setitimer(ITIMER_REAL, &it, &got));
	check(got.it_value.tv_sec == 99 || got.it_value.tv_sec == 100);
	check_ok(getitimer(ITIMER_REAL, &got));
	check_eq(got.it_value.tv_sec | got.it_value.tv_usec, 0);
}

test(interval_errors)
{
	struct itimerval it = { .it_value = { 1, 1000000 } };

	check_err(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it.it_value.tv_usec = -1;
	check_err(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it.it_value.tv_usec = 0;
	check_err(setitimer(7, &it, NULL), EINVAL);
	check_err(getitimer(7, &it), EINVAL);
	check_err(getitimer(ITIMER_REAL, (void *)8), EFAULT);
}

test(cpu_time_timers)
{
	static const struct {
		int which, sig;
	} t[] = { { ITIMER_VIRTUAL, SIGVTALRM }, { ITIMER_PROF, SIGPROF } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct itimerval it = { .it_value = { 0, 10000 } };

		hits = 0;
		handle(t[i].sig, count, 0);
		check_ok(setitimer(t[i].which, &it, NULL));
		while (!hits)
			;
		check_eq(last, t[i].sig);
	}
}

test(cpu_clock_counts_work)
{
	long long before = now_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC), after;
	struct tms tms;

	while (now_ns(CLOCK_MONOTONIC) - wall < 30000000)
		;
	after = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	check(after > before);
	before = after;
	usleep(20000);
	after = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	check(after - before < 15000000);
	check((long)times(&tms) != -1);
}

test(many_sleepers)
{
	pid_t pid[16];

	for (int i = 0; i < 16; i++) {
		child(pid[i]) {
			long long t = now_ns(CLOCK_MONOTONIC);

			usleep(1000 * (16 - i));
			check(now_ns(CLOCK_MONOTONIC) - t >= 1000000LL * (16 - i));
		}
	}
	for (int i = 0; i < 16; i++)
		check_exit(pid[i], 0);
}

test(busy_processes_share)
{
	/* Four loops without a system call: all get on, on however few CPUs. */
	volatile long *n = (volatile long *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		child(pid[i]) {
			for (;;)
				n[i * 8]++;
		}
	}
	for (int i = 0; i < 4; i++)
		while (n[i * 8] < 10000)
			usleep(1000);
	for (int i = 0; i < 4; i++) {
		kill(pid[i], SIGKILL);
		check_killed(pid[i], SIGKILL);
	}
}
