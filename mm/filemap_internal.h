/* Between filemap.c and truncate.c. */
#ifndef MM_FILEMAP_INTERNAL_H
#define MM_FILEMAP_INTERNAL_H

#include "kernel/fs/file.h"
#include "mm/filemap.h"
#include "mm/mm.h"

/* A page offset beyond every file's last: sizes are at most 2^63 - 1 bytes. */
#define FILE_PAGES_MAX (1UL << (63 - PAGE_SHIFT))

/* A folio leaves in two steps: out of the cache, with an index that no file reaches (=> the one it had), ... */
unsigned long filemap_detach_folio(struct address_space *m, struct folio *f);
/* ... and, when no entry maps it any more, without a mapping and the cache's reference. */
void filemap_release_folio(struct folio *f);
/* Every cached folio of [first, last] leaves the cache. => nothing maps them */
void filemap_remove_range(struct address_space *m, unsigned long first, unsigned long last);

#endif
