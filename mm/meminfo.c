/*
 * /proc/meminfo, slabinfo, and the byte ledger: where memory went.
 *
 *	MemTotal = MemFree + Cached + AnonPages + Slab + PageTables + KernelStack + what the kernel holds otherwise
 *
 * Cached is all page caches, Shmem included; nothing of it can be reclaimed, for it is the files' only copy: so
 * MemAvailable is what is free above the allocator's reserve. Pages are on no list by age: the Active and Inactive
 * lines are 0.
 *
 * The ledger counts objects and their bytes by kind, for one mm or all: the price of an address space in the kernel's
 * memory, which lazy identities are to lower.
 */
#include "kernel/lib/string.h"
#include "mm/account.h"
#include "mm/anon.h"
#include "mm/buddy.h"
#include "mm/filemap.h"
#include "mm/proc_internal.h"
#include "mm/slab.h"
#include "mm/stat.h"
#include <arch/mmu.h>

#define VMALLOC_TOTAL_KB ((1UL << 35) - 1) /* 32 TiB less a KiB: the size of Linux's area, which VMAP_BASE begins */

static void put_pages(struct seq *s, const char *key, unsigned long pages)
{
	proc_kb(s, key, pages_to_kb(pages));
}

static void put_zeroes(struct seq *s, const char *const *keys)
{
	for (; *keys; keys++)
		proc_kb(s, *keys, 0);
}

static void put_lists(struct seq *s, const struct frame_census *c)
{
	static const char *const before[] = { "SwapCached:", "Active:", "Inactive:", "Active(anon):", "Inactive(anon):",
					      "Active(file):", "Inactive(file):", NULL };
	static const char *const after[] = { "SwapTotal:", "SwapFree:", "Zswap:", "Zswapped:", "Dirty:", "Writeback:",
					     NULL };

	put_zeroes(s, before);
	put_pages(s, "Unevictable:", c->mlocked);
	put_pages(s, "Mlocked:", c->mlocked);
	put_zeroes(s, after);
}

static void put_kernel(struct seq *s, const struct buddy_stats *b)
{
	static const char *const after[] = { "SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:", NULL };

	put_pages(s, "KReclaimable:", 0);
	put_pages(s, "Slab:", b->by_type[PAGE_SLAB]);
	put_pages(s, "SReclaimable:", 0);
	put_pages(s, "SUnreclaim:", b->by_type[PAGE_SLAB]);
	proc_kb(s, "KernelStack:", pages_to_kb(mmu_kstack_pages()));
	put_pages(s, "PageTables:", b->by_type[PAGE_TABLE]);
	put_zeroes(s, after);
}

static void put_virtual(struct seq *s)
{
	static const char *const after[] = { "VmallocChunk:", "Percpu:", "AnonHugePages:", "ShmemHugePages:",
					     "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:", "Balloon:", NULL };
	static const char *const huge[] = { "HugePages_Total:", "HugePages_Free:", "HugePages_Rsvd:",
					    "HugePages_Surp:" };

	put_pages(s, "CommitLimit:", account_limit());
	put_pages(s, "Committed_AS:", account_committed());
	proc_kb(s, "VmallocTotal:", VMALLOC_TOTAL_KB);
	proc_kb(s, "VmallocUsed:", pages_to_kb(mmu_kstack_pages()));
	put_zeroes(s, after);
	for (unsigned int i = 0; i < ARRAY_SIZE(huge); i++)
		seq_printf(s, "%-19s%5u\n", huge[i], 0);
	proc_kb(s, "Hugepagesize:", PT_LEVEL_SIZE(2) >> 10);
	proc_kb(s, "Hugetlb:", 0);
}

static void put_direct_map(struct seq *s)
{
	proc_kb(s, "DirectMap4k:", mmu_direct_bytes(1) >> 10);
	proc_kb(s, "DirectMap2M:", mmu_direct_bytes(2) >> 10);
	proc_kb(s, "DirectMap1G:", mmu_direct_bytes(3) >> 10);
}

