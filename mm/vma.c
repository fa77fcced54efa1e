/*
 * VMAs: allocate, split, merge, insert, remove.
 *
 * Every change follows one pattern: prepare (allocate what could fail), lock (vma_rmap_lock: file maps, then the
 * identity's root, then rmap_lock), take the VMAs that will change out of the trees that index them, change, put them
 * back, unlock. A reverse-map walker therefore sees each VMA before or after, never between (A2).
 *
 * Split at `a`:                         Merge (the lower one survives):
 *
 *	  v                                    lower     upper
 *	+---------------+                    +-------+---------+
 *	|               |                    |       |         |
 *	+---------------+                    +-------+---------+
 *	  v       a  fresh                     lower
 *	+-------+-------+                    +-----------------+
 *	|       |       |                    |                 |
 *	+-------+-------+                    +-----------------+
 *	same word, chains cloned             union of the states; equal chains: upper's are dropped
 *
 * A merge allocates nothing and cannot fail. The survivor's anonymous state is the union (G3): UNFAULTED joins NONE, an
 * identity joins both, REGULAR takes the place of the PARENT it descends from.
 *
 * Linux differs: it chooses the survivor by case, and copies anon_vma chains when the faulted side is the one removed,
 * which can fail; ours moves the chains.
 */
#include "kernel/fs/file.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/account.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/slab.h"
#include "mm/vma_ops.h"

static struct kmem_cache *vma_cache;

const char *const vma_merge_reason_name[MERGE_REASONS] = {
	[MERGE_OK] = "ok",
	[MERGE_OK_PARENT] = "ok_parent",
	[MERGE_NO_NEIGHBOUR] = "no_neighbour",
	[MERGE_NO_FLAGS] = "flags",
	[MERGE_NO_FILE] = "file",
	[MERGE_NO_FILE_OFFSET] = "file_offset",
	[MERGE_NO_ANON_OFFSET] = "anon_offset",
	[MERGE_NO_IDENTITY] = "identity",
	[MERGE_NO_ANCESTORS] = "ancestors",
	[MERGE_NO_SPECIAL] = "special",
};

void vma_boot(void)
{
	vma_cache = kmem_cache_create("vm_area_struct", sizeof(struct vma), 8);
}

struct vma *vma_alloc(struct mm *mm)
{
	struct vma *v = kmem_cache_zalloc(vma_cache);

	if (v) {
		v->mm = mm;
		list_init(&v->anon_chain);
	}
	return v;
}

void vma_free(struct vma *v)
{
	debug_assert(list_empty(&v->anon_chain));
	if (v->file)
		file_put(v->file);
	kmem_cache_free(vma_cache, v);
}

pgprot_t vma_pgprot(const struct vma *v)
{
	/* x86 has no write-only page: what may be written can be read. */
	return pgprot_user(vma_test(v, VMA_READ) || vma_test(v, VMA_WRITE), vma_test(v, VMA_EXEC));
}

/* ---- The indexes a VMA is in ---- */

/* => locked by vma_lock_for_change() */
static void vma_unindex(struct vma *v)
{
	anon_vma_interval_remove(v);
	anon_vma_activate(v, -1);
	if (v->file)
		filemap_unlink_vma(v);
}

static void vma_index(struct vma *v)
{
	anon_vma_interval_insert(v);
	anon_vma_activate(v, 1);
	if (v->file)
		filemap_link_vma(v);
}

/* Locks for a change of v's bounds, or of the tree next to it; v's identity must not change its root meanwhile. */
static void vma_lock_for_change(struct vma *v)
{
	if (v->file)
		filemap_lock_maps(v->file);
	vma_rmap_lock(v);
}

static void vma_unlock_after_change(struct vma *v)
{
	vma_rmap_unlock(v);
	if (v->file)
		filemap_unlock_maps(v->file);
}

/* Move v's lower bound; offsets say what stands there now. */
static void vma_set_offsets(struct vma *v, unsigned long new_start)
{
	long pages = ((long)new_start - (long)v->start) / (long)PAGE_SIZE;

	v->anon_pgoff += pages;
	if (v->file)
		v->file_pgoff += pages;
}

