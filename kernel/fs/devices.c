/*
 * /dev: device nodes under Linux's numbers, and the devices that are no hardware.
 *
 *	1:3 null   1:5 zero   1:7 full   1:8 random   1:9 urandom   1:11 kmsg     here
 *	4:64.. ttyS0..3   5:0 tty   5:1 console                                   tty.c
 *
 * The tree is a ramfs: programs may add nodes, links and directories. Opening a node finds its operations by number
 * wherever the node lies (device_ops()).
 *
 * random and urandom give the same: words from the CPU's generator.
 *
 * /dev/kmsg reads one record at a time, written text becomes one. A message may be logged with any lock held, so logging
 * wakes nobody: waiting readers look again ten times a second.
 *
 * Linux differs: its generator is seeded from many sources and keeps state; kmsg knows continuation lines and facilities.
 */
#include "kernel/fs/vfs.h"

#include "kernel/fs/tty.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/poll.h"
#include "kernel/uapi/statfs.h"
#include <arch/irq.h>

#define DEV(major, minor) ((major) << 8 | (minor))
#define DIALOUT_GID 20 /* owns serial lines on Debian */
#define KMSG_LINE 1024 /* Linux: the longest line that may be written */
#define KMSG_LOOK_NS (NSEC_PER_SEC / 10)
#define FILL_CHUNK (16 * PAGE_SIZE) /* between two looks for signals */

/* ---- null, zero, full ---- */

static long null_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f, (void)u, (void)pos;
	return 0;
}

static long null_write(struct file *f, struct uio *u, u64 *pos)
{
	(void)f, (void)pos;
	return (long)u->resid;
}

static s64 null_lseek(struct file *f, s64 off, int whence)
{
	(void)off, (void)whence;
	f->pos = 0;
	return 0;
}

static long zero_read(struct file *f, struct uio *u, u64 *pos)
{
	size_t done = 0;

	(void)f, (void)pos;
	while (u->resid) {
		size_t want = min(u->resid, FILL_CHUNK), n = uio_zero(u, want);

		done += n;
		if (n < want)
			return done ? (long)done : -EFAULT;
		if (signal_pending() && u->resid)
			break;
		sched_yield_point();
	}
	return (long)done;
}

static long full_write(struct file *f, struct uio *u, u64 *pos)
{
	(void)f, (void)u, (void)pos;
	return -ENOSPC;
}

/* A private or shared mapping of zero is anonymous memory. */
static int zero_mmap(struct file *f, bool shared, bool *anonymous)
{
	(void)f, (void)shared;
	*anonymous = true;
	return 0;
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .lseek = null_lseek };
static const struct file_ops zero_ops = {
	.read = zero_read,
	.write = null_write,
	.lseek = null_lseek,
	.mmap = zero_mmap,
};
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .lseek = null_lseek };

/* ---- random, urandom ---- */

static long random_fill(struct uio *u)
{
	u64 words[32];
	size_t done = 0;

	while (u->resid) {
		size_t want = min(u->resid, sizeof(words)), n;

		for (size_t i = 0; i < DIV_ROUND_UP(want, 8); i++)
			words[i] = arch_random();
		n = uio_write(u, words, want);
		done += n;
		if (n < want)
			return done ? (long)done : -EFAULT;
		if (signal_pending() && done >= PAGE_SIZE)
			break;
		sched_yield_point();
	}
	return (long)done;
}

static long random_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f, (void)pos;
	return random_fill(u);
}

static const struct file_ops random_ops = { .read = random_read, .write = null_write, .lseek = noop_lseek };

/* ---- kmsg ---- */

/* A reader's position is the number of the next record. */
static bool kmsg_has(const struct file *f)
{
	u64 first, end;

	log_bounds(&first, &end);
	return f->pos < end;
}

/* => 0, -EAGAIN, -ERESTARTSYS */
static long kmsg_wait(struct file *f)
{
	while (!kmsg_has(f)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (signal_pending())
			return -ERESTARTSYS;
		current->state = TASK_INTERRUPTIBLE;
		schedule_timeout(cpu_clock() + KMSG_LOOK_NS);
	}
	return 0;
}

/* "priority,number,microseconds,-;text\n" */
static long kmsg_format(const struct log_entry *e, const char *text, int n, struct uio *u)
{
	char head[64];
	int len = snprintf(head, sizeof(head), "%u,%lu,%lu,-;", e->level, (unsigned long)e->seq,
			   (unsigned long)(e->time / 1000));

	if ((size_t)(len + n + 1) > u->resid)
		return -EINVAL;
	if (uio_write(u, head, len) + uio_write(u, text, n) + uio_write(u, "\n", 1) != (size_t)(len + n + 1))
		return -EFAULT;
	return len + n + 1;
}

