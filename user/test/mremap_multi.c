/* mremap of several mappings at once (Linux 6.17): old_len == new_len, MAYMOVE | FIXED, gaps kept. */
#include "mm.h"
#include <sys/utsname.h>

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)

static void need_multi(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	if (!on_quire() && major * 100 + minor < 617)
		skip("Linux moves several mappings since 6.17");
}

test(two_adjacent)
{
	char *p = arena(0, 2), *to = at(64);

	need_multi();
	arena(2, 2);
	fill(p, 4, 1);
	check_ok(sys_mprotect(at(2), 2 * PAGE, PROT_READ));
	check_eq(sys_mremap(p, 4 * PAGE, 4 * PAGE, FIX, to), to);
	check_map(to, 2, "rw-p");
	check_map(to + 2 * PAGE, 2, "r--p");
	check_fill(to, 4, 1);
	check_eq(map_count(p, 4 * PAGE), 0);
}

test(gaps_are_kept)
{
	char *to = at(64);

	need_multi();
	fill(arena(0, 2), 2, 1);
	fill(arena(5, 1), 1, 20);
	fill(arena(7, 3), 3, 30);
	check_eq(sys_mremap(at(0), 10 * PAGE, 10 * PAGE, FIX, to), to);
	check_fill(to, 2, 1);
	check_unmapped(to + 2 * PAGE);
	check_unmapped(to + 4 * PAGE);
	check_fill(to + 5 * PAGE, 1, 20);
	check_unmapped(to + 6 * PAGE);
	check_fill(to + 7 * PAGE, 3, 30);
	check_eq(map_count(at(0), 10 * PAGE), 0);
}

test(ends_inside)
{
	char *to = at(64);

	need_multi();
	fill(arena_prot(0, 4, RW), 4, 1);
	check_ok(sys_mprotect(at(2), 2 * PAGE, PROT_READ));
	check_eq(sys_mremap(at(1), 2 * PAGE, 2 * PAGE, FIX, to), to);
	check_map(at(0), 1, "rw-p");
	check_map(at(3), 1, "r--p");
	check_map(to, 1, "rw-p");
	check_map(to + PAGE, 1, "r--p");
	check_fill(to, 2, 2);
	check_eq(at(3)[0], 4);
}

test(gap_at_the_end)
{
	char *to = at(64);

	need_multi();
	fill(arena(0, 2), 2, 1);
	check_eq(sys_mremap(at(0), 6 * PAGE, 6 * PAGE, FIX, to), to);
	check_fill(to, 2, 1);
	check_unmapped(at(0));
	check_unmapped(to + 2 * PAGE);
}

test(gap_at_the_start)
{
	need_multi();
	arena(2, 2);
	check_err(sys_mremap(at(0), 4 * PAGE, 4 * PAGE, FIX, at(64)), EFAULT);
	check_map(at(2), 2, "rw-p");
}

test(only_a_gap)
{
	need_multi();
	check_err(sys_mremap(at(0), 4 * PAGE, 4 * PAGE, FIX, at(64)), EFAULT);
}

test(must_be_fixed)
{
	need_multi();
	arena(0, 2);
	arena_prot(2, 2, PROT_READ);
	check_err(sys_mremap(at(0), 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, NULL), EFAULT);
	check_map(at(0), 2, "rw-p");
}

test(must_keep_its_size)
{
	need_multi();
	arena(0, 2);
	arena_prot(2, 2, PROT_READ);
	check_err(sys_mremap(at(0), 4 * PAGE, 5 * PAGE, FIX, at(64)), EFAULT);
	check_map(at(0), 2, "rw-p");
	check_map(at(2), 2, "r--p");
}

test(dontunmap)
{
	char *to = at(64);

	need_multi();
	fill(arena(0, 2), 2, 1);
	fill(arena(3, 2), 2, 4);
	check_ok(sys_mprotect(at(3), 2 * PAGE, PROT_READ));
	check_eq(sys_mremap(at(0), 5 * PAGE, 5 * PAGE, FIX | MREMAP_DONTUNMAP, to), to);
	check_map(at(0), 2, "rw-p");
	check_map(at(3), 2, "r--p");
	check_zero(at(0), 2);
	check_zero(at(3), 2);
	check_fill(to, 2, 1);
	check_fill(to + 3 * PAGE, 2, 4);
}

test(overlap_refused)
{
	need_multi();
	arena(0, 2);
	arena_prot(2, 2, PROT_READ);
	check_err(sys_mremap(at(0), 4 * PAGE, 4 * PAGE, FIX, at(2)), EINVAL);
}

test(target_is_replaced)
{
	char *to = arena(64, 8);

	need_multi();
	fill(to, 8, 100);
	fill(arena(0, 1), 1, 1);
	fill(arena(2, 1), 1, 3);
	check_eq(sys_mremap(at(0), 3 * PAGE, 3 * PAGE, FIX, to), to);
	check_eq(to[0], 1);
	check_eq(to[2 * PAGE], 3);
	check_fill(to + 3 * PAGE, 5, 103);
}

test(there_and_back)
{
	char *to = at(4096);

	need_multi();
	for (int i = 0; i < 32; i++)
		fill(arena(i * 3, 2), 2, i);
	check_eq(sys_mremap(at(0), 95 * PAGE, 95 * PAGE, FIX, to), to);
	for (int i = 0; i < 32; i++)
		check_fill(to + i * 3 * PAGE, 2, i);
	check_eq(map_count(at(0), 96 * PAGE), 0);
	check_eq(sys_mremap(to, 95 * PAGE, 95 * PAGE, FIX, at(0)), at(0));
	for (int i = 0; i < 32; i++) {
		check_fill(at(i * 3), 2, i);
		check_map(at(i * 3), 2, "rw-p");
	}
}

test(back_to_one)
{
	/* A mapping cut in three by protections, moved, made equal again: one mapping. */
	char *to = at(512);

	need_multi();
	fill(arena(0, 6), 6, 1);
	check_ok(sys_mprotect(at(2), 2 * PAGE, PROT_READ));
	check_eq(sys_mremap(at(0), 6 * PAGE, 6 * PAGE, FIX, to), to);
	check_eq(map_count(to, 6 * PAGE), 3);
	check_ok(sys_mprotect(to + 2 * PAGE, 2 * PAGE, RW));
	check_map(to, 6, "rw-p");
	check_fill(to, 6, 1);
}

test(mixed_kinds)
{
	char *to = at(64), *s;
	int fd = temp_file(2 * PAGE);

	need_multi();
	fill(arena(0, 1), 1, 1);
	s = check_ok(sys_mmap(at(1), PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	s[0] = 2;
	check_ok(sys_mmap(at(2), PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, PAGE));
	arena_prot(3, 1, PROT_NONE);
	check_eq(sys_mremap(at(0), 4 * PAGE, 4 * PAGE, FIX, to), to);
	check_eq(to[0], 1);
	check_eq(to[PAGE], 2);
	check_eq(to[2 * PAGE], 2);
	check_accerr(fault_read(to + 3 * PAGE), to + 3 * PAGE);
}
