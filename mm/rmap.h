/* Reverse map: from a folio to every page-table entry that maps it. Theory in rmap.c. */
#ifndef MM_RMAP_H
#define MM_RMAP_H

#include "mm/anon.h"

/* Called for every entry that maps a page of the folio, its table locked. => true: go on */
typedef bool rmap_fn(struct folio *f, struct vma *v, unsigned long addr, pte_t *slot, int level, void *arg);

struct rmap_result {
	unsigned int vmas;  /* VMAs visited */
	unsigned int found; /* entries found */
};
/* Anonymous and file folios. => the caller holds a reference; folio lock held or not (A4 repeats then) */
struct rmap_result rmap_walk(struct folio *f, rmap_fn *fn, void *arg);

/* Entry counts (M1): called for each entry that is made or taken away, table locked. */
static inline void rmap_add(struct folio *f __unused, struct page *page)
{
	debug_assert(page_folio(page) == f);
	atomic_inc(&page->mapcount);
}

static inline void rmap_remove(struct folio *f __unused, struct page *page)
{
	debug_assert(page_folio(page) == f);
	debug_assert(atomic_read(&page->mapcount) > 0);
	atomic_dec(&page->mapcount);
}

#endif
