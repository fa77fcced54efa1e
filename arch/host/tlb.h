/* A translation buffer without limits: what entered it leaves it by a flush only. */
#ifndef HOST_TLB_H
#define HOST_TLB_H

#include <arch/pte.h>

struct tlb_line {
	u64 tag; /* page number + 1; 0: free; ~0: was used */
	pte_t pte;
};

struct tlb_cache {
	struct tlb_line *lines;
	unsigned long size, used; /* size a power of two; used counts removed lines too */
};

struct tlb_line *tlb_cache_find(struct tlb_cache *c, u64 page);
void tlb_cache_put(struct tlb_cache *c, u64 page, pte_t pte);
void tlb_cache_drop(struct tlb_cache *c, u64 first, u64 last); /* pages [first, last] */
void tlb_cache_clear(struct tlb_cache *c);

#endif
