/* clone() flags and scheduling classes. */
#ifndef _SYS_SCHED_H_
#define _SYS_SCHED_H_

#include <kernel/uapi/sched.h>

#endif
