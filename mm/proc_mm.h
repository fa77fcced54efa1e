/*
 * What /proc and /sys show of memory. Producers only: kernel/fs/procfs.c gives them names.
 * The mm passed in is referenced (mm_get); each takes mmap_lock for reading, or nothing.
 */
#ifndef MM_PROC_MM_H
#define MM_PROC_MM_H

#include "kernel/seq.h"
#include "mm/mm.h"
#include <arch/cpu.h>

/* /proc/<pid>/ */
int proc_maps_next(struct seq *s, struct mm *mm, u64 *cookie);  /* seq_next_fn on an mm; cookie: an address */
int proc_smaps_next(struct seq *s, struct mm *mm, u64 *cookie);
int proc_smaps_rollup(struct seq *s, struct mm *mm);
int proc_statm(struct seq *s, struct mm *mm);
void proc_status_mm(struct seq *s, struct mm *mm); /* the Vm*, Rss* lines */
struct mm_sizes { unsigned long vsize, rss, peak_rss; };
void proc_mm_sizes(struct mm *mm, struct mm_sizes *out); /* bytes, pages, pages: for stat and getrusage */
/* pagemap: entries of 8 bytes, position in bytes. => bytes stored into buf or -errno */
long proc_pagemap_read(struct mm *mm, u64 *buf, size_t n, u64 pos);
/* ioctls of maps (PROCMAP_QUERY, others get -ENOTTY) and pagemap (PAGEMAP_SCAN, others -EINVAL) */
long proc_maps_ioctl(struct mm *mm, unsigned int cmd, unsigned long arg);
long proc_pagemap_ioctl(struct mm *mm, unsigned int cmd, unsigned long arg);
/* /proc/<pid>/mm/:
 *   vmas    a header, then START-END PERM STATE IDENTITY PGOFF FLAGS NAME: anonymous state and page offset, which
 *           maps does not know. IDENTITY is the physical address of what folios name, "-" without
 *   ledger  KIND OBJECTS BYTES: what the address space costs the kernel
 *   frames  PFN VADDR in hexadecimal, one line per present page, the zero page too */
int proc_vmas_next(struct seq *s, struct mm *mm, u64 *cookie);
int proc_ledger(struct seq *s, struct mm *mm);
int proc_frames_next(struct seq *s, struct mm *mm, u64 *cookie);
/* /proc */
int proc_meminfo(struct seq *s);
int proc_vmstat(struct seq *s);
int proc_slabinfo(struct seq *s);
int proc_buddyinfo(struct seq *s);
int proc_zoneinfo(struct seq *s);
/* /sys/kernel/mm/quire/; memmap is "pages N", then one character per frame, 64 to a line: mem_map.c */
int sys_memmap_next(struct seq *s, u64 *cookie);
int sys_check_show(struct seq *s); /* result of the last check */
void sys_check_run(void);
int sys_ledger(struct seq *s); /* all mms together */

/* Event counters of /proc/vmstat: counted where they happen, per CPU. */
enum vm_event {
	VM_PGFAULT, VM_PGMAJFAULT, VM_PGALLOC, VM_PGFREE, VM_PGREUSE, VM_COW_COPY, VM_ZEROPAGE_FAULT, VM_DROP_PT,
	VM_TLB_FLUSH, VM_TLB_REMOTE, VM_OOM_KILL, VM_UNEVICTABLE_MLOCKED, VM_UNEVICTABLE_MUNLOCKED, VM_EVENTS
};
struct vm_event_counts {
	unsigned long n[VM_EVENTS];
} __aligned(64); /* a cache line or two of its own per CPU */
extern struct vm_event_counts vm_event_counts[CONFIG_MAX_CPUS];

/* Not from interrupt handlers. */
static inline void vm_event_add(enum vm_event ev, unsigned long n)
{
	vm_event_counts[cpu_id()].n[ev] += n;
}
unsigned long vm_event_sum(enum vm_event ev);

#endif
