/* madvise except guards: DONTNEED, FREE, POPULATE, fork advice, hints, errors and their order. */
#include "mm.h"

#define at(n)	((char *)ARENA + (n) * PAGE)

test(dontneed_zeroes)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	check_eq(present_count(p, 4), 2);
	check_eq(p[0], 1);
	check_zero(p + PAGE, 2);
	check_eq(p[3 * PAGE], 4);
}

test(dontneed_file_shows_the_file)
{
	int fd = temp_file(2 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0));

	fill(p, 2, 50);
	check_ok(sys_madvise(p, 2 * PAGE, MADV_DONTNEED));
	check_fill(p, 2, 1);
}

test(dontneed_shared_keeps)
{
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, SHANON, -1, 0));

	fill(p, 2, 1);
	check_ok(sys_madvise(p, 2 * PAGE, MADV_DONTNEED));
	check_eq(present_count(p, 2), 0);
	check_fill(p, 2, 1);
}

test(dontneed_other_process_keeps)
{
	char *p = anon(2);
	pid_t pid;

	fill(p, 2, 1);
	child(pid) {
		check_ok(sys_madvise(p, 2 * PAGE, MADV_DONTNEED));
		check_zero(p, 2);
	}
	check_exit(pid, 0);
	check_fill(p, 2, 1);
}

test(dontneed_locked)
{
	char *p = arena(0, 2);

	fill(p, 2, 1);
	check_ok(syscall(SYS_mlock, p, PAGE));
	check_err(sys_madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	check_eq(p[0], 1);
}

test(dontneed_over_hole)
{
	/* Everything mapped is done, and the hole is still told. */
	char *p = arena(0, 2);

	arena(3, 1);
	fill(p, 2, 1);
	fill(at(3), 1, 9);
	check_err(sys_madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	check_zero(p, 2);
	check_zero(at(3), 1);
}

test(dontneed_gives_memory_back)
{
	char *p = arena(0, 256);
	long before = status_kb("RssAnon");

	fill(p, 256, 1);
	check_ok(sys_madvise(p, 256 * PAGE, MADV_DONTNEED));
	check(status_kb("RssAnon") <= before + 100);
}

test(dontneed_read_only_mapping)
{
	char *p = arena(0, 1);

	p[0] = 1;
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_ok(sys_madvise(p, PAGE, MADV_DONTNEED));
	check_eq(p[0], 0);
}

test(free_keeps_or_zeroes)
{
	/* Without memory pressure the contents may stay; a write cancels the advice. */
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_madvise(p, 4 * PAGE, MADV_FREE));
	for (int i = 0; i < 4; i++)
		check(p[i * PAGE] == i + 1 || p[i * PAGE] == 0);
	fill(p, 4, 7);
	check_fill(p, 4, 7);
}

test(free_refusals)
{
	int fd = temp_file(PAGE);
	char *f = check_ok(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	char *s = check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	char *l = arena(0, 1);

	check_err(sys_madvise(f, PAGE, MADV_FREE), EINVAL);
	check_err(sys_madvise(s, PAGE, MADV_FREE), EINVAL);
	check_ok(syscall(SYS_mlock, l, PAGE));
	check_err(sys_madvise(l, PAGE, MADV_FREE), EINVAL);
}

test(populate_read)
{
	char *p = arena(0, 8);

	check_ok(sys_madvise(p, 8 * PAGE, MADV_POPULATE_READ));
	check_eq(present_count(p, 8), 8);
	check(geteuid() || (pagemap(p) & PM_PFN) == (pagemap(p + PAGE) & PM_PFN));
	check_zero(p, 8);
}

test(populate_write)
{
	char *p = arena(0, 8);

	check_ok(sys_madvise(p, 8 * PAGE, MADV_POPULATE_WRITE));
	check_eq(present_count(p, 8), 8);
	check(geteuid() || (pagemap(p) & PM_PFN) != (pagemap(p + PAGE) & PM_PFN));
	check_zero(p, 8);
	fill(p, 8, 1);
	check_ok(sys_madvise(p, 8 * PAGE, MADV_POPULATE_WRITE));
	check_ok(sys_madvise(p, 8 * PAGE, MADV_POPULATE_READ));
	check_fill(p, 8, 1);
}

test(populate_errors)
{
	int fd = temp_file(PAGE);
	char *f = check_ok(sys_mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0));

	arena_prot(0, 1, PROT_READ);
	arena_prot(1, 1, PROT_NONE);
	check_err(sys_madvise(at(0), PAGE, MADV_POPULATE_WRITE), EINVAL);
	check_err(sys_madvise(at(1), PAGE, MADV_POPULATE_READ), EINVAL);
	check_err(sys_madvise(at(1), PAGE, MADV_POPULATE_WRITE), EINVAL);
	check_err(sys_madvise(at(2), PAGE, MADV_POPULATE_READ), ENOMEM);
	check_err(sys_madvise(f, 2 * PAGE, MADV_POPULATE_READ), EFAULT);
}

test(populate_breaks_cow)
{
	char *p = anon(1);
	pid_t pid;

	p[0] = 1;
	child(pid) {
		uint64_t before = pagemap(p) & PM_PFN;

		check_ok(sys_madvise(p, PAGE, MADV_POPULATE_WRITE));
		check(geteuid() || (pagemap(p) & PM_PFN) != before);
		check_eq(p[0], 1);
	}
	check_exit(pid, 0);
}

test(dontfork)
{
	char *p = arena(0, 3);
	pid_t pid;

	fill(p, 3, 1);
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_DONTFORK));
	check_eq(map_count(p, 3 * PAGE), 3);
	check(smaps_flag(p + PAGE, "dc"));
	child(pid) {
		check_eq(p[0], 1);
		check_maperr(fault_read(p + PAGE), p + PAGE);
		check_unmapped(p + PAGE);
		check_eq(p[2 * PAGE], 3);
	}
	check_exit(pid, 0);
	check_fill(p, 3, 1);
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_DOFORK));
	check_map(p, 3, "rw-p");
	child(pid) {
		check_fill(p, 3, 1);
	}
	check_exit(pid, 0);
}

