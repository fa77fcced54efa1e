/*
 * Anonymous identity: states, allocation, chains.
 *
 * The picture and the rules are in anon.h. What this file adds is who may change what, when:
 *
 *   operation              VMA word                    objects            under
 *   first fault            NONE,UNFAULTED -> LAZY      none               mmap_lock read, one compare-and-swap
 *   first fault, classic   NONE,UNFAULTED -> REGULAR   anon_vma + chain   mmap_lock read + anon_lock
 *   child's first write    PARENT -> REGULAR           anon_vma + chain   mmap_lock read + anon_lock
 *   guard install          NONE -> UNFAULTED           none               mmap_lock read, compare-and-swap
 *   fork, mremap           LAZY -> REGULAR             anon_vma + chain   mmap_lock write
 *
 * Chains. A VMA is in the interval tree of every anon_vma whose folios it may map: its own and, after
 * fork, all those of its ancestors. Each membership is one anon_vma_chain:
 *
 *	    parent's VMA ---avc--- anon_vma P (root)
 *	                              |  \
 *	    child's VMA  ---avc-------+   \ parent
 *	         \------- avc--- anon_vma C
 *
 * The chain list is ordered from the root's end to the youngest; two VMAs with equal chain lists map
 * folios of the same anon_vmas (A5).
 *
 * What a folio names, and how long that lives, is in identity.c.
 *
 * Linux differs: a fork allocates the child's anon_vma at once, and the reuse rule is applied then; ours
 * is applied at the child's first write, when more ancestors may have become free to reuse.
 */
#include "kernel/lib/interval.h"
#include "kernel/sysctl.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "mm/anon_internal.h"
#include "mm/pgtable.h"
#include "mm/slab.h"
#include "mm/vma_ops.h"
#include <arch/cpu.h>

static struct kmem_cache *avc_cache;

long sysctl_anon_vma_lazy = 1;
SYSCTL(sysctl_lazy, .name = "vm.anon_vma_lazy", .value = &sysctl_anon_vma_lazy, .min = 0, .max = 1, .mode = 0644);

#define AVC_FIRST(avc) ((avc)->vma->anon_pgoff)
#define AVC_LAST(avc) ((avc)->vma->anon_pgoff + vma_pages((avc)->vma) - 1)
INTERVAL_TREE(avc_tree, struct anon_vma_chain, rb, subtree_last, AVC_FIRST, AVC_LAST)

void anon_boot(void)
{
	identity_boot();
	avc_cache = kmem_cache_create("anon_vma_chain", sizeof(struct anon_vma_chain), 8);
}

static bool lazy_mode(void)
{
	return IS_ENABLED(CONFIG_ANON_VMA_LAZY) && sysctl_anon_vma_lazy;
}

/* ---- Chains ---- */

static struct rwlock *vma_anon_lock(const struct vma *v)
{
	enum anon_state s = vma_anon_state(v);

	return s == ANON_REGULAR || s == ANON_PARENT ? &vma_anon_vma(v)->root->lock : NULL;
}

void vma_rmap_lock(struct vma *v) NO_THREAD_SAFETY
{
	struct rwlock *l = vma_anon_lock(v);

	if (l)
		write_lock(l);
	write_lock(&v->mm->lazy_root.rmap_lock);
}

void vma_rmap_unlock(struct vma *v) NO_THREAD_SAFETY
{
	struct rwlock *l = vma_anon_lock(v);

	write_unlock(&v->mm->lazy_root.rmap_lock);
	if (l)
		write_unlock(l);
}

void anon_vma_interval_remove(struct vma *v)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &v->anon_chain, same_vma) {
		assert_write_held(&avc->anon_vma->root->lock);
		avc_tree_remove(&avc->anon_vma->tree, avc);
	}
}

void anon_vma_interval_insert(struct vma *v)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &v->anon_chain, same_vma) {
		assert_write_held(&avc->anon_vma->root->lock);
		avc_tree_insert(&avc->anon_vma->tree, avc);
	}
}

struct anon_vma_chain *anon_vma_first(struct anon_vma *av, unsigned long first, unsigned long last)
{
	return avc_tree_first(&av->tree, first, last);
}

