/*
 * The simulated machine as its users - the tests - see it: start it, make processes, let them touch memory.
 *
 *	host_boot(64 MiB);
 *	struct host_proc *p = host_proc_create();
 *	long a = mm_mmap(p->mm, &req);
 *	host_store(p, a, 1, 42);		what the program does: translated, may fault
 *	host_proc_exit(p);
 *	host_check("after exit");		every invariant; panics with what is broken
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "mm/mm.h"

/* ---- Machine ---- */
/* RAM of so many bytes in one piece above 1 MiB; mm_boot_init() has run. One machine per program run. */
void host_boot(u64 ram);
/* mm_check(), the TLBs against the tables, the buddy lists. => number of broken invariants, each printed */
int host_check(void);
extern u64 host_rlimits[16];   /* RLIMIT_*; all unlimited but STACK */
extern bool host_root;	       /* caller_is_root() */

/* ---- Programs ---- */
struct host_proc {
	struct mm *mm;
};
struct host_proc *host_proc_create(void);
struct host_proc *host_proc_fork(struct host_proc *parent); /* NULL: -ENOMEM */
void host_proc_exit(struct host_proc *p);
void host_run(struct host_proc *p); /* this CPU runs p from now on; NULL: nobody */

/* One access of size 1, 2, 4 or 8, which may cross a page. Runs p first. => FAULT_DONE or what mm_fault() said */
enum fault_result host_load(struct host_proc *p, unsigned long addr, unsigned int size, u64 *value);
enum fault_result host_store(struct host_proc *p, unsigned long addr, unsigned int size, u64 value);
enum fault_result host_exec(struct host_proc *p, unsigned long addr); /* fetch one byte */

/* ---- Files: a name and a page cache ---- */
struct file *host_file_create(const char *name, u64 size, bool writable);
long host_file_write(struct file *f, const void *data, size_t n, u64 pos);
void host_file_truncate(struct file *f, u64 size);

/* ---- Translation (mmu.c) ---- */
const char *host_tlb_check(void); /* => NULL, or which CPU believes what no table says */
enum fault_result host_access(unsigned long addr, void *buf, size_t n, unsigned int access, size_t *done);

#endif
