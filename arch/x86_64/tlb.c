/*
 * Which tables this CPU translates with, and how every CPU forgets a translation.
 *
 * mm->cpus has the bit of each CPU that has mm loaded. The bit is set before CR3 is written and cleared after CR3 has
 * another value; both are locked operations. mmu_flush_range() reads it after the caller has changed entries. So either
 * it sees the bit and interrupts the CPU, or the CPU loads CR3 - which forgets everything - after the change.
 *
 * A CPU that is interrupted for an mm which it has left in the meantime has nothing to do. Kernel threads and the idle
 * loop run with the kernel's own tables, so that they are never interrupted, and a dead mm is never loaded.
 *
 * INVLPG drops the paging-structure caches of its CPU, whatever its address (SDM vol. 3A, 4.10.4.1): changed upper levels
 * need nothing beyond the flush of the range. PCIDs are not used.
 *
 * Linux differs: it leaves the last mm loaded in kernel threads (lazy TLB) and keeps generations to catch up with.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"
#include "mm/mm.h"

/* INVLPG costs about as much as refilling an entry; above this many pages all entries go, as in Linux. */
#define FLUSH_ALL_PAGES 33

struct flush {
	struct mm *mm;
	unsigned long start, end; /* start == end: everything */
};

void mmu_load(struct mm *mm)
{
	struct percpu *cpu = this_cpu();
	struct mm *old = cpu->mm;

	debug_assert(!irq_enabled());
	if (old == mm)
		return;
	if (mm)
		__atomic_fetch_or(&mm->cpus, BIT(cpu->id), __ATOMIC_SEQ_CST);
	cpu->mm = mm;
	write_cr3(mm ? mm->top_phys : mem_kernel_top());
	if (old)
		__atomic_fetch_and(&old->cpus, ~BIT(cpu->id), __ATOMIC_SEQ_CST);
}

static void flush_here(const struct flush *f)
{
	if (f->start == f->end)
		write_cr3(read_cr3());
	for (unsigned long addr = f->start; addr != f->end; addr += PAGE_SIZE)
		invlpg(addr);
}

static void flush_remote(void *arg)
{
	const struct flush *f = arg;

	if (this_cpu()->mm == f->mm)
		flush_here(f);
}

void mmu_flush_range(struct mm *mm, unsigned long start, unsigned long end, bool tables)
{
	struct flush f = { mm, start, end };
	unsigned long cpus;

	(void)tables;
	debug_assert(start < end && IS_ALIGNED(start | end, PAGE_SIZE));
	if ((end - start) >> PAGE_SHIFT >= FLUSH_ALL_PAGES)
		f.start = f.end = 0;
	smp_mb(); /* entries before mm->cpus */
	cpus = READ_ONCE(mm->cpus);
	if (likely(this_cpu()->mm == mm))
		flush_here(&f);
	cpus &= ~BIT(cpu_id());
	if (cpus)
		smp_call(cpus, flush_remote, &f);
}

void mmu_flush_local(unsigned long addr)
{
	invlpg(addr);
}