struct anon_vma_chain *anon_vma_next(struct anon_vma_chain *avc, unsigned long first, unsigned long last)
{
	return avc_tree_next(avc, first, last);
}

static bool chain_has(const struct vma *v, const struct anon_vma *av)
{
	const struct anon_vma_chain *avc;

	list_for_each_entry(avc, &v->anon_chain, same_vma)
		if (avc->anon_vma == av)
			return true;
	return false;
}

static void avc_link(struct anon_vma_chain *avc, struct vma *v, struct anon_vma *av)
{
	debug_assert(!chain_has(v, av)); /* twice, and walkers would meet each entry twice */
	avc->vma = v;
	avc->anon_vma = av;
	anon_vma_get(av);
	list_add_tail(&avc->same_vma, &v->anon_chain);
	trace(avc_link, v, av, 0, 0);
}

void anon_vma_drop_chain(struct vma *v)
{
	struct anon_vma_chain *avc;

	while (!list_empty(&v->anon_chain)) {
		avc = list_last_entry(&v->anon_chain, struct anon_vma_chain, same_vma);
		list_del(&avc->same_vma);
		trace(avc_unlink, v, avc->anon_vma, 0, 0);
		anon_vma_put(avc->anon_vma);
		kmem_cache_free(avc_cache, avc);
	}
}

int anon_vma_clone(struct vma *dst, struct vma *src)
{
	struct anon_vma_chain *from, *avc;

	debug_assert(list_empty(&dst->anon_chain));
	list_for_each_entry(from, &src->anon_chain, same_vma) {
		avc = kmem_cache_alloc(avc_cache);
		if (!avc) {
			anon_vma_drop_chain(dst);
			vma_set_anon_none(dst);
			return -ENOMEM;
		}
		avc_link(avc, dst, from->anon_vma);
	}
	dst->anon = src->anon;
	return 0;
}

void anon_vma_activate(struct vma *v, int delta)
{
	if (vma_anon_state(v) != ANON_REGULAR)
		return;
	assert_write_held(&vma_anon_vma(v)->root->lock);
	vma_anon_vma(v)->num_active_vmas += delta;
}

void anon_vma_unlink(struct vma *v)
{
	struct rwlock *l = vma_anon_lock(v);
	struct anon_vma *root;

	assert_write_held(&v->mm->mmap_lock);
	if (!l) {
		vma_set_anon_none(v);
		return;
	}
	root = vma_anon_vma(v)->root;
	anon_vma_get(root); /* its lock is released after the last chain may have gone */
	write_lock(l);
	anon_vma_interval_remove(v);
	anon_vma_activate(v, -1);
	write_unlock(l);
	anon_vma_drop_chain(v);
	vma_set_anon_none(v);
	anon_vma_put(root);
}

/* ---- The first identity ---- */

/* Chains equal, member by member (A5). `extra`: b may have one more at its young end. */
static bool chains_match(const struct vma *a, const struct vma *b, bool extra)
{
	const struct list_head *x = a->anon_chain.next, *y = b->anon_chain.next;

	for (; x != &a->anon_chain && y != &b->anon_chain; x = x->next, y = y->next)
		if (list_entry(x, struct anon_vma_chain, same_vma)->anon_vma !=
		    list_entry(y, struct anon_vma_chain, same_vma)->anon_vma)
			return false;
	if (x != &a->anon_chain)
		return false;
	return extra ? y != &b->anon_chain && y->next == &b->anon_chain : y == &b->anon_chain;
}

bool anon_chains_equal(const struct vma *a, const struct vma *b)
{
	return chains_match(a, b, false);
}

bool anon_chain_extends(const struct vma *parent, const struct vma *regular)
{
	return chains_match(parent, regular, true);
}

/* Offsets and file pages of b follow those of a, which ends where b begins: they may have been one VMA, and may become
 * one again when their flags are the same again. */
static bool continues(const struct vma *a, const struct vma *b)
{
	enum vma_merge_reason r = vma_merge_attributes(a, b, false);

	return r == MERGE_OK;
}

