/* Between filemap.c and truncate.c. */
#ifndef MM_FILEMAP_INTERNAL_H
#define MM_FILEMAP_INTERNAL_H

#include "kernel/fs/file.h"
#include "mm/filemap.h"
#include "mm/mm.h"

/* A page offset beyond every file's last: sizes are at most 2^63 - 1 bytes. */
#define FILE_PAGES_MAX (1UL << (63 - PAGE_SHIFT))

void sched_yield_point(void); /* kernel/task.h, of which mm/ needs only this */

/* Every cached folio of [first, last] leaves the cache. => nothing maps them */
void filemap_remove_range(struct address_space *m, unsigned long first, unsigned long last);

#endif
