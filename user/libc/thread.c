/*
 * Threads: one mapping each (see libc.h), made by clone() and unmapped by whoever is last.
 *
 *	JOINABLE --pthread_detach--> DETACHED --exits--> unmaps itself
 *	    |
 *	  exits--> EXITED --pthread_join, or pthread_detach--> unmapped by the caller
 *
 * One atomic exchange of `state` decides between a thread that exits and one that detaches it. A
 * thread that unmaps its own stack tells the kernel first to forget its tid word (L2), and blocks
 * signals: a handler would need the stack.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "libc.h"

#define DEFAULT_STACK_SIZE (1UL << 20)
#define DEFAULT_GUARD_SIZE 4096UL
#define DESTRUCTOR_ROUNDS  4 /* POSIX's minimum: a destructor may set values again */
#define PAGE_ALIGN(size)   (((size) + 4095UL) & -4096UL)
#define THREAD_CLONE_FLAGS                                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

typedef void (*destructor_fn)(void *);

static int live_threads = 1;
static int key_lock;
static destructor_fn key_destructor[PTHREAD_KEYS_MAX]; /* null: the key is free */

static void no_destructor(void *value)
{
	(void)value;
}

/* ---- keys ---- */

int pthread_key_create(pthread_key_t *key, destructor_fn destructor)
{
	int error = EAGAIN;

	word_lock(&key_lock);
	for (unsigned int i = 0; i < PTHREAD_KEYS_MAX && error; i++) {
		if (!key_destructor[i]) {
			key_destructor[i] = destructor ? destructor : no_destructor;
			*key = i;
			error = 0;
		}
	}
	word_unlock(&key_lock);
	return error;
}

/* => values of other threads stay: POSIX leaves them to the program */
int pthread_key_delete(pthread_key_t key)
{
	if (key >= PTHREAD_KEYS_MAX || !key_destructor[key])
		return EINVAL;
	thread_self()->specific[key] = NULL;
	key_destructor[key] = NULL;
	return 0;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (key >= PTHREAD_KEYS_MAX || !key_destructor[key])
		return EINVAL;
	thread_self()->specific[key] = (void *)value;
	return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
	return key < PTHREAD_KEYS_MAX ? thread_self()->specific[key] : NULL;
}

static int run_destructors(struct __pthread *self)
{
	int ran = 0;

	for (unsigned int i = 0; i < PTHREAD_KEYS_MAX; i++) {
		void *value = self->specific[i];
		destructor_fn destructor = key_destructor[i];

		if (!value || !destructor)
			continue;
		self->specific[i] = NULL;
		destructor(value);
		ran++;
	}
	return ran;
}

/* ---- attributes ---- */

int pthread_attr_init(pthread_attr_t *attr)
{
	*attr = (pthread_attr_t){PTHREAD_CREATE_JOINABLE, DEFAULT_STACK_SIZE, DEFAULT_GUARD_SIZE};
	return 0;
}

int pthread_attr_destroy(pthread_attr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
	if (state != PTHREAD_CREATE_JOINABLE && state != PTHREAD_CREATE_DETACHED)
		return EINVAL;
	attr->__detached = state;
	return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state)
{
	*state = attr->__detached;
	return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
	if (size < PTHREAD_STACK_MIN)
		return EINVAL;
	attr->__stack_size = size;
	return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *attr, size_t *size)
{
	*size = attr->__stack_size;
	return 0;
}

int pthread_attr_setguardsize(pthread_attr_t *attr, size_t size)
{
	attr->__guard_size = size;
	return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *attr, size_t *size)
{
	*size = attr->__guard_size;
	return 0;
}

/* ---- a thread's life ---- */

pthread_t pthread_self(void)
{
	return thread_self();
}

int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}

struct _reent *__getreent(void)
{
	return thread_self()->reent;
}

