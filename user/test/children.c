/* One page, a thousand children at once: all map it, some write it, they and the parent go in any order. */
/* machine: smp=4 mem=512 slow */
#include "mm.h"

#define N	1000

static volatile int *board;	/* shared: how many are ready, and the word to go on */

static void board_init(void)
{
	board = (volatile int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
}

static void ready_and_wait(int word)
{
	__atomic_fetch_add(&board[0], 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&board[1], __ATOMIC_SEQ_CST) < word)
		usleep(20000);
}

static void wait_ready(int n)
{
	while (__atomic_load_n(&board[0], __ATOMIC_SEQ_CST) < n)
		usleep(5000);
}

static void say(int word)
{
	__atomic_store_n(&board[1], word, __ATOMIC_SEQ_CST);
}

static void bury(int n)
{
	for (int i = 0; i < n; i++) {
		int status;

		check(waitpid(-1, &status, 0) > 0);
		check_eq(status, 0);
	}
}

slow_test(all_read, 900)
{
	char *p = anon(1);
	uint64_t frame;

	p[0] = 42;
	frame = pagemap(p) & PM_PFN;
	board_init();
	for (int i = 0; i < N; i++) {
		pid_t pid;

		child(pid) {
			ready_and_wait(1);
			check_eq(p[0], 42);
			check_eq(pagemap(p) & PM_PFN, frame);
		}
	}
	wait_ready(N);
	check_eq(pagemap(p) & PM_PFN, frame);
	check(!(pagemap(p) & PM_EXCLUSIVE));
	check_eq(smaps_kb(p, "Pss"), 0);
	say(1);
	bury(N);
	check_eq(p[0], 42);
	check(pagemap(p) & PM_EXCLUSIVE);
}

slow_test(all_write, 900)
{
	char *p = anon(1);

	p[0] = 42;
	board_init();
	for (int i = 0; i < N; i++) {
		pid_t pid;

		child(pid) {
			ready_and_wait(1);
			check_eq(p[0], 42);
			p[0] = (char)i;
			p[PAGE - 1] = (char)(i >> 8);
			check_eq(p[0], (char)i);
		}
	}
	wait_ready(N);
	p[0] = 43;
	say(1);
	bury(N);
	check_eq(p[0], 43);
	check_eq(p[PAGE - 1], 0);
}

slow_test(parent_goes_first, 900)
{
	int fd[2], n = 0, got;
	char buf[256];
	char *p = anon(1);
	pid_t pid, inner;

	check_ok(pipe(fd));
	p[0] = 42;
	board_init();
	child(pid) {
		for (int i = 0; i < N / 4; i++) {
			child(inner) {
				close(fd[0]);
				ready_and_wait(1);
				check_eq(p[0], 42);
				p[0] = (char)i;
				check_eq(write(fd[1], "k", 1), 1);
			}
		}
		wait_ready(N / 4);
		p[0] = 1;
	}
	check_exit(pid, 0);
	close(fd[1]);
	say(1);
	while ((got = read(fd[0], buf, sizeof(buf))) > 0)
		n += got;
	check_eq(n, N / 4);
	check_eq(p[0], 42);
}

slow_test(children_unmap_split_and_move, 900)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	board_init();
	for (int i = 0; i < N / 4; i++) {
		pid_t pid;

		child(pid) {
			ready_and_wait(1);
			switch (i % 4) {
			case 0:
				check_ok(sys_munmap(p + PAGE, PAGE));
				break;
			case 1:
				check_ok(sys_mprotect(p + PAGE, PAGE, PROT_READ));
				break;
			case 2:
				check_ok(sys_mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
						    p + 64 * PAGE));
				check_eq(p[64 * PAGE], 2);
				break;
			case 3:
				check_ok(sys_madvise(p + PAGE, PAGE, MADV_DONTNEED));
				check_eq(p[PAGE], 0);
				break;
			}
			check_eq(p[0] + p[2 * PAGE] + p[3 * PAGE], 8);
		}
	}
	wait_ready(N / 4);
	say(1);
	bury(N / 4);
	check_fill(p, 4, 1);
}
