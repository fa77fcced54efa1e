/*
 * Random system calls with random arguments, from several workers at once: every one answers, nothing panics, nothing
 * is lost (the harness runs mm_check() behind each case).  Seeded: `random` runs the same calls every time, in each
 * worker; how workers interleave is the machine's.
 *
 *   parent ── shared page: one counter a worker ──> worker: pick a call, count, call, repeat
 *     │ a counter that stands still for a second: kill it, start the next with another seed
 *     └ done when the counters' sum is there
 *
 * On Linux only calls that cannot hurt anybody are made, as nobody, and fewer of them.  On Quire all numbers are,
 * except those whose job is to end the machine or other processes.
 */
/* machine: smp=4 mem=512 slow */
#include "mm.h"
#include <sys/resource.h>
#include <sys/time.h>

#define WORKERS	4
#define CALLS_ON_QUIRE	200000
#define CALLS_ON_LINUX	8000
#define ZONE	64		/* pages that arguments like to point to */

#define at(n)	((char *)ARENA + (n) * PAGE)

/* ---- which calls ---- */

/* Cannot hurt on Linux, whatever the arguments, without privileges and with only harmless descriptors. */
static const short harmless[] = {
	SYS_read, SYS_write, SYS_close, SYS_fstat, SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_pipe,
	SYS_sched_yield, SYS_mremap, SYS_msync, SYS_mincore, SYS_madvise, SYS_dup, SYS_dup2, SYS_getitimer,
	SYS_getpid, SYS_uname, SYS_fcntl, SYS_getcwd, SYS_gettimeofday, SYS_getrlimit, SYS_getrusage, SYS_times,
	SYS_getuid, SYS_getppid, SYS_getpgrp, SYS_rt_sigpending, SYS_sigaltstack, SYS_mlock, SYS_munlock,
	SYS_munlockall, SYS_gettid, SYS_futex, SYS_sched_getaffinity, SYS_set_tid_address, SYS_clock_gettime,
	SYS_clock_getres, SYS_set_robust_list, SYS_get_robust_list, SYS_pipe2, SYS_dup3, SYS_preadv, SYS_pwritev,
	SYS_getcpu, SYS_getrandom, SYS_mlock2, SYS_pkey_mprotect, SYS_mseal, SYS_process_madvise, SYS_stat,
	SYS_lstat, SYS_access, SYS_readlink, SYS_getdents64, SYS_poll, SYS_rt_sigreturn, SYS_arch_prctl,
};

/* Never made: they end the machine, other processes, or only the worker. */
static int excluded(long nr)
{
	switch (nr) {
	case SYS_reboot: case SYS_exit: case SYS_exit_group:
	case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
	case 424 /* pidfd_send_signal */:
	case SYS_settimeofday: case SYS_clock_settime: case SYS_adjtimex: case SYS_clock_adjtime:
	case SYS_mount: case SYS_umount2: case SYS_pivot_root: case SYS_chroot: case SYS_swapon: case SYS_swapoff:
	case SYS_setrlimit: case SYS_prlimit64: case SYS_ptrace: case SYS_kexec_load: case SYS_setpriority:
	case SYS_sched_setscheduler: case SYS_sched_setparam: case SYS_sched_setattr:
		return 1;
	}
	return 0;
}

/* ---- arguments ---- */

static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const char *const path[] = {
	"", "/", ".", "..", "/tmp", "a", "b", "c", "a/b", "/none", "/dev/null", "/dev/zero", "/dev/full",
	"/proc/self/maps", "/proc/self/smaps", "/proc/self/status", "/proc/self/pagemap", "/proc/self/exe",
	"/proc/self/fd/0", "/proc/self/mm/vmas", "/proc/meminfo", "/proc", "/dev", "//tmp//", "a/../b/./c",
};

static unsigned long number(void)
{
	static const unsigned long edge[] = {
		0, 1, 2, 3, 4, 7, 8, 15, 16, 100, 255, 256, 4095, 4096, 4097, 8192, 65536, 1UL << 20, 1UL << 21,
		1UL << 30, 1UL << 31, (1UL << 31) - 1, 1UL << 32, 1UL << 46, (1UL << 47) - 4096, 1UL << 47,
		1UL << 62, 1UL << 63, (1UL << 63) - 1, -1UL, -2UL, -4096UL, -22UL,
	};

	return edge[rnd() % ARRAY_SIZE(edge)];
}

static unsigned long address(void)
{
	switch (rnd() % 16) {
	case 0:
		return 0;
	case 1:
		return (unsigned long)at(ZONE) - rnd() % 64;		/* runs into nothing */
	case 2:
		return 0xffffffff80000000 + rnd() % (16 << 20);
	case 3:
		return 0xffff800000000000 + (rnd() & 0xffffffffff);
	case 4:
		return rnd();
	case 5:
		return rnd() & 0x7fffffffffff;
	case 6:
		return (unsigned long)path[rnd() % ARRAY_SIZE(path)];
	case 7:
		return (unsigned long)at(rnd() % ZONE) + rnd() % PAGE;
	default:
		return (unsigned long)at(rnd() % ZONE);
	}
}

static unsigned long argument(void)
{
	switch (rnd() % 8) {
	case 0:
		return rnd() % 8;				/* a descriptor, a flag, a command */
	case 1:
		return number();
	case 2:
		return (1 + rnd() % 16) * PAGE;			/* a size */
	case 3:
		return 1UL << rnd() % 64 | 1UL << rnd() % 8;	/* flags */
	case 4:
		return (unsigned long)path[rnd() % ARRAY_SIZE(path)];
	default:
		return address();
	}
}

