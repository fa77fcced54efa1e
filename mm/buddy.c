/*
 * Page allocator.
 *
 * The problem: any number of frames from one to 1,024 in a row, in constant time, from every CPU at once, without
 * breaking memory into crumbs.
 *
 *	page_alloc(0) --> this CPU's list, an array of frames --+
 *	                       | 32 at a time                   |  page_free(0)
 *	                       v                                v
 *	order  10 [4 MiB]-[4 MiB]          buddies: a block of 2^n frames and its neighbour, whose number
 *	        9 [2 MiB]                  differs in bit n alone, become one block of 2^(n+1) when both are free
 *	        .
 *	        0 [4 KiB]-[4 KiB]-[4 KiB]
 *
 *   B1  every frame of a free block and of a per-CPU list has type FREE; the first frame of a block, and no other
 *       frame, has PG_BUDDY and the block's order.
 *   B2  no two buddies are both free.
 *   B3  free_frames is what the lists' blocks add up to; mask has bit n where list n is not empty.
 *   B4  a frame that left the allocator has refcount 1, mapcount 0, its type words cleared; all but the first of a
 *       block are TAIL, with the distance to the first.
 *
 * Clean frames: a page table is freed when it is empty, that is, all zeroes. A few such frames wait on a list of
 * their own for the next request that wants zeroes, and save it the clearing.
 *
 * Order among neighbours is kept: a refill hands frames out with ascending numbers, so memory that is faulted in a
 * row is unmapped in a row, and page_free_many() gives it back as blocks, not frame by frame.
 *
 * Reserve: GFP_USER fails while fewer than `reserve` frames are free; the kernel's own requests may take them, so
 * that the way out of a shortage (a signal frame, a message, exit) still finds memory.
 *
 * Debug builds fill freed frames and look at them when they are handed out again: a write after free panics.
 *
 * Locks: a claim per CPU (mm/claim.h), then zone.lock (RANK_BUDDY).
 *
 * Linux differs: several zones and nodes, lists by migration type, per-CPU lists as linked lists.
 */
#include "mm/buddy.h"
#include "kernel/lib/string.h"
#include "mm/claim.h"
#include <arch/shadow.h>

#define PCP_SIZE 128U /* frames a CPU may hold: 512 KiB, an eighth of a percent of 512 MiB */
#define PCP_CLEAN 16U /* clean frames: the tables of two small processes */
#define PCP_BATCH 32U /* frames per refill: the zone's lock is taken once for so many faults */

struct pcp {
	struct claim claim;
	u32 nr, nr_clean;
	unsigned long allocs; /* frames handed out here, ever */
	long used[16]; /* frames handed out here less frames freed here, by type: only the sum over CPUs means something */
	struct page *pages[PCP_SIZE];
	struct page *clean[PCP_CLEAN];
} __aligned(64);

static struct pcp pcps[CONFIG_MAX_CPUS];

static struct {
	struct spinlock lock;
	u32 mask;
	u32 first[MAX_ORDER + 1]; /* pfn; 0: empty */
	unsigned long blocks[MAX_ORDER + 1];
	unsigned long free_frames, total, reserve;
} zone = { .lock = SPINLOCK_INIT(RANK_BUDDY) };

void (*page_shrink)(void);
atomic_t alloc_fail_countdown;

bool alloc_fails_now(void)
{
	return atomic_dec_and_test(&alloc_fail_countdown);
}

/* ---- Debug: the pattern of free frames ---- */

#define FREE_PATTERN 0xf4eef4eef4eef4eeUL /* not canonical as an address, odd as a size */

static void frame_poison(struct page *p)
{
	u64 *word = page_to_virt(p);

	if (IS_ENABLED(CONFIG_DEBUG)) {
		for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
			word[i] = FREE_PATTERN;
		p->flags |= BIT(PG_POISONED);
	}
	shadow_hide(word, PAGE_SIZE);
}

static void frame_check(const struct page *p, u64 want)
{
	const u64 *word = page_to_virt(p);

	for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
		if (unlikely(word[i] != want))
			panic("frame %lx was written while free: word %u is %lx", (unsigned long)page_to_pfn(p), i,
			      (unsigned long)word[i]);
}

