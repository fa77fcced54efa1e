/* Page cache: reads, writes and holes; which VMAs map a file; truncation and holes against mappings; shared memory;
 * and every allocation of these failing in turn. */
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "mm/account.h"
#include "mm/buddy.h"
#include "mm/filemap.h"
#include "mm/test/scenario.h"
#include "mm/vma_ops.h"

static struct file *new_file(unsigned long pages)
{
	struct file *f = host_file_create("file", pages * PAGE_SIZE, true);

	for (unsigned long i = 0; i < pages; i++) {
		u64 word = i + 1;

		CHECK_EQ(host_file_write(f, &word, 8, i * PAGE_SIZE), 8);
	}
	return f;
}

static u64 word_in(struct file *f, unsigned long page)
{
	u64 word = 0;

	CHECK_EQ(mapping_read(file_mapping(f), &word, 8, page * PAGE_SIZE), 8);
	return word;
}

TEST(read_write_holes)
{
	struct file *f = host_file_create("f", 0, true);
	struct address_space *m = file_mapping(f);
	char in[3000], out[9000];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7 + 1);
	CHECK_EQ(mapping_write(m, in, sizeof(in), 3 * PAGE_SIZE - 1000), 3000);
	CHECK_EQ(m->size, 3 * PAGE_SIZE + 2000);
	CHECK_EQ(mapping_nr_pages(m), 2);
	CHECK_EQ(mapping_read(m, out, sizeof(out), 2 * PAGE_SIZE), PAGE_SIZE + 2000);
	for (size_t i = 0; i < PAGE_SIZE - 1000; i++)
		CHECK_EQ(out[i], 0);
	CHECK_EQ(memcmp(out + PAGE_SIZE - 1000, in, sizeof(in)), 0);
	CHECK_EQ(mapping_read(m, out, 100, 0), 100);
	CHECK_EQ(out[99], 0);
	CHECK_EQ(mapping_nr_pages(m), 2);
	CHECK_EQ(mapping_read(m, out, 100, m->size), 0);
	mapping_truncate(m, 2 * PAGE_SIZE + 3500);
	CHECK_EQ(mapping_nr_pages(m), 1);
	mapping_truncate(m, 10 * PAGE_SIZE);
	CHECK_EQ(mapping_read(m, out, PAGE_SIZE, 2 * PAGE_SIZE), PAGE_SIZE);
	CHECK_EQ(out[3499], in[3499 - (PAGE_SIZE - 1000)]);
	CHECK_EQ(out[3500], 0);
	CHECK_EQ(out[PAGE_SIZE - 1], 0);
	file_put(f);
}

/* The interval tree against a scan of all VMAs. */
TEST(maps_of_a_file)
{
	struct host_proc *p = host_proc_create();
	struct file *f = new_file(1);
	struct address_space *m = file_mapping(f);
	enum { N = 60 };

	for (int i = 0; i < N; i++) {
		unsigned long pages = 1 + test_below(40), pgoff = test_below(200);

		CHECK(map_file(p, BASE + i * 64 * PAGE_SIZE, pages * PAGE_SIZE, PROT_READ, MAP_SHARED, f, pgoff) > 0);
	}
	for (int i = 0; i < 200; i++) {
		unsigned long first = test_below(220), last = first + test_below(30), n = 0, prev = 0;
		struct vma *v;

		filemap_lock_maps(f);
		mapping_for_each_vma(v, m, first, last) {
			CHECK(v->file_pgoff >= prev);
			CHECK(v->file_pgoff <= last && v->file_pgoff + vma_pages(v) > first);
			prev = v->file_pgoff;
			n++;
		}
		filemap_unlock_maps(f);
		vma_tree_for_each(v, &p->mm->vmas)
			if (v->file && v->file_pgoff <= last && v->file_pgoff + vma_pages(v) > first)
				n--;
		CHECK_EQ(n, 0);
	}
	file_put(f);
	host_proc_exit(p);
}

TEST(truncation_in_every_mapping)
{
	struct host_proc *p = host_proc_create(), *child;
	struct file *f = new_file(16);
	unsigned long a = BASE, b = BASE + 64 * PAGE_SIZE, c = BASE + 128 * PAGE_SIZE;

	STEP(map_file(p, a, 16 * PAGE_SIZE, RW, MAP_SHARED, f, 0));
	STEP(map_file(p, b, 8 * PAGE_SIZE, RW, MAP_PRIVATE, f, 8));
	STEP(map_file(p, c, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED, f, 2));
	for (int i = 0; i < 16; i++)
		CHECK_EQ(load(p, a + i * PAGE_SIZE), i + 1);
	for (int i = 0; i < 8; i++)
		store(p, b + i * PAGE_SIZE, 100 + i);
	child = STEP(host_proc_fork(p));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(load(child, c + i * PAGE_SIZE), i + 3);
	CHECK_EQ(load(child, a + 5 * PAGE_SIZE), 6);
	store(child, b + PAGE_SIZE, 200);
	host_file_truncate(f, 4 * PAGE_SIZE + 100);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(mapping_nr_pages(file_mapping(f)), 5);
	CHECK_EQ(try_load(p, a + 5 * PAGE_SIZE), FAULT_ADRERR);
	CHECK_EQ(try_load(p, b), FAULT_ADRERR);
	CHECK_EQ(try_store(child, b + PAGE_SIZE), FAULT_ADRERR);
	CHECK_EQ(load(child, c + 2 * PAGE_SIZE), 5);
	CHECK_EQ(try_load(child, c + 3 * PAGE_SIZE), FAULT_ADRERR);
	host_file_truncate(f, 16 * PAGE_SIZE);
	CHECK_EQ(load(p, b), 0);
	CHECK_EQ(load(p, a + 9 * PAGE_SIZE), 0);
	CHECK_EQ(load(p, a + 3 * PAGE_SIZE), 4);
	file_put(f);
	host_proc_exit(p);
	CHECK_EQ(host_check(), 0);
	host_proc_exit(child);
}

