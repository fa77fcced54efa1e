/*
 * Copies between kernel and user memory: the only way in. SMAP keeps everything else out.
 *
 * Each may fault, hence sleep: no spinlock may be held. The fault handler finds the instruction in the
 * exception table and, when mm_fault() cannot help, resumes where the copy returns short.
 */
#ifndef ARCH_UACCESS_H
#define ARCH_UACCESS_H

#include "kernel/types.h"

/* => the number of bytes NOT copied: 0 is success (Linux's convention) */
size_t copy_from_user(void *dst, const void __user *src, size_t n) __must_check;
size_t copy_to_user(void __user *dst, const void *src, size_t n) __must_check;
size_t clear_user(void __user *dst, size_t n) __must_check;
/* => length without NUL; n when no NUL came within n bytes; -EFAULT */
long strncpy_from_user(char *dst, const char __user *src, size_t n) __must_check;

/* 1, 2, 4 or 8 bytes by the pointer's type. => 0 or -EFAULT */
#define get_user(x, uptr) (copy_from_user(&(x), (uptr), sizeof(*(uptr))) ? -EFAULT : 0)
#define put_user(x, uptr)                                                                          \
	({                                                                                         \
		__typeof__(*(uptr)) put_v_ = (x);                                                  \
		copy_to_user((uptr), &put_v_, sizeof(put_v_)) ? -EFAULT : 0;                       \
	})

/* Atomics on user words, for futexes. => 0 or -EFAULT; old value in *old */
int user_cmpxchg_u32(u32 __user *uaddr, u32 *old, u32 new_val) __must_check; /* *old: expected in, found out */
int user_load_u32(const u32 __user *uaddr, u32 *val) __must_check;

/* Lies wholly in user space. Cheap first test; the copy itself checks as well. */
static inline bool access_ok(const void __user *p, size_t n)
{
	unsigned long a = (unsigned long)p;
	const unsigned long top = (1UL << 47) - 4096;

	return n <= top && a <= top - n;
}

#endif
