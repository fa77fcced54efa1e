/*
 * Locks: a spinlock, a mutex and a sleeping read/write lock, each with a rank.
 *
 * The rank order below is the documentation of the kernel's lock order: a lock may be taken only
 * when every lock held by the same task (for sleeping locks) or the same CPU (for spinlocks) has a
 * smaller rank. Debug builds check it at every acquisition and panic with both names. Two locks of
 * one rank may be held together only through the _nested variants, which say why they may.
 *
 *   L1  A spinlock holder does not sleep, does not touch user memory, does not yield.
 *   L2  A spinlock that is also taken by an interrupt handler is always taken with _irqsave.
 *   L3  Who waits for other CPUs (TLB shootdown) has interrupts on and holds no _irqsave lock;
 *       hence every spinning CPU without an _irqsave lock answers IPIs.
 *   L4  Ranks ascend; sleeping locks come before all spinlocks.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "kernel/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/types.h"

struct task;

enum lock_rank {
	RANK_NONE,
	/* sleeping */
	RANK_FILE_POS,	  /* struct file position */
	RANK_INODE_DIR,	  /* directory contents (parent before child through _nested) */
	RANK_INODE,	  /* one inode's data and size */
	RANK_PIPE,	  /* pipe buffer */
	RANK_TTY,	  /* line discipline */
	RANK_MM_CHECK,	  /* one mm_check() at a time, and its report */
	RANK_MM_QUIESCE,  /* mm_check() against truncation */
	RANK_MMAP,	  /* mm->mmap_lock */
	RANK_FOLIO,	  /* folio lock (a bit, not a struct) */
	RANK_I_MMAP,	  /* address_space->i_mmap_lock: which VMAs map a file */
	RANK_ANON_PREPARE, /* mm->anon_lock: one winner for a VMA's first identity */
	RANK_ANON_VMA,	  /* anon_vma->root->lock */
	RANK_MM_RMAP,	  /* mm->rmap_lock: VMA tree shape and page-table freeing against rmap walkers */
	RANK_FILES,	  /* descriptor table */
	RANK_KMUTEX,	  /* other leaf mutexes */
	/* spinning */
	RANK_PT_UPPER,	  /* mm->pt_lock: upper levels of the page tables */
	RANK_PT,	  /* one page table's entries */
	RANK_MAPPING,	  /* address_space->pages */
	RANK_MM,	  /* small mm fields */
	RANK_PID,	  /* process tree, pid table */
	RANK_SIGHAND,	  /* signal state of a process */
	RANK_FUTEX,	  /* futex hash bucket */
	RANK_WAITQ,	  /* wait queue */
	RANK_SLAB,
	RANK_BUDDY,
	RANK_TIMER,
	RANK_RUNQUEUE,
	RANK_LEAF,	  /* innermost locks of drivers and tables that call nothing */
	RANK_PRINTK,
	RANK_COUNT
};

/* clang -Wthread-safety sees contracts through these; other compilers see nothing. */
#if defined(__clang__)
#define CAPABILITY(x) __attribute__((capability(x)))
#define ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define ACQUIRES_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))
#define RELEASES_SHARED(...) __attribute__((release_shared_capability(__VA_ARGS__)))
#define TRY_ACQUIRES(...) __attribute__((try_acquire_capability(__VA_ARGS__)))
#define TRY_ACQUIRES_SHARED(...) __attribute__((try_acquire_shared_capability(__VA_ARGS__)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define REQUIRES_SHARED(...) __attribute__((requires_shared_capability(__VA_ARGS__)))
#define GUARDED_BY(x) __attribute__((guarded_by(x)))
#define ASSERTS_HELD(...) __attribute__((assert_capability(__VA_ARGS__)))
#define ASSERTS_SHARED(...) __attribute__((assert_shared_capability(__VA_ARGS__)))
/* For functions whose locking the analysis cannot follow: a lock chosen at run time, or taken in a loop. */
#define NO_THREAD_SAFETY __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(x)
#define ACQUIRES(...)
#define ACQUIRES_SHARED(...)
#define RELEASES(...)
#define RELEASES_SHARED(...)
#define TRY_ACQUIRES(...)
#define TRY_ACQUIRES_SHARED(...)
#define REQUIRES(...)
#define REQUIRES_SHARED(...)
#define GUARDED_BY(x)
#define ASSERTS_HELD(...)
#define ASSERTS_SHARED(...)
#define NO_THREAD_SAFETY
#endif

