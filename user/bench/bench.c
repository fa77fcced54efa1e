/*
 * The scoreboard: what operations cost, in ticks of the time-stamp counter, each a guest instruction under
 * QEMU's -icount shift=0.  One static program for every kernel, so that the columns compare.
 *
 *	bench		all rows
 *	bench 4 9	these
 *
 * prints `row N: VALUE name`; the value is `-` where the kernel lacks the operation.  A row is measured several
 * times and the median printed: a timer interrupt in one of them does not show, what every one pays does.
 * Nothing is mounted and nothing read; as Linux's init the program ends by switching the machine off.
 *
 * Each row makes what it needs, so that any can be asked for alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif
#ifndef PR_SET_THP_DISABLE
#define PR_SET_THP_DISABLE	41
#endif

#define PAGE	4096UL
#define MIB	(1UL << 20)
#define AREA	(16 * MIB)		/* what the rows by page work on */
#define VMAS	10000
#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define NONE	(-1.0)			/* the kernel has no such thing */

/* Far from everything else, on a 1 GiB border: what is mapped there has no neighbours and tables of its own. */
#define ARENA	((char *)0x100000000000UL)
#define OTHER	(ARENA + 256 * MIB)	/* under the same upper tables, as a malloc's blocks are */

static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

__attribute__((noreturn)) static void die(const char *what)
{
	printf("bench: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	if (getpid() == 1)
		sleep(1);
	exit(1);
}

static void must(long result, const char *what)
{
	if (result == -1)
		die(what);
}

/* ---- samples ---- */

#define SAMPLES	64

static uint64_t sample[SAMPLES];
static int samples;

static void take(uint64_t ticks)
{
	if (samples < SAMPLES)
		sample[samples++] = ticks;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The median of what was taken, by UNITS; forgets the samples. */
static double median(double units)
{
	uint64_t middle;

	qsort(sample, samples, sizeof(sample[0]), by_value);
	middle = sample[samples / 2];
	samples = 0;
	return middle / units;
}

/* The smallest one: for what another process may interrupt. */
static double smallest(void)
{
	uint64_t least = sample[0];

	for (int i = 1; i < samples; i++)
		if (sample[i] < least)
			least = sample[i];
	samples = 0;
	return least;
}

/* ---- what rows have in common ---- */

static char *map(char *at, size_t len)
{
	char *p = mmap(at, len, RW, ANON | (at ? MAP_FIXED : 0), -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void unmap(char *p, size_t len)
{
	must(munmap(p, len), "munmap");
}

static void touch(char *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		*(volatile char *)(p + i) = 1;
}

static void touch_for_reading(char *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		(void)*(volatile char *)(p + i);
}

static char *map_touched(char *at, size_t len)
{
	char *p = map(at, len);

	touch(p, len);
	return p;
}

/* A child that ends at once. */
static pid_t fork_ending(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	must(pid, "fork");
	return pid;
}

static void bury(pid_t pid)
{
	must(waitpid(pid, NULL, 0), "waitpid");
}

/* ---- 1: the way into the kernel and back ---- */

static double row_getppid(void)
{
	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 100; i++)
			syscall(SYS_getppid);
		take(now() - t);
	}
	return median(100);
}

/* ---- 2..3: one page ---- */

static double row_mmap_munmap(void)
{
	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 20; i++)
			unmap(map(NULL, PAGE), PAGE);
		take(now() - t);
	}
	return median(20);
}

static double row_mmap_write_munmap(void)
{
	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 20; i++)
			unmap(map_touched(NULL, PAGE), PAGE);
		take(now() - t);
	}
	return median(20);
}

/* ---- 4..8: 16 MiB, by page ---- */

static double row_write_fault(void)
{
	for (int s = 0; s < 5; s++) {
		char *p = map(ARENA, AREA);
		uint64_t t = now();

		touch(p, AREA);
		take(now() - t);
		unmap(p, AREA);
	}
	return median(AREA / PAGE);
}

static double row_read_fault(void)
{
	for (int s = 0; s < 5; s++) {
		char *p = map(ARENA, AREA);
		uint64_t t = now();

		touch_for_reading(p, AREA);
		take(now() - t);
		unmap(p, AREA);
	}
	return median(AREA / PAGE);
}

static double row_munmap_touched(void)
{
	for (int s = 0; s < 5; s++) {
		char *p = map_touched(ARENA, AREA);
		uint64_t t = now();

		unmap(p, AREA);
		take(now() - t);
	}
	return median(AREA / PAGE);
}

static double row_dontneed(void)
{
	char *p = map(ARENA, AREA);

	for (int s = 0; s < 5; s++) {
		uint64_t t;

		touch(p, AREA);
		t = now();
		must(madvise(p, AREA, MADV_DONTNEED), "MADV_DONTNEED");
		take(now() - t);
	}
	unmap(p, AREA);
	return median(AREA / PAGE);
}

static double row_populate_write(void)
{
	for (int s = 0; s < 5; s++) {
		char *p = map(ARENA, AREA);
		uint64_t t = now();

		must(madvise(p, AREA, MADV_POPULATE_WRITE), "MADV_POPULATE_WRITE");
		take(now() - t);
		unmap(p, AREA);
	}
	return median(AREA / PAGE);
}

