/*
 * madvise: advice about a range, VMA by VMA.
 *
 *	advice                          lock    does
 *	DONTNEED, DONTNEED_LOCKED, FREE read    entries go, or become clean; VMAs stay
 *	COLD, PAGEOUT                   read    entries become old: nothing to page out to yet
 *	WILLNEED                        read    nothing: there is no slower storage
 *	REMOVE                          -       a hole in the shared object
 *	POPULATE_READ, _WRITE           -       faults (populate.c)
 *	GUARD_INSTALL, _REMOVE          read    markers (guard.c)
 *	all others                      write   set or clear a VMA flag; split and merge follow
 *
 * A hole in the range does not stop the walk: what is mapped gets the advice, the result is -ENOMEM, as in Linux.
 */
#include "kernel/fs/file.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/filemap.h"
#include "mm/guard.h"
#include "mm/pgtable.h"
#include "mm/vma_ops.h"

/* ---- Entries ---- */

static int advise_dontneed(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end, int advice)
{
	if (advice == MADV_DONTNEED && vma_test(v, VMA_LOCKED))
		return -EINVAL;
	zap_range(tlb, v, start, end);
	return 0;
}

/* Make entries old; for FREE clean as well: a clean anonymous page may be dropped when memory is short. */
static int age_entries(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end, bool free)
{
	struct pt_iter it;

	if (pt_split_at(v->mm, start) || pt_split_at(v->mm, end))
		return -ENOMEM;
	pt_for_each(&it, v->mm, start, end) {
		struct page *page = pte_is_leaf(it.pte, it.level) ? pte_page(it.pte) : NULL;
		pte_t old;

		if (!page)
			continue;
		if (free && (!folio_is_anon(page_folio(page)) || !page_test(page, PG_EXCLUSIVE)))
			continue; /* what a child shares is not ours to give up */
		old = pt_xchg(it.slot, PTE_NONE);
		pt_set(it.slot, pte_clear(old, free ? PTE_A | PTE_D : PTE_A));
		if (free)
			page_set(page, PG_LAZYFREE);
		tlb_note(tlb, it.addr, it.level);
	}
	return 0;
}

static int advise_free(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end)
{
	if (!vma_is_anonymous(v) || vma_test(v, VMA_LOCKED))
		return -EINVAL;
	return age_entries(tlb, v, start, end, true);
}

static int advise_cold(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end)
{
	return vma_test(v, VMA_LOCKED) ? -EINVAL : age_entries(tlb, v, start, end, false);
}

static int advise_entries(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end, int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		return advise_dontneed(tlb, v, start, end, advice);
	case MADV_FREE:
		return advise_free(tlb, v, start, end);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return advise_cold(tlb, v, start, end);
	case MADV_GUARD_INSTALL:
		return guard_install(tlb, v, start, end);
	case MADV_GUARD_REMOVE:
		return guard_remove(v, start, end);
	case MADV_COLLAPSE:
		return -EINVAL; /* no large pages to collapse into */
	default:
		return 0; /* MADV_WILLNEED */
	}
}

/* ---- Flags ---- */

/* The flags that advice asks for. => 0 or -EINVAL */
static int advised_flags(const struct vma *v, int advice, vma_flags_t *f)
{
	*f = v->flags;
	switch (advice) {
	case MADV_NORMAL:
		vma_flags_clear(f, VMA_RAND_READ);
		vma_flags_clear(f, VMA_SEQ_READ);
		return 0;
	case MADV_SEQUENTIAL:
		vma_flags_clear(f, VMA_RAND_READ);
		vma_flags_set(f, VMA_SEQ_READ);
		return 0;
	case MADV_RANDOM:
		vma_flags_clear(f, VMA_SEQ_READ);
		vma_flags_set(f, VMA_RAND_READ);
		return 0;
	case MADV_DONTFORK:
		vma_flags_set(f, VMA_DONTCOPY);
		return 0;
	case MADV_DOFORK:
		vma_flags_clear(f, VMA_DONTCOPY);
		return 0;
	case MADV_WIPEONFORK:
		vma_flags_set(f, VMA_WIPEONFORK);
		return v->file || vma_test(v, VMA_SHARED) ? -EINVAL : 0;
	case MADV_KEEPONFORK:
		vma_flags_clear(f, VMA_WIPEONFORK);
		return 0;
	case MADV_DONTDUMP:
		vma_flags_set(f, VMA_DONTDUMP);
		return 0;
	case MADV_DODUMP:
		vma_flags_clear(f, VMA_DONTDUMP);
		return 0;
	case MADV_MERGEABLE:
		vma_flags_set(f, VMA_MERGEABLE);
		return 0;
	case MADV_UNMERGEABLE:
		vma_flags_clear(f, VMA_MERGEABLE);
		return 0;
	case MADV_HUGEPAGE:
		vma_flags_clear(f, VMA_NOHUGEPAGE);
		vma_flags_set(f, VMA_HUGEPAGE);
		return 0;
	case MADV_NOHUGEPAGE:
		vma_flags_clear(f, VMA_HUGEPAGE);
		vma_flags_set(f, VMA_NOHUGEPAGE);
		return 0;
	default:
		return -EINVAL;
	}
}

