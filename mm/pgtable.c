/*
 * Page tables: finding, making, walking, freeing. The picture, the rules P1 to P6 and the contracts are in pgtable.h.
 *
 * Descending needs no lock: a table that an entry points to stays while the caller holds mmap_lock or rmap_lock in
 * any mode (P2), so upper entries only ever change from none to table under us, and level-2 entries between none,
 * leaf or marker, and table. Whoever makes a table fills it first and then puts it where, under the lock, there is
 * still nothing; the loser of such a race frees its own.
 *
 * A walk goes table by table. Per entry it costs a compare, a load and a test (the inline half in the header); per
 * table the descent and one lock. Holes are skipped by the size of the missing table.
 *
 * Linux differs: five levels folded to four at compile time, a walker per operation, and deferred (RCU) freeing.
 */
#include "mm/pgtable.h"
#include "kernel/uapi/errno.h"
#include "mm/buddy.h"
#include "mm/mm.h"
#include "mm/pgtable_internal.h"
#include "mm/tlb.h"

/* ---- Making tables ---- */

static struct page *table_new(struct mm *mm, int level)
{
	struct page *table = page_alloc(0, PAGE_TABLE, GFP_ZERO | GFP_USER);

	if (!table)
		return NULL;
	table->table_mm = mm;
	spin_init(&table->table_lock, RANK_PT);
	table->table_level = (u8)level;
	atomic_inc(&mm->table_pages);
	return table;
}

/* => every entry is none */
static void table_free(struct page *table)
{
	atomic_dec(&table->table_mm->table_pages);
	page_free_clean(table);
}

/* What protects a slot of this level (P3). */
static struct spinlock *slot_lock(struct mm *mm, pte_t *slot, int level)
{
	return level > PT_LEAF_LEVEL_MAX ? &mm->pt_lock : &virt_to_page(slot)->table_lock;
}

/* Something stands in the slot of `level`, which was none, afterwards: our table, or what another put there first. */
static int slot_fill(struct mm *mm, pte_t *slot, int level)
{
	struct page *table = table_new(mm, level - 1);
	struct spinlock *lock = slot_lock(mm, slot, level);

	if (!table)
		return -ENOMEM;
	spin_lock(lock);
	if (pte_none(pte_read(slot))) {
		pt_set(slot, pte_make_table(page_to_pfn(table)));
		table = NULL;
	}
	spin_unlock(lock);
	if (table)
		table_free(table);
	return 0;
}

/* ---- Descending ---- */

/* The level-2 slot for addr. => NULL: no table of level 2 */
static inline pte_t *slot2_find(struct mm *mm, unsigned long addr)
{
	pte_t e = pte_read(&mm->top[pt_index(addr, 4)]);

	debug_assert(addr < TASK_SIZE + PAGE_SIZE);
	if (unlikely(pte_none(e)))
		return NULL;
	e = pte_read(&pte_table(e)[pt_index(addr, 3)]);
	if (unlikely(pte_none(e)))
		return NULL;
	return &pte_table(e)[pt_index(addr, 2)];
}

static __noinline pte_t *slot2_make(struct mm *mm, unsigned long addr)
{
	pte_t *slot = &mm->top[pt_index(addr, 4)];

	for (int level = 4; level > 2; level--) {
		if (pte_none(pte_read(slot)) && slot_fill(mm, slot, level))
			return NULL;
		slot = &pte_table(pte_read(slot))[pt_index(addr, level - 1)];
	}
	return slot;
}

/* => NULL: -ENOMEM */
static inline pte_t *slot2_get(struct mm *mm, unsigned long addr)
{
	pte_t *slot2 = slot2_find(mm, addr);

	return likely(slot2) ? slot2 : slot2_make(mm, addr);
}

pte_t *pt_slot2_alloc(struct mm *mm, unsigned long addr, struct spinlock **lock)
{
	pte_t *slot2 = slot2_get(mm, addr);

	if (!slot2)
		return NULL;
	*lock = &virt_to_page(slot2)->table_lock;
	spin_lock(*lock);
	return slot2;
}

