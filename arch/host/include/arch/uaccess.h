/* User memory of the simulated machine: through the walker of mmu.c, as a program's own accesses. */
#ifndef ARCH_UACCESS_H
#define ARCH_UACCESS_H

#include "kernel/types.h"
#include "kernel/uapi/errno.h"

/* => the number of bytes NOT copied */
size_t copy_from_user(void *dst, const void __user *src, size_t n) __must_check;
size_t copy_to_user(void __user *dst, const void *src, size_t n) __must_check;
size_t clear_user(void __user *dst, size_t n) __must_check;
long strncpy_from_user(char *dst, const char __user *src, size_t n) __must_check;

#define get_user(x, uptr) (copy_from_user(&(x), (uptr), sizeof(*(uptr))) ? -EFAULT : 0)
#define put_user(x, uptr)                                                                          \
	({                                                                                         \
		__typeof__(*(uptr)) put_v_ = (x);                                                  \
		copy_to_user((uptr), &put_v_, sizeof(put_v_)) ? -EFAULT : 0;                       \
	})

int user_cmpxchg_u32(u32 __user *uaddr, u32 *old, u32 new_val) __must_check;
int user_load_u32(const u32 __user *uaddr, u32 *val) __must_check;

static inline bool access_ok(const void __user *p, size_t n)
{
	unsigned long a = (unsigned long)p;
	const unsigned long top = (1UL << 47) - 4096;

	return n <= top && a <= top - n;
}

#endif