/* ---- 9..13: fork ---- */

static double row_fork_exit_wait(void)
{
	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		bury(fork_ending());
		take(now() - t);
	}
	return median(1);
}

/* The parent's side alone, or until the child is buried, with RESIDENT bytes written. */
static double forks(size_t resident, int whole, int count)
{
	char *p = map_touched(ARENA, resident);

	for (int s = 0; s < count; s++) {
		uint64_t t;
		pid_t pid;

		touch(p, resident);
		t = now();
		pid = fork_ending();
		if (!whole)
			take(now() - t);
		bury(pid);
		if (whole)
			take(now() - t);
	}
	unmap(p, resident);
	return whole ? median(1) : smallest();
}

static double row_fork_1m(void)
{
	return forks(MIB, 0, 9);
}

static double row_fork_256m(void)
{
	return forks(256 * MIB, 0, 5);
}

static double row_fork_exit_wait_256m(void)
{
	return forks(256 * MIB, 1, 3);
}

static double row_cow_break(void)
{
	char *p = map_touched(ARENA, AREA);

	for (int s = 0; s < 5; s++) {
		uint64_t t;
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		must(pid, "fork");
		t = now();
		touch(p, AREA);
		take(now() - t);
		must(kill(pid, SIGKILL), "kill");
		bury(pid);
	}
	unmap(p, AREA);
	return median(AREA / PAGE);
}

/* ---- 14: split and merge ---- */

static double row_mprotect_pair(void)
{
	char *p = map_touched(ARENA, 3 * PAGE);

	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 20; i++) {
			must(mprotect(p + PAGE, PAGE, PROT_READ), "mprotect");
			must(mprotect(p + PAGE, PAGE, RW), "mprotect");
		}
		take(now() - t);
	}
	unmap(p, 3 * PAGE);
	return median(20);
}

/* ---- 15..17: mremap ---- */

static char *move(char *from, char *to, size_t len)
{
	char *p = mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	if (p == MAP_FAILED)
		die("mremap");
	return p;
}

static double moves(char *a, char *b)
{
	map_touched(a, AREA);
	for (int s = 0; s < 7; s++) {
		uint64_t t = now();

		move(a, b, AREA);
		take(now() - t);
		move(b, a, AREA);
	}
	unmap(a, AREA);
	return median(1);
}

static double row_mremap_aligned(void)
{
	return moves(ARENA, OTHER);
}

static double row_mremap_unaligned(void)
{
	return moves(ARENA, OTHER + 3 * PAGE);
}

static double row_mremap_grow_shrink(void)
{
	char *p = map_touched(ARENA, 4 * PAGE);

	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 20; i++) {
			if (mremap(p, 4 * PAGE, 8 * PAGE, 0) != p)
				die("mremap");
			if (mremap(p, 8 * PAGE, 4 * PAGE, 0) != p)
				die("mremap");
		}
		take(now() - t);
	}
	unmap(p, 4 * PAGE);
	return median(20);
}

/* ---- 18..21: ten thousand mappings ---- */

#define SPREAD	(2 * VMAS * PAGE)

/* VMAS mappings of a page each, by as many calls: every second page of an area without access becomes usable. */
static char *make_vmas(uint64_t *ticks)
{
	char *p = mmap(ARENA, SPREAD, PROT_NONE, ANON | MAP_FIXED, -1, 0);
	uint64_t t;

	if (p == MAP_FAILED)
		die("mmap");
	t = now();
	for (size_t i = 0; i < SPREAD; i += 2 * PAGE)
		must(mprotect(p + i, PAGE, RW), "mprotect");
	*ticks = now() - t;
	return p;
}

static void touch_vmas(char *p)
{
	for (size_t i = 0; i < SPREAD; i += 2 * PAGE)
		*(volatile char *)(p + i) = 1;
}

static double row_many_vmas(void)
{
	for (int s = 0; s < 3; s++) {
		uint64_t t;
		char *p = make_vmas(&t);

		take(t);
		unmap(p, SPREAD);
	}
	return median(VMAS);
}

static double row_first_faults(void)
{
	for (int s = 0; s < 3; s++) {
		uint64_t t;
		char *p = make_vmas(&t);

		t = now();
		touch_vmas(p);
		take(now() - t);
		unmap(p, SPREAD);
	}
	return median(VMAS);
}

static double row_fork_many_vmas(void)
{
	uint64_t t;
	char *p = make_vmas(&t);

	for (int s = 0; s < 3; s++) {
		touch_vmas(p);
		t = now();
		bury(fork_ending());
		take(now() - t);
	}
	unmap(p, SPREAD);
	return median(1);
}

static double row_munmap_many_vmas(void)
{
	for (int s = 0; s < 3; s++) {
		uint64_t t;
		char *p = make_vmas(&t);

		touch_vmas(p);
		t = now();
		unmap(p, SPREAD);
		take(now() - t);
	}
	return median(VMAS);
}

/* ---- 22..24: guard regions ---- */

