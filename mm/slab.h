/* Object caches with per-CPU magazines, and kmalloc() on top. Theory in slab.c. */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include "kernel/types.h"

struct kmem_cache;

/* name as in /proc/slabinfo; align a power of two, at least 8. Boot-time only: panics when it fails. */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc(struct kmem_cache *c);  /* NULL when memory is short; contents undefined */
void *kmem_cache_zalloc(struct kmem_cache *c); /* cleared */
void kmem_cache_free(struct kmem_cache *c, void *obj);

struct slab_stats {
	const char *name;
	size_t size, stride;
	unsigned int per_slab, pages_per_slab;
	unsigned long active, total, slabs, active_slabs; /* active: handed out, exactly */
};
bool kmem_cache_stats_nth(unsigned int n, struct slab_stats *s); /* false past the end */
void kmem_cache_reap_all(void); /* magazines and empty slabs go back: leak checks, shortage */

size_t kmem_cache_size(const struct kmem_cache *c);

/* Any size up to 4 MiB; above a page it is whole pages. 16-byte aligned. */
void *kmalloc(size_t n) __attribute__((malloc));
void *kzalloc(size_t n) __attribute__((malloc));
void *krealloc(void *p, size_t n); /* contents kept up to the smaller size; on NULL p is unchanged */
void kfree(void *p);		   /* NULL is fine */
size_t kmalloc_size(const void *p);

void slab_boot(void);
void kmalloc_boot(void);

#endif
