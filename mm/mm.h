/*
 * An address space, and the operations on it that the rest of the kernel calls.
 *
 * Lifetimes: `users` counts those who use the address space (threads, /proc readers); the last mm_put()
 * unmaps everything. `count` counts those who need only the structure: `users` as a whole is one, each LAZY
 * folio that names the mm's lazy root is one (A3). The structure is freed when it reaches 0.
 *
 * Locks, outermost first (the whole order: enum lock_rank):
 *   mmap_lock   VMAs: shape for writing, lookup for reading. Faults read.
 *   folio lock  mapping and index of a folio
 *   i_mmap_lock which VMAs map a file (mm/filemap.h)
 *   anon_lock   one winner for a VMA's first identity, under mmap_lock for reading
 *   anon_vma->root->lock   interval trees of one family of anon_vmas
 *   rmap_lock   the VMA tree and the existence of page tables, against rmap walkers who hold no mmap_lock:
 *               they read, whoever changes tree or frees tables writes (while already holding mmap_lock)
 *   pt_lock, table locks   entries
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "mm/vma.h"
#include "mm/vma_tree.h"

struct task;
struct process;

/* The identity of LAZY folios: one per mm, part of it. Not a VMA: VMAs come and go, this does not.
 * `mm` says whether the address space still exists; rmap walkers read it under rmap_lock. */
struct anon_vma_lazy_root {
	struct mm *mm; /* NULL once mm_put() has unmapped everything */
	struct rwlock rmap_lock;
} __aligned(8);

enum mm_counter { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_COUNTERS };

struct mm {
	pte_t *top;	     /* level-4 table */
	u64 top_phys;	     /* what CR3 gets */
	unsigned long cpus;  /* bit per CPU that has it loaded; atomic, arch's */
	atomic_t users, count;

	struct rwlock mmap_lock;
	struct vma_tree vmas;
	struct anon_vma_lazy_root lazy_root;
	struct mutex anon_lock;
	struct spinlock pt_lock;

	/* layout; mmap_lock */
	unsigned long mmap_base;  /* highest address for new mappings, searched downwards */
	unsigned long brk_start, brk;
	unsigned long stack_top;
	unsigned long code_start, code_end, data_start, data_end;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;

	/* accounting in pages; mmap_lock for writing unless atomic */
	unsigned long total_vm, locked_vm, data_vm, exec_vm, stack_vm;
	unsigned long committed;  /* charged to the overcommit account */
	bool lock_future, lock_future_onfault; /* mlockall(MCL_FUTURE) */
	atomic_long_t counters[MM_COUNTERS]; /* resident pages by kind: VmRSS and friends */
	atomic_long_t table_pages;	     /* VmPTE */
	unsigned long hiwater_rss, hiwater_vm;
	struct process *owner;	  /* for messages and rlimits; may be NULL */
	struct list_head all_node; /* all_mms, for mm_check() */
	int check_refs; /* mm_check()'s own count of folios that name lazy_root */
};

#define DEFAULT_MAX_MAP_COUNT 65530
#define MMAP_MIN_ADDR_DEFAULT 4096
extern long sysctl_max_map_count, sysctl_mmap_min_addr, sysctl_overcommit_memory, sysctl_overcommit_ratio,
	sysctl_anon_vma_lazy;

/* ---- Boot ---- */
struct boot_info;
void mm_boot_init(const struct boot_info *b); /* page allocator, slab, caches of mm/ */

/* ---- Lifetime ---- */
struct mm *mm_create(void);	      /* empty address space, users == 1; NULL no memory */
struct mm *mm_fork(struct mm *parent); /* a copy for a child process; ERR_PTR(-ENOMEM), nothing changed then */
void mm_get(struct mm *mm);	      /* users + 1 */
bool mm_get_not_zero(struct mm *mm);
void mm_put(struct mm *mm);
void mm_count_get(struct mm *mm);
void mm_count_put(struct mm *mm);

/* ---- Resource limits as seen by mm: what the owner may use (host port supplies its own) ---- */
u64 rlimit_cur(unsigned int which); /* kernel/task.h */
void sched_yield_point(void); /* kernel/task.h: long loops reschedule here when it is time */
bool caller_is_root(void); /* current may what Linux's CAP_IPC_LOCK, CAP_SYS_ADMIN ... allow: effective uid 0 */

