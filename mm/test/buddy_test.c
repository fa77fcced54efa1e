/* The page allocator. */
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/test/harness.h"

#define BLOCKS 600

static struct {
	struct page *page;
	unsigned int order;
	u64 stamp;
} held[BLOCKS];

/* Every frame of a block carries the stamp at both ends: blocks that overlap destroy each other's. */
static void stamp(unsigned int i)
{
	held[i].stamp = test_random();
	for (unsigned long k = 0; k < BIT(held[i].order); k++) {
		u64 *word = page_to_virt(held[i].page + k);

		word[0] = word[511] = held[i].stamp + k;
	}
}

static void check_stamp(unsigned int i)
{
	for (unsigned long k = 0; k < BIT(held[i].order); k++) {
		u64 *word = page_to_virt(held[i].page + k);

		CHECK(word[0] == held[i].stamp + k && word[511] == held[i].stamp + k);
	}
}

static void check_block(unsigned int i, enum page_type type)
{
	struct page *p = held[i].page;

	CHECK(page_type(p) == type && page_order(p) == held[i].order);
	CHECK(IS_ALIGNED(page_to_pfn(p), BIT(held[i].order)));
	CHECK(atomic_read(&p->refcount) == 1 && atomic_read(&p->mapcount) == 0);
	CHECK(page_head(p + BIT(held[i].order) - 1) == p);
}

static void release(unsigned int i)
{
	if (!held[i].page)
		return;
	check_stamp(i);
	page_free(held[i].page, held[i].order);
	held[i].page = NULL;
}

TEST(random_blocks_never_overlap)
{
	for (int step = 0; step < 20000 && !test_has_failed(); step++) {
		unsigned int i = (unsigned int)test_below(BLOCKS);

		if (held[i].page) {
			release(i);
			continue;
		}
		held[i].order = test_below(8) ? (unsigned int)test_below(3) : (unsigned int)test_below(MAX_ORDER + 1);
		held[i].page = page_alloc(held[i].order, PAGE_KERNEL, test_below(2) ? GFP_ZERO : 0);
		if (!held[i].page)
			continue;
		check_block(i, PAGE_KERNEL);
		stamp(i);
		if (step % 512 == 0)
			CHECK_NULL(buddy_check());
	}
	for (unsigned int i = 0; i < BLOCKS; i++)
		release(i);
	CHECK_NULL(buddy_check());
}

TEST(zeroed_means_all_of_it)
{
	for (unsigned int order = 0; order < 4; order++) {
		struct page *p = page_alloc(order, PAGE_KERNEL, 0);

		memset(page_to_virt(p), 0xff, PAGE_SIZE << order);
		page_free(p, order);
		p = page_alloc(order, PAGE_KERNEL, GFP_ZERO);
		for (size_t i = 0; i < PAGE_SIZE << order; i++)
			CHECK(((u8 *)page_to_virt(p))[i] == 0);
		page_free(p, order);
	}
}

/* Take single frames until there are none. => how many; they are linked through kernel_owner */
static unsigned long exhaust(unsigned int gfp, struct page **list)
{
	unsigned long n = 0;
	struct page *p;

	while ((p = page_alloc(0, PAGE_KERNEL, gfp))) {
		p->kernel_owner = *list;
		*list = p;
		n++;
	}
	return n;
}

TEST(user_requests_leave_the_reserve)
{
	struct buddy_stats before, after;
	struct page *list = NULL, *next;
	unsigned long user, rest;

	buddy_stats(&before);
	CHECK(before.reserve >= 64 && before.reserve < before.total / 64);
	user = exhaust(GFP_USER, &list);
	buddy_stats(&after);
	CHECK_EQ(after.free, before.reserve);
	rest = exhaust(GFP_KERNEL, &list);
	CHECK_EQ(rest, before.reserve);
	CHECK_EQ(user + rest, before.free);
	CHECK(!page_alloc(0, PAGE_KERNEL, 0) && !page_alloc(3, PAGE_KERNEL, 0));
	CHECK_NULL(buddy_check());
	for (; list; list = next) {
		next = list->kernel_owner;
		page_free(list, 0);
	}
	CHECK_NULL(buddy_check());
}

TEST(what_was_gathered_in_a_row_returns_as_blocks)
{
	struct page *pages[256];
	struct buddy_stats before, after;
	unsigned int breaks = 0;

	pcp_drain_all();
	buddy_stats(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = &folio_alloc(0, GFP_USER)->page;
		atomic_set(&pages[i]->refcount, 0);
		breaks += i && pages[i] != pages[i - 1] + 1;
	}
	CHECK(breaks < 40); /* crumbs first, then neighbours, ascending */
	CHECK_NULL(buddy_check());
	page_free_many(pages, ARRAY_SIZE(pages));
	CHECK_NULL(buddy_check());
	pcp_drain_all();
	buddy_stats(&after);
	CHECK_EQ(memcmp(before.blocks, after.blocks, sizeof(before.blocks)), 0);
}

TEST(frames_are_counted_by_type)
{
	struct buddy_stats before, after;
	struct page *table = page_alloc(0, PAGE_TABLE, 0), *folio;

	buddy_stats(&before);
	folio = page_alloc(2, PAGE_FOLIO, 0);
	buddy_stats(&after);
	CHECK_EQ(after.by_type[PAGE_FOLIO] - before.by_type[PAGE_FOLIO], 4);
	CHECK_EQ(before.free - after.free, 4);
	CHECK_EQ(after.allocs - before.allocs, 4);
	page_free(folio, 2);
	page_free(table, 0);
	buddy_stats(&after);
	CHECK_EQ(before.by_type[PAGE_TABLE] - after.by_type[PAGE_TABLE], 1);
	CHECK_EQ(after.by_type[PAGE_FOLIO], before.by_type[PAGE_FOLIO]);
}

TEST(an_injected_failure_is_one_failure)
{
	struct page *a, *b;

	if (!IS_ENABLED(CONFIG_DEBUG))
		return; /* nothing injects failures there */
	atomic_set(&alloc_fail_countdown, 2);
	a = page_alloc(0, PAGE_KERNEL, 0);
	b = page_alloc(0, PAGE_KERNEL, 0);
	CHECK(a && !b);
	b = page_alloc(0, PAGE_KERNEL, 0);
	CHECK(b);
	page_free(a, 0);
	page_free(b, 0);
}
