/* All address spaces that may map something. For mm/ only. */
#ifndef MM_MM_LIST_H
#define MM_MM_LIST_H

#include "mm/mm.h"

extern struct list_head all_mms; /* struct mm by all_node */
extern struct mutex all_mms_lock; /* RANK_KMUTEX: nothing is taken under it but by trylock */
void mm_list_boot(void);
void check_boot(void);

#endif