/* Map a thread's memory and lay it out. => null when there is no memory */
static struct __pthread *thread_map(size_t stack, size_t guard)
{
	size_t block = __tls_size() + sizeof(struct _reent) + _Alignof(struct _reent);
	size_t size = guard + PAGE_ALIGN(stack + block);
	struct __pthread *thread;
	char *map;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1,
		   0);
	if (map == MAP_FAILED)
		return NULL;
	if (guard && mprotect(map, guard, PROT_NONE)) {
		munmap(map, size);
		return NULL;
	}
	thread = __tls_place(map + size - block);
	thread->map = map;
	thread->map_size = size;
	thread->reent = (struct _reent *)(((uintptr_t)(thread + 1) + 15) & -16UL);
	thread->canary = thread_self()->canary;
	return thread;
}

/* What a new thread does, on its own stack. */
void __thread_main(void)
{
	struct __pthread *self = thread_self();

	pthread_exit(self->start(self->arg));
}

int pthread_create(pthread_t *result, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	struct __pthread *thread;
	pthread_attr_t defaults;
	uintptr_t stack;
	long ret;

	if (!attr) {
		pthread_attr_init(&defaults);
		attr = &defaults;
	}
	thread = thread_map(attr->__stack_size, PAGE_ALIGN(attr->__guard_size));
	if (!thread)
		return EAGAIN;
	_REENT_INIT_PTR(thread->reent);
	if (__sinit)
		__sinit(_impure_ptr); /* L1: else exit() flushes nothing when only threads printed */
	thread->state = attr->__detached ? THREAD_DETACHED : THREAD_JOINABLE;
	thread->start = start;
	thread->arg = arg;
	*result = thread;

	stack = ((uintptr_t)thread - __tls_size()) & -64UL;
	__atomic_fetch_add(&live_threads, 1, __ATOMIC_RELAXED);
	ret = __thread_clone(THREAD_CLONE_FLAGS, (void *)stack, &thread->tid, &thread->tid, thread);
	if (ret < 0) {
		__atomic_fetch_sub(&live_threads, 1, __ATOMIC_RELAXED);
		munmap(thread->map, thread->map_size);
		return EAGAIN;
	}
	return 0;
}

void pthread_exit(void *result)
{
	struct __pthread *self = thread_self();
	sigset_t all = ~0UL;

	for (int round = 0; round < DESTRUCTOR_ROUNDS && run_destructors(self); round++)
		;
	self->result = result;
	if (__atomic_fetch_sub(&live_threads, 1, __ATOMIC_ACQ_REL) == 1)
		exit(0);

	_reclaim_reent(self->reent);
	RAW(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof(all));
	if (__atomic_exchange_n(&self->state, THREAD_EXITED, __ATOMIC_ACQ_REL) == THREAD_DETACHED &&
	    self->map) {
		RAW(__NR_set_tid_address, 0);
		__thread_unmap_exit(self->map, self->map_size);
	}
	for (;;)
		RAW(__NR_exit, 0);
}

int pthread_join(pthread_t thread, void **result)
{
	int tid;

	if (thread == thread_self())
		return EDEADLK;
	if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == THREAD_DETACHED)
		return EINVAL;
	/* The kernel's wake-up at exit is for shared futexes: no private flag here. */
	while ((tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE)) != 0)
		RAW(__NR_futex, &thread->tid, FUTEX_WAIT, tid, 0);
	if (result)
		*result = thread->result;
	if (thread->map)
		munmap(thread->map, thread->map_size);
	return 0;
}

int pthread_detach(pthread_t thread)
{
	int state = THREAD_JOINABLE;

	if (__atomic_compare_exchange_n(&thread->state, &state, THREAD_DETACHED, 0,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return 0;
	return state == THREAD_EXITED ? pthread_join(thread, NULL) : EINVAL;
}

int pthread_kill(pthread_t thread, int sig)
{
	return (int)-RAW(__NR_tgkill, getpid(), thread->tid, sig);
}

/* Only the thread that forked exists in the child. */
void __threads_after_fork(void)
{
	live_threads = 1;
	key_lock = 0;
}
