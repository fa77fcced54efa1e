/* Tables and their walks, against flat models. Entries are markers of made-up kinds: nothing owns them. */
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"
#include "mm/buddy.h"
#include "mm/pgtable.h"
#include "mm/test/harness.h"
#include "mm/tlb.h"

#define BASE 0x7fff00000UL	   /* just below a level-3 boundary's table and a level-2 one's */
#define PAGES (6 * PT_ENTRIES + 7) /* spans eight tables */
#define LARGE PT_LEVEL_SIZE(2)

static u64 model[PAGES]; /* entry by page; for a large marker in every page of it */

static unsigned long addr_of(unsigned long i)
{
	return BASE + i * PAGE_SIZE;
}

static pte_t mark(u64 n)
{
	return pte_of(PTE_MARKER | (n + 2) << 20);
}

static void set(struct mm *mm, unsigned long addr, pte_t e)
{
	struct spinlock *lock;
	int err;
	pte_t *slot = pt_slot_alloc(mm, addr, &lock, &err);

	CHECK(slot != NULL);
	pt_set(slot, e);
	spin_unlock(lock);
}

static void set_large(struct mm *mm, unsigned long addr, pte_t e)
{
	struct spinlock *lock;
	pte_t *slot = pt_slot2_alloc(mm, addr, &lock);

	CHECK(pte_none(*slot));
	pt_set(slot, e);
	spin_unlock(lock);
}

static void clear_all(struct mm *mm)
{
	struct tlb_batch tlb;
	struct pt_iter it;

	pt_for_each(&it, mm, 0, TASK_SIZE)
		pt_set(it.slot, PTE_NONE);
	memset(model, 0, sizeof(model));
	write_lock(&mm->mmap_lock);
	write_lock(&mm->lazy_root.rmap_lock);
	tlb_begin(&tlb, mm);
	pt_free_empty(&tlb, mm, 0, TASK_SIZE, 0, TASK_SIZE);
	write_unlock(&mm->lazy_root.rmap_lock);
	tlb_end(&tlb);
	write_unlock(&mm->mmap_lock);
	CHECK_EQ(atomic_read(&mm->table_pages), 1);
}

/* Random singles, one large marker where a whole table is free of them. */
static void populate(struct mm *mm, unsigned int percent)
{
	unsigned long large = ALIGN_UP(BASE, LARGE) + 2 * LARGE;

	for (unsigned long i = 0; i < PAGES; i++) {
		if (addr_of(i) >= large && addr_of(i) < large + LARGE) {
			model[i] = mark(7).val;
		} else if (test_below(100) < percent) {
			model[i] = mark(i).val;
			set(mm, addr_of(i), mark(i));
		}
	}
	set_large(mm, large + PAGE_SIZE, mark(7));
	CHECK_NULL(pt_check(mm));
}

static void check_walk(struct mm *mm, unsigned long from, unsigned long to)
{
	unsigned long i = from;
	struct pt_iter it;

	pt_for_each(&it, mm, addr_of(from), addr_of(to)) {
		while (i < to && !model[i])
			i++;
		if (it.level == 2) {
			CHECK(it.addr == ALIGN_DOWN(addr_of(i), LARGE) && it.pte.val == model[i]);
			while (i < to && addr_of(i) < it.addr + LARGE)
				i++;
			continue;
		}
		CHECK(i < to && it.addr == addr_of(i) && it.pte.val == model[i] && it.slot->val == model[i]);
		CHECK(spin_is_held(&virt_to_page(it.slot)->table_lock));
		if (test_below(8) == 0)
			pt_iter_relax(&it);
		i++;
	}
	while (i < to && !model[i])
		i++;
	CHECK_EQ(i, to);
}

TEST(walks_see_every_entry_once_in_order)
{
	struct host_proc *p = host_proc_create();

	for (unsigned int percent = 0; percent <= 100; percent += 20) {
		populate(p->mm, percent);
		for (int n = 0; n < 200 && !test_has_failed(); n++) {
			unsigned long from = test_below(PAGES);

			check_walk(p->mm, from, from + test_below(PAGES - from + 1));
		}
		check_walk(p->mm, 0, PAGES);
		clear_all(p->mm);
	}
	host_proc_exit(p);
}

TEST(leaving_a_walk_releases_the_lock)
{
	struct host_proc *p = host_proc_create();
	struct pt_iter it;

	populate(p->mm, 50);
	pt_for_each(&it, p->mm, 0, TASK_SIZE) {
		pt_iter_end(&it);
		break;
	}
	lock_assert_none_held();
	clear_all(p->mm);
	host_proc_exit(p);
}