/* A neighbour that v could merge with if only they had one identity (and, perhaps, one permission: then a later change
 * may make it so), and whose anon_vma v may share: its chain is v's (empty, or the ancestors of a PARENT) plus its own;
 * or just v's, where the neighbour reuses an ancestor (*linked).
 * A neighbour whose chain is longer but which reuses an ancestor out of its middle is neither.
 * => anon_lock held */
static struct anon_vma *neighbour_anon_vma(struct vma *v, bool *linked)
{
	struct vma *near[2] = { vma_tree_prev(&v->mm->vmas, v->start), vma_tree_next(&v->mm->vmas, v) };

	for (int i = 0; i < 2; i++) {
		struct vma *n = near[i];

		if (!n || vma_anon_state(n) != ANON_REGULAR)
			continue;
		if (!(i == 0 ? continues(n, v) : continues(v, n)))
			continue;
		*linked = anon_chains_equal(v, n);
		if (*linked || (anon_chain_extends(v, n) && !chain_has(v, vma_anon_vma(n))))
			return vma_anon_vma(n);
	}
	return NULL;
}

/* A5: an ancestor of the PARENT v that nobody uses as its own any more. => root lock held */
static struct anon_vma *reusable_ancestor(struct vma *v)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &v->anon_chain, same_vma) {
		struct anon_vma *av = avc->anon_vma;

		if (av != av->root && av->num_active_vmas == 0 && atomic_read(&av->num_children) < 2)
			return av;
	}
	return NULL;
}

/* Make av v's own. avc: links v to it; NULL when the chain has it already. => anon_lock held, av's root lock not */
static void anon_vma_install(struct vma *v, struct anon_vma *av, struct anon_vma_chain *avc)
{
	int from = vma_anon_state(v);

	assert_mutex_held(&v->mm->anon_lock);
	write_lock(&av->root->lock);
	if (avc) {
		avc_link(avc, v, av);
		avc_tree_insert(&av->tree, avc);
	}
	av->num_active_vmas++;
	vma_set_anon_regular(v, av); /* last: published when complete */
	write_unlock(&av->root->lock);
	trace(anon_upgrade, v, from, ANON_REGULAR, av);
}

/* => whether v has an identity of its own now */
static bool anon_reuse(struct vma *v)
{
	struct rwlock *l = vma_anon_lock(v);
	struct anon_vma *av;

	if (vma_anon_state(v) != ANON_PARENT)
		return false;
	write_lock(l);
	av = reusable_ancestor(v);
	if (av) {
		av->num_active_vmas++;
		vma_set_anon_regular(v, av);
	}
	write_unlock(l);
	return av != NULL;
}

/* => anon_lock held; v is NONE, UNFAULTED or PARENT (LAZY when upgrading under mmap_lock for writing) */
static int anon_make_regular(struct vma *v)
{
	struct anon_vma *parent = vma_anon_state(v) == ANON_PARENT ? vma_anon_vma(v) : NULL;
	struct anon_vma_chain *avc;
	struct anon_vma *av;
	bool linked = false;

	av = neighbour_anon_vma(v, &linked);
	if (av && linked) {
		anon_vma_install(v, av, NULL);
		return 0;
	}
	if (!av && anon_reuse(v))
		return 0;
	avc = kmem_cache_alloc(avc_cache);
	if (!avc)
		return -ENOMEM;
	if (av) {
		anon_vma_install(v, av, avc);
		return 0;
	}
	av = anon_vma_alloc(parent);
	if (!av) {
		kmem_cache_free(avc_cache, avc);
		return -ENOMEM;
	}
	anon_vma_install(v, av, avc);
	anon_vma_put(av); /* the chain holds it now */
	return 0;
}

static bool has_own_identity(const struct vma *v)
{
	enum anon_state s = vma_anon_state(v);

	return s == ANON_LAZY || s == ANON_REGULAR;
}

/* NONE or UNFAULTED -> LAZY without a lock; false: somebody was faster, look again. */
static bool anon_try_lazy(struct vma *v)
{
	unsigned long old = anon_word(v);

	if (old & ANON_POINTER_MASK)
		return false;
	debug_assert(v->anon_pgoff == v->start >> PAGE_SHIFT); /* V4, hence A1 */
	return cmpxchg(&v->anon.word, &old, (unsigned long)&v->mm->lazy_root | ANON_VMA_TREE_VMA);
}