int proc_meminfo(struct seq *s)
{
	struct frame_census c;
	struct buddy_stats b;

	frame_census(&c);
	buddy_stats(&b);
	put_pages(s, "MemTotal:", b.total);
	put_pages(s, "MemFree:", b.free);
	put_pages(s, "MemAvailable:", b.free > b.reserve ? b.free - b.reserve : 0);
	put_pages(s, "Buffers:", 0);
	put_pages(s, "Cached:", filemap_nr_pages());
	put_lists(s, &c);
	put_pages(s, "AnonPages:", c.anon);
	put_pages(s, "Mapped:", c.mapped);
	put_pages(s, "Shmem:", filemap_nr_shmem());
	put_kernel(s, &b);
	put_virtual(s);
	put_direct_map(s);
	return 0;
}

int proc_slabinfo(struct seq *s)
{
	struct slab_stats st;

	seq_puts(s, "slabinfo - version: 2.1\n"
		    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		    " : tunables <limit> <batchcount> <sharedfactor>"
		    " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned int n = 0; kmem_cache_stats_nth(n, &st); n++)
		seq_printf(s, "%-17s %6lu %6lu %6lu %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu\n", st.name,
			   st.active, st.total, (unsigned long)st.stride, st.per_slab, st.pages_per_slab, 0, 0, 0,
			   st.active_slabs, st.slabs, 0UL);
	return 0;
}

/* ---- The ledger ---- */

enum ledger_kind { LEDGER_VMA, LEDGER_NODE, LEDGER_ANON_VMA, LEDGER_CHAIN, LEDGER_SLAB_KINDS };

static const char *const ledger_name[LEDGER_SLAB_KINDS] = { "vm_area_struct", "vma_tree_node", "anon_vma",
							    "anon_vma_chain" };

static bool cache_stats(const char *name, struct slab_stats *st)
{
	for (unsigned int n = 0; kmem_cache_stats_nth(n, st); n++)
		if (!strcmp(st->name, name))
			return true;
	return false;
}

static void put_ledger(struct seq *s, const char *kind, unsigned long objects, unsigned long bytes)
{
	seq_printf(s, "%s %lu %lu\n", kind, objects, bytes);
}

int sys_ledger(struct seq *s)
{
	struct buddy_stats b;
	struct slab_stats st;

	for (int kind = 0; kind < LEDGER_SLAB_KINDS; kind++)
		if (cache_stats(ledger_name[kind], &st))
			put_ledger(s, st.name, st.active, st.active * st.size);
	buddy_stats(&b);
	put_ledger(s, "page_table", b.by_type[PAGE_TABLE], b.by_type[PAGE_TABLE] << PAGE_SHIFT);
	return 0;
}

/* An anon_vma belongs to the mm whose VMAs own it. Pieces of a split share one: each counts for its part of 2^32, so
 * that the parts add up to whole objects. */
static u64 owned_part(const struct vma *v)
{
	unsigned int owners;

	if (vma_anon_state(v) != ANON_REGULAR)
		return 0;
	owners = READ_ONCE(vma_anon_vma(v)->num_active_vmas);
	return owners ? (1UL << 32) / owners : 0;
}

static unsigned long chain_length(const struct vma *v)
{
	const struct anon_vma_chain *avc;
	unsigned long n = 0;

	list_for_each_entry(avc, &v->anon_chain, same_vma)
		n++;
	return n;
}

/* => mmap_lock for reading, anon_lock */
static void count_objects(const struct mm *mm, unsigned long n[LEDGER_SLAB_KINDS])
{
	u64 parts = 0;
	struct vma *v;

	n[LEDGER_VMA] = mm->vmas.count;
	n[LEDGER_NODE] = mm->vmas.nodes;
	n[LEDGER_CHAIN] = 0;
	vma_tree_for_each(v, &mm->vmas) {
		parts += owned_part(v);
		n[LEDGER_CHAIN] += chain_length(v);
	}
	n[LEDGER_ANON_VMA] = (parts + (1UL << 31)) >> 32;
}

int proc_ledger(struct seq *s, struct mm *mm)
{
	unsigned long n[LEDGER_SLAB_KINDS], tables = atomic_read(&mm->table_pages);
	struct slab_stats st;

	read_lock(&mm->mmap_lock);
	mutex_lock(&mm->anon_lock);
	count_objects(mm, n);
	mutex_unlock(&mm->anon_lock);
	read_unlock(&mm->mmap_lock);
	for (int kind = 0; kind < LEDGER_SLAB_KINDS; kind++)
		put_ledger(s, ledger_name[kind], n[kind],
			   cache_stats(ledger_name[kind], &st) ? n[kind] * st.size : 0);
	put_ledger(s, "page_table", tables, tables << PAGE_SHIFT);
	return 0;
}
