/* Atomic counters and words: thin names over the compiler's builtins, one ordering rule.
 * Every read-modify-write is sequentially consistent; plain reads and sets are relaxed. */
#ifndef KERNEL_ATOMIC_H
#define KERNEL_ATOMIC_H

#include "kernel/types.h"

typedef struct { int v; } atomic_t;
typedef struct { long v; } atomic_long_t;

#define ATOMIC_INIT(n) { (n) }

#define atomic_read(a) __atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_set(a, n) __atomic_store_n(&(a)->v, (n), __ATOMIC_RELAXED)
#define atomic_long_add(a, n) atomic_add(a, n)
#define atomic_add(a, n) ((void)__atomic_fetch_add(&(a)->v, (n), __ATOMIC_SEQ_CST))
#define atomic_sub(a, n) ((void)__atomic_fetch_sub(&(a)->v, (n), __ATOMIC_SEQ_CST))
#define atomic_inc(a) atomic_add(a, 1)
#define atomic_dec(a) atomic_sub(a, 1)
#define atomic_add_return(a, n) __atomic_add_fetch(&(a)->v, (n), __ATOMIC_SEQ_CST)
#define atomic_dec_and_test(a) (__atomic_sub_fetch(&(a)->v, 1, __ATOMIC_SEQ_CST) == 0)
#define atomic_xchg(a, n) __atomic_exchange_n(&(a)->v, (n), __ATOMIC_SEQ_CST)

/* Add 1 unless the counter is 0. Returns whether it was added. */
static inline bool atomic_inc_not_zero(atomic_t *a)
{
	int old = atomic_read(a);

	do {
		if (old == 0)
			return false;
	} while (!__atomic_compare_exchange_n(&a->v, &old, old + 1, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return true;
}

#define cmpxchg(p, oldp, new)                                                                      \
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define xchg(p, new) __atomic_exchange_n(p, new, __ATOMIC_SEQ_CST)

#endif
