/*
 * Kernel stacks, each at the upper end of a slot of 32 KiB whose lower half is never mapped: an overflow is a page fault
 * at once, not a neighbour's corruption.
 *
 *	slot:   | 16 KiB hole                | 16 KiB stack              |
 *	         kstack_is_guard()                                       top
 *
 * A bit per slot says that its stack is mapped. 64 slots are 2 MiB, what one level-1 table covers: one word of the bit map
 * per table, and a table whose word is 0 is given back.
 *
 * Mapping is cheap, unmapping is not: every CPU must forget. So freed stacks stay mapped on a list, linked through their
 * top words, and fork takes them from there. Only when more than KSTACK_CACHE_MAX wait are the surplus ones unmapped.
 *
 * Locks: map_lock (a mutex: its holder waits for other CPUs) serialises mapping and unmapping and the bit map;
 * cache_lock is innermost and protects the list. A stack may be freed where nobody may sleep: then it waits for the next
 * call from a better place.
 */
#include "arch/x86_64/x86.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "mm/buddy.h"

#define NR_SLOTS 32768UL /* 1 GiB: one level-2 table. More tasks than Linux's default pid_max */
#define STACK_PAGES (KSTACK_SIZE / PAGE_SIZE)
#define KSTACK_CACHE_MAX 16
#define UNMAP_BATCH 8

static struct mutex map_lock = { .rank = RANK_KMUTEX, .wq = WAITQ_INIT(map_lock.wq) };
static u64 mapped[NR_SLOTS / 64];	/* [map_lock] */
static unsigned int lowest_free;	/* [map_lock] no word below it has a free slot */

static struct spinlock cache_lock = SPINLOCK_INIT(RANK_LEAF);
static void *cache;			/* [cache_lock] top of a free stack; the word below it links on */
static unsigned int nr_cached;		/* [cache_lock] */
static atomic_t nr_used = ATOMIC_INIT(0);

static void **link_of(void *top)
{
	return (void **)top - 1;
}

static unsigned long slot_top(unsigned long slot)
{
	return VMAP_BASE + (slot + 1) * KSTACK_SLOT;
}

static unsigned long slot_of(const void *top)
{
	return ((unsigned long)top - VMAP_BASE) / KSTACK_SLOT - 1;
}

static bool in_area(unsigned long addr)
{
	return addr >= VMAP_BASE && addr < VMAP_BASE + NR_SLOTS * KSTACK_SLOT;
}

bool kstack_is_guard(unsigned long addr)
{
	return in_area(addr) && (addr & (KSTACK_SLOT - 1)) < KSTACK_SLOT - KSTACK_SIZE;
}

bool kstack_contains(unsigned long addr)
{
	unsigned long slot = (addr - VMAP_BASE) / KSTACK_SLOT;

	return in_area(addr) && !kstack_is_guard(addr) && (READ_ONCE(mapped[slot / 64]) & BIT(slot % 64));
}

/* ---- The list of free stacks ---- */

static void *cache_pop(unsigned int keep) /* NULL when no more than `keep` are there */
{
	unsigned long flags = spin_lock_irqsave(&cache_lock);
	void *top = NULL;

	if (nr_cached > keep) {
		top = cache;
		cache = *link_of(top);
		nr_cached--;
	}
	spin_unlock_irqrestore(&cache_lock, flags);
	return top;
}

static void cache_push(void *top)
{
	unsigned long flags = spin_lock_irqsave(&cache_lock);

	*link_of(top) = cache;
	cache = top;
	nr_cached++;
	spin_unlock_irqrestore(&cache_lock, flags);
}

/* ---- Mapping ---- */

static u64 alloc_table(void)
{
	struct page *p = page_alloc(0, PAGE_KERNEL, GFP_ZERO);

	return p ? page_to_pfn(p) << PAGE_SHIFT : 0;
}

static u64 alloc_page(void)
{
	struct page *p = page_alloc(0, PAGE_KERNEL, 0);

	return p ? page_to_pfn(p) << PAGE_SHIFT : 0;
}

static void free_phys(u64 phys)
{
	page_free(&mem_map[phys >> PAGE_SHIFT], 0);
}

static long slot_reserve(void) /* -1: all in use */
{
	for (; lowest_free < ARRAY_SIZE(mapped); lowest_free++) {
		u64 free = ~mapped[lowest_free];

		if (free) {
			unsigned int bit = __builtin_ctzl(free);

			mapped[lowest_free] |= BIT(bit);
			return lowest_free * 64L + bit;
		}
	}
	return -1;
}

