/*
 * Object caches: many objects of one size, cut from slabs, with magazines in front (Bonwick and Adams, 2001).
 *
 *	kmem_cache_alloc / kmem_cache_free
 *	     |   ^
 *	     v   |            per CPU, under its claim
 *	[ loaded ][ previous ]  magazines: stacks of up to `rounds` free objects; swapped when one runs out
 *	     |   ^
 *	     v   |            c->lock
 *	[ depot: full magazines, empty ones ]
 *	     |   ^
 *	     v   |            c->lock
 *	[ partial slabs: 2^order frames cut into objects, free ones linked by offset ]  <-- page_alloc()
 *
 * The fast path is a pop or a push; a CPU goes to the depot at most once in `rounds` calls, whatever the mixture,
 * because of the second magazine.
 *
 *   S1  slab_used counts the objects that are not on the slab's own list: handed out, or in a magazine.
 *   S2  the partial list holds exactly the slabs with a free object; at most EMPTY_KEPT of them have no other.
 *   S3  the sum of `active` over CPUs and the direct count is what the callers hold, exactly, whenever no call is
 *       in progress.
 *
 * In debug builds a free object carries a pattern behind its first word, looked at when it is handed out again.
 *
 * Locks: a claim per CPU and cache, then c->lock (RANK_SLAB), then the buddy allocator's. Frames are asked for with
 * none of them held, because a shortage comes back here (caches_shrink).
 *
 * Linux differs: SLUB keeps per-CPU slabs instead of magazines, and merges caches of one size.
 */
#include "mm/slab.h"
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/claim.h"
#include <arch/shadow.h>

#define MAGAZINE_ROUNDS 30U  /* with the link and padding: 256 bytes */
#define MAGAZINE_BYTES 8192U /* large objects: fewer rounds, so that a CPU does not hoard */
#define DEPOT_FULL_MAX 16U   /* full magazines kept; more go back to their slabs */
#define EMPTY_KEPT 1U	     /* slabs without objects kept: one object coming and going costs no frame each time */
#define SLAB_ORDER_MAX 3
#define NO_OFFSET 0xffffU

struct magazine {
	struct magazine *next; /* in the depot */
	void *obj[MAGAZINE_ROUNDS];
};

struct cpu_cache {
	struct claim claim;
	u16 nr, cap;	   /* of loaded; cap 0: there is none */
	u16 previous_nr;
	struct magazine *loaded, *previous;
	long active;
} __aligned(64);

struct kmem_cache {
	const char *name;
	size_t size, stride;
	u16 rounds; /* 0: without magazines */
	u8 order;
	unsigned int per_slab;
	struct kmem_cache *next;

	struct spinlock lock;
	u32 partial; /* pfn of the first; 0: none */
	unsigned long slabs, empty;
	struct magazine *full_magazines, *empty_magazines;
	unsigned int nr_full;
	long active_direct; /* passed the magazines by */

	struct cpu_cache cpu[CONFIG_MAX_CPUS];
};

static struct kmem_cache cache_of_caches, cache_of_magazines;
static struct kmem_cache *caches, **caches_end = &caches;

/* ---- Debug: free objects ---- */

#define FREE_PATTERN 0xf5eef5eef5eef5eeUL
#define FRESH_BYTE 0x5a /* of an object just handed out: who reads before writing notices */

static bool object_is_poisoned(const struct kmem_cache *c, const void *obj)
{
	const u64 *word = obj;

	for (size_t i = 1; i < c->size / 8; i++)
		if (word[i] != FREE_PATTERN)
			return false;
	return true;
}

static void object_hide(const struct kmem_cache *c, void *obj)
{
	u64 *word = obj;

	for (size_t i = 1; IS_ENABLED(CONFIG_DEBUG) && i < c->size / 8; i++)
		word[i] = FREE_PATTERN;
	if (c->stride > 8)
		shadow_hide(word + 1, c->stride - 8);
}

