/*
 * fork: a second address space that shows the same memory.
 *
 *	for each VMA of the parent, in order:
 *	   DONTFORK                     nothing
 *	   WIPEONFORK                   the VMA, empty: state NONE
 *	   no identity, no markers      the VMA; its tables hold nothing that a fault could not rebuild
 *	   UNFAULTED                    the VMA, the bit, and the markers
 *	   LAZY                         the parent's becomes REGULAR (one anon_vma, one chain), folios are renamed
 *	   REGULAR, PARENT              the child's becomes PARENT: linked into every anon_vma of the parent's chain,
 *	                                with none of its own; entries copied, both sides write-protected
 *
 *	       parent                            child
 *	   VMA REGULAR --avc--> anon_vma <--avc-- VMA PARENT
 *	     entry r--  ----->  folio, entries 2, not exclusive  <-----  entry r--
 *
 * A page loses PG_EXCLUSIVE when its second entry is made (M2), so the next write on either side copies it or, when the
 * other side is gone, takes it back.
 *
 * Renaming (A4). While a LAZY VMA's entries are copied the parent's rmap_lock is held for writing: no walker is in the
 * lazy root. A folio that somebody has locked is not waited for under that lock: everything is let go of, waited for,
 * and the copy goes on from that entry. If the fork fails half-way, the rest of the VMA is renamed all the same: a
 * REGULAR VMA has no LAZY folios, or a later move would lose them.
 *
 * Failure (A6). The child is thrown away as any address space is; the parent is as before but for upgrades, which are
 * complete, and for write-protected entries, which a fault makes writable again.
 *
 * Locks: parent's mmap_lock, then the child's, both for writing.
 *
 * Linux differs: it allocates the child's anon_vma here, and copies at once whatever the parent's VMA once faulted.
 */
#include "kernel/fs/file.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "mm/account.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/vma_ops.h"

/* Copying one VMA's entries. */
struct copy {
	struct vma *src, *dst;
	struct anon_rename rename;
	bool renaming;		  /* src was LAZY: folios may still say so */
	unsigned long pages;
	long come[MM_COUNTERS];	  /* pages that the child has got */
	struct folio *busy;	  /* locked by somebody: wait for it (a reference is held) */
};

/* ---- Entries ---- */

/* One anonymous page in both address spaces from now on. => false: c->busy must be waited for first */
static bool share_page(struct copy *c, struct pt_pair *p, struct page *page)
{
	struct folio *f = page_folio(page);
	pte_t e = p->src.pte;

	if (c->renaming && !anon_rename_folio(&c->rename, f)) {
		folio_get(f);
		c->busy = f;
		return false;
	}
	if (pte_write(e))
		e = pt_wrprotect(p->src.slot);
	folio_get(f);
	rmap_add(f, page);
	if (page_test(page, PG_EXCLUSIVE))
		page_clear(page, PG_EXCLUSIVE);
	pt_pair_set(p, e);
	c->come[MM_ANONPAGES] += PT_LEVEL_SIZE(p->src.level) >> PAGE_SHIFT;
	return true;
}

/* Markers are copied, anonymous pages shared; file pages of a private mapping come back by fault. => as above */
static bool copy_entry(struct copy *c, struct pt_pair *p)
{
	const pte_t e = p->src.pte;
	struct page *page;

	if (pte_is_leaf(e, p->src.level)) {
		page = pte_page(e);
		return !page || !folio_is_anon(page_folio(page)) || share_page(c, p, page);
	}
	if (pte_is_marker(e))
		pt_pair_set(p, e);
	return true;
}

/* From *from on, until done or stopped. => 0, -ENOMEM; c->busy set: stopped at *from */
static int copy_some(struct copy *c, unsigned long *from, unsigned long end)
{
	struct pt_pair p;

	pt_for_each_pair(&p, c->src->mm, *from, end, c->dst->mm, *from) {
		if (copy_entry(c, &p))
			continue;
		*from = p.src.addr;
		pt_pair_end(&p);
		return 0;
	}
	if (p.err != -EEXIST) {
		*from = p.err ? *from : end;
		return p.err;
	}
	*from = max(*from, p.src.addr);
	return pt_split_leaf(c->src->mm, p.src.addr);
}

static int copy_entries(struct copy *c) NO_THREAD_SAFETY
{
	struct rwlock *rmap = &c->src->mm->lazy_root.rmap_lock;
	unsigned long from = c->src->start;
	int err = 0;

	while (!err && from < c->src->end) {
		c->busy = NULL;
		if (c->renaming)
			write_lock(rmap);
		err = copy_some(c, &from, c->src->end);
		if (c->renaming)
			write_unlock(rmap);
		if (!c->busy)
			continue;
		folio_wait_unlocked(c->busy);
		folio_put(c->busy);
	}
	for (int i = 0; i < MM_COUNTERS; i++)
		if (c->come[i])
			atomic_long_add(&c->dst->mm->counters[i], c->come[i]);
	if (c->renaming) {
		anon_rename_done(&c->rename);
		if (err)
			anon_rename_range(c->src, c->src->start);
	}
	return err;
}

