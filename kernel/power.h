/* The machine's end, orderly. */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

#include "kernel/types.h"

/* Pid 1 has ended: say so where results go, and switch off. code: wait status form */
__noreturn void init_gone(int code);

#endif
