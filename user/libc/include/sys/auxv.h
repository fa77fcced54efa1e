/* The auxiliary vector that execve() left on the stack. */
#ifndef _SYS_AUXV_H
#define _SYS_AUXV_H

#include <kernel/uapi/auxv.h>

unsigned long getauxval(unsigned long key);

#endif