static long kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	char text[KMSG_LINE];
	struct log_entry e;
	u64 seq, first, end;
	long ret = kmsg_wait(f);
	int n;

	if (ret)
		return ret;
	log_bounds(&first, &end);
	if (*pos < first) { /* records were lost: the next read goes on with what is left */
		*pos = first;
		return -EPIPE;
	}
	seq = *pos;
	n = log_read(&seq, &e, text, sizeof(text));
	if (n < 0)
		return n;
	ret = kmsg_format(&e, text, n, u);
	if (ret > 0)
		*pos = seq;
	return ret;
}

/* "<priority>text"; without a priority it is a warning's, Linux's default. */
static void kmsg_log(const char *text, size_t n)
{
	const char *end;
	u64 level = LOG_WARNING;

	if (text[0] == '<' && parse_u64(text + 1, &end, &level) == 0 && *end == '>') {
		n -= end + 1 - text;
		text = end + 1;
	}
	while (n && text[n - 1] == '\n')
		n--;
	log_text(level & 7, text, n);
}

static long kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
	char text[KMSG_LINE + 1];
	size_t n = u->resid;

	(void)f, (void)pos;
	if (n > KMSG_LINE)
		return -EINVAL;
	if (uio_read(u, text, n) != n)
		return -EFAULT;
	text[n] = '\0';
	kmsg_log(text, n);
	return (long)n;
}

static s64 kmsg_lseek(struct file *f, s64 off, int whence)
{
	u64 first, end;

	if (off)
		return -ESPIPE;
	log_bounds(&first, &end);
	if (whence != 0 && whence != 2 && whence != 3)
		return -EINVAL;
	f->pos = whence == 2 ? end : first;
	return 0;
}

static int kmsg_open(struct inode *inode, struct file *f)
{
	u64 first, end;

	(void)inode;
	log_bounds(&first, &end);
	f->pos = first;
	return 0;
}

static unsigned int kmsg_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(&log_waiters, pt);
	return (kmsg_has(f) ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM;
}

static const struct file_ops kmsg_ops = {
	.open = kmsg_open,
	.read = kmsg_read,
	.write = kmsg_write,
	.lseek = kmsg_lseek,
	.poll = kmsg_poll,
};

/* ---- The tree ---- */

static const struct node {
	const char *name;
	u32 rdev, mode, gid;
	const struct file_ops *ops;
} nodes[] = {
	{ "null", DEV(1, 3), 0666, 0, &null_ops },
	{ "zero", DEV(1, 5), 0666, 0, &zero_ops },
	{ "full", DEV(1, 7), 0666, 0, &full_ops },
	{ "random", DEV(1, 8), 0666, 0, &random_ops },
	{ "urandom", DEV(1, 9), 0666, 0, &random_ops },
	{ "kmsg", DEV(1, 11), 0644, 0, &kmsg_ops },
	{ "ttyS0", DEV(4, 64), 0660, DIALOUT_GID, &tty_ops },
	{ "ttyS1", DEV(4, 65), 0660, DIALOUT_GID, &tty_ops },
	{ "ttyS2", DEV(4, 66), 0660, DIALOUT_GID, &tty_ops },
	{ "ttyS3", DEV(4, 67), 0660, DIALOUT_GID, &tty_ops },
	{ "tty", DEV(5, 0), 0666, 0, &tty_ops },
	{ "console", DEV(5, 1), 0600, 0, &tty_ops },
};

const struct file_ops *device_ops(u32 mode, u32 rdev)
{
	for (size_t i = 0; S_ISCHR(mode) && i < ARRAY_SIZE(nodes); i++)
		if (nodes[i].rdev == rdev)
			return nodes[i].ops;
	return NULL;
}

static void add_link(struct dentry *dir, const char *name, const char *target)
{
	tree_add(dir, name, ramfs_inode(dir->inode->super, S_IFLNK | 0777, 0, target));
}

struct super *devfs_create(void)
{
	struct super *s = ramfs_create("devtmpfs", "devtmpfs", ",relatime", TMPFS_MAGIC);

	if (!s)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		struct inode *inode = ramfs_inode(s, S_IFCHR | nodes[i].mode, nodes[i].rdev, NULL);

		if (inode)
			inode->gid = nodes[i].gid;
		tree_add(s->root, nodes[i].name, inode);
	}
	add_link(s->root, "fd", "/proc/self/fd");
	add_link(s->root, "stdin", "/proc/self/fd/0");
	add_link(s->root, "stdout", "/proc/self/fd/1");
	add_link(s->root, "stderr", "/proc/self/fd/2");
	tree_mkdir(s->root, "shm", 01777); /* where shm_open(3) makes its files */
	return s;
}