/* ---- workers ---- */

static volatile unsigned long *counters;

static void nothing(int sig)
{
	(void)sig;
}

/* What a worker starts with; and again now and then, since its calls take it away. */
static void provide(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct itimerval it = { { 0, 20000 }, { 0, 20000 } };
	sigset_t none;

	/* Calls that wait are interrupted. */
	syscall(SYS_mmap, at(0), ZONE * PAGE, RW, ANON | MAP_FIXED, -1, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

static void reopen(void)
{
	int fd[2];

	for (int i = 0; i < 16; i++)
		close(i);
	open("/dev/null", O_RDWR);
	open("/dev/zero", O_RDWR);
	open("/proc/self/maps", O_RDONLY);
	open("a", O_RDWR | O_CREAT, 0600);
	open(".", O_RDONLY);
	if (!pipe2(fd, O_NONBLOCK))
		dup(fd[0]);
}

static void confine(int w)
{
	struct rlimit as = { 96 << 20, 96 << 20 }, file = { 1 << 20, 1 << 20 };
	char dir[64];

	setsid();
	snprintf(dir, sizeof(dir), "/tmp/quire-random-%d", w);
	mkdir("/tmp", 01777);
	mkdir(dir, 0777);
	chmod(dir, 0777);
	if (chdir(dir))
		_exit(1);
	setrlimit(RLIMIT_AS, &as);
	setrlimit(RLIMIT_FSIZE, &file);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (int fd = 0; fd < 256; fd++)
		close(fd);
	if (!on_quire() && setuid(65534))
		_exit(1);
}

static long pick(void)
{
	if (!on_quire() || rnd() % 4 == 0)
		return harmless[rnd() % ARRAY_SIZE(harmless)];
	if (rnd() % 64 == 0)
		return (long)argument();
	return rnd() % 472;
}

/* These nearly always end the worker: seldom enough that it gets somewhere. */
static int deadly(long nr)
{
	return (nr == SYS_rt_sigreturn || nr == SYS_arch_prctl || nr == SYS_execve) && rnd() % 32;
}

__attribute__((noreturn)) static void work(int w, uint64_t seed)
{
	pid_t me = getpid();

	state = seed * 0x9e3779b97f4a7c15 + 1;
	confine(w);
	for (unsigned long n = 0;; n++) {
		unsigned long a[6];
		long nr;

		if (n % 64 == 0)
			provide();
		if (n % 256 == 0)
			reopen();
		do {
			nr = pick();
		} while (excluded(nr & 0xffffffff) || deadly(nr));
		for (int i = 0; i < 6; i++)
			a[i] = argument();
		counters[w]++;
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		/* A fork or clone came back twice. */
		if (syscall(SYS_getpid) != me || syscall(SYS_gettid) != me)
			for (;;)
				syscall(SYS_exit_group, 0);
	}
}

static pid_t start(int w, uint64_t seed)
{
	pid_t pid;

	child(pid) {
		work(w, seed);
	}
	return pid;
}

static unsigned long sum(void)
{
	unsigned long n = 0;

	for (int w = 0; w < WORKERS; w++)
		n += counters[w];
	return n;
}

static void run(uint64_t seed, unsigned long calls)
{
	unsigned long last[WORKERS] = { 0 };
	int still[WORKERS] = { 0 }, restarts = 0;
	pid_t pid[WORKERS];

	counters = (volatile unsigned long *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	for (int w = 0; w < WORKERS; w++)
		pid[w] = start(w, seed + w);
	while (sum() < calls) {
		usleep(10000);
		for (int w = 0; w < WORKERS; w++) {
			still[w] = counters[w] == last[w] ? still[w] + 1 : 0;
			last[w] = counters[w];
			if (still[w] >= 100)
				kill(pid[w], SIGKILL);
			if (waitpid(pid[w], NULL, WNOHANG) == pid[w]) {
				kill(-pid[w], SIGKILL);
				pid[w] = start(w, seed + 1000 + 10 * restarts++ + w);
				still[w] = 0;
			}
		}
	}
	for (int w = 0; w < WORKERS; w++) {
		kill(-pid[w], SIGKILL);
		kill(pid[w], SIGKILL);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	note("%lu calls, %d workers ended and were replaced", sum(), restarts);
}

static void clean(void)
{
	for (int w = 0; w < WORKERS; w++) {
		char name[64];

		for (const char *f = "abc"; *f; f++) {
			snprintf(name, sizeof(name), "/tmp/quire-random-%d/%c", w, *f);
			unlink(name);
			rmdir(name);
		}
		snprintf(name, sizeof(name), "/tmp/quire-random-%d", w);
		rmdir(name);
	}
}

slow_test(random_calls, 1200)
{
	need_root();
	run(1, on_quire() ? CALLS_ON_QUIRE : CALLS_ON_LINUX);
	clean();
}

slow_test(machine_still_works, 120)
{
	char *p = arena(0, 64);
	pid_t pid;
	int fd[2];

	fill(p, 64, 1);
	check_ok(pipe(fd));
	child(pid) {
		check_fill(p, 64, 1);
		check_eq(write(fd[1], "ok", 2), 2);
	}
	check_exit(pid, 0);
	check_fill(p, 64, 1);
	close(check_ok(open("/proc/self/maps", O_RDONLY)));
	check(meminfo_kb("MemFree") > 0);
}
