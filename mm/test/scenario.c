/* See scenario.h. */
#include "mm/test/scenario.h"

void check_areas(const char *file, int line, struct host_proc *p, const struct area *want)
{
	const struct vma *v = vma_tree_find(&p->mm->vmas, BASE);

	for (; want->end || v; want++) {
		unsigned long start = BASE + want->start * PAGE_SIZE, end = BASE + want->end * PAGE_SIZE;

		if (!v || !want->end || v->start != start || v->end != end) {
			test_failed(file, line, "area [%lx, %lx) where [%lx, %lx) was expected", v ? v->start : 0,
				    v ? v->end : 0, want->end ? start : 0, want->end ? end : 0);
			return;
		}
		v = vma_tree_next(&p->mm->vmas, v);
	}
}
