/*
 * Pipes and FIFOs: a ring of slots, each at most a page of bytes.
 *
 *	tail              head         slot: page, and where in it bytes are: [off, off + len)
 *	  |..##|####|####|##  |
 *
 *	P1  head - tail <= nr; a slot in [tail, head) has a page and len > 0, others have none
 *	P2  a write of at most PIPE_BUF bytes lands in one slot, as a whole, or waits
 *	P3  readers and writers count open files; the last of either kind wakes the other side
 *
 * A write first fills up the last slot, if what is left over from its whole pages fits there, and then takes slots of
 * its own, as on Linux; so a pipe of 16 slots may be full with fewer than 64 KiB in it. One page is kept as a spare:
 * a pipe that runs empty again and again allocates nothing.
 *
 * pipe->lock is held while user memory is copied, as writes must not mix. poll looks at head and tail without it.
 * A FIFO's pipe exists while somebody has it open; inode->lock protects its birth and death.
 *
 * Linux differs: slots can hold pages of others, which splice passes on, and packets (O_DIRECT).
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/sysctl.h"
#include "kernel/task.h"
#include "kernel/uapi/ioctl.h"
#include "kernel/uapi/poll.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define PIPE_SLOTS 16U			    /* Linux's default: 64 KiB */
#define PIPE_BYTES_LIMIT (1UL << 31)

struct slot {
	char *page;
	u32 off, len;
};

struct pipe {
	struct mutex lock;
	struct waitq read_wait, write_wait;
	u32 head, tail; /* run on; the place is modulo nr */
	u32 nr;		/* a power of two */
	struct slot *slots;
	char *spare;
	unsigned int readers, writers, files;	 /* files: inode->lock */
	unsigned int reader_opens, writer_opens; /* ever: for those who wait in open */
	struct slot first_slots[PIPE_SLOTS];
};

static struct kmem_cache *pipe_cache;
static long pipe_max_size = 1L << 20; /* bytes that F_SETPIPE_SZ grants to everybody */
SYSCTL(sysctl_pipe_max, .name = "fs.pipe-max-size", .value = &pipe_max_size, .min = PAGE_SIZE, .max = 1L << 31,
       .mode = 0644);

void pipe_boot(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 8);
}

/* ---- The ring ---- */

static inline bool pipe_empty(const struct pipe *p)
{
	return READ_ONCE(p->head) == READ_ONCE(p->tail);
}

static inline bool pipe_full(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail) >= p->nr;
}

static inline struct slot *slot_at(struct pipe *p, u32 i)
{
	return &p->slots[i & (p->nr - 1)];
}

static size_t pipe_bytes(struct pipe *p)
{
	size_t n = 0;

	for (u32 i = p->tail; i != p->head; i++)
		n += slot_at(p, i)->len;
	return n;
}

static char *page_get(struct pipe *p)
{
	char *page = p->spare;
	struct page *new;

	if (page) {
		p->spare = NULL;
		return page;
	}
	new = page_alloc(0, PAGE_KERNEL, GFP_KERNEL);
	return new ? page_to_virt(new) : NULL;
}

static void page_give_back(struct pipe *p, char *page)
{
	if (!p->spare)
		p->spare = page;
	else
		page_free(virt_to_page(page), 0);
}

/* => bytes moved out */
static size_t take(struct pipe *p, struct uio *u)
{
	size_t done = 0;

	while (u->resid && p->tail != p->head) {
		struct slot *s = slot_at(p, p->tail);
		size_t n = min((size_t)s->len, u->resid), got = uio_write(u, s->page + s->off, n);

		s->off += got;
		s->len -= got;
		done += got;
		if (!s->len) {
			page_give_back(p, s->page);
			s->page = NULL;
			WRITE_ONCE(p->tail, p->tail + 1);
		}
		if (got < n)
			break;
	}
	return done;
}

