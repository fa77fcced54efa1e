/*
 * Page tables: one iterator, one way to change an entry.
 *
 *        top (level 4)        level 3           level 2            level 1
 *       +-----------+      +----------+      +-----------+      +----------+
 *       | 47..39    | ---> | 38..30   | ---> | 29..21    | ---> | 20..12   | ---> frame
 *       +-----------+      +----------+      +-----------+      +----------+
 *        mm->pt_lock        mm->pt_lock       each level 2 and level 1 table has a lock of its own
 *
 *   P1  every table's struct page counts its entries that are not none (table_present).
 *   P2  a table with table_present == 0 may be freed, only with mmap_lock and rmap_lock held for writing
 *       (rmap walkers hold rmap_lock for reading while they are in the tables: A7), and only after a flush.
 *   P3  entries of levels 1 and 2 change under their table's lock, those of 3 and 4 under mm->pt_lock.
 *   P4  a present entry is only made less permissive, or replaced, together with a flush before the lock
 *       that excludes other users of the old translation is dropped to them: see mm/tlb.h.
 *   P5  a leaf may stand at level 1 (4 KiB) or 2 (2 MiB), a marker too. Every walker handles both.
 *   P6  two tables are locked together only by who holds mmap_lock for writing, so no two hold each other's.
 *
 * Locks: the caller holds mmap_lock (any mode) or, in rmap walks, rmap_lock. The iterator takes the table's
 * lock and holds it while a step is looked at.
 */
#ifndef MM_PGTABLE_H
#define MM_PGTABLE_H

#include "mm/page.h"
#include <arch/pte.h>

struct mm;

/* Replace the entry. Keeps P1. An old entry that is present may lose A and D that the hardware sets just now:
 * pt_xchg() where that matters. => its lock (P3) held */
static inline void pt_set(pte_t *slot, pte_t new_entry)
{
	struct page *table = virt_to_page(slot);
	int change = !pte_none(new_entry) - !pte_none(*slot);

	debug_assert(page_type(table) == PAGE_TABLE);
	debug_assert(table->table_level > 2 || spin_is_held(&table->table_lock));
	WRITE_ONCE(slot->val, new_entry.val);
	table->table_present += change;
}

/* Replace and return the old one atomically: the hardware may set A and D at any time. => lock held */
static inline pte_t pt_xchg(pte_t *slot, pte_t new_entry)
{
	struct page *table = virt_to_page(slot);
	pte_t old = pte_of(xchg(&slot->val, new_entry.val));

	debug_assert(page_type(table) == PAGE_TABLE);
	debug_assert(table->table_level > 2 || spin_is_held(&table->table_lock));
	table->table_present += !pte_none(new_entry) - !pte_none(old);
	return old;
}

/* Take the write permission of a present entry, whose A and D the hardware may set at any time. => what it is now; lock
 * held */
static inline pte_t pt_wrprotect(pte_t *slot)
{
	debug_assert(spin_is_held(&virt_to_page(slot)->table_lock));
	__atomic_fetch_and(&slot->val, ~(u64)PTE_W, __ATOMIC_SEQ_CST);
	return pte_of(READ_ONCE(slot->val));
}

/*
 * Walk every entry that is not none in [addr, end), in ascending order:
 *
 *	struct pt_iter it;
 *	pt_for_each(&it, mm, start, end) {
 *		it.addr		first byte this entry stands for (may lie below start when a leaf is large)
 *		it.level	1, or 2 for a large leaf or marker
 *		it.pte		value loaded at this step
 *		it.slot		where it stands; change it with pt_set(), pt_xchg() or pt_iter_clear() only
 *	}
 *
 * The lock of the table that holds it.slot is held inside the body. Leaving the body early needs pt_iter_end(&it).
 * In the body pt_iter_relax(&it) may drop and retake the lock (after which it.pte is stale); the iterator does so
 * itself between tables.
 */
struct pt_iter {
	struct mm *mm;
	unsigned long addr, end;
	pte_t pte;
	pte_t *slot;
	u8 level;
	/* private to pgtable.c */
	unsigned long next;   /* where to go on after the table in hand */
	unsigned long origin; /* address of a slot less its place in memory, scaled */
	struct page *table;   /* locked table, or NULL */
	pte_t *limit;	      /* end of the slots to visit in `table` */
};
bool pt_iter_next_table(struct pt_iter *it); /* the iterator's slow half */
void pt_iter_relax(struct pt_iter *it);