/* The level-1 slot for addr, unlocked. => NULL with *err as pt_slot_alloc() */
pte_t *pt_slot_make(struct mm *mm, unsigned long addr, int *err)
{
	pte_t *slot2 = slot2_get(mm, addr);
	pte_t e;

	*err = -ENOMEM;
	if (unlikely(!slot2))
		return NULL;
	e = pte_read(slot2);
	if (unlikely(pte_none(e))) {
		if (slot_fill(mm, slot2, 2))
			return NULL;
		e = pte_read(slot2);
	}
	if (unlikely(!pte_is_table(e, 2))) {
		*err = -EEXIST;
		return NULL;
	}
	return &pte_table(e)[pt_index(addr, 1)];
}

pte_t *pt_slot_alloc(struct mm *mm, unsigned long addr, struct spinlock **lock, int *err)
{
	pte_t *slot = pt_slot_make(mm, addr, err);

	if (unlikely(!slot))
		return NULL;
	*lock = &virt_to_page(slot)->table_lock;
	spin_lock(*lock);
	return slot;
}

pte_t *pt_slot_find(struct mm *mm, unsigned long addr, struct spinlock **lock, u8 *level)
{
	pte_t *slot2 = slot2_find(mm, addr);
	pte_t e;

	if (!slot2)
		return NULL;
	e = pte_read(slot2);
	if (!pte_none(e) && !pte_is_table(e, 2)) {
		*lock = &virt_to_page(slot2)->table_lock;
		spin_lock(*lock);
		e = pte_read(slot2);
		if (!pte_none(e) && !pte_is_table(e, 2)) {
			*level = 2;
			return slot2;
		}
		spin_unlock(*lock); /* it went before we had the lock */
	}
	if (pte_none(e))
		return NULL;
	*level = 1;
	*lock = &pfn_to_page(pte_pfn(e))->table_lock;
	spin_lock(*lock);
	return &pte_table(e)[pt_index(addr, 1)];
}

/* ---- Ranges ---- */

int pt_each_slot(struct mm *mm, unsigned long start, unsigned long end, pt_slot_fn *fn, void *arg)
{
	int err = 0;

	while (start < end && !err) {
		unsigned long stop = min(end, ALIGN_DOWN(start, PT_LEVEL_SIZE(2)) + PT_LEVEL_SIZE(2));
		struct spinlock *lock;
		pte_t *slot = pt_slot_alloc(mm, start, &lock, &err);

		if (!slot) {
			if (err == -EEXIST)
				err = pt_split_leaf(mm, start);
			continue;
		}
		for (err = 0; start < stop && !err; start += PAGE_SIZE)
			err = fn(slot++, start, arg);
		spin_unlock(lock);
	}
	return err;
}

int pt_alloc_range(struct mm *mm, unsigned long start, unsigned long end)
{
	int err;

	for (start = ALIGN_DOWN(start, PT_LEVEL_SIZE(2)); start < end; start += PT_LEVEL_SIZE(2))
		if (!pt_slot_make(mm, start, &err) && err == -ENOMEM)
			return err;
	return 0;
}

int pt_alloc_upper(struct mm *mm, unsigned long start, unsigned long end)
{
	for (start = ALIGN_DOWN(start, PT_LEVEL_SIZE(3)); start < end; start += PT_LEVEL_SIZE(3))
		if (!slot2_get(mm, start))
			return -ENOMEM;
	return 0;
}

/* ---- Large leaves ---- */

/* The level-1 entry for page i of a large leaf. A and D are set where the hardware might set them meanwhile: it uses
 * the large entry until a flush. */
