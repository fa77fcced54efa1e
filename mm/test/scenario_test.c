/* What programs do to their memory, with every invariant checked after every step. */
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/test/scenario.h"
#include <arch/uaccess.h>

static struct host_proc *with_area(unsigned long pages, unsigned int flags)
{
	struct host_proc *p = host_proc_create();

	CHECK_EQ(STEP(map_at(p, BASE, pages * PAGE_SIZE, RW, flags)), BASE);
	return p;
}

static unsigned long page_at(unsigned long n)
{
	return BASE + n * PAGE_SIZE;
}

/* ---- Faults ---- */

TEST(reads_share_the_zero_page_until_a_write)
{
	struct host_proc *p = with_area(4, PRIVATE);

	CHECK_EQ(load(p, page_at(0)), 0);
	CHECK_EQ(atomic_read(&p->mm->counters[MM_ANONPAGES]), 0);
	store(p, page_at(0), 42);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(atomic_read(&p->mm->counters[MM_ANONPAGES]), 1);
	CHECK_EQ(load(p, page_at(0)), 42);
	CHECK_EQ(load(p, page_at(1)), 0);
	CHECK_EQ(STEP(mm_munmap(p->mm, BASE, 4 * PAGE_SIZE)), 0);
	CHECK_EQ(try_load(p, BASE), FAULT_MAPERR);
	host_proc_exit(p);
}

TEST(protections_are_obeyed)
{
	struct host_proc *p = with_area(3, PRIVATE);

	fill(p, page_at(0), page_at(3), 0);
	CHECK_EQ(host_exec(p, page_at(0)), FAULT_ACCERR);
	CHECK_EQ(STEP(mm_mprotect(p->mm, page_at(1), PAGE_SIZE, PROT_READ)), 0);
	CHECK_EQ(try_store(p, page_at(1)), FAULT_ACCERR);
	CHECK_EQ(load(p, page_at(1)), page_at(1));
	CHECK_EQ(STEP(mm_mprotect(p->mm, page_at(1), PAGE_SIZE, PROT_NONE)), 0);
	CHECK_EQ(try_load(p, page_at(1)), FAULT_ACCERR);
	CHECK_EQ(STEP(mm_mprotect(p->mm, page_at(1), PAGE_SIZE, RW | PROT_EXEC)), 0);
	CHECK_EQ(host_exec(p, page_at(1)), FAULT_DONE);
	expect(p, page_at(0), page_at(3), page_at(0), 0);
	CHECK_EQ(STEP(mm_mprotect(p->mm, page_at(1), PAGE_SIZE, RW)), 0);
	CHECK_AREAS(p, { 0, 3 });
	host_proc_exit(p);
}

TEST(kernel_copies_end_where_a_program_would_fault)
{
	struct host_proc *p = with_area(4, PRIVATE);
	char buf[3 * PAGE_SIZE];

	host_run(p);
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(STEP(mm_madvise(p->mm, page_at(2), PAGE_SIZE, MADV_GUARD_INSTALL)), 0);
	CHECK_EQ(copy_to_user((void *)(page_at(0) + 100), buf, sizeof(buf)), PAGE_SIZE + 100);
	CHECK_EQ(copy_from_user(buf, (void *)page_at(1), 2 * PAGE_SIZE), PAGE_SIZE);
	CHECK_EQ(clear_user((void *)page_at(0), PAGE_SIZE), 0);
	CHECK_EQ(load(p, page_at(0)), 0);
	CHECK_EQ(copy_to_user((void *)(TASK_SIZE - 8), buf, 16), 16);
	host_proc_exit(p);
}

/* ---- Fork and copy-on-write ---- */

