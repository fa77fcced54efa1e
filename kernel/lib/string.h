/*
 * Strings and memory. memcpy, memmove, memset and memcmp are also called by compiler-made code; the first three
 * are the port's, in assembly.
 */
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include "kernel/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);
/* Copy with room for n bytes, always terminated when n > 0. => length of src; >= n: it was cut */
size_t strlcpy(char *dst, const char *src, size_t n);

static inline bool str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_print(char c)
{
	return c >= ' ' && c <= '~';
}

/* A number in C's notation (0x, 0, decimal), an optional sign for the signed form, then *end (may be NULL: then
 * nothing may follow). => 0, -EINVAL no number or something follows, -ERANGE */
int parse_u64(const char *s, const char **end, u64 *value);
int parse_s64(const char *s, const char **end, s64 *value);

#endif
