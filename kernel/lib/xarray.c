/*
 * Sparse arrays: see xarray.h for the shape and the rules X1..X3.
 *
 * A store prepares, then commits. Two things may be missing: levels above the root (the index is too
 * large for the tree) and nodes on the way down. They are built apart, hanging together as they will
 * in the tree; only when all of them exist is the top of that chain put into place.
 *
 *	height 1, store at 5000 (= 1:14:8 in base 64):
 *
 *	 root --> [old]            root --> [ 0 | 1 ]           new levels above: slot 0 leads to the old root
 *	                                      |    \
 *	                                    [ 0 ]   [ 14 ]      new nodes on the way down
 *	                                      |        \
 *	                                    [old]       [ 8 ]
 */
#include "kernel/lib/xarray.h"
#include "kernel/uapi/errno.h"

static inline unsigned int slot_of(unsigned long index, unsigned int height)
{
	return (index >> (XA_SHIFT * (height - 1))) & (XA_SLOTS - 1);
}

/* Whether a tree of this height has a place for index. 64 bits need 11 levels. */
static inline bool covers(unsigned int height, unsigned long index)
{
	return height * XA_SHIFT >= 64 || index >> (height * XA_SHIFT) == 0;
}

void *xa_load(const struct xarray *xa, unsigned long index)
{
	void *p = xa->root;
	unsigned int height = xa->height;

	if (!covers(height, index))
		return NULL;
	for (; height && p; height--)
		p = ((struct xa_node *)p)->slots[slot_of(index, height)];
	return p;
}

static void free_chain(struct xa_node **made, unsigned int nr)
{
	while (nr)
		xa_node_free(made[--nr]);
}

static bool alloc_chain(struct xa_node **made, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		made[i] = xa_node_alloc();
		if (!made[i]) {
			free_chain(made, i);
			return false;
		}
	}
	return true;
}

static inline void set_slot(struct xa_node *n, unsigned int slot, void *p)
{
	n->slots[slot] = p;
	n->nr_used++;
}

/* Make the tree high enough for index. => 0 or -ENOMEM, nothing changed */
static int raise(struct xarray *xa, unsigned long index)
{
	struct xa_node *made[64 / XA_SHIFT + 1];
	unsigned int height = xa->height, nr;

	while (!covers(height, index))
		height++;
	nr = xa->root ? height - xa->height : 0; /* an empty tree is as high as we say */
	if (!alloc_chain(made, nr))
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		set_slot(made[i], 0, xa->root);
		xa->root = made[i];
	}
	xa->height = height;
	return 0;
}

/* Make the tree as low as X2 wants it. */
static void lower(struct xarray *xa)
{
	while (xa->height) {
		struct xa_node *n = xa->root;

		if (n && (n->nr_used > 1 || !n->slots[0]))
			return;
		xa->root = n ? n->slots[0] : NULL;
		xa->height = n ? xa->height - 1 : 0;
		if (n)
			xa_node_free(n);
	}
}

/* Put entry into the missing subtree at *link, whose nodes begin at `height`. => 0 or -ENOMEM, nothing changed */
static int grow_path(void **link, unsigned int height, unsigned long index, void *entry)
{
	struct xa_node *made[64 / XA_SHIFT + 1];
	unsigned int nr = height;
	void *below = entry;

	if (!alloc_chain(made, nr))
		return -ENOMEM;
	for (unsigned int level = 1; level <= height; level++) {
		struct xa_node *n = made[--nr];

		set_slot(n, slot_of(index, level), below);
		below = n;
	}
	*link = below;
	return 0;
}

/* An entry that is not NULL, at an index the tree covers. => 0 or -ENOMEM, nothing changed */
static int insert(struct xarray *xa, unsigned long index, void *entry)
{
	void **link = &xa->root;
	struct xa_node *n = NULL;
	unsigned int height = xa->height;
	void *old;
	int err;

	for (; height && *link; height--) {
		n = *link;
		link = &n->slots[slot_of(index, height)];
	}
	old = *link;
	err = grow_path(link, height, index, entry);
	if (err)
		return err;
	if (!old) {
		xa->count++;
		if (n)
			n->nr_used++;
	}
	return 0;
}

int xa_store(struct xarray *xa, unsigned long index, void *entry)
{
	int err;

	if (!entry) {
		xa_erase(xa, index);
		return 0;
	}
	err = raise(xa, index);
	if (!err)
		err = insert(xa, index, entry);
	if (err)
		lower(xa);
	return err;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct xa_node *path[64 / XA_SHIFT + 2];
	unsigned int level = 0, height = xa->height;
	void *p = xa->root;

	if (!covers(height, index))
		return NULL;
	for (unsigned int h = height; h && p; h--) {
		path[++level] = p;
		p = path[level]->slots[slot_of(index, h)];
	}
	if (!p)
		return NULL;
	xa->count--;
	for (; level; level--) { /* the node at `level` has height `height - level + 1` */
		path[level]->slots[slot_of(index, height - level + 1)] = NULL;
		if (--path[level]->nr_used)
			break;
		xa_node_free(path[level]);
	}
	if (!level)
		xa->root = NULL;
	lower(xa);
	return p;
}

/* The first entry in the subtree of `height` at p, at or after *index. */
static void *find_in(void *p, unsigned int height, unsigned long *index, unsigned long last)
{
	struct xa_node *n = p;
	unsigned long span, place = *index;
	unsigned int slot;

	if (!p || !height)
		return p;
	span = 1UL << (XA_SHIFT * (height - 1));
	for (slot = slot_of(place, height); slot < XA_SLOTS && place <= last; slot++) {
		unsigned long at = place;
		void *entry = n->slots[slot] ? find_in(n->slots[slot], height - 1, &at, last) : NULL;

		if (entry) {
			*index = at;
			return entry;
		}
		place = (place & ~(span - 1)) + span; /* where the next slot begins */
		if (!place)
			break;
	}
	return NULL;
}

void *xa_find(const struct xarray *xa, unsigned long *index, unsigned long last)
{
	unsigned long at = *index;
	void *entry;

	if (at > last || !covers(xa->height, at))
		return NULL;
	entry = find_in(xa->root, xa->height, &at, last);
	if (!entry || at > last)
		return NULL;
	*index = at;
	return entry;
}

static void destroy_subtree(void *p, unsigned int height)
{
	struct xa_node *n = p;

	if (!p || !height)
		return;
	for (unsigned int i = 0; i < XA_SLOTS && height > 1; i++)
		destroy_subtree(n->slots[i], height - 1);
	xa_node_free(n);
}

void xa_destroy(struct xarray *xa)
{
	destroy_subtree(xa->root, xa->height);
	xa_init(xa);
}