static void vma_set_bounds(struct vma *v, unsigned long start, unsigned long end)
{
	vma_set_offsets(v, start);
	vma_tree_resize(&v->mm->vmas, v, start, end);
}

void vma_resize(struct vma *v, unsigned long start, unsigned long end)
{
	assert_write_held(&v->mm->mmap_lock);
	debug_assert(start < end);
	vma_lock_for_change(v);
	vma_unindex(v);
	vma_set_bounds(v, start, end);
	vma_index(v);
	vma_unlock_after_change(v);
}

/* ---- Merge: the decision ---- */

static bool special(const struct vma *v)
{
	return vma_test(v, VMA_DONTEXPAND);
}

enum vma_merge_reason vma_merge_attributes(const struct vma *a, const struct vma *b, bool flags)
{
	if (!a || !b || a->end != b->start)
		return MERGE_NO_NEIGHBOUR;
	if (flags && !vma_flags_equal(&a->flags, &b->flags))
		return MERGE_NO_FLAGS;
	if (a->file != b->file)
		return MERGE_NO_FILE;
	if (a->file && a->file_pgoff + vma_pages(a) != b->file_pgoff)
		return MERGE_NO_FILE_OFFSET;
	if (special(a))
		return MERGE_NO_SPECIAL;
	/* Shared mappings have no anonymous folios; unfaulted private ones follow their address and so each other (V4). */
	if (!vma_test(a, VMA_SHARED) && a->anon_pgoff + vma_pages(a) != b->anon_pgoff)
		return MERGE_NO_ANON_OFFSET;
	return MERGE_OK;
}

static enum vma_merge_reason merge_identity(const struct vma *a, const struct vma *b)
{
	enum anon_state sa = vma_anon_state(a), sb = vma_anon_state(b);

	if (!vma_has_anon_identity(a) || !vma_has_anon_identity(b))
		return MERGE_OK;
	if (sa == ANON_LAZY || sb == ANON_LAZY)
		return sa == sb ? MERGE_OK : MERGE_NO_IDENTITY; /* one root per mm */
	if (anon_word(a) == anon_word(b))
		return anon_chains_equal(a, b) ? MERGE_OK : MERGE_NO_ANCESTORS;
	if (sa == ANON_PARENT && sb == ANON_REGULAR && (anon_chain_extends(a, b) || anon_chains_equal(a, b)))
		return MERGE_OK_PARENT;
	if (sa == ANON_REGULAR && sb == ANON_PARENT && (anon_chain_extends(b, a) || anon_chains_equal(b, a)))
		return MERGE_OK_PARENT;
	return MERGE_NO_IDENTITY;
}

enum vma_merge_reason vma_merge_verdict(const struct vma *a, const struct vma *b)
{
	enum vma_merge_reason r = vma_merge_attributes(a, b, true);

	return r == MERGE_OK ? merge_identity(a, b) : r;
}

static bool try_merge(const struct vma *a, const struct vma *b)
{
	enum vma_merge_reason r = vma_merge_verdict(a, b);

	if (r != MERGE_NO_NEIGHBOUR)
		trace(vma_merge, a->mm, a->start, b->end, r);
	return merge_allowed(r);
}

/* ---- Merge: the deed ---- */

/* Union of anonymous states; chains of the losing side go. => both out of the interval trees, verdict allowed it */
static void vma_take_anon(struct vma *dst, struct vma *src)
{
	enum anon_state d = vma_anon_state(dst), s = vma_anon_state(src);
	struct anon_vma_chain *avc;

	if (s <= d) { /* the enum ascends: NONE, UNFAULTED, LAZY, PARENT, REGULAR */
		anon_vma_drop_chain(src);
		vma_set_anon_none(src);
		return;
	}
	anon_vma_drop_chain(dst);
	list_for_each_entry(avc, &src->anon_chain, same_vma)
		avc->vma = dst;
	list_splice_tail(&src->anon_chain, &dst->anon_chain);
	dst->anon = src->anon;
	vma_set_anon_none(src);
}

