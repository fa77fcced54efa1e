/* The VMA tree against a model: a bitmap of pages. */
#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/test/harness.h"
#include "mm/vma_tree.h"

#define PAGES 4096UL /* the model's address space: pages 1 to 4095 */

static struct vma *owner[PAGES]; /* the model: which VMA has the page */

static struct vma *vma_make(unsigned long start, unsigned long end)
{
	struct vma *v = kzalloc(sizeof(*v));

	v->start = start << PAGE_SHIFT;
	v->end = end << PAGE_SHIFT;
	if (test_below(8) == 0)
		vma_flags_set(&v->flags, VMA_GROWSDOWN);
	return v;
}

static void model_set(unsigned long start, unsigned long end, struct vma *v)
{
	for (unsigned long p = start >> PAGE_SHIFT; p < end >> PAGE_SHIFT; p++)
		owner[p] = v;
}

static struct vma *model_find(unsigned long addr)
{
	for (unsigned long p = addr >> PAGE_SHIFT; p < PAGES; p++)
		if (owner[p])
			return owner[p];
	return NULL;
}

static struct vma *model_prev(unsigned long addr)
{
	for (unsigned long p = (addr >> PAGE_SHIFT); p-- > 0;)
		if (owner[p] && owner[p]->end <= addr)
			return owner[p];
	return NULL;
}

static bool model_fits(unsigned long a, unsigned long lo, unsigned long hi, unsigned long len, unsigned long guard)
{
	struct vma *next;

	if (a < lo || a + len > hi)
		return false;
	for (unsigned long p = a >> PAGE_SHIFT; p < (a + len) >> PAGE_SHIFT; p++)
		if (owner[p])
			return false;
	next = model_find(a + len);
	return !next || !vma_test(next, VMA_GROWSDOWN) || next->start - (a + len) >= guard;
}

static unsigned long model_gap(unsigned long lo, unsigned long hi, unsigned long len, unsigned long guard, bool topdown)
{
	for (unsigned long i = 1; i < PAGES; i++) {
		unsigned long a = (topdown ? PAGES - i : i) << PAGE_SHIFT;

		if (model_fits(a, lo, hi, len, guard))
			return a;
	}
	return 0;
}

/* ---- Operations on both ---- */

static void try_insert(struct vma_tree *t)
{
	unsigned long start = 1 + test_below(PAGES - 1), len = 1 + test_below(6);
	struct vma_tree_reserve r = {};
	struct vma *v;

	for (unsigned long p = start; p < start + len; p++)
		if (p >= PAGES || owner[p])
			return;
	v = vma_make(start, start + len);
	CHECK_EQ(vma_tree_reserve(t, &r, 1), 0);
	vma_tree_insert(t, v, &r);
	vma_tree_unreserve(&r);
	model_set(v->start, v->end, v);
}

static void try_erase(struct vma_tree *t)
{
	struct vma *v = model_find(test_below(PAGES) << PAGE_SHIFT);

	if (!v)
		return;
	vma_tree_erase(t, v);
	model_set(v->start, v->end, NULL);
	kfree(v);
}

static void try_erase_range(struct vma_tree *t, unsigned long most)
{
	unsigned long from = test_below(PAGES), to = min(from + test_below(most), PAGES - 1);
	unsigned int expected = 0;
	struct vma *v = owner[from];

	if (v)
		from = v->start >> PAGE_SHIFT;
	if (owner[to])
		to = owner[to]->start >> PAGE_SHIFT;
	for (unsigned long p = from; p < to; p++)
		expected += owner[p] && owner[p] != (p ? owner[p - 1] : NULL);
	CHECK_EQ(vma_tree_erase_range(t, from << PAGE_SHIFT, to << PAGE_SHIFT), expected);
	for (unsigned long p = from; p < to; p++) {
		if (owner[p] && owner[p]->start == p << PAGE_SHIFT)
			v = owner[p];
		else
			v = NULL;
		if (v) {
			model_set(v->start, v->end, NULL);
			kfree(v);
		}
	}
}

static void try_resize(struct vma_tree *t)
{
	struct vma *v = model_find(test_below(PAGES) << PAGE_SHIFT), *prev, *next;
	unsigned long lo, hi, start, end;

	if (!v)
		return;
	prev = model_prev(v->start);
	next = model_find(v->end);
	lo = prev ? prev->end : PAGE_SIZE;
	hi = next ? next->start : PAGES << PAGE_SHIFT;
	lo = max(lo, v->start > 4 * PAGE_SIZE ? v->start - 4 * PAGE_SIZE : PAGE_SIZE);
	hi = min(hi, v->end + 4 * PAGE_SIZE);
	start = lo + (test_below((hi - lo) >> PAGE_SHIFT) << PAGE_SHIFT);
	end = start + ((1 + test_below((hi - start) >> PAGE_SHIFT)) << PAGE_SHIFT);
	model_set(v->start, v->end, NULL);
	vma_tree_resize(t, v, start, end);
	CHECK(v->start == start && v->end == end);
	model_set(start, end, v);
}

static void try_split(struct vma_tree *t)
{
	struct vma *v = model_find(test_below(PAGES) << PAGE_SHIFT), *upper;
	struct vma_tree_reserve r = {};
	unsigned long addr;

	if (!v || v->end - v->start == PAGE_SIZE)
		return;
	addr = v->start + ((1 + test_below(((v->end - v->start) >> PAGE_SHIFT) - 1)) << PAGE_SHIFT);
	upper = vma_make(0, 0);
	upper->flags = v->flags;
	CHECK_EQ(vma_tree_reserve(t, &r, 1), 0);
	vma_tree_split(t, v, addr, upper, &r);
	vma_tree_unreserve(&r);
	CHECK(v->end == addr && upper->start == addr);
	model_set(upper->start, upper->end, upper);
}

