/* mremap of one mapping: resize, move, FIXED, DONTUNMAP, errors and their order. */
#include "mm.h"

#define MAY	MREMAP_MAYMOVE
#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define DONT	(MREMAP_MAYMOVE | MREMAP_DONTUNMAP)

#define at(n)	((char *)ARENA + (n) * PAGE)

test(same_size)
{
	char *p = arena(0, 2);

	fill(p, 2, 1);
	check_eq(sys_mremap(p, 2 * PAGE, 2 * PAGE, 0, NULL), p);
	check_fill(p, 2, 1);
	check_eq(sys_mremap(p, PAGE + 1, 2 * PAGE, 0, NULL), p);
}

test(shrink)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_eq(sys_mremap(p, 4 * PAGE, PAGE, 0, NULL), p);
	check_map(p, 1, "rw-p");
	check_eq(p[0], 1);
	check_maperr(fault_read(p + PAGE), p + PAGE);
}

test(shrink_inside)
{
	/* Only [p, p + 3) is named: the page after it stays. */
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_eq(sys_mremap(p, 3 * PAGE, PAGE, 0, NULL), p);
	check_map(p, 1, "rw-p");
	check_map(p + 3 * PAGE, 1, "rw-p");
	check_eq(p[3 * PAGE], 4);
}

test(shrink_over_hole_and_neighbours)
{
	char *p = arena(0, 2);

	arena_prot(3, 2, PROT_READ);
	check_eq(sys_mremap(p, 5 * PAGE, PAGE, 0, NULL), p);
	check_map(p, 1, "rw-p");
	check_unmapped(at(3));
	check_unmapped(at(4));
}

test(grow_in_place)
{
	char *p = arena(0, 2);

	fill(p, 2, 1);
	check_eq(sys_mremap(p, 2 * PAGE, 5 * PAGE, 0, NULL), p);
	check_map(p, 5, "rw-p");
	check_fill(p, 2, 1);
	check_zero(p + 2 * PAGE, 3);
}

test(grow_blocked)
{
	char *p = arena(0, 2), *q;

	arena_prot(2, 1, PROT_NONE);
	fill(p, 2, 1);
	check_err(sys_mremap(p, 2 * PAGE, 3 * PAGE, 0, NULL), ENOMEM);
	check_map(p, 2, "rw-p");
	q = check_ok(sys_mremap(p, 2 * PAGE, 3 * PAGE, MAY, NULL));
	check(q != p);
	check_fill(q, 2, 1);
	check_zero(q + 2 * PAGE, 1);
	check_unmapped(p);
}

test(grow_from_the_middle)
{
	/* A part that is not the end of its VMA cannot grow in place. */
	char *p = arena(0, 4), *q;

	fill(p, 4, 1);
	check_err(sys_mremap(p, 2 * PAGE, 3 * PAGE, 0, NULL), ENOMEM);
	q = check_ok(sys_mremap(p, 2 * PAGE, 3 * PAGE, MAY, NULL));
	check_fill(q, 2, 1);
	check_unmapped(p);
	check_eq(p[2 * PAGE], 3);
	check_map(p + 2 * PAGE, 2, "rw-p");
}

test(grow_merges_with_next)
{
	char *p = arena(0, 2);

	arena(4, 2);
	check_eq(sys_mremap(p, 2 * PAGE, 4 * PAGE, 0, NULL), p);
	check_map(p, 6, "rw-p");
}

test(move_fixed)
{
	char *p = arena(0, 3), *to = at(64);

	fill(p, 3, 1);
	check_eq(sys_mremap(p, 3 * PAGE, 3 * PAGE, FIX, to), to);
	check_fill(to, 3, 1);
	check_unmapped(p);
	check_map(to, 3, "rw-p");
	fill(to, 3, 9);
	check_fill(to, 3, 9);
}

test(move_fixed_replaces)
{
	char *p = arena(0, 2), *to = arena(64, 4);

	fill(p, 2, 1);
	fill(to, 4, 50);
	check_eq(sys_mremap(p, 2 * PAGE, 2 * PAGE, FIX, to + PAGE), to + PAGE);
	check_eq(to[0], 50);
	check_fill(to + PAGE, 2, 1);
	check_eq(to[3 * PAGE], 53);
}