/* The one of two VMAs whose identity's root must be locked: they have the same root or only one has any. */
static struct vma *identity_side(struct vma *a, struct vma *b)
{
	return vma_anon_state(a) >= vma_anon_state(b) ? a : b;
}

static void lock_pair(struct vma *a, struct vma *b)
{
	if (a->file)
		filemap_lock_maps(a->file);
	vma_rmap_lock(identity_side(a, b));
}

static void unlock_pair(struct vma *survivor)
{
	vma_rmap_unlock(survivor); /* has the union of the states, hence the root that was locked */
	if (survivor->file)
		filemap_unlock_maps(survivor->file);
}

/* lower grows over upper, which is freed. => verdict allowed it */
static void vma_absorb(struct vma *lower, struct vma *upper)
{
	lock_pair(lower, upper);
	vma_unindex(lower);
	vma_unindex(upper);
	vma_tree_join(&lower->mm->vmas, lower, upper);
	vma_take_anon(lower, upper);
	vma_index(lower);
	unlock_pair(lower);
	vma_free(upper);
}

struct vma *vma_merge_neighbours(struct vma *v)
{
	struct vma *prev = vma_tree_prev(&v->mm->vmas, v->start);
	struct vma *next = vma_tree_next(&v->mm->vmas, v);

	assert_write_held(&v->mm->mmap_lock);
	if (try_merge(v, next))
		vma_absorb(v, next);
	if (try_merge(prev, v)) {
		vma_absorb(prev, v);
		return prev;
	}
	return v;
}

/* ---- Insert ---- */

void vma_insert_decide(struct vma_insert *ins)
{
	struct vma *p = ins->proposal;
	struct vma *next, *prev = vma_tree_around(&p->mm->vmas, p->start, &next);

	assert_write_held(&p->mm->mmap_lock);
	debug_assert(!next || next->start >= p->end);
	if (try_merge(prev, p))
		ins->prev = prev;
	/* With both, the three become one: then prev and next must agree as well (each may agree with a NONE between). */
	if (try_merge(p, next) && (!ins->prev || merge_allowed(merge_identity(prev, next))))
		ins->next = next;
}

int vma_insert_reserve(struct vma_insert *ins, struct vma *p)
{
	*ins = (struct vma_insert){ .proposal = p, .fresh = vma_alloc(p->mm) };
	if (ins->fresh && vma_tree_reserve(&p->mm->vmas, &ins->reserve, 1) == 0)
		return 0;
	vma_insert_abort(ins);
	return -ENOMEM;
}

int vma_insert_prepare(struct vma_insert *ins, struct vma *p)
{
	*ins = (struct vma_insert){ .proposal = p };
	vma_insert_decide(ins);
	if (ins->prev || ins->next)
		return 0;
	return map_count_exceeded(p->mm, 1) ? -ENOMEM : vma_insert_reserve(ins, p);
}

void vma_insert_abort(struct vma_insert *ins)
{
	if (ins->fresh)
		vma_free(ins->fresh);
	vma_tree_unreserve(&ins->reserve);
	ins->fresh = NULL;
}

/*	  prev      proposal          prev or next grows over the free range and takes the proposal's state
 *	+-------+..............       +----------------------+
 *	|       |             :  -->  |                      |
 *	+-------+.............:       +----------------------+
 */
static void vma_grow_over(struct vma *v, struct vma *p)
{
	unsigned long start = min(v->start, p->start), end = max(v->end, p->end);

	lock_pair(v, p);
	vma_unindex(v);
	vma_set_bounds(v, start, end);
	vma_take_anon(v, p);
	vma_index(v);
	unlock_pair(v);
}

static struct vma *vma_insert_fresh(struct vma_insert *ins)
{
	struct vma *v = ins->fresh, *p = ins->proposal;
	struct anon_vma_chain *avc;

