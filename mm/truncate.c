/*
 * Pages leave a file: by truncation, or as a hole.
 *
 *	              new end      old end
 *	file   |.......... x|xxxxxxxxxxx|        x: gone
 *	                 ^   ^
 *	      tail cleared   whole pages: out of every table, then out of the cache
 *
 * Every VMA that maps such a page loses the entry, and private mappings lose their own anonymous copies there as
 * well: past the end of the file there is SIGBUS, whatever the page held (POSIX; Linux's even_cows). A hole takes
 * only the file's own pages: a private copy of a page is the process's. Guard markers stay in either case.
 *
 * The walk holds i_mmap_lock, so no VMA comes, goes or changes its bounds, and each mm's rmap_lock for reading, so
 * no page table is freed underneath (A7). It holds no mmap_lock: faults go on, see filemap.c; and mm_quiesce keeps
 * mm_check() from looking in the middle of it.
 */
#include "kernel/lib/string.h"
#include "mm/filemap_internal.h"
#include "mm/vma_ops.h"

static void zap_vma(struct vma *v, unsigned long first, unsigned long last, bool copies)
{
	unsigned long start = v->start, end = v->end;
	struct tlb_batch tlb;

	if (first > v->file_pgoff)
		start += (first - v->file_pgoff) << PAGE_SHIFT;
	if (last < v->file_pgoff + vma_pages(v) - 1)
		end = v->start + ((last + 1 - v->file_pgoff) << PAGE_SHIFT);
	read_lock(&v->mm->lazy_root.rmap_lock);
	tlb_begin(&tlb, v->mm);
	if (copies)
		zap_range(&tlb, v, start, end);
	else
		zap_range_cached(&tlb, v, start, end);
	tlb_end(&tlb);
	read_unlock(&v->mm->lazy_root.rmap_lock);
}

static void zap_mappings(struct address_space *m, unsigned long first, unsigned long last, bool copies)
{
	struct vma *v;

	mutex_lock(&m->i_mmap_lock);
	mapping_for_each_vma(v, m, first, last) {
		zap_vma(v, first, last, copies);
		sched_yield_point();
	}
	mutex_unlock(&m->i_mmap_lock);
}

/* What lies behind `end` in its page was never the file's: a mapping may have written there. */
static void clear_tail(struct address_space *m, u64 end)
{
	size_t off = end % PAGE_SIZE;
	struct folio *f = off ? mapping_get_folio(m, end / PAGE_SIZE, false) : NULL;

	if (!f)
		return;
	memset((char *)page_to_virt(&f->page) + off, 0, PAGE_SIZE - off);
	folio_put(f);
}

void mapping_truncate(struct address_space *m, u64 size)
{
	unsigned long first = DIV_ROUND_UP(size, PAGE_SIZE);
	u64 old = m->size;

	if (size > old)
		clear_tail(m, old);
	spin_lock(&m->lock);
	WRITE_ONCE(m->size, size);
	spin_unlock(&m->lock);
	if (size >= old)
		return;
	read_lock(&mm_quiesce);
	zap_mappings(m, first, FILE_PAGES_MAX, true);
	filemap_remove_range(m, first, FILE_PAGES_MAX);
	read_unlock(&mm_quiesce);
	clear_tail(m, size);
}

#define PUNCH_BATCH 16

/* A hole leaves the size alone, so a fault that looked a folio up before would not learn of it: the folio leaves the
 * cache first, with an index that filemap_still_cached() refuses, and is let go when no entry maps it any more. */
void mapping_punch(struct address_space *m, unsigned long first, unsigned long last)
{
	struct folio *batch[PUNCH_BATCH];
	unsigned long indexes[PUNCH_BATCH];
	unsigned int n;

	read_lock(&mm_quiesce);
	while ((n = mapping_get_batch(m, first, last, batch, PUNCH_BATCH))) {
		for (unsigned int i = 0; i < n; i++)
			indexes[i] = filemap_detach_folio(m, batch[i]);
		zap_mappings(m, indexes[0], indexes[n - 1], false);
		for (unsigned int i = 0; i < n; i++) {
			filemap_release_folio(batch[i]);
			folio_put(batch[i]);
		}
		first = indexes[n - 1] + 1;
	}
	read_unlock(&mm_quiesce);
}
