/*
 * Copies between kernel and user memory: the only way in. SMAP keeps everything else out.
 *
 * Each may fault, hence sleep: no spinlock may be held. The fault handler finds the instruction in the
 * exception table and, when mm_fault() cannot help, resumes where the copy returns short. All check that the
 * range lies in user space.
 */
#ifndef ARCH_UACCESS_H
#define ARCH_UACCESS_H

#include "kernel/types.h"

/* uaccess.S: bytes not copied. For values the result is 0 or the size. */
size_t user_copy_from(void *dst, const void __user *src, size_t n);
size_t user_copy_to(void __user *dst, const void *src, size_t n);
size_t user_load_1(void *dst, const void __user *src);
size_t user_load_2(void *dst, const void __user *src);
size_t user_load_4(void *dst, const void __user *src);
size_t user_load_8(void *dst, const void __user *src);
size_t user_store_1(void __user *dst, u8 value);
size_t user_store_2(void __user *dst, u16 value);
size_t user_store_4(void __user *dst, u32 value);
size_t user_store_8(void __user *dst, u64 value);

/* => the number of bytes NOT copied: 0 is success (Linux's convention) */
static __always_inline size_t __must_check copy_from_user(void *dst, const void __user *src, size_t n)
{
	if (__builtin_constant_p(n)) {
		if (n == 8)
			return user_load_8(dst, src);
		if (n == 4)
			return user_load_4(dst, src);
		if (n == 2)
			return user_load_2(dst, src);
		if (n == 1)
			return user_load_1(dst, src);
	}
	return user_copy_from(dst, src, n);
}

static __always_inline size_t __must_check copy_to_user(void __user *dst, const void *src, size_t n)
{
	u64 v8;
	u32 v4;
	u16 v2;

	if (__builtin_constant_p(n)) {
		if (n == 8)
			return __builtin_memcpy(&v8, src, 8), user_store_8(dst, v8);
		if (n == 4)
			return __builtin_memcpy(&v4, src, 4), user_store_4(dst, v4);
		if (n == 2)
			return __builtin_memcpy(&v2, src, 2), user_store_2(dst, v2);
		if (n == 1)
			return user_store_1(dst, *(const u8 *)src);
	}
	return user_copy_to(dst, src, n);
}

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
