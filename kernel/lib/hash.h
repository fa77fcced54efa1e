/* Hashes for tables inside the kernel. Not for secrets. */
#ifndef KERNEL_LIB_HASH_H
#define KERNEL_LIB_HASH_H

#include "kernel/types.h"

/* Spread a word over `bits` bits. The factor is 2^64 divided by the golden ratio, odd: neighbouring keys, such as
 * addresses of objects, land far apart (Knuth, TAOCP vol. 3, 6.4). */
static inline u32 hash_u64(u64 key, unsigned int bits)
{
	return (u32)((key * 0x9e3779b97f4a7c15ULL) >> (64 - bits));
}

static inline u32 hash_ptr(const void *p, unsigned int bits)
{
	return hash_u64((u64)(uintptr_t)p, bits);
}

/* FNV-1a over n bytes. */
u64 hash_bytes(const void *data, size_t n);

#endif
