/* Many mappings: random operations against a model page by page, 50,000 mappings, and finding room among them. */
/* machine: smp=1 mem=512 slow */
#include "mm.h"

#define PAGES	4096
#define BASE	((char *)ARENA)

/* The model: what is at each page. */
enum { HOLE, NONE, READ, WRITE };
static unsigned char kind[PAGES];
static unsigned char value[PAGES];	/* the first byte of the page */

static unsigned int seed;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

static const int prot_of[] = { -1, PROT_NONE, PROT_READ, RW };

/* /proc/self/maps must say exactly what the model says. */
static void check_model(int step)
{
	static unsigned char now[PAGES];
	struct lines l;
	struct map m;

	memset(now, HOLE, sizeof(now));
	lines_open(&l, "/proc/self/maps");
	while (lines_next(&l)) {
		if (!map_parse(l.line, &m) || m.start < ARENA || m.start >= ARENA + PAGES * PAGE)
			continue;
		for (unsigned long a = m.start; a < m.end; a += PAGE)
			now[(a - ARENA) / PAGE] = m.perm[1] == 'w' ? WRITE : m.perm[0] == 'r' ? READ : NONE;
	}
	for (int i = 0; i < PAGES; i++)
		if (now[i] != kind[i])
			fail("step %d: page %d is %d, want %d", step, i, now[i], kind[i]);
}

static void check_values(int step)
{
	for (int i = 0; i < PAGES; i++)
		if (kind[i] >= READ && (unsigned char)BASE[i * PAGE] != value[i])
			fail("step %d: page %d holds %d, want %d", step, i, (unsigned char)BASE[i * PAGE], value[i]);
}

static void do_mmap(int at, int n, int k)
{
	check_eq(sys_mmap(BASE + at * PAGE, n * PAGE, prot_of[k], ANON | MAP_FIXED, -1, 0), BASE + at * PAGE);
	memset(kind + at, k, n);
	memset(value + at, 0, n);
}

static void do_munmap(int at, int n)
{
	check_ok(sys_munmap(BASE + at * PAGE, n * PAGE));
	memset(kind + at, HOLE, n);
	memset(value + at, 0, n);
}

static void do_mprotect(int at, int n, int k)
{
	int got = sys_mprotect(BASE + at * PAGE, n * PAGE, prot_of[k]), i;

	/* Up to the first hole. */
	for (i = 0; i < n && kind[at + i] != HOLE; i++)
		kind[at + i] = k;
	check_eq(got, i == n ? 0 : -1);
}

static void do_write(int at, int n)
{
	for (int i = at; i < at + n; i++)
		if (kind[i] == WRITE)
			BASE[i * PAGE] = value[i] = 1 + rnd(255);
}

static void do_dontneed(int at, int n)
{
	sys_madvise(BASE + at * PAGE, n * PAGE, MADV_DONTNEED);
	for (int i = at; i < at + n; i++)
		value[i] = 0;
}

static void do_mremap(int at, int n, int to)
{
	int k = kind[at];

	if (k == HOLE || (to < at + n && at < to + n))
		return;
	for (int i = 0; i < n; i++)
		if (kind[at + i] != k)
			return;
	check_eq(sys_mremap(BASE + at * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, BASE + to * PAGE),
		 BASE + to * PAGE);
	memcpy(value + to, value + at, n);
	memset(kind + to, k, n);
	memset(kind + at, HOLE, n);
	memset(value + at, 0, n);
}

static void step(void)
{
	int n = 1 + rnd(rnd(4) ? 8 : 200), at = rnd(PAGES - n), op = rnd(16), k = 1 + rnd(3);

	if (op < 5)
		do_mmap(at, n, k);
	else if (op < 8)
		do_munmap(at, n);
	else if (op < 11)
		do_mprotect(at, n, k);
	else if (op < 13)
		do_write(at, n);
	else if (op < 14)
		do_dontneed(at, n);
	else
		do_mremap(at, n, rnd(PAGES - n));
}

static void run(int steps, unsigned int s)
{
	seed = s;
	for (int i = 0; i < steps; i++) {
		step();
		if (i % 100 == 0)
			check_model(i);
		if (i % 500 == 0)
			check_values(i);
	}
	check_model(steps);
	check_values(steps);
	do_munmap(0, PAGES);
	check_model(steps + 1);
}

slow_test(random_operations, 600)
{
	run(3000, 1);
}

slow_test(random_operations_after_fork, 600)
{
	/* Parent and child go on differently from the same memory. */
	pid_t pid;

	seed = 7;
	for (int i = 0; i < 1000; i++)
		step();
	child(pid) {
		check_values(0);
		run(1000, 8);
	}
	for (int i = 0; i < 1000; i++)
		step();
	check_model(1000);
	check_values(1000);
	check_exit(pid, 0);
}