static void slot_release(unsigned long slot)
{
	mapped[slot / 64] &= ~BIT(slot % 64);
	lowest_free = min(lowest_free, (unsigned int)(slot / 64));
}

/* => the pages, or nothing */
static bool get_pages(u64 *pages, u64 (*new_page)(void))
{
	for (unsigned int i = 0; i < STACK_PAGES; i++) {
		pages[i] = new_page();
		if (!pages[i]) {
			while (i--)
				free_phys(pages[i]);
			return false;
		}
	}
	return true;
}

/* Map a stack that is not mapped yet. => NULL: no memory, no slot */
static void *stack_map(u64 (*new_table)(void), u64 (*new_page)(void))
{
	u64 pages[STACK_PAGES];
	unsigned long bottom;
	pte_t *pte;
	long slot;

	if (!get_pages(pages, new_page))
		return NULL;
	slot = slot_reserve();
	bottom = slot < 0 ? 0 : slot_top(slot) - KSTACK_SIZE;
	pte = slot < 0 ? NULL : mem_kernel_pte(bottom, new_table);
	if (!pte) {
		if (slot >= 0)
			slot_release(slot);
		for (unsigned int i = 0; i < STACK_PAGES; i++)
			free_phys(pages[i]);
		return NULL;
	}
	for (unsigned int i = 0; i < STACK_PAGES; i++) /* a stack never crosses a table */
		pte[i] = pte_of(pages[i] | PTE_P | PTE_W | PTE_NX | PTE_A | PTE_D | PTE_G);
	return (void *)slot_top(slot);
}

/* ---- Unmapping ---- */

struct unmap_batch {
	unsigned int nr, nr_frames;
	unsigned long bottom[UNMAP_BATCH];
	u64 frames[UNMAP_BATCH * (STACK_PAGES + 1)]; /* stack pages and emptied tables */
};

static void flush_batch(void *arg)
{
	const struct unmap_batch *b = arg;

	for (unsigned int i = 0; i < b->nr; i++)
		for (unsigned int p = 0; p < STACK_PAGES; p++)
			invlpg(b->bottom[i] + p * PAGE_SIZE);
}

static u64 no_table(void)
{
	return 0;
}

static void stack_unmap(struct unmap_batch *b, void *top)
{
	unsigned long slot = slot_of(top), bottom = (unsigned long)top - KSTACK_SIZE;
	pte_t *pte = mem_kernel_pte(bottom, no_table);

	assert(pte);
	for (unsigned int i = 0; i < STACK_PAGES; i++) {
		b->frames[b->nr_frames++] = pte_pfn(pte[i]) << PAGE_SHIFT;
		pte[i] = PTE_NONE;
	}
	slot_release(slot);
	if (mapped[slot / 64] == 0)
		b->frames[b->nr_frames++] = mem_kernel_drop_table(bottom);
	b->bottom[b->nr++] = bottom;
}

/* Unmap what waits beyond `keep`. => map_lock held, interrupts on, no spinlock held */
static void cache_shrink(unsigned int keep)
{
	struct unmap_batch b;
	void *top;

	do {
		b.nr = b.nr_frames = 0;
		while (b.nr < UNMAP_BATCH && (top = cache_pop(keep)))
			stack_unmap(&b, top);
		if (!b.nr)
			return;
		flush_batch(&b);
		smp_call(smp_others(), flush_batch, &b);
		for (unsigned int i = 0; i < b.nr_frames; i++)
			free_phys(b.frames[i]);
	} while (b.nr == UNMAP_BATCH);
}

/* ---- For everybody ---- */

void *kstack_boot_alloc(void)
{
	return stack_map(mem_boot_page, mem_boot_page);
}

void *mmu_kstack_alloc(void)
{
	void *top = cache_pop(0);

	if (!top) {
		mutex_lock(&map_lock);
		top = stack_map(alloc_table, alloc_page);
		mutex_unlock(&map_lock);
	}
	if (top)
		atomic_inc(&nr_used);
	return top;
}

void mmu_kstack_free(void *top)
{
	atomic_dec(&nr_used);
	cache_push(top);
	if (READ_ONCE(nr_cached) > KSTACK_CACHE_MAX && lock_may_sleep() && mutex_trylock(&map_lock)) {
		cache_shrink(KSTACK_CACHE_MAX);
		mutex_unlock(&map_lock);
	}
}

void mmu_kstack_drain(void)
{
	mutex_lock(&map_lock);
	cache_shrink(0);
	mutex_unlock(&map_lock);
}

unsigned long mmu_kstack_pages(void)
{
	return (unsigned long)atomic_read(&nr_used) * STACK_PAGES;
}
