/*
 * The simulated MMU: walks the tables in simulated RAM as the hardware does (Intel SDM vol. 3A, 4.5 to 4.10).
 *
 *	access --> TLB: hit and allowed? ------------------------------------------> memory
 *	             | miss                      | hit, not allowed: forget it, fault
 *	             v                           v
 *	           upper cache (2 MiB -> table) or walk from the top
 *	             |   leaf allows: set A (and D), remember, again
 *	             v   otherwise
 *	           mm_fault(), again; or the access fails
 *
 * Per CPU two caches: translations of pages, and places of level-1 tables (the paging-structure caches). Neither
 * forgets by itself. A flush drops pages of its range; level-1 tables are dropped by flushes with `tables` only,
 * although real ones forget them at every flush: so that a missing `tables` is noticed.
 *
 * A write through a remembered translation that is not dirty walks again, because the hardware sets D in memory. A
 * translation that allows less than the table by now causes a spurious fault: mm_fault() has to see that all is
 * well.
 */
#include <arch/mmu.h>
#include "arch/host/host.h"
#include "arch/host/tlb.h"
#include "kernel/printk.h"
#include "kernel/trace.h"
#include <arch/cpu.h>

#define SPURIOUS_MAX 16 /* faults in a row on one access that mm_fault() calls done: then it is not */

struct cpu_tlb {
	struct tlb_cache pages;	 /* page number -> leaf */
	struct tlb_cache tables; /* address / 2 MiB -> level-2 entry */
};
static struct cpu_tlb tlbs[CONFIG_MAX_CPUS];

static struct cpu_tlb *this_tlb(void)
{
	return &tlbs[cpu_id()];
}

/* ---- What mm/ asks for ---- */

void mmu_new_top(pte_t *top)
{
	(void)top; /* the kernel of this machine is not translated */
}

unsigned long mmu_kstack_pages(void)
{
	return 0;
}

u64 mmu_direct_bytes(int level)
{
	return level == 1 ? max_pfn << PAGE_SHIFT : 0;
}

void mmu_load(struct mm *mm)
{
	struct host_cpu *cpu = &host_cpus[cpu_id()];

	assert(!irq_enabled());
	if (cpu->mm == mm)
		return;
	if (cpu->mm)
		__atomic_fetch_and(&cpu->mm->cpus, ~BIT(cpu_id()), __ATOMIC_SEQ_CST);
	if (mm)
		__atomic_fetch_or(&mm->cpus, BIT(cpu_id()), __ATOMIC_SEQ_CST);
	cpu->mm = mm;
	tlb_cache_clear(&this_tlb()->pages);
	tlb_cache_clear(&this_tlb()->tables);
}

void mmu_flush_range(struct mm *mm, unsigned long start, unsigned long end, bool tables)
{
	assert(start < end && IS_ALIGNED(start | end, PAGE_SIZE));
	assert(irq_enabled()); /* rule 3 of the contract */
	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		if (!(mm->cpus & BIT(cpu)))
			continue;
		tlb_cache_drop(&tlbs[cpu].pages, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
		if (tables)
			tlb_cache_clear(&tlbs[cpu].tables);
	}
}

void mmu_flush_local(unsigned long addr)
{
	tlb_cache_drop(&this_tlb()->pages, addr >> PAGE_SHIFT, addr >> PAGE_SHIFT);
}

/* ---- Walking ---- */

static bool leaf_allows(pte_t leaf, unsigned int access)
{
	if (!(leaf.val & PTE_P) || !(leaf.val & PTE_U))
		return false;
	if ((access & FAULT_WRITE) && !pte_write(leaf))
		return false;
	return !(access & FAULT_EXEC) || pte_exec(leaf);
}

static void assert_frame(pte_t e, unsigned long addr)
{
	if (pte_pfn(e) >= max_pfn)
		panic("an entry for %lx has reserved bits: %lx", addr, (unsigned long)e.val);
}

/* The level-2 slot that translates addr, by the upper entries. => NULL: none */
static pte_t *walk_upper(pte_t *table, unsigned long addr)
{
	for (int level = PT_LEVELS; level > 2; level--) {
		pte_t *slot = &table[pt_index(addr, level)], e = { READ_ONCE(slot->val) };

		if (!(e.val & PTE_P))
			return NULL;
		assert_frame(e, addr);
		assert(pte_is_table(e, level) && (e.val & (PTE_W | PTE_U)) == (PTE_W | PTE_U));
		table = phys_to_virt(e.val & PTE_FRAME);
	}
	return &table[pt_index(addr, 2)];
}

/* The slot of the leaf that translates addr, by the caches and the tables. *level 1 or 2. => NULL: no table */
static pte_t *walk(struct mm *mm, unsigned long addr, int *level)
{
	struct tlb_cache *tables = &this_tlb()->tables;
	struct tlb_line *line = tlb_cache_find(tables, addr >> PT_LEVEL_SHIFT(2));
	pte_t *slot2, e;

	if (line) {
		e = line->pte;
	} else {
		slot2 = walk_upper(mm->top, addr);
		if (!slot2)
			return NULL;
		e = pte_of(READ_ONCE(slot2->val));
		*level = 2;
		if (!pte_is_table(e, 2))
			return slot2;
		assert_frame(e, addr);
		tlb_cache_put(tables, addr >> PT_LEVEL_SHIFT(2), e);
	}
	*level = 1;
	return (pte_t *)phys_to_virt(e.val & PTE_FRAME) + pt_index(addr, 1);
}

/* The leaf's page for addr, as a leaf of level 1. */
static pte_t leaf_for(pte_t e, int level, unsigned long addr)
{
	if (level > 1) {
		e.val &= ~PTE_PS;
		e.val += addr & (PT_LEVEL_SIZE(2) - 1) & PAGE_MASK;
	}
	return e;
}

