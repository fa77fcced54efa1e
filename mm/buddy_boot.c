/*
 * The page allocator's beginning: from what the loader told to a table of frames and free blocks.
 *
 *	RAM ranges less what is taken (image, initrd, early tables) = free stretches
 *	the top of the highest stretch that is large enough: mem_map
 *	everything else: free
 */
#include "kernel/boot.h"
#include "kernel/lib/string.h"
#include "mm/buddy.h"

struct page *mem_map;
u64 max_pfn;

/* The first MiB belongs to firmware and to the start of other CPUs. It also keeps frame 0, which ends lists, out. */
#define LOW_LIMIT 0x100000UL

/* The next stretch of RAM that nobody has taken, at or above `from`. => false: there is none */
static bool next_free_range(const struct boot_info *b, u64 from, u64 *start, u64 *end)
{
	u64 best = ~0UL, stop = 0;

	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		u64 lo = max(ALIGN_UP(b->ranges[i].start, PAGE_SIZE), max(from, LOW_LIMIT));
		u64 hi = ALIGN_DOWN(b->ranges[i].end, PAGE_SIZE);

		if (b->ranges[i].kind != MEM_RAM)
			continue;
		/* step over what is taken until nothing covers lo */
		for (unsigned int t = 0; t < b->nr_taken && lo < hi; t++)
			if (b->taken[t].start <= lo && lo < b->taken[t].end) {
				lo = ALIGN_UP(b->taken[t].end, PAGE_SIZE);
				t = ~0U;
			}
		if (lo < hi && lo < best) {
			best = lo;
			stop = hi;
		}
	}
	for (unsigned int t = 0; t < b->nr_taken; t++)
		if (b->taken[t].start > best)
			stop = min(stop, ALIGN_DOWN(b->taken[t].start, PAGE_SIZE));
	*start = best;
	*end = stop;
	return stop > best;
}

/* mem_map goes to the top of the highest stretch that holds it. => its physical bounds */
static struct mem_range place_mem_map(const struct boot_info *b)
{
	u64 size = ALIGN_UP(max_pfn * sizeof(struct page), PAGE_SIZE);
	struct mem_range place = { 0, 0, MEM_KERNEL };
	u64 start, end, from = 0;

	for (; next_free_range(b, from, &start, &end); from = end)
		if (end - start >= size)
			place = (struct mem_range){ end - size, end, MEM_KERNEL };
	if (!place.end)
		panic("too little memory: no %lu KiB in a row for the table of frames", (unsigned long)size >> 10);
	return place;
}

static void mark_image(u64 start, u64 end)
{
	for (u64 pfn = start >> PAGE_SHIFT; pfn < DIV_ROUND_UP(end, PAGE_SIZE) && pfn < max_pfn; pfn++)
		mem_map[pfn].flags = PAGE_IMAGE;
}

void buddy_boot(const struct boot_info *b)
{
	struct mem_range place;
	u64 start, end, from = 0;

	for (unsigned int i = 0; i < b->nr_ranges; i++)
		if (b->ranges[i].kind == MEM_RAM)
			max_pfn = max(max_pfn, b->ranges[i].end >> PAGE_SHIFT);
	place = place_mem_map(b);
	mem_map = phys_to_virt(place.start);
	memset(mem_map, 0, max_pfn * sizeof(struct page));
	for (unsigned int i = 0; i < b->nr_taken; i++)
		mark_image(b->taken[i].start, b->taken[i].end);
	mark_image(place.start, place.end);
	for (; next_free_range(b, from, &start, &end); from = end) {
		u64 stop = end == place.end ? place.start : end;

		if (stop > start)
			buddy_add(start >> PAGE_SHIFT, (stop - start) >> PAGE_SHIFT);
	}
}