TEST(hole_leaves_private_copies)
{
	struct host_proc *p = host_proc_create();
	struct file *f = new_file(40);
	unsigned long a = BASE, b = BASE + 64 * PAGE_SIZE;

	STEP(map_file(p, a, 40 * PAGE_SIZE, RW, MAP_SHARED, f, 0));
	STEP(map_file(p, b, 40 * PAGE_SIZE, RW, MAP_PRIVATE, f, 0));
	for (int i = 0; i < 40; i++) {
		CHECK_EQ(load(p, a + i * PAGE_SIZE), i + 1);
		CHECK_EQ(load(p, b + i * PAGE_SIZE), i + 1);
	}
	store(p, b + 10 * PAGE_SIZE, 77);
	file_punch(f, 3, 36);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(mapping_nr_pages(file_mapping(f)), 6);
	CHECK_EQ(load(p, b + 10 * PAGE_SIZE), 77);
	CHECK_EQ(load(p, b + 11 * PAGE_SIZE), 0);
	CHECK_EQ(load(p, a + 36 * PAGE_SIZE), 0);
	CHECK_EQ(load(p, a + 37 * PAGE_SIZE), 38);
	CHECK_EQ(load(p, a + 2 * PAGE_SIZE), 3);
	store(p, a + 20 * PAGE_SIZE, 5);
	CHECK_EQ(word_in(f, 20), 5);
	CHECK_EQ(load(p, b + 20 * PAGE_SIZE), 5);
	file_put(f);
	host_proc_exit(p);
}

TEST(guards_stay)
{
	struct host_proc *p = host_proc_create();
	struct file *f = new_file(8);

	STEP(map_file(p, BASE, 8 * PAGE_SIZE, RW, MAP_SHARED, f, 0));
	CHECK_EQ(STEP(mm_madvise(p->mm, BASE + 6 * PAGE_SIZE, PAGE_SIZE, MADV_GUARD_INSTALL)), 0);
	host_file_truncate(f, 2 * PAGE_SIZE);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(try_load(p, BASE + 6 * PAGE_SIZE), FAULT_MAPERR);
	CHECK_EQ(try_load(p, BASE + 7 * PAGE_SIZE), FAULT_ADRERR);
	file_put(f);
	host_proc_exit(p);
}

TEST(moved_and_split_mappings)
{
	struct host_proc *p = host_proc_create();
	struct file *f = new_file(32);
	unsigned long to = BASE + 100 * PAGE_SIZE;

	STEP(map_file(p, BASE, 32 * PAGE_SIZE, RW, MAP_SHARED, f, 0));
	for (int i = 0; i < 32; i++)
		CHECK_EQ(load(p, BASE + i * PAGE_SIZE), i + 1);
	CHECK_EQ(STEP(mm_mremap(p->mm, BASE + 8 * PAGE_SIZE, 8 * PAGE_SIZE, 8 * PAGE_SIZE,
				MREMAP_MAYMOVE | MREMAP_FIXED, to)), to);
	CHECK_EQ(STEP(mm_mprotect(p->mm, BASE + 20 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ)), 0);
	host_file_truncate(f, 10 * PAGE_SIZE);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(load(p, to + PAGE_SIZE), 10);
	CHECK_EQ(try_load(p, to + 2 * PAGE_SIZE), FAULT_ADRERR);
	CHECK_EQ(try_load(p, BASE + 16 * PAGE_SIZE), FAULT_ADRERR);
	CHECK_EQ(try_load(p, BASE + 20 * PAGE_SIZE), FAULT_ADRERR);
	/* Back together: one mapping, one entry in the file's tree. */
	CHECK_EQ(STEP(mm_mprotect(p->mm, BASE + 20 * PAGE_SIZE, 2 * PAGE_SIZE, RW)), 0);
	CHECK_EQ(STEP(mm_mremap(p->mm, to, 8 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				BASE + 8 * PAGE_SIZE)), BASE + 8 * PAGE_SIZE);
	CHECK_AREAS(p, { 0, 32 });
	CHECK_EQ(load(p, BASE + 9 * PAGE_SIZE), 10);
	file_put(f);
	host_proc_exit(p);
}

