/*
 * Gather, flush, free: see tlb.h.
 *
 * The order is the point: an entry leaves its table, then every CPU forgets the translation, then the page may
 * belong to somebody else. A page freed before the flush could be written through a stale translation by a thread
 * on another CPU; a table freed before it could be walked by that CPU's hardware.
 *
 * Linux differs: it defers the freeing of tables once more (RCU), because of walkers without locks.
 */
#include "mm/tlb.h"
#include "mm/buddy.h"
#include "mm/mm.h"

void tlb_begin(struct tlb_batch *tlb, struct mm *mm)
{
	tlb->mm = mm;
	tlb->start = ~0UL;
	tlb->end = 0;
	tlb->tables = false;
	tlb->nr = 0;
	tlb->table_list = NULL;
}

/* A table that nothing points to any more. Until the flush it only looks used. */
void tlb_put_table(struct tlb_batch *tlb, struct page *table)
{
	debug_assert(page_type(table) == PAGE_TABLE && !table->table_present);
	table->kernel_owner = tlb->table_list;
	tlb->table_list = table;
	tlb->tables = true;
}

static void free_tables(struct tlb_batch *tlb)
{
	struct page *table = tlb->table_list, *next;

	for (; table; table = next) {
		next = table->kernel_owner;
		page_free_clean(table); /* every entry is none */
	}
	tlb->table_list = NULL;
}

void tlb_flush(struct tlb_batch *tlb)
{
	if (tlb->start < tlb->end) {
		/* A CPU that loads the mm after this has seen the changed tables: mmu_load() sets its bit first. */
		smp_mb();
		if (READ_ONCE(tlb->mm->cpus))
			mmu_flush_range(tlb->mm, tlb->start, tlb->end, tlb->tables);
		tlb->start = ~0UL;
		tlb->end = 0;
		tlb->tables = false;
	}
	debug_assert(!tlb->tables);
	if (tlb->nr) {
		folio_put_many(tlb->pages, tlb->nr);
		tlb->nr = 0;
	}
	if (tlb->table_list)
		free_tables(tlb);
}

void tlb_end(struct tlb_batch *tlb)
{
	tlb_flush(tlb);
}
