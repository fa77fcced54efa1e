/* Starting programs. Theory in exec.c. */
#ifndef KERNEL_EXEC_H
#define KERNEL_EXEC_H

#include "kernel/types.h"

struct regs;

/* Pid 1's program, by init= or the usual places. => *r is what it starts with; panics when there is none */
void exec_init_program(struct regs *r);
/* A random number below 2^bits, 0 when addresses are not to be randomised. */
unsigned long exec_random_pages(unsigned int bits);

#endif
