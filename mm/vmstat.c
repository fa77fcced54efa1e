/*
 * /proc/vmstat, buddyinfo and zoneinfo: what is where, and what happened since boot.
 *
 * Events are counted where they happen, per CPU, with one add and no lock; the file adds the CPUs up. Amounts are
 * counted when the file is read: frames by one pass over mem_map (mem_map.c), the rest from those who manage it.
 * Nothing is counted on the way of a fault that a reader can find out for itself.
 *
 * Keys and their order are Linux 6.18's, but for zones and nodes that are not here: there is one of each. Those of
 * features that Quire does not have are 0, so that tools find what they look for.
 */
#include "mm/buddy.h"
#include "mm/filemap.h"
#include "mm/proc_internal.h"
#include "mm/stat.h"
#include <arch/mmu.h>

struct vm_event_counts vm_event_counts[CONFIG_MAX_CPUS];

unsigned long vm_event_sum(enum vm_event ev)
{
	unsigned long n = 0;

	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		n += READ_ONCE(vm_event_counts[cpu].n[ev]);
	return n;
}

/* Where a key's number comes from. */
enum value {
	V_ZERO, /* a feature that is not there */
	V_FREE, V_FREE_BLOCKS, V_MLOCKED, V_SLAB, V_ANON, V_MAPPED, V_FILE, V_SHMEM, V_KSTACK_KB, V_TABLES, V_MEMMAP,
	V_ALLOCS, V_FREES, V_PGFAULT, V_PGMAJFAULT, V_PGREUSE, V_OOM_KILL, V_PGS_MLOCKED, V_PGS_MUNLOCKED, V_COUNT
};

struct key {
	const char *name;
	enum value value;
};

#define ABSENT(name) { name, V_ZERO }

static const struct key zone_keys[] = {
	{ "nr_free_pages", V_FREE }, { "nr_free_pages_blocks", V_FREE_BLOCKS },
	ABSENT("nr_zone_inactive_anon"), ABSENT("nr_zone_active_anon"), ABSENT("nr_zone_inactive_file"),
	ABSENT("nr_zone_active_file"), { "nr_zone_unevictable", V_MLOCKED },
	ABSENT("nr_zone_write_pending"), { "nr_mlock", V_MLOCKED }, ABSENT("nr_zspages"),
	ABSENT("nr_free_cma"),
};

static const struct key node_keys[] = {
	ABSENT("nr_inactive_anon"), ABSENT("nr_active_anon"), ABSENT("nr_inactive_file"), ABSENT("nr_active_file"),
	{ "nr_unevictable", V_MLOCKED }, ABSENT("nr_slab_reclaimable"),
	{ "nr_slab_unreclaimable", V_SLAB }, ABSENT("nr_isolated_anon"), ABSENT("nr_isolated_file"),
	ABSENT("workingset_nodes"), ABSENT("workingset_refault_anon"), ABSENT("workingset_refault_file"),
	ABSENT("workingset_activate_anon"), ABSENT("workingset_activate_file"),
	ABSENT("workingset_restore_anon"), ABSENT("workingset_restore_file"), ABSENT("workingset_nodereclaim"),
	{ "nr_anon_pages", V_ANON }, { "nr_mapped", V_MAPPED }, { "nr_file_pages", V_FILE },
	ABSENT("nr_dirty"), ABSENT("nr_writeback"), { "nr_shmem", V_SHMEM }, ABSENT("nr_shmem_hugepages"),
	ABSENT("nr_shmem_pmdmapped"), ABSENT("nr_file_hugepages"), ABSENT("nr_file_pmdmapped"),
	ABSENT("nr_anon_transparent_hugepages"), ABSENT("nr_vmscan_write"),
	ABSENT("nr_vmscan_immediate_reclaim"), ABSENT("nr_dirtied"), ABSENT("nr_written"),
	ABSENT("nr_throttled_written"), ABSENT("nr_kernel_misc_reclaimable"), ABSENT("nr_foll_pin_acquired"),
	ABSENT("nr_foll_pin_released"), { "nr_kernel_stack", V_KSTACK_KB },
	{ "nr_page_table_pages", V_TABLES }, ABSENT("nr_sec_page_table_pages"), ABSENT("nr_swapcached"),
	ABSENT("pgdemote_kswapd"), ABSENT("pgdemote_direct"), ABSENT("pgdemote_khugepaged"),
	ABSENT("pgdemote_proactive"), ABSENT("nr_hugetlb"), ABSENT("nr_balloon_pages"),
	ABSENT("nr_kernel_file_pages"),
};