TEST(clearing_through_the_iterator_counts)
{
	struct host_proc *p = host_proc_create();
	struct pt_iter it;

	populate(p->mm, 70);
	pt_for_each(&it, p->mm, 0, TASK_SIZE)
		if (it.level == 1)
			CHECK_EQ(pt_iter_clear(&it).val, it.pte.val);
		else
			CHECK_EQ(pt_xchg(it.slot, PTE_NONE).val, mark(7).val);
	CHECK_NULL(pt_check(p->mm));
	pt_for_each(&it, p->mm, 0, TASK_SIZE)
		CHECK(!"an entry is left");
	clear_all(p->mm);
	host_proc_exit(p);
}

TEST(slots_are_found_where_they_are)
{
	struct host_proc *p = host_proc_create();
	struct spinlock *lock;
	u8 level;
	int err;

	populate(p->mm, 30);
	for (unsigned long i = 0; i < PAGES; i++) {
		pte_t *slot = pt_slot_find(p->mm, addr_of(i), &lock, &level);

		CHECK(slot || !model[i]);
		if (!slot)
			continue;
		CHECK_EQ(slot->val, model[i]);
		CHECK_EQ(level, model[i] == mark(7).val ? 2 : 1);
		spin_unlock(lock);
		slot = pt_slot_alloc(p->mm, addr_of(i), &lock, &err);
		CHECK((slot == NULL) == (level == 2));
		if (slot)
			spin_unlock(lock);
		else
			CHECK_EQ(err, -EEXIST);
	}
	CHECK(!pt_slot_find(p->mm, 0x123456789000UL, &lock, &level));
	clear_all(p->mm);
	host_proc_exit(p);
}

struct visit {
	unsigned long next, n;
	int stop_at;
};

static int visit_slot(pte_t *slot, unsigned long addr, void *arg)
{
	struct visit *v = arg;

	CHECK_EQ(addr, v->next);
	v->next = addr + PAGE_SIZE;
	pt_set(slot, mark(v->n++));
	return v->stop_at-- == 0 ? 77 : 0;
}

TEST(each_slot_makes_tables_and_splits_what_is_large)
{
	struct host_proc *p = host_proc_create();
	struct visit v = { .next = addr_of(3), .stop_at = -1 };
	struct pt_iter it;
	unsigned long n = 0;

	populate(p->mm, 0);
	CHECK_EQ(pt_each_slot(p->mm, addr_of(3), addr_of(PAGES), visit_slot, &v), 0);
	CHECK_EQ(v.n, PAGES - 3);
	pt_for_each(&it, p->mm, 0, TASK_SIZE) {
		CHECK(it.level == 1 && it.pte.val == mark(n).val);
		n++;
	}
	CHECK_EQ(n, PAGES - 3);
	v = (struct visit){ .next = addr_of(3), .stop_at = 600 };
	CHECK_EQ(pt_each_slot(p->mm, addr_of(3), addr_of(PAGES), visit_slot, &v), 77);
	CHECK_EQ(v.n, 601);
	clear_all(p->mm);
	host_proc_exit(p);
}

TEST(a_large_leaf_splits_into_512_that_count)
{
	struct host_proc *p = host_proc_create();
	struct folio *f = folio_alloc(9, GFP_USER);
	unsigned long addr = ALIGN_UP(BASE, LARGE), i = 0;
	struct pt_iter it;

	folio_get(f);
	atomic_set(&f->page.mapcount, 1);
	page_set(&f->page, PG_EXCLUSIVE);
	set_large(p->mm, addr, pte_set(pte_make(folio_pfn(f), pgprot_user(true, false), 2), PTE_W));
	CHECK_NULL(pt_check(p->mm));
	CHECK_EQ(pt_split_leaf(p->mm, addr - PAGE_SIZE), 0);
	pt_for_each(&it, p->mm, 0, TASK_SIZE)
		CHECK_EQ(it.level, 2);
	CHECK_EQ(pt_split_leaf(p->mm, addr + 5 * PAGE_SIZE), 0);
	CHECK_NULL(pt_check(p->mm));
	pt_for_each(&it, p->mm, 0, TASK_SIZE) {
		CHECK(it.level == 1 && it.addr == addr + i * PAGE_SIZE);
		CHECK_EQ(pte_pfn(it.pte), folio_pfn(f) + i);
		CHECK(pte_write(it.pte) && pte_dirty(it.pte) && !(it.pte.val & PTE_PS));
		CHECK(page_test(pte_page(it.pte), PG_EXCLUSIVE));
		i++;
	}
	CHECK_EQ(i, 512);
	CHECK_EQ(atomic_read(&f->page.mapcount), 512);
	CHECK_EQ(atomic_read(&f->page.refcount), 513);
	clear_all(p->mm);
	atomic_set(&f->page.mapcount, 0);
	atomic_set(&f->page.refcount, 1);
	folio_put(f);
	host_proc_exit(p);
}