static inline void pt_iter_init(struct pt_iter *it, struct mm *mm, unsigned long start, unsigned long end)
{
	it->mm = mm;
	it->next = start & PAGE_MASK;
	it->end = end;
	it->table = NULL;
	it->slot = it->limit = &it->pte; /* nothing in hand */
}

static inline bool pt_iter_next(struct pt_iter *it)
{
	pte_t *const limit = it->limit;

	for (pte_t *slot = it->slot + 1; slot < limit; slot++) {
		u64 val = READ_ONCE(slot->val);

		if (!val)
			continue;
		it->slot = slot;
		it->pte = pte_of(val);
		it->addr = it->origin + ((unsigned long)slot << PT_SHIFT); /* 8 bytes stand for a page */
		return true;
	}
	return pt_iter_next_table(it);
}

static inline void pt_iter_end(struct pt_iter *it) NO_THREAD_SAFETY
{
	if (it->table)
		spin_unlock(&it->table->table_lock);
	it->table = NULL;
}

/* Take the entry in hand out of its table. => what it was, A and D included */
static inline pte_t pt_iter_clear(struct pt_iter *it)
{
	it->table->table_present--;
	return pte_of(xchg(&it->slot->val, 0UL));
}

#define pt_for_each(it, mm, start, end)                                                            \
	for (pt_iter_init(it, mm, start, end); pt_iter_next(it);)

/*
 * Walk entries together with the slot that stands for the same offset from another address, in the same mm
 * (mremap) or another one (fork):
 *
 *	struct pt_pair p;
 *	pt_for_each_pair(&p, src_mm, start, end, dst_mm, dst_start) {
 *		p.src		as in pt_for_each
 *		p.dst_addr, p.dst_slot	of the same level, none or not; its table is locked too
 *	}
 *	if (p.err) ...
 *
 * Destination tables are made on the way (never, if pt_alloc_range() was there before). The walk ends early with
 * err = -ENOMEM, or with -EEXIST where a large leaf or marker of the source has no place as such in the
 * destination, or one of the destination is in the way: p.src.addr (p.dst_addr) tells where; pt_split_leaf() it
 * and start again from there.
 * => mmap_lock of both held for writing (P6)
 */
struct pt_pair {
	struct pt_iter src;
	struct mm *dst_mm;
	unsigned long dst_addr;
	pte_t *dst_slot;
	int err;
	/* private to pgtable.c */
	unsigned long shift;	/* destination address less source address */
	long slot_shift;	/* bytes from source slot to destination slot, in the tables in hand */
	struct page *dst_table; /* locked, or NULL */
};
bool pt_pair_next_table(struct pt_pair *p);

static inline void pt_pair_init(struct pt_pair *p, struct mm *src, unsigned long start, unsigned long end,
				struct mm *dst, unsigned long dst_start)
{
	pt_iter_init(&p->src, src, start, end);
	p->dst_mm = dst;
	p->dst_table = NULL;
	p->shift = dst_start - start;
	p->err = 0;
}

static inline bool pt_pair_next(struct pt_pair *p)
{
	pte_t *const limit = p->src.limit;

	for (pte_t *slot = p->src.slot + 1; slot < limit; slot++) {
		u64 val = READ_ONCE(slot->val);

		if (!val)
			continue;
		p->src.slot = slot;
		p->src.pte = pte_of(val);
		p->src.addr = p->src.origin + ((unsigned long)slot << PT_SHIFT);
		p->dst_slot = (pte_t *)((char *)slot + p->slot_shift);
		p->dst_addr = p->src.addr + p->shift;
		return true;
	}
	return pt_pair_next_table(p);
}

void pt_pair_end(struct pt_pair *p); /* leaving the body early */

/* Fill the destination slot, which is none, with an entry. */
static inline void pt_pair_set(struct pt_pair *p, pte_t new_entry)
{
	debug_assert(pte_none(*p->dst_slot) && !pte_none(new_entry));
	p->dst_table->table_present++;
	WRITE_ONCE(p->dst_slot->val, new_entry.val);
}