static const struct key other_keys[] = {
	ABSENT("nr_dirty_threshold"), ABSENT("nr_dirty_background_threshold"), ABSENT("nr_memmap_pages"),
	{ "nr_memmap_boot_pages", V_MEMMAP }, ABSENT("pgpgin"), ABSENT("pgpgout"), ABSENT("pswpin"),
	ABSENT("pswpout"), { "pgalloc_normal", V_ALLOCS }, ABSENT("pgalloc_movable"),
	ABSENT("allocstall_normal"), ABSENT("allocstall_movable"), ABSENT("pgskip_normal"),
	ABSENT("pgskip_movable"), { "pgfree", V_FREES }, ABSENT("pgactivate"), ABSENT("pgdeactivate"),
	ABSENT("pglazyfree"), { "pgfault", V_PGFAULT }, { "pgmajfault", V_PGMAJFAULT },
	ABSENT("pglazyfreed"), ABSENT("pgrefill"), { "pgreuse", V_PGREUSE }, ABSENT("pgsteal_kswapd"),
	ABSENT("pgsteal_direct"), ABSENT("pgsteal_khugepaged"), ABSENT("pgsteal_proactive"),
	ABSENT("pgscan_kswapd"), ABSENT("pgscan_direct"), ABSENT("pgscan_khugepaged"), ABSENT("pgscan_proactive"),
	ABSENT("pgscan_direct_throttle"), ABSENT("pgscan_anon"), ABSENT("pgscan_file"), ABSENT("pgsteal_anon"),
	ABSENT("pgsteal_file"), ABSENT("zone_reclaim_success"), ABSENT("zone_reclaim_failed"),
	ABSENT("pginodesteal"), ABSENT("slabs_scanned"), ABSENT("kswapd_inodesteal"),
	ABSENT("kswapd_low_wmark_hit_quickly"), ABSENT("kswapd_high_wmark_hit_quickly"), ABSENT("pageoutrun"),
	ABSENT("pgrotated"), ABSENT("drop_pagecache"), ABSENT("drop_slab"), { "oom_kill", V_OOM_KILL },
	ABSENT("pgmigrate_success"), ABSENT("pgmigrate_fail"), ABSENT("thp_migration_success"),
	ABSENT("thp_migration_fail"), ABSENT("thp_migration_split"), ABSENT("compact_migrate_scanned"),
	ABSENT("compact_free_scanned"), ABSENT("compact_isolated"), ABSENT("compact_stall"),
	ABSENT("compact_fail"), ABSENT("compact_success"), ABSENT("compact_daemon_wake"),
	ABSENT("compact_daemon_migrate_scanned"), ABSENT("compact_daemon_free_scanned"),
	ABSENT("htlb_buddy_alloc_success"), ABSENT("htlb_buddy_alloc_fail"), ABSENT("unevictable_pgs_culled"),
	ABSENT("unevictable_pgs_scanned"), ABSENT("unevictable_pgs_rescued"),
	{ "unevictable_pgs_mlocked", V_PGS_MLOCKED },
	{ "unevictable_pgs_munlocked", V_PGS_MUNLOCKED }, ABSENT("unevictable_pgs_cleared"),
	ABSENT("unevictable_pgs_stranded"), ABSENT("thp_fault_alloc"), ABSENT("thp_fault_fallback"),
	ABSENT("thp_fault_fallback_charge"), ABSENT("thp_collapse_alloc"), ABSENT("thp_collapse_alloc_failed"),
	ABSENT("thp_file_alloc"), ABSENT("thp_file_fallback"), ABSENT("thp_file_fallback_charge"),
	ABSENT("thp_file_mapped"), ABSENT("thp_split_page"), ABSENT("thp_split_page_failed"),
	ABSENT("thp_deferred_split_page"), ABSENT("thp_underused_split_page"), ABSENT("thp_split_pmd"),
	ABSENT("thp_scan_exceed_none_pte"), ABSENT("thp_scan_exceed_swap_pte"),
	ABSENT("thp_scan_exceed_share_pte"), ABSENT("thp_split_pud"), ABSENT("thp_zero_page_alloc"),
	ABSENT("thp_zero_page_alloc_failed"), ABSENT("thp_swpout"), ABSENT("thp_swpout_fallback"),
	ABSENT("balloon_inflate"), ABSENT("balloon_deflate"), ABSENT("balloon_migrate"), ABSENT("swap_ra"),
	ABSENT("swap_ra_hit"), ABSENT("swpin_zero"), ABSENT("swpout_zero"), ABSENT("ksm_swpin_copy"),
	ABSENT("cow_ksm"), ABSENT("zswpin"), ABSENT("zswpout"), ABSENT("zswpwb"), ABSENT("nr_unstable"),
};

#define PAGEBLOCK_ORDER 9 /* what Linux calls a block of free pages here: 2 MiB */

