/*
 * The kernel log: one ring of text, shown on a console as it grows, kept for dmesg and /dev/kmsg.
 *
 * Each message is a record: level, sequence number, time, text. Records stand in a byte ring; the oldest make room for
 * the newest. The console (log=ttyS0 unless said otherwise) gets what is at or above loglevel, at once, under the log's
 * lock: a message is never interleaved with another, and nothing is lost when the machine stops in the next moment.
 */
#include "kernel/log.h"

#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "kernel/uapi/errno.h"
#include <arch/cpu.h>
#include <arch/irq.h>

#define LOG_BYTES (64 * 1024)
#define LOG_LINE 512

struct record {
	u64 seq, time;
	u16 len;
	u8 level;
};

static char ring[LOG_BYTES];
static u64 head, tail; /* byte positions ever growing: [tail, head) is kept; modulo LOG_BYTES in ring */
static u64 next_seq, first_seq;
static struct spinlock log_lock = SPINLOCK_INIT(RANK_PRINTK);

unsigned int log_port;		     /* ttyS<n> */
unsigned int log_level = LOG_INFO;   /* shown when level <= log_level */
bool log_to_console = true;
struct waitq log_waiters = WAITQ_INIT(log_waiters); /* readers of /dev/kmsg */

static void ring_copy_in(u64 at, const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[(at + i) % LOG_BYTES] = ((const char *)data)[i];
}

static void ring_copy_out(u64 at, void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)data)[i] = ring[(at + i) % LOG_BYTES];
}

static void drop_oldest(void)
{
	struct record r;

	ring_copy_out(tail, &r, sizeof(r));
	tail += sizeof(r) + r.len;
	first_seq = r.seq + 1;
}

static void append(const struct record *r, const char *text)
{
	while (head + sizeof(*r) + r->len - tail > LOG_BYTES)
		drop_oldest();
	ring_copy_in(head, r, sizeof(*r));
	ring_copy_in(head + sizeof(*r), text, r->len);
	head += sizeof(*r) + r->len;
}

static void console_puts(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			uart_putc(log_port, '\r');
		uart_putc(log_port, s[i]);
	}
}

static void show(const struct record *r, const char *text)
{
	char stamp[32];
	int n = snprintf(stamp, sizeof(stamp), "[%5lu.%06lu] ", (unsigned long)(r->time / 1000000000),
			 (unsigned long)(r->time / 1000 % 1000000));

	console_puts(stamp, n);
	console_puts(text, r->len);
	console_puts("\n", 1);
}

void log_text(enum log_level level, const char *text, size_t n)
{
	unsigned long flags = spin_lock_irqsave(&log_lock);
	struct record r = { .seq = next_seq++, .time = cpu_clock(), .len = (u16)min(n, (size_t)LOG_LINE),
			    .level = (u8)level };

	append(&r, text);
	if (log_to_console && level <= log_level)
		show(&r, text);
	spin_unlock_irqrestore(&log_lock, flags);
}

void printk(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = min(n, (int)sizeof(text) - 1);
	while (n && text[n - 1] == '\n')
		n--;
	log_text(level, text, n);
}

void log_wake_readers(void)
{
	static u64 told; /* messages that readers know of */

	if (likely(READ_ONCE(next_seq) == told))
		return;
	told = READ_ONCE(next_seq);
	waitq_wake_all(&log_waiters);
}

void log_break_lock(void)
{
	log_lock.locked = 0;
}

int log_read(u64 *seq, struct log_entry *out, char *text, size_t size)
{
	unsigned long flags = spin_lock_irqsave(&log_lock);
	struct record r;
	int n = 0;

	*seq = max(*seq, first_seq);
	for (u64 at = tail; at < head; at += sizeof(r) + r.len) {
		ring_copy_out(at, &r, sizeof(r));
		if (r.seq != *seq)
			continue;
		n = (int)min((size_t)r.len, size);
		ring_copy_out(at + sizeof(r), text, n);
		*out = (struct log_entry){ .seq = r.seq, .time = r.time, .level = r.level };
		++*seq;
		spin_unlock_irqrestore(&log_lock, flags);
		return n;
	}
	spin_unlock_irqrestore(&log_lock, flags);
	return -EAGAIN;
}

void log_bounds(u64 *first, u64 *end)
{
	unsigned long flags = spin_lock_irqsave(&log_lock);

	*first = first_seq;
	*end = next_seq;
	spin_unlock_irqrestore(&log_lock, flags);
}
