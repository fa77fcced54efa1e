/*
 * Red-black trees, intrusive, with an optional value per node computed from its subtree
 * ("augmentation": an interval tree keeps the largest end below each node).
 *
 *   R1  A red node has black children.
 *   R2  Every path from the root down to a missing child passes the same number of black nodes.
 *   R3  With augmentation, every node's value is what update() would compute from the node and its two
 *       children, whenever no call is in progress.
 *
 * Pure: no locks, the caller serialises. The caller also does the search, so that the comparison is
 * inlined:
 *
 *	struct rb_node **link = &root->node, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = key < thing_of(parent)->key ? &parent->left : &parent->right;
 *	}
 *	rb_insert(root, &new->rb, parent, link, NULL);
 */
#ifndef KERNEL_LIB_RBTREE_H
#define KERNEL_LIB_RBTREE_H

#include "kernel/types.h"

struct rb_node {
	unsigned long parent_color; /* parent's address; bit 0 set: black */
	struct rb_node *left, *right;
};

struct rb_root {
	struct rb_node *node;
};
#define RB_ROOT_INIT { NULL }

/* Recompute n's value from n and its children. => whether it changed: if not, nobody above needs a look */
typedef bool rb_update_fn(struct rb_node *n);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

static inline struct rb_node *rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_color & ~1UL);
}

static inline bool rb_empty(const struct rb_root *root)
{
	return root->node == NULL;
}

/* Put n where a search ended: *link is `parent`'s missing child (or the root's word, with parent NULL).
 * => update may be NULL; n's own value need not be set before */
void rb_insert(struct rb_root *root, struct rb_node *n, struct rb_node *parent, struct rb_node **link,
	       rb_update_fn *update);
void rb_erase(struct rb_root *root, struct rb_node *n, rb_update_fn *update);
/* The node's own contribution changed (not its key): bring the values above it up to date. */
void rb_propagate(struct rb_node *n, rb_update_fn *update);
/* `new` takes `old`'s place: same key, same contribution. */
void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *new);

/* In order of keys; NULL past the end. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

/* For checkers: R1, R2 and the links hold. => black height, or -1 */
int rb_check(const struct rb_root *root);

#endif