static void object_show(const struct kmem_cache *c, void *obj)
{
	shadow_show(obj, c->size);
	if (!IS_ENABLED(CONFIG_DEBUG))
		return;
	if (!object_is_poisoned(c, obj))
		panic("%s object %p was written while free", c->name, obj);
	memset(obj, FRESH_BYTE, c->size);
}

/* obj is one that c handed out and not yet got back. */
static void object_check_free(const struct kmem_cache *c, void *obj)
{
	struct page *slab = page_head(virt_to_page(obj));
	size_t offset = (size_t)((char *)obj - (char *)page_to_virt(slab));

	assert(page_type(slab) == PAGE_SLAB && slab->cache == c);
	assert(offset % c->stride == 0 && offset / c->stride < c->per_slab);
	if (c->size >= 24 && object_is_poisoned(c, obj))
		panic("%s object %p is freed twice", c->name, obj);
}

/* ---- Slabs. => c->lock held ---- */

static void partial_link(struct kmem_cache *c, struct page *slab)
{
	u32 pfn = (u32)page_to_pfn(slab);

	slab->slab_prev = 0;
	slab->slab_next = c->partial;
	if (c->partial)
		mem_map[c->partial].slab_prev = pfn;
	c->partial = pfn;
}

static void partial_unlink(struct kmem_cache *c, struct page *slab)
{
	if (slab->slab_prev)
		mem_map[slab->slab_prev].slab_next = slab->slab_next;
	else
		c->partial = slab->slab_next;
	if (slab->slab_next)
		mem_map[slab->slab_next].slab_prev = slab->slab_prev;
}

/* A free object starts with the next one's distance from the slab's start, in units of 8 bytes. */
static u16 *object_at(struct page *slab, u16 offset)
{
	return (u16 *)((u64 *)page_to_virt(slab) + offset);
}

static void *slab_take(struct kmem_cache *c)
{
	struct page *slab = &mem_map[c->partial];
	u16 *obj;

	assert_spin_held(&c->lock);
	if (!c->partial)
		return NULL;
	obj = object_at(slab, slab->slab_free);
	slab->slab_free = *obj;
	if (slab->slab_used++ == 0)
		c->empty--;
	if (slab->slab_free == NO_OFFSET)
		partial_unlink(c, slab);
	return obj;
}

static void slab_release(struct kmem_cache *c, struct page *slab)
{
	partial_unlink(c, slab);
	c->empty--;
	c->slabs--;
	shadow_show(page_to_virt(slab), PAGE_SIZE << c->order);
	page_free(slab, c->order);
}

static void slab_give(struct kmem_cache *c, void *obj)
{
	struct page *slab = page_head(virt_to_page(obj));

	assert_spin_held(&c->lock);
	*(u16 *)obj = slab->slab_free;
	if (slab->slab_free == NO_OFFSET)
		partial_link(c, slab);
	slab->slab_free = (u16)(((char *)obj - (char *)page_to_virt(slab)) / 8);
	if (--slab->slab_used == 0 && ++c->empty > EMPTY_KEPT)
		slab_release(c, slab);
}

/* One more slab. => no lock held; false: no memory */
static bool cache_grow(struct kmem_cache *c)
{
	struct page *slab = page_alloc(c->order, PAGE_SLAB, GFP_KERNEL);
	unsigned long flags;

	if (!slab)
		return false;
	slab->cache = c;
	slab->slab_used = 0;
	slab->slab_free = 0;
	for (unsigned int i = 0; i < c->per_slab; i++) {
		u16 *obj = object_at(slab, (u16)(i * c->stride / 8));

		*obj = i + 1 < c->per_slab ? (u16)((i + 1) * c->stride / 8) : NO_OFFSET;
		object_hide(c, obj);
	}
	flags = spin_lock_irqsave(&c->lock);
	partial_link(c, slab);
	c->slabs++;
	c->empty++;
	spin_unlock_irqrestore(&c->lock, flags);
	return true;
}

