/*
 * The ordered set of an mm's VMAs: a B+tree keyed by start, with the largest gap below each child kept in
 * its parent's node, so that "first VMA above", "lowest (highest) gap of n bytes" and updates are O(log n)
 * over cache lines, not pointers. Theory in vma_tree.c.
 *
 * Pure: no locks, no knowledge of VMAs beyond start and end. Changes take nodes from a reserve that the caller
 * filled before committing, so they cannot fail.
 *
 *   T1  keys ascend; each node but the root is at least half full; all leaves at one depth.
 *   T2  gap fields equal a recount.
 */
#ifndef MM_VMA_TREE_H
#define MM_VMA_TREE_H

#include "mm/vma.h"

struct vma_node;

struct vma_tree {
	struct vma_node *root;
	unsigned int height;
	unsigned int count; /* VMAs */
	unsigned int nodes;	  /* in the tree */
	unsigned int reserved;	  /* spare nodes promised to reserves */
	unsigned int nr_spare;	  /* nodes on `spare`; never fewer than `reserved` */
	struct vma_node *spare;	  /* kept from one change to the next, so that most reserves allocate nothing */
};

/* A promise of nodes for one commit. */
struct vma_tree_reserve {
	struct vma_tree *tree;
	unsigned int nr;
};
/* Enough for `inserts` insertions; may be called again on the same reserve for more (then start from {}).
 * => 0 or -ENOMEM, nothing changed then */
int vma_tree_reserve(struct vma_tree *t, struct vma_tree_reserve *r, unsigned int inserts);
void vma_tree_unreserve(struct vma_tree_reserve *r);

void vma_tree_init(struct vma_tree *t);
void vma_tree_destroy(struct vma_tree *t); /* the nodes; VMAs are the caller's and may be gone already */
void vma_tree_boot(void);

struct vma *vma_tree_find(const struct vma_tree *t, unsigned long addr); /* first VMA with end > addr, or NULL */
/* The neighbours of an address range: last VMA with end <= addr; NULL none. */
struct vma *vma_tree_prev(const struct vma_tree *t, unsigned long addr);
/* Both in one descent: => vma_tree_prev(), *next = vma_tree_find() */
struct vma *vma_tree_around(const struct vma_tree *t, unsigned long addr, struct vma **next);
static inline struct vma *vma_tree_next(const struct vma_tree *t, const struct vma *v)
{
	return vma_tree_find(t, v->end);
}
#define vma_tree_for_each(v, t)                                                                    \
	for (v = vma_tree_find(t, 0); v; v = vma_tree_next(t, v))
#define vma_tree_for_each_range(v, t, from, to)                                                    \
	for (v = vma_tree_find(t, from); v && v->start < (to); v = vma_tree_next(t, v))

/* The same, faster, where the tree does not change meanwhile:
 *	struct vma_iter it;
 *	for (v = vma_iter_first(&it, t, from); v && v->start < to; v = vma_iter_next(&it)) */
#define VMA_TREE_HEIGHT_MAX 12 /* at least 7 children a node: more than 10^10 VMAs */
struct vma_path {
	struct vma_node *node[VMA_TREE_HEIGHT_MAX];
	u8 slot[VMA_TREE_HEIGHT_MAX];
};
struct vma_iter {
	const struct vma_tree *tree;
	struct vma_path path;
};
struct vma *vma_iter_first(struct vma_iter *it, const struct vma_tree *t, unsigned long addr);
struct vma *vma_iter_next(struct vma_iter *it);

void vma_tree_insert(struct vma_tree *t, struct vma *v, struct vma_tree_reserve *r);
void vma_tree_erase(struct vma_tree *t, struct vma *v);
/* All VMAs with start in [from, to) leave the tree (they lie wholly inside). => how many; O(log n + removed) */
unsigned int vma_tree_erase_range(struct vma_tree *t, unsigned long from, unsigned long to);
/* v keeps its place in the order but gets new bounds (does not pass a neighbour). Sets v->start and v->end. */
void vma_tree_resize(struct vma_tree *t, struct vma *v, unsigned long start, unsigned long end);

/* v ends at addr, `upper` takes over the rest: [addr, v's old end). Sets both VMAs' bounds. No gap changes. */
void vma_tree_split(struct vma_tree *t, struct vma *v, unsigned long addr, struct vma *upper, struct vma_tree_reserve *r);
/* `upper`, which begins where `lower` ends, leaves the tree and lower ends where it did. */
void vma_tree_join(struct vma_tree *t, struct vma *lower, struct vma *upper);

/* Lowest (highest when topdown) address a in [lo, hi - len] with [a, a + len) free, and at least `guard` bytes free
 * below a VMA_GROWSDOWN neighbour above. => address, or 0 when none fits */
unsigned long vma_tree_gap(const struct vma_tree *t, unsigned long lo, unsigned long hi, unsigned long len,
			   unsigned long guard, bool topdown);

/* T1 and T2 by brute force. => NULL or a sentence */
const char *vma_tree_check(const struct vma_tree *t);

#endif
