/*
 * Unit tests of mm/ on the simulated machine.
 *
 * A file NAME_test.c becomes a program of its own: TEST(case) { CHECK(...); CHECK_EQ(got, want); }. After every case
 * all invariants are checked, and no frame and no object may be left over. Output is KTAP; exit status 0 when all
 * passed. Arguments choose cases; SEED=n in the environment starts the random numbers elsewhere.
 */
#ifndef MM_TEST_HARNESS_H
#define MM_TEST_HARNESS_H

#include "arch/host/host.h"
#include "kernel/printk.h"

struct test_case {
	const char *name;
	void (*run)(void);
	bool no_leak_check; /* the case keeps what it allocates: caches */
};

#define TEST_CASE(ident, ...)                                                                      \
	static void test_##ident(void);                                                            \
	static const struct test_case case_##ident __attribute__((used, section("test_cases"), aligned(8))) = {      \
		.name = #ident, .run = test_##ident, __VA_ARGS__                                   \
	};                                                                                         \
	static void test_##ident(void)
#define TEST(ident) TEST_CASE(ident)
#define TEST_KEEPS(ident) TEST_CASE(ident, .no_leak_check = true)

void test_failed(const char *file, int line, const char *fmt, ...) __printf(3, 4);
bool test_has_failed(void); /* the running case */

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			test_failed(__FILE__, __LINE__, "%s", #cond);                              \
	} while (0)
#define CHECK_EQ(got, want)                                                                        \
	do {                                                                                       \
		long got_ = (long)(got), want_ = (long)(want);                                     \
		if (got_ != want_)                                                                 \
			test_failed(__FILE__, __LINE__, "%s is %ld (0x%lx), not %ld (0x%lx)", #got, got_, got_, want_,   \
				    want_);                                                        \
	} while (0)
/* A checker's verdict: NULL is good. */
#define CHECK_NULL(sentence)                                                                       \
	do {                                                                                       \
		const char *wrong_ = (sentence);                                                   \
		if (wrong_)                                                                        \
			test_failed(__FILE__, __LINE__, "%s", wrong_);                             \
	} while (0)

u64 test_random(void);
static inline u64 test_below(u64 n)
{
	return test_random() % n;
}

#endif
