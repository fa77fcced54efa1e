/*
 * Locks: the contracts are in lock.h; this file is how.
 *
 * Spinlock: test-and-set on one byte. Holders are short and CPUs few, so fairness costs more than it gives.
 *
 * Mutex: one word, 0 free or 1 held. Who finds it held queues up on the wait queue and tries again each time it is
 * woken; unlocking wakes one. The queue's own lock orders "look again" against "wake", so no wake-up is lost.
 *
 * Read/write lock: one word,
 *
 *	bit 0         WRITER    a writer holds it
 *	bit 1         WAITING   somebody sleeps for it: whoever lets go must wake; new readers wait as well
 *	bits 2..63    readers
 *
 *	read_lock     +4 while neither WRITER nor WAITING          uncontended: one compare-and-swap
 *	write_lock    0 -> WRITER
 *	unlock        -4 or -WRITER; then, if WAITING is left alone, clear it and wake all
 *
 * WAITING makes a waiting writer stop the stream of readers (faults) that would starve it. All sleepers are woken
 * together and compete again: a writer first, because it queued first, or a batch of readers.
 *
 * Debug builds note what is held, per CPU for spinlocks and per task for the others, and panic where a rank does not
 * ascend. An interrupt handler starts with a clean sheet: it shares no lock with what it interrupted (L2), so the order
 * between the two does not matter.
 *
 * Linux differs: queued spinlocks, optimistic spinning, lockdep's graph of observed orders instead of declared ranks.
 */
#include "kernel/lock.h"

#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include <arch/cpu.h>

#define SPINS_MAX (1UL << 30) /* debug: no holder works this long */

static const char *const rank_name[RANK_COUNT] = {
	[RANK_NONE] = "none",
	[RANK_FILE_POS] = "file position",
	[RANK_INODE_DIR] = "directory",
	[RANK_INODE] = "inode",
	[RANK_PIPE] = "pipe",
	[RANK_TTY] = "tty",
	[RANK_MM_CHECK] = "mm_check",
	[RANK_MM_QUIESCE] = "mm_quiesce",
	[RANK_MMAP] = "mmap_lock",
	[RANK_FOLIO] = "folio",
	[RANK_I_MMAP] = "i_mmap_lock",
	[RANK_ANON_PREPARE] = "anon_lock",
	[RANK_ANON_VMA] = "anon_vma",
	[RANK_MM_RMAP] = "rmap_lock",
	[RANK_FILES] = "files",
	[RANK_KMUTEX] = "kernel mutex",
	[RANK_PT_UPPER] = "pt_lock",
	[RANK_PT] = "page table",
	[RANK_MAPPING] = "mapping",
	[RANK_MM] = "mm",
	[RANK_PID] = "pid",
	[RANK_SIGHAND] = "sighand",
	[RANK_FUTEX] = "futex",
	[RANK_WAITQ] = "wait queue",
	[RANK_SLAB] = "slab",
	[RANK_BUDDY] = "buddy",
	[RANK_TIMER] = "timer",
	[RANK_RUNQUEUE] = "run queue",
	[RANK_LEAF] = "leaf",
	[RANK_PRINTK] = "printk",
};

/* ---- What is held (debug) ---- */

#define HELD_SPIN_MAX 16

static struct held_spins {
	unsigned int nr;
	struct {
		const struct spinlock *lock;
		bool irqs_on; /* taken with interrupts on: a handler may run above it */
	} at[HELD_SPIN_MAX];
} __aligned(64) held_spins[CONFIG_MAX_CPUS];

static void note_spin(struct spinlock *l, bool nested, bool irqs_on)
{
	struct held_spins *h;
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_DEBUG))
		return;
	flags = irq_save();
	h = &held_spins[cpu_id()];
	if (h->nr) {
		const struct spinlock *top = h->at[h->nr - 1].lock;
		bool handler = h->at[h->nr - 1].irqs_on && !irqs_on;

		if (top->rank > l->rank || (top->rank == l->rank && !nested))
			if (!handler)
				panic("lock order: %s taken while %s is held", rank_name[l->rank], rank_name[top->rank]);
	}
	assert(h->nr < HELD_SPIN_MAX);
	h->at[h->nr].lock = l;
	h->at[h->nr].irqs_on = irqs_on;
	h->nr++;
	irq_restore(flags);
}

