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
 * no page table is freed underneath (A7). It holds no mmap_lock: faults go on, see filemap.c.
 */
#include "kernel/lib/string.h"
#include "mm/anon.h"
#include "mm/filemap_internal.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/tlb.h"

struct zap {
	struct tlb_batch tlb;
	struct vma *vma;
	bool copies; /* anonymous pages of private mappings, too */
};

static enum mm_counter counter_of(struct folio *f, struct vma *v)
{
	if (folio_is_anon(f))
		return MM_ANONPAGES;
	return file_mapping(v->file)->shmem ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/* One present entry goes. => its table locked, room in the batch */
static void zap_entry(struct zap *z, struct pt_iter *it)
{
	pte_t old = pt_xchg(it->slot, PTE_NONE);
	struct page *page = pte_page(old);
	struct folio *f;

	tlb_note(&z->tlb, it->addr, it->level);
	if (!page)
		return;
	f = page_folio(page);
	if (pte_dirty(old))
		page_set(&f->page, PG_DIRTY);
	atomic_dec(&z->vma->mm->counters[counter_of(f, z->vma)]);
	rmap_remove(f, page);
	tlb_put_page(&z->tlb, page);
}

static bool to_be_zapped(const struct zap *z, pte_t e)
{
	struct page *page;

	if (!pte_present(e))
		return false;
	page = pte_page(e);
	return z->copies || !page || !folio_is_anon(page_folio(page));
}

/* => where to go on; `end` when done */
static unsigned long zap_some(struct zap *z, unsigned long start, unsigned long end)
{
	struct pt_iter it;

	pt_for_each(&it, z->vma->mm, start, end) {
		if (tlb_full(&z->tlb)) {
			start = it.addr;
			pt_iter_end(&it);
			return start;
		}
		if (to_be_zapped(z, it.pte))
			zap_entry(z, &it);
	}
	return end;
}

static void zap_vma(struct vma *v, unsigned long first, unsigned long last, bool copies)
{
	struct zap z = { .vma = v, .copies = copies };
	unsigned long start = v->start, end = v->end;

	if (first > v->file_pgoff)
		start += (first - v->file_pgoff) << PAGE_SHIFT;
	if (last < v->file_pgoff + vma_pages(v) - 1)
		end = v->start + ((last + 1 - v->file_pgoff) << PAGE_SHIFT);
	read_lock(&v->mm->lazy_root.rmap_lock);
	tlb_begin(&z.tlb, v->mm);
	while (start < end) {
		start = zap_some(&z, start, end);
		if (start < end)
			tlb_flush(&z.tlb);
	}
	tlb_end(&z.tlb);
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
	zap_mappings(m, first, FILE_PAGES_MAX, true);
	filemap_remove_range(m, first, FILE_PAGES_MAX);
	clear_tail(m, size);
}

/* Nothing tells a fault that a hole is being made, as size does for a truncation: one that began before the folios
 * left may set an entry after the first walk, and the second finds it. */
void mapping_punch(struct address_space *m, unsigned long first, unsigned long last)
{
	zap_mappings(m, first, last, false);
	filemap_remove_range(m, first, last);
	zap_mappings(m, first, last, false);
}
