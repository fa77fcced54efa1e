/*
 * Locks, on one futex word each.
 *
 *	0 free --lock--> 1 held --contended lock--> 2 held, perhaps waited for --unlock--> 0, wake one
 *
 * An uncontended lock and unlock are one atomic instruction each and no system call. A thread that
 * had to wait takes the lock as 2, since it cannot know whether others wait still: at worst one wake
 * too many.
 *
 * A condition variable is a counter. A waiter reads it, lets go of the mutex, and sleeps while the
 * counter has that value; a signal changes the counter first. So a signal between unlock and sleep
 * is not lost. Spurious wake-ups happen, as POSIX permits.
 *
 * newlib's own locks (stdio, malloc, environment, atexit) are struct __lock and recursive. Their
 * owner is the address of a struct __pthread: the same in a forked child, so the child owns what its
 * parent held.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>

#include "libc.h"

#define COND_CLOCK_FLAG(clock) ((clock) == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0)

/* Sleep while *word == value, at most until an absolute time (null: for ever). */
static long futex_wait_until(int *word, int value, int clock, const struct timespec *until)
{
	return RAW(__NR_futex, word,
		   FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | COND_CLOCK_FLAG(clock), value, until, 0,
		   FUTEX_BITSET_MATCH_ANY);
}

int word_trylock(int *word)
{
	int expected = 0;

	return __atomic_compare_exchange_n(word, &expected, 1, 0, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* => 0 or ETIMEDOUT */
static int word_lock_until(int *word, const struct timespec *until)
{
	if (word_trylock(word))
		return 0;
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0) {
		if (futex_wait_until(word, 2, CLOCK_REALTIME, until) == -ETIMEDOUT)
			return ETIMEDOUT;
	}
	return 0;
}

void word_lock(int *word)
{
	word_lock_until(word, NULL);
}

void word_unlock(int *word)
{
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
		futex_wake(word, 1);
}

/* ---- newlib's locks ---- */

struct __lock {
	int word;
	int depth; /* above the first; only its owner looks */
	struct __pthread *owner;
};

struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___arc4random_mutex;

void __retarget_lock_init(_LOCK_T *lock)
{
	*lock = calloc(1, sizeof(struct __lock));
	if (!*lock)
		abort();
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	__retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	word_lock(&lock->word);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
	return word_trylock(&lock->word);
}

void __retarget_lock_release(_LOCK_T lock)
{
	word_unlock(&lock->word);
}

/* Only the owner can find itself there, so the test needs no lock. */
static int lock_again(struct __lock *lock)
{
	if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != thread_self())
		return 0;
	lock->depth++;
	return 1;
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	if (lock_again(lock))
		return;
	word_lock(&lock->word);
	__atomic_store_n(&lock->owner, thread_self(), __ATOMIC_RELAXED);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	if (lock_again(lock))
		return 1;
	if (!word_trylock(&lock->word))
		return 0;
	__atomic_store_n(&lock->owner, thread_self(), __ATOMIC_RELAXED);
	return 1;
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	if (lock->depth) {
		lock->depth--;
		return;
	}
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
	word_unlock(&lock->word);
}

/* ---- mutexes ---- */

int pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
	attr->__type = PTHREAD_MUTEX_DEFAULT;
	return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
	if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
		return EINVAL;
	attr->__type = type;
	return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *type)
{
	*type = attr->__type;
	return 0;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	*mutex = (pthread_mutex_t){.__type = attr ? attr->__type : PTHREAD_MUTEX_DEFAULT};
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	return mutex->__word ? EBUSY : 0;
}

static int mutex_is_mine(const pthread_mutex_t *mutex)
{
	return __atomic_load_n(&mutex->__owner, __ATOMIC_RELAXED) == thread_self();
}

/* What a type of mutex does when its owner locks it again: -1 = as anybody else. */
static int mutex_relock(pthread_mutex_t *mutex, int busy)
{
	if (mutex->__type == PTHREAD_MUTEX_NORMAL || !mutex_is_mine(mutex))
		return -1;
	if (mutex->__type == PTHREAD_MUTEX_ERRORCHECK)
		return busy;
	mutex->__depth++;
	return 0;
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
	int error = mutex_relock(mutex, EDEADLK);

	if (error >= 0)
		return error;
	error = word_lock_until(&mutex->__word, until);
	if (!error)
		__atomic_store_n(&mutex->__owner, thread_self(), __ATOMIC_RELAXED);
	return error;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	return pthread_mutex_timedlock(mutex, NULL);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int error = mutex_relock(mutex, EBUSY);

	if (error >= 0)
		return error;
	if (!word_trylock(&mutex->__word))
		return EBUSY;
	__atomic_store_n(&mutex->__owner, thread_self(), __ATOMIC_RELAXED);
	return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	if (mutex->__type != PTHREAD_MUTEX_NORMAL && !mutex_is_mine(mutex))
		return EPERM;
	if (mutex->__depth) {
		mutex->__depth--;
		return 0;
	}
	__atomic_store_n(&mutex->__owner, NULL, __ATOMIC_RELAXED);
	word_unlock(&mutex->__word);
	return 0;
}

/* ---- condition variables ---- */

int pthread_condattr_init(pthread_condattr_t *attr)
{
	attr->__clock = CLOCK_REALTIME;
	return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	attr->__clock = clock;
	return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *attr, clockid_t *clock)
{
	*clock = attr->__clock;
	return 0;
}

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	*cond = (pthread_cond_t){.__clock = attr ? attr->__clock : CLOCK_REALTIME};
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
	(void)cond;
	return 0;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   const struct timespec *until)
{
	int sequence = __atomic_load_n(&cond->__sequence, __ATOMIC_RELAXED);
	int depth = mutex->__depth;
	long ret;

	mutex->__depth = 0;
	pthread_mutex_unlock(mutex);
	ret = futex_wait_until(&cond->__sequence, sequence, cond->__clock, until);
	pthread_mutex_lock(mutex);
	mutex->__depth = depth;
	return ret == -ETIMEDOUT ? ETIMEDOUT : ret == -EINVAL ? EINVAL : 0;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return pthread_cond_timedwait(cond, mutex, NULL);
}

static void cond_wake(pthread_cond_t *cond, int count)
{
	__atomic_fetch_add(&cond->__sequence, 1, __ATOMIC_RELAXED);
	futex_wake(&cond->__sequence, count);
}

int pthread_cond_signal(pthread_cond_t *cond)
{
	cond_wake(cond, 1);
	return 0;
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
	cond_wake(cond, INT_MAX);
	return 0;
}

/* ---- once ---- */

enum once_state { ONCE_NOT_YET, ONCE_RUNNING, ONCE_WAITED_FOR, ONCE_DONE };

int pthread_once(pthread_once_t *once, void (*init)(void))
{
	int state = ONCE_NOT_YET;

	if (__atomic_compare_exchange_n(&once->__state, &state, ONCE_RUNNING, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_ACQUIRE)) {
		init();
		if (__atomic_exchange_n(&once->__state, ONCE_DONE, __ATOMIC_RELEASE) ==
		    ONCE_WAITED_FOR)
			futex_wake(&once->__state, INT_MAX);
		return 0;
	}
	while (state != ONCE_DONE) {
		if (state == ONCE_WAITED_FOR ||
		    __atomic_compare_exchange_n(&once->__state, &state, ONCE_WAITED_FOR, 0,
						__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			futex_wait(&once->__state, ONCE_WAITED_FOR);
		state = __atomic_load_n(&once->__state, __ATOMIC_ACQUIRE);
	}
	return 0;
}
