/*
 * All of physical memory, frame by frame: /sys/kernel/mm/quire/memmap, and the counts that are made by looking.
 *
 *	.  free              T  page table            A  anonymous, one entry maps it (or none yet)
 *	K  image, mem_map    k  other kernel memory   B  anonymous, several entries map it
 *	S  slab              Z  the zero page         F  page cache          -  no RAM
 *
 * Locks: none. A frame's words are read while it may change hands; each frame is shown as it was at some moment, and
 * nothing that it points to is followed.
 */
#include "mm/anon.h"
#include "mm/proc_mm.h"
#include "mm/stat.h"

#define LINE_FRAMES 64U
#define RECORD_LINES 16U /* about 1 KiB */

static const struct page *head_of(const struct page *p)
{
	u32 distance = READ_ONCE(p->private);

	return page_type(p) == PAGE_TAIL && distance <= page_to_pfn(p) ? p - distance : p;
}

static char folio_char(const struct page *p)
{
	unsigned long word = READ_ONCE(p->mapping.word);

	if (word & FOLIO_MAPPING_FLAGS)
		return atomic_read(&p->mapcount) > 1 ? 'B' : 'A';
	return 'F';
}

static char frame_char(const struct page *p)
{
	if (page_test(p, PG_ZEROPAGE))
		return 'Z';
	switch (page_type(head_of(p))) {
	case PAGE_FREE:
		return '.';
	case PAGE_SLAB:
		return 'S';
	case PAGE_TABLE:
		return 'T';
	case PAGE_IMAGE:
		return 'K';
	case PAGE_FOLIO:
		return folio_char(head_of(p));
	case PAGE_RESERVED:
		return '-';
	default:
		return 'k';
	}
}

static void put_line(struct seq *s, u64 pfn)
{
	char line[LINE_FRAMES + 1];
	unsigned int n;

	for (n = 0; n < LINE_FRAMES && pfn + n < max_pfn; n++)
		line[n] = frame_char(pfn_to_page(pfn + n));
	line[n] = '\n';
	seq_write(s, line, n + 1);
}

int sys_memmap_next(struct seq *s, u64 *cookie)
{
	u64 pfn = *cookie;

	if (pfn >= max_pfn)
		return 0;
	if (pfn == 0)
		seq_printf(s, "pages %lu\n", (unsigned long)max_pfn);
	for (unsigned int i = 0; i < RECORD_LINES && pfn < max_pfn; i++, pfn += LINE_FRAMES)
		put_line(s, pfn);
	if (!s->overflow)
		*cookie = pfn;
	return 1;
}

static void count_folio(struct frame_census *c, const struct page *head)
{
	if (page_test(head, PG_MLOCKED))
		c->mlocked++;
	if (!atomic_read(&head->mapcount))
		return;
	if (READ_ONCE(head->mapping.word) & FOLIO_MAPPING_FLAGS)
		c->anon++;
	else
		c->mapped++;
}

void frame_census(struct frame_census *c)
{
	*c = (struct frame_census){ 0 };
	for (u64 pfn = 0; pfn < max_pfn; pfn++) {
		const struct page *p = pfn_to_page(pfn);
		enum page_type type = page_type(p);

		if (type == PAGE_RESERVED)
			continue;
		c->present++;
		if (type == PAGE_FOLIO || type == PAGE_TAIL) {
			p = head_of(p);
			if (page_type(p) == PAGE_FOLIO)
				count_folio(c, p);
		}
		if (!(pfn % (1 << 18))) /* every GiB */
			sched_yield_point();
	}
}