/* ---- Pairs ---- */

static void lock_both(struct mm *a, struct mm *b)
{
	write_lock(&a->mmap_lock);
	if (b != a)
		write_lock_nested(&b->mmap_lock);
}

static void unlock_both(struct mm *a, struct mm *b)
{
	if (b != a)
		write_unlock(&b->mmap_lock);
	write_unlock(&a->mmap_lock);
}

/* Copy everything `shift` further; large markers are split when they do not fit. */
static void copy_all(struct mm *src, struct mm *dst, unsigned long shift)
{
	unsigned long from = addr_of(0), end = addr_of(PAGES);
	struct pt_pair p;

	lock_both(src, dst);
	for (;;) {
		pt_for_each_pair(&p, src, from, end, dst, from + shift) {
			CHECK_EQ(p.dst_addr, p.src.addr + shift);
			CHECK(pte_none(*p.dst_slot));
			pt_pair_set(&p, p.src.pte);
		}
		if (!p.err)
			break;
		CHECK_EQ(p.err, -EEXIST);
		from = p.src.addr;
		CHECK_EQ(pt_split_leaf(src, from), 0);
	}
	unlock_both(src, dst);
}

static void check_copy(struct mm *dst, unsigned long shift)
{
	struct spinlock *lock;
	u8 level;

	for (unsigned long i = 0; i < PAGES; i++) {
		pte_t *slot = pt_slot_find(dst, addr_of(i) + shift, &lock, &level);

		CHECK_EQ(slot ? slot->val : 0, model[i]);
		if (slot)
			spin_unlock(lock);
	}
	CHECK_NULL(pt_check(dst));
}

TEST(pairs_copy_to_another_mm_and_to_another_place)
{
	const unsigned long shifts[] = { 0, PAGE_SIZE, 16 * LARGE, 16 * LARGE + 5 * PAGE_SIZE, -16 * LARGE,
					 -20 * LARGE - PAGE_SIZE };

	for (unsigned int i = 0; i < ARRAY_SIZE(shifts); i++) {
		for (unsigned int percent = 0; percent <= 100; percent += 50) {
			struct host_proc *a = host_proc_create(), *b = host_proc_create();

			populate(a->mm, percent);
			copy_all(a->mm, b->mm, shifts[i]);
			check_copy(b->mm, shifts[i]);
			if (shifts[i] > PAGES * PAGE_SIZE) {
				copy_all(a->mm, a->mm, shifts[i]);
				check_copy(a->mm, shifts[i]);
			}
			clear_all(a->mm);
			clear_all(b->mm);
			host_proc_exit(a);
			host_proc_exit(b);
		}
	}
}

/* Both sides in one table: its lock is taken once. */
TEST(pairs_move_within_one_table)
{
	struct host_proc *p = host_proc_create();
	const unsigned long from = ALIGN_UP(BASE, LARGE), to = from + 100 * PAGE_SIZE;
	struct pt_pair pair;
	struct pt_iter it;
	u64 n = 0;

	for (u64 i = 0; i < 50; i++)
		set(p->mm, from + i * PAGE_SIZE, mark(i));
	write_lock(&p->mm->mmap_lock);
	pt_for_each_pair(&pair, p->mm, from, from + 50 * PAGE_SIZE, p->mm, to)
		pt_pair_set(&pair, pt_iter_clear(&pair.src));
	CHECK_EQ(pair.err, 0);
	write_unlock(&p->mm->mmap_lock);
	pt_for_each(&it, p->mm, 0, TASK_SIZE) {
		CHECK(it.addr == to + n * PAGE_SIZE && it.pte.val == mark(n).val);
		n++;
	}
	CHECK_EQ(n, 50);
	clear_all(p->mm);
	host_proc_exit(p);
}

