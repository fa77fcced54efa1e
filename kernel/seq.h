/*
 * Text files of /proc and /sys: a bounded buffer that producers print into.
 *
 * A producer emits whole records. When one does not fit, `overflow` is set, nothing of it is kept,
 * and the reader comes back with a larger or an emptier buffer. Long files (maps of 50,000 VMAs)
 * are produced record by record: `cookie` names the next record (an address, a pid), so that a read
 * that continues after the world has changed neither repeats nor loses what stayed.
 */
#ifndef KERNEL_SEQ_H
#define KERNEL_SEQ_H

#include "kernel/types.h"

struct seq {
	char *buf;
	size_t size;
	size_t count;
	bool overflow;
};

void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq *s, const char *str);
void seq_putc(struct seq *s, char c);
void seq_write(struct seq *s, const void *data, size_t n);
/* A path as Linux prints it: '\n' and '\\' as octal escapes. */
void seq_path(struct seq *s, const char *path);
/* Spaces up to column `width` counted from `start` (a value of s->count). */
void seq_pad(struct seq *s, size_t start, size_t width);

/* One whole file in one go. => 0 or -errno. Overflow is the caller's business. */
typedef int seq_show_fn(struct seq *s, void *obj);
/* The record at or after *cookie, then moves *cookie past it. => 1 emitted, 0 end, -errno. */
typedef int seq_next_fn(struct seq *s, void *obj, u64 *cookie);

#endif
