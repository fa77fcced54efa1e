/*
 * Basic types and the handful of macros every file may use.
 *
 * Freestanding: only the compiler's own headers. Shared by every port, so nothing here may know
 * which machine it runs on.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;
typedef int64_t s64;
typedef int32_t s32;

/* A pointer into user space. For sparse that is an address space of its own, never dereferenced; __force crosses over. */
#if defined(__CHECKER__)
#define __user __attribute__((noderef, address_space(1)))
#define __force __attribute__((force))
#else
#define __user
#define __force
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define BIT(n) (1UL << (n))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1)) /* a: a power of two */
#define ALIGN_UP(x, a) ALIGN_DOWN((x) + (__typeof__(x))(a) - 1, a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)

#define min(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define max(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __must_check __attribute__((warn_unused_result))
#define __noreturn __attribute__((noreturn))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __noinline __attribute__((noinline))
#define __always_inline inline __attribute__((always_inline))
#define __unused __attribute__((unused))
#define static_assert _Static_assert

/* One access, not torn, not repeated, not invented by the compiler. No ordering. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier() __asm__ __volatile__("" ::: "memory")
/* A pointer that the compiler knows nothing about, and so keeps in a register: it would compute the address of a CPU's
 * element of an array again for each field, after every asm or atomic operation in between. */
#define opaque_pointer(p)                                                                          \
	({                                                                                         \
		__typeof__(p) pointer_ = (p);                                                      \
		__asm__("" : "+r"(pointer_));                                                      \
		pointer_;                                                                          \
	})
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Build options from Kconfig: every bool is 0 or 1 in config.h. */
#define IS_ENABLED(option) (option)

/* An error in a pointer: the last page of the address space is never an object. */
#define MAX_ERRNO 4095
#define ERR_PTR(err) ((void *)(long)(err))
#define PTR_ERR(p) ((long)(p))
#define IS_ERR(p) ((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)

#endif