#define pt_for_each_pair(p, src, start, end, dst, dst_start)                                       \
	for (pt_pair_init(p, src, start, end, dst, dst_start); pt_pair_next(p);)

/* Move every entry of [start, end) to dst and after, in the same mm; the destination's slots are none. No flush here.
 * => mmap_lock and rmap_lock held for writing; 0, or err as above: then what came before has been moved */
int pt_move_entries(struct mm *mm, unsigned long start, unsigned long end, unsigned long dst);

/* The level-1 slot for addr with its table locked; missing tables are allocated.
 * => slot, *lock held; NULL with *err = -ENOMEM, or -EEXIST when a large leaf or marker of level 2 is in the way
 *    (pt_split_leaf() first). Caller unlocks with spin_unlock(*lock). */
pte_t *pt_slot_alloc(struct mm *mm, unsigned long addr, struct spinlock **lock, int *err)
	TRY_ACQUIRES(true, **lock);
/* As above without allocating. *level tells which level the slot is of (1, or 2: a large leaf or marker).
 * => NULL when there is no table */
pte_t *pt_slot_find(struct mm *mm, unsigned long addr, struct spinlock **lock, u8 *level)
	TRY_ACQUIRES(true, **lock);
/* The level-2 slot for addr, whatever stands there - none, table, leaf or marker - with its table locked; upper
 * tables are allocated. => NULL: -ENOMEM */
pte_t *pt_slot2_alloc(struct mm *mm, unsigned long addr, struct spinlock **lock) TRY_ACQUIRES(true, **lock);
/* Visit all level-1 slots of [start, end), none or not, tables allocated, large leaves and markers split: guard
 * install, populate. fn under the lock. => 0, -ENOMEM (what was done stays done), or fn's first non-zero */
typedef int pt_slot_fn(pte_t *slot, unsigned long addr, void *arg);
int pt_each_slot(struct mm *mm, unsigned long start, unsigned long end, pt_slot_fn *fn, void *arg);
/* Whole tables exist for the range: prepare step of mremap and fork. => 0 or -ENOMEM */
int pt_alloc_range(struct mm *mm, unsigned long start, unsigned long end);
/* As above, but level-2 tables are enough: for pt_move_table(). */
int pt_alloc_upper(struct mm *mm, unsigned long start, unsigned long end);

/* Replace a level-2 leaf or marker that covers addr by a table of 512 equal entries, each of which counts in
 * the folio (M1). => mmap_lock held; 0 (nothing to split is fine), -ENOMEM, no change then */
int pt_split_leaf(struct mm *mm, unsigned long addr);
/* The same for the edge of a range: a leaf that begins at addr stays whole. */
static inline int pt_split_at(struct mm *mm, unsigned long addr)
{
	return IS_ALIGNED(addr, PT_LEVEL_SIZE(2)) ? 0 : pt_split_leaf(mm, addr);
}

/* Move what stands in one level-2 slot - a whole level-1 table, a large leaf or marker - to another: both addresses
 * 2 MiB aligned, pt_alloc_upper() done for `to`, nothing but an empty table there, which `from` gets. No flush here.
 * => mmap_lock and rmap_lock held for writing. False when there is nothing to move. */
bool pt_move_table(struct mm *mm, unsigned long from, unsigned long to);

struct tlb_batch;
/* Unhook every empty table whose range lies wholly in [floor, ceiling) and meets [start, end); floor and ceiling are
 * the neighbouring VMAs' end and start. The batch frees them after its flush. => P2 */
void pt_free_empty(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end, unsigned long floor,
		   unsigned long ceiling);

int pt_create(struct mm *mm);	/* top table; 0 or -ENOMEM */
void pt_destroy(struct mm *mm); /* all tables; every entry is none by now (asserted) */

/* P1, levels, owners and leaves' frames by brute force. => NULL or a sentence */
const char *pt_check(struct mm *mm);

/* A present leaf's page; NULL for the zero page and other special leaves. */
static inline struct page *pte_page(pte_t e)
{
	return pte_special(e) ? NULL : pfn_to_page(pte_pfn(e));
}

#endif
