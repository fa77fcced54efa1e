/*
 * Guard regions: MADV_GUARD_INSTALL and MADV_GUARD_REMOVE.  What survives, what removes them, how an access
 * ends, on which mappings they are refused.  The anonymous state behind them is lazy.c's subject.
 */
#include "mm.h"
#include <sys/utsname.h>

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)

static int install(char *p, size_t pages)
{
	return sys_madvise(p, pages * PAGE, MADV_GUARD_INSTALL);
}

static int guard_remove(char *p, size_t pages)
{
	return sys_madvise(p, pages * PAGE, MADV_GUARD_REMOVE);
}

/* Skip where the kernel has none (Linux before 6.13; files and shared memory: 6.15). */
static void need_guards(int minor_needed)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	if (!on_quire() && major * 100 + minor < 600 + minor_needed)
		skip("Linux has these guards since 6.%d", minor_needed);
}

/* Each page of [p, p + pages) is a guard. */
#define check_guards(p, pages) do {							\
	for (size_t i_ = 0; i_ < (size_t)(pages); i_++) {				\
		char *g_ = (p) + i_ * PAGE;						\
		check_maperr(fault_read(g_), g_);					\
		check_maperr(fault_write(g_ + 9), g_ + 9);				\
	}										\
} while (0)

test(install_on_touched)
{
	char *p = arena(0, 4);

	need_guards(13);
	fill(p, 4, 1);
	check_ok(install(p + PAGE, 2));
	check_eq(p[0], 1);
	check_eq(p[3 * PAGE], 4);
	check_guards(p + PAGE, 2);
	check_eq(present_count(p, 4), 2);
	check_map(p, 4, "rw-p");
}

test(install_on_untouched)
{
	char *p = arena(0, 4);

	need_guards(13);
	check_ok(install(p, 4));
	check_guards(p, 4);
	check_eq(present_count(p, 4), 0);
}

test(remove_gives_zeroes)
{
	char *p = arena(0, 4);

	need_guards(13);
	fill(p, 4, 1);
	check_ok(install(p, 2));
	check_ok(guard_remove(p, 4));
	check_zero(p, 2);
	check_fill(p + 2 * PAGE, 2, 3);
	fill(p, 4, 5);
	check_fill(p, 4, 5);
}

test(remove_part)
{
	char *p = arena(0, 6);

	need_guards(13);
	check_ok(install(p, 6));
	check_ok(guard_remove(p + 2 * PAGE, 2));
	check_guards(p, 2);
	fill(p + 2 * PAGE, 2, 1);
	check_guards(p + 4 * PAGE, 2);
}

test(remove_without_guards)
{
	char *p = arena(0, 4);

	need_guards(13);
	fill(p, 2, 1);
	check_ok(guard_remove(p, 4));
	check_fill(p, 2, 1);
	check_zero(p + 2 * PAGE, 2);
}

test(install_twice)
{
	char *p = arena(0, 4);

	need_guards(13);
	check_ok(install(p, 2));
	check_ok(install(p + PAGE, 3));
	check_guards(p, 4);
	check_ok(guard_remove(p, 4));
	check_zero(p, 4);
}

test(access_ends_in_maperr)
{
	char *p = arena(0, 1);
	int fd[2];

	need_guards(13);
	check_ok(install(p, 1));
	check_maperr(fault_read(p + 100), p + 100);
	check_maperr(fault_write(p + 4095), p + 4095);
	check_ok(pipe(fd));
	check_err(write(fd[1], p, 10), EFAULT);
	check_eq(write(fd[1], "x", 1), 1);
	check_err(read(fd[0], p, 1), EFAULT);
}

test(read_only_mapping)
{
	char *p = arena_prot(0, 2, PROT_READ);

	need_guards(13);
	check_ok(install(p, 1));
	check_maperr(fault_read(p), p);
	check_accerr(fault_write(p), p);
	check_accerr(fault_write(p + PAGE), p + PAGE);
	check_ok(guard_remove(p, 1));
	check_nofault(fault_read(p));
}

test(executable_page)
{
	char *p = arena_prot(0, 1, RWX);

	need_guards(13);
	p[0] = (char)0xc3;
	check_ok(install(p, 1));
	check_maperr(fault_exec(p), p);
}

