/*
 * The VMA tree: a B+tree with the gaps in its nodes.
 *
 *	            [ key: 9000  gap: 3000 | key: f000  gap: 4000 ]                      inner: largest end and largest
 *	                   /                        \                                    gap of each child
 *	[2000 2000|5000 1000|9000 3000]   [c000 1000|f000 ...]                           leaf: end of a VMA, free bytes
 *	   |          |         |            |                                           below it
 *	 [0..     the VMAs themselves
 *
 * Keyed by end, because the question is always "the first VMA that ends above this address": a fault's, an unmap's,
 * and an insertion's alike. A node is 384 bytes, six cache lines; its 15 keys are searched in four steps without
 * a loop, for which unused keys are the largest number.
 *
 * The gap of a VMA is the free space between its predecessor, wherever that is, and itself. So a change of one
 * VMA touches its own gap and its successor's, and nothing else. Above the last VMA the gap is not stored: where
 * the address space ends is the searcher's business.
 *
 *   T1  keys ascend; each node but the root has at least MIN entries, an inner root two; all leaves at one depth;
 *       unused keys are ~0; a key is its VMA's end, an inner key its child's last one.
 *   T2  a leaf's gaps are start less the predecessor's end; an inner gap is the largest of its child.
 *
 * Filling and emptying: a full node splits in two; one that falls below MIN takes entries from a neighbour or is
 * joined with it. A bulk erase takes a leaf's worth at a time: (removed / 7) descents of at most 12 levels.
 *
 * Linux differs: a maple tree, readable without locks under RCU, ranges and gaps in nodes of 256 bytes.
 */
#include "mm/vma_tree.h"
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"
#include "mm/slab.h"
#include "mm/vma_node.h"

static struct kmem_cache *node_cache;

void vma_tree_boot(void)
{
	node_cache = kmem_cache_create("vma_tree_node", sizeof(struct vma_node), 64);
}

void vma_tree_init(struct vma_tree *t)
{
	*t = (struct vma_tree){};
}

/* ---- Nodes and spares ---- */

/* Spare nodes kept beside those promised: what two insertions reserve, so that changes in turn allocate no node. */
static unsigned int spare_kept(const struct vma_tree *t)
{
	return t->reserved + 2 * (t->height + 1);
}

static void spare_push(struct vma_tree *t, struct vma_node *n)
{
	n->next = t->spare;
	t->spare = n;
	t->nr_spare++;
}

static struct vma_node *spare_pop(struct vma_tree *t)
{
	struct vma_node *n = t->spare;

	t->spare = n->next;
	t->nr_spare--;
	return n;
}

static struct vma_node *node_new(struct vma_tree *t, struct vma_tree_reserve *r)
{
	struct vma_node *n;

	assert(r->tree == t && r->nr && t->nr_spare);
	r->nr--;
	t->reserved--;
	n = spare_pop(t);
	n->nr = 0;
	memset(n->key, 0xff, sizeof(n->key));
	t->nodes++;
	return n;
}

static void node_put(struct vma_tree *t, struct vma_node *n)
{
	t->nodes--;
	if (t->nr_spare < spare_kept(t))
		spare_push(t, n);
	else
		kmem_cache_free(node_cache, n);
}

/* Every insertion may split each level and make a new root. */
int vma_tree_reserve(struct vma_tree *t, struct vma_tree_reserve *r, unsigned int inserts)
{
	unsigned int want = inserts * (t->height + 1);

	while (t->nr_spare < t->reserved + want) {
		struct vma_node *n = kmem_cache_alloc(node_cache);

		if (!n)
			return -ENOMEM;
		spare_push(t, n);
	}
	r->tree = t;
	r->nr += want;
	t->reserved += want;
	return 0;
}

void vma_tree_unreserve(struct vma_tree_reserve *r)
{
	struct vma_tree *t = r->tree;

	if (!t)
		return;
	t->reserved -= r->nr;
	r->nr = 0;
	while (t->nr_spare > spare_kept(t))
		kmem_cache_free(node_cache, spare_pop(t));
}

static void node_destroy(struct vma_node *n, unsigned int height)
{
	for (unsigned int i = 0; height > 1 && i < n->nr; i++)
		node_destroy(n->child[i], height - 1);
	kmem_cache_free(node_cache, n);
}

void vma_tree_destroy(struct vma_tree *t)
{
	debug_assert(!t->reserved);
	if (t->root)
		node_destroy(t->root, t->height);
	while (t->spare)
		kmem_cache_free(node_cache, spare_pop(t));
	vma_tree_init(t);
}

/* ---- Descending ---- */

