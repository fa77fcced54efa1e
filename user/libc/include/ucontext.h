/* What a signal handler's third argument points to. */
#ifndef _UCONTEXT_H
#define _UCONTEXT_H

#include <signal.h>

#endif
