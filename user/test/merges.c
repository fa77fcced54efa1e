/*
 * Which neighbours become one mapping: VMA counts after sequences of calls, by /proc/self/maps.
 *
 * Linux and Quire's classic mode give each first fault an identity, so that two ranges that were faulted apart stay
 * apart for ever.  In lazy mode all of a process's unshared ranges have the same one: they merge.  merged(linux, lazy)
 * is the number that the running kernel must show.
 */
#include "mm.h"

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)

static int lazy(void)
{
	return on_quire() && sysctl_get("/proc/sys/vm/anon_vma_lazy") == 1;
}

#define merged(linux_count, lazy_count)	(lazy() ? (lazy_count) : (linux_count))

/* The pages [first, first + n) of the arena are COUNT mappings. */
#define check_vmas(first, n, count)	check_eq(map_count(at(first), (n) * PAGE), count)

test(fill_the_gap_untouched)
{
	arena(0, 1);
	arena(2, 1);
	check_vmas(0, 3, 2);
	arena(1, 1);
	check_vmas(0, 3, 1);
}

test(fill_the_gap_one_side_touched)
{
	for (int side = 0; side < 2; side++) {
		int b = side * 100;

		arena(b, 1);
		arena(b + 2, 1);
		at(b + 2 * side)[0] = 5;
		arena(b + 1, 1);
		check_vmas(b, 3, 1);
		check_eq(at(b + 2 * side)[0], 5);
		fill(at(b), 3, 1);
		check_fill(at(b), 3, 1);
	}
}

test(fill_the_gap_both_touched)
{
	fill(arena(0, 1), 1, 1);
	fill(arena(2, 1), 1, 3);
	arena(1, 1);
	check_vmas(0, 3, merged(2, 1));
	at(1)[0] = 2;
	check_fill(at(0), 3, 1);
}

test(grow_up_and_down)
{
	arena(10, 1);
	for (int i = 11; i < 20; i++)
		arena(i, 1);
	for (int i = 9; i >= 0; i--)
		arena(i, 1);
	check_vmas(0, 20, 1);
}

test(touch_as_it_grows)
{
	/* The neighbour's identity is taken over where it can be. */
	for (int i = 0; i < 10; i++)
		fill(arena(i, 1), 1, i);
	check_vmas(0, 10, 1);
	check_fill(at(0), 10, 0);
}

test(unmap_and_map_again)
{
	fill(arena(0, 5), 5, 1);
	check_ok(sys_munmap(at(2), PAGE));
	check_vmas(0, 5, 2);
	arena(2, 1);
	check_vmas(0, 5, 1);
	at(2)[0] = 3;
	check_fill(at(0), 5, 1);
}

