/* How many tasks ran or wanted to, on average over 1, 5 and 15 minutes. */
#ifndef KERNEL_LOADAVG_H
#define KERNEL_LOADAVG_H

#include "kernel/types.h"

#define LOAD_SHIFT 11 /* fixed point, as Linux */
#define LOAD_ONE (1UL << LOAD_SHIFT)

void loadavg_start(void);
void loadavg_get(unsigned long load[3]);

#endif