/* ---- Faults ---- */
enum fault_access {
	FAULT_READ = 0,
	FAULT_WRITE = 1,
	FAULT_EXEC = 2,
	FAULT_USER = 4,	 /* from user mode */
	FAULT_FORCE = 8, /* a debugger's: what the VMA could allow is enough; a private page is made, not made writable */
};
enum fault_result {
	FAULT_DONE,
	FAULT_MAPERR, /* SIGSEGV SEGV_MAPERR: nothing mapped, or a guard */
	FAULT_ACCERR, /* SIGSEGV SEGV_ACCERR: mapped, not allowed */
	FAULT_ADRERR, /* SIGBUS BUS_ADRERR: past the end of the file */
	FAULT_OOM,    /* no memory: the process is to be killed */
};
/* => mmap_lock not held, may sleep; addr any user address */
enum fault_result mm_fault(struct mm *mm, unsigned long addr, unsigned int access);

/* ---- Mapping operations: take mmap_lock themselves, return an address or 0 or -errno ---- */
struct mmap_request {
	unsigned long addr, len; /* bytes, as the user gave them */
	unsigned int prot, flags; /* PROT_*, MAP_* */
	struct file *file;	  /* NULL with MAP_ANONYMOUS; the caller's reference is not consumed */
	unsigned long pgoff;	  /* pages */
};
long mm_mmap(struct mm *mm, const struct mmap_request *req);
long mm_munmap(struct mm *mm, unsigned long addr, unsigned long len);
long mm_mprotect(struct mm *mm, unsigned long addr, unsigned long len, unsigned long prot);
long mm_brk(struct mm *mm, unsigned long brk); /* the new or, on failure, the old break */
long mm_mremap(struct mm *mm, unsigned long addr, unsigned long old_len, unsigned long new_len, unsigned int flags,
	       unsigned long new_addr);
long mm_madvise(struct mm *mm, unsigned long addr, unsigned long len, int advice);
long mm_mincore(struct mm *mm, unsigned long addr, unsigned long len, unsigned char __user *vec);
long mm_mlock(struct mm *mm, unsigned long addr, unsigned long len, bool onfault);
long mm_munlock(struct mm *mm, unsigned long addr, unsigned long len);
long mm_mlockall(struct mm *mm, int flags);
long mm_munlockall(struct mm *mm);
long mm_msync(struct mm *mm, unsigned long addr, unsigned long len, int flags);
long mm_mseal(struct mm *mm, unsigned long addr, unsigned long len);
/* Fault in [start, end) as for write or read. => 0, or MADV_POPULATE's errors: -ENOMEM a hole or no memory, -EINVAL the
 * mapping does not allow it, -EFAULT a guard or past a file's end, -EINTR a fatal signal */
long mm_populate(struct mm *mm, unsigned long start, unsigned long end, bool write);
/* Fault in what is locked in [start, end), holes skipped. => 0, -EFAULT, -ENOMEM */
long mm_populate_locked(struct mm *mm, unsigned long start, unsigned long end);

/* ---- For exec ---- */
/* The main thread's stack VMA, top at `top`, growing down. => 0 or -errno */
int mm_setup_stack(struct mm *mm, unsigned long top, unsigned long size, bool exec);
/* An address with len bytes free, where mmap would put them; 0: none. */
unsigned long mm_free_area(struct mm *mm, unsigned long len);
/* Brk area starts here (page aligned up). */
void mm_set_brk(struct mm *mm, unsigned long start);
/* Copy between a foreign mm and kernel memory, faulting pages in: argv of a new program, /proc/<pid>/mem, cmdline.
 * force: ignore missing write permission of private mappings (ptrace-like). => bytes done */
size_t mm_access(struct mm *mm, unsigned long addr, void *buf, size_t n, bool write, bool force);

/* ---- Proof ---- */
struct seq;
/* Verify every numbered invariant over all mms, tables, folios and identities. => number of broken ones; each is
 * printed into s (may be NULL) and to the log. Stops the world for mm (takes every mmap_lock for writing in turn). */
int mm_check(struct seq *s);
extern long mm_check_always; /* quire.check=1: after every mm system call */
extern struct rwlock mm_quiesce; /* read: changes tables without an mmap_lock (truncation); write: mm_check() */

#endif
