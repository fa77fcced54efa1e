/* Copy on write: who sees what after fork, who owns a page, when it is reused. */
#include "mm.h"

#define at(n)	((char *)ARENA + (n) * PAGE)

/* Meeting point of two processes: step(n) waits until the other has announced n. */
static volatile int *steps;

static void steps_init(void)
{
	steps = (volatile int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
}

static void announce(int n)
{
	__atomic_store_n(steps, n, __ATOMIC_SEQ_CST);
}

static void await(int n)
{
	while (__atomic_load_n(steps, __ATOMIC_SEQ_CST) < n)
		usleep(500);
}

#define pfn(p)	(pagemap(p) & PM_PFN)

test(child_sees_the_parents)
{
	char *p = anon(8);
	pid_t pid;

	fill(p, 8, 1);
	child(pid) {
		check_fill(p, 8, 1);
	}
	check_exit(pid, 0);
}

test(child_writes)
{
	char *p = anon(8);
	pid_t pid;

	fill(p, 8, 1);
	child(pid) {
		fill(p, 8, 50);
		check_fill(p, 8, 50);
	}
	check_exit(pid, 0);
	check_fill(p, 8, 1);
}

test(parent_writes)
{
	char *p = anon(8);
	pid_t pid;

	steps_init();
	fill(p, 8, 1);
	child(pid) {
		await(1);
		check_fill(p, 8, 1);
	}
	fill(p, 8, 50);
	announce(1);
	check_exit(pid, 0);
	check_fill(p, 8, 50);
}

test(both_write)
{
	char *p = anon(8);
	pid_t pid;

	steps_init();
	fill(p, 8, 1);
	child(pid) {
		fill(p, 8, 30);
		announce(1);
		await(2);
		check_fill(p, 8, 30);
	}
	await(1);
	fill(p, 8, 60);
	announce(2);
	check_exit(pid, 0);
	check_fill(p, 8, 60);
}

test(rest_of_the_page_is_copied)
{
	char *p = anon(1);
	pid_t pid;

	for (size_t i = 0; i < PAGE; i++)
		p[i] = (char)(i * 7);
	child(pid) {
		p[100] = 1;
		for (size_t i = 0; i < PAGE; i++)
			check_eq(p[i], i == 100 ? 1 : (char)(i * 7));
	}
	check_exit(pid, 0);
	check_eq(p[100], (char)700);
}

test(untouched_pages_are_not_shared)
{
	char *p = anon(4);
	pid_t pid;

	p[0] = 1;
	child(pid) {
		check_eq(present_count(p, 4), 1);
		p[PAGE] = 2;
	}
	check_exit(pid, 0);
	check_eq(p[PAGE], 0);
}

test(one_frame_while_shared)
{
	char *p = anon(1);
	uint64_t before;
	pid_t pid;

	need_root();
	p[0] = 1;
	before = pfn(p);
	child(pid) {
		check_eq(pfn(p), before);
		check(!(pagemap(p) & PM_EXCLUSIVE));
		p[0] = 2;
		check(pfn(p) != before);
		check(pagemap(p) & PM_EXCLUSIVE);
	}
	check_exit(pid, 0);
	check_eq(pfn(p), before);
	check_eq(p[0], 1);
}

test(last_owner_reuses)
{
	/* When the child is gone the parent's write needs no copy. */
	char *p = anon(4);
	uint64_t before[4];
	pid_t pid;

	need_root();
	fill(p, 4, 1);
	for (int i = 0; i < 4; i++)
		before[i] = pfn(p + i * PAGE);
	child(pid) {
	}
	check_exit(pid, 0);
	fill(p, 4, 9);
	for (int i = 0; i < 4; i++)
		check_eq(pfn(p + i * PAGE), before[i]);
}

test(child_inherits_the_frame)
{
	/* The parent copied and let go: the child's write reuses. */
	char *p = anon(1);
	uint64_t before;
	pid_t pid;

	need_root();
	steps_init();
	p[0] = 1;
	before = pfn(p);
	child(pid) {
		await(1);
		check_eq(p[0], 1);
		p[0] = 3;
		check_eq(pfn(p), before);
	}
	p[0] = 2;
	check(pfn(p) != before);
	announce(1);
	check_exit(pid, 0);
	check_eq(p[0], 2);
}

test(exclusive_bit)
{
	char *p = anon(1);
	pid_t pid;

	p[0] = 1;
	check(pagemap(p) & PM_EXCLUSIVE);
	steps_init();
	child(pid) {
		await(1);
	}
	check(!(pagemap(p) & PM_EXCLUSIVE));
	announce(1);
	check_exit(pid, 0);
}

test(read_only_mapping)
{
	char *p = anon(2);
	pid_t pid;

	fill(p, 2, 1);
	check_ok(sys_mprotect(p, 2 * PAGE, PROT_READ));
	child(pid) {
		check_accerr(fault_write(p), p);
		check_fill(p, 2, 1);
		check_ok(sys_mprotect(p, 2 * PAGE, RW));
		fill(p, 2, 9);
	}
	check_exit(pid, 0);
	check_fill(p, 2, 1);
	check_accerr(fault_write(p), p);
}

test(zero_page)
{
	char *p = anon(2);
	pid_t pid;

	check_eq(p[0] + p[PAGE], 0);
	child(pid) {
		p[0] = 1;
		check_eq(p[PAGE], 0);
	}
	check_exit(pid, 0);
	check_eq(p[0], 0);
	p[0] = 2;
	check_eq(p[PAGE], 0);
}

test(shared_mapping_is_not_copied)
{
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, SHANON, -1, 0));
	pid_t pid;

	p[0] = 1;
	child(pid) {
		p[0] = 2;
		p[PAGE] = 3;
	}
	check_exit(pid, 0);
	check_eq(p[0], 2);
	check_eq(p[PAGE], 3);
}

