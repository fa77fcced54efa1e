/*
 * The kernel log as files: /dev/kmsg and /proc/kmsg.
 *
 *	/dev/kmsg    one record a read: "PRIORITY,SEQ,MICROSECONDS,-;text\n"; each reader has its own place;
 *	             what is written becomes a record, "<N>" in front gives its level
 *	/proc/kmsg   "<N>[    1.234567] text\n", and what has been read is read: one place for all
 *
 * A reader who was overtaken goes on with the oldest record that is left.
 */
#include "kernel/fs/devices.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/poll.h"
#include "mm/slab.h"

#define RECORD_MAX 1024
#define WRITE_MAX (RECORD_MAX - 64)
#define FACILITY_USER 8 /* records from user space: syslog's facility 1 */

struct kmsg_reader {
	u64 seq;
	char text[RECORD_MAX], line[RECORD_MAX + 64];
};

static u64 proc_seq; /* the place of /proc/kmsg; raced readers share records, as on Linux they compete for them */

static bool available(u64 seq)
{
	u64 first, end;

	log_bounds(&first, &end);
	return seq < end;
}

/* The next record. => length of r->text */
static int next_record(struct file *f, struct kmsg_reader *r, u64 *seq, struct log_entry *e)
{
	for (;;) {
		int n = log_read(seq, e, r->text, sizeof(r->text));

		if (n != -EAGAIN)
			return n;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&log_waiters, available(*seq)))
			return -ERESTARTSYS;
	}
}

static long deliver(struct uio *u, const char *line, size_t n)
{
	return uio_write(u, line, n) < n ? -EFAULT : (long)n;
}

static long kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	struct kmsg_reader *r = f->private;
	u64 seq = r->seq;
	struct log_entry e;
	int n;

	(void)pos;
	n = next_record(f, r, &seq, &e);
	if (n < 0)
		return n;
	n = snprintf(r->line, sizeof(r->line), "%u,%lu,%lu,-;%.*s\n", e.level, e.seq, e.time / 1000, n, r->text);
	if ((size_t)n > u->resid)
		return -EINVAL;
	r->seq = seq;
	return deliver(u, r->line, n);
}

static long kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
	long n = u->resid, level = LOG_INFO;
	char *text, *at;

	(void)f;
	(void)pos;
	if (n > WRITE_MAX)
		return -EINVAL;
	text = at = kmalloc(n + 1);
	if (!text)
		return -ENOMEM;
	if (uio_read(u, text, n) < (size_t)n) {
		kfree(text);
		return -EFAULT;
	}
	text[n] = 0;
	if (text[0] == '<' && is_digit(text[1]) && text[2] == '>') {
		level = text[1] - '0';
		at += 3;
	}
	for (size_t len = strlen(at); len && at[len - 1] == '\n'; len--)
		at[len - 1] = 0;
	log_text(level & 7, at, strlen(at));
	kfree(text);
	return n;
}

static s64 kmsg_lseek(struct file *f, s64 off, int whence)
{
	struct kmsg_reader *r = f->private;
	u64 first, end;

	if (off)
		return -ESPIPE;
	log_bounds(&first, &end);
	if (whence == 0 || whence == 3) /* SEEK_SET; SEEK_DATA: behind the last "clear", which we do not have */
		r->seq = first;
	else if (whence == 2)
		r->seq = end;
	else
		return -EINVAL;
	return 0;
}

static unsigned int kmsg_poll(struct file *f, struct poll_table *pt)
{
	struct kmsg_reader *r = f->private;

	poll_wait(&log_waiters, pt);
	return available(r->seq) ? POLLIN | POLLRDNORM : 0;
}

static int kmsg_open(struct inode *inode, struct file *f)
{
	struct kmsg_reader *r = kzalloc(sizeof(*r));

	(void)inode;
	f->private = r;
	return r ? 0 : -ENOMEM;
}

static void kmsg_release(struct file *f)
{
	kfree(f->private);
}

static long proc_kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	struct kmsg_reader *r = f->private;
	u64 seq = READ_ONCE(proc_seq);
	struct log_entry e;
	long done = 0;
	int n;

	(void)pos;
	n = next_record(f, r, &seq, &e);
	while (n >= 0) {
		long len = snprintf(r->line, sizeof(r->line), "<%u>[%5lu.%06lu] %.*s\n", e.level,
				    e.time / NSEC_PER_SEC, e.time % NSEC_PER_SEC / 1000, n, r->text);

		if ((size_t)len > u->resid)
			return done ? done : -EINVAL;
		len = deliver(u, r->line, len);
		if (len < 0)
			return done ? done : len;
		WRITE_ONCE(proc_seq, seq);
		done += len;
		n = log_read(&seq, &e, r->text, sizeof(r->text));
	}
	return done ? done : n;
}

static unsigned int proc_kmsg_poll(struct file *f, struct poll_table *pt)
{
	(void)f;
	poll_wait(&log_waiters, pt);
	return available(READ_ONCE(proc_seq)) ? POLLIN | POLLRDNORM : 0;
}

const struct file_ops kmsg_ops = {
	.read = kmsg_read, .write = kmsg_write, .lseek = kmsg_lseek,
	.poll = kmsg_poll, .open = kmsg_open, .release = kmsg_release,
};
const struct file_ops proc_kmsg_ops = {
	.read = proc_kmsg_read, .poll = proc_kmsg_poll, .open = kmsg_open, .release = kmsg_release,
};
