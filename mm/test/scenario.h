/* Shorthand of the scenario tests: every step is followed by all checks. */
#ifndef MM_TEST_SCENARIO_H
#define MM_TEST_SCENARIO_H

#include "kernel/fs/file.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/test/harness.h"

/* Do something, then check everything. => its result */
#define STEP(call)                                                                                 \
	({                                                                                         \
		__typeof__(call) result_ = (call);                                                 \
		int broken_ = host_check();                                                        \
		if (broken_)                                                                       \
			test_failed(__FILE__, __LINE__, "%d invariants are broken after %s", broken_, #call);            \
		result_;                                                                           \
	})

#define RW (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)
#define KIB 1024UL
#define MIB (1024 * KIB)
#define BASE 0x10000000UL /* where scenarios put things: 2 MiB aligned, nothing else is there */

static inline long map_at(struct host_proc *p, unsigned long addr, unsigned long len, unsigned int prot, unsigned int flags)
{
	struct mmap_request req = { .addr = addr, .len = len, .prot = prot, .flags = flags | (addr ? MAP_FIXED : 0) };

	return mm_mmap(p->mm, &req);
}

static inline long map_file(struct host_proc *p, unsigned long addr, unsigned long len, unsigned int prot, unsigned int flags,
			    struct file *f, unsigned long pgoff)
{
	struct mmap_request req = { addr, len, prot, flags | MAP_FIXED, f, pgoff };

	return mm_mmap(p->mm, &req);
}

static inline u64 load(struct host_proc *p, unsigned long addr)
{
	u64 value;
	enum fault_result r = host_load(p, addr, 8, &value);

	if (r)
		test_failed("load", 0, "a load from 0x%lx gives fault result %d", addr, r);
	return value;
}

static inline void store(struct host_proc *p, unsigned long addr, u64 value)
{
	enum fault_result r = host_store(p, addr, 8, value);

	if (r)
		test_failed("store", 0, "a store to 0x%lx gives fault result %d", addr, r);
}

static inline enum fault_result try_load(struct host_proc *p, unsigned long addr)
{
	u64 value;

	return host_load(p, addr, 1, &value);
}

static inline enum fault_result try_store(struct host_proc *p, unsigned long addr)
{
	return host_store(p, addr, 1, 0x77);
}

/* One word per page: fill and compare. */
static inline void fill(struct host_proc *p, unsigned long start, unsigned long end, u64 salt)
{
	for (unsigned long a = start; a < end; a += PAGE_SIZE)
		store(p, a, a ^ salt);
}

static inline void expect(struct host_proc *p, unsigned long start, unsigned long end, unsigned long was, u64 salt)
{
	for (unsigned long a = start; a < end; a += PAGE_SIZE) {
		u64 want = (was + (a - start)) ^ salt, got = load(p, a);

		if (got != want) {
			test_failed("expect", 0, "0x%lx holds 0x%lx, not 0x%lx", a, (unsigned long)got, (unsigned long)want);
			return;
		}
	}
}

static inline void expect_value(struct host_proc *p, unsigned long start, unsigned long end, u64 want)
{
	for (unsigned long a = start; a < end; a += PAGE_SIZE) {
		u64 got = load(p, a);

		if (got != want) {
			test_failed("expect", 0, "0x%lx holds 0x%lx, not 0x%lx", a, (unsigned long)got, (unsigned long)want);
			return;
		}
	}
}

unsigned long objects_of(const char *cache); /* in use */

/* The process's VMAs: the layout as a table, {start, end} relative to BASE in pages, ended by an empty one. */
struct area {
	unsigned long start, end;
};
void check_areas(const char *file, int line, struct host_proc *p, const struct area *want);
#define CHECK_AREAS(p, ...) check_areas(__FILE__, __LINE__, p, (const struct area[]){ __VA_ARGS__, { 0, 0 } })

#endif