/* Four bytes in every build, so that one fits into struct page. owner is the CPU's number + 1, in debug builds. */
struct CAPABILITY("spinlock") spinlock {
	u8 locked;
	u8 rank;
	u8 owner;
	u8 irq; /* debug: ever taken by an interrupt handler or with _irqsave */
};
#define SPINLOCK_INIT(r) { .rank = (r) }

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
	*l = (struct spinlock){ .rank = rank };
}
void spin_lock_noted(struct spinlock *l, bool nested); /* for the three below, in debug builds */
void spin_unlock_noted(struct spinlock *l);
void spin_wait(struct spinlock *l); /* until it is ours */

/* A free lock is taken in line. */
static inline void spin_lock(struct spinlock *l) ACQUIRES(*l) NO_THREAD_SAFETY
{
	if (IS_ENABLED(CONFIG_DEBUG))
		spin_lock_noted(l, false);
	else if (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
		spin_wait(l);
}

/* Same rank as one already held. */
static inline void spin_lock_nested(struct spinlock *l) ACQUIRES(*l) NO_THREAD_SAFETY
{
	if (IS_ENABLED(CONFIG_DEBUG))
		spin_lock_noted(l, true);
	else
		spin_lock(l);
}

static inline void spin_unlock(struct spinlock *l) RELEASES(*l) NO_THREAD_SAFETY
{
	if (IS_ENABLED(CONFIG_DEBUG))
		spin_unlock_noted(l);
	else
		__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

bool spin_trylock(struct spinlock *l) TRY_ACQUIRES(true, *l);
unsigned long spin_lock_irqsave(struct spinlock *l) ACQUIRES(*l);
void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags) RELEASES(*l);
bool spin_is_held(struct spinlock *l); /* by this CPU; debug builds only */

/* A queue of sleeping tasks. */
struct waitq {
	struct spinlock lock;
	struct list_head waiters;
};
#define WAITQ_INIT(name) { SPINLOCK_INIT(RANK_WAITQ), LIST_HEAD_INIT((name).waiters) }
void waitq_init(struct waitq *wq);
void waitq_wake_one(struct waitq *wq);
void waitq_wake_all(struct waitq *wq);

/* A waiter, on its task's stack. Usage, where `cond` is re-tested after every wake-up:
 *	struct waiter w = {};
 *	for (;;) {
 *		waitq_prepare(&wq, &w, interruptible);
 *		if (cond) break;
 *		if (interruptible && signal_pending(current)) { err = -EINTR; break; }
 *		schedule();			(or schedule_timeout(ns))
 *	}
 *	waitq_finish(&wq, &w);
 */
struct waiter {
	struct list_head node;
	struct task *task;
};
void waitq_prepare(struct waitq *wq, struct waiter *w, bool interruptible);
void waitq_finish(struct waitq *wq, struct waiter *w);

#define wait_event(wq, cond)                                                                       \
	do {                                                                                       \
		struct waiter w_ = {};                                                                \
		for (;;) {                                                                         \
			waitq_prepare(wq, &w_, false);                                             \
			if (cond)                                                                  \
				break;                                                             \
			schedule();                                                                \
		}                                                                                  \
		waitq_finish(wq, &w_);                                                             \
	} while (0)

/* 0, or -EINTR when a signal came first. */
#define wait_event_interruptible(wq, cond)                                                         \
	({                                                                                         \
		struct waiter w_ = {};                                                                \
		int ret_ = 0;                                                                      \
		for (;;) {                                                                         \
			waitq_prepare(wq, &w_, true);                                              \
			if (cond)                                                                  \
				break;                                                             \
			if (signal_pending()) {                                                    \
				ret_ = -EINTR;                                                     \
				break;                                                             \
			}                                                                          \
			schedule();                                                                \
		}                                                                                  \
		waitq_finish(wq, &w_);                                                             \
		ret_;                                                                              \
	})

struct CAPABILITY("mutex") mutex {
	atomic_t locked;
	u8 rank;
	struct task *owner;
	struct waitq wq;
};
void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m) ACQUIRES(*m);
void mutex_lock_nested(struct mutex *m) ACQUIRES(*m);
int mutex_lock_interruptible(struct mutex *m) TRY_ACQUIRES(false, *m);
bool mutex_trylock(struct mutex *m) TRY_ACQUIRES(true, *m);
void mutex_unlock(struct mutex *m) RELEASES(*m);
bool mutex_is_held(struct mutex *m); /* by current */

