/* brk: the break moves, the heap's VMA follows, refusals answer the old break. */
#include "mm.h"
#include <sys/resource.h>

#define up(n)	((char *)(((uintptr_t)(n) + PAGE - 1) & -PAGE))

test(query)
{
	char *b = sys_brk(NULL);

	check(b != NULL);
	check_eq(sys_brk(NULL), b);
	check_eq(sys_brk((void *)1), b);
	check_eq(sys_brk((void *)-1), b);
}

test(grow)
{
	char *b = up(sys_brk(NULL));
	struct map m;

	check_eq(sys_brk(b + 4 * PAGE), b + 4 * PAGE);
	check_zero(b, 4);
	fill(b, 4, 1);
	check(map_find(0, b, &m));
	check_str(m.perm, "rw-p");
	check_str(m.name, "[heap]");
	check_eq(m.end, b + 4 * PAGE);
}

test(byte_granular)
{
	char *b = up(sys_brk(NULL));

	check_eq(sys_brk(b + 1), b + 1);
	check_eq(sys_brk(b + 100), b + 100);
	check_nofault(fault_write(b + PAGE - 1));
	check_maperr(fault_write(b + PAGE), b + PAGE);
	check_eq(sys_brk(b + 50), b + 50);
	check_nofault(fault_write(b));
}

test(shrink)
{
	char *b = up(sys_brk(NULL));

	check_eq(sys_brk(b + 8 * PAGE), b + 8 * PAGE);
	fill(b, 8, 1);
	check_eq(sys_brk(b + 3 * PAGE), b + 3 * PAGE);
	check_fill(b, 3, 1);
	check_maperr(fault_read(b + 3 * PAGE), b + 3 * PAGE);
	check_eq(sys_brk(b + 8 * PAGE), b + 8 * PAGE);
	check_zero(b + 3 * PAGE, 5);
}

test(shrink_to_nothing)
{
	char *b = sys_brk(NULL);

	check_eq(sys_brk(up(b) + 4 * PAGE), up(b) + 4 * PAGE);
	check_eq(sys_brk(b), b);
	check_unmapped(up(b));
	check_eq(sys_brk(up(b) + PAGE), up(b) + PAGE);
	check_zero(up(b), 1);
}

test(below_start)
{
	char *b = sys_brk(NULL);

	check_eq(sys_brk(b + 4 * PAGE), b + 4 * PAGE);
	check_eq(sys_brk((void *)0x400000), b + 4 * PAGE);
}

test(one_vma)
{
	char *b = up(sys_brk(NULL));
	struct map m;

	for (int i = 1; i <= 32; i++) {
		check_eq(sys_brk(b + i * PAGE), b + i * PAGE);
		b[(i - 1) * PAGE] = i;
	}
	check(map_find(0, b + 31 * PAGE, &m));
	check(m.start <= (unsigned long)b);
	check_eq(m.end, b + 32 * PAGE);
}

test(runs_into_mapping)
{
	char *b = up(sys_brk(NULL));

	check_eq(sys_mmap(b + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), b + 8 * PAGE);
	check_eq(sys_brk(b + 9 * PAGE), sys_brk(NULL));
	check_eq(sys_brk(b + 4 * PAGE), b + 4 * PAGE);
}

test(too_large)
{
	char *b = sys_brk(NULL);

	check_eq(sys_brk(b + (1UL << 46)), b);
	check_eq(sys_brk((void *)(1UL << 47)), b);
	check_eq(sys_brk((void *)0xffffffff80000000), b);
}

test(rlimit_data)
{
	struct rlimit rl;
	char *b = up(sys_brk(NULL)), *now;

	check_eq(sys_brk(b), b);
	rl.rlim_cur = rl.rlim_max = status_kb("VmData") * 1024 + 4 * PAGE;
	check_ok(setrlimit(RLIMIT_DATA, &rl));
	now = sys_brk(NULL);
	check_eq(sys_brk(b + 64 * PAGE), now);
	rl.rlim_cur = 1;
	check_ok(setrlimit(RLIMIT_DATA, &rl));
	check_eq(sys_brk(now + PAGE), now);
}

test(rlimit_as)
{
	struct rlimit rl;
	char *b = sys_brk(NULL);

	rl.rlim_cur = rl.rlim_max = status_kb("VmSize") * 1024 + 8 * PAGE;
	check_ok(setrlimit(RLIMIT_AS, &rl));
	check_eq(sys_brk(b + 64 * PAGE), b);
	check_eq(sys_brk(b + 4 * PAGE), b + 4 * PAGE);
}

test(inherited)
{
	char *b = up(sys_brk(NULL));
	pid_t pid;

	check_eq(sys_brk(b + 2 * PAGE), b + 2 * PAGE);
	fill(b, 2, 1);
	child(pid) {
		check_eq(sys_brk(NULL), b + 2 * PAGE);
		check_fill(b, 2, 1);
		check_eq(sys_brk(b + 5 * PAGE), b + 5 * PAGE);
		fill(b, 5, 9);
	}
	check_exit(pid, 0);
	check_eq(sys_brk(NULL), b + 2 * PAGE);
	check_fill(b, 2, 1);
}

fresh_test(fresh_after_exec)
{
	/* An execve()d program starts with an empty heap above its data. */
	extern char end[];
	char *b = sys_brk(NULL);

	check(b >= end);
	check(b < end + (1UL << 30) + (32UL << 20));
}

test(vm_data_follows)
{
	char *b = up(sys_brk(NULL));
	long before;

	check_eq(sys_brk(b), b);
	before = status_kb("VmData");
	check_eq(sys_brk(b + 100 * PAGE), b + 100 * PAGE);
	check_eq(status_kb("VmData") - before, 400);
}

test(unmapped_by_hand)
{
	char *b = up(sys_brk(NULL));

	check_eq(sys_brk(b + 4 * PAGE), b + 4 * PAGE);
	fill(b, 4, 1);
	check_ok(sys_munmap(b + PAGE, PAGE));
	check_eq(sys_brk(b + 6 * PAGE), b + 6 * PAGE);
	check_eq(b[0], 1);
	check_eq(b[2 * PAGE], 3);
	check_zero(b + 4 * PAGE, 2);
	check_eq(sys_brk(b), b);
	check_unmapped(b + 2 * PAGE);
}