test(move_and_grow)
{
	char *p = arena(0, 2), *to = at(64);

	fill(p, 2, 1);
	check_eq(sys_mremap(p, 2 * PAGE, 6 * PAGE, FIX, to), to);
	check_fill(to, 2, 1);
	check_zero(to + 2 * PAGE, 4);
	check_map(to, 6, "rw-p");
	check_unmapped(p);
}

test(move_and_shrink)
{
	char *p = arena(0, 6), *to = at(64);

	fill(p, 6, 1);
	check_eq(sys_mremap(p, 6 * PAGE, 2 * PAGE, FIX, to), to);
	check_map(to, 2, "rw-p");
	check_fill(to, 2, 1);
	check_eq(map_count(p, 6 * PAGE), 0);
}

test(move_the_middle)
{
	char *p = arena(0, 5), *to = at(64);

	fill(p, 5, 1);
	check_eq(sys_mremap(p + 2 * PAGE, PAGE, PAGE, FIX, to), to);
	check_eq(to[0], 3);
	check_map(p, 2, "rw-p");
	check_map(p + 3 * PAGE, 2, "rw-p");
	check_unmapped(p + 2 * PAGE);
}

test(move_back_merges)
{
	char *p = arena(0, 5), *to = at(64);

	fill(p, 5, 1);
	check_eq(sys_mremap(p + 2 * PAGE, PAGE, PAGE, FIX, to), to);
	check_eq(map_count(p, 5 * PAGE), 2);
	check_eq(sys_mremap(to, PAGE, PAGE, FIX, p + 2 * PAGE), p + 2 * PAGE);
	check_map(p, 5, "rw-p");
	check_fill(p, 5, 1);
}

test(move_untouched_merges)
{
	/* An untouched mapping's page offset follows its address. */
	char *p = arena(0, 1), *q = arena(64, 1);

	check_eq(sys_mremap(q, PAGE, PAGE, FIX, p + PAGE), p + PAGE);
	check_map(p, 2, "rw-p");
}

test(dontunmap)
{
	char *p = arena(0, 3), *q;

	fill(p, 3, 1);
	q = check_ok(sys_mremap(p, 3 * PAGE, 3 * PAGE, DONT, NULL));
	check(q != p);
	check_fill(q, 3, 1);
	check_map(p, 3, "rw-p");
	check_eq(present_count(p, 3), 0);
	check_zero(p, 3);
	fill(p, 3, 7);
	check_fill(q, 3, 1);
}

test(dontunmap_fixed)
{
	char *p = arena(0, 3), *to = at(64);

	fill(p, 3, 1);
	check_eq(sys_mremap(p, 3 * PAGE, 3 * PAGE, DONT | MREMAP_FIXED, to), to);
	check_fill(to, 3, 1);
	check_zero(p, 3);
}

test(dontunmap_part)
{
	char *p = arena(0, 5), *to = at(64);

	fill(p, 5, 1);
	check_eq(sys_mremap(p + PAGE, 3 * PAGE, 3 * PAGE, DONT | MREMAP_FIXED, to), to);
	check_fill(to, 3, 2);
	check_eq(p[0], 1);
	check_zero(p + PAGE, 3);
	check_eq(p[4 * PAGE], 5);
	check_eq(map_count(p, 5 * PAGE), 1);
}

test(dontunmap_unlocks)
{
	char *p = arena(0, 2), *q;

	fill(p, 2, 1);
	check_ok(syscall(SYS_mlock, p, 2 * PAGE));
	q = check_ok(sys_mremap(p, 2 * PAGE, 2 * PAGE, DONT, NULL));
	check(smaps_flag(q, "lo"));
	check(!smaps_flag(p, "lo"));
}