static void forget_spin(struct spinlock *l)
{
	struct held_spins *h;
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_DEBUG))
		return;
	flags = irq_save();
	h = &held_spins[cpu_id()];
	for (unsigned int i = h->nr; i-- > 0;) {
		if (h->at[i].lock != l)
			continue;
		for (h->nr--; i < h->nr; i++)
			h->at[i] = h->at[i + 1];
		break;
	}
	irq_restore(flags);
}

/* Sleeping locks: highest rank held is what counts; equal ranks only where the caller says why. */
static void note_sleeping(const void *lock, u8 rank, bool nested, bool trying)
{
	struct task *t = current;

	if (!IS_ENABLED(CONFIG_DEBUG) || !t)
		return;
	if (!trying && !lock_may_sleep())
		panic("%s taken where sleeping is not allowed", rank_name[rank]);
	for (unsigned int i = 0; i < t->nr_held && !trying; i++) {
		if (t->held_rank[i] > rank || (t->held_rank[i] == rank && !nested))
			panic("lock order: %s taken while %s is held", rank_name[rank], rank_name[t->held_rank[i]]);
	}
	if (t->nr_held < ARRAY_SIZE(t->held_lock)) { /* mm_check() holds more by trylock than there is room to note */
		t->held_lock[t->nr_held] = lock;
		t->held_rank[t->nr_held++] = rank;
	}
}

static void forget_sleeping(const void *lock)
{
	struct task *t = current;

	if (!IS_ENABLED(CONFIG_DEBUG) || !t)
		return;
	for (unsigned int i = t->nr_held; i-- > 0;) {
		if (t->held_lock[i] != lock)
			continue;
		for (t->nr_held--; i < t->nr_held; i++) {
			t->held_lock[i] = t->held_lock[i + 1];
			t->held_rank[i] = t->held_rank[i + 1];
		}
		return;
	}
}

void lock_show_held(const struct task *t)
{
	for (unsigned int i = 0; i < t->nr_held; i++)
		pr_err("  %s %s (%p)", i + 1U < t->nr_held ? "holds" : "holds or waits for", rank_name[t->held_rank[i]],
		       t->held_lock[i]);
}

bool lock_may_sleep(void)
{
	return irq_enabled() && (!IS_ENABLED(CONFIG_DEBUG) || held_spins[cpu_id()].nr == 0);
}

void lock_assert_none_held(void)
{
	if (!IS_ENABLED(CONFIG_DEBUG))
		return;
	if (held_spins[cpu_id()].nr)
		panic("%s is held on the way to user mode", rank_name[held_spins[cpu_id()].at[0].lock->rank]);
	if (current->nr_held)
		panic("%s is held on the way to user mode", rank_name[current->held_rank[0]]);
}

/* ---- Spinlocks ---- */

static bool spin_try(struct spinlock *l)
{
	if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		return false;
	if (IS_ENABLED(CONFIG_DEBUG))
		l->owner = (u8)(cpu_id() + 1);
	return true;
}

void spin_wait(struct spinlock *l)
{
	unsigned long spins = 0;

	while (unlikely(!spin_try(l))) {
		while (READ_ONCE(l->locked)) {
			cpu_relax();
			if (IS_ENABLED(CONFIG_DEBUG) && ++spins == SPINS_MAX)
				panic("deadlock: CPU %d holds the %s lock for ever", l->owner - 1, rank_name[l->rank]);
		}
	}
}

void spin_lock_noted(struct spinlock *l, bool nested)
{
	note_spin(l, nested, irq_enabled());
	spin_wait(l);
}

void spin_unlock_noted(struct spinlock *l)
{
	debug_assert(spin_is_held(l));
	l->owner = 0;
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	forget_spin(l);
}

bool spin_trylock(struct spinlock *l) NO_THREAD_SAFETY
{
	if (!spin_try(l))
		return false;
	note_spin(l, true, irq_enabled());
	return true;
}

unsigned long spin_lock_irqsave(struct spinlock *l) NO_THREAD_SAFETY
{
	unsigned long flags = irq_save();

	spin_lock(l);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags) NO_THREAD_SAFETY
{
	spin_unlock(l);
	irq_restore(flags);
}

bool spin_is_held(struct spinlock *l)
{
	return READ_ONCE(l->locked) && l->owner == cpu_id() + 1;
}

/* ---- Wait queues ---- */

void waitq_init(struct waitq *wq)
{
	spin_init(&wq->lock, RANK_WAITQ);
	list_init(&wq->waiters);
}