/* Find a leaf that allows the access, set A and D, remember it. => false: a page fault */
static bool fill(struct mm *mm, unsigned long addr, unsigned int access)
{
	const u64 marks = PTE_A | (access & FAULT_WRITE ? PTE_D : 0);
	int level;
	pte_t *slot = walk(mm, addr, &level);
	pte_t e;

	if (!slot)
		return false;
	e = pte_of(READ_ONCE(slot->val));
	do {
		if (!pte_is_leaf(e, level) || !leaf_allows(e, access))
			return false;
		assert_frame(e, addr);
	} while (!cmpxchg(&slot->val, &e.val, e.val | marks));
	tlb_cache_put(&this_tlb()->pages, addr >> PAGE_SHIFT, leaf_for(pte_set(e, marks), level, addr));
	return true;
}

/* The memory behind addr, or NULL: a page fault. */
static void *translate(struct mm *mm, unsigned long addr, unsigned int access)
{
	struct tlb_line *line = tlb_cache_find(&this_tlb()->pages, addr >> PAGE_SHIFT);

	if (line && !leaf_allows(line->pte, access)) {
		mmu_flush_local(addr); /* 4.10.4.1: a page fault forgets the page */
		return NULL;
	}
	if (!line || ((access & FAULT_WRITE) && !pte_dirty(line->pte))) {
		if (!fill(mm, addr, access))
			return NULL;
		line = tlb_cache_find(&this_tlb()->pages, addr >> PAGE_SHIFT);
	}
	return (char *)phys_to_virt(line->pte.val & PTE_FRAME) + (addr & ~PAGE_MASK);
}

static enum fault_result access_within_page(unsigned long addr, char *buf, size_t n, unsigned int access)
{
	struct mm *mm = host_cpus[cpu_id()].mm;

	for (int tries = 0; tries < SPURIOUS_MAX; tries++) {
		enum fault_result result;
		char *memory;

		if (!mm || addr >= TASK_SIZE)
			return FAULT_MAPERR;
		memory = translate(mm, addr, access);
		if (memory) {
			if (access & FAULT_WRITE)
				memcpy(memory, buf, n);
			else
				memcpy(buf, memory, n);
			return FAULT_DONE;
		}
		result = mm_fault(mm, addr, access);
		if (result != FAULT_DONE)
			return result;
	}
	panic("access %x to %lx faults again and again, and mm_fault() says it is done", access, addr);
}

enum fault_result host_access(unsigned long addr, void *buf, size_t n, unsigned int access, size_t *done)
{
	enum fault_result result = FAULT_DONE;
	size_t at = 0;

	while (at < n && result == FAULT_DONE) {
		size_t part = min(n - at, PAGE_SIZE - ((addr + at) & ~PAGE_MASK));

		result = access_within_page(addr + at, (char *)buf + at, part, access);
		if (result == FAULT_DONE)
			at += part;
	}
	if (done)
		*done = at;
	return result;
}

/* ---- Proof ---- */

/* Does what `line` says still stand in mm's tables, with no more rights than there? */
static bool line_is_true(struct mm *mm, const struct tlb_line *line)
{
	const unsigned long addr = (line->tag - 1) << PAGE_SHIFT;
	const u64 rights = PTE_P | PTE_W | PTE_U | PTE_D;
	pte_t *slot = walk_upper(mm->top, addr), e;
	int level = 2;

	if (!slot)
		return false;
	e = pte_of(READ_ONCE(slot->val));
	if (pte_is_table(e, 2)) {
		level = 1;
		e = pte_of(READ_ONCE(((pte_t *)phys_to_virt(e.val & PTE_FRAME))[pt_index(addr, 1)].val));
	}
	if (!pte_is_leaf(e, level))
		return false;
	e = leaf_for(e, level, addr);
	return pte_pfn(e) == pte_pfn(line->pte) && !(line->pte.val & ~e.val & rights) &&
	       (pte_exec(e) || !pte_exec(line->pte));
}

static bool table_is_true(struct mm *mm, const struct tlb_line *line)
{
	pte_t *slot = walk_upper(mm->top, (line->tag - 1) << PT_LEVEL_SHIFT(2));

	return slot && pte_is_table(*slot, 2) && pte_pfn(*slot) == pte_pfn(line->pte);
}

static bool line_in_use(const struct tlb_line *line)
{
	return line->tag && line->tag != ~0UL;
}

const char *host_tlb_check(void)
{
	static char sentence[120];

	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		struct mm *mm = host_cpus[cpu].mm;
		const struct tlb_cache *pages = &tlbs[cpu].pages, *tables = &tlbs[cpu].tables;

		for (unsigned long i = 0; mm && i < pages->size; i++) {
			const struct tlb_line *l = &pages->lines[i];

			if (line_in_use(l) && !line_is_true(mm, l)) {
				snprintf(sentence, sizeof(sentence), "P4: CPU %u still translates %lx by %lx", cpu,
					 (unsigned long)(l->tag - 1) << PAGE_SHIFT, (unsigned long)l->pte.val);
				return sentence;
			}
		}
		for (unsigned long i = 0; mm && i < tables->size; i++) {
			const struct tlb_line *l = &tables->lines[i];

			if (line_in_use(l) && !table_is_true(mm, l)) {
				snprintf(sentence, sizeof(sentence), "P2: CPU %u still uses the table of %lx", cpu,
					 (unsigned long)(l->tag - 1) << PT_LEVEL_SHIFT(2));
				return sentence;
			}
		}
	}
	return NULL;
}