TEST(a_pair_walk_that_finds_no_memory_says_so)
{
	struct host_proc *a = host_proc_create(), *b = host_proc_create();
	struct pt_pair p;

	populate(a->mm, 100);
	lock_both(a->mm, b->mm);
	for (int n = 1; n < 6; n++) {
		bool failed;

		atomic_set(&alloc_fail_countdown, n);
		pt_for_each_pair(&p, a->mm, addr_of(0), addr_of(PT_ENTRIES), b->mm, addr_of(0))
			;
		failed = !atomic_read(&alloc_fail_countdown);
		atomic_set(&alloc_fail_countdown, 0);
		CHECK_EQ(p.err, failed ? -ENOMEM : 0);
	}
	unlock_both(a->mm, b->mm);
	lock_assert_none_held();
	clear_all(a->mm);
	clear_all(b->mm);
	host_proc_exit(a);
	host_proc_exit(b);
}

/* ---- Moving and freeing whole tables ---- */

TEST(a_table_moves_by_its_entry)
{
	struct host_proc *p = host_proc_create();
	const unsigned long from = ALIGN_UP(BASE, LARGE), to = from + 700 * LARGE;
	struct pt_iter it;
	u64 n = 0;

	for (u64 i = 0; i < PT_ENTRIES; i++)
		set(p->mm, from + i * PAGE_SIZE, mark(i));
	write_lock(&p->mm->mmap_lock);
	CHECK_EQ(pt_alloc_upper(p->mm, to, to + LARGE), 0);
	write_lock(&p->mm->lazy_root.rmap_lock);
	CHECK(pt_move_table(p->mm, from, to));
	CHECK(!pt_move_table(p->mm, from, to));
	write_unlock(&p->mm->lazy_root.rmap_lock);
	write_unlock(&p->mm->mmap_lock);
	CHECK_NULL(pt_check(p->mm));
	pt_for_each(&it, p->mm, 0, TASK_SIZE) {
		CHECK(it.addr == to + n * PAGE_SIZE && it.pte.val == mark(n).val);
		n++;
	}
	CHECK_EQ(n, PT_ENTRIES);
	clear_all(p->mm);
	host_proc_exit(p);
}

static void prune(struct mm *mm, unsigned long start, unsigned long end, unsigned long floor, unsigned long ceiling)
{
	struct tlb_batch tlb;

	write_lock(&mm->mmap_lock);
	write_lock(&mm->lazy_root.rmap_lock);
	tlb_begin(&tlb, mm);
	pt_free_empty(&tlb, mm, start, end, floor, ceiling);
	write_unlock(&mm->lazy_root.rmap_lock);
	tlb_end(&tlb);
	write_unlock(&mm->mmap_lock);
	CHECK_NULL(pt_check(mm));
}

TEST(empty_tables_are_freed_within_their_neighbours)
{
	struct host_proc *p = host_proc_create();
	const unsigned long a = 8 * PT_LEVEL_SIZE(3);

	/* top, one of level 3, one of level 2, two of level 1 */
	CHECK_EQ(pt_alloc_range(p->mm, a, a + 2 * LARGE), 0);
	CHECK_EQ(atomic_read(&p->mm->table_pages), 5);
	prune(p->mm, a, a + PAGE_SIZE, 0, a + LARGE - PAGE_SIZE); /* a neighbour above is in the table */
	CHECK_EQ(atomic_read(&p->mm->table_pages), 5);
	prune(p->mm, a, a + PAGE_SIZE, a + PAGE_SIZE, TASK_SIZE); /* one below is */
	CHECK_EQ(atomic_read(&p->mm->table_pages), 5);
	prune(p->mm, a, a + PAGE_SIZE, a, a + LARGE); /* that one table is free of neighbours */
	CHECK_EQ(atomic_read(&p->mm->table_pages), 4);
	prune(p->mm, a + LARGE, a + LARGE + PAGE_SIZE, 0, TASK_SIZE); /* and all above the last one */
	CHECK_EQ(atomic_read(&p->mm->table_pages), 1);
	set(p->mm, a, mark(1));
	prune(p->mm, a, a + LARGE, 0, TASK_SIZE);
	CHECK_EQ(atomic_read(&p->mm->table_pages), 4);
	clear_all(p->mm);
	/* the end of the address space */
	CHECK_EQ(pt_alloc_range(p->mm, TASK_SIZE - PAGE_SIZE, TASK_SIZE), 0);
	prune(p->mm, TASK_SIZE - PAGE_SIZE, TASK_SIZE, 0, TASK_SIZE);
	CHECK_EQ(atomic_read(&p->mm->table_pages), 1);
	host_proc_exit(p);
}