TEST(fork_copies_on_write_in_both)
{
	struct host_proc *a = with_area(8, PRIVATE), *b;

	fill(a, page_at(0), page_at(8), 0);
	b = STEP(host_proc_fork(a));
	CHECK_EQ(atomic_read(&b->mm->counters[MM_ANONPAGES]), 8);
	expect(b, page_at(0), page_at(8), page_at(0), 0);
	fill(b, page_at(0), page_at(4), 1);
	CHECK_EQ(host_check(), 0);
	fill(a, page_at(4), page_at(8), 2);
	CHECK_EQ(host_check(), 0);
	expect(a, page_at(0), page_at(4), page_at(0), 0);
	expect(a, page_at(4), page_at(8), page_at(4), 2);
	expect(b, page_at(0), page_at(4), page_at(0), 1);
	expect(b, page_at(4), page_at(8), page_at(4), 0);
	host_proc_exit(a);
	CHECK_EQ(host_check(), 0);
	fill(b, page_at(0), page_at(8), 3);
	expect(b, page_at(0), page_at(8), page_at(0), 3);
	host_proc_exit(b);
}

TEST(shared_memory_is_shared)
{
	struct host_proc *a = with_area(4, SHARED), *b;

	store(a, page_at(0), 1);
	b = STEP(host_proc_fork(a));
	store(b, page_at(1), 2);
	store(a, page_at(0), 3);
	CHECK_EQ(load(a, page_at(1)), 2);
	CHECK_EQ(load(b, page_at(0)), 3);
	CHECK_EQ(STEP(mm_madvise(a->mm, BASE, 4 * PAGE_SIZE, MADV_DONTNEED)), 0);
	CHECK_EQ(load(a, page_at(1)), 2);
	host_proc_exit(a);
	CHECK_EQ(load(b, page_at(0)), 3);
	host_proc_exit(b);
}

TEST(a_chain_of_500_forks)
{
	struct host_proc *p = with_area(2, PRIVATE);
	unsigned long anon_vmas = 0;

	store(p, page_at(0), 1);
	store(p, page_at(1), 1000);
	for (u64 n = 2; n <= 500; n++) {
		struct host_proc *child = host_proc_fork(p);

		CHECK(child != NULL);
		host_proc_exit(p);
		p = child;
		store(p, page_at(0), n);
		anon_vmas = max(anon_vmas, objects_of("anon_vma"));
		if (n % 50 == 0)
			CHECK_EQ(host_check(), 0);
	}
	CHECK_EQ(load(p, page_at(0)), 500);
	CHECK_EQ(load(p, page_at(1)), 1000);
	CHECK(anon_vmas < 10); /* A5: parents without a VMA are used again */
	host_proc_exit(p);
}

TEST(a_tree_200_deep_that_stays_alive)
{
	static struct host_proc *p[200];

	p[0] = with_area(1, PRIVATE);
	store(p[0], BASE, 0);
	for (u64 n = 1; n < ARRAY_SIZE(p); n++) {
		p[n] = host_proc_fork(p[n - 1]);
		CHECK(p[n] != NULL);
		if (n % 3)
			store(p[n], BASE, n);
	}
	CHECK_EQ(host_check(), 0);
	for (u64 n = 0; n < ARRAY_SIZE(p); n++)
		CHECK_EQ(load(p[n], BASE), n % 3 || !n ? n : n - 1);
	for (u64 n = 0; n < ARRAY_SIZE(p); n++) {
		host_proc_exit(p[n * 7 % ARRAY_SIZE(p)]);
		if (n % 40 == 0)
			CHECK_EQ(host_check(), 0);
	}
}

TEST(many_children_of_one_page)
{
	static struct host_proc *child[300];
	struct host_proc *p = with_area(1, PRIVATE);

	store(p, BASE, 77);
	for (unsigned int i = 0; i < ARRAY_SIZE(child); i++)
		child[i] = host_proc_fork(p);
	CHECK_EQ(host_check(), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(child); i++)
		CHECK_EQ(load(child[i], BASE), 77);
	store(p, BASE, 78);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(load(child[5], BASE), 77);
	for (unsigned int i = 0; i < ARRAY_SIZE(child); i++)
		host_proc_exit(child[i]);
	CHECK_EQ(load(p, BASE), 78);
	host_proc_exit(p);
}

