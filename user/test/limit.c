/* What a process may have: RLIMIT_AS, DATA, STACK, max_map_count, and the three modes of overcommit. */
#include "mm.h"
#include <sys/resource.h>

#define OVERCOMMIT	"/proc/sys/vm/overcommit_memory"
#define RATIO		"/proc/sys/vm/overcommit_ratio"
#define MAP_COUNT	"/proc/sys/vm/max_map_count"

static void limit(int what, long bytes)
{
	struct rlimit rl = { bytes, bytes };

	check_ok(setrlimit(what, &rl));
}

test(address_space)
{
	char *p = arena(0, 4);

	limit(RLIMIT_AS, status_kb("VmSize") * 1024 + 100 * PAGE);
	check_ok(sys_mmap(NULL, 50 * PAGE, PROT_NONE, ANON, -1, 0));
	check_err(sys_mmap(NULL, 60 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	check_err(sys_mremap(p, 4 * PAGE, 70 * PAGE, MREMAP_MAYMOVE, NULL), ENOMEM);
	check_ok(sys_mremap(p, 4 * PAGE, 10 * PAGE, MREMAP_MAYMOVE, NULL));
}

test(address_space_replaced_does_not_count)
{
	char *p = arena(0, 50);

	limit(RLIMIT_AS, status_kb("VmSize") * 1024 + 10 * PAGE);
	check_eq(sys_mmap(p, 50 * PAGE, RW, ANON | MAP_FIXED, -1, 0), p);
	check_err(sys_mmap(p, 70 * PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_map(p, 50, "rw-p");
}

test(address_space_of_a_fork)
{
	pid_t pid;

	limit(RLIMIT_AS, status_kb("VmSize") * 1024 + 10 * PAGE);
	child(pid) {
		check_err(sys_mmap(NULL, 20 * PAGE, PROT_NONE, ANON, -1, 0), ENOMEM);
	}
	check_exit(pid, 0);
}

test(data)
{
	/* Private writable memory, and none else. */
	limit(RLIMIT_DATA, status_kb("VmData") * 1024 + 20 * PAGE);
	check_err(sys_mmap(NULL, 30 * PAGE, RW, ANON, -1, 0), ENOMEM);
	check_ok(sys_mmap(NULL, 30 * PAGE, PROT_READ, ANON, -1, 0));
	check_ok(sys_mmap(NULL, 30 * PAGE, RW, SHANON, -1, 0));
	check_ok(sys_mmap(NULL, 10 * PAGE, RW, ANON, -1, 0));
}

test(data_by_mprotect)
{
	char *p = arena_prot(0, 40, PROT_READ);

	limit(RLIMIT_DATA, status_kb("VmData") * 1024 + 20 * PAGE);
	check_err(sys_mprotect(p, 40 * PAGE, RW), ENOMEM);
	check_map(p, 40, "r--p");
	check_ok(sys_mprotect(p, 10 * PAGE, RW));
}

test(stack_by_limit)
{
	/* A growing mapping ends where the limit says. */
	char *p;
	int reached = 0;

	limit(RLIMIT_STACK, 64 * PAGE);
	p = check_ok(sys_mmap((void *)(ARENA + 4096 * PAGE), PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	while (!fault_write(p - (reached + 1) * PAGE).signo)
		reached++;
	check_eq(reached, 63);
}

test(map_count)
{
	long max = sysctl_get(MAP_COUNT), n;
	char *p;
	pid_t pid;

	need_root();
	check(max > 0);
	child(pid) {
		/* Lowered, so that the test is short. */
		if (sysctl_set(MAP_COUNT, 500))
			_exit(KTAP_SKIPPED);
		p = arena(0, 2000);
		for (n = 0; n < 1000; n++)
			if (sys_mprotect(p + (2 * n + 1) * PAGE, PAGE, PROT_READ))
				break;
		sysctl_set(MAP_COUNT, max);
		check_eq(errno, ENOMEM);
		check(n > 200 && n < 250);
		check_eq(map_count(p, 2000 * PAGE), 2 * n + 1);
		check(map_total() <= 501);
	}
	n = reap(pid);
	sysctl_set(MAP_COUNT, max);
	check_eq(n, 0);
}

test(map_count_of_every_call)
{
	long max = sysctl_get(MAP_COUNT);
	char *p = arena(0, 4000);
	int n = 0;

	need_root();
	check_ok(sysctl_set(MAP_COUNT, 300));
	while (!sys_mprotect(p + (2 * n + 1) * PAGE, PAGE, PROT_READ))
		n++;
	/* At the limit: nothing that needs another mapping, everything that does not. */
	errno = 0;
	int map = sys_mmap((void *)(ARENA + (1UL << 30)), PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) == MAP_FAILED ?
		  errno : 0;
	int map2 = sys_mmap((void *)(ARENA + (2UL << 30)), PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED ?
		   errno : 0;
	int unmap_middle = sys_munmap(p + 3001 * PAGE, PAGE) ? errno : 0;
	int lock = syscall(SYS_mlock, p + 3005 * PAGE, PAGE) ? errno : 0;
	int advise = sys_madvise(p + 3005 * PAGE, PAGE, MADV_DONTFORK) ? errno : 0;
	int whole = sys_munmap(p + PAGE, PAGE) ? errno : 0;

	check_ok(sysctl_set(MAP_COUNT, max));
	check(map == ENOMEM || map2 == ENOMEM);
	check_eq(unmap_middle, ENOMEM);
	check_eq(lock, ENOMEM);
	check_eq(advise, EAGAIN);		/* that is how madvise says it */
	check_eq(whole, 0);
	check_map(p, 1, "rw-p");
}

/* Run FN with overcommit mode MODE and put things back whatever happens. */
static void with_overcommit(int mode, int ratio, void (*fn)(void))
{
	long old = sysctl_get(OVERCOMMIT), old_ratio = sysctl_get(RATIO);
	int status;
	pid_t pid;

	need_root();
	check(old >= 0);
	check_ok(sysctl_set(RATIO, ratio));
	check_ok(sysctl_set(OVERCOMMIT, mode));
	child(pid) {
		fn();
	}
	status = reap(pid);
	check_ok(sysctl_set(OVERCOMMIT, old));
	check_ok(sysctl_set(RATIO, old_ratio));
	check_eq(status, 0);
}

static void guess(void)
{
	size_t total = meminfo_kb("MemTotal") * 1024;
	char *p;

	/* A single request beyond all memory is refused; many smaller ones are not. */
	check_err(sys_mmap(NULL, total * 2, RW, ANON, -1, 0), ENOMEM);
	check_ok(sys_mmap(NULL, total * 2, RW, ANON | MAP_NORESERVE, -1, 0));
	check_ok(sys_mmap(NULL, total * 2, PROT_READ, ANON, -1, 0));
	for (int i = 0; i < 8; i++)
		check_ok(sys_mmap(NULL, total / 2, RW, ANON, -1, 0));
	p = check_ok(sys_mmap(NULL, total / 2, RW, ANON, -1, 0));
	check_err(sys_mremap(p, total / 2, total * 2, MREMAP_MAYMOVE, NULL), ENOMEM);
}

test(overcommit_guess)
{
	with_overcommit(0, 50, guess);
}

static void always(void)
{
	size_t total = meminfo_kb("MemTotal") * 1024;

	check_ok(sys_mmap(NULL, total * 100, RW, ANON, -1, 0));
	check_ok(sys_mmap(NULL, total * 100, RW, ANON, -1, 0));
}

test(overcommit_always)
{
	with_overcommit(1, 50, always);
}

static void never(void)
{
	long limit_kb = meminfo_kb("CommitLimit"), used = meminfo_kb("Committed_AS"), total = meminfo_kb("MemTotal");
	size_t room = (limit_kb - used) * 1024;
	char *p;
	pid_t pid;

	/* Half of memory by the ratio given. */
	check(labs(limit_kb - total / 2) <= total / 100);
	check(limit_kb > used);
	check_err(sys_mmap(NULL, room + (64 << 20), RW, ANON, -1, 0), ENOMEM);
	/* NORESERVE does not help here; read-only and PROT_NONE mappings commit nothing. */
	check_err(sys_mmap(NULL, room + (64 << 20), RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	p = check_ok(sys_mmap(NULL, room + (64 << 20), PROT_NONE, ANON, -1, 0));
	check_err(sys_mprotect(p, room + (64 << 20), RW), ENOMEM);
	check_ok(sys_mmap(NULL, room + (64 << 20), PROT_READ, ANON, -1, 0));
	check_err(sys_mmap(NULL, room + (64 << 20), RW, SHANON, -1, 0), ENOMEM);
	/* What is taken counts until it is given back; a fork takes it again. */
	p = check_ok(sys_mmap(NULL, room / 8 * 5, RW, ANON, -1, 0));
	check_err(sys_mmap(NULL, room / 8 * 5, RW, ANON, -1, 0), ENOMEM);
	check_err(fork(), ENOMEM);
	check_ok(sys_munmap(p, room / 8 * 5));
	p = check_ok(sys_mmap(NULL, room / 8 * 5, RW, ANON, -1, 0));
	check_ok(sys_munmap(p, room / 8 * 5));
	child(pid) {
	}
	check_exit(pid, 0);
}

test(overcommit_never)
{
	with_overcommit(2, 50, never);
}

static void never_mprotect(void)
{
	long before = meminfo_kb("Committed_AS"), with;
	char *p = arena_prot(0, 20000, PROT_READ);

	with = meminfo_kb("Committed_AS");
	check(with - before < 40000);
	check_ok(sys_mprotect(p, 20000 * PAGE, RW));
	check(meminfo_kb("Committed_AS") - with > 70000);
	/* What was written to may not be forgotten: making it read-only gives nothing back. */
	p[0] = 1;
	check_ok(sys_mprotect(p, 20000 * PAGE, PROT_READ));
	check(meminfo_kb("Committed_AS") - with > 70000);
	check_ok(sys_munmap(p, 20000 * PAGE));
	check(meminfo_kb("Committed_AS") - before < 40000);
}

test(commitment_follows_mprotect)
{
	with_overcommit(2, 90, never_mprotect);
}

static void balance(void)
{
	long before = meminfo_kb("Committed_AS"), after;

	for (int i = 0; i < 50; i++) {
		char *p = arena(0, 1000);
		pid_t pid;

		check_ok(sys_mprotect(p + 100 * PAGE, 100 * PAGE, PROT_READ));
		check_ok(sys_munmap(p + 300 * PAGE, 100 * PAGE));
		check_ok(sys_mremap(p + 500 * PAGE, 500 * PAGE, 600 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				    (void *)(ARENA + (1UL << 30))));
		child(pid) {
		}
		check_exit(pid, 0);
		check_ok(sys_munmap(p, 1000 * PAGE));
		check_ok(sys_munmap((void *)(ARENA + (1UL << 30)), 600 * PAGE));
	}
	after = meminfo_kb("Committed_AS");
	/* Linux's counter is by CPU; a leak of one round would be 50 times 400 kB. */
	check(labs(after - before) < 12000);
}

test(commitment_balances)
{
	with_overcommit(0, 50, balance);
}
