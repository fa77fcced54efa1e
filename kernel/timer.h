/* Timers: functions to be called when the clock reaches a time. Theory in timer.c. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include "kernel/lib/rbtree.h"
#include "kernel/types.h"

/* Embedded in its owner. fn runs in the tick's interrupt: interrupts off, may wake, may start the timer again. */
struct timer {
	struct rb_node node;
	u64 deadline; /* cpu_clock() */
	void (*fn)(struct timer *t);
	bool queued;
};

static inline void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
}
void timer_start(struct timer *t, u64 deadline); /* moves it when it is queued */
/* => not queued and its function not running on any CPU; true when it was queued */
bool timer_stop(struct timer *t);
void timer_run_expired(void); /* every tick; interrupts off */

#endif