static pte_t leaf_part(pte_t large, unsigned int i)
{
	if (!pte_present(large))
		return large;
	large.val &= ~PTE_PS; /* in level 1 this bit means something else (PAT) */
	large.val |= PTE_A | (pte_write(large) ? PTE_D : 0);
	return pte_of(large.val + ((u64)i << PAGE_SHIFT));
}

/* One entry becomes 512, each of which counts (M1), and the pages stay as exclusive as they were (M2). */
static void folio_count_parts(struct folio *f)
{
	const bool exclusive = page_test(&f->page, PG_EXCLUSIVE);

	assert(folio_nr_pages(f) >= PT_ENTRIES);
	atomic_add(&f->page.refcount, (int)PT_ENTRIES - 1);
	atomic_add(&f->page.mapcount, (int)PT_ENTRIES - 1);
	for (unsigned int i = 1; exclusive && i < PT_ENTRIES; i++)
		page_set(&f->page + i, PG_EXCLUSIVE);
}

static void table_fill(struct page *table, pte_t large)
{
	pte_t *slot = page_to_virt(table);

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		slot[i] = leaf_part(large, i);
	table->table_present = PT_ENTRIES;
	if (pte_present(large) && pte_page(large))
		folio_count_parts(page_folio(pte_page(large)));
}

static bool is_large(pte_t e)
{
	return !pte_none(e) && !pte_is_table(e, 2);
}

static int split_large(struct mm *mm, pte_t *slot2)
{
	struct page *table = table_new(mm, 1);
	struct spinlock *lock = slot_lock(mm, slot2, 2);

	if (!table)
		return -ENOMEM;
	spin_lock(lock);
	if (is_large(pte_read(slot2))) {
		table_fill(table, pte_read(slot2));
		pt_set(slot2, pte_make_table(page_to_pfn(table)));
		table = NULL;
	}
	spin_unlock(lock);
	if (table)
		table_free(table);
	return 0;
}

int pt_split_leaf(struct mm *mm, unsigned long addr)
{
	pte_t *slot2 = addr < TASK_SIZE ? slot2_find(mm, addr) : NULL;

	if (likely(!slot2 || !is_large(pte_read(slot2))))
		return 0;
	return split_large(mm, slot2);
}

/* ---- Moving ---- */

static bool is_empty_table(pte_t e)
{
	return pte_is_table(e, 2) && !pfn_to_page(pte_pfn(e))->table_present;
}

bool pt_move_table(struct mm *mm, unsigned long from, unsigned long to) NO_THREAD_SAFETY
{
	pte_t *src = slot2_find(mm, from), *dst = slot2_find(mm, to), old;
	struct spinlock *src_lock, *dst_lock;

	debug_assert(IS_ALIGNED(from | to, PT_LEVEL_SIZE(2)) && from != to);
	assert_write_held(&mm->lazy_root.rmap_lock);
	if (!src || pte_none(pte_read(src)) || is_empty_table(pte_read(src)))
		return false;
	assert(dst);
	src_lock = slot_lock(mm, src, 2);
	dst_lock = slot_lock(mm, dst, 2);
	spin_lock(src_lock);
	if (dst_lock != src_lock)
		spin_lock_nested(dst_lock); /* P6 */
	old = pte_read(dst);
	assert(pte_none(old) || is_empty_table(old));
	pt_set(dst, pt_xchg(src, old));
	if (dst_lock != src_lock)
		spin_unlock(dst_lock);
	spin_unlock(src_lock);
	return true;
}

/* ---- Freeing ---- */

struct prune {
	struct tlb_batch *tlb;
	unsigned long start, end, floor, ceiling;
};

/* The first slot from i on that is not none, eight at a time: most of an upper table is empty. => limit: none */
static unsigned int next_used(const pte_t *table, unsigned int i, unsigned int limit)
{
	for (; i < limit && i % 8; i++)
		if (table[i].val)
			return i;
	for (; i < limit; i += 8) {
		const pte_t *t = table + i;

		if (t[0].val | t[1].val | t[2].val | t[3].val | t[4].val | t[5].val | t[6].val | t[7].val)
			break;
	}
	while (i < limit && !table[i].val)
		i++;
	return i;
}