test(shared_anonymous)
{
	char *p = check_ok(sys_mmap(at(0), 4 * PAGE, RW, SHANON | MAP_FIXED, -1, 0)), *q;

	fill(p, 4, 1);
	check_eq(sys_mremap(p, 4 * PAGE, 4 * PAGE, FIX, at(64)), at(64));
	check_fill(at(64), 4, 1);
	/* DONTUNMAP leaves a second view of the same pages. */
	q = check_ok(sys_mremap(at(64), 4 * PAGE, 4 * PAGE, DONT, NULL));
	check_fill(q, 4, 1);
	check_fill(at(64), 4, 1);
	q[0] = 99;
	check_eq(at(64)[0], 99);
	/* Grown past the object's end there is nothing to map. */
	check_eq(sys_mremap(at(64), 4 * PAGE, 6 * PAGE, 0, NULL), at(64));
	check_fault(fault_read(at(68)), SIGBUS, BUS_ADRERR, at(68));
}

test(old_length_zero_duplicates_shared)
{
	char *p = check_ok(sys_mmap(at(0), 2 * PAGE, RW, SHANON | MAP_FIXED, -1, 0)), *q;

	p[PAGE] = 5;
	q = check_ok(sys_mremap(p, 0, 2 * PAGE, MAY, NULL));
	check(q != p);
	check_eq(q[PAGE], 5);
	q[PAGE] = 6;
	check_eq(p[PAGE], 6);
	check_err(sys_mremap(p, 0, 2 * PAGE, 0, NULL), ENOMEM);
}

test(old_length_zero_private)
{
	char *p = arena(0, 1);

	check_err(sys_mremap(p, 0, PAGE, MAY, NULL), EINVAL);
}

test(bad_flags)
{
	char *p = arena(0, 2);

	check_err(sys_mremap(p, PAGE, PAGE, 8, NULL), EINVAL);
	check_err(sys_mremap(p, PAGE, PAGE, MREMAP_FIXED, at(64)), EINVAL);
	check_err(sys_mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP, NULL), EINVAL);
	check_err(sys_mremap(p, PAGE, 2 * PAGE, DONT, NULL), EINVAL);
	check_err(sys_mremap(p, 2 * PAGE, PAGE, DONT, NULL), EINVAL);
}

test(bad_addresses)
{
	char *p = arena(0, 2);

	check_err(sys_mremap(p + 1, PAGE, PAGE, 0, NULL), EINVAL);
	check_err(sys_mremap(p, PAGE, 0, 0, NULL), EINVAL);
	check_err(sys_mremap(p, PAGE, PAGE, FIX, at(64) + 1), EINVAL);
	check_err(sys_mremap(p, PAGE, PAGE, FIX, (void *)(1UL << 47)), EINVAL);
	check_err(sys_mremap(p, PAGE, PAGE, FIX, (void *)-PAGE), EINVAL);
	check_err(sys_mremap(p, 2 * PAGE, 2 * PAGE, FIX, p + PAGE), EINVAL);
	check_err(sys_mremap(p + PAGE, PAGE, 2 * PAGE, FIX, p), EINVAL);
	check_map(p, 2, "rw-p");
}

test(too_large)
{
	char *p = arena(0, 1);

	check_err(sys_mremap(p, PAGE, 1UL << 47, MAY, NULL), EINVAL);
	check_err(sys_mremap(p, PAGE, -PAGE, MAY, NULL), EINVAL);
	check_err(sys_mremap(p, PAGE, 0x7fffffff0000 - PAGE, MAY, NULL), ENOMEM);
	check_map(p, 1, "rw-p");
}

test(unmapped_source)
{
	check_err(sys_mremap(at(0), PAGE, PAGE, 0, NULL), EFAULT);
	check_err(sys_mremap(at(0), PAGE, 2 * PAGE, MAY, NULL), EFAULT);
	check_err(sys_mremap(at(0), PAGE, PAGE, FIX, at(64)), EFAULT);
	check_err(sys_mremap((void *)-PAGE, PAGE, PAGE, 0, NULL), EFAULT);
}

test(grow_across_two)
{
	char *p = arena(0, 2);

	arena_prot(2, 2, PROT_READ);
	check_err(sys_mremap(p, 4 * PAGE, 5 * PAGE, MAY, NULL), EFAULT);
	check_err(sys_mremap(p, 3 * PAGE, 5 * PAGE, MAY, NULL), EFAULT);
}

