/* The memory management unit: physical map, address-space switch, translation flushes. */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include <arch/pte.h>

struct mm;

#define PHYSMAP_BASE 0xffff888000000000UL /* all RAM, writable, not executable */
#define VMAP_BASE 0xffffc90000000000UL	  /* kernel stacks between guard pages */
#define MMIO_BASE 0xffffe90000000000UL	  /* device registers, uncached */
#define KERNEL_BASE 0xffffffff80000000UL  /* the image; physical 0 */

static inline void *phys_to_virt(u64 phys)
{
	return (void *)(PHYSMAP_BASE + phys);
}

static inline u64 virt_to_phys(const void *v) /* v: in the physical map only */
{
	return (u64)v - PHYSMAP_BASE;
}

/* How much of the physical map is made of leaves of this level, 1 to 3: DirectMap4k .. of /proc/meminfo. */
u64 mmu_direct_bytes(int level);

/* Prepare a fresh, cleared top-level table for user use: fills in the kernel's half. */
void mmu_new_top(pte_t *top);

/* Make mm's tables the ones this CPU translates with; NULL: the kernel's own. Maintains mm->cpus.
 * => interrupts off */
void mmu_load(struct mm *mm);

/* No CPU can use a translation of [start, end) of mm afterwards. `tables`: upper-level entries changed too.
 * => interrupts on, no _irqsave lock held (rule L3; table locks may be); end > start, page aligned */
void mmu_flush_range(struct mm *mm, unsigned long start, unsigned long end, bool tables);

/* This CPU only: after a fault found a stale, less permissive entry. */
void mmu_flush_local(unsigned long addr);

/*
 * A kernel stack of 16 KiB below which unmapped memory lies. Top is returned; NULL when memory is short.
 * Freed stacks wait, mapped, for their next user; when there are too many of them one is unmapped on every CPU.
 * => alloc: page_alloc() works; may sleep.  free: not the stack in use; in any context, but where interrupts are
 * off or a spinlock is held nothing is unmapped and the stack waits too
 */
#define KSTACK_SIZE (4 * PAGE_SIZE)
void *mmu_kstack_alloc(void);
void mmu_kstack_free(void *top);
unsigned long mmu_kstack_pages(void); /* in use by tasks, in pages: KernelStack of /proc/meminfo */
void mmu_kstack_drain(void);	      /* unmap all that wait: leak checks. => may sleep */

static inline void invlpg(unsigned long addr)
{
	__asm__ volatile("invlpg (%0)" : : "r"(addr) : "memory");
}

static inline u64 read_cr3(void)
{
	u64 v;

	__asm__ volatile("movq %%cr3, %0" : "=r"(v));
	return v;
}

static inline void write_cr3(u64 v)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(v) : "memory");
}

static inline void clear_page(void *page)
{
	u64 n = PAGE_SIZE / 8;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(n) : "a"(0) : "memory");
}

static inline void copy_page(void *dst, const void *src)
{
	u64 n = PAGE_SIZE / 8;

	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

#endif
