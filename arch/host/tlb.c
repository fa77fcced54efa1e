/*
 * Translation buffers: open hash tables that grow. A real one forgets at times; one that never does turns every
 * missing flush into a wrong access that repeats.
 */
#include "arch/host/tlb.h"
#include "arch/host/linux.h"
#include "kernel/lib/hash.h"

#define SIZE_FIRST 1024UL
#define TAG_REMOVED (~0UL)

static struct tlb_line *place(struct tlb_cache *c, u64 page)
{
	unsigned long bits = (unsigned long)__builtin_ctzl(c->size);
	unsigned long i = hash_u64(page, (unsigned int)bits);

	while (c->lines[i].tag && c->lines[i].tag != page + 1)
		i = (i + 1) & (c->size - 1);
	return &c->lines[i];
}

struct tlb_line *tlb_cache_find(struct tlb_cache *c, u64 page)
{
	struct tlb_line *l = c->lines ? place(c, page) : NULL;

	return l && l->tag ? l : NULL;
}

static void grow(struct tlb_cache *c)
{
	struct tlb_cache old = *c;

	c->size = old.size ? old.size * 2 : SIZE_FIRST;
	c->lines = linux_map(c->size * sizeof(*c->lines));
	c->used = 0;
	for (unsigned long i = 0; i < old.size; i++)
		if (old.lines[i].tag && old.lines[i].tag != TAG_REMOVED)
			tlb_cache_put(c, old.lines[i].tag - 1, old.lines[i].pte);
	if (old.lines)
		linux_unmap(old.lines, old.size * sizeof(*old.lines));
}

void tlb_cache_put(struct tlb_cache *c, u64 page, pte_t pte)
{
	struct tlb_line *l;

	if (c->used * 2 >= c->size)
		grow(c);
	l = place(c, page);
	if (!l->tag) {
		l->tag = page + 1;
		c->used++;
	}
	l->pte = pte;
}

void tlb_cache_drop(struct tlb_cache *c, u64 first, u64 last)
{
	if (last - first < 64) {
		for (u64 page = first; page <= last; page++) {
			struct tlb_line *l = tlb_cache_find(c, page);

			if (l)
				l->tag = TAG_REMOVED;
		}
		return;
	}
	for (unsigned long i = 0; i < c->size; i++)
		if (c->lines[i].tag - 1 >= first && c->lines[i].tag - 1 <= last)
			c->lines[i].tag = TAG_REMOVED;
}

void tlb_cache_clear(struct tlb_cache *c)
{
	if (!c->used)
		return;
	for (unsigned long i = 0; i < c->size; i++)
		c->lines[i].tag = 0;
	c->used = 0;
}
