/*
 * P1, P5 and what a table says of itself, by brute force.
 */
#include "mm/mm.h"
#include "mm/pgtable_internal.h"

static const char *check_leaf(pte_t e, int level)
{
	if (level > PT_LEAF_LEVEL_MAX)
		return "P5: a leaf above level 2";
	if (pte_pfn(e) >= max_pfn)
		return "P5: a leaf maps a frame that does not exist";
	if (!pte_special(e) && page_type(page_head(pte_page(e))) != PAGE_FOLIO)
		return "P5: a leaf maps a frame that is no folio";
	return NULL;
}

static const char *check_table(const struct mm *mm, pte_t *slots, int level)
{
	const struct page *table = virt_to_page(slots);
	unsigned int limit = level == PT_LEVELS ? PT_ENTRIES / 2 : PT_ENTRIES, used = 0;
	const char *wrong = NULL;

	if (page_type(table) != PAGE_TABLE || table->table_level != level || table->table_mm != mm)
		return "P1: an entry points to what is no table of its level and mm";
	for (unsigned int i = 0; i < limit && !wrong; i++) {
		pte_t e = pte_read(&slots[i]);

		used += !pte_none(e);
		if (pte_is_table(e, level))
			wrong = check_table(mm, pte_table(e), level - 1);
		else if (pte_present(e))
			wrong = check_leaf(e, level);
		else if (!pte_none(e) && level > PT_LEAF_LEVEL_MAX)
			wrong = "P5: a marker above level 2";
	}
	if (!wrong && used != table->table_present)
		wrong = "P1: table_present is not the number of entries that are not none";
	return wrong;
}

const char *pt_check(struct mm *mm)
{
	return check_table(mm, mm->top, PT_LEVELS);
}