test(kills_without_handler)
{
	char *p = arena(0, 1);
	pid_t pid;

	need_guards(13);
	check_ok(install(p, 1));
	child(pid) {
		*(volatile char *)p = 1;
	}
	check_killed(pid, SIGSEGV);
}

test(pagemap_tells)
{
	char *p = arena(0, 3);

	need_guards(15);
	fill(p, 3, 1);
	check_ok(install(p + PAGE, 1));
	check(!(pagemap(p) & PM_GUARD));
	check(pagemap(p + PAGE) & PM_GUARD);
	check(!(pagemap(p + PAGE) & PM_PRESENT));
	check_ok(guard_remove(p + PAGE, 1));
	check(!(pagemap(p + PAGE) & PM_GUARD));
}

test(survives_mprotect)
{
	char *p = arena(0, 4);

	need_guards(13);
	fill(p, 4, 1);
	check_ok(install(p + PAGE, 2));
	check_ok(sys_mprotect(p, 4 * PAGE, PROT_NONE));
	check_ok(sys_mprotect(p, 4 * PAGE, RW));
	check_guards(p + PAGE, 2);
	check_ok(sys_mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	check_maperr(fault_read(p + 2 * PAGE), p + 2 * PAGE);
	check_ok(sys_mprotect(p + 2 * PAGE, PAGE, RW));
	check_guards(p + PAGE, 2);
	check_eq(p[0], 1);
	check_eq(p[3 * PAGE], 4);
}

test(survives_advice)
{
	static const int advice[] = { MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_NORMAL };
	char *p = arena(0, 4);

	need_guards(13);
	fill(p, 4, 1);
	check_ok(install(p + PAGE, 2));
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++) {
		check_ok(sys_madvise(p, 4 * PAGE, advice[i]));
		check_guards(p + PAGE, 2);
	}
	p[0] = 1;
	p[3 * PAGE] = 4;
}

test(populate_stops)
{
	char *p = arena(0, 4);

	need_guards(13);
	check_ok(install(p + 2 * PAGE, 1));
	check_err(sys_madvise(p, 4 * PAGE, MADV_POPULATE_READ), EFAULT);
	check_err(sys_madvise(p, 4 * PAGE, MADV_POPULATE_WRITE), EFAULT);
	check_guards(p + 2 * PAGE, 1);
	check_ok(sys_madvise(p, 2 * PAGE, MADV_POPULATE_WRITE));
}

test(survives_split_and_merge)
{
	char *p = arena(0, 6);

	need_guards(13);
	check_ok(install(p + 2 * PAGE, 2));
	check_ok(sys_mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ));
	check_eq(map_count(p, 6 * PAGE), 2);
	check_maperr(fault_read(p + 2 * PAGE), p + 2 * PAGE);
	check_maperr(fault_read(p + 3 * PAGE), p + 3 * PAGE);
	check_ok(sys_mprotect(p + 3 * PAGE, 3 * PAGE, RW));
	check_guards(p + 2 * PAGE, 2);
	check_ok(sys_munmap(p, 3 * PAGE));
	check_guards(p + 3 * PAGE, 1);
	check_zero(p + 4 * PAGE, 2);
}

test(never_forbids_a_merge)
{
	/* Guards in any of the three: the middle mapped last joins them all. */
	for (int where = 0; where < 8; where++) {
		char *p = arena(100 * where, 1), *m = p + PAGE, *n = p + 2 * PAGE;

		need_guards(13);
		arena(100 * where + 2, 1);
		if (where & 1)
			check_ok(install(p, 1));
		if (where & 2)
			check_ok(install(n, 1));
		arena(100 * where + 1, 1);
		if (where & 4)
			check_ok(install(m, 1));
		if (on_quire() || !(where & 3) || where == 4)
			check_eq(map_count(p, 3 * PAGE), 1);
		if (where & 1)
			check_guards(p, 1);
		if (where & 2)
			check_guards(n, 1);
		if (where & 4)
			check_guards(m, 1);
	}
}

test(survives_fork)
{
	char *p = arena(0, 4);
	pid_t pid, inner;

	need_guards(13);
	fill(p, 4, 1);
	check_ok(install(p + PAGE, 2));
	child(pid) {
		check_eq(p[0], 1);
		check_guards(p + PAGE, 2);
		child(inner) {
			check_guards(p + PAGE, 2);
		}
		check_exit(inner, 0);
		check_ok(guard_remove(p, 4));
		check_zero(p + PAGE, 2);
	}
	check_exit(pid, 0);
	check_guards(p + PAGE, 2);
}