/* What a write of n bytes has beyond whole pages goes into the last slot, if it fits. => bytes, -EFAULT */
static long give_to_last(struct pipe *p, struct uio *u, size_t n)
{
	struct slot *s = slot_at(p, p->head - 1);
	size_t rest = n % PAGE_SIZE, got;

	if (!rest || p->head == p->tail || s->off + s->len + rest > PAGE_SIZE)
		return 0;
	got = uio_read(u, s->page + s->off + s->len, rest);
	s->len += got;
	return got < rest ? -EFAULT : (long)got;
}

/* One new slot. => bytes, or -EFAULT, -ENOMEM */
static long give_slot(struct pipe *p, struct uio *u)
{
	size_t n = min(u->resid, PAGE_SIZE), got;
	char *page = page_get(p);

	if (!page)
		return -ENOMEM;
	got = uio_read(u, page, n);
	if (!got) {
		page_give_back(p, page);
		return -EFAULT;
	}
	*slot_at(p, p->head) = (struct slot){ .page = page, .len = got };
	WRITE_ONCE(p->head, p->head + 1);
	return got;
}

/* ---- Life ---- */

static struct pipe *pipe_create(void)
{
	struct pipe *p = kmem_cache_zalloc(pipe_cache);

	if (!p)
		return NULL;
	mutex_init(&p->lock, RANK_PIPE);
	waitq_init(&p->read_wait);
	waitq_init(&p->write_wait);
	p->nr = PIPE_SLOTS;
	p->slots = p->first_slots;
	return p;
}

static void pipe_destroy(struct pipe *p)
{
	for (; p->tail != p->head; p->tail++)
		page_give_back(p, slot_at(p, p->tail)->page);
	if (p->spare)
		page_free(virt_to_page(p->spare), 0);
	if (p->slots != p->first_slots)
		kfree(p->slots);
	kmem_cache_free(pipe_cache, p);
}

/* Somebody may wait: after the change is visible, look. */
static inline void wake(struct waitq *wq)
{
	smp_mb();
	if (!list_empty(&wq->waiters))
		waitq_wake_all(wq);
}

/* ---- Transfers ---- */

/* Wait, lock dropped, for bytes or for a slot. => 0 or -errno, locked again */
static int wait_readable(struct pipe *p) REQUIRES(p->lock)
{
	int err;

	mutex_unlock(&p->lock);
	err = wait_event_interruptible(&p->read_wait, !pipe_empty(p) || !READ_ONCE(p->writers));
	mutex_lock(&p->lock);
	return err ? -ERESTARTSYS : 0;
}

static int wait_writable(struct pipe *p) REQUIRES(p->lock)
{
	int err;

	mutex_unlock(&p->lock);
	wake(&p->read_wait); /* whoever can make room */
	err = wait_event_interruptible(&p->write_wait, !pipe_full(p) || !READ_ONCE(p->readers));
	mutex_lock(&p->lock);
	return err ? -ERESTARTSYS : 0;
}

static long pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->inode->pipe;
	bool was_full;
	long ret = 0;

	(void)pos;
	if (!u->resid)
		return 0;
	mutex_lock(&p->lock);
	while (pipe_empty(p) && p->writers && !ret)
		ret = f->flags & O_NONBLOCK ? -EAGAIN : wait_readable(p);
	if (ret || pipe_empty(p)) {
		mutex_unlock(&p->lock);
		return ret;
	}
	was_full = pipe_full(p);
	ret = (long)take(p, u);
	mutex_unlock(&p->lock);
	if (was_full)
		wake(&p->write_wait);
	return ret ? ret : -EFAULT;
}

/* Everything that is left, waiting for slots. => 0 or -errno */
static long write_slots(struct file *f, struct pipe *p, struct uio *u) REQUIRES(p->lock)
{
	while (u->resid) {
		long n = 0;

		if (!p->readers) {
			signal_send_self(SIGPIPE);
			return -EPIPE;
		}
		if (!pipe_full(p))
			n = give_slot(p, u);
		else
			n = f->flags & O_NONBLOCK ? -EAGAIN : wait_writable(p);
		if (n < 0)
			return n;
	}
	return 0;
}

