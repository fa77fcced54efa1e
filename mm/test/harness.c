/* See harness.h. */
#include "mm/test/harness.h"
#include "arch/host/linux.h"
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/slab.h"

#define RAM (64UL << 20)

extern const struct test_case __start_test_cases[], __stop_test_cases[];

static int failures; /* of the running case */
static u64 random_state = 1;

static void say(const char *fmt, ...) __printf(1, 2);
static void say(const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	linux_write(1, text, strlen(text));
}

void test_failed(const char *file, int line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (failures++ < 20)
		say("# %s:%d: %s\n", file, line, text);
}

bool test_has_failed(void)
{
	return failures;
}

/* xorshift64* (Vigna, 2016) */
u64 test_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

/* ---- What is in use, with nothing held back ---- */

#define CACHES_MAX 64

struct census {
	unsigned long free;
	unsigned long active[CACHES_MAX];
	const char *name[CACHES_MAX];
};

static void take_census(struct census *c)
{
	struct buddy_stats b;
	struct slab_stats s;

	memset(c, 0, sizeof(*c));
	kmem_cache_reap_all();
	pcp_drain_all();
	buddy_stats(&b);
	c->free = b.free;
	for (unsigned int i = 0; i < CACHES_MAX && kmem_cache_stats_nth(i, &s); i++) {
		c->active[i] = s.active;
		c->name[i] = s.name;
	}
}

static void compare_census(const struct census *before, const struct census *after)
{
	for (unsigned int i = 0; i < CACHES_MAX; i++)
		if (after->active[i] != before->active[i])
			test_failed("leak", 0, "%s: %ld objects left", after->name[i],
				    (long)(after->active[i] - before->active[i]));
	if (after->free != before->free)
		test_failed("leak", 0, "%ld frames left", (long)(before->free - after->free));
}

/* ---- Running ---- */

static void run_case(const struct test_case *t, unsigned int number)
{
	static struct census before, after;
	int broken;

	failures = 0;
	take_census(&before);
	t->run();
	host_run(NULL);
	broken = host_check();
	if (broken)
		test_failed("host_check", 0, "%d invariants are broken at the end", broken);
	take_census(&after);
	if (!t->no_leak_check)
		compare_census(&before, &after);
	say("%sok %u %s\n", failures ? "not " : "", number, t->name);
}

static bool chosen(const struct test_case *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], t->name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned int total = 0, number = 0, failed = 0;
	const char *seed = linux_env("SEED");

	if (seed && (parse_u64(seed, NULL, &random_state) || !random_state)) {
		say("SEED is no number but 0: %s\n", seed);
		return 2;
	}
	host_boot(RAM);
	for (const struct test_case *t = __start_test_cases; t < __stop_test_cases; t++)
		total += chosen(t, argc, argv);
	say("KTAP version 1\n1..%u\n", total);
	for (const struct test_case *t = __start_test_cases; t < __stop_test_cases; t++) {
		if (!chosen(t, argc, argv))
			continue;
		run_case(t, ++number);
		failed += failures != 0;
	}
	if (failed)
		say("# %u of %u failed\n", failed, total);
	return failed != 0;
}
