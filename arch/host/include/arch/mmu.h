/* Memory and translation of the simulated machine: mmu.c. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "kernel/lib/string.h"
#include <arch/pte.h>

struct mm;

extern char *host_ram; /* simulated physical address 0 */

static inline void *phys_to_virt(u64 phys)
{
	return host_ram + phys;
}

static inline u64 virt_to_phys(const void *v)
{
	return (u64)((const char *)v - host_ram);
}

void mmu_new_top(pte_t *top);
void mmu_load(struct mm *mm);
void mmu_flush_range(struct mm *mm, unsigned long start, unsigned long end, bool tables);
void mmu_flush_local(unsigned long addr);
unsigned long mmu_kstack_pages(void);
u64 mmu_direct_bytes(int level);

static inline void clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

static inline void copy_page(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}

#endif
