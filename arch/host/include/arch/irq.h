/* The simulated machine has neither interrupts nor devices; tasks need the name of what they save. */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include "kernel/types.h"

struct regs;

struct arch_task {
	void *context; /* of its coroutine */
};

#endif
