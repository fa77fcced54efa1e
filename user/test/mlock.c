/* mlock, mlock2, munlock, mlockall, munlockall: populated, counted, split, limited. */
#include "mm.h"
#include <sys/resource.h>

#define at(n)	((char *)ARENA + (n) * PAGE)

static int sys_mlock(void *p, size_t len)
{
	return syscall(SYS_mlock, p, len);
}

static int sys_mlock2(void *p, size_t len, int flags)
{
	return syscall(SYS_mlock2, p, len, flags);
}

static int sys_munlock(void *p, size_t len)
{
	return syscall(SYS_munlock, p, len);
}

test(populates)
{
	char *p = arena(0, 4);

	check_ok(sys_mlock(p, 4 * PAGE));
	check_eq(present_count(p, 4), 4);
	check(smaps_flag(p, "lo"));
	check_eq(status_kb("VmLck"), 16);
	check_eq(smaps_kb(p, "Locked"), 16);
}

test(unlock)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_mlock(p, 4 * PAGE));
	check_ok(sys_munlock(p, 4 * PAGE));
	check(!smaps_flag(p, "lo"));
	check_eq(status_kb("VmLck"), 0);
	check_fill(p, 4, 1);
}

test(splits_and_merges)
{
	char *p = arena(0, 4);

	check_ok(sys_mlock(p + PAGE, PAGE));
	check_eq(map_count(p, 4 * PAGE), 3);
	check_eq(status_kb("VmLck"), 4);
	check_ok(sys_mlock(p, 4 * PAGE));
	check_map(p, 4, "rw-p");
	check_ok(sys_munlock(p + 2 * PAGE, PAGE));
	check_eq(map_count(p, 4 * PAGE), 3);
	check_eq(status_kb("VmLck"), 12);
	check_ok(sys_munlock(p, 4 * PAGE));
	check_map(p, 4, "rw-p");
}

test(not_byte_exact)
{
	/* Start is rounded down, the end up. */
	char *p = arena(0, 3);

	check_ok(sys_mlock(p + PAGE + 100, 10));
	check_map(p + PAGE, 1, "rw-p");
	check_ok(sys_munlock(p + PAGE + 100, 10));
	check_ok(sys_mlock(p + PAGE - 1, 2));
	check_eq(status_kb("VmLck"), 8);
}

test(twice_counts_once)
{
	char *p = arena(0, 4);

	check_ok(sys_mlock(p, 4 * PAGE));
	check_ok(sys_mlock(p + PAGE, 2 * PAGE));
	check_eq(status_kb("VmLck"), 16);
	check_ok(sys_munlock(p, 4 * PAGE));
	check_eq(status_kb("VmLck"), 0);
}

test(errors)
{
	check_err(sys_mlock(at(0), PAGE), ENOMEM);
	check_err(sys_munlock(at(0), PAGE), ENOMEM);
	check_ok(sys_mlock(at(0), 0));
	check_ok(sys_munlock(at(0), 0));
	check_err(sys_mlock(at(0), -PAGE - ARENA), ENOMEM);
	check_err(sys_mlock2(at(0), PAGE, 2), EINVAL);
}

test(hole)
{
	arena(0, 2);
	arena(3, 1);
	check_err(sys_mlock(at(0), 4 * PAGE), ENOMEM);
	check(smaps_flag(at(0), "lo"));
	check(!smaps_flag(at(3), "lo"));
}

test(no_access)
{
	/* Locked, but it cannot be populated. */
	char *p = arena_prot(0, 2, PROT_NONE);

	check_err(sys_mlock(p, 2 * PAGE), ENOMEM);
	check(smaps_flag(p, "lo"));
}

test(read_only_gets_zero_pages)
{
	char *p = arena_prot(0, 4, PROT_READ);

	check_ok(sys_mlock(p, 4 * PAGE));
	check_eq(present_count(p, 4), 4);
}

