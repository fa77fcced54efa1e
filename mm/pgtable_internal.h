/* Shared by pgtable.c, pt_iter.c and pt_check.c alone. */
#ifndef MM_PGTABLE_INTERNAL_H
#define MM_PGTABLE_INTERNAL_H

#include "mm/pgtable.h"

static inline pte_t pte_read(const pte_t *slot)
{
	return pte_of(READ_ONCE(slot->val));
}

/* The table that an entry points to. */
static inline pte_t *pte_table(pte_t e)
{
	return phys_to_virt(e.val & PTE_FRAME);
}

pte_t *pt_slot_make(struct mm *mm, unsigned long addr, int *err);

#endif
