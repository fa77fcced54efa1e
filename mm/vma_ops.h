/*
 * Changing the set of VMAs: allocate, split, merge, insert, remove. For the files of mm/ that implement
 * mapping operations. All need mmap_lock for writing; none fails after its prepare step.
 */
#ifndef MM_VMA_OPS_H
#define MM_VMA_OPS_H

#include "mm/anon.h"
#include "mm/tlb.h"

/* Why two adjacent ranges may, or may not, become one VMA: the first condition that fails. */
enum vma_merge_reason {
	MERGE_OK,	      /* one side has no identity, or both have the same */
	MERGE_OK_PARENT,      /* PARENT into the REGULAR neighbour that descends from it */
	MERGE_NO_NEIGHBOUR,   /* nothing there, or a gap between */
	MERGE_NO_FLAGS,	      /* permissions or other flags differ */
	MERGE_NO_FILE,	      /* different files, or file and no file */
	MERGE_NO_FILE_OFFSET, /* the file's pages do not follow each other */
	MERGE_NO_ANON_OFFSET, /* anonymous page offsets do not follow each other: one side was moved */
	MERGE_NO_IDENTITY,    /* both have an identity, and they differ */
	MERGE_NO_ANCESTORS,   /* same anon_vma, other ancestors: reached through different forks */
	MERGE_NO_SPECIAL,     /* a kind that never merges */
	MERGE_REASONS
};
extern const char *const vma_merge_reason_name[MERGE_REASONS];

static inline bool merge_allowed(enum vma_merge_reason r)
{
	return r <= MERGE_OK_PARENT;
}

/* May a (lower) and b, which begins where a ends, become one? Either may be NULL or not be in the tree (a proposal). */
enum vma_merge_reason vma_merge_verdict(const struct vma *a, const struct vma *b);
/* As the verdict, identity apart; and flags apart unless asked for. */
enum vma_merge_reason vma_merge_attributes(const struct vma *a, const struct vma *b, bool flags);

struct vma *vma_alloc(struct mm *mm); /* cleared, not linked; NULL when memory is short */
void vma_free(struct vma *v);	      /* file reference and memory; unlinked before */

/* Map a range that is free. `proposal` describes it on the caller's stack (start, end, flags, file, offsets; anon NONE,
 * or the state and chains of a VMA being copied by mremap). Extends a neighbour where the verdict allows.
 *   prepare: *out is what commit will use. 0 or -ENOMEM
 *   commit:  => the VMA that now covers the range. File references and charges are the caller's. */
struct vma_insert {
	struct vma *proposal;
	struct vma *prev, *next; /* those that will be extended; NULL */
	struct vma *fresh;	 /* allocated only when no neighbour serves */
	struct vma_tree_reserve reserve;
};
int vma_insert_prepare(struct vma_insert *ins, struct vma *proposal);
/* Where the range is still mapped and will be unmapped first: allocate for the worst case, then, once it is free, decide. */
int vma_insert_reserve(struct vma_insert *ins, struct vma *proposal);
void vma_insert_decide(struct vma_insert *ins);
struct vma *vma_insert_commit(struct vma_insert *ins);
void vma_insert_abort(struct vma_insert *ins);

/* Cut v at one or two addresses inside it. */
struct vma_split {
	struct vma *v;
	struct vma *fresh; /* the upper part */
	struct vma_tree_reserve reserve;
};
int vma_split_prepare(struct vma_split *sp, struct vma *v);
struct vma *vma_split_commit(struct vma_split *sp, unsigned long addr); /* => the upper part */
void vma_split_abort(struct vma_split *sp);

/* Make [start, end), inside v, a VMA of its own whose flags are `flags`, then merge it with its neighbours as the verdict
 * allows. => the VMA that covers start; ERR_PTR(-ENOMEM) and nothing changed: no memory or map count too high */
struct vma *vma_modify(struct vma *v, unsigned long start, unsigned long end, const vma_flags_t *flags);
/* Merge v with the neighbours that allow it. => the VMA that covers what v covered */
struct vma *vma_merge_neighbours(struct vma *v);

/* New bounds inside the free space around v, or smaller than before (what falls away is unmapped already). Offsets follow. */
void vma_resize(struct vma *v, unsigned long start, unsigned long end);

/* Unmap [start, end): pages, markers, VMAs, empty tables, charges. Splits at the edges.
 * => 0; -ENOMEM (nothing changed), -EPERM (sealed; nothing changed) */
int vma_unmap(struct mm *mm, unsigned long start, unsigned long end);
/* Everything: the end of an address space. Nothing can fail, no rule about seals applies. */
void vma_unmap_all(struct mm *mm);
bool range_sealed(const struct mm *mm, unsigned long start, unsigned long end);
/* Pages of v's kind come (> 0) or go: total_vm and its parts, locked_vm, and the charge of an accountable VMA going. */
void vma_count(struct vma *v, long pages);

/* zap.c: take the entries of [start, end), markers too, out of the tables; it is part of [lo, hi), which is unmapped.
 * => nothing large straddles lo or hi */
void zap_unmapped(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end, unsigned long lo,
		  unsigned long hi);
/* Entries of [start, end), inside v, whose memory goes while the VMA stays: markers stay. */
void zap_range(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end);
/* As above, but markers and anonymous pages stay: only what is the file's own goes. */
void zap_range_cached(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end);

/* Which resident counter a mapped page of this folio is in. */
enum mm_counter folio_counter(const struct folio *f);

/* Resident pages are about to become fewer: what they were may have been their peak (VmHWM). */
static inline void mm_note_resident(struct mm *mm)
{
	unsigned long n = atomic_read(&mm->counters[MM_ANONPAGES]) + atomic_read(&mm->counters[MM_FILEPAGES]) +
			  atomic_read(&mm->counters[MM_SHMEMPAGES]);

	if (n > mm->hiwater_rss)
		mm->hiwater_rss = n;
}

/* mm->vmas.count + extra would exceed vm.max_map_count */
static inline bool map_count_exceeded(const struct mm *mm, unsigned int extra)
{
	return (long)mm->vmas.count + (long)extra > sysctl_max_map_count;
}

/* mmap.c: shared by mmap, brk, mremap. */
unsigned long mm_unmapped_area(struct mm *mm, unsigned long hint, unsigned long len, unsigned int map_flags);
bool mm_mlock_future_ok(struct mm *mm, unsigned long pages); /* RLIMIT_MEMLOCK */
/* The stack v grows down to addr's page. => mmap_lock for writing; 0 or -ENOMEM: limits, guard gap, memory */
int stack_grow(struct vma *v, unsigned long addr);
void fault_boot(void);

void vma_boot(void);

#endif
