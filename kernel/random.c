/*
 * Random bytes for getrandom(2) and /dev/urandom: words from the machine (RDRAND, or timer jitter where that is missing)
 * stirred into a state by SplitMix64's steps, so that a weak source does not show its pattern.
 *
 * Linux differs: a ChaCha20 generator that is reseeded, and an estimate of entropy. This is no generator for secrets.
 */
#include "kernel/random.h"

#include "kernel/lib/string.h"
#include "kernel/sys_proc.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/random.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/uaccess.h>

u64 random_u64(void)
{
	static u64 state;
	u64 z = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15UL ^ arch_random(), __ATOMIC_RELAXED);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
	return z ^ (z >> 31);
}

void random_bytes(void *buf, size_t n)
{
	u8 *p = buf;

	while (n) {
		u64 word = random_u64();
		size_t part = min(n, sizeof(word));

		memcpy(p, &word, part);
		p += part;
		n -= part;
	}
}

long sys_getrandom(void __user *user, size_t n, unsigned int flags)
{
	char chunk[256];
	size_t done = 0;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & GRND_RANDOM) && (flags & GRND_INSECURE))
		return -EINVAL;
	n = min(n, (size_t)INT32_MAX);
	while (done < n) {
		size_t part = min(n - done, sizeof(chunk));
		size_t left;

		random_bytes(chunk, part);
		left = copy_to_user((char __user *)user + done, chunk, part);
		done += part - left;
		if (left)
			return done ? (long)done : -EFAULT;
		if (signal_pending() && done >= sizeof(chunk))
			break;
		sched_yield_point();
	}
	return (long)done;
}
