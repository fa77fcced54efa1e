/*
 * A sparse array of pointers indexed by an unsigned long: page caches, the pid table.
 *
 * A radix tree whose nodes have 64 slots, as high as the largest index needs and never higher:
 *
 *   height 0   root is the entry of index 0
 *   height 1   root is a node: slots 0..63
 *   height 2   root is a node of nodes: 0..4095, and so on
 *
 *   X1  A node has at least one used slot; nr_used counts them.
 *   X2  The root node of height h > 1 has a used slot other than 0, or the tree would be lower; height 1
 *       with only slot 0 used is height 0.
 *   X3  A store that fails for lack of memory has changed nothing.
 *
 * An entry is any pointer but NULL, which means "nothing here". Pure: the caller serialises, readers
 * included. Stores may be made with a spinlock held: memory comes from xa_node_alloc(), which does not
 * sleep.
 */
#ifndef KERNEL_LIB_XARRAY_H
#define KERNEL_LIB_XARRAY_H

#include "kernel/types.h"

#define XA_SHIFT 6
#define XA_SLOTS (1U << XA_SHIFT)

struct xa_node {
	u8 nr_used;
	void *slots[XA_SLOTS];
};

struct xarray {
	void *root;
	unsigned int height;
	unsigned long count; /* entries that are not NULL */
};
#define XARRAY_INIT { NULL, 0, 0 }

static inline void xa_init(struct xarray *xa)
{
	*xa = (struct xarray)XARRAY_INIT;
}

static inline bool xa_empty(const struct xarray *xa)
{
	return xa->count == 0;
}

/* NULL: nothing at index. */
void *xa_load(const struct xarray *xa, unsigned long index);
/* Put entry at index, over what was there; NULL erases and cannot fail. => 0 or -ENOMEM, nothing changed */
int xa_store(struct xarray *xa, unsigned long index, void *entry) __must_check;
/* Take the entry at index out. => the entry, or NULL */
void *xa_erase(struct xarray *xa, unsigned long index);
/* The first entry at an index in [*index, last]. => entry, *index set to its place; NULL: none, *index unchanged */
void *xa_find(const struct xarray *xa, unsigned long *index, unsigned long last);

/* for (unsigned long i = first; (e = xa_find(xa, &i, last)); i++): the body may erase index i.
 * => last must be below ULONG_MAX */
#define xa_for_each_range(xa, index, entry, first, last)                                           \
	for ((index) = (first); (index) <= (last) && ((entry) = xa_find(xa, &(index), last)); (index)++)

/* Free every node; entries are the caller's. The array is empty afterwards. */
void xa_destroy(struct xarray *xa);

/* Supplied from outside: zeroed nodes. NULL: no memory. Must not sleep. */
struct xa_node *xa_node_alloc(void);
void xa_node_free(struct xa_node *n);

#endif
