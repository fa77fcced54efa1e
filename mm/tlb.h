/*
 * Gather, flush, free.
 *
 * What an operation takes out of the page tables - entries made less permissive, pages, tables - is
 * gathered; one flush at the end of the operation (or when the batch is full) makes every CPU forget;
 * only then pages and tables are freed.
 *
 *	tlb_begin(&tlb, mm);
 *	... under table locks:  tlb_note(&tlb, addr, level);  tlb_put_page(&tlb, page);
 *	... outside them, when tlb_full(&tlb):  tlb_flush(&tlb);
 *	tlb_end(&tlb);			flush, free, done
 *
 * If the mm runs nowhere (mm->cpus empty but for none) the flush costs nothing.
 */
#ifndef MM_TLB_H
#define MM_TLB_H

#include "mm/page.h"

#define TLB_BATCH_PAGES 126

struct tlb_batch {
	struct mm *mm;
	unsigned long start, end; /* range to flush; start >= end: nothing noted */
	bool tables;		  /* upper-level entries changed */
	unsigned int nr;	  /* pages gathered, references held by the batch */
	struct page *table_list;  /* tables to free, linked through kernel_owner once unhooked */
	struct page *pages[TLB_BATCH_PAGES];
};

void tlb_begin(struct tlb_batch *tlb, struct mm *mm);
static inline void tlb_note_range(struct tlb_batch *tlb, unsigned long start, unsigned long end)
{
	if (start < tlb->start)
		tlb->start = start;
	if (end > tlb->end)
		tlb->end = end;
}
static inline void tlb_note(struct tlb_batch *tlb, unsigned long addr, int level)
{
	tlb_note_range(tlb, addr, addr + PT_LEVEL_SIZE(level));
}
static inline bool tlb_full(const struct tlb_batch *tlb)
{
	return tlb->nr == TLB_BATCH_PAGES;
}
/* Hand over one reference. => !tlb_full() */
static inline void tlb_put_page(struct tlb_batch *tlb, struct page *page)
{
	tlb->pages[tlb->nr++] = page;
}
void tlb_put_table(struct tlb_batch *tlb, struct page *table);
void tlb_flush(struct tlb_batch *tlb); /* => no spinlock held */
void tlb_end(struct tlb_batch *tlb);   /* => no spinlock held */

#endif
