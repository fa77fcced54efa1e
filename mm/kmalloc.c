/*
 * kmalloc: any size. Up to half a page from one of a few caches, above that whole pages.
 *
 * Sizes between powers of two exist because structures of a little over 64 or 128 bytes are common, and half of a
 * class would be lost for each. A block knows its size: its frame says which cache, or how many frames.
 *
 * Locks: none of its own.
 */
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/slab.h"

#define SMALL_MAX 256UL /* looked up in steps of 16 */
#define CLASS_MAX 2048UL /* looked up in steps of 128 */

static const struct {
	u16 size;
	const char *name;
} classes[] = {
	{ 16, "kmalloc-16" },	  { 32, "kmalloc-32" },	  { 48, "kmalloc-48" },	  { 64, "kmalloc-64" },
	{ 96, "kmalloc-96" },	  { 128, "kmalloc-128" }, { 192, "kmalloc-192" }, { 256, "kmalloc-256" },
	{ 384, "kmalloc-384" },	  { 512, "kmalloc-512" }, { 768, "kmalloc-768" }, { 1024, "kmalloc-1k" },
	{ 1536, "kmalloc-1536" }, { 2048, "kmalloc-2k" },
};

static struct kmem_cache *small[SMALL_MAX / 16 + 1], *medium[CLASS_MAX / 128 + 1];

static unsigned int order_for(size_t n)
{
	return n <= PAGE_SIZE ? 0 : 64U - (unsigned int)__builtin_clzl((n - 1) >> PAGE_SHIFT);
}

static void *kmalloc_pages(size_t n, unsigned int gfp)
{
	struct page *p = n > PAGE_SIZE << MAX_ORDER ? NULL : page_alloc(order_for(n), PAGE_KERNEL, gfp);

	return p ? page_to_virt(p) : NULL;
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *obj = kmem_cache_alloc(c);

	return obj ? memset(obj, 0, kmem_cache_size(c)) : NULL;
}

void *kmalloc(size_t n)
{
	if (likely(n <= SMALL_MAX))
		return kmem_cache_alloc(small[DIV_ROUND_UP(n, 16)]);
	if (n <= CLASS_MAX)
		return kmem_cache_alloc(medium[DIV_ROUND_UP(n, 128)]);
	return kmalloc_pages(n, GFP_KERNEL);
}

void *kzalloc(size_t n)
{
	void *p;

	if (n > CLASS_MAX)
		return kmalloc_pages(n, GFP_ZERO);
	p = kmalloc(n);
	return p ? memset(p, 0, n) : NULL;
}

void kfree(void *p)
{
	struct page *block;

	if (!p)
		return;
	block = page_head(virt_to_page(p));
	if (likely(page_type(block) == PAGE_SLAB)) {
		kmem_cache_free(block->cache, p);
		return;
	}
	assert(page_type(block) == PAGE_KERNEL && p == page_to_virt(block));
	page_free(block, page_order(block));
}

size_t kmalloc_size(const void *p)
{
	struct page *block = page_head(virt_to_page(p));

	return page_type(block) == PAGE_SLAB ? kmem_cache_size(block->cache) : PAGE_SIZE << page_order(block);
}

void *krealloc(void *p, size_t n)
{
	size_t old = p ? kmalloc_size(p) : 0;
	void *q;

	if (p && n <= old && n > old / 4)
		return p;
	q = kmalloc(n);
	if (!q)
		return NULL;
	if (p)
		memcpy(q, p, min(n, old));
	kfree(p);
	return q;
}

void kmalloc_boot(void)
{
	size_t from = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(classes); i++) {
		struct kmem_cache *c = kmem_cache_create(classes[i].name, classes[i].size, 16);
		size_t n;

		for (n = from; n <= classes[i].size && n <= SMALL_MAX; n += 16)
			small[n / 16] = c;
		for (n = ALIGN_UP(from, 128); n <= classes[i].size; n += 128)
			medium[n / 128] = c;
		from = classes[i].size + 1U;
		from = ALIGN_UP(from, 16);
	}
}