/* ---- Magazines. => this CPU's part claimed ---- */

static void swap_magazines(struct cpu_cache *cc)
{
	struct magazine *m = cc->loaded;
	u16 nr = cc->nr;

	cc->loaded = cc->previous;
	cc->nr = cc->previous_nr;
	cc->previous = m;
	cc->previous_nr = nr;
}

static struct magazine *magazine_pop(struct magazine **list)
{
	struct magazine *m = *list;

	if (m)
		*list = m->next;
	return m;
}

static void magazine_push(struct magazine **list, struct magazine *m)
{
	m->next = *list;
	*list = m;
}

/* Objects for an empty loaded magazine: the previous one, a full one of the depot, or a few from the slabs - half a
 * magazine, so that frees that follow find room. => false: there are none without growing */
static bool magazine_refill(struct kmem_cache *c, struct cpu_cache *cc)
{
	struct magazine *m;

	if (cc->nr)
		return true;
	if (!cc->loaded)
		return false;
	if (cc->previous_nr) {
		swap_magazines(cc);
		return true;
	}
	spin_lock(&c->lock);
	m = magazine_pop(&c->full_magazines);
	if (m) {
		c->nr_full--;
		magazine_push(&c->empty_magazines, cc->loaded);
		cc->loaded = m;
		cc->nr = c->rounds;
	} else {
		while (cc->nr < DIV_ROUND_UP(c->rounds, 2U) && c->partial)
			cc->loaded->obj[cc->nr++] = slab_take(c);
	}
	spin_unlock(&c->lock);
	return cc->nr;
}

/* A full magazine goes to the depot, or is emptied when the depot has enough. => c->lock held, cc claimed */
static void depot_give(struct kmem_cache *c, struct magazine *m)
{
	if (c->nr_full < DEPOT_FULL_MAX) {
		magazine_push(&c->full_magazines, m);
		c->nr_full++;
		return;
	}
	for (unsigned int i = 0; i < c->rounds; i++)
		slab_give(c, m->obj[i]);
	magazine_push(&c->empty_magazines, m);
}

/* Room for one object in the loaded magazine. => false: the depot has no empty magazine */
static bool magazine_make_room(struct kmem_cache *c, struct cpu_cache *cc)
{
	struct magazine *m;

	if (cc->nr < cc->cap)
		return true;
	if (cc->previous && cc->previous_nr < c->rounds) {
		swap_magazines(cc);
		return true;
	}
	spin_lock(&c->lock);
	if (cc->previous && c->nr_full >= DEPOT_FULL_MAX) {
		depot_give(c, cc->previous); /* which leaves it empty in the depot */
		cc->previous = NULL;
	}
	m = magazine_pop(&c->empty_magazines);
	if (m) {
		if (cc->previous)
			depot_give(c, cc->previous);
		cc->previous = cc->loaded;
		cc->previous_nr = cc->nr;
		cc->loaded = m;
		cc->nr = 0;
		cc->cap = c->rounds;
	}
	spin_unlock(&c->lock);
	return m;
}

/* The depot gets one more empty magazine. => nothing held; false: no memory, or the cache has no magazines */
static bool depot_add_magazine(struct kmem_cache *c)
{
	struct magazine *m = c->rounds ? kmem_cache_alloc(&cache_of_magazines) : NULL;
	unsigned long flags;

	if (!m)
		return false;
	flags = spin_lock_irqsave(&c->lock);
	magazine_push(&c->empty_magazines, m);
	spin_unlock_irqrestore(&c->lock, flags);
	return true;
}

/* ---- Allocate and free ---- */

static void *alloc_from_slab(struct kmem_cache *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	void *obj = slab_take(c);

	if (obj)
		c->active_direct++;
	spin_unlock_irqrestore(&c->lock, flags);
	return obj;
}

