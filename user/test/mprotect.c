/* mprotect: permissions as faults see them, splits and merges, errors and their order. */
#include "mm.h"

#ifndef PROT_GROWSDOWN
#define PROT_GROWSDOWN	0x01000000
#define PROT_GROWSUP	0x02000000
#endif

test(take_write_away)
{
	char *p = anon(1);

	p[0] = 7;
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_nofault(fault_read(p));
	check_accerr(fault_write(p), p);
	check_eq(p[0], 7);
}

test(give_write_back)
{
	char *p = anon(1);

	p[0] = 7;
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_ok(sys_mprotect(p, PAGE, RW));
	check_eq(p[0], 7);
	check_nofault(fault_write(p));
}

test(none_hides_contents)
{
	char *p = anon(2);

	fill(p, 2, 5);
	check_ok(sys_mprotect(p, 2 * PAGE, PROT_NONE));
	check_accerr(fault_read(p), p);
	check_accerr(fault_write(p + PAGE), p + PAGE);
	check_ok(sys_mprotect(p, 2 * PAGE, RW));
	check_fill(p, 2, 5);
}

test(kernel_copies_obey)
{
	char *p = anon(1);
	int fd[2];

	check_ok(pipe(fd));
	p[0] = 1;
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_eq(write(fd[1], p, 1), 1);
	check_err(read(fd[0], p, 1), EFAULT);
	check_ok(sys_mprotect(p, PAGE, PROT_NONE));
	check_err(write(fd[1], p, 1), EFAULT);
}

test(exec_bit)
{
	char *p = anon(1);

	p[0] = (char)0xc3;
	check_accerr(fault_exec(p), p);
	check_ok(sys_mprotect(p, PAGE, PROT_EXEC));
	check_nofault(fault_exec(p));
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_accerr(fault_exec(p), p);
}

test(before_first_touch)
{
	char *p = anon(2);

	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_eq(p[0], 0);
	check_accerr(fault_write(p), p);
	check_ok(sys_mprotect(p, PAGE, RW));
	p[0] = 1;
	check_eq(p[0], 1);
}

test(zero_page_then_write)
{
	char *p = anon(1), *q = anon(1);

	check_eq(p[0] + q[0], 0);
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_ok(sys_mprotect(p, PAGE, RW));
	p[0] = 1;
	check_eq(q[0], 0);
}

