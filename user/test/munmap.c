/* munmap: every shape of what it cuts, errors, and what it gives back. */
#include "mm.h"

test(whole)
{
	char *p = arena(0, 3);

	fill(p, 3, 1);
	check_ok(sys_munmap(p, 3 * PAGE));
	check_unmapped(p);
	check_maperr(fault_read(p), p);
	check_maperr(fault_write(p + 2 * PAGE + 5), p + 2 * PAGE + 5);
}

test(head)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_munmap(p, PAGE));
	check_unmapped(p);
	check_map(p + PAGE, 3, "rw-p");
	check_fill(p + PAGE, 3, 2);
}

test(tail)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_munmap(p + 2 * PAGE, 2 * PAGE));
	check_map(p, 2, "rw-p");
	check_unmapped(p + 2 * PAGE);
	check_fill(p, 2, 1);
}

test(middle)
{
	char *p = arena(0, 5);

	fill(p, 5, 1);
	check_ok(sys_munmap(p + 2 * PAGE, PAGE));
	check_map(p, 2, "rw-p");
	check_map(p + 3 * PAGE, 2, "rw-p");
	check_maperr(fault_read(p + 2 * PAGE), p + 2 * PAGE);
	check_fill(p, 2, 1);
	check_fill(p + 3 * PAGE, 2, 4);
}

test(several_with_holes)
{
	char *p = arena(0, 2);

	arena_prot(3, 2, PROT_READ);
	arena_prot(6, 2, PROT_NONE);
	check_ok(sys_munmap(p + PAGE, 6 * PAGE));
	check_map(p, 1, "rw-p");
	check_map(p + 7 * PAGE, 1, "---p");
	check_eq(map_count(p + PAGE, 6 * PAGE), 0);
}

test(nothing_there)
{
	check_ok(sys_munmap((void *)ARENA, 100 * PAGE));
	check_ok(sys_munmap((void *)ARENA, PAGE));
}

test(length_zero)
{
	char *p = arena(0, 1);

	check_err(sys_munmap(p, 0), EINVAL);
	check_map(p, 1, "rw-p");
}

test(length_rounded_up)
{
	char *p = arena(0, 3);

	check_ok(sys_munmap(p, PAGE + 1));
	check_unmapped(p + PAGE);
	check_map(p + 2 * PAGE, 1, "rw-p");
}

test(unaligned)
{
	char *p = arena(0, 2);

	check_err(sys_munmap(p + 1, PAGE), EINVAL);
	check_err(sys_munmap(p + PAGE - 1, 1), EINVAL);
	check_map(p, 2, "rw-p");
}

test(out_of_space)
{
	check_err(sys_munmap((void *)(1UL << 47), PAGE), EINVAL);
	check_err(sys_munmap((void *)-PAGE, PAGE), EINVAL);
	check_err(sys_munmap((void *)0xffffffff80000000, PAGE), EINVAL);
	check_err(sys_munmap((void *)ARENA, 1UL << 47), EINVAL);
	check_err(sys_munmap((void *)ARENA, -PAGE), EINVAL);
	check_err(sys_munmap((void *)ARENA, ~0UL), EINVAL);
	check_err(sys_munmap((void *)0x7fffffffe000, 2 * PAGE), EINVAL);
}

test(contents_do_not_come_back)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_munmap(p, 4 * PAGE));
	p = arena(0, 4);
	check_eq(present_count(p, 4), 0);
	check_zero(p, 4);
}

test(pages_are_given_back)
{
	char *p = arena(0, 256);
	long before = status_kb("RssAnon");

	fill(p, 256, 1);
	check(status_kb("RssAnon") >= before + 900);
	check_ok(sys_munmap(p, 256 * PAGE));
	check(status_kb("RssAnon") <= before + 100);
}

test(size_is_given_back)
{
	long before, with;
	char *p;

	status_kb("VmSize");
	before = status_kb("VmSize");
	p = arena(0, 1000);
	with = status_kb("VmSize");
	check_eq(with - before, 4000);
	check_ok(sys_munmap(p + 10 * PAGE, 100 * PAGE));
	check_eq(status_kb("VmSize") - before, 3600);
	check_ok(sys_munmap(p, 1000 * PAGE));
	check_eq(status_kb("VmSize"), before);
}

test(page_tables_are_freed)
{
	char *p = (char *)ARENA;
	long before = status_kb("VmPTE"), with;

	for (int i = 0; i < 16; i++) {
		char *q = p + ((unsigned long)i << 30);

		check_eq(sys_mmap(q, PAGE, RW, ANON | MAP_FIXED, -1, 0), q);
		*q = 1;
	}
	with = status_kb("VmPTE");
	check(with >= before + 16 * 8);		/* a table and a directory each */
	check_ok(sys_munmap(p, 16UL << 30));
	check(status_kb("VmPTE") <= before);
}

test(across_table_boundaries)
{
	/* 2 MiB and 1 GiB are where one table ends and another begins. */
	static const unsigned long edge[] = { 2UL << 20, 1UL << 30, 512UL << 30 };

	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		char *at = (char *)ARENA + edge[i], *p = at - 4 * PAGE;

		check_eq(sys_mmap(p, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0), p);
		fill(p, 8, 1);
		check_ok(sys_munmap(at - PAGE, 2 * PAGE));
		check_fill(p, 3, 1);
		check_fill(at + PAGE, 3, 6);
		check_maperr(fault_read(at - PAGE), at - PAGE);
		check_maperr(fault_read(at), at);
	}
}

test(huge_sparse_range)
{
	char *p = check_ok(sys_mmap((void *)ARENA, 1UL << 42, RW, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0));

	for (int i = 0; i < 16; i++)
		p[(unsigned long)i << 38] = 1;
	check_ok(sys_munmap(p, 1UL << 42));
	check_unmapped(p);
	check_unmapped(p + (1UL << 41));
}

test(other_mappers_keep_theirs)
{
	char *p = anon(4);
	pid_t pid;

	fill(p, 4, 1);
	child(pid) {
		check_ok(sys_munmap(p, 4 * PAGE));
		check_maperr(fault_read(p), p);
	}
	check_exit(pid, 0);
	check_fill(p, 4, 1);
}

test(file_mapping)
{
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap((void *)ARENA, 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	struct map m;

	check_fill(p, 4, 1);
	p[3 * PAGE] = 'x';
	check_ok(sys_munmap(p + PAGE, PAGE));
	check(map_find(0, p + 2 * PAGE, &m));
	check_eq(m.offset, 2 * PAGE);
	check_eq(p[2 * PAGE], 3);
	check_eq(p[3 * PAGE], 'x');
}

test(growsdown_neighbour_stays)
{
	char *p = check_ok(sys_mmap((void *)(ARENA + 64 * PAGE), 4 * PAGE, RW,
				    ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));

	fill(p, 4, 1);
	check_ok(sys_munmap(p, 2 * PAGE));
	check_map(p + 2 * PAGE, 2, "rw-p");
	check(smaps_flag(p + 2 * PAGE, "gd"));
}

test(many_small_ones)
{
	char *p = arena(0, 256);

	fill(p, 256, 1);
	for (int i = 0; i < 256; i += 2)
		check_ok(sys_munmap(p + i * PAGE, PAGE));
	check_eq(map_count(p, 256 * PAGE), 128);
	for (int i = 1; i < 256; i += 2)
		check_eq(p[i * PAGE], (char)(1 + i));
	check_ok(sys_munmap(p, 256 * PAGE));
	check_eq(map_count(p, 256 * PAGE), 0);
}
