/* Arrays of bits in unsigned longs. Pure, not atomic: the caller serialises. */
#ifndef KERNEL_LIB_BITMAP_H
#define KERNEL_LIB_BITMAP_H

#include "kernel/types.h"

#define BITS_PER_LONG 64U
#define BITMAP_WORDS(bits) DIV_ROUND_UP(bits, BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITMAP_WORDS(bits)]

static inline bool bitmap_test(const unsigned long *map, size_t bit)
{
	return (map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG)) & 1;
}

static inline void bitmap_set(unsigned long *map, size_t bit)
{
	map[bit / BITS_PER_LONG] |= BIT(bit % BITS_PER_LONG);
}

static inline void bitmap_clear(unsigned long *map, size_t bit)
{
	map[bit / BITS_PER_LONG] &= ~BIT(bit % BITS_PER_LONG);
}

/* First set or clear bit in [from, bits). => bits: there is none */
size_t bitmap_next_set(const unsigned long *map, size_t bits, size_t from);
size_t bitmap_next_clear(const unsigned long *map, size_t bits, size_t from);
size_t bitmap_weight(const unsigned long *map, size_t bits);
void bitmap_set_range(unsigned long *map, size_t from, size_t to);
void bitmap_clear_range(unsigned long *map, size_t from, size_t to);

#endif
