/* CLOCK_REALTIME for those who stamp files. */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "kernel/timer.h"
#include <arch/cpu.h>

static inline u64 time_real_ns(void) /* since 1970 */
{
	return (u64)((s64)cpu_clock() + realtime_offset);
}

#endif