/* The way to the first VMA that ends above addr, or, when there is none, past the last VMA. => tree not empty */
static void descend(const struct vma_tree *t, unsigned long addr, struct vma_path *p)
{
	struct vma_node *n = t->root;

	for (unsigned int level = 0;; level++) {
		unsigned int i = node_first_above(n, addr);

		p->node[level] = n;
		if (level + 1 == t->height) {
			p->slot[level] = (u8)i;
			return;
		}
		if (i == n->nr)
			i--;
		p->slot[level] = (u8)i;
		n = n->child[i];
	}
}

/* Gaps of the node at `level` changed, the largest of them from old_gap to new_gap, or its last key did: carry that
 * upwards. A node is only counted again when its largest gap may have shrunk. */
static void path_carry(struct vma_path *p, unsigned int level, unsigned long old_gap, unsigned long new_gap)
{
	while (level-- > 0) {
		struct vma_node *n = p->node[level];
		unsigned int i = p->slot[level];
		unsigned long key = node_last_key(n->child[i]), was = n->gap[i];

		if (new_gap < was)
			new_gap = old_gap < was ? was : node_max_gap(n->child[i]);
		if (n->key[i] == key && new_gap == was)
			return;
		n->key[i] = key;
		n->gap[i] = new_gap;
		old_gap = was;
	}
}

/* The node at `level` has other entries than before: carry its values upwards. */
static void path_update(struct vma_path *p, unsigned int level)
{
	struct vma_node *parent;

	if (level == 0)
		return;
	parent = p->node[level - 1];
	path_carry(p, level, parent->gap[p->slot[level - 1]], node_max_gap(p->node[level]));
}

/* ---- Entries of one node ---- */

static void node_move(struct vma_node *to, unsigned int i, const struct vma_node *from, unsigned int j, unsigned int n)
{
	memmove(&to->key[i], &from->key[j], n * sizeof(to->key[0]));
	memmove(&to->gap[i], &from->gap[j], n * sizeof(to->gap[0]));
	memmove(&to->child[i], &from->child[j], n * sizeof(void *));
}

static void node_resize(struct vma_node *n, unsigned int nr)
{
	for (unsigned int i = nr; i < n->nr; i++)
		n->key[i] = ~0UL;
	n->nr = nr;
}

static void node_insert(struct vma_node *n, unsigned int i, struct vma_entry e)
{
	debug_assert(n->nr < VMA_NODE_MAX && i <= n->nr);
	for (unsigned int k = n->nr; k > i; k--) {
		n->key[k] = n->key[k - 1];
		n->gap[k] = n->gap[k - 1];
		n->child[k] = n->child[k - 1];
	}
	n->key[i] = e.key;
	n->gap[i] = e.gap;
	n->child[i] = e.what;
	n->nr++;
}

static void node_remove(struct vma_node *n, unsigned int i, unsigned int j)
{
	for (unsigned int k = i, from = j; from < n->nr; k++, from++) {
		n->key[k] = n->key[from];
		n->gap[k] = n->gap[from];
		n->child[k] = n->child[from];
	}
	node_resize(n, n->nr - (j - i));
}

/* ---- Insert ---- */

static struct vma_entry node_entry(struct vma_node *n)
{
	return (struct vma_entry){ node_last_key(n), node_max_gap(n), n };
}

static void grow_root(struct vma_tree *t, struct vma_node *right, struct vma_tree_reserve *r)
{
	struct vma_node *root = node_new(t, r);

	node_insert(root, 0, node_entry(t->root));
	node_insert(root, 1, node_entry(right));
	t->root = root;
	t->height++;
	assert(t->height <= VMA_TREE_HEIGHT_MAX);
}

/* Put e in at slot i of the node at `level`, splitting upwards as far as nodes are full. Before, the largest gap that
 * the change concerns was old_gap; it is new_gap now. */
static void path_insert(struct vma_tree *t, struct vma_path *p, unsigned int level, unsigned int i, struct vma_entry e,
			unsigned long old_gap, unsigned long new_gap, struct vma_tree_reserve *r)
{
	const unsigned int half = (VMA_NODE_MAX + 1) / 2;

	for (;; level--) {
		struct vma_node *n = p->node[level], *right;

		if (n->nr < VMA_NODE_MAX) {
			node_insert(n, i, e);
			path_carry(p, level, old_gap, new_gap);
			return;
		}
		right = node_new(t, r);
		node_move(right, 0, n, half, VMA_NODE_MAX - half);
		right->nr = VMA_NODE_MAX - half;
		node_resize(n, half);
		if (i <= half)
			node_insert(n, i, e);
		else
			node_insert(right, i - half, e);
		if (level == 0) {
			grow_root(t, right, r);
			return;
		}
		i = p->slot[level - 1];
		e = node_entry(n);
		old_gap = p->node[level - 1]->gap[i];
		p->node[level - 1]->key[i] = e.key;
		p->node[level - 1]->gap[i] = e.gap;
		new_gap = e.gap;
		e = node_entry(right);
		new_gap = max(new_gap, e.gap);
		i++;
	}
}