static long pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->inode->pipe;
	size_t total = u->resid;
	long err = 0;

	(void)pos;
	if (!total)
		return 0;
	mutex_lock(&p->lock);
	if (p->readers)
		err = give_to_last(p, u, total);
	if (err >= 0)
		err = write_slots(f, p, u);
	mutex_unlock(&p->lock);
	wake(&p->read_wait);
	return u->resid < total ? (long)(total - u->resid) : err;
}

/* ---- Other operations ---- */

static unsigned int pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->inode->pipe;
	unsigned int mask = 0;

	if (file_readable(f))
		poll_wait(&p->read_wait, pt);
	if (file_writable(f))
		poll_wait(&p->write_wait, pt);
	if (file_readable(f)) {
		if (!pipe_empty(p))
			mask |= POLLIN | POLLRDNORM;
		if (!READ_ONCE(p->writers) && (uintptr_t)f->private != READ_ONCE(p->writer_opens))
			mask |= POLLHUP;
	}
	if (file_writable(f)) {
		if (!pipe_full(p))
			mask |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pipe *p = f->inode->pipe;
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	n = (int)pipe_bytes(p);
	mutex_unlock(&p->lock);
	return put_user(n, (int __user *)arg);
}

static void pipe_release(struct file *f)
{
	struct inode *inode = f->inode;
	struct pipe *p = inode->pipe;
	bool last;

	mutex_lock(&inode->lock);
	mutex_lock(&p->lock);
	p->readers -= file_readable(f);
	p->writers -= file_writable(f);
	last = --p->files == 0;
	mutex_unlock(&p->lock);
	wake(&p->read_wait);
	wake(&p->write_wait);
	if (last)
		inode->pipe = NULL;
	mutex_unlock(&inode->lock);
	if (last)
		pipe_destroy(p);
}

/* ---- Opening a FIFO ---- */

static void join(struct pipe *p, struct file *f)
{
	mutex_lock(&p->lock);
	p->files++;
	if (file_readable(f)) {
		p->readers++;
		p->reader_opens++;
	}
	if (file_writable(f)) {
		p->writers++;
		p->writer_opens++;
	}
	mutex_unlock(&p->lock);
}

/* Wait until the other side is there, or was since we came. => 0 or -errno */
static int meet(struct pipe *p, struct file *f, unsigned int readers_seen, unsigned int writers_seen)
{
	bool reads = file_readable(f), writes = file_writable(f);
	int err = 0;

	wake(&p->read_wait); /* openers wait on the queue of what they will do */
	wake(&p->write_wait);
	if (reads && !writes && !(f->flags & O_NONBLOCK))
		err = wait_event_interruptible(&p->read_wait, READ_ONCE(p->writers) ||
							     READ_ONCE(p->writer_opens) != writers_seen);
	else if (writes && !reads)
		err = wait_event_interruptible(&p->write_wait, READ_ONCE(p->readers) ||
							      READ_ONCE(p->reader_opens) != readers_seen);
	return err ? -ERESTARTSYS : 0;
}

static int fifo_open(struct inode *inode, struct file *f)
{
	unsigned int readers_seen, writers_seen;
	struct pipe *p;
	int err = 0;

	mutex_lock(&inode->lock);
	if (!inode->pipe)
		inode->pipe = pipe_create();
	p = inode->pipe;
	if (!p)
		err = -ENOMEM;
	else if (!file_readable(f) && (f->flags & O_NONBLOCK) && !p->readers)
		err = -ENXIO;
	if (p && err && !p->files) {
		inode->pipe = NULL;
		pipe_destroy(p);
	}
	if (!err) {
		readers_seen = p->reader_opens;
		writers_seen = p->writer_opens;
		join(p, f);
	}
	mutex_unlock(&inode->lock);
	if (err)
		return err;
	err = meet(p, f, readers_seen, writers_seen);
	if (err)
		pipe_release(f);
	/* no hang-up is reported before the first writer has come */
	f->private = (void *)(uintptr_t)(p && !err && !p->writers ? p->writer_opens : 0);
	return err;
}

