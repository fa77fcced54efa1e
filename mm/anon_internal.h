/* Between identity.c and anon.c. */
#ifndef MM_ANON_INTERNAL_H
#define MM_ANON_INTERNAL_H

#include "mm/anon.h"

void identity_boot(void);
/* A new anon_vma, one reference. parent: NULL for a root. => NULL when memory is short */
struct anon_vma *anon_vma_alloc(struct anon_vma *parent);
void anon_vma_get(struct anon_vma *av);
void anon_vma_put(struct anon_vma *av); /* the last one frees it, and drops what it holds on its ancestors */

#endif
