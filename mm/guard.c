/*
 * Guard regions (MADV_GUARD_INSTALL, MADV_GUARD_REMOVE).
 *
 * A guard is a marker in the page tables: not present, no frame, and a fault on it is SIGSEGV whatever the VMA allows.
 * Unlike PROT_NONE it needs no VMA of its own; unlike an empty entry it must survive everything that a fault could not
 * rebuild - fork above all. That is the one state which the anonymous word of a VMA without anonymous pages must tell:
 *
 *	NONE --install--> UNFAULTED          one bit; no anon_vma, no chain, no allocation beyond page tables
 *	UNFAULTED --first write fault--> LAZY or REGULAR     an identity says all that the bit said
 *	UNFAULTED --remove over the whole VMA--> NONE        fork need not look at the tables again
 *
 *   G1  the bit (or an identity) is there before the first marker is written.
 *   G2  it is cleared only where install is excluded: the whole VMA, mmap_lock held for writing. A partial remove
 *       holds it for reading and clears nothing.
 *   G3  the bit never forbids a merge; the survivor has the union (vma_take_anon).
 *
 * Where no table is, one marker of level 2 guards 2 MiB; whoever needs a piece of it splits it (pgtable.h).
 *
 * Install takes what is mapped out of the tables under the same hold of the table lock that writes the marker, so no
 * fault can come between; Linux zaps first and starts over when it lost that race.
 *
 * Linux differs: for an anonymous VMA install prepares an anon_vma so that fork copies the tables; since 6.18 the VMA
 * flag VM_MAYBE_GUARD says it, which is never cleared.
 */
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "mm/guard.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/vma_ops.h"

struct install {
	struct tlb_batch *tlb;
	struct vma *vma;
	unsigned long resume;  /* where to go on when the batch was full */
	unsigned long entries; /* markers written */
	long gone[MM_COUNTERS];
};

/* Enough of a batch to say "flush first": any non-zero result stops pt_each_slot(). */
#define INSTALL_FLUSH 1

static int install_over_page(struct install *in, pte_t *slot, unsigned long addr)
{
	struct page *page = pte_page(pt_xchg(slot, pte_make_marker(PTE_MARKER_GUARD)));

	tlb_note(in->tlb, addr, 1);
	in->entries++;
	if (!page)
		return 0;
	in->gone[folio_counter(page_folio(page))]++;
	rmap_remove(page_folio(page), page);
	tlb_put_page(in->tlb, &page_folio(page)->page);
	in->resume = addr + PAGE_SIZE;
	return tlb_full(in->tlb) ? INSTALL_FLUSH : 0;
}

static int install_slot(pte_t *slot, unsigned long addr, void *arg)
{
	struct install *in = arg;

	if (likely(pte_none(*slot))) {
		pt_set(slot, pte_make_marker(PTE_MARKER_GUARD));
		in->entries++;
		return 0;
	}
	return pte_present(*slot) ? install_over_page(in, slot, addr) : 0;
}

/* One marker for all of a level-2 slot's range, if nothing stands there. => false: page by page */
static bool install_whole(struct install *in, unsigned long addr)
{
	struct spinlock *lock;
	pte_t *slot = pt_slot2_alloc(in->vma->mm, addr, &lock);
	bool done;

	if (!slot)
		return false;
	if (pte_none(*slot)) {
		pt_set(slot, pte_make_marker(PTE_MARKER_GUARD));
		in->entries++;
	}
	done = pte_is_guard(*slot);
	spin_unlock(lock);
	return done;
}

/* => 0, -ENOMEM, or INSTALL_FLUSH: in->resume is where to go on */
static int install_range(struct install *in, unsigned long start, unsigned long end)
{
	const unsigned long unit = PT_LEVEL_SIZE(2);
	int err = 0;

	for (unsigned long stop; start < end && !err; start = stop) {
		stop = min(end, ALIGN_DOWN(start, unit) + unit);
		if (stop - start < unit || !install_whole(in, start))
			err = pt_each_slot(in->vma->mm, start, stop, install_slot, in);
	}
	return err;
}

static bool may_guard(const struct vma *v)
{
	return !vma_test(v, VMA_LOCKED) && !vma_test(v, VMA_DONTEXPAND);
}

int guard_install(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end)
{
	struct install in = { .tlb = tlb, .vma = v };
	int err;

	if (!may_guard(v))
		return -EINVAL;
	vma_set_unfaulted(v); /* G1 */
	while ((err = install_range(&in, start, end)) == INSTALL_FLUSH) {
		tlb_flush(tlb);
		start = in.resume;
	}
	mm_note_resident(v->mm);
	for (int i = 0; i < MM_COUNTERS; i++)
		if (in.gone[i])
			atomic_long_add(&v->mm->counters[i], -in.gone[i]);
	trace(guard_install, v->mm, start, end, in.entries);
	return err;
}

int guard_remove(struct vma *v, unsigned long start, unsigned long end)
{
	unsigned long entries = 0;
	struct pt_iter it;

	if (vma_test(v, VMA_DONTEXPAND))
		return -EINVAL;
	if (pt_split_at(v->mm, start) || pt_split_at(v->mm, end))
		return -ENOMEM;
	pt_for_each(&it, v->mm, start, end) {
		if (!pte_is_guard(it.pte))
			continue;
		pt_set(it.slot, PTE_NONE);
		entries++;
	}
	if (start == v->start && end == v->end && rwlock_is_write_held(&v->mm->mmap_lock) &&
	    vma_anon_state(v) == ANON_UNFAULTED)
		vma_set_anon_none(v); /* G2 */
	trace(guard_remove, v->mm, start, end, entries);
	return 0;
}

bool guard_covers_unfaulted(const struct mm *mm, unsigned long start, unsigned long end)
{
	const struct vma *v;

	vma_tree_for_each_range(v, &mm->vmas, start, end)
		if (v->start >= start && v->end <= end && vma_anon_state(v) == ANON_UNFAULTED)
			return true;
	return false;
}
