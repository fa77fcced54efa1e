/*
 * Timers: one tree of all of them, ordered by deadline, looked at by every CPU's tick.
 *
 * Resolution is the tick (1/HZ s): nothing here needs better, and the cost of a tick with nothing due is one compare.
 *
 * A function runs outside the lock. `running` is what a CPU calls just now, so that timer_stop() can wait until its
 * owner may be freed.
 */
#include "kernel/timer.h"

#include "kernel/lock.h"
#include "kernel/printk.h"
#include <arch/cpu.h>

static struct spinlock timer_lock = SPINLOCK_INIT(RANK_TIMER);
static struct rb_root timers = RB_ROOT_INIT;
static u64 first_deadline = ~0UL; /* of the whole tree: read without the lock, exact under it */
static struct timer *running[CONFIG_MAX_CPUS];

static struct timer *first_timer(void)
{
	struct rb_node *n = rb_first(&timers);

	return n ? rb_entry(n, struct timer, node) : NULL;
}

static void note_first(void)
{
	struct timer *t = first_timer();

	WRITE_ONCE(first_deadline, t ? t->deadline : ~0UL);
}

static void enqueue(struct timer *t)
{
	struct rb_node **link = &timers.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = t->deadline < rb_entry(parent, struct timer, node)->deadline ? &parent->left : &parent->right;
	}
	rb_insert(&timers, &t->node, parent, link, NULL);
	t->queued = true;
}

static void dequeue(struct timer *t)
{
	rb_erase(&timers, &t->node, NULL);
	t->queued = false;
}

void timer_start(struct timer *t, u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&timer_lock);

	if (t->queued)
		dequeue(t);
	t->deadline = deadline;
	enqueue(t);
	note_first();
	spin_unlock_irqrestore(&timer_lock, flags);
}

static bool is_running(const struct timer *t)
{
	for (unsigned int i = 0; i < CONFIG_MAX_CPUS; i++)
		if (READ_ONCE(running[i]) == t)
			return true;
	return false;
}

bool timer_stop(struct timer *t)
{
	unsigned long flags = spin_lock_irqsave(&timer_lock);
	bool was_queued = t->queued;

	if (was_queued) {
		dequeue(t);
		note_first();
	}
	spin_unlock_irqrestore(&timer_lock, flags);
	while (is_running(t))
		cpu_relax();
	return was_queued;
}

void timer_run_expired(void)
{
	unsigned long flags;
	struct timer *t;

	debug_assert(!irq_enabled());
	while (cpu_clock() >= READ_ONCE(first_deadline)) {
		flags = spin_lock_irqsave(&timer_lock);
		t = first_timer();
		if (t && cpu_clock() >= t->deadline) {
			dequeue(t);
			WRITE_ONCE(running[cpu_id()], t);
		} else {
			t = NULL;
		}
		note_first();
		spin_unlock_irqrestore(&timer_lock, flags);
		if (!t)
			return;
		t->fn(t);
		smp_store_release(&running[cpu_id()], NULL);
	}
}
