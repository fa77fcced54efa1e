/*
 * Red-black trees: see rbtree.h for the rules R1..R3.
 *
 * Left and right cases are one: a direction, 0 or 1, names a child and !dir the other one. Rotations
 * keep R3 by themselves, because a rotation changes only the two nodes it turns:
 *
 *	      n                 c
 *	     / \     dir 0     / \
 *	    A   c    ---->    n   C       n goes down to the left, c takes its place; the set of nodes
 *	       / \           / \          below the place is the same, so nothing above changes
 *	      B   C         A   B
 *
 * Linux differs: its augmented tree takes three callbacks (propagate, copy, rotate); recomputing from the
 * children serves all three.
 */
#include "kernel/lib/rbtree.h"

#define RB_BLACK 1UL

static inline bool is_red(const struct rb_node *n)
{
	return n && !(n->parent_color & RB_BLACK);
}

static inline void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->parent_color = (unsigned long)parent | (n->parent_color & RB_BLACK);
}

static inline void set_red(struct rb_node *n)
{
	n->parent_color &= ~RB_BLACK;
}

static inline void set_black(struct rb_node *n)
{
	n->parent_color |= RB_BLACK;
}

static inline struct rb_node **child(struct rb_node *n, int dir)
{
	return dir ? &n->right : &n->left;
}

/* The word that points at n: in its parent, or the root's. */
static inline struct rb_node **link_of(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *parent = rb_parent(n);

	if (!parent)
		return &root->node;
	return parent->left == n ? &parent->left : &parent->right;
}

static void update_to_root(struct rb_node *n, rb_update_fn *update)
{
	for (; n; n = rb_parent(n))
		update(n);
}

void rb_propagate(struct rb_node *n, rb_update_fn *update)
{
	while (n && update(n))
		n = rb_parent(n);
}

/* Turn n down towards dir; its other child, which must exist, takes its place. */
static void rotate(struct rb_root *root, struct rb_node *n, int dir, rb_update_fn *update)
{
	struct rb_node *c = *child(n, !dir), *middle = *child(c, dir);

	*link_of(root, n) = c;
	set_parent(c, rb_parent(n));
	*child(c, dir) = n;
	set_parent(n, c);
	*child(n, !dir) = middle;
	if (middle)
		set_parent(middle, n);
	if (update) {
		update(n);
		update(c);
	}
}

/* n is red and may have a red parent: restore R1. */
static void insert_fixup(struct rb_root *root, struct rb_node *n, rb_update_fn *update)
{
	struct rb_node *parent;

	while (is_red(parent = rb_parent(n))) {
		struct rb_node *grand = rb_parent(parent); /* exists: the root is black */
		int dir = parent == grand->right;
		struct rb_node *uncle = *child(grand, !dir);

		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			n = grand;
			continue;
		}
		if (n == *child(parent, !dir)) {
			rotate(root, parent, dir, update);
			parent = n;
		}
		set_black(parent);
		set_red(grand);
		rotate(root, grand, !dir, update);
		break;
	}
	set_black(root->node);
}

void rb_insert(struct rb_root *root, struct rb_node *n, struct rb_node *parent, struct rb_node **link,
	       rb_update_fn *update)
{
	n->parent_color = (unsigned long)parent;
	n->left = n->right = NULL;
	*link = n;
	if (update) {
		update(n);
		rb_propagate(parent, update);
	}
	insert_fixup(root, n, update);
}

/* The paths through n's place (n may be missing) have one black node less than those through its sibling. */
static void erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *parent, rb_update_fn *update)
{
	while (parent && !is_red(n)) {
		int dir = n == parent->right;
		struct rb_node *sibling = *child(parent, !dir); /* exists: its paths have a black more */

		if (is_red(sibling)) {
			set_black(sibling);
			set_red(parent);
			rotate(root, parent, dir, update);
			sibling = *child(parent, !dir);
		}
		if (!is_red(sibling->left) && !is_red(sibling->right)) {
			set_red(sibling);
			n = parent;
			parent = rb_parent(n);
			continue;
		}
		if (!is_red(*child(sibling, !dir))) {
			set_black(*child(sibling, dir));
			set_red(sibling);
			rotate(root, sibling, !dir, update);
			sibling = *child(parent, !dir);
		}
		if (is_red(parent))
			set_red(sibling);
		else
			set_black(sibling);
		set_black(parent);
		set_black(*child(sibling, !dir));
		rotate(root, parent, dir, update);
		return;
	}
	if (n)
		set_black(n);
}

/* n has at most one child: let it take n's place. */
static void splice_out(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *c = n->left ? n->left : n->right;

	*link_of(root, n) = c;
	if (c)
		set_parent(c, rb_parent(n));
}

void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *new)
{
	*link_of(root, old) = new;
	new->parent_color = old->parent_color;
	new->left = old->left;
	new->right = old->right;
	if (new->left)
		set_parent(new->left, new);
	if (new->right)
		set_parent(new->right, new);
}

void rb_erase(struct rb_root *root, struct rb_node *n, rb_update_fn *update)
{
	struct rb_node *gone = n, *fill, *parent;
	bool was_red;

	if (n->left && n->right) /* the next node, which has no left child, leaves its place and takes n's */
		for (gone = n->right; gone->left;)
			gone = gone->left;
	fill = gone->left ? gone->left : gone->right;
	parent = rb_parent(gone);
	was_red = is_red(gone);
	splice_out(root, gone);
	if (gone != n) {
		rb_replace(root, n, gone);
		if (parent == n)
			parent = gone;
	}
	if (update)
		update_to_root(parent, update);
	if (!was_red)
		erase_fixup(root, fill, parent, update);
}

static struct rb_node *outermost(struct rb_node *n, int dir)
{
	while (n && *child(n, dir))
		n = *child(n, dir);
	return n;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return outermost(root->node, 0);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return outermost(root->node, 1);
}

static struct rb_node *neighbour(const struct rb_node *n, int dir)
{
	struct rb_node *next = *child((struct rb_node *)n, dir), *parent;

	if (next)
		return outermost(next, !dir);
	while ((parent = rb_parent(n)) && n == *child(parent, dir))
		n = parent;
	return parent;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	return neighbour(n, 1);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	return neighbour(n, 0);
}

/* Depth is at most 2 log2(n), so recursion is bounded. */
static int check_subtree(const struct rb_node *n, const struct rb_node *parent)
{
	int left, right;

	if (!n)
		return 0;
	if (rb_parent(n) != parent || (is_red(n) && (is_red(n->left) || is_red(n->right))))
		return -1;
	left = check_subtree(n->left, n);
	right = check_subtree(n->right, n);
	if (left < 0 || left != right)
		return -1;
	return left + !is_red(n);
}

int rb_check(const struct rb_root *root)
{
	return is_red(root->node) ? -1 : check_subtree(root->node, NULL);
}
