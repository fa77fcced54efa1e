/* Page allocator: buddy blocks behind per-CPU lists. Theory in buddy.c. */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include "mm/page.h"

#define MAX_ORDER 10 /* largest block: 4 MiB */

enum gfp {
	GFP_KERNEL = 0,
	GFP_ZERO = 1,	 /* contents cleared */
	GFP_USER = 2,	 /* for user memory: leaves the last reserve (buddy.c) alone */
	GFP_NOFAIL_ = 4, /* boot only: panics instead of failing */
};

/* => a block of 2^order frames of `type`, refcount 1; NULL when memory is short. May be called with spinlocks held. */
struct page *page_alloc(unsigned int order, enum page_type type, unsigned int gfp);
void page_free(struct page *p, unsigned int order); /* refcount is 1 or 0 */
/* As page_free(p, 0), and the contents are zeroes: the next GFP_ZERO request takes it as it is. Page tables. */
void page_free_clean(struct page *p);
struct folio *folio_alloc(unsigned int order, unsigned int gfp); /* PAGE_FOLIO, mapping and index 0 */
/* Many frames of PAGE_FOLIO at once, order 0, all with refcount 0: neighbours that stand together in the array
 * leave as blocks. */
void page_free_many(struct page **pages, unsigned int n);

struct buddy_stats {
	unsigned long total, free, reserve;
	unsigned long blocks[MAX_ORDER + 1]; /* free blocks by order: /proc/buddyinfo */
	unsigned long allocs;		     /* frames handed out since boot; freed: this less those in use */
	unsigned long by_type[16];	     /* frames in use by enum page_type */
};
void buddy_stats(struct buddy_stats *s);
unsigned long buddy_total_pages(void); /* all that the allocator manages */
unsigned long page_nr_free(void); /* cheap, may lag by what per-CPU lists hold */
const char *buddy_check(void);	  /* B1 to B3 by brute force. => NULL or a sentence */
void pcp_drain_all(void);	  /* give per-CPU lists back: leak checks, shortage */

/* What page_alloc() calls when nothing is left, before it tries a last time: slab.c's. Any spinlock below
 * RANK_SLAB may be held. */
extern void (*page_shrink)(void);

/* Failure injection in debug builds: the n-th allocation from now on, of frames or objects, fails; 0: none. */
extern atomic_t alloc_fail_countdown;
bool alloc_fails_now(void);
static inline bool alloc_injected_failure(void)
{
	return IS_ENABLED(CONFIG_DEBUG) && unlikely(atomic_read(&alloc_fail_countdown)) && alloc_fails_now();
}

struct boot_info;
void buddy_boot(const struct boot_info *b); /* builds mem_map, frees all RAM not taken */
void buddy_add(u64 pfn, unsigned long n);   /* frames that are RAM and nobody's, or nobody's any more (the initrd's) */

#endif
