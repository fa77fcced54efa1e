/*
 * Anonymous identity: the two tagged words, and what they point to.
 *
 * A folio's `mapping` names an identity; a VMA's `anon` word says which identity its folios have or will
 * have. Nothing is allocated until it is needed:
 *
 *	        first write fault                    fork                         child's first write
 *	NONE  ------------------->  LAZY  --------------------->  REGULAR
 *	  |                          (one mm, no objects)         (anon_vma + chain, in the parent)
 *	  | guard install                                            \
 *	  v                                                            +--> child: PARENT ----------> REGULAR
 *	UNFAULTED  ---- first write fault ----> LAZY                        (chains only)   own anon_vma
 *
 *	VMA word                     pointer        bits 1..0   bit 2
 *	NONE                         0              0           0
 *	UNFAULTED                    0              0           1     markers may be in the tables, no identity
 *	LAZY                         lazy root      1           0     this mm alone maps the folios
 *	PARENT                       parent's       2           0     fork child without a folio of its own here
 *	REGULAR                      own anon_vma   0           0
 *
 *	folio->mapping   00 address space (page cache)   01 anon_vma   10 lazy root   11 KSM (later)
 *
 *   A2  from (mapping, index) a walker reaches every VMA that maps any page of the folio.
 *   A3  an identity outlives every folio that names it and every reader that has loaded it: each folio holds one
 *       reference from the moment mapping is set until the folio is freed or renamed, and readers pin it through
 *       folio_identity_get(), which excludes renaming for the few instructions it needs (PG_IDENTITY_BUSY).
 *   A4  mapping and index of a mapped folio change only under the folio lock and the old identity's lock for
 *       writing. A walker pins and locks the identity, re-reads mapping, starts over if it changed.
 *   A5  reuse of an anon_vma for a child only if it has fewer than two children and no active VMA, never a root's.
 *
 * Linux differs: folios hold no reference (RCU and a mapcount test stand in), every faulted VMA has an anon_vma.
 */
#ifndef MM_ANON_H
#define MM_ANON_H

#include "mm/mm.h"

/* One per faulted VMA that shares, or could share, folios with another process. All anon_vmas that descend from
 * one (through fork) share its root's lock. */
struct anon_vma {
	struct anon_vma *root; /* oldest ancestor; itself for a root. Holds a reference on it. */
	struct anon_vma *parent; /* NULL: a root. Holds a reference. */
	struct rwlock lock;    /* used in the root only */
	atomic_t refs;	       /* folios, chains, descendants' parent and root pointers, pins */
	atomic_t num_children; /* anon_vmas whose parent this is */
	unsigned int num_active_vmas; /* VMAs whose own anon_vma this is; root->lock */
	struct rb_root tree;   /* anon_vma_chains by VMA page-offset interval; root->lock */
	int check_refs, check_active; /* mm_check()'s own counts */
	bool check_seen;
};

/* Ties one VMA to one anon_vma whose folios it may map. */
struct anon_vma_chain {
	struct vma *vma;
	struct anon_vma *anon_vma;
	struct list_head same_vma; /* vma->anon_chain; mmap_lock for writing, or mmap_lock for reading + anon_lock */
	struct rb_node rb;	   /* anon_vma->tree; root->lock */
	unsigned long subtree_last;
};

enum anon_state { ANON_NONE, ANON_UNFAULTED, ANON_LAZY, ANON_PARENT, ANON_REGULAR };

#define ANON_VMA_TREE_REGULAR 0UL
#define ANON_VMA_TREE_VMA 1UL /* the lazy root */
#define ANON_VMA_TREE_PARENT 2UL
#define ANON_VMA_TREE_INVALID 3UL
#define ANON_VMA_TREE_MASK 3UL
#define ANON_VMA_UNFAULTED 4UL
#define ANON_POINTER_MASK (~7UL)

/* The word is written once per change with release, read with acquire: the identity behind it is complete. */
static inline unsigned long anon_word(const struct vma *v)
{
	return smp_load_acquire(&v->anon.word);
}

