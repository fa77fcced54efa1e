/* Numbers from text, hashes of bytes, and the one string copy that cannot overflow. */
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"

size_t strlcpy(char *dst, const char *src, size_t n)
{
	size_t len = strlen(src);

	if (n) {
		size_t kept = min(len, n - 1);

		memcpy(dst, src, kept);
		dst[kept] = '\0';
	}
	return len;
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

int parse_u64(const char *s, const char **end, u64 *value)
{
	unsigned int base = 10;
	u64 v = 0;
	const char *first;

	if (s[0] == '0' && (s[1] | 0x20) == 'x') {
		base = 16;
		s += 2;
	} else if (s[0] == '0') {
		base = 8;
	}
	for (first = s; digit_value(*s) < (int)base; s++)
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, (u64)digit_value(*s), &v))
			return -ERANGE;
	if (s == first || (!end && *s))
		return -EINVAL;
	if (end)
		*end = s;
	*value = v;
	return 0;
}

int parse_s64(const char *s, const char **end, s64 *value)
{
	bool minus = *s == '-';
	u64 v;
	int err = parse_u64(s + (minus || *s == '+'), end, &v);

	if (err)
		return err;
	if (v > (u64)INT64_MAX + minus)
		return -ERANGE;
	*value = (s64)(minus ? 0 - v : v);
	return 0;
}

u64 hash_bytes(const void *data, size_t n)
{
	u64 h = 0xcbf29ce484222325ULL; /* FNV's offset basis and prime, 64 bits */

	for (const u8 *p = data; n; n--, p++)
		h = (h ^ *p) * 0x100000001b3ULL;
	return h;
}