static void *alloc_from_magazine(struct kmem_cache *c)
{
	unsigned long flags = irq_save();
	struct cpu_cache *cc = &c->cpu[cpu_id()];
	void *obj = NULL;

	claim_take(&cc->claim);
	if (!cc->loaded && c->rounds)
		magazine_make_room(c, cc);
	if (magazine_refill(c, cc)) {
		obj = cc->loaded->obj[--cc->nr];
		cc->active++;
	}
	claim_drop(&cc->claim);
	irq_restore(flags);
	return obj;
}

static __noinline void *alloc_slow(struct kmem_cache *c)
{
	void *obj;

	if (!READ_ONCE(c->cpu[cpu_id()].loaded) && !READ_ONCE(c->empty_magazines))
		depot_add_magazine(c);
	do {
		obj = alloc_from_magazine(c);
		if (!obj)
			obj = alloc_from_slab(c);
	} while (!obj && cache_grow(c));
	return obj;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	struct cpu_cache *cc;
	unsigned long flags;
	void *obj = NULL;

	if (alloc_injected_failure())
		return NULL;
	flags = irq_save();
	cc = opaque_pointer(&c->cpu[cpu_id()]);
	claim_take(&cc->claim);
	if (likely(cc->nr)) {
		obj = cc->loaded->obj[--cc->nr];
		cc->active++;
	}
	claim_drop(&cc->claim);
	irq_restore(flags);
	if (unlikely(!obj)) {
		obj = alloc_slow(c);
		if (!obj)
			return NULL;
	}
	object_show(c, obj);
	return obj;
}

/* => false: the loaded magazine has no room */
static inline bool free_to_magazine(struct cpu_cache *cc, void *obj)
{
	if (unlikely(cc->nr >= cc->cap))
		return false;
	cc->loaded->obj[cc->nr++] = obj;
	cc->active--;
	return true;
}

static bool free_making_room(struct kmem_cache *c, void *obj)
{
	unsigned long flags = irq_save();
	struct cpu_cache *cc = &c->cpu[cpu_id()];
	bool done;

	claim_take(&cc->claim);
	done = magazine_make_room(c, cc) && free_to_magazine(cc, obj);
	claim_drop(&cc->claim);
	irq_restore(flags);
	return done;
}

static __noinline void free_slow(struct kmem_cache *c, void *obj)
{
	unsigned long flags;

	if (c->rounds && free_making_room(c, obj))
		return;
	if (depot_add_magazine(c) && free_making_room(c, obj))
		return;
	flags = spin_lock_irqsave(&c->lock);
	slab_give(c, obj);
	c->active_direct--;
	spin_unlock_irqrestore(&c->lock, flags);
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	struct cpu_cache *cc;
	unsigned long flags;
	bool done;

	if (IS_ENABLED(CONFIG_DEBUG))
		object_check_free(c, obj);
	object_hide(c, obj);
	flags = irq_save();
	cc = opaque_pointer(&c->cpu[cpu_id()]);
	claim_take(&cc->claim);
	done = free_to_magazine(cc, obj);
	claim_drop(&cc->claim);
	irq_restore(flags);
	if (unlikely(!done))
		free_slow(c, obj);
}

/* ---- Giving back ---- */

/* Empty one magazine into the slabs and collect it. => c->lock held */
static void magazine_strip(struct kmem_cache *c, struct magazine *m, u16 nr, struct magazine **collected)
{
	if (!m)
		return;
	while (nr)
		slab_give(c, m->obj[--nr]);
	magazine_push(collected, m);
}

static void cpu_cache_strip(struct kmem_cache *c, struct cpu_cache *cc, struct magazine **collected)
{
	unsigned long flags = irq_save();

	claim_take(&cc->claim);
	spin_lock(&c->lock);
	magazine_strip(c, cc->loaded, cc->nr, collected);
	magazine_strip(c, cc->previous, cc->previous_nr, collected);
	cc->loaded = cc->previous = NULL;
	cc->nr = cc->cap = cc->previous_nr = 0;
	spin_unlock(&c->lock);
	claim_drop(&cc->claim);
	irq_restore(flags);
}