TEST(fork_advice)
{
	struct host_proc *a = with_area(6, PRIVATE), *b;

	fill(a, page_at(0), page_at(6), 0);
	CHECK_EQ(STEP(mm_madvise(a->mm, page_at(0), 2 * PAGE_SIZE, MADV_DONTFORK)), 0);
	CHECK_EQ(STEP(mm_madvise(a->mm, page_at(2), 2 * PAGE_SIZE, MADV_WIPEONFORK)), 0);
	CHECK_EQ(STEP(mm_madvise(a->mm, page_at(3), PAGE_SIZE, MADV_GUARD_INSTALL)), 0);
	b = STEP(host_proc_fork(a));
	CHECK_AREAS(b, { 2, 4 }, { 4, 6 });
	CHECK_EQ(try_load(b, page_at(0)), FAULT_MAPERR);
	expect_value(b, page_at(2), page_at(4), 0);
	expect(b, page_at(4), page_at(6), page_at(4), 0);
	CHECK_EQ(try_load(a, page_at(3)), FAULT_MAPERR);
	host_proc_exit(b);
	host_proc_exit(a);
}

/* ---- Identity ---- */

TEST(a_process_that_never_forks_has_no_anon_vma)
{
	struct host_proc *p = with_area(64, PRIVATE);

	fill(p, page_at(0), page_at(64), 0);
	for (unsigned long i = 1; i < 60; i += 3)
		CHECK_EQ(STEP(mm_mprotect(p->mm, page_at(i), PAGE_SIZE, PROT_READ)), 0);
	CHECK_EQ(p->mm->vmas.count, 41);
	CHECK_EQ(STEP(mm_munmap(p->mm, page_at(0), PAGE_SIZE)), 0); /* the piece that faulted first */
	CHECK_EQ(STEP(mm_mprotect(p->mm, page_at(1), 63 * PAGE_SIZE, RW)), 0);
	CHECK_AREAS(p, { 1, 64 });
	CHECK_EQ(STEP(mm_madvise(p->mm, page_at(8), 4 * PAGE_SIZE, MADV_DONTNEED)), 0);
	expect(p, page_at(12), page_at(64), page_at(12), 0);
	CHECK_EQ(objects_of("anon_vma"), 0);
	CHECK_EQ(objects_of("anon_vma_chain"), 0);
	host_proc_exit(p);
}

TEST(a_fork_makes_one_anon_vma_per_faulted_vma)
{
	struct host_proc *a = with_area(8, PRIVATE), *b;

	CHECK_EQ(STEP(map_at(a, page_at(100), 8 * PAGE_SIZE, RW, PRIVATE)), page_at(100));
	CHECK_EQ(STEP(map_at(a, page_at(200), 8 * PAGE_SIZE, RW, PRIVATE)), page_at(200));
	store(a, page_at(0), 1);
	store(a, page_at(100), 1);
	b = STEP(host_proc_fork(a));
	CHECK_EQ(objects_of("anon_vma"), 2);
	store(b, page_at(200), 5); /* never faulted before the fork: LAZY in the child */
	CHECK_EQ(objects_of("anon_vma"), 2);
	store(b, page_at(0), 2);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(objects_of("anon_vma"), 3);
	host_proc_exit(a);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(load(b, page_at(100)), 1);
	host_proc_exit(b);
	CHECK_EQ(objects_of("anon_vma"), 0);
}

/* ---- Guards ---- */

