/*
 * Interval trees: things that span [first, last] of some index, found by overlap.
 *
 * A red-black tree ordered by first; each node also carries the largest last of its subtree, which
 * lets a search leave out every subtree that ends too early. Finding the k things that overlap a
 * range costs O(log n + k).
 *
 *	INTERVAL_TREE(name, type, rb, subtree_last, FIRST, LAST) defines
 *	  name_insert(root, item)		name_remove(root, item)
 *	  name_first(root, first, last)		the overlapping item with the smallest first, or NULL
 *	  name_next(item, first, last)		the one after it
 *
 * FIRST(item) and LAST(item) must not change while the item is in a tree.
 * Pure: no locks, the caller serialises.
 */
#ifndef KERNEL_LIB_INTERVAL_H
#define KERNEL_LIB_INTERVAL_H

#include "kernel/lib/rbtree.h"

#define INTERVAL_TREE(name, type, rb_member, subtree_last, FIRST, LAST)                            \
	static bool name##_update(struct rb_node *n)                                               \
	{                                                                                          \
		type *item = rb_entry(n, type, rb_member);                                         \
		unsigned long last = LAST(item);                                                   \
                                                                                                   \
		if (n->left)                                                                       \
			last = max(last, rb_entry(n->left, type, rb_member)->subtree_last);        \
		if (n->right)                                                                      \
			last = max(last, rb_entry(n->right, type, rb_member)->subtree_last);       \
		if (last == item->subtree_last)                                                    \
			return false;                                                              \
		item->subtree_last = last;                                                         \
		return true;                                                                       \
	}                                                                                          \
                                                                                                   \
	static void name##_insert(struct rb_root *root, type *item)                                \
	{                                                                                          \
		struct rb_node **link = &root->node, *parent = NULL;                               \
                                                                                                   \
		while (*link) {                                                                    \
			parent = *link;                                                            \
			link = FIRST(item) < FIRST(rb_entry(parent, type, rb_member)) ?            \
				       &parent->left :                                             \
				       &parent->right;                                             \
		}                                                                                  \
		item->subtree_last = LAST(item);                                                   \
		rb_insert(root, &item->rb_member, parent, link, name##_update);                    \
	}                                                                                          \
                                                                                                   \
	static void name##_remove(struct rb_root *root, type *item)                                \
	{                                                                                          \
		rb_erase(root, &item->rb_member, name##_update);                                   \
	}                                                                                          \
                                                                                                   \
	/* Leftmost overlap in the subtree below n, which is known to reach `first`. */            \
	static type *name##_descend(struct rb_node *n, unsigned long first, unsigned long last)    \
	{                                                                                          \
		for (;;) {                                                                         \
			type *item = rb_entry(n, type, rb_member);                                 \
                                                                                                   \
			if (n->left &&                                                             \
			    rb_entry(n->left, type, rb_member)->subtree_last >= first) {           \
				n = n->left;                                                       \
				continue;                                                          \
			}                                                                          \
			if (FIRST(item) > last)                                                    \
				return NULL;                                                       \
			if (LAST(item) >= first)                                                   \
				return item;                                                       \
			if (!n->right ||                                                           \
			    rb_entry(n->right, type, rb_member)->subtree_last < first)             \
				return NULL;                                                       \
			n = n->right;                                                              \
		}                                                                                  \
	}                                                                                          \
                                                                                                   \
	static type *name##_first(const struct rb_root *root, unsigned long first,                 \
				  unsigned long last)                                              \
	{                                                                                          \
		if (!root->node || rb_entry(root->node, type, rb_member)->subtree_last < first)    \
			return NULL;                                                               \
		return name##_descend(root->node, first, last);                                    \
	}                                                                                          \
                                                                                                   \
	static type *name##_next(type *item, unsigned long first, unsigned long last)              \
	{                                                                                          \
		struct rb_node *n = &item->rb_member, *child;                                      \
                                                                                                   \
		for (;;) {                                                                         \
			if (n->right &&                                                            \
			    rb_entry(n->right, type, rb_member)->subtree_last >= first)            \
				return name##_descend(n->right, first, last);                      \
			do {                                                                       \
				child = n;                                                         \
				n = rb_parent(n);                                                  \
				if (!n)                                                            \
					return NULL;                                               \
			} while (child == n->right);                                               \
			item = rb_entry(n, type, rb_member);                                       \
			if (FIRST(item) > last)                                                    \
				return NULL;                                                       \
			if (LAST(item) >= first)                                                   \
				return item;                                                       \
		}                                                                                  \
	}

#endif