test(onfault)
{
	char *p = arena(0, 4);

	check_ok(sys_mlock2(p, 4 * PAGE, MLOCK_ONFAULT));
	check_eq(present_count(p, 4), 0);
	check(smaps_flag(p, "lo"));
	check_eq(status_kb("VmLck"), 16);
	p[0] = 1;
	check_eq(present_count(p, 4), 1);
	check_ok(sys_mlock(p, 4 * PAGE));
	check_eq(present_count(p, 4), 4);
}

test(breaks_cow)
{
	/* Locking a private writable page makes the copy now rather than at a bad time. */
	char *p = anon(1);
	pid_t pid;

	p[0] = 1;
	child(pid) {
		uint64_t before = pagemap(p) & PM_PFN;

		check_ok(sys_mlock(p, PAGE));
		check(geteuid() || (pagemap(p) & PM_PFN) != before);
		check_eq(p[0], 1);
	}
	check_exit(pid, 0);
}

test(not_inherited)
{
	char *p = arena(0, 4);
	pid_t pid;

	check_ok(sys_mlock(p, 4 * PAGE));
	child(pid) {
		check_eq(status_kb("VmLck"), 0);
		check(!smaps_flag(p, "lo"));
		check_ok(sys_munmap(p, 4 * PAGE));
	}
	check_exit(pid, 0);
	check_eq(status_kb("VmLck"), 16);
}

test(unmap_uncounts)
{
	char *p = arena(0, 4);

	check_ok(sys_mlock(p, 4 * PAGE));
	check_ok(sys_munmap(p + PAGE, 2 * PAGE));
	check_eq(status_kb("VmLck"), 8);
	check_ok(sys_mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	check_eq(status_kb("VmLck"), 4);
}

test(all_current)
{
	char *p = arena(0, 4);

	check_ok(mlockall(MCL_CURRENT));
	check_eq(present_count(p, 4), 4);
	check(status_kb("VmLck") > 16);
	arena(8, 4);
	check_eq(present_count(at(8), 4), 0);
	check_ok(munlockall());
	check_eq(status_kb("VmLck"), 0);
	check(!smaps_flag(p, "lo"));
}

test(all_future)
{
	pid_t pid;

	check_ok(mlockall(MCL_FUTURE));
	check_eq(status_kb("VmLck"), 0);
	arena(0, 4);
	check_eq(present_count(at(0), 4), 4);
	check_eq(status_kb("VmLck"), 16);
	child(pid) {
		arena(16, 4);
		check_eq(present_count(at(16), 4), 0);
	}
	check_exit(pid, 0);
	check_ok(munlockall());
	arena(32, 4);
	check_eq(present_count(at(32), 4), 0);
}

test(all_onfault)
{
	check_ok(mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
	arena(0, 4);
	check_eq(present_count(at(0), 4), 0);
	check(smaps_flag(at(0), "lo"));
	check_ok(munlockall());
}

test(all_errors)
{
	check_err(mlockall(0), EINVAL);
	check_err(mlockall(MCL_ONFAULT), EINVAL);
	check_err(mlockall(64), EINVAL);
}

test(limit)
{
	struct rlimit rl = { 4 * PAGE, 4 * PAGE };
	pid_t pid;

	need_root();
	check_ok(setrlimit(RLIMIT_MEMLOCK, &rl));
	child(pid) {
		char *p = arena(0, 8);

		check_ok(setuid(1000));
		check_ok(sys_mlock(p, 4 * PAGE));
		check_err(sys_mlock(p + 4 * PAGE, PAGE), ENOMEM);
		/* What is locked already does not count twice. */
		check_ok(sys_mlock(p, 4 * PAGE));
		check_ok(sys_munlock(p, PAGE));
		check_ok(sys_mlock(p + 4 * PAGE, PAGE));
		check_err(mlockall(MCL_CURRENT), ENOMEM);
	}
	check_exit(pid, 0);
	rl.rlim_cur = rl.rlim_max = 0;
	check_ok(setrlimit(RLIMIT_MEMLOCK, &rl));
	child(pid) {
		char *p = arena(0, 8);

		check_ok(setuid(1000));
		check_err(sys_mlock(p, PAGE), EPERM);
		check_ok(sys_munlock(p, PAGE));
	}
	check_exit(pid, 0);
}