/*
 * Sleeping read/write lock. The uncontended path of each call is one atomic operation, inline in
 * lock.c's fast path; writers are preferred once they wait, so that a stream of faults cannot
 * starve an mmap.
 */
struct CAPABILITY("rwlock") rwlock {
	atomic_long_t state; /* readers, RWLOCK_WRITER, RWLOCK_WAITING: see lock.c */
	u8 rank;
	struct task *writer;
	struct waitq wq;
};
void rwlock_init(struct rwlock *l, enum lock_rank rank);
void read_lock(struct rwlock *l) ACQUIRES_SHARED(*l);
bool read_trylock(struct rwlock *l) TRY_ACQUIRES_SHARED(true, *l);
void read_unlock(struct rwlock *l) RELEASES_SHARED(*l);
void write_lock(struct rwlock *l) ACQUIRES(*l);
void write_lock_nested(struct rwlock *l) ACQUIRES(*l); /* child mm under the parent's, in fork */
int write_lock_killable(struct rwlock *l) TRY_ACQUIRES(false, *l);		/* 0 or -EINTR on a fatal signal */
bool write_trylock(struct rwlock *l) TRY_ACQUIRES(true, *l);
void write_unlock(struct rwlock *l) RELEASES(*l);
void write_downgrade(struct rwlock *l) RELEASES(*l) ACQUIRES_SHARED(*l); /* writer becomes a reader, never waits */
bool rwlock_is_write_held(struct rwlock *l); /* by current */
bool rwlock_is_held(struct rwlock *l);	     /* by somebody, for reading or writing */

/* An assertion tells the analysis too: after it the lock counts as held. */
static inline void spin_known_held(struct spinlock *l) ASSERTS_HELD(*l)
{
	(void)l;
}

static inline void mutex_known_held(struct mutex *m) ASSERTS_HELD(*m)
{
	(void)m;
}

static inline void rwlock_known_held(struct rwlock *l) ASSERTS_HELD(*l)
{
	(void)l;
}

static inline void rwlock_known_shared(struct rwlock *l) ASSERTS_SHARED(*l)
{
	(void)l;
}

#define assert_held_(known, is_held, l)                                                            \
	do {                                                                                       \
		debug_assert(is_held(l));                                                          \
		known(l);                                                                          \
	} while (0)
#define assert_spin_held(l) assert_held_(spin_known_held, spin_is_held, l)
#define assert_mutex_held(m) assert_held_(mutex_known_held, mutex_is_held, m)
#define assert_write_held(l) assert_held_(rwlock_known_held, rwlock_is_write_held, l)
#define assert_read_held(l) assert_held_(rwlock_known_shared, rwlock_is_held, l)

/* Nothing may be held: at a return to user mode, in schedule() for spinlocks. */
void lock_assert_none_held(void);
void lock_show_held(const struct task *t); /* debug builds: sleeping locks of a task that waits, into the log */
/* True when sleeping is allowed here: no spinlock held, interrupts on. */
bool lock_may_sleep(void);

#endif
