/* Random numbers. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "kernel/types.h"

u64 random_u64(void);
void random_bytes(void *buf, size_t n);

#endif