static void frame_unpoison(struct page *p)
{
	shadow_show(page_to_virt(p), PAGE_SIZE);
	if (IS_ENABLED(CONFIG_DEBUG) && (p->flags & BIT(PG_POISONED)))
		frame_check(p, FREE_PATTERN);
}

/* ---- Blocks. => zone.lock held in all of these ---- */

static void block_link(struct page *p, unsigned int order)
{
	u32 pfn = (u32)page_to_pfn(p), old = zone.first[order];

	p->flags = PAGE_FREE | order << PG_ORDER_SHIFT | BIT(PG_BUDDY) | (p->flags & BIT(PG_POISONED));
	p->prev = 0;
	p->next = old;
	if (old)
		mem_map[old].prev = pfn;
	zone.first[order] = pfn;
	zone.mask |= 1U << order;
	zone.blocks[order]++;
}

static void block_unlink(struct page *p, unsigned int order)
{
	debug_assert(page_test(p, PG_BUDDY) && page_order(p) == order);
	if (p->prev)
		mem_map[p->prev].next = p->next;
	else if (!(zone.first[order] = p->next))
		zone.mask &= ~(1U << order);
	if (p->next)
		mem_map[p->next].prev = p->prev;
	p->flags &= ~(u32)(BIT(PG_BUDDY) | PG_ORDER_MASK);
	zone.blocks[order]--;
}

static bool block_is_free(u64 pfn, unsigned int order)
{
	const u32 want = PAGE_FREE | order << PG_ORDER_SHIFT | BIT(PG_BUDDY);
	const u32 mask = PG_TYPE_MASK | PG_ORDER_MASK | BIT(PG_BUDDY);

	return pfn < max_pfn && (READ_ONCE(mem_map[pfn].flags) & mask) == want;
}

/* Give a block back, joined with its buddies. => all its frames are of type FREE */
static void block_free(struct page *p, unsigned int order)
{
	u64 pfn = page_to_pfn(p);

	assert_spin_held(&zone.lock);
	zone.free_frames += 1UL << order;
	while (order < MAX_ORDER && block_is_free(pfn ^ BIT(order), order)) {
		block_unlink(&mem_map[pfn ^ BIT(order)], order);
		pfn &= ~BIT(order);
		order++;
	}
	block_link(&mem_map[pfn], order);
}

/* A free block of exactly `order`, from the smallest list that has one. NULL: none. */
static struct page *block_take(unsigned int order)
{
	u32 lists = zone.mask >> order;
	unsigned int from = order + (unsigned int)__builtin_ctz(lists | BIT(31));
	struct page *p;

	assert_spin_held(&zone.lock);
	if (!lists)
		return NULL;
	p = &mem_map[zone.first[from]];
	block_unlink(p, from);
	while (from > order) {
		from--;
		block_link(p + BIT(from), from);
	}
	zone.free_frames -= 1UL << order;
	return p;
}

/* How many frames such a request may have. Reserve: file head. */
static unsigned long zone_left(unsigned int gfp)
{
	unsigned long keep = gfp & GFP_USER ? zone.reserve : 0;

	return zone.free_frames > keep ? zone.free_frames - keep : 0;
}

/* ---- Per-CPU lists ---- */

/* Up to `want` frames into the list, lowest number on top of what comes first. The smallest blocks go first: crumbs
 * are used up before a large block is broken. => claimed, list empty */
static void pcp_refill(struct pcp *pcp, unsigned int gfp)
{
	struct page *blocks[PCP_BATCH];
	u8 orders[PCP_BATCH];
	unsigned int nr = 0, want;

	spin_lock(&zone.lock);
	want = (unsigned int)min(zone_left(gfp), (unsigned long)PCP_BATCH);
	while (want && zone.mask) {
		unsigned int order = (unsigned int)__builtin_ctz(zone.mask);
		unsigned int fits = 31U - (unsigned int)__builtin_clz(want);

		order = min(order, fits);
		blocks[nr] = block_take(order);
		orders[nr++] = (u8)order;
		want -= 1U << order;
	}
	spin_unlock(&zone.lock);
	while (nr--)
		for (unsigned int i = 1U << orders[nr]; i-- > 0;)
			pcp->pages[pcp->nr++] = blocks[nr] + i;
}

