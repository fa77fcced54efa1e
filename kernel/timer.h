/*
 * Timers: a function called at a time of cpu_clock(), from the timer interrupt of whichever CPU sees first that it is due,
 * so up to one tick late. Theory in timer.c.
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include "kernel/lib/rbtree.h"
#include "kernel/types.h"

struct timer {
	struct rb_node node;
	u64 deadline;			 /* cpu_clock() */
	void (*fn)(struct timer *timer); /* interrupts off, the timer queue's lock held: may wake tasks, no more */
	bool queued;
};

#define NSEC_PER_SEC 1000000000UL
#define NSEC_PER_USEC 1000UL

/* => a queued timer is moved to the new deadline */
void timer_start(struct timer *t, u64 deadline);
/* => it is not queued and fn does not run afterwards; true: it was queued */
bool timer_cancel(struct timer *t);
void timer_run(u64 now); /* from the tick */

/* CLOCK_REALTIME = cpu_clock() + this */
extern s64 realtime_offset;
void time_init(void);

#endif