	*v = *p;
	list_init(&v->anon_chain);
	list_for_each_entry(avc, &p->anon_chain, same_vma)
		avc->vma = v;
	list_splice_tail(&p->anon_chain, &v->anon_chain);
	if (v->file)
		file_get(v->file);
	vma_lock_for_change(v);
	vma_tree_insert(&v->mm->vmas, v, &ins->reserve);
	vma_index(v);
	vma_unlock_after_change(v);
	vma_tree_unreserve(&ins->reserve);
	return v;
}

struct vma *vma_insert_commit(struct vma_insert *ins)
{
	if (!ins->prev && !ins->next)
		return vma_insert_fresh(ins);
	vma_insert_abort(ins); /* a reservation that is not needed after all */
	if (!ins->prev) {
		vma_grow_over(ins->next, ins->proposal);
		return ins->next;
	}
	vma_grow_over(ins->prev, ins->proposal);
	if (ins->next)
		vma_absorb(ins->prev, ins->next);
	return ins->prev;
}

/* ---- Split ---- */

int vma_split_prepare(struct vma_split *sp, struct vma *v)
{
	struct vma *f = vma_alloc(v->mm);

	*sp = (struct vma_split){ .v = v, .fresh = f };
	if (!f)
		return -ENOMEM;
	if (anon_vma_clone(f, v) || vma_tree_reserve(&v->mm->vmas, &sp->reserve, 1)) {
		vma_split_abort(sp);
		return -ENOMEM;
	}
	return 0;
}

void vma_split_abort(struct vma_split *sp)
{
	if (sp->fresh) {
		anon_vma_drop_chain(sp->fresh);
		vma_set_anon_none(sp->fresh);
		vma_free(sp->fresh);
	}
	vma_tree_unreserve(&sp->reserve);
}

struct vma *vma_split_commit(struct vma_split *sp, unsigned long addr)
{
	struct vma *v = sp->v, *f = sp->fresh;
	unsigned long pages = (addr - v->start) >> PAGE_SHIFT;

	debug_assert(addr > v->start && addr < v->end && IS_ALIGNED(addr, PAGE_SIZE));
	trace(vma_split, v->mm, v->start, v->end, addr);
	f->flags = v->flags;
	f->anon_pgoff = v->anon_pgoff + pages;
	f->file = v->file;
	f->file_pgoff = v->file ? v->file_pgoff + pages : 0;
	if (f->file)
		file_get(f->file);
	vma_lock_for_change(v);
	vma_unindex(v);
	vma_tree_split(&v->mm->vmas, v, addr, f, &sp->reserve);
	vma_index(v);
	vma_index(f);
	vma_unlock_after_change(v);
	vma_tree_unreserve(&sp->reserve);
	sp->fresh = NULL;
	return f;
}

/* ---- Modify ---- */

/*	          start     end
 *	+-----------+---------+-------+
 *	|     v     |   new   | upper |      then `new` gets its flags and is offered to its neighbours
 *	+-----------+---------+-------+
 */
struct vma *vma_modify(struct vma *v, unsigned long start, unsigned long end, const vma_flags_t *flags)
{
	bool low = start > v->start, high = end < v->end;
	struct vma_split cut_low, cut_high;

	assert_write_held(&v->mm->mmap_lock);
	debug_assert(start >= v->start && end <= v->end && start < end);
	if (vma_flags_equal(&v->flags, flags))
		return v;
	if (map_count_exceeded(v->mm, low + high))
		return ERR_PTR(-ENOMEM);
	if (low && vma_split_prepare(&cut_low, v))
		return ERR_PTR(-ENOMEM);
	if (high && vma_split_prepare(&cut_high, v)) {
		if (low)
			vma_split_abort(&cut_low);
		return ERR_PTR(-ENOMEM);
	}
	if (high)
		vma_split_commit(&cut_high, end);
	if (low)
		v = vma_split_commit(&cut_low, start);
	v->flags = *flags; /* walkers under rmap_lock do not read flags */
	return vma_merge_neighbours(v);
}
