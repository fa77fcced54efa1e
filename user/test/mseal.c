/* mseal: a sealed range cannot be unmapped, moved, re-protected or emptied; what it holds can be used. */
#include "mm.h"
#include <sys/utsname.h>

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)

static void need_mseal(void)
{
	if (sys_mseal(at(0), 0, 0) && errno == ENOSYS && !on_quire())
		skip("Linux has mseal since 6.10");
}

static char *sealed(size_t page_nr, size_t pages)
{
	char *p = arena(page_nr, pages);

	need_mseal();
	fill(p, pages, 1);
	check_ok(sys_mseal(p, pages * PAGE, 0));
	return p;
}

test(still_usable)
{
	char *p = sealed(0, 4);

	check_fill(p, 4, 1);
	fill(p, 4, 9);
	check_fill(p, 4, 9);
	check(smaps_flag(p, "sl"));
}

test(munmap_refused)
{
	char *p = sealed(0, 4);

	check_err(sys_munmap(p, 4 * PAGE), EPERM);
	check_err(sys_munmap(p + PAGE, PAGE), EPERM);
	check_map(p, 4, "rw-p");
}

test(munmap_across_is_all_or_nothing)
{
	char *p;

	arena(0, 2);
	p = sealed(2, 2);
	arena(4, 2);
	check_err(sys_munmap(at(0), 6 * PAGE), EPERM);
	check_map(at(0), 2, "rw-p");
	check_map(p, 2, "rw-p");
	check_map(at(4), 2, "rw-p");
}

test(mprotect_refused)
{
	char *p = sealed(0, 4);

	check_err(sys_mprotect(p, 4 * PAGE, PROT_READ), EPERM);
	check_err(sys_mprotect(p + PAGE, PAGE, PROT_READ), EPERM);
	check_map(p, 4, "rw-p");
}

test(mmap_fixed_refused)
{
	char *p = sealed(0, 4);

	check_err(sys_mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0), EPERM);
	check_err(sys_mmap(p - PAGE, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0), EPERM);
	check_fill(p, 4, 1);
}

test(mremap_refused)
{
	char *p = sealed(0, 4);

	check_err(sys_mremap(p, 4 * PAGE, 4 * PAGE, FIX, at(64)), EPERM);
	check_err(sys_mremap(p, 4 * PAGE, 2 * PAGE, 0, NULL), EPERM);
	check_err(sys_mremap(p, 4 * PAGE, 8 * PAGE, 0, NULL), EPERM);
	check_err(sys_mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, NULL), EPERM);
	check_fill(p, 4, 1);
}

test(mremap_onto_refused)
{
	char *p = sealed(64, 2), *q = arena(0, 2);

	fill(q, 2, 5);
	check_err(sys_mremap(q, 2 * PAGE, 2 * PAGE, FIX, p), EPERM);
	check_fill(q, 2, 5);
	check_fill(p, 2, 1);
}

test(discard_of_writable_allowed)
{
	/* Who may write may also write zeroes. */
	char *p = sealed(0, 2);

	check_ok(sys_madvise(p, 2 * PAGE, MADV_DONTNEED));
	check_zero(p, 2);
}

test(discard_of_read_only_refused)
{
	static const int advice[] = { MADV_DONTNEED, MADV_FREE, MADV_DONTFORK, MADV_WIPEONFORK };
	char *p = arena(0, 2);

	need_mseal();
	fill(p, 2, 1);
	check_ok(sys_mprotect(p, 2 * PAGE, PROT_READ));
	check_ok(sys_mseal(p, 2 * PAGE, 0));
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
		check_err(sys_madvise(p, PAGE, advice[i]), EPERM);
	check_err(sys_madvise(p, PAGE, MADV_GUARD_INSTALL), EPERM);
	check_ok(sys_madvise(p, PAGE, MADV_RANDOM));
	check_fill(p, 2, 1);
}

test(part_of_a_mapping)
{
	char *p = arena(0, 6);

	need_mseal();
	fill(p, 6, 1);
	check_ok(sys_mseal(p + 2 * PAGE, 2 * PAGE, 0));
	check_eq(map_count(p, 6 * PAGE), 3);
	check_ok(sys_munmap(p, 2 * PAGE));
	check_ok(sys_mprotect(p + 4 * PAGE, 2 * PAGE, PROT_READ));
	check_err(sys_munmap(p + 3 * PAGE, PAGE), EPERM);
	check_fill(p + 2 * PAGE, 2, 3);
}

test(sealing_twice)
{
	char *p = sealed(0, 2);

	check_ok(sys_mseal(p, 2 * PAGE, 0));
	check_ok(sys_mseal(p, PAGE, 0));
}

test(neighbours_sealed_merge)
{
	char *p = arena(0, 4);

	need_mseal();
	check_ok(sys_mseal(p, 2 * PAGE, 0));
	check_eq(map_count(p, 4 * PAGE), 2);
	check_ok(sys_mseal(p + 2 * PAGE, 2 * PAGE, 0));
	check_map(p, 4, "rw-p");
}

test(inherited)
{
	char *p = sealed(0, 2);
	pid_t pid;

	child(pid) {
		check_fill(p, 2, 1);
		check_err(sys_munmap(p, 2 * PAGE), EPERM);
	}
	check_exit(pid, 0);
}

test(gone_by_exec_and_exit)
{
	pid_t pid;

	child(pid) {
		sealed(0, 2);
	}
	check_exit(pid, 0);
	arena(0, 2);
}

test(errors)
{
	char *p = arena(0, 2);

	need_mseal();
	check_err(sys_mseal(p, PAGE, 1), EINVAL);
	check_err(sys_mseal(p + 1, PAGE, 0), EINVAL);
	check_ok(sys_mseal(p, 0, 0));
	check_err(sys_mseal(p, -PAGE, 0), EINVAL);
	check_err(sys_mseal(at(100), PAGE, 0), ENOMEM);
	check_err(sys_mseal(p, 4 * PAGE, 0), ENOMEM);
	check_ok(sys_munmap(p, 2 * PAGE));
}

test(hole_seals_nothing)
{
	arena(0, 2);
	arena(3, 1);
	need_mseal();
	check_err(sys_mseal(at(0), 4 * PAGE, 0), ENOMEM);
	check_ok(sys_munmap(at(0), 2 * PAGE));
	check_ok(sys_munmap(at(3), PAGE));
}

test(brk_stops_at_seal)
{
	char *b = sys_brk(NULL), *up = (char *)(((uintptr_t)b + PAGE - 1) & -PAGE);

	need_mseal();
	check_eq(sys_brk(up + 4 * PAGE), up + 4 * PAGE);
	check_ok(sys_mseal(up + 2 * PAGE, PAGE, 0));
	check_eq(sys_brk(up), up + 4 * PAGE);
	check_nofault(fault_write(up + 2 * PAGE));
}