void waitq_prepare(struct waitq *wq, struct waiter *w, bool interruptible)
{
	unsigned long flags = spin_lock_irqsave(&wq->lock);

	if (w->task != current) { /* first time round: the node is not initialised */
		w->task = current;
		list_add_tail(&w->node, &wq->waiters);
	} else if (list_empty(&w->node)) {
		list_add_tail(&w->node, &wq->waiters);
	}
	WRITE_ONCE(current->state, interruptible ? TASK_INTERRUPTIBLE : TASK_UNINTERRUPTIBLE);
	spin_unlock_irqrestore(&wq->lock, flags);
	smp_mb(); /* state before the condition is looked at */
}

void waitq_finish(struct waitq *wq, struct waiter *w)
{
	unsigned long flags = spin_lock_irqsave(&wq->lock);

	WRITE_ONCE(current->state, TASK_RUNNING);
	list_del(&w->node);
	spin_unlock_irqrestore(&wq->lock, flags);
}

/* Wakers take the waiter off the queue: it puts itself back if it must wait on. */
static void wake_first(struct waitq *wq)
{
	struct waiter *w = list_first_entry(&wq->waiters, struct waiter, node);

	list_del(&w->node);
	sched_wake(w->task);
}

void waitq_wake_one(struct waitq *wq)
{
	unsigned long flags;

	smp_mb();
	if (list_empty(&wq->waiters))
		return;
	flags = spin_lock_irqsave(&wq->lock);
	if (!list_empty(&wq->waiters))
		wake_first(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void waitq_wake_all(struct waitq *wq)
{
	unsigned long flags;

	smp_mb();
	if (list_empty(&wq->waiters))
		return;
	flags = spin_lock_irqsave(&wq->lock);
	while (!list_empty(&wq->waiters))
		wake_first(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
}

/* ---- Mutex ---- */

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	atomic_set(&m->locked, 0);
	m->rank = (u8)rank;
	m->owner = NULL;
	waitq_init(&m->wq);
}

static bool mutex_try(struct mutex *m)
{
	int free = 0;

	if (!cmpxchg(&m->locked.v, &free, 1))
		return false;
	m->owner = current;
	return true;
}

/* => 0, or -EINTR where interruptible and a signal came first */
static int mutex_wait(struct mutex *m, bool interruptible)
{
	struct waiter w = {};
	int err = 0;

	for (;;) {
		waitq_prepare(&m->wq, &w, interruptible);
		if (mutex_try(m))
			break;
		if (interruptible && signal_pending()) {
			err = -EINTR;
			break;
		}
		schedule();
	}
	waitq_finish(&m->wq, &w);
	if (err)
		waitq_wake_one(&m->wq); /* a wake-up meant for us goes to the next */
	return err;
}

void mutex_lock(struct mutex *m) NO_THREAD_SAFETY
{
	note_sleeping(m, m->rank, false, false);
	if (unlikely(!mutex_try(m)))
		(void)mutex_wait(m, false);
}

void mutex_lock_nested(struct mutex *m) NO_THREAD_SAFETY
{
	note_sleeping(m, m->rank, true, false);
	if (unlikely(!mutex_try(m)))
		(void)mutex_wait(m, false);
}

int mutex_lock_interruptible(struct mutex *m) NO_THREAD_SAFETY
{
	note_sleeping(m, m->rank, false, false);
	if (likely(mutex_try(m)) || mutex_wait(m, true) == 0)
		return 0;
	forget_sleeping(m);
	return -EINTR;
}

bool mutex_trylock(struct mutex *m) NO_THREAD_SAFETY
{
	if (!mutex_try(m))
		return false;
	note_sleeping(m, m->rank, true, true);
	return true;
}

void mutex_unlock(struct mutex *m) NO_THREAD_SAFETY
{
	debug_assert(mutex_is_held(m));
	m->owner = NULL;
	__atomic_store_n(&m->locked.v, 0, __ATOMIC_SEQ_CST);
	forget_sleeping(m);
	if (unlikely(!list_empty(&m->wq.waiters)))
		waitq_wake_one(&m->wq);
}

bool mutex_is_held(struct mutex *m)
{
	return atomic_read(&m->locked) && m->owner == current;
}

/* ---- Read/write lock ---- */

#define RW_WRITER 1L
#define RW_WAITING 2L
#define RW_READER 4L

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
	atomic_set(&l->state, 0);
	l->rank = (u8)rank;
	l->writer = NULL;
	waitq_init(&l->wq);
}

static bool read_try(struct rwlock *l)
{
	long old = atomic_read(&l->state);

	while (!(old & (RW_WRITER | RW_WAITING)))
		if (cmpxchg(&l->state.v, &old, old + RW_READER))
			return true;
	return false;
}

static bool write_try(struct rwlock *l)
{
	long old = atomic_read(&l->state);

	/* WAITING without holders: everybody who was woken competes; it is cleared by who takes the lock last. */
	while (!(old & ~RW_WAITING))
		if (cmpxchg(&l->state.v, &old, old | RW_WRITER)) {
			l->writer = current;
			return true;
		}
	return false;
}

/* A woken reader may pass WAITING: it has waited its turn. */
static bool read_try_woken(struct rwlock *l)
{
	long old = atomic_read(&l->state);

	while (!(old & RW_WRITER))
		if (cmpxchg(&l->state.v, &old, old + RW_READER))
			return true;
	return false;
}

/* Say that somebody sleeps. => false: the lock may be free by now, look again */
static bool mark_waiting(struct rwlock *l)
{
	long old = atomic_read(&l->state);

	while (old & ~RW_WAITING) {
		if ((old & RW_WAITING) || cmpxchg(&l->state.v, &old, old | RW_WAITING))
			return true;
	}
	return false;
}

static void rw_wait(struct rwlock *l, bool write)
{
	struct waiter w = {};
	bool woken = false;

	for (;;) {
		waitq_prepare(&l->wq, &w, false);
		if (write ? write_try(l) : woken ? read_try_woken(l) : read_try(l))
			break;
		if (!mark_waiting(l))
			continue;
		schedule();
		woken = true;
	}
	waitq_finish(&l->wq, &w);
}

/* Somebody let go: when nobody is left and some sleep, all of them compete. */
static void rw_wake(struct rwlock *l)
{
	__atomic_fetch_and(&l->state.v, ~RW_WAITING, __ATOMIC_SEQ_CST);
	waitq_wake_all(&l->wq);
}

void read_lock(struct rwlock *l) NO_THREAD_SAFETY
{
	note_sleeping(l, l->rank, false, false);
	if (unlikely(!read_try(l)))
		rw_wait(l, false);
}

bool read_trylock(struct rwlock *l) NO_THREAD_SAFETY
{
	if (!read_try(l))
		return false;
	note_sleeping(l, l->rank, true, true);
	return true;
}

void read_unlock(struct rwlock *l) NO_THREAD_SAFETY
{
	long left = atomic_add_return(&l->state, -RW_READER);

	debug_assert(left >= 0);
	forget_sleeping(l);
	if (unlikely(left == RW_WAITING))
		rw_wake(l);
}

void write_lock(struct rwlock *l) NO_THREAD_SAFETY
{
	note_sleeping(l, l->rank, false, false);
	if (unlikely(!write_try(l)))
		rw_wait(l, true);
}

void write_lock_nested(struct rwlock *l) NO_THREAD_SAFETY
{
	note_sleeping(l, l->rank, true, false);
	if (unlikely(!write_try(l)))
		rw_wait(l, true);
}

int write_lock_killable(struct rwlock *l) NO_THREAD_SAFETY
{
	/* No holder sleeps for long: a task that is not dying yet waits to the end. */
	if (fatal_signal_pending())
		return -EINTR;
	write_lock(l);
	return 0;
}

bool write_trylock(struct rwlock *l) NO_THREAD_SAFETY
{
	if (!write_try(l))
		return false;
	note_sleeping(l, l->rank, true, true);
	return true;
}

void write_unlock(struct rwlock *l) NO_THREAD_SAFETY
{
	long left;

	debug_assert(rwlock_is_write_held(l));
	l->writer = NULL;
	left = atomic_add_return(&l->state, -RW_WRITER);
	forget_sleeping(l);
	if (unlikely(left == RW_WAITING))
		rw_wake(l);
}

void write_downgrade(struct rwlock *l) NO_THREAD_SAFETY
{
	debug_assert(rwlock_is_write_held(l));
	l->writer = NULL;
	(void)atomic_add_return(&l->state, RW_READER - RW_WRITER);
	/* Sleepers stay asleep: readers among them would be let in, but a writer queued first may be waiting. */
}

bool rwlock_is_write_held(struct rwlock *l)
{
	return (atomic_read(&l->state) & RW_WRITER) && l->writer == current;
}

bool rwlock_is_held(struct rwlock *l)
{
	return atomic_read(&l->state) & ~RW_WAITING;
}