TEST(shared_memory)
{
	struct host_proc *p = host_proc_create(), *child;
	unsigned long cached = filemap_nr_pages(), shmem = filemap_nr_shmem(), committed = account_committed();

	CHECK(STEP(map_at(p, BASE, 16 * PAGE_SIZE, RW, SHARED)) > 0);
	CHECK_EQ(account_committed(), committed + 16);
	CHECK_EQ(filemap_nr_pages(), cached);
	store(p, BASE, 1);
	child = STEP(host_proc_fork(p));
	CHECK_EQ(account_committed(), committed + 16);
	store(child, BASE + 5 * PAGE_SIZE, 2);
	CHECK_EQ(load(p, BASE + 5 * PAGE_SIZE), 2);
	CHECK_EQ(load(child, BASE), 1);
	CHECK_EQ(filemap_nr_shmem(), shmem + 2);
	CHECK_EQ(atomic_read(&p->mm->counters[MM_SHMEMPAGES]), 2);
	host_proc_exit(p);
	CHECK_EQ(load(child, BASE), 1);
	CHECK_EQ(STEP(mm_madvise(child->mm, BASE, 16 * PAGE_SIZE, MADV_REMOVE)), 0);
	CHECK_EQ(filemap_nr_shmem(), shmem);
	CHECK_EQ(load(child, BASE), 0);
	host_proc_exit(child);
	CHECK_EQ(account_committed(), committed);
	CHECK_EQ(filemap_nr_pages(), cached);
}

TEST(shared_memory_without_reservation)
{
	struct host_proc *p = host_proc_create();
	unsigned long committed = account_committed();

	CHECK(STEP(map_at(p, BASE, 1UL << 40, RW, SHARED | MAP_NORESERVE)) > 0);
	CHECK_EQ(account_committed(), committed);
	store(p, BASE + (1UL << 39), 1);
	CHECK_EQ(account_committed(), committed + 1);
	CHECK_EQ(STEP(mm_munmap(p->mm, BASE, 1UL << 40)), 0);
	CHECK_EQ(account_committed(), committed);
	host_proc_exit(p);
}

/* Random reads, writes, truncations, holes and mappings against an array. */
TEST(random_against_an_array)
{
	enum { PAGES = 24 };
	static u64 model[PAGES];
	struct host_proc *p = host_proc_create();
	struct file *f = host_file_create("f", PAGES * PAGE_SIZE, true);
	unsigned long size = PAGES;

	memset(model, 0, sizeof(model));
	STEP(map_file(p, BASE, PAGES * PAGE_SIZE, RW, MAP_SHARED, f, 0));
	for (int i = 0; i < 3000 && !test_has_failed(); i++) {
		unsigned long page = test_below(PAGES), last = page + test_below(PAGES - page);
		u64 word = test_random();

		switch (test_below(6)) {
		case 0:
			host_file_write(f, &word, 8, page * PAGE_SIZE);
			model[page] = word;
			size = max(size, page + 1);
			mapping_truncate(file_mapping(f), size * PAGE_SIZE);
			break;
		case 1:
			if (page < size) {
				store(p, BASE + page * PAGE_SIZE, word);
				model[page] = word;
			} else {
				CHECK_EQ(try_store(p, BASE + page * PAGE_SIZE), FAULT_ADRERR);
			}
			break;
		case 2:
			if (page < size)
				CHECK_EQ(load(p, BASE + page * PAGE_SIZE), model[page]);
			break;
		case 3:
			if (page < size)
				CHECK_EQ(word_in(f, page), model[page]);
			break;
		case 4:
			size = page;
			host_file_truncate(f, size * PAGE_SIZE);
			memset(model + size, 0, (PAGES - size) * sizeof(u64));
			break;
		case 5:
			file_punch(f, page, last);
			memset(model + page, 0, (last - page + 1) * sizeof(u64));
			break;
		}
		if (i % 50 == 0)
			CHECK_EQ(host_check(), 0);
	}
	file_put(f);
	host_proc_exit(p);
}

/* The n-th allocation fails, for every n: nothing is lost, and with memory the same call works. */
TEST(every_allocation_fails)
{
	struct file *f = host_file_create("f", 0, true);
	struct address_space *m = file_mapping(f);
	unsigned int failed = 0;
	u64 word = 42;

	for (int n = 1; n < 20; n++) {
		bool reached;
		long ret;

		atomic_set(&alloc_fail_countdown, n);
		ret = mapping_write(m, &word, 8, (u64)n << 30);
		reached = !atomic_read(&alloc_fail_countdown);
		atomic_set(&alloc_fail_countdown, 0);
		CHECK(ret == 8 || ret == -ENOSPC); /* an allocator may find another way */
		CHECK_EQ(mapping_nr_pages(m), ret == 8);
		CHECK_EQ(host_check(), 0);
		mapping_truncate(m, 0);
		if (!reached)
			break;
		failed += ret < 0;
	}
	CHECK(failed > 3);
	CHECK_EQ(mapping_write(m, &word, 8, 1UL << 36), 8);
	CHECK_EQ(word_in(f, 1UL << 24), 42);
	file_put(f);
}
