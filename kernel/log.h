/* The kernel log as its readers see it: dmesg (syslog(2)), /dev/kmsg, panic. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/lock.h"
#include "kernel/printk.h"

extern unsigned int log_port, log_level;
extern bool log_to_console;
extern struct waitq log_waiters;

struct log_entry {
	u64 seq, time; /* ns since boot */
	u8 level;
};
/* The record *seq, or the oldest after it that is kept; *seq moves behind it. => length of text (not NUL-terminated), or
 * -EAGAIN: none yet */
int log_read(u64 *seq, struct log_entry *out, char *text, size_t size);
void log_bounds(u64 *first, u64 *end);
void log_text(enum log_level level, const char *text, size_t n);
void log_wake_readers(void); /* from the tick: a message may come where nobody can be woken */
void log_break_lock(void); /* panic: whoever held it will not go on */

#endif