static inline enum anon_state vma_anon_state(const struct vma *v)
{
	unsigned long w = anon_word(v);

	if (w == 0)
		return ANON_NONE;
	if (w == ANON_VMA_UNFAULTED)
		return ANON_UNFAULTED;
	debug_assert((w & ANON_POINTER_MASK) && !(w & ANON_VMA_UNFAULTED));
	debug_assert((w & ANON_VMA_TREE_MASK) != ANON_VMA_TREE_INVALID);
	switch (w & ANON_VMA_TREE_MASK) {
	case ANON_VMA_TREE_VMA:
		return ANON_LAZY;
	case ANON_VMA_TREE_PARENT:
		return ANON_PARENT;
	default:
		return ANON_REGULAR;
	}
}

/* The two questions that Linux's `if (vma->anon_vma)` mixes. */

/* A walker can come here: some folio may name an identity that leads to this VMA. */
static inline bool vma_has_anon_identity(const struct vma *v)
{
	return anon_word(v) & ANON_POINTER_MASK;
}

/* The tables may hold what a fault could not rebuild: fork must copy, khugepaged must not retract. */
static inline bool vma_may_have_page_tables(const struct vma *v)
{
	return anon_word(v) != 0;
}

/* Own (REGULAR) or parent's (PARENT) anon_vma. => state is one of the two */
static inline struct anon_vma *vma_anon_vma(const struct vma *v)
{
	debug_assert(vma_anon_state(v) == ANON_REGULAR || vma_anon_state(v) == ANON_PARENT);
	return (struct anon_vma *)(anon_word(v) & ANON_POINTER_MASK);
}

static inline void vma_set_anon_none(struct vma *v)
{
	smp_store_release(&v->anon.word, 0UL);
}

/* G1: before the first marker is written. Nothing to do when an identity or the bit is there. Atomic: several
 * installers and a first fault may race under mmap_lock for reading. */
void vma_set_unfaulted(struct vma *v);

static inline void vma_set_anon_lazy(struct vma *v)
{
	smp_store_release(&v->anon.word, (unsigned long)&v->mm->lazy_root | ANON_VMA_TREE_VMA);
}

static inline void vma_set_anon_regular(struct vma *v, struct anon_vma *av)
{
	smp_store_release(&v->anon.word, (unsigned long)av | ANON_VMA_TREE_REGULAR);
}

static inline void vma_set_anon_parent(struct vma *v, struct anon_vma *av)
{
	smp_store_release(&v->anon.word, (unsigned long)av | ANON_VMA_TREE_PARENT);
}

/* ---- Folio side ---- */
#define FOLIO_MAPPING_ANON 1UL
#define FOLIO_MAPPING_ANON_VMA_LAZY 2UL
#define FOLIO_MAPPING_KSM 3UL
#define FOLIO_MAPPING_FLAGS 3UL

static inline unsigned long folio_mapping_word(const struct folio *f)
{
	return smp_load_acquire(&f->page.mapping.word);
}

static inline bool folio_is_anon(const struct folio *f)
{
	return folio_mapping_word(f) & FOLIO_MAPPING_FLAGS;
}

static inline bool folio_is_lazy(const struct folio *f)
{
	return (folio_mapping_word(f) & FOLIO_MAPPING_FLAGS) == FOLIO_MAPPING_ANON_VMA_LAZY;
}

static inline struct address_space *folio_address_space(const struct folio *f) /* NULL for anonymous folios */
{
	unsigned long w = folio_mapping_word(f);

	return w & FOLIO_MAPPING_FLAGS ? NULL : (struct address_space *)w;
}

/* A pinned identity (identity.c). */
struct identity {
	unsigned long word; /* as in folio->mapping; 0: none */
};
struct identity folio_identity_get(struct folio *f); /* pin what mapping names now; word 0: no anonymous identity */
void identity_put(struct identity id);
void identity_lock_read(struct identity id); /* root's lock of an anon_vma, rmap_lock of a lazy root */
void identity_unlock_read(struct identity id);
/* The object behind a pinned identity; NULL when it is of the other kind. */
struct anon_vma *identity_to_anon_vma(struct identity id);
struct anon_vma_lazy_root *identity_to_lazy_root(struct identity id);

