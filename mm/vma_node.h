/* The VMA tree's nodes: for vma_tree.c and vma_find.c alone. Theory in vma_tree.c. */
#ifndef MM_VMA_NODE_H
#define MM_VMA_NODE_H

#include "mm/vma_tree.h"

#define VMA_NODE_MAX 15U /* 15 keys: a search of four steps; 384 bytes */
#define VMA_NODE_MIN 7U	 /* two of them and the entry between them fit in one */

struct vma_node {
	unsigned int nr;
	unsigned long key[VMA_NODE_MAX]; /* leaf: end of the VMA; inner: of the last one below the child */
	unsigned long gap[VMA_NODE_MAX]; /* leaf: free bytes below the VMA; inner: the largest below the child */
	union {
		struct vma *vma[VMA_NODE_MAX];
		struct vma_node *child[VMA_NODE_MAX];
	};
	struct vma_node *next; /* among the spares */
};

struct vma_entry {
	unsigned long key, gap;
	void *what; /* VMA or node */
};

/* The first slot whose key is above addr; nr: none is. Unused keys are ~0: no bound to look at. */
static inline unsigned int node_first_above(const struct vma_node *n, unsigned long addr)
{
	unsigned int i = 0;

	if (n->key[7] <= addr)
		i = 8;
	if (n->key[i + 3] <= addr)
		i += 4;
	if (n->key[i + 1] <= addr)
		i += 2;
	if (n->key[i] <= addr)
		i++;
	return i;
}

static inline unsigned long node_last_key(const struct vma_node *n)
{
	return n->key[n->nr - 1];
}

static inline unsigned long node_max_gap(const struct vma_node *n)
{
	unsigned long gap = 0;

	for (unsigned int i = 0; i < n->nr; i++)
		gap = max(gap, n->gap[i]);
	return gap;
}

#endif
