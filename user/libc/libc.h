/*
 * What the files of the port share; programs never include it.
 *
 * %fs:0 holds the address of the running thread's struct __pthread. The program's thread-local
 * variables lie directly below it (the x86-64 ABI's "variant II"), so that `mov %fs:-8` is all that
 * an access costs:
 *
 *	thread:	  [ guard | stack ... | __thread variables | struct __pthread | struct _reent ]
 *	main:	  [ __thread variables | struct __pthread ] in the bss, its _reent is newlib's own
 *
 * L1  The main thread's reent is _impure_ptr: exit() flushes that one's streams, no other.
 * L2  tid is a futex. The kernel clears it and wakes its waiters when the thread is gone, and until
 *     then nobody may unmap the thread's memory.
 */
#ifndef QUIRE_LIBC_H
#define QUIRE_LIBC_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <reent.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/uapi/futex.h>
#include <kernel/uapi/syscall.h>

enum thread_state { THREAD_JOINABLE, THREAD_DETACHED, THREAD_EXITED };

struct __pthread {
	struct __pthread *self; /* the ABI's: what `mov %fs:0` reads */
	void *reserved[4];
	unsigned long canary; /* the ABI's: %fs:0x28 */
	struct _reent *reent;
	int tid; /* L2 */
	int state; /* enum thread_state, atomic */
	void *map; /* null for the main thread */
	size_t map_size;
	void *(*start)(void *);
	void *arg;
	void *result;
	void *specific[PTHREAD_KEYS_MAX];
};

static inline struct __pthread *thread_self(void)
{
	struct __pthread *self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
}

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define RAW_6(nr, a, b, c, d, e, f, ...)                                                           \
	raw_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* A system call with up to six arguments => the kernel's answer, -errno on failure. */
#define RAW(...) RAW_6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* The same => -1 and errno on failure. */
#define CALL(...) finish(RAW(__VA_ARGS__))

static inline long finish(long ret)
{
	if ((unsigned long)ret > -(unsigned long)MAX_ERRNO - 1) {
		errno = (int)-ret;
		return -1;
	}
	return ret;
}

/* Sleep while *word == value. => also returns early, for no reason: callers loop. */
static inline long futex_wait(int *word, int value)
{
	return RAW(__NR_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, 0);
}

static inline void futex_wake(int *word, int count)
{
	RAW(__NR_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count);
}

/* A lock of three states, in sync.c: 0 free, 1 held, 2 held and perhaps waited for. */
void word_lock(int *word);
int word_trylock(int *word);
void word_unlock(int *word);

/* system.c, for entry.S */
long __set_errno(int error);

/* start.c */
void __libc_start(unsigned long *sp) __attribute__((__noreturn__));
size_t __tls_size(void);
struct __pthread *__tls_place(void *block);

/* thread.c */
void __threads_after_fork(void);
void __thread_main(void) __attribute__((__noreturn__));

/* entry.S */
long __thread_clone(unsigned long flags, void *stack, int *ptid, int *ctid, void *tls);
void __thread_unmap_exit(void *map, size_t size) __attribute__((__noreturn__));
void __signal_return(void);

/* newlib */
void __malloc_lock(struct _reent *);
void __malloc_unlock(struct _reent *);
void __libc_init_array(void);
void __libc_fini_array(void);
void __sinit(struct _reent *) __attribute__((__weak__));
void _reclaim_reent(struct _reent *);

#endif