test(private_file)
{
	int fd = temp_file(3 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0));
	pid_t pid;

	p[0] = 50;
	check_eq(p[PAGE], 2);
	child(pid) {
		check_eq(p[0], 50);
		p[0] = 60;
		p[PAGE] = 61;
		check_eq(p[2 * PAGE], 3);
	}
	check_exit(pid, 0);
	check_eq(p[0], 50);
	check_eq(p[PAGE], 2);
}

test(generations)
{
	/* Five generations, each writes one page of its own; all see the right mixture. */
	char *p = anon(6);

	fill(p, 6, 0);
	for (int i = 0; i < 6; i++)
		p[i * PAGE] = 100;
	for (int g = 0; g < 5; g++) {
		pid_t pid = check_ok(fork());

		if (pid) {
			check_exit(pid, 0);
			for (int i = 0; i < 6; i++)
				check_eq(p[i * PAGE], i < g ? i : 100);
			if (g)
				_exit(0);
			return;
		}
		p[g * PAGE] = g;
		for (int i = 0; i < 6; i++)
			check_eq(p[i * PAGE], i <= g ? i : 100);
	}
	_exit(0);
}

test(parent_exits_first)
{
	char *p = anon(16);
	int fd[2];
	char c;
	pid_t pid, inner;

	check_ok(pipe(fd));
	fill(p, 16, 1);
	child(pid) {
		pid_t parent = getpid();

		child(inner) {
			/* Outlives its parent, and what that wrote. */
			while (getppid() == parent)
				usleep(500);
			usleep(5000);
			check_fill(p, 16, 1);
			fill(p, 16, 70);
			check_fill(p, 16, 70);
			check_eq(write(fd[1], "k", 1), 1);
		}
		p[0] = 99;
	}
	check_exit(pid, 0);
	close(fd[1]);
	check_eq(read(fd[0], &c, 1), 1);
	check_fill(p, 16, 1);
}

