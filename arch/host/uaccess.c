/* The kernel's own accesses to user memory: as a program's, but where a fault cannot be helped the copy is short. */
#include <arch/uaccess.h>
#include "arch/host/host.h"
#include "kernel/lib/string.h"

static size_t user_access(unsigned long addr, void *buf, size_t n, unsigned int access)
{
	size_t done;

	assert(lock_may_sleep());
	if (!access_ok((void __user *)addr, n))
		return n;
	host_access(addr, buf, n, access, &done);
	return n - done;
}

size_t copy_from_user(void *dst, const void __user *src, size_t n)
{
	return user_access((unsigned long)src, dst, n, FAULT_READ);
}

size_t copy_to_user(void __user *dst, const void *src, size_t n)
{
	return user_access((unsigned long)dst, (void *)src, n, FAULT_WRITE);
}

size_t clear_user(void __user *dst, size_t n)
{
	static const char zeroes[PAGE_SIZE];
	size_t left = 0;

	while (n && !left) {
		size_t part = min(n, PAGE_SIZE);

		left = copy_to_user(dst, zeroes, part);
		dst = (char __user *)dst + part;
		n -= part;
	}
	return n + left;
}

long strncpy_from_user(char *dst, const char __user *src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (copy_from_user(dst + i, src + i, 1))
			return -EFAULT;
		if (!dst[i])
			return (long)i;
	}
	return (long)n;
}

int user_load_u32(const u32 __user *uaddr, u32 *val)
{
	return copy_from_user(val, uaddr, sizeof(*val)) ? -EFAULT : 0;
}

int user_cmpxchg_u32(u32 __user *uaddr, u32 *old, u32 new_val)
{
	u32 found;

	if (copy_from_user(&found, uaddr, sizeof(found)))
		return -EFAULT;
	if (found == *old && copy_to_user(uaddr, &new_val, sizeof(new_val)))
		return -EFAULT;
	*old = found;
	return 0;
}