void vma_tree_insert(struct vma_tree *t, struct vma *v, struct vma_tree_reserve *r)
{
	struct vma_entry e = { v->end, v->start, v };
	unsigned long old_gap = 0, new_gap = 0;
	struct vma_path p;
	struct vma_node *leaf;
	unsigned int i;

	debug_assert(v->start < v->end);
	if (!t->root) {
		t->root = node_new(t, r);
		t->height = 1;
	}
	descend(t, v->start, &p);
	leaf = p.node[t->height - 1];
	i = p.slot[t->height - 1];
	if (i < leaf->nr) {
		struct vma *next = leaf->vma[i];

		debug_assert(next->start >= v->end);
		old_gap = leaf->gap[i];
		e.gap = v->start - (next->start - old_gap);
		leaf->gap[i] = next->start - v->end;
		new_gap = leaf->gap[i];
	} else if (i) {
		e.gap = v->start - leaf->key[i - 1];
	}
	t->count++;
	path_insert(t, &p, t->height - 1, i, e, old_gap, max(new_gap, e.gap), r);
}

void vma_tree_split(struct vma_tree *t, struct vma *v, unsigned long addr, struct vma *upper, struct vma_tree_reserve *r)
{
	struct vma_entry e = { v->end, 0, upper };
	struct vma_path p;
	struct vma_node *leaf;
	unsigned int i;

	debug_assert(v->start < addr && addr < v->end);
	descend(t, v->start, &p);
	leaf = p.node[t->height - 1];
	i = p.slot[t->height - 1];
	assert(i < leaf->nr && leaf->vma[i] == v);
	upper->start = addr;
	upper->end = v->end;
	v->end = addr;
	leaf->key[i] = addr;
	t->count++;
	path_insert(t, &p, t->height - 1, i + 1, e, 0, 0, r);
}

/* ---- Erase ---- */

/* An inner root with one child, or an empty leaf, is no root. */
static void shrink_root(struct vma_tree *t)
{
	while (t->root && t->root->nr < 2) {
		struct vma_node *old = t->root;

		if (t->height == 1 && old->nr)
			return;
		t->root = t->height == 1 ? NULL : old->child[0];
		t->height--;
		node_put(t, old);
	}
}

/* Share the entries of two neighbours, slots l and l + 1 of `parent`. => true: they are one now */
static bool join_or_share(struct vma_tree *t, struct vma_node *parent, unsigned int l)
{
	struct vma_node *left = parent->child[l], *right = parent->child[l + 1];
	const unsigned int total = left->nr + right->nr, want = total / 2;
	bool joined = total <= VMA_NODE_MAX;

	if (joined) {
		node_move(left, left->nr, right, 0, right->nr);
		left->nr = total;
		node_remove(parent, l + 1, l + 2);
		node_put(t, right);
	} else if (left->nr < want) {
		unsigned int n = want - left->nr;

		node_move(left, left->nr, right, 0, n);
		left->nr = want;
		node_remove(right, 0, n);
	} else {
		unsigned int n = left->nr - want;

		node_move(right, n, right, 0, right->nr);
		node_move(right, 0, left, want, n);
		right->nr += n;
		node_resize(left, want);
	}
	parent->key[l] = node_last_key(left);
	parent->gap[l] = node_max_gap(left);
	if (!joined) {
		parent->key[l + 1] = node_last_key(right);
		parent->gap[l + 1] = node_max_gap(right);
	}
	return joined;
}

/* The node at `level` lost entries; the largest gap concerned went from old_gap to new_gap. Restore T1 and T2 from there
 * upwards. */
static void rebalance(struct vma_tree *t, struct vma_path *p, unsigned int level, unsigned long old_gap,
		      unsigned long new_gap)
{
	if (level > 0 && p->node[level]->nr >= VMA_NODE_MIN) {
		path_carry(p, level, old_gap, new_gap);
		return;
	}
	while (level > 0 && p->node[level]->nr < VMA_NODE_MIN) {
		unsigned int i = p->slot[level - 1];

		if (!join_or_share(t, p->node[level - 1], i ? i - 1 : 0)) {
			path_update(p, level - 1);
			return;
		}
		level--;
	}
	if (level == 0)
		shrink_root(t);
	else
		path_update(p, level);
}

