/* Any system call by number. */
#ifndef _SYS_SYSCALL_H
#define _SYS_SYSCALL_H

#include <kernel/uapi/syscall.h>

long syscall(long number, ...);

#endif