TEST(guards_on_memory_never_touched_cost_no_identity)
{
	struct host_proc *a = with_area(8, PRIVATE), *b, *c;

	CHECK_EQ(STEP(mm_madvise(a->mm, page_at(2), 2 * PAGE_SIZE, MADV_GUARD_INSTALL)), 0);
	CHECK_EQ(try_store(a, page_at(2)), FAULT_MAPERR);
	b = STEP(host_proc_fork(a));
	c = STEP(host_proc_fork(b));
	CHECK_EQ(try_load(c, page_at(3)), FAULT_MAPERR);
	CHECK_EQ(load(c, page_at(4)), 0);
	CHECK_EQ(STEP(mm_mprotect(c->mm, page_at(3), PAGE_SIZE, PROT_READ)), 0);
	CHECK_EQ(try_load(c, page_at(3)), FAULT_MAPERR);
	CHECK_EQ(STEP(mm_mprotect(c->mm, page_at(3), PAGE_SIZE, RW)), 0);
	CHECK_AREAS(c, { 0, 8 });
	CHECK_EQ(STEP(mm_madvise(c->mm, page_at(2), PAGE_SIZE, MADV_GUARD_REMOVE)), 0);
	CHECK_EQ(load(c, page_at(2)), 0);
	CHECK_EQ(try_load(c, page_at(3)), FAULT_MAPERR);
	CHECK_EQ(STEP(mm_madvise(c->mm, page_at(0), 8 * PAGE_SIZE, MADV_GUARD_REMOVE)), 0);
	CHECK_EQ(load(c, page_at(3)), 0);
	CHECK_EQ(objects_of("anon_vma") + objects_of("anon_vma_chain"), 0);
	host_proc_exit(a);
	host_proc_exit(b);
	host_proc_exit(c);
}

TEST(guards_survive_what_they_should)
{
	struct host_proc *p = with_area(8, PRIVATE);

	fill(p, page_at(0), page_at(8), 0);
	CHECK_EQ(STEP(mm_madvise(p->mm, page_at(3), 2 * PAGE_SIZE, MADV_GUARD_INSTALL)), 0);
	CHECK_EQ(STEP(mm_madvise(p->mm, BASE, 8 * PAGE_SIZE, MADV_DONTNEED)), 0);
	CHECK_EQ(try_load(p, page_at(3)), FAULT_MAPERR);
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE, 8 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(100))),
		 page_at(100));
	CHECK_EQ(try_load(p, page_at(103)), FAULT_MAPERR);
	CHECK_EQ(load(p, page_at(105)), 0);
	CHECK_EQ(mm_populate(p->mm, page_at(100), page_at(108), true), -EFAULT);
	CHECK_EQ(STEP(map_at(p, page_at(103), PAGE_SIZE, RW, PRIVATE)), page_at(103));
	CHECK_EQ(load(p, page_at(103)), 0);
	CHECK_EQ(try_load(p, page_at(104)), FAULT_MAPERR);
	host_proc_exit(p);
}

TEST(guards_over_whole_tables)
{
	struct host_proc *p = host_proc_create();
	const unsigned long size = 8 * MIB;

	CHECK_EQ(STEP(map_at(p, BASE, size, RW, PRIVATE)), BASE);
	store(p, BASE + 3 * MIB, 9);
	CHECK_EQ(STEP(mm_madvise(p->mm, BASE + PAGE_SIZE, size - 2 * PAGE_SIZE, MADV_GUARD_INSTALL)), 0);
	CHECK_EQ(atomic_read(&p->mm->table_pages), 6); /* 3 upper, one touched before, two edges; one guarded by its entry */
	CHECK_EQ(load(p, BASE), 0);
	CHECK_EQ(try_load(p, BASE + 3 * MIB), FAULT_MAPERR);
	CHECK_EQ(try_load(p, BASE + 5 * MIB), FAULT_MAPERR);
	CHECK_EQ(STEP(mm_madvise(p->mm, BASE + 5 * MIB, PAGE_SIZE, MADV_GUARD_REMOVE)), 0);
	CHECK_EQ(load(p, BASE + 5 * MIB), 0);
	CHECK_EQ(try_load(p, BASE + 5 * MIB + PAGE_SIZE), FAULT_MAPERR);
	CHECK_EQ(STEP(mm_munmap(p->mm, BASE + 2 * MIB + 4 * PAGE_SIZE, MIB)), 0);
	CHECK_EQ(STEP(mm_madvise(p->mm, BASE, 2 * MIB, MADV_GUARD_REMOVE)), 0);
	CHECK_EQ(load(p, BASE + MIB), 0);
	CHECK_EQ(try_load(p, BASE + 2 * MIB), FAULT_MAPERR);
	host_proc_exit(p);
}