/* The frames of one row in the array go as the largest blocks they form. => zone.lock held */
static void free_row(struct page *p, unsigned long n)
{
	while (n) {
		unsigned int order = (unsigned int)__builtin_ctzl(page_to_pfn(p) | BIT(MAX_ORDER));

		while (BIT(order) > n)
			order--;
		block_free(p, order);
		p += BIT(order);
		n -= BIT(order);
	}
}

/* => frames of type FREE in descending or ascending rows, zone.lock held */
static void free_rows(struct page **pages, unsigned int n)
{
	for (unsigned int i = 0, next; i < n; i = next) {
		next = i + 1;
		if (next < n && pages[next] == pages[i] - 1) {
			while (next < n && pages[next] == pages[next - 1] - 1)
				next++;
			free_row(pages[next - 1], next - i);
			continue;
		}
		while (next < n && pages[next] == pages[next - 1] + 1)
			next++;
		free_row(pages[i], next - i);
	}
}

/* The n frames at the bottom of the list, longest unused, go back. => claimed */
static void pcp_drain(struct pcp *pcp, unsigned int n)
{
	if (!n)
		return;
	spin_lock(&zone.lock);
	free_rows(pcp->pages, n);
	spin_unlock(&zone.lock);
	pcp->nr -= n;
	memmove(pcp->pages, pcp->pages + n, pcp->nr * sizeof(void *));
}

static void pcp_drain_clean(struct pcp *pcp)
{
	spin_lock(&zone.lock);
	free_rows(pcp->clean, pcp->nr_clean);
	spin_unlock(&zone.lock);
	pcp->nr_clean = 0;
}

void pcp_drain_all(void)
{
	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		unsigned long flags = irq_save();

		claim_take(&pcps[cpu].claim);
		pcp_drain(&pcps[cpu], pcps[cpu].nr);
		pcp_drain_clean(&pcps[cpu]);
		claim_drop(&pcps[cpu].claim);
		irq_restore(flags);
	}
}

/* ---- Allocation ---- */

/* *gfp loses GFP_ZERO when the frame is clean */
static inline struct page *alloc_single(enum page_type type, unsigned int *gfp)
{
	unsigned long flags = irq_save();
	struct pcp *pcp = opaque_pointer(&pcps[cpu_id()]);
	struct page *p = NULL;

	claim_take(&pcp->claim);
	if ((*gfp & GFP_ZERO) && pcp->nr_clean) {
		p = pcp->clean[--pcp->nr_clean];
		*gfp &= ~(unsigned int)GFP_ZERO;
	} else {
		if (unlikely(!pcp->nr))
			pcp_refill(pcp, *gfp);
		if (likely(pcp->nr))
			p = pcp->pages[--pcp->nr];
	}
	if (likely(p)) {
		pcp->used[type]++;
		pcp->allocs++;
	}
	claim_drop(&pcp->claim);
	irq_restore(flags);
	return p;
}

static void count_used(enum page_type type, long frames)
{
	unsigned long flags = irq_save();
	struct pcp *pcp = opaque_pointer(&pcps[cpu_id()]);

	claim_take(&pcp->claim);
	pcp->used[type] += frames;
	pcp->allocs += frames > 0 ? (unsigned long)frames : 0;
	claim_drop(&pcp->claim);
	irq_restore(flags);
}

static struct page *alloc_block(unsigned int order, enum page_type type, unsigned int gfp)
{
	unsigned long flags = spin_lock_irqsave(&zone.lock);
	struct page *p = zone_left(gfp) >= BIT(order) ? block_take(order) : NULL;

	spin_unlock_irqrestore(&zone.lock, flags);
	if (p)
		count_used(type, 1L << order);
	return p;
}

/* Nothing left where one looks first: the other CPUs' lists, then what caches can spare. */
static __noinline struct page *alloc_short(unsigned int order, enum page_type type, unsigned int *gfp)
{
	struct page *p = NULL;

	for (int shrunk = 0; !p && shrunk < 2; shrunk++) {
		if (shrunk && page_shrink)
			page_shrink();
		pcp_drain_all();
		p = order ? alloc_block(order, type, *gfp) : alloc_single(type, gfp);
	}
	if (!p && (*gfp & GFP_NOFAIL_))
		panic("out of memory: no %lu KiB in a row for the kernel itself", 4UL << order);
	return p;
}

