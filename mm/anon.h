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
	atomic_t refs;	       /* folios, chains, children's parent and root pointers, pins */
	unsigned int num_children; /* root->lock */
	unsigned int num_active_vmas; /* VMAs whose own anon_vma this is; root->lock */
	struct rb_root tree;   /* anon_vma_chains by VMA page-offset interval; root->lock */
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

/* A pinned identity. */
struct identity {
	unsigned long word; /* as in folio->mapping; 0: none */
};
struct identity folio_identity_get(struct folio *f); /* pin what mapping names now; word 0: no anonymous identity */
void identity_put(struct identity id);
void identity_lock_read(struct identity id); /* root's lock of an anon_vma, rmap_lock of a lazy root */
void identity_unlock_read(struct identity id);
void identity_lock_write(struct identity id);
void identity_unlock_write(struct identity id);

/* ---- Operations (anon.c: states, allocation, chains) ---- */

/* The VMA's first anonymous folio is about to be mapped at one of its addresses: make sure it has an identity of
 * its own: NONE/UNFAULTED -> LAZY (or REGULAR in classic mode), PARENT -> REGULAR. One winner.
 * => mmap_lock held (any mode), 0 or -ENOMEM */
int anon_vma_prepare(struct vma *v);
/* Name the VMA's own identity in a fresh folio (takes the reference, sets index, EXCLUSIVE). => not yet reachable */
void folio_set_anon(struct folio *f, struct vma *v, unsigned long addr);
/* A folio that only v maps, seen in a COW fault or a move: give it v's own identity. A4. */
void folio_move_anon(struct folio *f, struct vma *v);

/* fork. prepare: upgrades a LAZY src to REGULAR (new anon_vma and chain), builds dst's chains (PARENT, or NONE,
 * UNFAULTED as the rules say). => both mmap_locks for writing; 0 or -ENOMEM with nothing changed but a possible,
 * complete and harmless upgrade of src */
int anon_vma_fork(struct vma *dst, struct vma *src);
/* Rename one folio of src met while copying, from src's lazy root to src's anon_vma (A4). */
void dup_anon_rmap(struct folio *f, struct vma *src);
/* split, mremap copy: dst gets the same word and chains as src. => 0 or -ENOMEM, dst unlinked then */
int anon_vma_clone(struct vma *dst, struct vma *src);
/* LAZY -> REGULAR with all folios renamed: mremap without relocation, KSM. => mmap_lock for writing; 0 or -ENOMEM */
int anon_vma_upgrade(struct vma *v);
/* Leave every anon_vma. => mmap_lock for writing, v maps nothing any more */
void anon_vma_unlink(struct vma *v);
/* Bounds or offsets of v are about to change / have changed: out of and back into the interval trees.
 * => mmap_lock for writing, the identities locked for writing through vma_rmap_lock() */
void anon_vma_interval_remove(struct vma *v);
void anon_vma_interval_insert(struct vma *v);
/* The write locks a change of v's bounds or of the tree needs: root anon_vma lock (if any), then rmap_lock. */
void vma_rmap_lock(struct vma *v);
void vma_rmap_unlock(struct vma *v);

/* Is this VMA's identity visible to no other process? LAZY: always. REGULAR: root, no children, only this mm. O(1) where LAZY. */
bool vma_anon_unshared(const struct vma *v);

struct anon_stats { unsigned long anon_vmas, chains; };
void anon_boot(void);

#endif
