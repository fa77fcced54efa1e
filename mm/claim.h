/*
 * One CPU's share of something: its own CPU uses it all the time, another one now and then (to drain it).
 *
 * The owner's path must be a few instructions, so this is less than a spinlock: interrupts off and one word. It has
 * no rank: while one is held only spinlocks of RANK_SLAB and RANK_BUDDY are taken, and nobody who holds
 * one of those claims anything.
 */
#ifndef MM_CLAIM_H
#define MM_CLAIM_H

#include "kernel/atomic.h"
#include <arch/cpu.h>

struct claim {
	u32 word;
};

/* => interrupts off */
static inline void claim_take(struct claim *c)
{
	while (unlikely(xchg(&c->word, 1U)))
		cpu_relax();
}

static inline void claim_drop(struct claim *c)
{
	smp_store_release(&c->word, 0U);
}

#endif
