/*
 * The reverse map: from a folio to every page-table entry that maps it.
 *
 *	folio->mapping, index
 *	   |
 *	   +-- lazy root ---> its mm's VMA tree at [index, index + nr)         one mm, at most a few VMAs (A1)
 *	   |
 *	   +-- anon_vma ----> interval tree of chains over [index, index + nr) one VMA per process and piece
 *	   |
 *	   +-- file --------> i_mmap interval tree over the same               every mapping of the file
 *
 *	VMA -> address = start + (index - pgoff) -> table -> entry: does it map a page of this folio?
 *
 * The way down visits VMAs that may map the folio; the entry decides. Extra VMAs cost time, a missing one would be a
 * lost page (A2).
 *
 * Locks, for a caller that may hold the folio lock or not:
 *	1  pin the identity that mapping names now, lock it for reading, read mapping again: changed -> start over (A4)
 *	2  in each VMA: its mm's rmap_lock for reading, so that no table is freed under our feet (A7). For a lazy root
 *	   that is the identity's own lock.
 *	3  the table's lock around each entry
 * A VMA found in a tree stays while the tree's lock is held: it leaves the tree before it is freed.
 *
 * Linux differs: walkers hold the folio lock; tables are kept from vanishing by RCU and by the order of teardown.
 */
#include "kernel/fs/file.h"
#include "kernel/trace.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"

struct walk {
	struct folio *folio;
	rmap_fn *fn;
	void *arg;
	unsigned long first, last; /* page offsets the folio covers */
	struct rmap_result result;
	bool stop;
};

static bool maps_folio(const struct walk *w, pte_t e, int level)
{
	u64 pfn;

	if (!pte_is_leaf(e, level) || pte_special(e))
		return false;
	pfn = pte_pfn(e);
	return pfn >= folio_pfn(w->folio) && pfn < folio_pfn(w->folio) + folio_nr_pages(w->folio);
}

/* The part of the folio that v shows, if any, begins at page offset pgoff of v->start. => v->mm's rmap_lock (read) */
static void walk_vma(struct walk *w, struct vma *v, unsigned long pgoff)
{
	unsigned long first = max(w->first, pgoff), last = min(w->last, pgoff + vma_pages(v) - 1);
	struct pt_iter it;

	assert_read_held(&v->mm->lazy_root.rmap_lock);
	w->result.vmas++;
	pt_for_each(&it, v->mm, v->start + ((first - pgoff) << PAGE_SHIFT), v->start + ((last + 1 - pgoff) << PAGE_SHIFT)) {
		if (!maps_folio(w, it.pte, it.level))
			continue;
		w->result.found++;
		if (w->fn && !w->fn(w->folio, v, it.addr, it.slot, it.level, w->arg)) {
			w->stop = true;
			pt_iter_end(&it);
			return;
		}
	}
}

/* => root's rmap_lock (read) */
static void walk_lazy(struct walk *w, struct anon_vma_lazy_root *root)
{
	struct vma *v;

	if (!root->mm)
		return;
	vma_tree_for_each_range(v, &root->mm->vmas, w->first << PAGE_SHIFT, (w->last + 1) << PAGE_SHIFT) {
		/* Anonymous offsets are page numbers here (A1); a VMA that does not say so maps none of this root's folios. */
		if (v->anon_pgoff == v->start >> PAGE_SHIFT)
			walk_vma(w, v, v->anon_pgoff);
		if (w->stop)
			return;
	}
}

/* => anon_vma's root lock (read) */
static void walk_anon_vma(struct walk *w, struct anon_vma *av)
{
	struct anon_vma_chain *avc;

	for (avc = anon_vma_first(av, w->first, w->last); avc && !w->stop; avc = anon_vma_next(avc, w->first, w->last)) {
		struct rwlock *l = &avc->vma->mm->lazy_root.rmap_lock;

		read_lock(l);
		walk_vma(w, avc->vma, avc->vma->anon_pgoff);
		read_unlock(l);
	}
}

/* => false: the folio was renamed before its identity was locked */
static bool walk_identity(struct walk *w, struct identity id)
{
	bool current_name;

	identity_lock_read(id);
	current_name = folio_mapping_word(w->folio) == id.word;
	if (current_name) {
		w->first = w->folio->page.index; /* stable from here (A4) */
		w->last = w->first + folio_nr_pages(w->folio) - 1;
		if (identity_to_lazy_root(id))
			walk_lazy(w, identity_to_lazy_root(id));
		else
			walk_anon_vma(w, identity_to_anon_vma(id));
	}
	identity_unlock_read(id);
	return current_name;
}

static void walk_file(struct walk *w, struct address_space *m)
{
	struct vma *v;

	mutex_lock(&m->i_mmap_lock);
	w->first = w->folio->page.index;
	w->last = w->first + folio_nr_pages(w->folio) - 1;
	mapping_for_each_vma(v, m, w->first, w->last) {
		read_lock(&v->mm->lazy_root.rmap_lock);
		walk_vma(w, v, v->file_pgoff);
		read_unlock(&v->mm->lazy_root.rmap_lock);
		if (w->stop)
			break;
	}
	mutex_unlock(&m->i_mmap_lock);
}

struct rmap_result rmap_walk(struct folio *f, rmap_fn *fn, void *arg)
{
	struct walk w = { .folio = f, .fn = fn, .arg = arg };
	unsigned long word;
	bool done = false;

	debug_assert(atomic_read(&f->page.refcount) > 0);
	while (!done) {
		struct identity id = folio_identity_get(f);

		word = id.word;
		if (!word)
			break;
		done = walk_identity(&w, id);
		identity_put(id);
	}
	if (!done) {
		struct address_space *m = folio_address_space(f);

		word = (unsigned long)m;
		if (m)
			walk_file(&w, m);
	}
	trace(rmap_walk, f, word, w.result.vmas, w.result.found);
	return w.result;
}