test(survives_fork_untouched)
{
	/* Nothing was ever faulted in: the tables must be copied all the same. */
	char *p = arena(0, 4);
	pid_t pid;

	need_guards(13);
	check_ok(install(p, 4));
	child(pid) {
		check_guards(p, 4);
	}
	check_exit(pid, 0);
	check_guards(p, 4);
}

test(gone_in_wiped_child)
{
	char *p = arena(0, 3);
	pid_t pid;

	need_guards(13);
	check_ok(sys_madvise(p, 3 * PAGE, MADV_WIPEONFORK));
	check_ok(install(p, 2));
	child(pid) {
		check_zero(p, 3);
		fill(p, 3, 1);
	}
	check_exit(pid, 0);
	check_guards(p, 2);
}

test(survives_move)
{
	char *p = arena(0, 6), *to = at(64);

	need_guards(13);
	fill(p, 6, 1);
	check_ok(install(p + 2 * PAGE, 2));
	check_eq(sys_mremap(p, 6 * PAGE, 6 * PAGE, FIX, to), to);
	check_fill(to, 2, 1);
	check_guards(to + 2 * PAGE, 2);
	check_fill(to + 4 * PAGE, 2, 5);
	check_eq(sys_mremap(to + 3 * PAGE, PAGE, PAGE, FIX, at(128)), at(128));
	check_guards(at(128), 1);
}

test(survives_move_untouched)
{
	char *p = arena(0, 4), *to = at(64);

	need_guards(13);
	check_ok(install(p, 4));
	check_eq(sys_mremap(p, 4 * PAGE, 4 * PAGE, FIX, to), to);
	check_guards(to, 4);
	p = arena(0, 4);
	check_zero(p, 4);
}

test(survives_dontunmap)
{
	char *p = arena(0, 4), *to = at(64);

	need_guards(13);
	check_ok(install(p, 2));
	check_eq(sys_mremap(p, 4 * PAGE, 4 * PAGE, FIX | MREMAP_DONTUNMAP, to), to);
	check_guards(to, 2);
	check_zero(p, 4);
}

test(survives_grow)
{
	char *p = arena(0, 4);

	need_guards(13);
	check_ok(install(p, 4));
	check_eq(sys_mremap(p, 4 * PAGE, 8 * PAGE, 0, NULL), p);
	check_guards(p, 4);
	check_zero(p + 4 * PAGE, 4);
}

test(gone_after_shrink)
{
	char *p = arena(0, 4);

	need_guards(13);
	check_ok(install(p, 4));
	check_eq(sys_mremap(p, 4 * PAGE, 2 * PAGE, 0, NULL), p);
	check_eq(sys_mremap(p, 2 * PAGE, 4 * PAGE, 0, NULL), p);
	check_guards(p, 2);
	check_zero(p + 2 * PAGE, 2);
}

