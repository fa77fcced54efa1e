/* times() in ticks of sysconf(_SC_CLK_TCK). */
#ifndef _SYS_TIMES_H
#define _SYS_TIMES_H

#include <_ansi.h>
#include <sys/types.h>
#include <sys/_timespec.h>

_BEGIN_STD_C

clock_t times(struct tms *buf);
#ifdef _COMPILING_NEWLIB
clock_t _times(struct tms *buf);
#endif

_END_STD_C

#endif
