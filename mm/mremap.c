/*
 * mremap: grow, shrink, move.
 *
 *	shrink        unmap the tail
 *	grow          in place where the next range is free (the VMA, or a merge, grows over it), else move
 *	move          to an address of our choice, or MREMAP_FIXED; with equal lengths over several VMAs, gaps preserved
 *	DONTUNMAP     move the pages, leave the VMA, empty
 *
 *	   v                                   new
 *	+------+========+------+    - - ->   +========+       entries move, index and identity stay:
 *	       ^ addr                                         the new VMA has v's page offset, not its address's
 *
 * Page offsets (Linux's rule). A folio's index does not change when it moves; so a faulted VMA keeps its anon_pgoff,
 * and walkers find the folio at start + (index - anon_pgoff). LAZY cannot say that (A1): such a VMA, as a whole and
 * before it is split, becomes REGULAR first, so that all its pieces go on with one identity and merge when they come
 * together again. An unfaulted VMA has no folios: its offset follows the address (V4).
 *
 * Entries move under the identity's lock and rmap_lock, both for writing, with both VMAs in the trees: a walker sees
 * each folio in one place (A2). Where both addresses are congruent, whole 2 MiB tables move by one entry.
 *
 * Everything that can fail - upgrade, split, new VMA, chains, tables - comes before the first entry moves (A6).
 */
#include "kernel/fs/file.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/account.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/vma_ops.h"

/* One call: its arguments, decoded, and what became of it. Bytes, page aligned. */
struct remap {
	struct mm *mm;
	unsigned long addr, old_len, new_len, new_addr;
	unsigned int flags;
	bool populate; /* the grown part of a locked VMA */
};

/* ---- Decode ---- */

static bool overlaps(const struct remap *r)
{
	return r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr;
}