/* ---- mremap ---- */

TEST(moved_away_and_back_is_one_vma_again)
{
	struct host_proc *p = with_area(12, PRIVATE);
	const unsigned int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	fill(p, page_at(0), page_at(12), 0);
	CHECK_EQ(STEP(mm_mremap(p->mm, page_at(4), 4 * PAGE_SIZE, 4 * PAGE_SIZE, flags, page_at(50))), page_at(50));
	CHECK_AREAS(p, { 0, 4 }, { 8, 12 }, { 50, 54 });
	expect(p, page_at(50), page_at(54), page_at(4), 0);
	CHECK_EQ(STEP(mm_mremap(p->mm, page_at(50), 4 * PAGE_SIZE, 4 * PAGE_SIZE, flags, page_at(4))), page_at(4));
	CHECK_AREAS(p, { 0, 12 });
	expect(p, page_at(0), page_at(12), page_at(0), 0);
	host_proc_exit(p);
}

TEST(whole_tables_move)
{
	struct host_proc *p = host_proc_create();
	const unsigned long size = 6 * MIB, to = BASE + 64 * MIB;
	const unsigned int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	CHECK_EQ(STEP(map_at(p, BASE, size, RW, PRIVATE)), BASE);
	fill(p, BASE, BASE + size, 5);
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE, size, size, flags, to)), to);
	expect(p, to, to + size, BASE, 5);
	CHECK_EQ(try_load(p, BASE + 2 * MIB), FAULT_MAPERR);
	CHECK_EQ(STEP(mm_mremap(p->mm, to, size, size, flags, BASE + PAGE_SIZE)), BASE + PAGE_SIZE);
	expect(p, BASE + PAGE_SIZE, BASE + PAGE_SIZE + size, BASE, 5);
	host_proc_exit(p);
}

TEST(growing_shrinking_and_leaving)
{
	struct host_proc *p = with_area(4, PRIVATE);
	long to;

	fill(p, page_at(0), page_at(4), 0);
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE, 4 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0)), BASE);
	expect_value(p, page_at(4), page_at(8), 0);
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE, 8 * PAGE_SIZE, 2 * PAGE_SIZE, 0, 0)), BASE);
	CHECK_AREAS(p, { 0, 2 });
	CHECK_EQ(STEP(map_at(p, page_at(2), PAGE_SIZE, PROT_READ, PRIVATE)), page_at(2));
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE, 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0)), -ENOMEM);
	to = STEP(mm_mremap(p->mm, BASE, 2 * PAGE_SIZE, 4 * PAGE_SIZE, MREMAP_MAYMOVE, 0));
	CHECK(to > 0 && to != (long)BASE);
	expect(p, (unsigned long)to, (unsigned long)to + 2 * PAGE_SIZE, BASE, 0);
	CHECK_EQ(try_load(p, BASE), FAULT_MAPERR);
	host_proc_exit(p);
}

TEST(a_move_that_leaves_the_source_mapped)
{
	struct host_proc *p = with_area(4, PRIVATE);

	fill(p, page_at(0), page_at(4), 0);
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE, 4 * PAGE_SIZE, 4 * PAGE_SIZE,
				MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, page_at(4))),
		 page_at(4));
	expect_value(p, page_at(0), page_at(4), 0);
	expect(p, page_at(4), page_at(8), page_at(0), 0);
	fill(p, page_at(0), page_at(4), 1);
	expect(p, page_at(4), page_at(8), page_at(0), 0);
	host_proc_exit(p);
}

/* ---- Files ---- */

