/*
 * The timer queue: every timer of the machine in one red-black tree, by deadline. The tick of each CPU compares the
 * earliest deadline, kept in a word of its own, with the clock; almost always that is all.
 *
 * A function runs with the queue's lock held, so that timer_cancel() returns only when it is over.
 *
 * Linux differs: a timer wheel for timeouts and one tree a CPU for exact ones, with a one-shot interrupt each.
 */
#include "kernel/timer.h"

#include "kernel/lock.h"
#include <arch/cpu.h>

static struct rb_root queue = RB_ROOT_INIT;
static struct spinlock queue_lock = SPINLOCK_INIT(RANK_TIMER);
static u64 next_deadline = ~0UL;

static struct timer *timer_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct timer, node) : NULL;
}

static void note_first(void)
{
	struct timer *first = timer_of(rb_first(&queue));

	WRITE_ONCE(next_deadline, first ? first->deadline : ~0UL);
}

/* => queue_lock held */
static void insert(struct timer *t)
{
	struct rb_node **link = &queue.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = t->deadline < timer_of(parent)->deadline ? &parent->left : &parent->right;
	}
	rb_insert(&queue, &t->node, parent, link, NULL);
	t->queued = true;
}

/* => queue_lock held */
static void remove(struct timer *t)
{
	rb_erase(&queue, &t->node, NULL);
	t->queued = false;
}

void timer_start(struct timer *t, u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&queue_lock);

	if (t->queued)
		remove(t);
	t->deadline = deadline;
	insert(t);
	note_first();
	spin_unlock_irqrestore(&queue_lock, flags);
}

bool timer_cancel(struct timer *t)
{
	unsigned long flags = spin_lock_irqsave(&queue_lock);
	bool was = t->queued;

	if (was) {
		remove(t);
		note_first();
	}
	spin_unlock_irqrestore(&queue_lock, flags);
	return was;
}

void timer_run(u64 now)
{
	unsigned long flags;
	struct timer *t;

	if (likely(now < READ_ONCE(next_deadline)))
		return;
	flags = spin_lock_irqsave(&queue_lock);
	while ((t = timer_of(rb_first(&queue))) && t->deadline <= now) {
		remove(t);
		t->fn(t);
	}
	note_first();
	spin_unlock_irqrestore(&queue_lock, flags);
}