test(split_middle)
{
	char *p = arena(0, 5);

	fill(p, 5, 1);
	check_ok(sys_mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	check_map(p, 2, "rw-p");
	check_map(p + 2 * PAGE, 1, "r--p");
	check_map(p + 3 * PAGE, 2, "rw-p");
	check_fill(p, 5, 1);
}

test(split_head_and_tail)
{
	char *p = arena(0, 4);

	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_map(p, 1, "r--p");
	check_map(p + PAGE, 3, "rw-p");
	check_ok(sys_mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
	check_map(p + 3 * PAGE, 1, "---p");
	check_map(p + PAGE, 2, "rw-p");
}

test(merge_back)
{
	char *p = arena(0, 5);

	fill(p, 5, 1);
	check_ok(sys_mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	check_eq(map_count(p, 5 * PAGE), 3);
	check_ok(sys_mprotect(p + 2 * PAGE, PAGE, RW));
	check_map(p, 5, "rw-p");
	check_fill(p, 5, 1);
}

test(boundary_moves)
{
	/* [rw rw rw | r r r]: making the third page r-- only moves the border. */
	char *p = arena(0, 6);

	fill(p, 6, 1);
	check_ok(sys_mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ));
	check_ok(sys_mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	check_map(p, 2, "rw-p");
	check_map(p + 2 * PAGE, 4, "r--p");
	check_ok(sys_mprotect(p + 2 * PAGE, 3 * PAGE, RW));
	check_map(p, 5, "rw-p");
	check_map(p + 5 * PAGE, 1, "r--p");
	check_fill(p, 6, 1);
}

test(over_several)
{
	char *p = arena(0, 6);

	check_ok(sys_mprotect(p + PAGE, PAGE, PROT_READ));
	check_ok(sys_mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
	check_eq(map_count(p, 6 * PAGE), 5);
	check_ok(sys_mprotect(p, 6 * PAGE, PROT_READ));
	check_map(p, 6, "r--p");
}

test(hole_stops_half_way)
{
	char *p = arena(0, 2);

	arena(3, 2);
	check_err(sys_mprotect(p, 5 * PAGE, PROT_READ), ENOMEM);
	/* What lies before the hole is changed, what is behind is not. */
	check_map(p, 2, "r--p");
	check_map(p + 3 * PAGE, 2, "rw-p");
}

test(nothing_there)
{
	check_err(sys_mprotect((void *)ARENA, PAGE, RW), ENOMEM);
	check_err(sys_mprotect((void *)-PAGE, PAGE, RW), ENOMEM);
	arena(1, 1);
	check_err(sys_mprotect((void *)ARENA, 2 * PAGE, PROT_READ), ENOMEM);
	check_map((char *)ARENA + PAGE, 1, "rw-p");
}

test(end_wraps)
{
	check_err(sys_mprotect((void *)ARENA, -PAGE - ARENA + PAGE, RW), ENOMEM);
	check_err(sys_mprotect((void *)ARENA, -ARENA, RW), ENOMEM);
	check_err(sys_mprotect((void *)-PAGE, 2 * PAGE, RW), ENOMEM);
}

test(length_zero)
{
	check_ok(sys_mprotect((void *)ARENA, 0, RW));
	check_ok(sys_mprotect((void *)-PAGE, 0, RW));
	check_err(sys_mprotect((void *)(ARENA + 1), 0, RW), EINVAL);
}

test(length_rounded_up)
{
	char *p = arena(0, 3);

	check_ok(sys_mprotect(p, PAGE + 1, PROT_READ));
	check_map(p, 2, "r--p");
}

test(unaligned)
{
	char *p = arena(0, 2);

	check_err(sys_mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	check_err(sys_mprotect((void *)(ARENA + 64 * PAGE + 8), PAGE, PROT_READ), EINVAL);
}

test(bad_protection)
{
	char *p = arena(0, 1);

	check_err(sys_mprotect(p, PAGE, 0x100), EINVAL);
	check_err(sys_mprotect(p, PAGE, 1L << 40), EINVAL);
	/* Bits come after length zero and before the range. */
	check_ok(sys_mprotect(p, 0, 0x100));
	check_err(sys_mprotect((void *)(ARENA + 64 * PAGE), PAGE, 0x100), EINVAL);
	check_err(sys_mprotect(p, PAGE, RW | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
}

test(growsdown)
{
	char *p = arena(0, 1);
	char *q = check_ok(sys_mmap((void *)(ARENA + 64 * PAGE), 4 * PAGE, RW,
				    ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));

	check_err(sys_mprotect(p, PAGE, RW | PROT_GROWSDOWN), EINVAL);
	check_err(sys_mprotect(p, PAGE, RW | PROT_GROWSUP), EINVAL);
	/* From the given page down to where the mapping begins. */
	check_ok(sys_mprotect(q + 2 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
	check_map(q, 3, "r--p");
	check_map(q + 3 * PAGE, 1, "rw-p");
}

test(shared_anonymous)
{
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, SHANON, -1, 0));

	p[0] = 1;
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_accerr(fault_write(p), p);
	check_eq(p[0], 1);
	check_ok(sys_mprotect(p, PAGE, RW));
	p[0] = 2;
	check_eq(p[0], 2);
}

test(private_file_copies)
{
	int fd = temp_file(2 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0)), c;

	check_fill(p, 2, 1);
	check_accerr(fault_write(p), p);
	check_ok(sys_mprotect(p, 2 * PAGE, RW));
	p[0] = 'x';
	check_eq(pread(fd, &c, 1, 0), 1);
	check_eq(c, 1);
	check(!(pagemap(p) & PM_FILE));
	check(pagemap(p + PAGE) & PM_FILE);
	check_eq(p[PAGE], 2);
}

test(forked_page_stays_private)
{
	/* Giving write back must not make a page writable that another process also maps. */
	char *p = anon(1);
	pid_t pid;

	p[0] = 1;
	child(pid) {
		check_ok(sys_mprotect(p, PAGE, PROT_READ));
		check_ok(sys_mprotect(p, PAGE, RW));
		p[0] = 2;
	}
	check_exit(pid, 0);
	check_eq(p[0], 1);
}

test(many_ranges)
{
	char *p = arena(0, 512);

	fill(p, 512, 3);
	for (int i = 0; i < 512; i += 2)
		check_ok(sys_mprotect(p + i * PAGE, PAGE, PROT_READ));
	check_eq(map_count(p, 512 * PAGE), 512);
	check_fill(p, 512, 3);
	for (int i = 0; i < 512; i += 2)
		check_ok(sys_mprotect(p + i * PAGE, PAGE, RW));
	check_map(p, 512, "rw-p");
}

test(accounting_of_private_writable)
{
	/* VmData counts private writable mappings. */
	char *p = arena_prot(0, 256, PROT_READ);
	long before = status_kb("VmData");

	check_ok(sys_mprotect(p, 128 * PAGE, RW));
	check_eq(status_kb("VmData") - before, 512);
	check_ok(sys_mprotect(p, 128 * PAGE, PROT_READ));
	check_eq(status_kb("VmData"), before);
}