TEST(private_file_mappings_copy_on_write)
{
	struct file *f = host_file_create("/data", 3 * PAGE_SIZE - 100, true);
	struct host_proc *a = host_proc_create(), *b;
	u64 word = 0x1234;

	CHECK_EQ(host_file_write(f, &word, 8, PAGE_SIZE), 8);
	CHECK_EQ(STEP(map_file(a, BASE, 4 * PAGE_SIZE, RW, MAP_PRIVATE, f, 0)), BASE);
	CHECK_EQ(load(a, page_at(1)), 0x1234);
	CHECK_EQ(try_load(a, page_at(3)), FAULT_ADRERR);
	store(a, page_at(1), 0x99);
	CHECK_EQ(host_check(), 0);
	b = STEP(host_proc_fork(a));
	CHECK_EQ(load(b, page_at(1)), 0x99);
	store(b, page_at(0), 0x77);
	CHECK_EQ(load(a, page_at(0)), 0);
	CHECK_EQ(STEP(mm_madvise(a->mm, BASE, 3 * PAGE_SIZE, MADV_DONTNEED)), 0);
	CHECK_EQ(load(a, page_at(1)), 0x1234);
	CHECK_EQ(load(b, page_at(1)), 0x99);
	host_file_truncate(f, PAGE_SIZE);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(try_load(a, page_at(1)), FAULT_ADRERR);
	CHECK_EQ(load(a, page_at(0)), 0);
	file_put(f);
	host_proc_exit(a);
	host_proc_exit(b);
}

TEST(shared_file_mappings_write_the_file)
{
	struct file *f = host_file_create("/shared", 4 * PAGE_SIZE, true);
	struct host_proc *a = host_proc_create(), *b = host_proc_create();

	CHECK_EQ(STEP(map_file(a, BASE, 4 * PAGE_SIZE, RW, MAP_SHARED, f, 0)), BASE);
	CHECK_EQ(STEP(map_file(b, page_at(10), 2 * PAGE_SIZE, PROT_READ, MAP_SHARED, f, 1)), page_at(10));
	store(a, page_at(1), 5);
	CHECK_EQ(load(b, page_at(10)), 5);
	CHECK_EQ(try_store(b, page_at(10)), FAULT_ACCERR);
	CHECK_EQ(STEP(mm_munmap(a->mm, page_at(1), PAGE_SIZE)), 0);
	CHECK_EQ(load(b, page_at(10)), 5);
	CHECK_EQ(STEP(mm_mremap(b->mm, page_at(10), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				page_at(40))),
		 page_at(40));
	CHECK_EQ(load(b, page_at(40)), 5);
	file_put(f);
	host_proc_exit(a);
	host_proc_exit(b);
}

/* A real use-after-free of 2026: DONTUNMAP of a private file mapping with copied pages, merged into a neighbour
 * that was never faulted. */
TEST(dontunmap_of_a_file_merged_into_an_unfaulted_neighbour)
{
	struct file *f = host_file_create("/data", 16 * PAGE_SIZE, true);
	struct host_proc *a = host_proc_create(), *b;
	const unsigned int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

	CHECK_EQ(STEP(map_file(a, page_at(0), 4 * PAGE_SIZE, RW, MAP_PRIVATE, f, 4)), page_at(0));
	CHECK_EQ(STEP(map_file(a, page_at(20), 4 * PAGE_SIZE, RW, MAP_PRIVATE, f, 0)), page_at(20));
	fill(a, page_at(0), page_at(4), 7);
	CHECK_EQ(STEP(mm_mremap(a->mm, page_at(0), 4 * PAGE_SIZE, 4 * PAGE_SIZE, flags, page_at(24))), page_at(24));
	expect(a, page_at(24), page_at(28), page_at(0), 7);
	expect_value(a, page_at(0), page_at(4), 0);
	b = STEP(host_proc_fork(a));
	CHECK_EQ(STEP(mm_munmap(a->mm, page_at(24), 2 * PAGE_SIZE)), 0);
	expect(b, page_at(24), page_at(28), page_at(0), 7);
	host_proc_exit(a);
	CHECK_EQ(host_check(), 0);
	host_proc_exit(b);
	file_put(f);
}

/* ---- Layout ---- */

