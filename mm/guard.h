/* Guard regions: markers in the page tables that make an access fault, without a VMA of their own. Theory in guard.c. */
#ifndef MM_GUARD_H
#define MM_GUARD_H

#include "mm/tlb.h"
#include "mm/vma.h"

/* [start, end), inside v, becomes guarded: what is mapped there goes. => mmap_lock (any mode); 0, -EINVAL (locked or
 * special VMA), -ENOMEM (what was done stays done: a guarded page more or less, no state half changed) */
int guard_install(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end);
/* Guards in the range go, everything else stays. => mmap_lock; for writing where guard_covers_unfaulted(); 0 */
int guard_remove(struct vma *v, unsigned long start, unsigned long end);
/* Would a removal of [start, end) leave an UNFAULTED VMA without any marker? (G2) => mmap_lock */
bool guard_covers_unfaulted(const struct mm *mm, unsigned long start, unsigned long end);

#endif
