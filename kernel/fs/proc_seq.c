/*
 * Reading texts that are made while they are read.
 *
 *	buffer  [ record | record | rec... ]     whole records; a record that does not fit waits for the next filling
 *	          ^ from: file position `at`
 *
 *   X1  the byte at buf[from] is the file's byte number `at`; a read elsewhere produces the text anew up to there.
 *   X2  the buffer holds whole records; cookie names the one that comes next.
 *
 * So a file read in pieces of any size is the same text, provided that the world stands still; when it does not, what
 * is read is still made of whole records, each from one moment.
 *
 * Locks: text->lock, for threads that share the open file. Records are produced into kernel memory and copied out
 * afterwards, because the copy may fault in the address space that was shown.
 */
#include "kernel/fs/procfs.h"

#include "mm/mm.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define FIRST_SIZE PAGE_SIZE
#define MAX_SIZE (4UL << 20) /* the largest record */

struct text {
	struct mutex lock;
	text_fn *fn;
	void *obj;
	struct seq s;
	size_t from;
	u64 at;
	u64 cookie;
};

int text_open(struct file *f, text_fn *fn, void *obj)
{
	struct text *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock, RANK_FILE_POS); /* taken inside the position's */
	t->fn = fn;
	t->obj = obj;
	f->private = t;
	return 0;
}

void text_release(struct file *f)
{
	struct text *t = f->private;

	kfree(t->s.buf);
	kfree(t);
}

/* => 0 or -ENOMEM; what the buffer held is lost */
static int grow(struct text *t)
{
	size_t size = t->s.size ? t->s.size * 2 : FIRST_SIZE;
	char *buf = size <= MAX_SIZE ? kmalloc(size) : NULL;

	if (!buf)
		return -ENOMEM;
	kfree(t->s.buf);
	t->s = (struct seq){ .buf = buf, .size = size };
	return 0;
}

/* One more record. => 1, 0 at the end, -ENOSPC it does not fit (the cookie still names it), -errno */
static int add_record(struct text *t)
{
	size_t mark = t->s.count;
	u64 cookie = t->cookie;
	int ret = t->fn(&t->s, t->obj, &t->cookie);

	if (ret < 0 || t->s.overflow) {
		t->s.count = mark;
		t->cookie = cookie;
		ret = t->s.overflow ? -ENOSPC : ret;
		t->s.overflow = false;
	}
	return ret;
}

/* As many records as fit, at least one. => 0, also at the end, when the buffer stays empty; -errno */
static int fill(struct text *t)
{
	int ret;

	t->s.count = 0;
	t->from = 0;
	if (!t->s.buf && grow(t))
		return -ENOMEM;
	while ((ret = add_record(t)) != 0) {
		if (ret == -ENOSPC && t->s.count == 0 && grow(t) == 0)
			continue;
		if (ret < 0)
			break;
	}
	return t->s.count || ret == 0 ? 0 : ret == -ENOSPC ? -ENOMEM : ret;
}

/* X1 for position pos. => 0, -errno; at < pos: the text ends before it */
static int seek(struct text *t, u64 pos)
{
	if (pos == t->at)
		return 0;
	t->s.count = t->from = 0;
	t->at = t->cookie = 0;
	while (t->at < pos) {
		int err = fill(t);

		if (err || !t->s.count)
			return err;
		t->from = (size_t)min((u64)t->s.count, pos - t->at);
		t->at += t->from;
	}
	return 0;
}

static long read_locked(struct text *t, struct uio *u, u64 pos)
{
	int err = seek(t, pos);
	bool filled = false;
	long done = 0;

	while (!err && t->at >= pos && u->resid) {
		size_t n, want;

		if (t->from == t->s.count) {
			if (filled) /* once is enough for a read */
				break;
			filled = true;
			err = fill(t);
			if (err || !t->s.count)
				break;
		}
		want = min(t->s.count - t->from, u->resid);
		n = uio_write(u, t->s.buf + t->from, want);
		t->from += n;
		t->at += n;
		done += (long)n;
		if (n < want)
			err = -EFAULT;
	}
	return done ? done : err;
}

long text_read(struct file *f, struct uio *u, u64 *pos)
{
	struct text *t = f->private;
	long n;

	mutex_lock_nested(&t->lock);
	n = read_locked(t, u, *pos);
	mutex_unlock(&t->lock);
	if (n > 0)
		*pos += (u64)n;
	return n;
}

s64 text_lseek(struct file *f, s64 off, int whence)
{
	s64 pos;

	if (whence > 1)
		return -EINVAL;
	return __builtin_add_overflow(whence ? (s64)f->pos : 0, off, &pos) ? -EOVERFLOW : lseek_to(f, pos);
}

/* ---- Files of procfs ---- */

static int show_whole(struct seq *s, void *obj, u64 *cookie)
{
	struct proc_node *n = obj;
	int err;

	if (*cookie)
		return 0;
	if (proc_gone(n))
		return -ESRCH;
	err = n->entry->show(s, n);
	*cookie = 1;
	return err ? err : 1;
}

static int show_record(struct seq *s, void *obj, u64 *cookie)
{
	struct proc_node *n = obj;
	struct mm *mm;
	int ret;

	if (proc_gone(n))
		return -ESRCH;
	mm = process_mm_get(n->process);
	if (!mm)
		return 0;
	ret = n->entry->next(s, mm, cookie);
	mm_put(mm);
	return ret;
}

int proc_text_open(struct inode *inode, struct file *f)
{
	struct proc_node *n = proc_node(inode);

	if (n->entry->guarded && !proc_may_look(n->process))
		return -EACCES;
	return text_open(f, n->entry->next ? show_record : show_whole, n);
}

static long proc_text_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct proc_node *n = proc_node(f->inode);
	struct mm *mm = n->entry->ioctl ? process_mm_get(n->process) : NULL;
	long ret;

	if (!mm)
		return n->entry->ioctl ? -ESRCH : -ENOTTY;
	ret = n->entry->ioctl(mm, cmd, arg);
	mm_put(mm);
	return ret;
}

const struct file_ops proc_text_fops = {
	.open = proc_text_open,
	.read = text_read,
	.lseek = text_lseek,
	.ioctl = proc_text_ioctl,
	.release = text_release,
};
