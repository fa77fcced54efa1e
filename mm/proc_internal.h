/* Between the files that show an address space. */
#ifndef MM_PROC_INTERNAL_H
#define MM_PROC_INTERNAL_H

#include "mm/proc_mm.h"
#include "mm/vma.h"

/* One line of maps, the head of a block of smaps. => mmap_lock held; 0 or -ENOMEM */
int proc_map_line(struct seq *s, struct vma *v);
/* As above with the numbers given and `name` at its column; perm as in "r-xp". */
struct map_numbers {
	unsigned long start, end, offset, ino;
	u32 dev;
};
void proc_map_columns(struct seq *s, const struct map_numbers *n, const char *perm, const char *name);
/* The VMA's name as maps has it. => "" none, NULL no memory; *heap must be kfree()d */
const char *proc_vma_name(const struct vma *v, char **heap);
void proc_vma_perm(const struct vma *v, char perm[5]);

/* A file with one record per VMA, by address. => as seq_next_fn */
int proc_next_vma(struct seq *s, struct mm *mm, u64 *cookie, int (*show)(struct seq *s, struct vma *v));

/* "Key:      %8lu kB\n", the key padded to 16 columns, as in meminfo and smaps. */
static inline void proc_kb(struct seq *s, const char *key, unsigned long kb)
{
	seq_printf(s, "%-16s%8lu kB\n", key, kb);
}

static inline unsigned long pages_to_kb(unsigned long pages)
{
	return pages << (PAGE_SHIFT - 10);
}

#endif