/* The first VMA that ends above `addr` has its predecessor's end at prev_end. */
static void set_gap(struct vma_tree *t, unsigned long addr, unsigned long prev_end)
{
	struct vma_path p;
	struct vma_node *leaf;
	unsigned long old_gap;
	unsigned int i;

	if (!t->root)
		return;
	descend(t, addr, &p);
	leaf = p.node[t->height - 1];
	i = p.slot[t->height - 1];
	if (i == leaf->nr)
		return;
	old_gap = leaf->gap[i];
	leaf->gap[i] = leaf->vma[i]->start - prev_end;
	path_carry(&p, t->height - 1, old_gap, leaf->gap[i]);
}

/* The largest gap among the slots [i, j] of a leaf; j may be one too many. */
static unsigned long gap_among(const struct vma_node *leaf, unsigned int i, unsigned int j)
{
	unsigned long gap = 0;

	for (; i <= j && i < leaf->nr; i++)
		gap = max(gap, leaf->gap[i]);
	return gap;
}

/* The VMAs that end in (from, to] go. => none of them starts below from */
static unsigned int erase_between(struct vma_tree *t, unsigned long from, unsigned long to)
{
	const unsigned long last = t->root ? node_last_key(t->root) : 0;
	unsigned long prev_end = 0, end = 0; /* of the last one removed */
	unsigned int removed = 0;
	bool gap_known = false; /* of the first one behind */

	while (t->root && !gap_known && end != to) {
		struct vma_path p;
		struct vma_node *leaf;
		unsigned long old_gap;
		unsigned int i, j;

		descend(t, from, &p);
		leaf = p.node[t->height - 1];
		i = j = p.slot[t->height - 1];
		while (j < leaf->nr && leaf->key[j] <= to)
			j++;
		if (i == j)
			break;
		debug_assert(leaf->vma[i]->start >= from);
		if (!removed)
			prev_end = leaf->vma[i]->start - leaf->gap[i];
		old_gap = gap_among(leaf, i, j);
		end = leaf->key[j - 1];
		gap_known = j < leaf->nr;
		if (gap_known)
			leaf->gap[j] = leaf->vma[j]->start - prev_end;
		removed += j - i;
		node_remove(leaf, i, j);
		rebalance(t, &p, t->height - 1, old_gap, gap_known ? leaf->gap[i] : 0);
	}
	t->count -= removed;
	if (removed && !gap_known && end != last)
		set_gap(t, from, prev_end);
	return removed;
}

void vma_tree_erase(struct vma_tree *t, struct vma *v)
{
	unsigned int removed = erase_between(t, v->start, v->end);

	assert(removed == 1);
}

unsigned int vma_tree_erase_range(struct vma_tree *t, unsigned long from, unsigned long to)
{
	return from < to ? erase_between(t, from, to) : 0;
}

void vma_tree_resize(struct vma_tree *t, struct vma *v, unsigned long start, unsigned long end)
{
	unsigned long old_gap, new_gap;
	struct vma_path p;
	struct vma_node *leaf;
	unsigned int i;

	debug_assert(start < end);
	descend(t, v->start, &p);
	leaf = p.node[t->height - 1];
	i = p.slot[t->height - 1];
	assert(i < leaf->nr && leaf->vma[i] == v);
	old_gap = leaf->gap[i];
	leaf->gap[i] += start - v->start;
	new_gap = leaf->gap[i];
	if (end != v->end) {
		if (i + 1 < leaf->nr) {
			old_gap = max(old_gap, leaf->gap[i + 1]);
			leaf->gap[i + 1] = leaf->vma[i + 1]->start - end;
			new_gap = max(new_gap, leaf->gap[i + 1]);
		} else {
			set_gap(t, v->end, end); /* in the next leaf: before the keys above change */
		}
		leaf->key[i] = end;
	}
	v->start = start;
	v->end = end;
	path_carry(&p, t->height - 1, old_gap, new_gap);
}

void vma_tree_join(struct vma_tree *t, struct vma *lower, struct vma *upper)
{
	const unsigned long end = upper->end;
	struct vma_path p;
	struct vma_node *leaf;
	unsigned int i;

	debug_assert(lower->end == upper->start);
	descend(t, upper->start, &p);
	leaf = p.node[t->height - 1];
	i = p.slot[t->height - 1];
	if (i == 0) { /* in different leaves */
		vma_tree_erase(t, upper);
		vma_tree_resize(t, lower, lower->start, end);
		return;
	}
	assert(leaf->vma[i] == upper && leaf->vma[i - 1] == lower);
	leaf->key[i - 1] = lower->end = end;
	node_remove(leaf, i, i + 1);
	t->count--;
	rebalance(t, &p, t->height - 1, 0, 0);
}
