/* See scenario.h. */
#include "mm/test/scenario.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

unsigned long objects_of(const char *cache)
{
	struct slab_stats s;

	for (unsigned int i = 0; kmem_cache_stats_nth(i, &s); i++)
		if (!strcmp(s.name, cache))
			return s.active;
	panic("no cache is named %s", cache);
}

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
