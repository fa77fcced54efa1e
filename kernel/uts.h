/* Names of this kernel, for uname(2) and /proc/version. */
#ifndef KERNEL_UTS_H
#define KERNEL_UTS_H

#include "kernel/uapi/utsname.h"

#define UTS_RELEASE "6.18.0-quire"
#define UTS_VERSION "#1 SMP Quire"

extern struct utsname uts_name;

#endif
