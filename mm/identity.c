/*
 * Identities: what a folio's `mapping` names, and how long it lives.
 *
 *	folio->mapping --> anon_vma             refs counts folios, chains, descendants' `root` and `parent`, pins
 *	             \---> lazy root (an mm)    mm->count counts folios, pins, and the users as a whole
 *
 * A3: every name is a reference. It is taken before the name is written and dropped when the folio is freed or, after
 * the new name stands, renamed; nothing is freed late, nothing needs a grace period.
 *
 * A reader that has no lock pins the identity in the few instructions in which PG_IDENTITY_BUSY keeps the name from
 * being replaced; then it locks it, and looks at the name again (A4).
 *
 * Linux differs: folios hold no reference; RCU, a type-stable cache and a look at mapcount stand in.
 */
#include "kernel/trace.h"
#include "mm/anon_internal.h"
#include "mm/slab.h"
#include <arch/cpu.h>

static struct kmem_cache *anon_vma_cache;

void identity_boot(void)
{
	anon_vma_cache = kmem_cache_create("anon_vma", sizeof(struct anon_vma), 8);
}

/* ---- References ---- */

void anon_vma_get(struct anon_vma *av)
{
	debug_assert(atomic_read(&av->refs) > 0);
	atomic_inc(&av->refs);
}

/* Drop one reference; the last frees the anon_vma and drops what it holds on its ancestors. */
void anon_vma_put(struct anon_vma *av)
{
	while (av && atomic_dec_and_test(&av->refs)) {
		struct anon_vma *parent = av->parent, *root = av->root;

		assert(rb_empty(&av->tree) && av->num_active_vmas == 0);
		trace(anon_vma_free, av, root, 0, 0);
		kmem_cache_free(anon_vma_cache, av);
		if (!parent)
			return; /* a root refers to nobody */
		atomic_dec(&parent->num_children);
		if (atomic_dec_and_test(&root->refs))
			panic("anon_vma %p freed before its descendant", (void *)root);
		av = parent; /* whose reference goes next */
	}
}

/* A new anon_vma, one reference. parent: NULL for a root. => NULL when memory is short */
struct anon_vma *anon_vma_alloc(struct anon_vma *parent)
{
	struct anon_vma *av = kmem_cache_alloc(anon_vma_cache);

	if (!av)
		return NULL;
	*av = (struct anon_vma){ .root = parent ? parent->root : av, .parent = parent, .refs = ATOMIC_INIT(1) };
	rwlock_init(&av->lock, RANK_ANON_VMA);
	if (parent) {
		/* The root first: parent and root may be one, and each pointer is a reference of its own. */
		anon_vma_get(parent->root);
		anon_vma_get(parent);
		atomic_inc(&parent->num_children);
	}
	trace(anon_vma_alloc, av, av->root, parent, 0);
	return av;
}

static unsigned long identity_tag(struct identity id)
{
	return id.word & FOLIO_MAPPING_FLAGS;
}

static struct anon_vma *identity_anon_vma(struct identity id)
{
	debug_assert(identity_tag(id) == FOLIO_MAPPING_ANON);
	return (struct anon_vma *)(id.word & ~FOLIO_MAPPING_FLAGS);
}

static struct anon_vma_lazy_root *identity_lazy_root(struct identity id)
{
	debug_assert(identity_tag(id) == FOLIO_MAPPING_ANON_VMA_LAZY);
	return (struct anon_vma_lazy_root *)(id.word & ~FOLIO_MAPPING_FLAGS);
}

static struct mm *lazy_root_mm(struct anon_vma_lazy_root *root)
{
	return container_of(root, struct mm, lazy_root);
}

static void identity_ref(struct identity id)
{
	if (identity_tag(id) == FOLIO_MAPPING_ANON)
		anon_vma_get(identity_anon_vma(id));
	else
		mm_count_get(lazy_root_mm(identity_lazy_root(id)));
}

void identity_put(struct identity id)
{
	if (identity_tag(id) == FOLIO_MAPPING_ANON)
		anon_vma_put(identity_anon_vma(id));
	else
		mm_count_put(lazy_root_mm(identity_lazy_root(id)));
}