static int advise_flags(struct vma *v, unsigned long start, unsigned long end, int advice)
{
	vma_flags_t flags;
	int err = advised_flags(v, advice, &flags);

	if (err)
		return err;
	v = vma_modify(v, start, end, &flags);
	return IS_ERR(v) ? -EAGAIN : 0; /* Linux's word for no memory here */
}

/* ---- Sealed memory ---- */

/* Advice that throws contents away is refused where the owner could not have written them himself (mseal(2)). */
static bool discards(int advice)
{
	switch (advice) {
	case MADV_FREE:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_WIPEONFORK:
	case MADV_GUARD_INSTALL:
		return true;
	default:
		return false;
	}
}

static bool seal_forbids(const struct vma *v, int advice)
{
	return vma_test(v, VMA_SEALED) && discards(advice) && vma_is_anonymous(v) && !vma_test(v, VMA_WRITE);
}

/* ---- The walk ---- */

enum advice_kind { ADVICE_UNKNOWN, ADVICE_ENTRIES, ADVICE_FLAGS, ADVICE_POPULATE, ADVICE_REMOVE };

static enum advice_kind advice_kind(int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_WILLNEED:
	case MADV_GUARD_INSTALL:
	case MADV_GUARD_REMOVE:
	case MADV_COLLAPSE:
		return ADVICE_ENTRIES;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return ADVICE_POPULATE;
	case MADV_REMOVE:
		return ADVICE_REMOVE;
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		return ADVICE_FLAGS;
	default:
		return ADVICE_UNKNOWN;
	}
}

static int advise_vma(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end, int advice)
{
	if (seal_forbids(v, advice))
		return -EPERM;
	if (advice_kind(advice) == ADVICE_FLAGS)
		return advise_flags(v, start, end, advice);
	return advise_entries(tlb, v, start, end, advice);
}

/* => mmap_lock as the advice needs; 0 or -errno, -ENOMEM also for holes */
static long advise_range(struct mm *mm, unsigned long start, unsigned long end, int advice)
{
	struct tlb_batch tlb;
	long err = 0, hole = 0;

	tlb_begin(&tlb, mm);
	while (start < end && !err) {
		struct vma *v = vma_tree_find(&mm->vmas, start);
		unsigned long to;

		if (!v || v->start >= end) {
			hole = -ENOMEM;
			break;
		}
		if (v->start > start) {
			hole = -ENOMEM;
			start = v->start;
		}
		to = min(end, v->end);
		err = advise_vma(&tlb, v, start, to, advice);
		start = to;
	}
	tlb_end(&tlb);
	return err ? err : hole;
}

/* Flags change VMAs, and a guard removal that covers a whole unfaulted VMA clears its bit (G2): for writing. */
static bool needs_write_lock(struct mm *mm, unsigned long start, unsigned long end, int advice)
{
	bool whole;

	if (advice != MADV_GUARD_REMOVE)
		return advice_kind(advice) == ADVICE_FLAGS;
	read_lock(&mm->mmap_lock);
	whole = guard_covers_unfaulted(mm, start, end);
	read_unlock(&mm->mmap_lock);
	return whole;
}

static long advise_locked(struct mm *mm, unsigned long start, unsigned long end, int advice)
{
	long err;

	if (needs_write_lock(mm, start, end, advice)) {
		if (write_lock_killable(&mm->mmap_lock))
			return -EINTR;
		err = advise_range(mm, start, end, advice);
		write_unlock(&mm->mmap_lock);
	} else {
		read_lock(&mm->mmap_lock);
		err = advise_range(mm, start, end, advice);
		read_unlock(&mm->mmap_lock);
	}
	return err;
}

/* A hole in the object that one VMA maps: shared file mappings that may be written only. */
static long advise_remove(struct mm *mm, unsigned long start, unsigned long end)
{
	while (start < end) {
		struct file *f = NULL;
		unsigned long first = 0, to = end;
		const struct vma *v;
		long err = 0;

		read_lock(&mm->mmap_lock);
		v = vma_tree_find(&mm->vmas, start);
		if (!v || v->start > start) {
			err = -ENOMEM;
		} else if (!v->file || vma_test(v, VMA_LOCKED)) {
			err = -EINVAL;
		} else if (!vma_test(v, VMA_SHARED) || !vma_test(v, VMA_MAYWRITE)) {
			err = -EACCES;
		} else {
			to = min(end, v->end);
			first = v->file_pgoff + ((start - v->start) >> PAGE_SHIFT);
			f = v->file;
			file_get(f);
		}
		read_unlock(&mm->mmap_lock);
		if (err)
			return err;
		file_punch(f, first, first + ((to - start) >> PAGE_SHIFT) - 1);
		file_put(f);
		start = to;
	}
	return 0;
}

long mm_madvise(struct mm *mm, unsigned long addr, unsigned long len, int advice)
{
	unsigned long end;

	if (advice_kind(advice) == ADVICE_UNKNOWN || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (len && !ALIGN_UP(len, PAGE_SIZE))
		return -EINVAL;
	end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	switch (advice_kind(advice)) {
	case ADVICE_POPULATE:
		return mm_populate(mm, addr, end, advice == MADV_POPULATE_WRITE);
	case ADVICE_REMOVE:
		return advise_remove(mm, addr, end);
	default:
		return advise_locked(mm, addr, end, advice);
	}
}
