/*
 * Zap: take what a range maps out of the page tables.
 *
 *	entry            becomes      page
 *	leaf             none         entry count - 1; the entry's reference goes to the batch
 *	zero page        none         (not counted)
 *	guard marker     stays, or none when the VMA or its range itself goes away
 *	anonymous page   stays where only the file's own pages are to go (a hole is made)
 *
 * The batch flushes before it frees (mm/tlb.h). Tables stay: pt_free_empty() is for those who hold rmap_lock.
 *
 * Locks: mmap_lock in any mode, or the file's map lock (truncate). Entries change under their table's lock.
 */
#include "kernel/task.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/vma_ops.h"

enum mm_counter folio_counter(const struct folio *f)
{
	if (folio_is_anon(f))
		return MM_ANONPAGES;
	/* Not by its object: a hole may have been punched between the entry's making and its end. */
	return page_test(&f->page, PG_SHMEM) ? MM_SHMEMPAGES : MM_FILEPAGES;
}

struct zap {
	struct tlb_batch *tlb;
	struct mm *mm;
	bool guards;
	bool cached_only;
	unsigned long lo, hi; /* a large leaf or marker that lies within goes as one, whatever VMAs it spans */
	long gone[MM_COUNTERS]; /* pages */
};

/* One leaf. => table locked, batch not full */
static void zap_leaf(struct zap *z, struct pt_iter *it)
{
	pte_t old = pt_iter_clear(it);
	struct page *page = pte_page(old);
	enum mm_counter kind;
	struct folio *f;

	tlb_note(z->tlb, it->addr, it->level);
	if (!page)
		return;
	f = page_folio(page);
	kind = folio_counter(f);
	z->gone[kind] += PT_LEVEL_SIZE(it->level) >> PAGE_SHIFT;
	if (kind != MM_ANONPAGES && pte_dirty(old))
		page_set(&f->page, PG_DIRTY);
	rmap_remove(f, page);
	tlb_put_page(z->tlb, &f->page);
}

static bool stays(const struct zap *z, pte_t e)
{
	struct page *page;

	if (pte_is_marker(e))
		return !z->guards;
	page = z->cached_only ? pte_page(e) : NULL;
	return page && folio_is_anon(page_folio(page));
}

static bool straddles(const struct zap *z, const struct pt_iter *it)
{
	return it->addr < z->lo || it->addr + PT_LEVEL_SIZE(it->level) > z->hi;
}

/* Until something must be done without the table lock. => where to go on; end when done */
static unsigned long zap_some(struct zap *z, unsigned long start, unsigned long end, unsigned long *split_at)
{
	struct pt_iter it;

	pt_for_each(&it, z->mm, start, end) {
		if (stays(z, it.pte))
			continue;
		if (it.level > 1 && straddles(z, &it)) {
			*split_at = max(it.addr, start);
			pt_iter_end(&it);
			return *split_at;
		}
		if (pte_is_marker(it.pte)) {
			pt_set(it.slot, PTE_NONE);
			continue;
		}
		zap_leaf(z, &it);
		if (unlikely(tlb_full(z->tlb))) {
			pt_iter_end(&it);
			return it.addr + PT_LEVEL_SIZE(it.level);
		}
	}
	return end;
}

static void zap_all(struct zap *z, unsigned long start, unsigned long end)
{
	while (start < end) {
		unsigned long split_at = 0;

		start = zap_some(z, start, end, &split_at);
		if (tlb_full(z->tlb)) {
			tlb_flush(z->tlb);
			sched_yield_point();
		}
		/* Who unmaps has cut what straddles the edges before (vma_unmap); of the others, none makes large leaves yet. */
		if (split_at && pt_split_leaf(z->mm, split_at))
			panic("no page table to split the leaf at %lx with", split_at);
	}
	mm_note_resident(z->mm);
	for (int i = 0; i < MM_COUNTERS; i++)
		if (z->gone[i])
			atomic_long_add(&z->mm->counters[i], -z->gone[i]);
}

void zap_unmapped(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end, unsigned long lo,
		  unsigned long hi)
{
	struct zap z = { .tlb = tlb, .mm = mm, .guards = true, .lo = lo, .hi = hi };

	zap_all(&z, start, end);
}

void zap_range(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end)
{
	struct zap z = { .tlb = tlb, .mm = v->mm, .lo = start, .hi = end };

	debug_assert(start >= v->start && end <= v->end);
	zap_all(&z, start, end);
}

void zap_range_cached(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end)
{
	struct zap z = { .tlb = tlb, .mm = v->mm, .cached_only = true, .lo = start, .hi = end };

	debug_assert(start >= v->start && end <= v->end);
	zap_all(&z, start, end);
}