/* ---- Operations (anon.c: states, allocation, chains) ---- */

/* The VMA's first anonymous folio is about to be mapped at one of its addresses: make sure it has an identity of
 * its own: NONE/UNFAULTED -> LAZY (or REGULAR in classic mode), PARENT -> REGULAR. One winner.
 * => mmap_lock held (any mode), 0 or -ENOMEM */
int anon_vma_prepare(struct vma *v);
/* Name the VMA's own identity in a fresh folio (takes the reference, sets index, EXCLUSIVE). => not yet reachable */
void folio_set_anon(struct folio *f, struct vma *v, unsigned long addr);

/* LAZY -> REGULAR, object only; the folios are renamed by the caller (fork does it while copying) before v's offset
 * or its locks are let go of. => mmap_lock for writing; 0 or -ENOMEM, nothing changed then */
int anon_vma_own(struct vma *v);
/* LAZY -> REGULAR with all folios renamed; other states stay. => mmap_lock for writing; 0 or -ENOMEM */
int anon_vma_upgrade(struct vma *v);

/* The same for a VMA that fork itself does not upgrade, if a neighbour continues it: the two go on with one identity, and
 * merge when their flags are the same again. => as above */
int anon_vma_upgrade_with_neighbours(struct vma *v);

/* Renaming many folios of one VMA from its mm's lazy root to its anon_vma (dup_anon_rmap of the seed).
 * => VMA REGULAR, rmap_lock for writing, table locked. anon_rename_folio: false: the folio is locked by another; let
 *    go of everything, wait, and go on from that entry (A4). anon_rename_done: => no lock but mmap_lock */
struct anon_rename {
	struct vma *vma;
	unsigned long renamed;
};
bool anon_rename_folio(struct anon_rename *r, struct folio *f);
void anon_rename_done(struct anon_rename *r);
void anon_rename_range(struct vma *v, unsigned long from);

/* fork: dst's state and chains from src's: NONE, UNFAULTED (raw), or PARENT in all of src's anon_vmas.
 * => both mmap_locks for writing, src not LAZY any more; 0 or -ENOMEM, dst without chains then */
int anon_vma_fork(struct vma *dst, struct vma *src);
/* split, mremap copy; prepare step: dst gets the same word and chains as src, in no interval tree yet. => 0 or -ENOMEM */
int anon_vma_clone(struct vma *dst, struct vma *src);
void anon_vma_drop_chain(struct vma *v); /* undo of clone, and the end of unlink: in no interval tree */
/* v became (+1) or ceases to be (-1) a VMA with its own anon_vma. => root lock for writing where REGULAR */
void anon_vma_activate(struct vma *v, int delta);
/* Leave every anon_vma; state NONE. => mmap_lock for writing, v maps nothing any more */
void anon_vma_unlink(struct vma *v);
/* Bounds or offsets of v are about to change / have changed: out of and back into the interval trees.
 * => mmap_lock for writing, between vma_rmap_lock() and vma_rmap_unlock() */
void anon_vma_interval_remove(struct vma *v);
void anon_vma_interval_insert(struct vma *v);
/* The write locks a change of v's bounds or of the tree needs: root anon_vma lock (if any), then rmap_lock. */
void vma_rmap_lock(struct vma *v);
void vma_rmap_unlock(struct vma *v);

/* Chains that overlap [first, last]; for walkers. => av->root->lock */
struct anon_vma_chain *anon_vma_first(struct anon_vma *av, unsigned long first, unsigned long last);
struct anon_vma_chain *anon_vma_next(struct anon_vma_chain *avc, unsigned long first, unsigned long last);

/* The same anon_vmas in the same order; regular's chain is parent's plus one (A5). => mmap_lock */
bool anon_chains_equal(const struct vma *a, const struct vma *b);
bool anon_chain_extends(const struct vma *parent, const struct vma *regular);

void anon_boot(void);

#endif
