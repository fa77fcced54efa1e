/* Arrays of bits: whole words at a time where the range allows it. */
#include "kernel/lib/bitmap.h"

/* First bit at or after `from` whose value differs from `skip`'s bits (all ones: look for a clear bit). */
static size_t next_bit(const unsigned long *map, size_t bits, size_t from, unsigned long skip)
{
	unsigned long word;
	size_t i = from / BITS_PER_LONG;

	if (from >= bits)
		return bits;
	word = (map[i] ^ skip) & (~0UL << (from % BITS_PER_LONG));
	while (!word) {
		if (++i >= BITMAP_WORDS(bits))
			return bits;
		word = map[i] ^ skip;
	}
	from = i * BITS_PER_LONG + (size_t)__builtin_ctzl(word);
	return min(from, bits);
}

size_t bitmap_next_set(const unsigned long *map, size_t bits, size_t from)
{
	return next_bit(map, bits, from, 0);
}

size_t bitmap_next_clear(const unsigned long *map, size_t bits, size_t from)
{
	return next_bit(map, bits, from, ~0UL);
}

size_t bitmap_weight(const unsigned long *map, size_t bits)
{
	size_t n = 0;

	for (size_t i = 0; i < bits / BITS_PER_LONG; i++)
		for (unsigned long word = map[i]; word; word &= word - 1)
			n++;
	for (size_t bit = ALIGN_DOWN(bits, BITS_PER_LONG); bit < bits; bit++)
		n += bitmap_test(map, bit);
	return n;
}

/* The bits of word i that lie in [from, to). */
static unsigned long range_mask(size_t i, size_t from, size_t to)
{
	size_t first = i * BITS_PER_LONG;
	unsigned long mask = ~0UL;

	if (from > first)
		mask &= ~0UL << (from - first);
	if (to < first + BITS_PER_LONG)
		mask &= ~(~0UL << (to - first));
	return mask;
}

void bitmap_set_range(unsigned long *map, size_t from, size_t to)
{
	for (size_t i = from / BITS_PER_LONG; i * BITS_PER_LONG < to; i++)
		map[i] |= range_mask(i, from, to);
}

void bitmap_clear_range(unsigned long *map, size_t from, size_t to)
{
	for (size_t i = from / BITS_PER_LONG; i * BITS_PER_LONG < to; i++)
		map[i] &= ~range_mask(i, from, to);
}
