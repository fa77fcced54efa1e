/* Overcommit accounting, Linux's three modes (vm.overcommit_memory 0 heuristic, 1 always, 2 never). Theory in
 * account.c. Pages throughout. */
#ifndef MM_ACCOUNT_H
#define MM_ACCOUNT_H

#include "mm/mm.h"

/* mm NULL: an object of its own (shared memory). => 0 or -ENOMEM; mm->committed updated */
int account_commit(struct mm *mm, unsigned long pages);
void account_uncommit(struct mm *mm, unsigned long pages);
/* Take back what is about to be given back once too often: no check, cannot fail. */
void account_recommit(struct mm *mm, unsigned long pages);
unsigned long account_committed(void); /* pages, all mms: Committed_AS */
unsigned long account_limit(void);     /* CommitLimit */
/* RLIMIT_AS, RLIMIT_DATA; would adding `pages` of such flags be too much? */
bool account_may_expand(struct mm *mm, const vma_flags_t *flags, unsigned long pages);
void account_vm(struct mm *mm, const vma_flags_t *flags, struct file *file, long pages); /* total_vm and its parts */

#endif
