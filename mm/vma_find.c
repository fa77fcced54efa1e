/*
 * Looking things up in the VMA tree, and checking it. Theory in vma_tree.c.
 */
#include "mm/vma_node.h"

struct vma *vma_tree_find(const struct vma_tree *t, unsigned long addr)
{
	const struct vma_node *n = t->root;

	for (unsigned int height = t->height; height; height--) {
		unsigned int i = node_first_above(n, addr);

		if (i == n->nr) /* at the root, or nowhere */
			return NULL;
		if (height == 1)
			return n->vma[i];
		n = n->child[i];
	}
	return NULL;
}

static struct vma *last_below(const struct vma_node *n, unsigned int height)
{
	while (height-- > 1)
		n = n->child[n->nr - 1];
	return n->vma[n->nr - 1];
}

struct vma *vma_tree_around(const struct vma_tree *t, unsigned long addr, struct vma **next)
{
	const struct vma_node *n = t->root, *left = NULL; /* the nearest subtree wholly to the left */
	unsigned int left_height = 0;

	*next = NULL;
	for (unsigned int height = t->height; height; height--) {
		unsigned int i = node_first_above(n, addr);

		if (i == n->nr) /* at the root, or nowhere */
			return last_below(n, height);
		if (height == 1) {
			*next = n->vma[i];
			if (i)
				return n->vma[i - 1];
			break;
		}
		if (i) {
			left = n->child[i - 1];
			left_height = height - 1;
		}
		n = n->child[i];
	}
	return left ? last_below(left, left_height) : NULL;
}

struct vma *vma_tree_prev(const struct vma_tree *t, unsigned long addr)
{
	struct vma *next;

	return vma_tree_around(t, addr, &next);
}

/* ---- Iterator ---- */

struct vma *vma_iter_first(struct vma_iter *it, const struct vma_tree *t, unsigned long addr)
{
	struct vma_node *n = t->root;

	it->tree = t;
	for (unsigned int level = 0; level < t->height; level++) {
		unsigned int i = node_first_above(n, addr);

		if (i == n->nr)
			return NULL;
		it->path.node[level] = n;
		it->path.slot[level] = (u8)i;
		if (level + 1 == t->height)
			return n->vma[i];
		n = n->child[i];
	}
	return NULL;
}

struct vma *vma_iter_next(struct vma_iter *it)
{
	struct vma_path *p = &it->path;
	const unsigned int leaf = it->tree->height - 1;
	unsigned int level = leaf;

	if (likely(++p->slot[leaf] < p->node[leaf]->nr))
		return p->node[leaf]->vma[p->slot[leaf]];
	do {
		if (level-- == 0)
			return NULL;
	} while (++p->slot[level] == p->node[level]->nr);
	for (; level < leaf; level++) {
		p->node[level + 1] = p->node[level]->child[p->slot[level]];
		p->slot[level + 1] = 0;
	}
	return p->node[leaf]->vma[0];
}

/* ---- Gaps ---- */

struct gap_search {
	unsigned long lo, hi, len, guard;
};

/* The gap of `gap` bytes below v, cut to [lo, hi) and short of v's guard. => its bounds fit len */
static bool gap_fits(const struct gap_search *s, const struct vma *v, unsigned long gap, unsigned long *from,
		     unsigned long *to)
{
	unsigned long keep = vma_test(v, VMA_GROWSDOWN) ? min(s->guard, gap) : 0;

	*from = max(s->lo, v->start - gap);
	*to = min(s->hi, v->start - keep);
	return *from < *to && *to - *from >= s->len;
}

static unsigned long gap_lowest(const struct gap_search *s, const struct vma_node *n, unsigned int height)
{
	unsigned long from, to;

	/* what ends at or below lo has its gap below lo */
	for (unsigned int i = node_first_above(n, s->lo); i < n->nr; i++) {
		if (n->gap[i] >= s->len) {
			if (height > 1)
				from = gap_lowest(s, n->child[i], height - 1);
			else if (!gap_fits(s, n->vma[i], n->gap[i], &from, &to))
				from = 0;
			if (from)
				return from;
		}
		if (n->key[i] >= s->hi) /* the next gap begins at this end */
			break;
	}
	return 0;
}