TEST(holes_are_found_from_the_top)
{
	struct host_proc *p = host_proc_create();
	long a = STEP(map_at(p, 0, 3 * PAGE_SIZE, RW, PRIVATE)), b = STEP(map_at(p, 0, PAGE_SIZE, PROT_READ, PRIVATE)), c;

	CHECK_EQ(a, p->mm->mmap_base - 3 * PAGE_SIZE);
	CHECK_EQ(b, a - (long)PAGE_SIZE);
	CHECK_EQ(STEP(mm_munmap(p->mm, (unsigned long)a + PAGE_SIZE, PAGE_SIZE)), 0);
	c = STEP(map_at(p, 0, PAGE_SIZE, RW, SHARED));
	CHECK_EQ(c, a + (long)PAGE_SIZE);
	host_proc_exit(p);
}

TEST(the_stack_grows_to_its_limit)
{
	struct host_proc *p = host_proc_create();
	const unsigned long top = 0x7ffffffff000UL;

	host_rlimits[3] = 256 * KIB; /* RLIMIT_STACK */
	CHECK_EQ(STEP(mm_setup_stack(p->mm, top, 128 * KIB, false)), 0);
	for (unsigned long at = 8; at < 256 * KIB; at += 4 * PAGE_SIZE)
		CHECK_EQ(host_store(p, top - at, 8, at), FAULT_DONE);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(host_store(p, top - 300 * KIB, 8, 1), FAULT_MAPERR);
	host_rlimits[3] = 8 * MIB;
	host_proc_exit(p);
}

TEST(the_break_moves)
{
	struct host_proc *p = host_proc_create();

	mm_set_brk(p->mm, BASE + 100);
	CHECK_EQ(STEP(mm_brk(p->mm, 0)), p->mm->brk_start);
	CHECK_EQ(STEP(mm_brk(p->mm, page_at(5) + 50)), page_at(5) + 50);
	fill(p, page_at(1), page_at(6), 0);
	CHECK_EQ(STEP(mm_brk(p->mm, page_at(3))), page_at(3));
	CHECK_EQ(try_load(p, page_at(4)), FAULT_MAPERR);
	expect(p, page_at(1), page_at(3), page_at(1), 0);
	host_proc_exit(p);
}

TEST(ten_thousand_vmas)
{
	struct host_proc *p = with_area(10000, PRIVATE), *child;

	for (unsigned long i = 1; i < 10000; i += 2)
		CHECK_EQ(mm_mprotect(p->mm, page_at(i), PAGE_SIZE, PROT_READ), 0);
	CHECK_EQ(p->mm->vmas.count, 10000);
	for (unsigned long i = 0; i < 10000; i += 500)
		store(p, page_at(i), i);
	CHECK_EQ(host_check(), 0);
	child = STEP(host_proc_fork(p));
	for (unsigned long i = 0; i < 10000; i += 500)
		CHECK_EQ(load(child, page_at(i)), i);
	CHECK_EQ(STEP(mm_munmap(p->mm, page_at(10), 9980 * PAGE_SIZE)), 0);
	CHECK_EQ(p->mm->vmas.count, 20);
	host_proc_exit(p);
	host_proc_exit(child);
}

TEST(too_many_vmas_is_an_error)
{
	struct host_proc *p = with_area(400, PRIVATE);
	const long most = sysctl_max_map_count;
	long err = 0;

	sysctl_max_map_count = 100;
	for (unsigned long i = 1; i < 400 && !err; i += 2)
		err = mm_mprotect(p->mm, page_at(i), PAGE_SIZE, PROT_READ);
	CHECK_EQ(err, -ENOMEM);
	err = 0;
	for (unsigned long i = 300; i < 310 && !err; i += 2)
		err = STEP(mm_munmap(p->mm, page_at(i), PAGE_SIZE)); /* each would split */
	CHECK_EQ(err, -ENOMEM);
	CHECK_EQ(p->mm->vmas.count, 100);
	sysctl_max_map_count = most;
	host_proc_exit(p);
}