static unsigned long free_in_blocks(const struct buddy_stats *b)
{
	unsigned long n = 0;

	for (unsigned int order = PAGEBLOCK_ORDER; order <= MAX_ORDER; order++)
		n += b->blocks[order] << order;
	return n;
}

static void collect(unsigned long v[V_COUNT], const struct buddy_stats *b, const struct frame_census *c)
{
	v[V_ZERO] = 0;
	v[V_FREE] = b->free;
	v[V_FREE_BLOCKS] = free_in_blocks(b);
	v[V_MLOCKED] = c->mlocked;
	v[V_SLAB] = b->by_type[PAGE_SLAB];
	v[V_ANON] = c->anon;
	v[V_MAPPED] = c->mapped;
	v[V_FILE] = filemap_nr_pages();
	v[V_SHMEM] = filemap_nr_shmem();
	v[V_KSTACK_KB] = pages_to_kb(mmu_kstack_pages());
	v[V_TABLES] = b->by_type[PAGE_TABLE];
	v[V_MEMMAP] = DIV_ROUND_UP(max_pfn * sizeof(struct page), PAGE_SIZE);
	v[V_ALLOCS] = b->allocs;
	v[V_FREES] = b->allocs - (b->total - b->free);
	v[V_PGFAULT] = vm_event_sum(VM_PGFAULT);
	v[V_PGMAJFAULT] = vm_event_sum(VM_PGMAJFAULT);
	v[V_PGREUSE] = vm_event_sum(VM_PGREUSE);
	v[V_OOM_KILL] = vm_event_sum(VM_OOM_KILL);
	v[V_PGS_MLOCKED] = vm_event_sum(VM_UNEVICTABLE_MLOCKED);
	v[V_PGS_MUNLOCKED] = vm_event_sum(VM_UNEVICTABLE_MUNLOCKED);
}

static void put_keys(struct seq *s, const char *format, const struct key *keys, unsigned int n,
		     const unsigned long v[V_COUNT]) __attribute__((format(printf, 2, 0)));
static void put_keys(struct seq *s, const char *format, const struct key *keys, unsigned int n,
		     const unsigned long v[V_COUNT])
{
	for (unsigned int i = 0; i < n; i++)
		seq_printf(s, format, keys[i].name, v[keys[i].value]);
}

int proc_vmstat(struct seq *s)
{
	struct frame_census c;
	struct buddy_stats b;
	unsigned long v[V_COUNT];

	frame_census(&c);
	buddy_stats(&b);
	collect(v, &b, &c);
	put_keys(s, "%s %lu\n", zone_keys, ARRAY_SIZE(zone_keys), v);
	put_keys(s, "%s %lu\n", node_keys, ARRAY_SIZE(node_keys), v);
	put_keys(s, "%s %lu\n", other_keys, ARRAY_SIZE(other_keys), v);
	return 0;
}

int proc_buddyinfo(struct seq *s)
{
	struct buddy_stats b;

	buddy_stats(&b);
	seq_printf(s, "Node %d, zone %8s ", 0, "Normal");
	for (unsigned int order = 0; order <= MAX_ORDER; order++)
		seq_printf(s, "%6lu ", b.blocks[order]);
	seq_putc(s, '\n');
	return 0;
}

/* What the allocator keeps back stands for Linux's lowest watermark, and the others in Linux's proportion to it. */
static void put_watermarks(struct seq *s, const struct buddy_stats *b)
{
	seq_printf(s, "\n  pages free     %lu", b->free);
	seq_printf(s, "\n        boost    0");
	seq_printf(s, "\n        min      %lu", b->reserve);
	seq_printf(s, "\n        low      %lu", b->reserve * 5 / 4);
	seq_printf(s, "\n        high     %lu", b->reserve * 3 / 2);
	seq_printf(s, "\n        promo    %lu", b->reserve * 7 / 4);
}

int proc_zoneinfo(struct seq *s)
{
	struct frame_census c;
	struct buddy_stats b;
	unsigned long v[V_COUNT];

	frame_census(&c);
	buddy_stats(&b);
	collect(v, &b, &c);
	seq_printf(s, "Node %d, zone %8s\n  per-node stats", 0, "Normal");
	put_keys(s, "\n      %-12s %lu", node_keys, ARRAY_SIZE(node_keys), v);
	put_watermarks(s, &b);
	seq_printf(s, "\n        spanned  %lu\n        present  %lu\n        managed  %lu\n        cma      0",
		   (unsigned long)max_pfn, c.present, b.total);
	seq_printf(s, "\n        protection: (0)");
	put_keys(s, "\n      %-12s %lu", zone_keys, ARRAY_SIZE(zone_keys), v);
	seq_printf(s, "\n  pagesets\n  node_unreclaimable:  0\n  start_pfn:           0\n");
	return 0;
}
