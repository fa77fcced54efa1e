/* Text files of /proc and /sys: the contract is in seq.h. A record that does not fit leaves the buffer as it was before
 * the call that would have overrun it, with `overflow` set; its reader starts the record again in a larger buffer. */
#include "kernel/seq.h"

#include "kernel/lib/string.h"
#include "kernel/printk.h"

void seq_write(struct seq *s, const void *data, size_t n)
{
	if (s->overflow || n > s->size - s->count) {
		s->overflow = true;
		return;
	}
	memcpy(s->buf + s->count, data, n);
	s->count += n;
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	size_t room = s->size - s->count;
	va_list ap;
	int n;

	if (s->overflow)
		return;
	va_start(ap, fmt);
	n = vsnprintf(s->buf + s->count, room, fmt, ap);
	va_end(ap);
	if ((size_t)n >= room) /* the NUL needs a place as well */
		s->overflow = true;
	else
		s->count += n;
}

void seq_puts(struct seq *s, const char *str)
{
	seq_write(s, str, strlen(str));
}

void seq_putc(struct seq *s, char c)
{
	seq_write(s, &c, 1);
}

void seq_path(struct seq *s, const char *path)
{
	for (; *path; path++) {
		if (*path == '\n')
			seq_puts(s, "\\012");
		else if (*path == '\\')
			seq_puts(s, "\\134");
		else
			seq_putc(s, *path);
	}
}

void seq_pad(struct seq *s, size_t start, size_t width)
{
	while (!s->overflow && s->count < start + width)
		seq_putc(s, ' ');
}