/* Map COUNT single pages, every second one, so that none merge. */
static void map_many(int count)
{
	for (int i = 0; i < count; i++) {
		char *p = BASE + 2 * (size_t)((i * 7919L) % count) * PAGE;

		check_eq(sys_mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), p);
	}
}

slow_test(fifty_thousand, 900)
{
	int count = 50000;

	map_many(count);
	check_eq(map_count(BASE, 2UL * count * PAGE), count);
	/* Each is found. */
	for (int i = 0; i < count; i += 997) {
		char *p = BASE + 2UL * i * PAGE;

		*p = (char)i;
		check_maperr(fault_read(p + PAGE), p + PAGE);
	}
	for (int i = 0; i < count; i += 997)
		check_eq(BASE[2UL * i * PAGE], (char)i);
	check_ok(sys_munmap(BASE, 2UL * count * PAGE));
	check_eq(map_count(BASE, 2UL * count * PAGE), 0);
}

slow_test(fifty_thousand_one_by_one, 900)
{
	int count = 50000;

	map_many(count);
	for (int i = 0; i < count; i++)
		check_ok(sys_munmap(BASE + 2 * (size_t)((i * 6121L) % count) * PAGE, PAGE));
	check_eq(map_count(BASE, 2UL * count * PAGE), 0);
}

slow_test(fifty_thousand_forked, 900)
{
	int count = 50000;
	pid_t pid;

	map_many(count);
	for (int i = 0; i < count; i += 100)
		BASE[2UL * i * PAGE] = (char)(i / 100);
	child(pid) {
		check_eq(map_count(BASE, 2UL * count * PAGE), count);
		for (int i = 0; i < count; i += 100)
			check_eq(BASE[2UL * i * PAGE], (char)(i / 100));
	}
	check_exit(pid, 0);
}

slow_test(halves_of_one_mapping, 900)
{
	/* The bench's shape: one mapping cut by mprotect of every second page, and made one again. */
	int count = 20000;
	char *p = arena(0, count);

	for (int i = 1; i < count; i += 2)
		check_ok(sys_mprotect(p + i * PAGE, PAGE, PROT_READ));
	check_eq(map_count(p, count * PAGE), count);
	for (int i = 1; i < count; i += 2)
		check_ok(sys_mprotect(p + i * PAGE, PAGE, RW));
	check_map(p, count, "rw-p");
}

slow_test(room_among_many, 600)
{
	/* Holes of one page everywhere, one of five: that is where five pages go. */
	int count = 3000;
	char *low = NULL, *p[64];

	map_many(count);
	for (int i = 0; i < 64; i++) {
		p[i] = check_ok(sys_mmap(NULL, (1 + i % 9) * PAGE, PROT_NONE, ANON, -1, 0));
		for (int j = 0; j < i; j++)
			check(p[i] + (1 + i % 9) * PAGE <= p[j] || p[j] + (1 + j % 9) * PAGE <= p[i]);
		if (!low || p[i] < low)
			low = p[i];
	}
	/* A hint inside a hole that fits is taken; one that does not fit is not. */
	check_eq(sys_mmap(BASE + 101 * PAGE, PAGE, RW, ANON, -1, 0), BASE + 101 * PAGE);
	check(sys_mmap(BASE + 103 * PAGE, 2 * PAGE, RW, ANON, -1, 0) != BASE + 103 * PAGE);
}

slow_test(first_fit_among_holes, 600)
{
	/* No multiple of 2 MiB: such a mapping would be aligned, with room above it. */
	char *area = check_ok(sys_mmap(NULL, 4095 * PAGE, PROT_NONE, ANON, -1, 0));
	int hole[] = { 100, 500, 900, 2000, 3000 }, size[] = { 9, 3, 7, 5, 2 };
	char *p;

	for (int i = 0; i < 5; i++)
		check_ok(sys_munmap(area + hole[i] * PAGE, size[i] * PAGE));
	/* The highest hole that is large enough, at its upper end. */
	p = anon(2);
	check_eq(p, area + 3000 * PAGE);
	p = anon(3);
	check_eq(p, area + 2002 * PAGE);
	p = anon(7);
	check_eq(p, area + 900 * PAGE);
	p = anon(8);
	check_eq(p, area + 101 * PAGE);
	p = anon(1);
	check_eq(p, area + 2001 * PAGE);
	p = anon(3);
	check_eq(p, area + 500 * PAGE);
}
