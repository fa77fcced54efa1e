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
 *   P5  a leaf may stand at level 1 (4 KiB) or 2 (2 MiB). Every walker handles both.
 *
 * Locks: the caller holds mmap_lock (any mode) or, in rmap walks, rmap_lock. The iterator takes the table's
 * lock and holds it while a step is looked at.
 */
#ifndef MM_PGTABLE_H
#define MM_PGTABLE_H

#include "mm/page.h"
#include <arch/pte.h>

struct mm;

/*
 * Walk every entry that is not none in [addr, end), in ascending order:
 *
 *	struct pt_iter it;
 *	pt_for_each(&it, mm, start, end) {
 *		it.addr		first byte this entry stands for (may lie below start when a leaf is large)
 *		it.level	1, or 2 for a large leaf or marker
 *		it.pte		value loaded at this step
 *		it.slot		where it stands; change it with pt_set() only
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
	unsigned long next;
	struct page *table; /* locked table, or NULL */
	pte_t *limit;	    /* end of the slots to visit in `table` */
};
void pt_iter_init(struct pt_iter *it, struct mm *mm, unsigned long start, unsigned long end);
bool pt_iter_next(struct pt_iter *it);
void pt_iter_end(struct pt_iter *it);
void pt_iter_relax(struct pt_iter *it);
#define pt_for_each(it, mm, start, end)                                                            \
	for (pt_iter_init(it, mm, start, end); pt_iter_next(it);)

/* The level-1 slot for addr with its table locked; missing tables are allocated.
 * => slot, *lock held; NULL with *err = -ENOMEM, or -EEXIST when a large leaf or marker of level 2 is in the way
 *    (pt_split_leaf() first). Caller unlocks with spin_unlock(*lock). */
pte_t *pt_slot_alloc(struct mm *mm, unsigned long addr, struct spinlock **lock, int *err);
/* As above without allocating. *level tells which level the slot is of (1, or 2: a large leaf or marker).
 * => NULL when there is no table */
pte_t *pt_slot_find(struct mm *mm, unsigned long addr, struct spinlock **lock, u8 *level);
/* Visit all level-1 slots of [start, end), none or not, tables allocated: guard install, populate.
 * fn under the lock. => 0, -ENOMEM (what was done stays done), or fn's first non-zero */
typedef int pt_slot_fn(pte_t *slot, unsigned long addr, void *arg);
int pt_each_slot(struct mm *mm, unsigned long start, unsigned long end, pt_slot_fn *fn, void *arg);
/* Whole tables exist for the range: prepare step of mremap and fork. => 0 or -ENOMEM */
int pt_alloc_range(struct mm *mm, unsigned long start, unsigned long end);

/* Replace the entry. Keeps P1. => its lock (P3) held */
void pt_set(pte_t *slot, pte_t new_entry);
/* Replace and return the old one atomically: the hardware may set A and D at any time. => lock held */
pte_t pt_xchg(pte_t *slot, pte_t new_entry);

/* Replace a level-2 leaf or marker that straddles addr by a table of 512 equal entries. => 0, -ENOMEM, no change then */
int pt_split_leaf(struct mm *mm, unsigned long addr);

/* Move a whole level-1 table: both addresses 2 MiB aligned, destination has none. No flush here. => rmap_lock held
 * for writing. False when there is nothing to move. */
bool pt_move_table(struct mm *mm, unsigned long from, unsigned long to);

struct tlb_batch;
/* Unhook every empty table whose range lies wholly in [floor, ceiling) and meets [start, end); floor and ceiling are
 * the neighbouring VMAs' end and start. The batch frees them after its flush. => P2 */
void pt_free_empty(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end, unsigned long floor,
		   unsigned long ceiling);

int pt_create(struct mm *mm);	/* top table; 0 or -ENOMEM */
void pt_destroy(struct mm *mm); /* all tables; every entry is none by now (asserted) */

/* A present leaf's page; NULL for the zero page and other special leaves. */
static inline struct page *pte_page(pte_t e)
{
	return pte_special(e) ? NULL : pfn_to_page(pte_pfn(e));
}

#endif