static inline void frame_init(struct page *p, u32 flags)
{
	p->flags = flags;
	atomic_set(&p->refcount, 1);
	p->kernel_owner = NULL; /* these two are the type's 16 bytes, whatever their names */
	p->kernel_word = 0;
	atomic_set(&p->mapcount, 0);
	p->private = 0;
}

static __noinline struct page *alloc_large(unsigned int order, enum page_type type, unsigned int gfp)
{
	struct page *p = alloc_block(order, type, gfp);

	if (!p)
		p = alloc_short(order, type, &gfp);
	if (!p)
		return NULL;
	for (u32 i = 0; i < BIT(order); i++) {
		frame_unpoison(p + i);
		p[i].flags = PAGE_TAIL;
		p[i].private = i;
		if (gfp & GFP_ZERO)
			clear_page(page_to_virt(p + i));
	}
	frame_init(p, type | order << PG_ORDER_SHIFT);
	return p;
}

struct page *page_alloc(unsigned int order, enum page_type type, unsigned int gfp)
{
	const bool zeroed = gfp & GFP_ZERO;
	struct page *p;

	debug_assert(order <= MAX_ORDER);
	if (alloc_injected_failure())
		return NULL;
	if (unlikely(order))
		return alloc_large(order, type, gfp);
	p = alloc_single(type, &gfp);
	if (unlikely(!p)) {
		p = alloc_short(0, type, &gfp);
		if (!p)
			return NULL;
	}
	frame_unpoison(p);
	frame_init(p, type);
	if (gfp & GFP_ZERO)
		clear_page(page_to_virt(p));
	else if (IS_ENABLED(CONFIG_DEBUG) && zeroed)
		frame_check(p, 0);
	return p;
}

struct folio *folio_alloc(unsigned int order, unsigned int gfp)
{
	return (struct folio *)page_alloc(order, PAGE_FOLIO, gfp);
}

/* ---- Freeing ---- */

static inline void frame_to_free(struct page *p)
{
	p->flags = PAGE_FREE;
	atomic_set(&p->refcount, 0);
	frame_poison(p);
}

static void free_single(struct page *p, enum page_type type)
{
	unsigned long flags = irq_save();
	struct pcp *pcp = opaque_pointer(&pcps[cpu_id()]);

	claim_take(&pcp->claim);
	if (unlikely(pcp->nr == PCP_SIZE))
		pcp_drain(pcp, PCP_BATCH);
	pcp->pages[pcp->nr++] = p;
	pcp->used[type]--;
	claim_drop(&pcp->claim);
	irq_restore(flags);
}

void page_free_clean(struct page *p)
{
	enum page_type type = page_type(p);
	unsigned long flags = irq_save();
	struct pcp *pcp = opaque_pointer(&pcps[cpu_id()]);
	bool room;

	debug_assert(!page_order(p) && atomic_read(&p->refcount) <= 1);
	if (IS_ENABLED(CONFIG_DEBUG))
		frame_check(p, 0);
	claim_take(&pcp->claim);
	room = pcp->nr_clean < PCP_CLEAN;
	if (likely(room)) {
		p->flags = PAGE_FREE;
		atomic_set(&p->refcount, 0);
		shadow_hide(page_to_virt(p), PAGE_SIZE);
		pcp->clean[pcp->nr_clean++] = p;
		pcp->used[type]--;
	}
	claim_drop(&pcp->claim);
	irq_restore(flags);
	if (unlikely(!room))
		page_free(p, 0);
}

static __noinline void free_large(struct page *p, unsigned int order, enum page_type type)
{
	unsigned long flags;

	for (unsigned int i = 0; i < BIT(order); i++)
		frame_to_free(p + i);
	flags = spin_lock_irqsave(&zone.lock);
	block_free(p, order);
	spin_unlock_irqrestore(&zone.lock, flags);
	count_used(type, -(1L << order));
}

void page_free(struct page *p, unsigned int order)
{
	enum page_type type = page_type(p);

	assert(type != PAGE_FREE && type != PAGE_RESERVED && type != PAGE_TAIL);
	debug_assert(page_order(p) == order && atomic_read(&p->refcount) <= 1);
	if (likely(order == 0)) {
		frame_to_free(p);
		free_single(p, type);
	} else {
		free_large(p, order, type);
	}
}