/* ---- Memory gone ---- */

TEST(out_of_memory_kills_nobody_else)
{
	struct host_proc *p = host_proc_create(), *q = with_area(4, PRIVATE);
	unsigned long at = 0x20000000UL;
	enum fault_result r = FAULT_DONE;

	store(q, page_at(0), 4);
	CHECK_EQ(map_at(p, at, 256 * MIB, RW, PRIVATE | MAP_NORESERVE), at);
	while (r == FAULT_DONE) {
		r = host_store(p, at, 8, at);
		at += PAGE_SIZE;
	}
	CHECK_EQ(r, FAULT_OOM);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(load(q, page_at(0)), 4);
	host_proc_exit(p);
	store(q, page_at(1), 5);
	host_proc_exit(q);
}

/* ---- Every allocation fails in turn (A6) ---- */

struct attempt {
	const char *name;
	long (*run)(struct host_proc *p);
};

static long attempt_map_over(struct host_proc *p)
{
	return map_at(p, page_at(3), 2 * PAGE_SIZE, PROT_READ, PRIVATE);
}

static long attempt_unmap_middle(struct host_proc *p)
{
	return mm_munmap(p->mm, page_at(5), PAGE_SIZE);
}

static long attempt_protect_middle(struct host_proc *p)
{
	return mm_mprotect(p->mm, page_at(2), 3 * PAGE_SIZE, PROT_READ);
}

static long attempt_move(struct host_proc *p)
{
	return mm_mremap(p->mm, page_at(2), 4 * PAGE_SIZE, 4 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(3000));
}

static long attempt_grow_away(struct host_proc *p)
{
	return mm_mremap(p->mm, page_at(2), 4 * PAGE_SIZE, 40 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
}

static long attempt_fork(struct host_proc *p)
{
	struct host_proc child = { mm_fork(p->mm) };

	if (IS_ERR(child.mm))
		return PTR_ERR(child.mm);
	expect(&child, page_at(0), page_at(8), page_at(0), 0);
	host_run(NULL);
	mm_put(child.mm);
	return 0;
}

static const struct attempt attempts[] = {
	{ "mmap over", attempt_map_over },     { "munmap", attempt_unmap_middle }, { "mprotect", attempt_protect_middle },
	{ "mremap move", attempt_move },       { "mremap grow", attempt_grow_away }, { "fork", attempt_fork },
};

/* A process with history: a shared relative, a private file beside it, guards. */
static struct host_proc *veteran(struct host_proc **relative)
{
	struct host_proc *p = with_area(8, PRIVATE);

	fill(p, page_at(0), page_at(8), 0);
	*relative = host_proc_fork(p);
	store(p, page_at(1), page_at(1));
	store(*relative, page_at(6), 0);
	return p;
}

/* Fails the nth allocation. => whether it got that far */
static bool fail_nth(const struct attempt *a, int n)
{
	struct host_proc *relative, *p = veteran(&relative);
	unsigned int vmas = p->mm->vmas.count;
	bool failed;
	long got;

	atomic_set(&alloc_fail_countdown, n);
	got = a->run(p);
	failed = !atomic_read(&alloc_fail_countdown);
	atomic_set(&alloc_fail_countdown, 0);
	if (host_check())
		test_failed(a->name, n, "invariants are broken after the failed allocation");
	if (failed && got == -ENOMEM) {
		if (p->mm->vmas.count != vmas)
			test_failed(a->name, n, "%u areas instead of %u", p->mm->vmas.count, vmas);
		expect(p, page_at(0), page_at(8), page_at(0), 0);
		store(p, page_at(3), page_at(3));
	} else if (got < 0) {
		test_failed(a->name, n, "result %ld", got);
	}
	host_proc_exit(p);
	host_proc_exit(relative);
	return failed;
}

TEST(what_fails_for_lack_of_memory_has_changed_nothing)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(attempts); i++)
		for (int n = 1; fail_nth(&attempts[i], n) && n < 200; n++)
			;
}