static unsigned long gap_highest(const struct gap_search *s, const struct vma_node *n, unsigned int height)
{
	unsigned long from, to;
	unsigned int i = node_first_above(n, s->hi - 1);

	/* the gap of slot i begins below hi, those of later slots do not */
	for (i = min(i + 1, n->nr); i-- > 0 && n->key[i] > s->lo;) {
		if (n->gap[i] < s->len)
			continue;
		if (height > 1)
			to = gap_highest(s, n->child[i], height - 1);
		else
			to = gap_fits(s, n->vma[i], n->gap[i], &from, &to) ? to - s->len : 0;
		if (to)
			return to;
	}
	return 0;
}

unsigned long vma_tree_gap(const struct vma_tree *t, unsigned long lo, unsigned long hi, unsigned long len,
			   unsigned long guard, bool topdown)
{
	const struct gap_search s = { max(lo, PAGE_SIZE), hi, len, guard };
	unsigned long top = max(s.lo, t->root ? node_last_key(t->root) : 0); /* above the last VMA */
	bool top_fits = top < hi && hi - top >= len;
	unsigned long found = 0;

	debug_assert(len && IS_ALIGNED(len, PAGE_SIZE));
	if (hi <= s.lo || hi - s.lo < len)
		return 0;
	if (topdown && top_fits)
		return hi - len;
	if (t->root)
		found = topdown ? gap_highest(&s, t->root, t->height) : gap_lowest(&s, t->root, t->height);
	return !found && !topdown && top_fits ? top : found;
}

/* ---- Proof ---- */

struct recount {
	unsigned long prev_end;
	unsigned int vmas, nodes;
};

static const char *check_leaf(const struct vma_node *n, struct recount *rc)
{
	for (unsigned int i = 0; i < n->nr; i++) {
		const struct vma *v = n->vma[i];

		if (v->start >= v->end || v->start < rc->prev_end)
			return "V1: VMAs overlap, or are out of order or empty";
		if (n->key[i] != v->end)
			return "T1: a key is not its VMA's end";
		if (n->gap[i] != v->start - rc->prev_end)
			return "T2: a VMA's gap is wrong";
		rc->prev_end = v->end;
	}
	rc->vmas += n->nr;
	return NULL;
}

static const char *check_node(const struct vma_node *n, unsigned int height, bool root, struct recount *rc)
{
	rc->nodes++;
	if (n->nr > VMA_NODE_MAX || n->nr < (!root ? VMA_NODE_MIN : height > 1 ? 2 : 1))
		return "T1: a node has too few or too many entries";
	for (unsigned int i = n->nr; i < VMA_NODE_MAX; i++)
		if (n->key[i] != ~0UL)
			return "T1: an unused key is in use";
	if (height == 1)
		return check_leaf(n, rc);
	for (unsigned int i = 0; i < n->nr; i++) {
		const char *wrong = check_node(n->child[i], height - 1, false, rc);

		if (wrong)
			return wrong;
		if (n->key[i] != node_last_key(n->child[i]))
			return "T1: an inner key is not its child's last";
		if (n->gap[i] != node_max_gap(n->child[i]))
			return "T2: an inner gap is not its child's largest";
	}
	return NULL;
}

const char *vma_tree_check(const struct vma_tree *t)
{
	struct recount rc = {};
	const char *wrong = NULL;

	if (!t->root != !t->height)
		return "T1: height does not fit the root";
	if (t->root)
		wrong = check_node(t->root, t->height, true, &rc);
	if (!wrong && (rc.vmas != t->count || rc.nodes != t->nodes || t->nr_spare < t->reserved))
		wrong = "T1: the tree's counts are wrong";
	return wrong;
}