/* PG_IDENTITY_BUSY: held for the few instructions in which mapping is read and pinned, or replaced. */
static void identity_busy_begin(struct folio *f)
{
	while (page_test_and_set(&f->page, PG_IDENTITY_BUSY))
		cpu_relax();
}

static void identity_busy_end(struct folio *f)
{
	page_clear(&f->page, PG_IDENTITY_BUSY);
}

struct identity folio_identity_get(struct folio *f)
{
	struct identity id;

	identity_busy_begin(f);
	id.word = folio_mapping_word(f);
	if (identity_tag(id) == FOLIO_MAPPING_ANON || identity_tag(id) == FOLIO_MAPPING_ANON_VMA_LAZY)
		identity_ref(id);
	else
		id.word = 0;
	identity_busy_end(f);
	return id;
}

/* The lock that excludes renaming of folios which name this identity. */
static struct rwlock *identity_lock(struct identity id)
{
	if (identity_tag(id) == FOLIO_MAPPING_ANON)
		return &identity_anon_vma(id)->root->lock;
	return &identity_lazy_root(id)->rmap_lock;
}

void identity_lock_read(struct identity id) NO_THREAD_SAFETY
{
	read_lock(identity_lock(id));
}

void identity_unlock_read(struct identity id) NO_THREAD_SAFETY
{
	read_unlock(identity_lock(id));
}

struct anon_vma *identity_to_anon_vma(struct identity id)
{
	return identity_tag(id) == FOLIO_MAPPING_ANON ? identity_anon_vma(id) : NULL;
}

struct anon_vma_lazy_root *identity_to_lazy_root(struct identity id)
{
	return identity_tag(id) == FOLIO_MAPPING_ANON_VMA_LAZY ? identity_lazy_root(id) : NULL;
}

/* ---- Folios ---- */

/* What v's own folios carry in mapping. => LAZY or REGULAR */
static struct identity vma_identity(const struct vma *v)
{
	unsigned long pointer = anon_word(v) & ANON_POINTER_MASK;

	switch (vma_anon_state(v)) {
	case ANON_LAZY:
		return (struct identity){ pointer | FOLIO_MAPPING_ANON_VMA_LAZY };
	case ANON_REGULAR:
		return (struct identity){ pointer | FOLIO_MAPPING_ANON };
	default:
		panic("VMA %lx-%lx has no identity of its own", v->start, v->end);
	}
}

void folio_set_anon(struct folio *f, struct vma *v, unsigned long addr)
{
	struct identity id = vma_identity(v);

	debug_assert(folio_mapping_word(f) == 0 && atomic_read(&f->page.mapcount) == 0);
	debug_assert(addr >= v->start && addr < v->end);
	identity_ref(id);
	f->page.index = vma_anon_index(v, addr);
	smp_store_release(&f->page.mapping.word, id.word);
	page_set(&f->page, PG_EXCLUSIVE);
}

/* A4. => folio locked, old identity (the lazy root of v's mm) locked for writing; references are the caller's */
static void folio_rename(struct folio *f, struct vma *v)
{
	debug_assert(folio_locked(f));
	assert_write_held(&v->mm->lazy_root.rmap_lock);
	identity_busy_begin(f);
	smp_store_release(&f->page.mapping.word, (unsigned long)vma_anon_vma(v) | FOLIO_MAPPING_ANON);
	identity_busy_end(f);
}

bool anon_rename_folio(struct anon_rename *r, struct folio *f)
{
	if (!folio_is_lazy(f))
		return true; /* page cache, or renamed by an earlier entry */
	if (!folio_trylock(f))
		return false;
	/* The new reference before the name, the old one after it: pinning readers never see a freed identity. */
	anon_vma_get(vma_anon_vma(r->vma));
	folio_rename(f, r->vma);
	folio_unlock(f);
	r->renamed++;
	return true;
}

void anon_rename_done(struct anon_rename *r)
{
	for (; r->renamed; r->renamed--)
		mm_count_put(r->vma->mm);
}