static int anon_vma_prepare_slow(struct vma *v)
{
	int err = 0;

	mutex_lock(&v->mm->anon_lock);
	if (!has_own_identity(v))
		err = anon_make_regular(v);
	mutex_unlock(&v->mm->anon_lock);
	return err;
}

int anon_vma_prepare(struct vma *v)
{
	debug_assert(rwlock_is_held(&v->mm->mmap_lock));
	if (likely(has_own_identity(v)))
		return 0;
	/* An address the VMA was moved from cannot be lazy (A1): only states with V4's offset come here. */
	while (lazy_mode() && !(anon_word(v) & ANON_POINTER_MASK))
		if (anon_try_lazy(v))
			return 0;
	return has_own_identity(v) ? 0 : anon_vma_prepare_slow(v);
}

void vma_set_unfaulted(struct vma *v)
{
	unsigned long old = 0;

	if (anon_word(v) == 0)
		(void)cmpxchg(&v->anon.word, &old, ANON_VMA_UNFAULTED); /* lost to an identity or another installer: fine */
}

/* ---- fork and upgrade ---- */

/* Rename every LAZY folio of [from, v->end): v is REGULAR already. Waits for folio locks holding nothing (A4). */
void anon_rename_range(struct vma *v, unsigned long from)
{
	struct anon_rename r = { .vma = v };
	struct rwlock *l = &v->mm->lazy_root.rmap_lock;
	struct folio *busy;
	struct pt_iter it;

	do {
		busy = NULL;
		write_lock(l);
		pt_for_each(&it, v->mm, from, v->end) {
			struct page *p = pte_is_leaf(it.pte, it.level) ? pte_page(it.pte) : NULL;

			if (!p || anon_rename_folio(&r, page_folio(p)))
				continue;
			busy = page_folio(p);
			folio_get(busy);
			from = it.addr;
			pt_iter_end(&it);
			break;
		}
		write_unlock(l);
		if (busy) {
			folio_wait_unlocked(busy);
			folio_put(busy);
		}
	} while (busy);
	anon_rename_done(&r);
}

int anon_vma_own(struct vma *v)
{
	int err;

	assert_write_held(&v->mm->mmap_lock);
	debug_assert(vma_anon_state(v) == ANON_LAZY);
	mutex_lock(&v->mm->anon_lock);
	err = anon_make_regular(v);
	mutex_unlock(&v->mm->anon_lock);
	return err;
}

int anon_vma_upgrade(struct vma *v)
{
	int err;

	if (vma_anon_state(v) != ANON_LAZY)
		return 0;
	err = anon_vma_own(v);
	if (!err)
		anon_rename_range(v, v->start);
	return err;
}

int anon_vma_upgrade_with_neighbours(struct vma *v)
{
	struct vma *prev = vma_tree_prev(&v->mm->vmas, v->start), *next = vma_tree_next(&v->mm->vmas, v);
	bool one_of_several = (prev && vma_has_anon_identity(prev) && continues(prev, v)) ||
			      (next && vma_has_anon_identity(next) && continues(v, next));

	return one_of_several ? anon_vma_upgrade(v) : 0;
}

int anon_vma_fork(struct vma *dst, struct vma *src)
{
	struct anon_vma *av;
	int err;

	vma_set_anon_none(dst);
	if (vma_test(dst, VMA_WIPEONFORK)) {
		dst->anon_pgoff = dst->start >> PAGE_SHIFT; /* V4: nothing is inherited, no old offset either */
		return 0;
	}
	if (!vma_has_anon_identity(src)) {
		dst->anon = src->anon; /* UNFAULTED goes with the markers that will be copied */
		return 0;
	}
	assert(vma_anon_state(src) != ANON_LAZY); /* upgraded by the caller, under the locks that renaming needs */
	err = anon_vma_clone(dst, src);
	if (err)
		return err;
	av = vma_anon_vma(src);
	vma_set_anon_parent(dst, av);
	write_lock(&av->root->lock);
	anon_vma_interval_insert(dst);
	write_unlock(&av->root->lock);
	return 0;
}