void page_free_many(struct page **pages, unsigned int n)
{
	unsigned long flags = irq_save();
	struct pcp *pcp = opaque_pointer(&pcps[cpu_id()]);
	unsigned int keep;

	for (unsigned int i = 0; i < n; i++) {
		debug_assert(page_type(pages[i]) == PAGE_FOLIO && !page_order(pages[i]));
		debug_assert(atomic_read(&pages[i]->refcount) == 0);
		frame_to_free(pages[i]);
	}
	claim_take(&pcp->claim);
	pcp->used[PAGE_FOLIO] -= n;
	/* Half the list is for these, so that the next large one does not have to drain first. */
	keep = pcp->nr < PCP_SIZE / 2 ? min(n, PCP_SIZE / 2 - pcp->nr) : 0;
	for (unsigned int i = keep; i-- > 0;)
		pcp->pages[pcp->nr++] = pages[i];
	if (keep < n) {
		spin_lock(&zone.lock);
		free_rows(pages + keep, n - keep);
		spin_unlock(&zone.lock);
	}
	claim_drop(&pcp->claim);
	irq_restore(flags);
}

/* ---- Figures ---- */

unsigned long page_nr_free(void)
{
	return READ_ONCE(zone.free_frames);
}

unsigned long buddy_total_pages(void)
{
	return zone.total;
}

void buddy_stats(struct buddy_stats *s)
{
	unsigned long flags;

	memset(s, 0, sizeof(*s));
	s->total = zone.total;
	s->reserve = zone.reserve;
	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		s->free += READ_ONCE(pcps[cpu].nr) + READ_ONCE(pcps[cpu].nr_clean);
		s->allocs += READ_ONCE(pcps[cpu].allocs);
		for (unsigned int t = 0; t < ARRAY_SIZE(s->by_type); t++)
			s->by_type[t] += (unsigned long)READ_ONCE(pcps[cpu].used[t]);
	}
	flags = spin_lock_irqsave(&zone.lock);
	s->free += zone.free_frames;
	memcpy(s->blocks, zone.blocks, sizeof(s->blocks));
	spin_unlock_irqrestore(&zone.lock, flags);
}

/* => NULL, or which of B1 to B3 is broken */
const char *buddy_check(void)
{
	unsigned long frames = 0, flags = spin_lock_irqsave(&zone.lock);
	const char *wrong = NULL;

	for (unsigned int order = 0; order <= MAX_ORDER; order++) {
		unsigned long blocks = 0;

		for (u32 pfn = zone.first[order]; pfn; pfn = mem_map[pfn].next, blocks++) {
			if (!block_is_free(pfn, order) || !IS_ALIGNED(pfn, BIT(order)))
				wrong = "B1: what is on a list is no free block of its order";
			if (order < MAX_ORDER && block_is_free(pfn ^ BIT(order), order))
				wrong = "B2: two buddies are free apart";
			for (u32 i = 1; i < BIT(order); i++)
				if ((mem_map[pfn + i].flags & ~BIT(PG_POISONED)) != PAGE_FREE)
					wrong = "B1: a frame inside a free block is not free";
		}
		if (blocks != zone.blocks[order] || !blocks != !(zone.mask & BIT(order)))
			wrong = "B3: a list's length or its mask bit is wrong";
		frames += blocks << order;
	}
	if (frames != zone.free_frames)
		wrong = "B3: free_frames is not the sum of the blocks";
	spin_unlock_irqrestore(&zone.lock, flags);
	return wrong;
}

/* ---- Boot ---- */

void buddy_add(u64 pfn, unsigned long n)
{
	struct page *p = &mem_map[pfn];
	unsigned long flags;

	for (unsigned long i = 0; i < n; i++)
		p[i].flags = PAGE_FREE;
	shadow_hide(page_to_virt(p), n << PAGE_SHIFT);
	flags = spin_lock_irqsave(&zone.lock);
	free_row(p, n);
	zone.total += n;
	spin_unlock_irqrestore(&zone.lock, flags);
	/* 1/128, between 256 KiB and 16 MiB: what a few exits and signal frames need, wherever it is. */
	zone.reserve = min(max(zone.total / 128, 64UL), 4096UL);
}