/* `child`, which is empty, leaves its slot in `table`. */
static void unhook_table(struct prune *p, struct page *table, pte_t *slot, struct page *child, unsigned long addr)
{
	struct mm *mm = p->tlb->mm;
	struct spinlock *lock = table->table_level > PT_LEAF_LEVEL_MAX ? &mm->pt_lock : &table->table_lock;

	spin_lock(lock);
	WRITE_ONCE(slot->val, 0);
	table->table_present--;
	spin_unlock(lock);
	atomic_dec(&mm->table_pages);
	/* Any flush of an address makes a CPU forget all upper entries it may have cached (SDM 3A, 4.10.4.1). */
	tlb_note(p->tlb, addr, 1);
	tlb_put_table(p->tlb, child);
}

/* Unhook the empty tables below `table`, of `level`, whose first byte is `base`; children first, because they may
 * leave their parents empty. => the range meets the table's */
static void prune_table(struct prune *p, struct page *table, int level, unsigned long base)
{
	const unsigned long size = PT_LEVEL_SIZE(level);
	const unsigned int limit = pt_index(min(base + (size << PT_SHIFT), p->end) - 1, level) + 1;
	unsigned int left = table->table_present; /* an upper bound: some may lie outside the range */
	pte_t *slots = page_to_virt(table);

	for (unsigned int i = pt_index(max(base, p->start), level); left; i++, left--) {
		struct page *child;
		unsigned long addr;

		i = next_used(slots, i, limit);
		if (i >= limit)
			break;
		if (!pte_is_table(slots[i], level))
			continue;
		addr = base + i * size;
		child = pfn_to_page(pte_pfn(slots[i]));
		if (level > 2)
			prune_table(p, child, level - 1, addr);
		if (!child->table_present && addr >= p->floor && addr + size <= p->ceiling)
			unhook_table(p, table, &slots[i], child, addr);
	}
}

void pt_free_empty(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end, unsigned long floor,
		   unsigned long ceiling)
{
	struct prune p = { tlb, start, end, floor, ceiling };

	assert_write_held(&mm->lazy_root.rmap_lock);
	if (ceiling >= TASK_SIZE) /* nothing above: the last table ends behind TASK_SIZE */
		p.ceiling = ~0UL;
	prune_table(&p, virt_to_page(mm->top), PT_LEVELS, 0);
}

int pt_create(struct mm *mm)
{
	struct page *top = table_new(mm, PT_LEVELS);

	if (!top)
		return -ENOMEM;
	mm->top = page_to_virt(top);
	mm->top_phys = page_to_pfn(top) << PAGE_SHIFT;
	mmu_new_top(mm->top);
	return 0;
}

static void destroy_children(struct page *table, int level)
{
	pte_t *slot = page_to_virt(table);

	assert(page_type(table) == PAGE_TABLE && table->table_level == level);
	for (unsigned int i = 0; level > 1 && table->table_present; i++, table->table_present--) {
		struct page *child;

		i = next_used(slot, i, level == PT_LEVELS ? PT_ENTRIES / 2 : PT_ENTRIES);
		assert(pte_is_table(slot[i], level));
		child = pfn_to_page(pte_pfn(slot[i]));
		destroy_children(child, level - 1);
		table_free(child);
		slot[i] = PTE_NONE;
	}
	if (table->table_present)
		panic("a page table of level 1 is freed with %u entries in use", table->table_present);
}

void pt_destroy(struct mm *mm)
{
	debug_assert(!READ_ONCE(mm->cpus));
	destroy_children(virt_to_page(mm->top), PT_LEVELS);
	atomic_dec(&mm->table_pages);
	page_free(virt_to_page(mm->top), 0); /* the kernel's half is not clean */
	mm->top = NULL;
	mm->top_phys = 0;
}