const struct file_ops fifo_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.open = fifo_open,
	.release = pipe_release,
};

/* ---- pipe(2) ---- */

static struct file *make_read_end(u32 flags)
{
	struct inode *inode = inode_create(anon_super(), S_IFIFO | 0600, super_next_ino(anon_super()));
	struct pipe *p = inode ? pipe_create() : NULL;
	struct file *f;

	if (!p) {
		if (inode)
			inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	inode->fops = &fifo_ops;
	inode->pipe = p;
	f = file_open_anon(inode, "", O_RDONLY | flags, &fifo_ops);
	if (IS_ERR(f))
		pipe_destroy(p);
	else
		join(p, f);
	return f;
}

/* => 0 or -errno */
static int make_pipe(struct file *ends[2], u32 flags)
{
	ends[0] = make_read_end(flags);
	if (IS_ERR(ends[0]))
		return PTR_ERR(ends[0]);
	ends[1] = file_open_again(ends[0], O_WRONLY | flags);
	if (IS_ERR(ends[1])) {
		file_put(ends[0]);
		return -ENFILE;
	}
	join(ends[0]->inode->pipe, ends[1]);
	return 0;
}

long sys_pipe2(int __user *user_fds, int flags)
{
	struct file *ends[2] = {};
	int fds[2], err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = make_pipe(ends, flags & O_NONBLOCK);
	if (err)
		return err;
	err = fd_install_pair(ends[0], ends[1], flags & O_CLOEXEC, fds);
	if (err)
		return err;
	if (!copy_to_user(user_fds, fds, sizeof(fds)))
		return 0;
	fd_close(fds[0]);
	fd_close(fds[1]);
	return -EFAULT;
}

long sys_pipe(int __user *user_fds)
{
	return sys_pipe2(user_fds, 0);
}

/* ---- F_SETPIPE_SZ, F_GETPIPE_SZ ---- */

/* A ring of another size with the same bytes. => locked */
static int resize(struct pipe *p, u32 nr)
{
	u32 used = p->head - p->tail;
	struct slot *slots;

	if (used > nr)
		return -EBUSY;
	slots = kzalloc(nr * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (u32 i = 0; i < used; i++)
		slots[i] = *slot_at(p, p->tail + i);
	if (p->slots != p->first_slots)
		kfree(p->slots);
	p->slots = slots;
	p->nr = nr;
	p->tail = 0;
	p->head = used;
	return 0;
}

long pipe_set_size(struct file *f, unsigned long bytes)
{
	struct pipe *p = f->inode->pipe;
	u32 nr = 1;
	long err;

	if (!S_ISFIFO(f->inode->mode) || !p)
		return -EBADF;
	if (bytes > PIPE_BYTES_LIMIT)
		return -EINVAL;
	while (nr * PAGE_SIZE < bytes)
		nr *= 2;
	mutex_lock(&p->lock);
	if (nr > p->nr && nr * PAGE_SIZE > (u64)READ_ONCE(pipe_max_size) && !capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	else
		err = nr == p->nr ? 0 : resize(p, nr);
	mutex_unlock(&p->lock);
	wake(&p->write_wait);
	return err ? err : (long)(nr * PAGE_SIZE);
}

long pipe_get_size(struct file *f)
{
	struct pipe *p = f->inode->pipe;

	return S_ISFIFO(f->inode->mode) && p ? (long)(p->nr * PAGE_SIZE) : -EBADF;
}