static int check_params(const struct remap *r)
{
	if (r->flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (!IS_ALIGNED(r->addr, PAGE_SIZE) || !r->new_len || r->new_len > TASK_SIZE)
		return -EINVAL;
	if (!(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		return 0;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
		return -EINVAL;
	if (r->flags & MREMAP_FIXED) {
		if (!IS_ALIGNED(r->new_addr, PAGE_SIZE) || r->new_addr > TASK_SIZE - r->new_len || overlaps(r))
			return -EINVAL;
		if (r->new_addr < (unsigned long)sysctl_mmap_min_addr && !caller_is_root())
			return -EPERM;
	}
	/* Splits at both ends, the copy, and the hole it may punch: Linux keeps this much room. */
	return (long)r->mm->vmas.count + 2 >= sysctl_max_map_count - 3 ? -ENOMEM : 0;
}

static bool moves_whole(const struct remap *r) /* no change of size: may cover several VMAs */
{
	return (r->flags & MREMAP_FIXED) && r->old_len == r->new_len;
}

/* May v's part at addr be remapped so? */
static int check_vma(const struct remap *r, const struct vma *v)
{
	unsigned long pages = (r->new_len - r->old_len) >> PAGE_SHIFT;

	if (vma_test(v, VMA_SEALED))
		return -EPERM;
	if (!r->old_len && !vma_test(v, VMA_MAYSHARE))
		return -EINVAL; /* old_len 0 makes a second view, which private memory cannot have */
	if (r->new_len <= r->old_len)
		return 0; /* shrinking may cross VMAs; a move that may not is refused where it is made */
	if (r->old_len > v->end - r->addr)
		return -EFAULT;
	if (v->file_pgoff + ((r->addr - v->start + r->new_len) >> PAGE_SHIFT) < v->file_pgoff)
		return -EINVAL;
	if (vma_test(v, VMA_DONTEXPAND))
		return -EFAULT;
	if (vma_test(v, VMA_LOCKED) && !mm_mlock_future_ok(r->mm, pages))
		return -EAGAIN;
	return account_may_expand(r->mm, &v->flags, pages) ? 0 : -ENOMEM;
}

/* ---- Entries ---- */

/* Congruent 2 MiB units by their tables, the rest entry by entry. => tables of the destination exist, rmap locked */
static void move_entries(struct tlb_batch *tlb, struct mm *mm, unsigned long from, unsigned long len, unsigned long to)
{
	const unsigned long unit = PT_LEVEL_SIZE(2);
	unsigned long end = from + len, shift = to - from;

	while (from < end) {
		unsigned long next = min(end, ALIGN_DOWN(from, unit) + unit);

		if (IS_ALIGNED(from, unit) && next - from == unit && IS_ALIGNED(shift, unit)) {
			if (pt_move_table(mm, from, from + shift)) {
				tlb_note(tlb, from, 2);
				tlb->tables = true;
			}
			from = next;
			continue;
		}
		if (pt_move_entries(mm, from, next, from + shift))
			panic("entries at %lx cannot move to tables that were made for them", from);
		tlb_note_range(tlb, from, next);
		from = next;
	}
}

/* Tables for the destination, leaves cut where a piece of one moves: all that move_entries() needs. => 0 or -ENOMEM */
static int prepare_tables(struct mm *mm, unsigned long from, unsigned long len, unsigned long to)
{
	const unsigned long unit = PT_LEVEL_SIZE(2);

	if (!len)
		return 0;
	if (IS_ALIGNED(to - from, unit)) {
		if (pt_split_at(mm, from) || pt_split_at(mm, from + len) || pt_alloc_upper(mm, to, to + len))
			return -ENOMEM;
		/* Partial units at either end go entry by entry. */
		if (!IS_ALIGNED(to, unit) && pt_alloc_range(mm, to, min(to + len, ALIGN_UP(to, unit))))
			return -ENOMEM;
		if (!IS_ALIGNED(to + len, unit) && pt_alloc_range(mm, max(to, ALIGN_DOWN(to + len, unit)), to + len))
			return -ENOMEM;
		return 0;
	}
	for (unsigned long a = ALIGN_DOWN(from, unit); a < from + len; a += unit)
		if (pt_split_leaf(mm, a))
			return -ENOMEM;
	return pt_alloc_range(mm, to, to + len);
}

/* ---- Move ---- */

/* What the moved range will be: v's part at r->addr, seen at its new place. */
static void describe_copy(const struct remap *r, const struct vma *v, struct vma *p)
{
	unsigned long skipped = (r->addr - v->start) >> PAGE_SHIFT;

	*p = (struct vma){ .start = r->new_addr, .end = r->new_addr + r->new_len, .mm = v->mm, .flags = v->flags,
			   .file = v->file, .file_pgoff = v->file ? v->file_pgoff + skipped : 0 };
	p->anon_pgoff = vma_has_anon_identity(v) ? v->anon_pgoff + skipped : p->start >> PAGE_SHIFT;
	list_init(&p->anon_chain);
}

/* Charges of a copy: all its pages when the old ones stay (DONTUNMAP, second view), else only the growth. */
static unsigned long copy_charge(const struct remap *r, const struct vma *v)
{
	bool stays = r->flags & MREMAP_DONTUNMAP || !r->old_len;

	return vma_test(v, VMA_ACCOUNT) ? (r->new_len - (stays ? 0 : min(r->old_len, r->new_len))) >> PAGE_SHIFT : 0;
}

/* Out of the old place: its VMA goes, or stays empty. What was charged for it has moved along. */
static void leave_old_place(const struct remap *r, unsigned long charged_away)
{
	struct mm *mm = r->mm;
	struct vma *v = vma_tree_find(&mm->vmas, r->addr);

	if (!r->old_len)
		return;
	if (!(r->flags & MREMAP_DONTUNMAP)) {
		/* vma_unmap() gives back the charge that the copy now lives on: take it once more. It cannot fail: both
		 * edges are VMA edges. */
		account_recommit(mm, charged_away);
		if (vma_unmap(mm, r->addr, r->addr + r->old_len))
			panic("unmapping whole VMAs failed");
		return;
	}
	if (v->start != r->addr || v->end != r->addr + r->old_len)
		return; /* an unfaulted VMA whose copy became part of it: its state is the copy's */
	/* Nothing is mapped here any more: the VMA starts anew, unlocked, as if never touched. */
	if (vma_test(v, VMA_LOCKED))
		mm->locked_vm -= vma_pages(v);
	vma_flags_clear(&v->flags, VMA_LOCKED);
	vma_flags_clear(&v->flags, VMA_LOCKONFAULT);
	anon_vma_unlink(v);
	v->anon_pgoff = v->start >> PAGE_SHIFT;
	vma_merge_neighbours(v);
}

/* r->addr .. + old_len is a VMA of its own (v), the destination is free: move it. => 0 or -errno, nothing changed */
static int move_whole_vma(struct remap *r, struct vma *v)
{
	unsigned long moved = min(r->old_len, r->new_len), charge = copy_charge(r, v);
	struct mm *mm = r->mm;
	struct vma_insert ins;
	struct tlb_batch tlb;
	struct vma p, *copy;
	int err;

	describe_copy(r, v, &p);
	if (charge && account_commit(mm, charge))
		return -ENOMEM;
	err = anon_vma_clone(&p, v);
	if (!err) {
		err = prepare_tables(mm, r->addr, moved, r->new_addr);
		if (!err)
			err = vma_insert_prepare(&ins, &p);
		if (err) {
			anon_vma_drop_chain(&p);
			vma_set_anon_none(&p);
		}
	}
	if (err) {
		account_uncommit(mm, charge);
		return err;
	}
	vma_count(&p, r->new_len >> PAGE_SHIFT);
	/* From here on nothing fails. The copy may have merged with v itself: look v up again by its place. */
	copy = vma_insert_commit(&ins);
	tlb_begin(&tlb, mm);
	if (copy->file) /* a truncation that has passed the copy must not miss what moves there (C5) */
		filemap_lock_maps(copy->file);
	vma_rmap_lock(copy);
	move_entries(&tlb, mm, r->addr, moved, r->new_addr);
	vma_rmap_unlock(copy);
	if (copy->file)
		filemap_unlock_maps(copy->file);
	tlb_end(&tlb);
	trace(mremap, mm, r->addr, r->new_addr, moved);
	leave_old_place(r, vma_test(copy, VMA_ACCOUNT) ? r->old_len >> PAGE_SHIFT : 0);
	return 0;
}

/* Make [addr, addr + len) of v a VMA of its own. => it, or ERR_PTR(-ENOMEM) with v as it was */
static struct vma *cut_out(struct vma *v, unsigned long addr, unsigned long len)
{
	bool low = addr > v->start, high = addr + len < v->end;
	struct vma_split cut_low, cut_high;

	if (high && vma_split_prepare(&cut_high, v))
		return ERR_PTR(-ENOMEM);
	if (low && vma_split_prepare(&cut_low, v)) {
		if (high)
			vma_split_abort(&cut_high);
		return ERR_PTR(-ENOMEM);
	}
	if (high)
		vma_split_commit(&cut_high, addr + len);
	return low ? vma_split_commit(&cut_low, addr) : v;
}

/* Move v's part at r->addr. The destination is free. => new address or -errno */
static long move_part(struct remap *r, struct vma *v)
{
	int err = anon_vma_upgrade(v);

	if (err)
		return err;
	if (r->old_len) {
		v = cut_out(v, r->addr, r->old_len);
		if (IS_ERR(v))
			return PTR_ERR(v);
	}
	err = move_whole_vma(r, v);
	if (err)
		vma_merge_neighbours(v); /* undo the cuts */
	else
		r->populate |= r->new_len > r->old_len;
	return err ? err : (long)r->new_addr;
}

/* ---- The four shapes of a call ---- */

static long shrink_in_place(struct remap *r)
{
	long err;

	if (r->old_len > TASK_SIZE - r->addr)
		return -EINVAL;
	err = vma_unmap(r->mm, r->addr + r->new_len, r->addr + r->old_len);

	return err ? err : (long)r->addr;
}

/* => address, or -ENOMEM where there is no room: then the caller may move */
static long grow_in_place(struct remap *r, struct vma *v)
{
	unsigned long delta = r->new_len - r->old_len, end = v->end + delta;
	struct vma *next = vma_tree_next(&r->mm->vmas, v);

	if (v->end != r->addr + r->old_len || end > TASK_SIZE || end < v->end || (next && next->start < end))
		return -ENOMEM;
	if (vma_test(v, VMA_ACCOUNT) && account_commit(r->mm, delta >> PAGE_SHIFT))
		return -ENOMEM;
	vma_count(v, delta >> PAGE_SHIFT);
	vma_resize(v, v->start, end);
	vma_merge_neighbours(v);
	r->populate = true;
	return r->addr;
}

/* Destination of a single move; with MREMAP_FIXED what is there goes. => 0 or -errno */
static int take_destination(struct remap *r)
{
	unsigned long hint = r->flags & MREMAP_DONTUNMAP ? r->new_addr & PAGE_MASK : 0; /* a hint there, as in Linux */

	if (r->flags & MREMAP_FIXED)
		return vma_unmap(r->mm, r->new_addr, r->new_addr + r->new_len);
	r->new_addr = mm_unmapped_area(r->mm, hint, r->new_len, 0);
	return r->new_addr ? 0 : -ENOMEM;
}

static long move_single(struct remap *r)
{
	struct vma *v;
	int err = take_destination(r);

	if (err)
		return err;
	/* A fixed move may shrink as well: the tail goes first. */
	if (r->old_len > r->new_len) {
		err = vma_unmap(r->mm, r->addr + r->new_len, r->addr + r->old_len);
		if (err)
			return err;
		r->old_len = r->new_len;
	}
	v = vma_tree_find(&r->mm->vmas, r->addr); /* unmapping may have split or shrunk it */
	return move_part(r, v);
}

/* All of them before the first moves: neighbours then share one anon_vma, and merge again where they may. */
static int upgrade_range(struct mm *mm, unsigned long start, unsigned long end)
{
	struct vma *v;
	int err = 0;

	vma_tree_for_each_range(v, &mm->vmas, start, end) {
		err = anon_vma_upgrade(v);
		if (err)
			break;
	}
	return err;
}

/* Several VMAs, each to the same distance. What is moved stays moved when a later one fails, as in Linux. */
static long move_several(struct remap *r)
{
	unsigned long end = r->addr + r->old_len, shift = r->new_addr - r->addr, result = r->new_addr;
	struct mm *mm = r->mm;
	struct vma *v;
	long err;

	if (range_sealed(mm, r->addr, end))
		return -EPERM;
	err = vma_unmap(mm, r->new_addr, r->new_addr + r->new_len);
	if (!err)
		err = upgrade_range(mm, r->addr, end);
	if (err)
		return err;
	for (unsigned long at = r->addr; at < end && (v = vma_tree_find(&mm->vmas, at)) && v->start < end;) {
		unsigned long from = max(at, v->start), to = min(end, v->end);
		struct remap one = { .mm = mm, .addr = from, .old_len = to - from, .new_len = to - from,
				     .new_addr = from + shift, .flags = r->flags };

		err = move_part(&one, v);
		if (err < 0)
			return err;
		at = to;
	}
	return result;
}

static long remap_locked(struct remap *r)
{
	struct vma *v = vma_tree_find(&r->mm->vmas, r->addr);
	long ret;
	int err;

	if (!v || v->start > r->addr)
		return -EFAULT;
	err = check_vma(r, v);
	if (err)
		return err;
	if (moves_whole(r) && r->addr + r->old_len > v->end)
		return move_several(r);
	if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return r->old_len > v->end - r->addr ? -EFAULT : move_single(r);
	if (r->new_len == r->old_len)
		return r->addr;
	if (r->new_len < r->old_len)
		return shrink_in_place(r);
	ret = r->old_len ? grow_in_place(r, v) : -ENOMEM;
	return ret == -ENOMEM && (r->flags & MREMAP_MAYMOVE) ? move_single(r) : ret;
}

long mm_mremap(struct mm *mm, unsigned long addr, unsigned long old_len, unsigned long new_len, unsigned int flags,
	       unsigned long new_addr)
{
	struct remap r = { .mm = mm, .addr = addr, .old_len = ALIGN_UP(old_len, PAGE_SIZE),
			   .new_len = ALIGN_UP(new_len, PAGE_SIZE), .flags = flags, .new_addr = new_addr };
	long ret;

	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	ret = check_params(&r);
	if (!ret)
		ret = remap_locked(&r);
	write_unlock(&mm->mmap_lock);
	if (ret > 0 && r.populate)
		(void)mm_populate_locked(mm, ret + r.old_len, ret + r.new_len);
	return ret;
}