test(wipeonfork)
{
	char *p = arena(0, 3);
	pid_t pid, inner;

	fill(p, 3, 1);
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_WIPEONFORK));
	check(smaps_flag(p + PAGE, "wf"));
	child(pid) {
		check_eq(p[0], 1);
		check_zero(p + PAGE, 1);
		check_eq(p[2 * PAGE], 3);
		/* It is inherited. */
		p[PAGE] = 5;
		child(inner) {
			check_eq(p[PAGE], 0);
		}
		check_exit(inner, 0);
		check_eq(p[PAGE], 5);
	}
	check_exit(pid, 0);
	check_fill(p, 3, 1);
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_KEEPONFORK));
	check_map(p, 3, "rw-p");
	child(pid) {
		check_fill(p, 3, 1);
	}
	check_exit(pid, 0);
}

test(wipeonfork_refusals)
{
	int fd = temp_file(PAGE);
	char *f = check_ok(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	char *s = check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));

	check_err(sys_madvise(f, PAGE, MADV_WIPEONFORK), EINVAL);
	check_err(sys_madvise(s, PAGE, MADV_WIPEONFORK), EINVAL);
}

test(hints_are_accepted)
{
	static const int hint[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
				    MADV_COLD, MADV_PAGEOUT };
	char *p = arena(0, 4);

	for (size_t i = 0; i < ARRAY_SIZE(hint); i++) {
		fill(p, 4, 1);
		/* WILLNEED of memory without a file means nothing where there is no swap. */
		if (sys_madvise(p, 4 * PAGE, hint[i]) && hint[i] != MADV_WILLNEED)
			fail("advice %d got %s", hint[i], errname(errno));
		check_fill(p, 4, 1);
	}
}

test(read_hints_split_and_merge)
{
	char *p = arena(0, 4);

	check_ok(sys_madvise(p + PAGE, PAGE, MADV_RANDOM));
	check(smaps_flag(p + PAGE, "rr"));
	check_eq(map_count(p, 4 * PAGE), 3);
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_SEQUENTIAL));
	check(smaps_flag(p + PAGE, "sr"));
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_NORMAL));
	check_map(p, 4, "rw-p");
}

test(dontdump)
{
	char *p = arena(0, 3);

	check_ok(sys_madvise(p + PAGE, PAGE, MADV_DONTDUMP));
	check(smaps_flag(p + PAGE, "dd"));
	check_ok(sys_madvise(p + PAGE, PAGE, MADV_DODUMP));
	check_map(p, 3, "rw-p");
}

test(unknown_advice)
{
	char *p = arena(0, 1);

	check_err(sys_madvise(p, PAGE, 5), EINVAL);
	check_err(sys_madvise(p, PAGE, 12345), EINVAL);
	check_err(sys_madvise(p, PAGE, -1), EINVAL);
	/* The advice is looked at before anything else, even for nothing. */
	check_err(sys_madvise(p, 0, 12345), EINVAL);
}

test(ranges)
{
	char *p = arena(0, 2);

	check_err(sys_madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	check_ok(sys_madvise(p, 0, MADV_DONTNEED));
	check_ok(sys_madvise((void *)(ARENA + 4096 * PAGE), 0, MADV_DONTNEED));
	check_err(sys_madvise(p, -PAGE, MADV_DONTNEED), EINVAL);
	check_err(sys_madvise(p, ~0UL, MADV_DONTNEED), EINVAL);
	check_err(sys_madvise((void *)(ARENA + 4096 * PAGE), PAGE, MADV_DONTNEED), ENOMEM);
	check_err(sys_madvise((void *)(ARENA + 4096 * PAGE), PAGE, MADV_NORMAL), ENOMEM);
	fill(p, 2, 1);
	check_ok(sys_madvise(p, PAGE + 1, MADV_DONTNEED));
	check_zero(p, 2);
}

test(across_tables)
{
	char *edge = at(512), *p = edge - 8 * PAGE;

	check_eq(sys_mmap(p, 16 * PAGE, RW, ANON | MAP_FIXED, -1, 0), p);
	fill(p, 16, 1);
	check_ok(sys_madvise(edge - 2 * PAGE, 4 * PAGE, MADV_DONTNEED));
	check_fill(p, 6, 1);
	check_zero(edge - 2 * PAGE, 4);
	check_fill(edge + 2 * PAGE, 6, 11);
}

test(huge_empty_range)
{
	char *p = check_ok(sys_mmap(at(0), 1UL << 42, RW, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0));

	p[1UL << 41] = 1;
	check_ok(sys_madvise(p, 1UL << 42, MADV_DONTNEED));
	check_eq(p[1UL << 41], 0);
}

test(collapse_is_optional)
{
	/* Accepted or refused cleanly; never harmful. */
	char *p = arena(0, 1024);

	fill(p, 1024, 3);
	if (sys_madvise(p, 1024 * PAGE, MADV_COLLAPSE))
		check(errno == EINVAL || errno == ENOMEM || errno == EAGAIN || errno == EBUSY);
	check_fill(p, 1024, 3);
}