static void try_join(struct vma_tree *t)
{
	struct vma *v = model_find(test_below(PAGES) << PAGE_SHIFT);
	struct vma *upper = v ? model_find(v->end) : NULL;

	if (!upper || upper->start != v->end)
		return;
	vma_tree_join(t, v, upper);
	CHECK_EQ(v->end, upper->end);
	model_set(v->start, v->end, v);
	kfree(upper);
}

static void compare_lookups(struct vma_tree *t)
{
	unsigned long addr = test_below(PAGES << PAGE_SHIFT), a = ALIGN_DOWN(addr, PAGE_SIZE);
	unsigned long lo = (1 + test_below(PAGES)) << PAGE_SHIFT, hi = lo + (test_below(PAGES) << PAGE_SHIFT);
	unsigned long len = (1 + test_below(40)) << PAGE_SHIFT, guard = test_below(3) << PAGE_SHIFT;
	bool topdown = test_below(2);
	struct vma *next;

	hi = min(hi, PAGES << PAGE_SHIFT);
	CHECK(vma_tree_find(t, addr) == model_find(addr));
	CHECK(vma_tree_prev(t, a) == model_prev(a));
	CHECK(vma_tree_around(t, a, &next) == model_prev(a) && next == model_find(a));
	CHECK_EQ(vma_tree_gap(t, lo, hi, len, guard, topdown), model_gap(lo, hi, len, guard, topdown));
}

static void compare_order(struct vma_tree *t)
{
	struct vma_iter it;
	struct vma *v = vma_iter_first(&it, t, 0), *u;
	unsigned int n = 0;

	vma_tree_for_each(u, t) {
		CHECK(u == v);
		v = vma_iter_next(&it);
		n++;
	}
	CHECK(v == NULL);
	CHECK_EQ(n, t->count);
}

static void empty(struct vma_tree *t)
{
	struct vma *v;

	vma_tree_for_each(v, t)
		try_erase_range(t, 1);
	while ((v = model_find(0))) {
		vma_tree_erase(t, v);
		model_set(v->start, v->end, NULL);
		kfree(v);
	}
	CHECK_EQ(t->count, 0);
	CHECK_EQ(t->height, 0);
	vma_tree_destroy(t);
}

/* `inserts` of 16 steps insert; the rest takes away, so that the tree breathes between full and empty. */
static void random_steps(struct vma_tree *t, unsigned long steps, unsigned int inserts)
{
	for (unsigned long i = 0; i < steps && !test_has_failed(); i++) {
		unsigned int what = (unsigned int)test_below(16);

		if (what < inserts)
			try_insert(t);
		else if (what < 12)
			try_erase(t);
		else if (what < 13)
			try_join(t);
		else if (what < 14)
			try_split(t);
		else if (what < 15)
			try_resize(t);
		else
			try_erase_range(t, test_below(50) ? 20 : PAGES);
		compare_lookups(t);
		if (i % 16 == 0)
			CHECK_NULL(vma_tree_check(t));
		if (i % 1024 == 0)
			compare_order(t);
	}
	CHECK_NULL(vma_tree_check(t));
}

TEST(random_operations_agree_with_the_model)
{
	struct vma_tree t;

	vma_tree_init(&t);
	for (int round = 0; round < 20; round++)
		random_steps(&t, 5000, round % 2 ? 2 : 11);
	empty(&t);
}

TEST(ascending_and_descending_insertions)
{
	for (int down = 0; down < 2; down++) {
		struct vma_tree t;

		vma_tree_init(&t);
		for (unsigned long i = 1; i < PAGES; i++) {
			unsigned long p = down ? PAGES - i : i;
			struct vma *v = vma_make(p, p + 1);
			struct vma_tree_reserve r = {};

			CHECK_EQ(vma_tree_reserve(&t, &r, 1), 0);
			vma_tree_insert(&t, v, &r);
			vma_tree_unreserve(&r);
			owner[p] = v;
		}
		CHECK_NULL(vma_tree_check(&t));
		CHECK(t.height <= 5);
		CHECK_EQ(vma_tree_gap(&t, PAGE_SIZE, PAGES << PAGE_SHIFT, PAGE_SIZE, 0, down), 0);
		CHECK_EQ(vma_tree_erase_range(&t, 100 << PAGE_SHIFT, 4000 << PAGE_SHIFT), 3900);
		for (unsigned long p = 100; p < 4000; p++) {
			kfree(owner[p]);
			owner[p] = NULL;
		}
		CHECK_NULL(vma_tree_check(&t));
		empty(&t);
	}
}

TEST(reserve_for_many_is_enough)
{
	struct vma_tree_reserve r = {};
	struct vma_tree t;

	vma_tree_init(&t);
	CHECK_EQ(vma_tree_reserve(&t, &r, 300), 0);
	for (unsigned long i = 1; i <= 300; i++) {
		struct vma *v = vma_make(i * 2, i * 2 + 1);

		vma_tree_insert(&t, v, &r);
		model_set(v->start, v->end, v);
	}
	vma_tree_unreserve(&r);
	CHECK_NULL(vma_tree_check(&t));
	empty(&t);
}
