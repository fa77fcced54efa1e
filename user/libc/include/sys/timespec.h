/* struct itimerspec comes with the other time structures of the kernel. */
#ifndef _SYS_TIMESPEC_H_
#define _SYS_TIMESPEC_H_

#include <sys/_timespec.h>

#endif
