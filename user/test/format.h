/*
 * Formats of /proc files as programs parse them, byte for byte: a file's description is a list of patterns,
 * one a line of the file, in order.
 *
 *	%d   decimal without leading zeros       %8d   right-aligned in 8, wider when it must be
 *	%x   lower-case hexadecimal              %16x  exactly 16 digits      %08x  at least 8 digits
 *	%s   a word                              %r    the rest of the line, perhaps nothing
 *	?    in front: the line may be absent    *     in front: any number of such lines
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "mm.h"
#include <ctype.h>

static inline const char *match_decimal(const char *s, int width)
{
	const char *start = s;

	while (width && *s == ' ')
		s++;
	if (!isdigit((unsigned char)*s) || (s[0] == '0' && isdigit((unsigned char)s[1])))
		return NULL;
	while (isdigit((unsigned char)*s))
		s++;
	if (s - start < width || (s - start > width && *start == ' '))
		return NULL;
	return s;
}

static inline const char *match_hex(const char *s, int width, int at_least)
{
	int n = 0;

	while (isdigit((unsigned char)s[n]) || (s[n] >= 'a' && s[n] <= 'f'))
		n++;
	if (n == 0 || (width && (at_least ? n < width || (n > width && s[0] == '0') : n != width)))
		return NULL;
	if (!width && n > 1 && s[0] == '0')
		return NULL;
	return s + n;
}

/* Whether LINE is exactly what PATTERN says. */
static inline int match(const char *line, const char *pattern)
{
	while (line && *pattern) {
		int width = 0, zero;

		if (*pattern != '%') {
			if (*line++ != *pattern++)
				return 0;
			continue;
		}
		zero = *++pattern == '0';
		while (isdigit((unsigned char)*pattern))
			width = width * 10 + *pattern++ - '0';
		switch (*pattern++) {
		case 'd':
			line = match_decimal(line, width);
			break;
		case 'x':
			line = match_hex(line, width, zero);
			break;
		case 's':
			if (!*line || *line == ' ')
				return 0;
			line += strcspn(line, " ");
			break;
		case 'r':
			return 1;
		default:
			return 0;
		}
	}
	return line && !*line;
}

/* The file must be the lines of DESC, which ends with NULL. */
static inline void check_format_from(const char *file, int at_line, const char *path, const char *const *desc)
{
	struct lines l;
	int n = 0;

	lines_open(&l, path);
	while (lines_next(&l)) {
		n++;
		while (*desc && !match(l.line, *desc + (**desc == '?' || **desc == '*'))) {
			if (**desc != '?' && **desc != '*')
				ktap_fail(file, at_line, "%s:%d is \"%s\", want \"%s\"", path, n, l.line, *desc);
			desc++;
		}
		if (!*desc)
			ktap_fail(file, at_line, "%s:%d \"%s\" is not expected here", path, n, l.line);
		if (**desc != '*')
			desc++;
	}
	while (*desc && (**desc == '?' || **desc == '*'))
		desc++;
	if (*desc)
		ktap_fail(file, at_line, "%s ends without \"%s\"", path, *desc);
}

#define check_format(path, desc)	check_format_from(__FILE__, __LINE__, path, desc)

#endif