test(gone_after_unmap_and_fixed)
{
	char *p = arena(0, 4);

	need_guards(13);
	check_ok(install(p, 4));
	check_ok(sys_munmap(p, 2 * PAGE));
	arena(0, 2);
	check_zero(p, 2);
	check_ok(sys_mmap(p + 2 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	check_zero(p, 4);
}

test(refused_on_locked)
{
	char *p = arena(0, 2);

	need_guards(13);
	check_ok(syscall(SYS_mlock, p, PAGE));
	check_err(install(p, 1), EINVAL);
	check_err(install(p, 2), EINVAL);
	p[0] = 1;
}

test(lock_over_guard)
{
	char *p = arena(0, 2);

	need_guards(13);
	check_ok(install(p, 1));
	check_err(syscall(SYS_mlock, p, 2 * PAGE), ENOMEM);
	check_guards(p, 1);
}

test(ranges)
{
	char *p = arena(0, 2);

	need_guards(13);
	check_err(sys_madvise(p + 1, PAGE, MADV_GUARD_INSTALL), EINVAL);
	check_err(sys_madvise(p, -PAGE, MADV_GUARD_INSTALL), EINVAL);
	check_ok(sys_madvise(p, 0, MADV_GUARD_INSTALL));
	check_err(install(at(1000), 1), ENOMEM);
	check_err(guard_remove(at(1000), 1), ENOMEM);
	check_zero(p, 2);
}

test(over_holes_and_several)
{
	need_guards(13);
	arena(0, 2);
	arena_prot(2, 2, PROT_READ);
	arena(5, 2);
	check_err(install(at(0), 7), ENOMEM);
	check_guards(at(0), 2);
	check_maperr(fault_read(at(2)), at(2));
	check_guards(at(5), 2);
	check_err(guard_remove(at(0), 7), ENOMEM);
	check_zero(at(0), 4);
	check_zero(at(5), 2);
}

test(shared_memory)
{
	char *p = check_ok(sys_mmap(at(0), 4 * PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	pid_t pid;

	need_guards(15);
	fill(p, 4, 1);
	check_ok(install(p + PAGE, 2));
	check_guards(p + PAGE, 2);
	child(pid) {
		check_guards(p + PAGE, 2);
		check_ok(guard_remove(p, 4));
		check_fill(p, 4, 1);
		p[PAGE] = 99;
	}
	check_exit(pid, 0);
	check_guards(p + PAGE, 2);
	check_ok(guard_remove(p, 4));
	check_eq(p[PAGE], 99);
	check_eq(p[2 * PAGE], 3);
}

test(private_file)
{
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap(at(0), 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	pid_t pid;

	need_guards(15);
	p[PAGE] = 'x';
	check_ok(install(p, 2));
	check_guards(p, 2);
	check_fill(p + 2 * PAGE, 2, 3);
	child(pid) {
		check_guards(p, 2);
	}
	check_exit(pid, 0);
	check_ok(guard_remove(p, 2));
	check_fill(p, 4, 1);
}

test(whole_tables)
{
	/* 6 MiB, unaligned at both ends: whole tables, partial ones, none where nothing was touched. */
	size_t pages = 1536;
	char *p = arena(100, pages);

	need_guards(13);
	p[700 * PAGE] = 1;
	check_ok(install(p, pages));
	for (size_t i = 0; i < pages; i += 61)
		check_guards(p + i * PAGE, 1);
	check_guards(p + (pages - 1) * PAGE, 1);
	check_ok(guard_remove(p + 500 * PAGE, 600));
	check_guards(p + 499 * PAGE, 1);
	check_eq(p[500 * PAGE] + p[700 * PAGE] + p[1099 * PAGE], 0);
	check_guards(p + 1100 * PAGE, 1);
	check_ok(guard_remove(p, pages));
	for (size_t i = 0; i < pages; i += 61)
		p[i * PAGE] = 1;
}

test(whole_tables_fork_move_protect)
{
	size_t pages = 1024;
	char *p = arena(0, pages), *to = at(8192);
	pid_t pid;

	need_guards(13);
	check_ok(install(p, pages));
	child(pid) {
		check_guards(p + 511 * PAGE, 2);
		check_ok(sys_madvise(p + 600 * PAGE, PAGE, MADV_DONTNEED));
		check_guards(p + 600 * PAGE, 1);
	}
	check_exit(pid, 0);
	check_ok(sys_mprotect(p + 100 * PAGE, PAGE, PROT_READ));
	check_ok(sys_mprotect(p + 100 * PAGE, PAGE, RW));
	check_guards(p + 99 * PAGE, 3);
	check_eq(sys_mremap(p, pages * PAGE, pages * PAGE, FIX, to), to);
	check_guards(to, 1);
	check_guards(to + 1023 * PAGE, 1);
	check_ok(sys_munmap(to + 10 * PAGE, PAGE));
	check_maperr(fault_read(to + 10 * PAGE), to + 10 * PAGE);
	check_guards(to + 11 * PAGE, 1);
	check_eq(sys_mremap(to + 11 * PAGE, 1000 * PAGE, 1000 * PAGE, FIX, p + 13 * PAGE), p + 13 * PAGE);
	check_guards(p + 13 * PAGE, 1);
	check_guards(p + 1012 * PAGE, 1);
}

test(stack_of_a_thread)
{
	/* The use they were made for: one mapping, a guard below each stack. */
	char *p = arena(0, 64);

	need_guards(13);
	for (int i = 0; i < 64; i += 8)
		check_ok(install(p + i * PAGE, 1));
	check_map(p, 64, "rw-p");
	for (int i = 0; i < 64; i += 8) {
		check_guards(p + i * PAGE, 1);
		fill(p + (i + 1) * PAGE, 7, i);
	}
}