test(protection_travels)
{
	char *p = arena(0, 2);

	fill(p, 2, 1);
	check_ok(sys_mprotect(p, 2 * PAGE, PROT_READ));
	check_eq(sys_mremap(p, 2 * PAGE, 2 * PAGE, FIX, at(64)), at(64));
	check_map(at(64), 2, "r--p");
	check_accerr(fault_write(at(64)), at(64));
	check_fill(at(64), 2, 1);
}

test(private_file_travels)
{
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap(at(0), 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	struct map m;

	p[PAGE] = 'x';
	check_eq(sys_mremap(p + PAGE, 2 * PAGE, 2 * PAGE, FIX, at(64)), at(64));
	check(map_find(0, at(64), &m));
	check_eq(m.offset, PAGE);
	check_eq(at(64)[0], 'x');
	check_eq(at(65)[0], 3);
}

test(aligned_move_of_tables)
{
	/* 4 MiB between 2 MiB borders: a kernel may move tables instead of entries. */
	size_t pages = 1024;
	char *p = arena(0, pages), *to = p + (64UL << 20);

	for (size_t i = 0; i < pages; i += 7)
		p[i * PAGE] = (char)i;
	check_eq(sys_mremap(p, pages * PAGE, pages * PAGE, FIX, to), to);
	for (size_t i = 0; i < pages; i++)
		check_eq(to[i * PAGE], i % 7 ? 0 : (char)i);
	check_unmapped(p);
	p = arena(0, pages);
	check_eq(present_count(p, 16), 0);
}

test(unaligned_move_of_tables)
{
	size_t pages = 1300;
	char *p = arena(3, pages), *to = at(16384 + 77);

	for (size_t i = 0; i < pages; i++)
		p[i * PAGE] = (char)i;
	check_eq(sys_mremap(p, pages * PAGE, pages * PAGE, FIX, to), to);
	for (size_t i = 0; i < pages; i++)
		check_eq(to[i * PAGE], (char)i);
}

test(moved_neighbours_survive)
{
	/* Tables at both ends are shared with what does not move. */
	char *p = arena(0, 2048), *to = at(8192);

	for (size_t i = 0; i < 2048; i++)
		p[i * PAGE] = (char)(i * 3);
	check_eq(sys_mremap(p + 100 * PAGE, 1500 * PAGE, 1500 * PAGE, FIX, to), to);
	for (size_t i = 0; i < 100; i++)
		check_eq(p[i * PAGE], (char)(i * 3));
	for (size_t i = 1600; i < 2048; i++)
		check_eq(p[i * PAGE], (char)(i * 3));
	for (size_t i = 0; i < 1500; i++)
		check_eq(to[i * PAGE], (char)((i + 100) * 3));
}

test(moved_after_fork)
{
	char *p = arena(0, 4), *to = at(64);
	pid_t pid;

	fill(p, 4, 1);
	child(pid) {
		check_eq(sys_mremap(p, 4 * PAGE, 4 * PAGE, FIX, to), to);
		check_fill(to, 4, 1);
		fill(to, 4, 40);
		check_fill(to, 4, 40);
	}
	check_eq(sys_mremap(p + PAGE, PAGE, PAGE, FIX, at(128)), at(128));
	at(128)[0] = 77;
	check_exit(pid, 0);
	check_eq(p[0], 1);
	check_eq(at(128)[0], 77);
	check_fill(p + 2 * PAGE, 2, 3);
}

test(locked_growth_is_populated)
{
	char *p = arena(0, 2);

	check_ok(syscall(SYS_mlock, p, 2 * PAGE));
	check_eq(sys_mremap(p, 2 * PAGE, 6 * PAGE, 0, NULL), p);
	check_eq(present_count(p, 6), 6);
	check_eq(status_kb("VmLck"), 24);
	check_eq(sys_mremap(p, 6 * PAGE, PAGE, 0, NULL), p);
	check_eq(status_kb("VmLck"), 4);
}
