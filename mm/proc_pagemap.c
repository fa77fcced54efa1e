/*
 * Page by page: /proc/<pid>/pagemap and, of our own, mm/frames.
 *
 * pagemap is an array of 64-bit words indexed by virtual page number:
 *
 *	63 present   62 swapped, or a marker   61 file page or shared   58 guard   56 mapped by this entry alone
 *	55 soft-dirty (always clear: not tracked)                       54..0 frame number, for root only
 *
 * Locks: mmap_lock for reading; entries under their table's lock.
 */
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"
#include "mm/anon.h"
#include "mm/pgtable.h"
#include "mm/proc_mm.h"

#define PM_PRESENT BIT(63)
#define PM_SWAP BIT(62)
#define PM_FILE BIT(61)
#define PM_GUARD BIT(58)
#define PM_EXCLUSIVE BIT(56)

/* What Linux shows in a guard's frame field: swap type 31 (markers) with offset 4 (guard) from bit 5 on. */
#define PM_GUARD_FRAME (31UL | 4UL << 5)

static u64 entry_word(pte_t e, unsigned long offset, bool show_frames)
{
	struct page *page;
	u64 word;

	if (!pte_present(e))
		return pte_is_guard(e) ? PM_SWAP | PM_GUARD | (show_frames ? PM_GUARD_FRAME : 0) : 0;
	word = PM_PRESENT | (show_frames ? pte_pfn(e) + offset : 0);
	page = pte_page(e);
	if (!page)
		return word;
	if (!folio_is_anon(page_folio(page)))
		word |= PM_FILE;
	if (atomic_read(&page->mapcount) == 1)
		word |= PM_EXCLUSIVE;
	return word;
}

/* buf has a word for each page of [start, end), cleared. */
static void fill_words(struct mm *mm, u64 *buf, unsigned long start, unsigned long end, bool show_frames)
{
	struct pt_iter it;

	pt_for_each(&it, mm, start, end) {
		unsigned long from = max(it.addr, start), to = min(it.addr + PT_LEVEL_SIZE(it.level), end);

		for (unsigned long a = from; a < to; a += PAGE_SIZE)
			buf[(a - start) >> PAGE_SHIFT] =
				entry_word(it.pte, (a - it.addr) >> PAGE_SHIFT, show_frames);
	}
}

long proc_pagemap_read(struct mm *mm, u64 *buf, size_t n, u64 pos)
{
	const u64 last = TASK_SIZE / PAGE_SIZE; /* pages */
	u64 first = pos / sizeof(u64), count = n / sizeof(u64);

	if (pos % sizeof(u64) || n % sizeof(u64))
		return -EINVAL;
	if (first >= last)
		return 0;
	count = min(count, last - first);
	memset(buf, 0, count * sizeof(u64));
	read_lock(&mm->mmap_lock);
	fill_words(mm, buf, first << PAGE_SHIFT, (first + count) << PAGE_SHIFT, caller_is_root());
	read_unlock(&mm->mmap_lock);
	return (long)(count * sizeof(u64));
}

/* ---- mm/frames ---- */

#define FRAMES_PER_RECORD 64 /* lines of at most 30 bytes */

static unsigned int put_frames(struct seq *s, const struct pt_iter *it)
{
	unsigned long pages = PT_LEVEL_SIZE(it->level) >> PAGE_SHIFT;

	for (unsigned long i = 0; i < pages; i++)
		seq_printf(s, "%lx %lx\n", (unsigned long)pte_pfn(it->pte) + i, it->addr + (i << PAGE_SHIFT));
	return pages;
}

int proc_frames_next(struct seq *s, struct mm *mm, u64 *cookie)
{
	unsigned long next = TASK_SIZE;
	unsigned int lines = 0;
	struct pt_iter it;

	if (*cookie >= TASK_SIZE)
		return 0;
	read_lock(&mm->mmap_lock);
	pt_for_each(&it, mm, *cookie, TASK_SIZE) {
		if (!pte_present(it.pte))
			continue;
		if (lines >= FRAMES_PER_RECORD) {
			next = it.addr;
			pt_iter_end(&it);
			break;
		}
		lines += put_frames(s, &it);
	}
	read_unlock(&mm->mmap_lock);
	if (!s->overflow)
		*cookie = next;
	return lines > 0;
}