/* ---- VMAs ---- */

/* The child's VMA, in its mm's tree. => it, or NULL */
static struct vma *copy_vma(struct mm *child, struct vma *src)
{
	struct vma_tree_reserve reserve = {};
	struct vma *dst = vma_alloc(child);

	if (!dst)
		return NULL;
	dst->start = src->start;
	dst->end = src->end;
	dst->flags = src->flags;
	dst->anon_pgoff = src->anon_pgoff;
	dst->file = src->file;
	dst->file_pgoff = src->file_pgoff;
	if (dst->file)
		file_get(dst->file);
	vma_flags_clear(&dst->flags, VMA_LOCKED); /* locks are not inherited (mlock(2)) */
	vma_flags_clear(&dst->flags, VMA_LOCKONFAULT);
	if (vma_tree_reserve(&child->vmas, &reserve, 1) || anon_vma_fork(dst, src)) {
		vma_tree_unreserve(&reserve);
		vma_free(dst);
		return NULL;
	}
	if (dst->file) {
		filemap_lock_maps(dst->file);
		filemap_link_vma(dst);
		filemap_unlock_maps(dst->file);
	}
	write_lock_nested(&child->lazy_root.rmap_lock);
	vma_tree_insert(&child->vmas, dst, &reserve);
	write_unlock(&child->lazy_root.rmap_lock);
	vma_tree_unreserve(&reserve);
	vma_count(dst, vma_pages(dst));
	return dst;
}

static int fork_vma(struct mm *child, struct vma *src, unsigned long *pages)
{
	struct copy c = { .src = src, .rename = { .vma = src } };
	unsigned long charge = vma_test(src, VMA_ACCOUNT) ? vma_pages(src) : 0;
	int err;

	if (vma_test(src, VMA_DONTCOPY))
		return anon_vma_upgrade_with_neighbours(src);
	if (vma_test(src, VMA_WIPEONFORK) && anon_vma_upgrade_with_neighbours(src))
		return -ENOMEM;
	if (charge && account_commit(child, charge))
		return -ENOMEM;
	if (vma_anon_state(src) == ANON_LAZY && !vma_test(src, VMA_WIPEONFORK)) {
		if (anon_vma_own(src)) {
			account_uncommit(child, charge);
			return -ENOMEM;
		}
		c.renaming = true;
	}
	c.dst = copy_vma(child, src);
	if (!c.dst) {
		account_uncommit(child, charge);
		if (c.renaming)
			anon_rename_range(src, src->start);
		return -ENOMEM;
	}
	/* The child's state decides: a wiped VMA has none. */
	err = vma_may_have_page_tables(c.dst) ? copy_entries(&c) : 0;
	*pages += c.come[MM_ANONPAGES];
	return err;
}

static void copy_layout(struct mm *child, const struct mm *parent)
{
	child->mmap_base = parent->mmap_base;
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	child->stack_top = parent->stack_top;
	child->code_start = parent->code_start;
	child->code_end = parent->code_end;
	child->data_start = parent->data_start;
	child->data_end = parent->data_end;
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
	child->exe_file = parent->exe_file;
	if (child->exe_file)
		file_get(child->exe_file);
}

/* => both mmap_locks for writing */
static int copy_vmas(struct mm *child, struct mm *parent)
{
	unsigned long pages = 0;
	struct vma_iter it;
	int err = 0;

	/* Upgrades change words, not the tree: the iterator stays good. */
	for (struct vma *v = vma_iter_first(&it, &parent->vmas, 0); v && !err; v = vma_iter_next(&it)) {
		err = fork_vma(child, v, &pages);
		sched_yield_point();
	}
	trace(fork, parent, child, child->vmas.count, pages);
	return err;
}

struct mm *mm_fork(struct mm *parent)
{
	struct mm *child = mm_create();
	int err;

	if (!child)
		return ERR_PTR(-ENOMEM);
	write_lock(&parent->mmap_lock);
	write_lock_nested(&child->mmap_lock);
	copy_layout(child, parent);
	err = copy_vmas(child, parent);
	if (parent->vmas.count) /* entries were write-protected: no CPU may go on writing through an old one */
		mmu_flush_range(parent, 0, ALIGN_UP(TASK_SIZE, 1UL << 47), false);
	write_unlock(&child->mmap_lock);
	write_unlock(&parent->mmap_lock);
	if (err) {
		mm_put(child);
		return ERR_PTR(err);
	}
	return child;
}