test(replace_the_middle)
{
	fill(arena(0, 5), 5, 1);
	check_ok(sys_mmap(at(2), PAGE, RW, ANON | MAP_FIXED, -1, 0));
	check_vmas(0, 5, 1);
	check_eq(at(2)[0], 0);
	check_ok(sys_mmap(at(2), PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
	check_vmas(0, 5, 3);
	check_eq(at(3)[0], 4);
}

test(protection_and_back)
{
	fill(arena(0, 6), 6, 1);
	for (int i = 0; i < 6; i += 2)
		check_ok(sys_mprotect(at(i), PAGE, PROT_READ));
	check_vmas(0, 6, 6);
	for (int i = 0; i < 6; i += 2)
		check_ok(sys_mprotect(at(i), PAGE, RW));
	check_vmas(0, 6, 1);
	check_fill(at(0), 6, 1);
}

test(split_before_touched)
{
	/* The halves are faulted apart, but lie side by side when they are. */
	arena(0, 4);
	check_ok(sys_mprotect(at(2), 2 * PAGE, RWX));
	fill(at(0), 4, 1);
	check_vmas(0, 4, 2);
	check_ok(sys_mprotect(at(2), 2 * PAGE, RW));
	check_vmas(0, 4, 1);
	check_fill(at(0), 4, 1);
}

test(every_shape_of_mprotect)
{
	/* A prev-rw, B changes, C next: the new protection of B equals that of neither, prev, next, both. */
	static const struct {
		int prev, now, next, vmas;
	} t[] = {
		{ RW, RWX, PROT_READ, 3 }, { RW, RW, PROT_READ, 2 }, { PROT_READ, RW, RW, 2 }, { RW, RW, RW, 1 },
	};

	for (int touched = 0; touched < 2; touched++)
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			int b = 100 * (2 * i + touched);

			arena(b, 6);
			if (touched)
				fill(at(b), 6, 1);
			check_ok(sys_mprotect(at(b), 2 * PAGE, t[i].prev));
			check_ok(sys_mprotect(at(b + 2), 2 * PAGE, PROT_NONE));
			check_ok(sys_mprotect(at(b + 4), 2 * PAGE, t[i].next));
			check_ok(sys_mprotect(at(b + 2), 2 * PAGE, t[i].now));
			check_vmas(b, 6, t[i].vmas);
			if (touched)
				check_fill(at(b), 6, 1);
		}
}

test(part_goes_to_a_neighbour)
{
	fill(arena(0, 6), 6, 1);
	check_ok(sys_mprotect(at(3), 3 * PAGE, PROT_READ));
	check_ok(sys_mprotect(at(3), PAGE, RW));
	check_map(at(0), 4, "rw-p");
	check_ok(sys_mprotect(at(2), 2 * PAGE, PROT_READ));
	check_map(at(2), 4, "r--p");
	check_fill(at(0), 6, 1);
}

test(unlike_neighbours_do_not)
{
	arena(0, 1);
	arena_prot(1, 1, PROT_READ);
	check_ok(sys_mmap(at(2), PAGE, RW, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0));
	check_ok(sys_mmap(at(3), PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	check_ok(sys_mmap(at(4), PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	arena(5, 1);
	check_ok(sys_mmap(at(6), PAGE, RW, ANON | MAP_LOCKED | MAP_FIXED, -1, 0));
	check_vmas(0, 7, 7);
}

test(advice_and_back)
{
	static const int there[] = { MADV_DONTFORK, MADV_WIPEONFORK, MADV_RANDOM, MADV_SEQUENTIAL, MADV_DONTDUMP };
	static const int back[] = { MADV_DOFORK, MADV_KEEPONFORK, MADV_NORMAL, MADV_NORMAL, MADV_DODUMP };

	fill(arena(0, 5), 5, 1);
	for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
		check_ok(sys_madvise(at(1), 2 * PAGE, there[i]));
		check_vmas(0, 5, 3);
		check_ok(sys_madvise(at(0), 2 * PAGE, back[i]));
		check_vmas(0, 5, 3);
		check_ok(sys_madvise(at(2), PAGE, back[i]));
		check_vmas(0, 5, 1);
	}
	check_fill(at(0), 5, 1);
}

test(private_file_pieces)
{
	int fd = temp_file(4 * PAGE);

	check_ok(sys_mmap(at(0), PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	check_ok(sys_mmap(at(2), PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 2 * PAGE));
	check_ok(sys_mmap(at(1), PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, PAGE));
	check_vmas(0, 3, 1);
	check_fill(at(0), 3, 1);
	/* The offset does not follow, or it is another file. */
	check_ok(sys_mmap(at(3), PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	check_vmas(0, 4, 2);
	check_ok(sys_mmap(at(4), PAGE, RW, MAP_PRIVATE | MAP_FIXED, temp_file(4 * PAGE), PAGE));
	check_vmas(0, 5, 3);
	fill(at(0), 3, 40);
	check_ok(sys_mprotect(at(1), PAGE, PROT_READ));
	check_ok(sys_mprotect(at(1), PAGE, RW));
	check_map(at(0), 3, "rw-p");
	check_fill(at(0), 3, 40);
}

test(shared_pieces)
{
	check_ok(sys_mmap(at(0), 4 * PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	fill(at(0), 4, 1);
	check_ok(sys_mprotect(at(1), PAGE, PROT_READ));
	check_vmas(0, 4, 3);
	check_ok(sys_mprotect(at(1), PAGE, RW));
	check_vmas(0, 4, 1);
	check_fill(at(0), 4, 1);
}

test(moved_untouched)
{
	arena(0, 2);
	arena(100, 2);
	arena(200, 2);
	check_eq(sys_mremap(at(200), 2 * PAGE, 2 * PAGE, FIX, at(4)), at(4));
	check_vmas(0, 6, 2);
	check_eq(sys_mremap(at(100), 2 * PAGE, 2 * PAGE, FIX, at(2)), at(2));
	check_vmas(0, 6, 1);
	check_zero(at(0), 6);
}

test(moved_untouched_next_to_touched)
{
	fill(arena(0, 2), 2, 1);
	arena(100, 2);
	check_eq(sys_mremap(at(100), 2 * PAGE, 2 * PAGE, FIX, at(2)), at(2));
	check_vmas(0, 4, 1);
	fill(at(2), 2, 3);
	check_fill(at(0), 4, 1);
}

test(moved_touched)
{
	/* A touched mapping keeps its page offset, unless the kernel rewrites it. */
	int relocates = on_quire() && sysctl_get("/proc/sys/vm/mremap_relocate") == 1;

	fill(arena(0, 2), 2, 1);
	fill(arena(100, 2), 2, 3);
	check_eq(sys_mremap(at(100), 2 * PAGE, 2 * PAGE, FIX, at(2)), at(2));
	check_vmas(0, 4, relocates ? 1 : 2);
	check_fill(at(0), 4, 1);
}

test(moved_away_and_back)
{
	fill(arena(0, 6), 6, 1);
	for (int round = 0; round < 3; round++) {
		check_eq(sys_mremap(at(2), 2 * PAGE, 2 * PAGE, FIX, at(500 + 100 * round)), at(500 + 100 * round));
		check_vmas(0, 6, 2);
		check_fill(at(500 + 100 * round), 2, 3);
		check_eq(sys_mremap(at(500 + 100 * round), 2 * PAGE, 2 * PAGE, FIX, at(2)), at(2));
		check_vmas(0, 6, 1);
		check_fill(at(0), 6, 1);
	}
}

test(moved_away_and_back_while_shared)
{
	pid_t pid;

	fill(arena(0, 6), 6, 1);
	child(pid) {
		pause();
	}
	check_eq(sys_mremap(at(2), 2 * PAGE, 2 * PAGE, FIX, at(500)), at(500));
	check_fill(at(500), 2, 3);
	at(500)[0] = 77;
	check_eq(sys_mremap(at(500), 2 * PAGE, 2 * PAGE, FIX, at(2)), at(2));
	check_vmas(0, 6, 1);
	check_eq(at(2)[0], 77);
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
}

test(dontunmap_source)
{
	fill(arena(0, 4), 4, 1);
	check_eq(sys_mremap(at(1), 2 * PAGE, 2 * PAGE, FIX | MREMAP_DONTUNMAP, at(100)), at(100));
	check_vmas(0, 4, 1);
	check_zero(at(1), 2);
	check_fill(at(100), 2, 2);
	fill(at(1), 2, 50);
	check_fill(at(100), 2, 2);
}

test(dontunmap_into_a_neighbour)
{
	/* A faulted mapping's copy becomes part of an unfaulted one. */
	for (int file = 0; file < 2; file++) {
		int b = 1000 * file, fd = temp_file(4 * PAGE), flags = MAP_PRIVATE | MAP_FIXED;

		for (int i = 0; i < 2; i++) {
			char *p = at(b + (i ? 0 : 100));

			check_ok(file ? sys_mmap(p, 2 * PAGE, RW, flags, fd, i ? 0 : 2 * PAGE) :
					sys_mmap(p, 2 * PAGE, RW, flags | MAP_ANONYMOUS, -1, 0));
		}
		fill(at(b + 100), 2, 60);
		check_eq(sys_mremap(at(b + 100), 2 * PAGE, 2 * PAGE, FIX | MREMAP_DONTUNMAP, at(b + 2)), at(b + 2));
		check_fill(at(b + 2), 2, 60);
		check_ok(sys_munmap(at(b + 100), 2 * PAGE));
		check_fill(at(b + 2), 2, 60);
		fill(at(b), 4, 1);
		check_fill(at(b), 4, 1);
	}
}

test(grown_into_the_next)
{
	fill(arena(0, 2), 2, 1);
	arena(4, 2);
	check_eq(sys_mremap(at(0), 2 * PAGE, 4 * PAGE, 0, NULL), at(0));
	check_vmas(0, 6, 1);
	check_fill(at(0), 2, 1);
}

test(after_fork_in_the_parent)
{
	pid_t pid;

	fill(arena(0, 5), 5, 1);
	child(pid) {
		pause();
	}
	check_ok(sys_mprotect(at(2), PAGE, PROT_READ));
	check_ok(sys_mprotect(at(2), PAGE, RW));
	check_vmas(0, 5, 1);
	fill(at(0), 5, 9);
	check_ok(sys_mprotect(at(2), PAGE, PROT_READ));
	check_ok(sys_mprotect(at(2), PAGE, RW));
	check_vmas(0, 5, 1);
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
	check_fill(at(0), 5, 9);
}

test(after_fork_in_the_child)
{
	pid_t pid;

	fill(arena(0, 5), 5, 1);
	child(pid) {
		check_ok(sys_mprotect(at(2), PAGE, PROT_READ));
		check_vmas(0, 5, 3);
		check_ok(sys_mprotect(at(2), PAGE, RW));
		check_vmas(0, 5, 1);
		fill(at(0), 5, 20);
		check_ok(sys_mprotect(at(2), PAGE, PROT_READ));
		check_ok(sys_mprotect(at(2), PAGE, RW));
		check_vmas(0, 5, 1);
		check_fill(at(0), 5, 20);
	}
	check_exit(pid, 0);
	check_fill(at(0), 5, 1);
}

test(forked_ranges_stay_apart)
{
	/* Faulted apart, then shared with a child: what the child's walkers know may not change. */
	pid_t pid;

	fill(arena(0, 1), 1, 1);
	fill(arena(2, 1), 1, 3);
	child(pid) {
		pause();
	}
	arena(1, 1);
	check_vmas(0, 3, 2);
	check_eq(at(0)[0] + at(2)[0], 4);
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
}

test(new_mapping_beside_a_forked_one)
{
	pid_t pid;

	fill(arena(0, 2), 2, 1);
	child(pid) {
		arena(2, 2);
		check_vmas(0, 4, map_count(at(0), 4 * PAGE));
		fill(at(0), 4, 30);
		check_fill(at(0), 4, 30);
	}
	arena(2, 2);
	fill(at(2), 2, 3);
	check_exit(pid, 0);
	check_fill(at(0), 4, 1);
}

test(heap_is_one)
{
	char *b = (char *)(((uintptr_t)sys_brk(NULL) + PAGE - 1) & -PAGE);

	for (int i = 1; i <= 10; i++) {
		check_eq(sys_brk(b + i * PAGE), b + i * PAGE);
		b[(i - 1) * PAGE] = i;
	}
	check_eq(map_count(b, 10 * PAGE), 1);
	check_eq(sys_mmap(b + 10 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), b + 10 * PAGE);
	check_eq(map_count(b, 11 * PAGE), 1);
}

test(many_random_protections_and_back)
{
	unsigned int seed = 5;

	fill(arena(0, 64), 64, 1);
	for (int i = 0; i < 500; i++) {
		static const int prot[] = { PROT_NONE, PROT_READ, RW };
		int first, n;

		seed = seed * 1103515245 + 12345;
		first = seed >> 16 & 63;
		n = 1 + (seed >> 8 & 7);
		if (first + n > 64)
			n = 64 - first;
		check_ok(sys_mprotect(at(first), n * PAGE, prot[(seed >> 24) % 3]));
	}
	check_ok(sys_mprotect(at(0), 64 * PAGE, RW));
	check_vmas(0, 64, 1);
	check_fill(at(0), 64, 1);
}
