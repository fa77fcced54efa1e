/* What a look at all of memory tells: mem_map.c. */
#ifndef MM_STAT_H
#define MM_STAT_H

#include "mm/page.h"

/* Frames, counted by looking at each. */
struct frame_census {
	unsigned long present; /* RAM: managed, or the image's */
	unsigned long anon;    /* of anonymous folios that are mapped */
	unsigned long mapped;  /* of the page cache that are mapped */
	unsigned long mlocked;
};
void frame_census(struct frame_census *c);

#endif