test(many_children_of_one_page)
{
	char *p = anon(1);
	pid_t pid[50];

	p[0] = 42;
	for (int i = 0; i < 50; i++) {
		child(pid[i]) {
			check_eq(p[0], 42);
			p[0] = i;
			check_eq(p[0], i);
		}
	}
	p[0] = 43;
	for (int i = 0; i < 50; i++)
		check_exit(pid[i], 0);
	check_eq(p[0], 43);
}

test(fork_of_a_split_mapping)
{
	char *p = arena(0, 9);
	pid_t pid;

	fill(p, 9, 1);
	for (int i = 0; i < 9; i += 3)
		check_ok(sys_mprotect(p + i * PAGE, PAGE, PROT_READ));
	child(pid) {
		check_fill(p, 9, 1);
		check_accerr(fault_write(p), p);
		p[PAGE] = 99;
		check_ok(sys_mprotect(p, 9 * PAGE, RW));
		p[0] = 98;
		check_eq(p[PAGE], 99);
	}
	check_exit(pid, 0);
	check_fill(p, 9, 1);
}

test(unmap_of_what_faulted_first)
{
	char *p = arena(0, 8);
	pid_t pid;

	fill(p, 8, 1);
	check_ok(sys_mprotect(p + 4 * PAGE, 4 * PAGE, PROT_READ));
	check_ok(sys_munmap(p, 4 * PAGE));
	child(pid) {
		check_fill(p + 4 * PAGE, 4, 5);
		check_ok(sys_mprotect(p + 4 * PAGE, 4 * PAGE, RW));
		fill(p + 4 * PAGE, 4, 50);
	}
	check_exit(pid, 0);
	check_fill(p + 4 * PAGE, 4, 5);
}

test(pss_and_shared_are_counted)
{
	char *p = arena(0, 64);
	pid_t pid;

	fill(p, 64, 1);
	check_eq(smaps_kb(p, "Private_Dirty"), 256);
	check_eq(smaps_kb(p, "Pss"), 256);
	steps_init();
	child(pid) {
		announce(1);
		await(2);
	}
	await(1);
	check_eq(smaps_kb(p, "Rss"), 256);
	check_eq(smaps_kb(p, "Shared_Dirty"), 256);
	check_eq(smaps_kb(p, "Private_Dirty"), 0);
	check_eq(smaps_kb(p, "Pss"), 128);
	check_eq(smaps_kb(p, "Anonymous"), 256);
	fill(p, 16, 2);
	check_eq(smaps_kb(p, "Private_Dirty"), 64);
	announce(2);
	check_exit(pid, 0);
	check_eq(smaps_kb(p, "Private_Dirty"), 256);
}

test(dontneed_in_one)
{
	char *p = anon(4);
	pid_t pid;

	steps_init();
	fill(p, 4, 1);
	child(pid) {
		check_ok(sys_madvise(p, 4 * PAGE, MADV_DONTNEED));
		check_zero(p, 4);
		fill(p, 4, 20);
		announce(1);
		await(2);
		check_fill(p, 4, 20);
	}
	await(1);
	check_fill(p, 4, 1);
	fill(p, 4, 30);
	announce(2);
	check_exit(pid, 0);
}

test(large)
{
	size_t pages = 1500;
	char *p = arena(300, pages);
	pid_t pid;

	fill(p, pages, 1);
	child(pid) {
		check_fill(p, pages, 1);
		for (size_t i = 0; i < pages; i += 3)
			p[i * PAGE] = 77;
		for (size_t i = 0; i < pages; i++)
			check_eq(p[i * PAGE], i % 3 ? (char)(1 + i) : 77);
	}
	check_exit(pid, 0);
	check_fill(p, pages, 1);
}

test(vfork_shares)
{
	volatile char *p = anon(1);
	pid_t pid;

	p[0] = 1;
	pid = vfork();
	if (pid == 0) {
		p[0] = 2;
		_exit(0);
	}
	check_exit(pid, 0);
	check_eq(p[0], 2);
}