static void cache_reap(struct kmem_cache *c)
{
	struct magazine *collected = NULL, *m;
	unsigned long flags;

	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		cpu_cache_strip(c, &c->cpu[cpu], &collected);
	flags = spin_lock_irqsave(&c->lock);
	while ((m = magazine_pop(&c->full_magazines)))
		magazine_strip(c, m, c->rounds, &collected);
	c->nr_full = 0;
	while ((m = magazine_pop(&c->empty_magazines)))
		magazine_push(&collected, m);
	for (u32 pfn = c->partial, next; pfn; pfn = next) {
		next = mem_map[pfn].slab_next;
		if (!mem_map[pfn].slab_used)
			slab_release(c, &mem_map[pfn]);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	while ((m = magazine_pop(&collected)))
		kmem_cache_free(&cache_of_magazines, m);
}

void kmem_cache_reap_all(void)
{
	for (struct kmem_cache *c = caches; c; c = c->next)
		if (c != &cache_of_magazines)
			cache_reap(c);
	cache_reap(&cache_of_magazines);
}

/* ---- Caches ---- */

/* Frames per slab: as few as waste at most an eighth, or hold eight objects where objects are large. */
static unsigned int slab_order(size_t stride)
{
	unsigned int order = 0;

	while (order < SLAB_ORDER_MAX) {
		size_t bytes = PAGE_SIZE << order;

		if (bytes / stride >= 8 || (bytes / stride && bytes % stride <= bytes / 8 && bytes / stride >= 4))
			break;
		order++;
	}
	return order;
}

static void cache_init(struct kmem_cache *c, const char *name, size_t size, size_t align, bool magazines)
{
	assert(align >= 8 && (align & (align - 1)) == 0);
	memset(c, 0, sizeof(*c));
	c->name = name;
	c->size = size;
	c->stride = max(ALIGN_UP(size, align), (size_t)8);
	c->order = (u8)slab_order(c->stride);
	c->per_slab = (unsigned int)((PAGE_SIZE << c->order) / c->stride);
	assert(c->per_slab);
	if (magazines)
		c->rounds = (u16)min((size_t)MAGAZINE_ROUNDS, max(MAGAZINE_BYTES / c->stride, (size_t)2));
	spin_init(&c->lock, RANK_SLAB);
	*caches_end = c;
	caches_end = &c->next;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c = kmem_cache_alloc(&cache_of_caches);

	if (!c)
		panic("out of memory: no object cache for %s", name);
	cache_init(c, name, size, align, true);
	return c;
}

size_t kmem_cache_size(const struct kmem_cache *c)
{
	return c->size;
}

bool kmem_cache_stats_nth(unsigned int n, struct slab_stats *s)
{
	struct kmem_cache *c = caches;
	unsigned long flags;

	while (c && n--)
		c = c->next;
	if (!c)
		return false;
	flags = spin_lock_irqsave(&c->lock);
	*s = (struct slab_stats){
		.name = c->name,
		.size = c->size,
		.stride = c->stride,
		.per_slab = c->per_slab,
		.pages_per_slab = 1U << c->order,
		.active = (unsigned long)c->active_direct,
		.total = c->slabs * c->per_slab,
		.slabs = c->slabs,
		.active_slabs = c->slabs - c->empty,
	};
	spin_unlock_irqrestore(&c->lock, flags);
	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		s->active += (unsigned long)READ_ONCE(c->cpu[cpu].active);
	return true;
}

void slab_boot(void)
{
	cache_init(&cache_of_caches, "kmem_cache", sizeof(struct kmem_cache), 64, false);
	cache_init(&cache_of_magazines, "magazine", sizeof(struct magazine), 64, false);
	kmalloc_boot();
	page_shrink = kmem_cache_reap_all;
}
