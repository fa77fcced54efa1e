/* A chain of forks five hundred deep: each process the child of the one before, all alive, or only the last. */
/* machine: smp=4 mem=512 slow */
#include "mm.h"

#define DEPTH	500
#define PAGES	8

/* The contents that generation G must see: each wrote its number into page g % PAGES. */
static int expected(int g, int page)
{
	int last = g - (g - page % PAGES + PAGES) % PAGES;

	return last < 0 ? -1 : last;
}

static void check_generation(volatile int *p, int g)
{
	for (int i = 0; i < PAGES; i++)
		check_eq(p[i * PAGE / sizeof(int)], expected(g, i));
}

static volatile int *first_generation(void)
{
	volatile int *p = (volatile int *)arena(0, PAGES);

	for (int i = 0; i < PAGES; i++)
		p[i * PAGE / sizeof(int)] = -1;
	return p;
}

slow_test(all_alive, 900)
{
	volatile int *p = first_generation();

	for (int g = 0; g < DEPTH; g++) {
		pid_t pid;

		p[g % PAGES * PAGE / sizeof(int)] = g;
		check_generation(p, g);
		pid = check_ok(fork());
		if (pid) {
			int status = reap(pid);

			/* Everybody below is gone; what this one sees has not changed. */
			check_generation(p, g);
			if (g)
				_exit(status ? 1 : 0);
			check_eq(status, 0);
			return;
		}
	}
	check_generation(p, DEPTH - 1);
	_exit(0);
}

slow_test(parents_go_first, 900)
{
	volatile int *p = first_generation();
	int fd[2];
	char c;

	check_ok(pipe(fd));
	for (int g = 0; g < DEPTH; g++) {
		pid_t pid;

		p[g % PAGES * PAGE / sizeof(int)] = g;
		pid = check_ok(fork());
		if (pid) {
			if (g)
				_exit(0);
			/* The first one waits for the last's word. */
			close(fd[1]);
			check_exit(pid, 0);
			check_eq(read(fd[0], &c, 1), 1);
			check_eq(c, 'k');
			return;
		}
		check_generation(p, g);
	}
	check_generation(p, DEPTH - 1);
	check_eq(write(fd[1], "k", 1), 1);
	_exit(0);
}

slow_test(every_generation_writes_the_same_page, 900)
{
	/* A5: identities stay few although every generation makes its own copy. */
	volatile int *p = first_generation();
	int fd[2];
	char c;

	check_ok(pipe(fd));
	for (int g = 0; g < DEPTH; g++) {
		pid_t pid;

		p[0] = g;
		pid = check_ok(fork());
		if (pid) {
			if (g)
				_exit(0);
			close(fd[1]);
			check_exit(pid, 0);
			check_eq(read(fd[0], &c, 1), 1);
			return;
		}
		check_eq(p[0], g);
	}
	check_eq(write(fd[1], "k", 1), 1);
	_exit(0);
}

slow_test(nobody_writes, 900)
{
	volatile int *p = first_generation();

	p[0] = 4711;
	for (int g = 0; g < DEPTH; g++) {
		pid_t pid = check_ok(fork());

		if (pid) {
			int status = reap(pid);

			check_eq(p[0], 4711);
			if (g)
				_exit(status ? 1 : 0);
			check_eq(status, 0);
			return;
		}
	}
	check_eq(p[0], 4711);
	p[0] = 1;
	_exit(0);
}