static double row_guard_pair(void)
{
	char *p = map(ARENA, 8 * PAGE);

	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 20; i++) {
			if (madvise(p + PAGE, PAGE, MADV_GUARD_INSTALL)) {
				unmap(p, 8 * PAGE);
				samples = 0;
				return NONE;
			}
			must(madvise(p + PAGE, PAGE, MADV_GUARD_REMOVE), "MADV_GUARD_REMOVE");
		}
		take(now() - t);
	}
	unmap(p, 8 * PAGE);
	return median(20);
}

static double guards(int removing)
{
	for (int s = 0; s < 5; s++) {
		char *p = map(ARENA, AREA);
		uint64_t t = now();

		if (madvise(p, AREA, MADV_GUARD_INSTALL)) {
			unmap(p, AREA);
			samples = 0;
			return NONE;
		}
		if (!removing)
			take(now() - t);
		t = now();
		must(madvise(p, AREA, MADV_GUARD_REMOVE), "MADV_GUARD_REMOVE");
		if (removing)
			take(now() - t);
		unmap(p, AREA);
	}
	return median(AREA / PAGE);
}

static double row_guard_install(void)
{
	return guards(0);
}

static double row_guard_remove(void)
{
	return guards(1);
}

/* ---- 25: two processes ---- */

static double row_ping_pong(void)
{
	int there[2], back[2];
	pid_t pid;
	char c = 0;

	must(pipe(there), "pipe");
	must(pipe(back), "pipe");
	pid = fork();
	must(pid, "fork");
	if (pid == 0) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1)
			must(write(back[1], &c, 1), "write");
		_exit(0);
	}
	for (int s = 0; s < 15; s++) {
		uint64_t t = now();

		for (int i = 0; i < 50; i++) {
			must(write(there[1], &c, 1), "write");
			must(read(back[0], &c, 1), "read");
		}
		take(now() - t);
	}
	close(there[0]);
	close(there[1]);
	close(back[0]);
	close(back[1]);
	bury(pid);
	return median(50);
}

/* ---- the table ---- */

static const struct {
	const char *name;
	double (*measure)(void);
} rows[] = {
	{ "getppid", row_getppid },
	{ "mmap + munmap 4 KiB, untouched (pair)", row_mmap_munmap },
	{ "mmap + write + munmap 4 KiB", row_mmap_write_munmap },
	{ "anonymous write fault, per page, 16 MiB", row_write_fault },
	{ "anonymous read fault (zero page)", row_read_fault },
	{ "munmap of touched memory, per page", row_munmap_touched },
	{ "MADV_DONTNEED, per page", row_dontneed },
	{ "MADV_POPULATE_WRITE, per page", row_populate_write },
	{ "fork + exit + wait, tiny static process", row_fork_exit_wait },
	{ "fork, parent side, 1 MiB resident", row_fork_1m },
	{ "fork, parent side, 256 MiB resident", row_fork_256m },
	{ "fork + exit + wait, 256 MiB resident", row_fork_exit_wait_256m },
	{ "COW break in the parent, per page", row_cow_break },
	{ "mprotect of the middle page and back (pair)", row_mprotect_pair },
	{ "mremap move 16 MiB, both 2 MiB-aligned", row_mremap_aligned },
	{ "mremap move 16 MiB, unaligned", row_mremap_unaligned },
	{ "mremap grow + shrink in place (pair)", row_mremap_grow_shrink },
	{ "10,000 VMAs by mprotect, per VMA", row_many_vmas },
	{ "first fault among 10,000 VMAs", row_first_faults },
	{ "fork + exit + wait, 10,000 faulted VMAs", row_fork_many_vmas },
	{ "munmap of 10,000 VMAs, per VMA", row_munmap_many_vmas },
	{ "guard install + remove, one page (pair)", row_guard_pair },
	{ "guard install, per page, 16 MiB", row_guard_install },
	{ "guard remove, per page, 16 MiB", row_guard_remove },
	{ "pipe ping-pong round trip", row_ping_pong },
};

#define ROWS	((int)(sizeof(rows) / sizeof(rows[0])))

static void run(int number)
{
	double value = rows[number - 1].measure();

	if (value < 0)
		printf("row %d: - %s\n", number, rows[number - 1].name);
	else
		printf("row %d: %.1f %s\n", number, value, rows[number - 1].name);
	fflush(stdout);
}

/* Linux's init may not end: switch the machine off.  Quire reports the status of its first program itself. */
static int finish(void)
{
	if (getpid() == 1 && access("/sys/kernel/mm/quire", F_OK)) {
		sync();
		reboot(RB_POWER_OFF);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int chosen = 0;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);	/* large pages would be another benchmark */
	if (getpid() == 1)
		sleep(5);			/* a kernel that has just started has threads at work */
	for (int i = 1; i < argc; i++) {
		int number = atoi(argv[i]);

		if (number < 1 || number > ROWS)
			continue;	/* Linux hands its own words to its init too */
		chosen++;
		run(number);
	}
	for (int number = 1; !chosen && number <= ROWS; number++)
		run(number);
	return finish();
}
