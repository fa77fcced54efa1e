/*
 * Pipes and FIFOs: a ring of pages.
 *
 *	tail                 head              byte i lies in pages[i / 4096 % nr_pages]
 *	  |########|########|###                pages exist only where bytes are, and one ahead
 *
 *	P1  head - tail <= capacity
 *	P2  a write of at most PIPE_BUF bytes goes in as a whole or waits
 *	P3  readers and writers count open files; the last of either kind wakes the other side
 *
 * When the ring runs empty it starts again at the front of the page it was in, so a small pipe's traffic stays
 * inside one page and allocates nothing.
 *
 * pipe->lock is held while user memory is copied, as writes must not mix. poll looks at head and tail without it.
 * A FIFO's pipe exists while somebody has it open; inode->lock protects its birth and death.
 *
 * Linux differs: buffers are page references that splice can pass on; a write that does not fit into the last page
 * starts another, so a pipe may be full with fewer than `capacity` bytes.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/ioctl.h"
#include "kernel/uapi/poll.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define PIPE_BUF PAGE_SIZE
#define PIPE_CAPACITY (16 * PAGE_SIZE) /* Linux's default */
#define PIPE_CAPACITY_MAX (1UL << 20)  /* fs.pipe-max-size */
#define PIPE_CAPACITY_LIMIT (1UL << 31)

struct pipe {
	struct mutex lock;
	struct waitq read_wait, write_wait;
	u64 head, tail;
	size_t capacity; /* a power of two */
	char **pages;	 /* capacity / PAGE_SIZE */
	unsigned int readers, writers, files; /* files: inode->lock */
	unsigned int reader_opens, writer_opens; /* ever: for those who wait in open */
	char *first_pages[PIPE_CAPACITY / PAGE_SIZE];
};

static struct kmem_cache *pipe_cache;

void pipe_boot(void)
{
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 8);
}

/* ---- The ring ---- */

static inline size_t pipe_used(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail);
}

static inline size_t pipe_room(const struct pipe *p)
{
	return p->capacity - pipe_used(p);
}

static inline char **page_at(struct pipe *p, u64 pos)
{
	return &p->pages[(pos & (p->capacity - 1)) / PAGE_SIZE];
}

static char *page_new(void)
{
	struct page *page = page_alloc(0, PAGE_KERNEL, GFP_KERNEL);

	return page ? page_to_virt(page) : NULL;
}

static void page_drop(char **page)
{
	if (*page)
		page_free(virt_to_page(*page), 0);
	*page = NULL;
}

/* Empty: go on at the front of the current page. */
static void rewind(struct pipe *p)
{
	char **page = page_at(p, p->tail), *spare;

	if (p->tail % PAGE_SIZE == 0 && !*page) /* ended exactly with a page: keep that one */
		page = page_at(p, p->tail - 1);
	spare = *page;
	*page = NULL;
	if (p->pages[0])
		page_drop(&p->pages[0]);
	p->pages[0] = spare;
	WRITE_ONCE(p->tail, 0);
	WRITE_ONCE(p->head, 0);
}

/* => bytes moved out; 0 with resid left: -EFAULT is the caller's word for it */
static size_t take(struct pipe *p, struct uio *u)
{
	size_t done = 0;

	while (u->resid && pipe_used(p)) {
		size_t off = p->tail % PAGE_SIZE, n = min(pipe_used(p), PAGE_SIZE - off), got;

		n = min(n, u->resid);
		got = uio_write(u, *page_at(p, p->tail) + off, n);
		/* A full ring's head may have come round into tail's page: then the page holds its bytes, too. */
		if (off + got == PAGE_SIZE && p->tail + got != p->head && p->head - (p->tail - off) <= p->capacity)
			page_drop(page_at(p, p->tail));
		WRITE_ONCE(p->tail, p->tail + got);
		done += got;
		if (got < n)
			break;
	}
	if (p->tail == p->head && p->tail)
		rewind(p);
	return done;
}

/* Put in up to n bytes, for which there is room. => bytes, or -EFAULT, -ENOMEM when it was none */
static long give(struct pipe *p, struct uio *u, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t off = p->head % PAGE_SIZE, len = min(n - done, PAGE_SIZE - off), got;
		char **page = page_at(p, p->head);

		if (!*page && !(*page = page_new()))
			return done ? (long)done : -ENOMEM;
		got = uio_read(u, *page + off, len);
		WRITE_ONCE(p->head, p->head + got);
		done += got;
		if (got < len)
			return done ? (long)done : -EFAULT;
	}
	return done;
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
	p->capacity = PIPE_CAPACITY;
	p->pages = p->first_pages;
	return p;
}

static void pipe_destroy(struct pipe *p)
{
	for (size_t i = 0; i < p->capacity / PAGE_SIZE; i++)
		page_drop(&p->pages[i]);
	if (p->pages != p->first_pages)
		kfree(p->pages);
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

/* Wait, lock dropped, for room or bytes. => 0 or -errno, locked again */
static int wait_for_bytes(struct pipe *p) REQUIRES(p->lock)
{
	int err;

	mutex_unlock(&p->lock);
	err = wait_event_interruptible(&p->read_wait, pipe_used(p) || !READ_ONCE(p->writers));
	mutex_lock(&p->lock);
	return err ? -ERESTARTSYS : 0;
}

static int wait_for_room(struct pipe *p, size_t n) REQUIRES(p->lock)
{
	int err;

	mutex_unlock(&p->lock);
	err = wait_event_interruptible(&p->write_wait, pipe_room(p) >= n || !READ_ONCE(p->readers));
	mutex_lock(&p->lock);
	return err ? -ERESTARTSYS : 0;
}

static long pipe_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->inode->pipe;
	long ret = 0;
	bool was_full;

	(void)pos;
	if (!u->resid)
		return 0;
	mutex_lock(&p->lock);
	while (!pipe_used(p) && !ret) {
		if (!p->writers)
			goto out;
		ret = f->flags & O_NONBLOCK ? -EAGAIN : wait_for_bytes(p);
	}
	if (!ret) {
		was_full = pipe_room(p) < PIPE_BUF;
		ret = take(p, u);
		mutex_unlock(&p->lock);
		if (was_full)
			wake(&p->write_wait);
		return ret ? ret : -EFAULT;
	}
out:
	mutex_unlock(&p->lock);
	return ret;
}

/* The next part of a write of which `left` bytes are to go in. atomic: all of them or none (P2).
 * => bytes, 0 after waiting, -errno; locked */
static long write_some(struct file *f, struct pipe *p, struct uio *u, size_t left, bool atomic) REQUIRES(p->lock)
{
	size_t n;

	if (!p->readers) {
		signal_send_self(SIGPIPE);
		return -EPIPE;
	}
	n = min(pipe_room(p), left);
	if (n == left || (n && !atomic))
		return give(p, u, n);
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_for_room(p, atomic ? left : 1);
}

static long pipe_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->inode->pipe;
	size_t total = u->resid, left = total;
	long ret = 0;

	(void)pos;
	if (!total)
		return 0;
	mutex_lock(&p->lock);
	while (left) {
		bool was_empty = !pipe_used(p);

		ret = write_some(f, p, u, left, total <= PIPE_BUF);
		if (ret < 0)
			break;
		left -= ret;
		if (ret && was_empty && left) /* full before all is in: readers must start */
			wake(&p->read_wait);
	}
	mutex_unlock(&p->lock);
	wake(&p->read_wait);
	return left < total ? (long)(total - left) : ret;
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
		if (pipe_used(p))
			mask |= POLLIN | POLLRDNORM;
		if (!READ_ONCE(p->writers) && (uintptr_t)f->private != READ_ONCE(p->writer_opens))
			mask |= POLLHUP;
	}
	if (file_writable(f)) {
		if (pipe_room(p) >= PIPE_BUF)
			mask |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	int n = pipe_used(f->inode->pipe);

	return cmd == FIONREAD ? put_user(n, (int __user *)arg) : -ENOTTY;
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
static int resize(struct pipe *p, size_t capacity)
{
	size_t nr = capacity / PAGE_SIZE;
	char **pages;

	if (pipe_used(p) > capacity || DIV_ROUND_UP(p->head, PAGE_SIZE) - p->tail / PAGE_SIZE > nr)
		return -EBUSY;
	pages = kzalloc(nr * sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	for (u64 at = ALIGN_DOWN(p->tail, PAGE_SIZE); at < p->head; at += PAGE_SIZE) {
		pages[at / PAGE_SIZE % nr] = *page_at(p, at);
		*page_at(p, at) = NULL;
	}
	for (size_t i = 0; i < p->capacity / PAGE_SIZE; i++)
		page_drop(&p->pages[i]);
	if (p->pages != p->first_pages)
		kfree(p->pages);
	p->pages = pages;
	p->capacity = capacity;
	return 0;
}

long pipe_set_size(struct file *f, unsigned long bytes)
{
	struct pipe *p = f->inode->pipe;
	size_t capacity = PAGE_SIZE;
	long err;

	if (!S_ISFIFO(f->inode->mode) || !p)
		return -EBADF;
	if (bytes > PIPE_CAPACITY_LIMIT || bytes == 0)
		return -EINVAL;
	while (capacity < bytes)
		capacity *= 2;
	mutex_lock(&p->lock);
	if (capacity > p->capacity && capacity > PIPE_CAPACITY_MAX && !capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	else
		err = capacity == p->capacity ? 0 : resize(p, capacity);
	mutex_unlock(&p->lock);
	wake(&p->write_wait);
	return err ? err : (long)capacity;
}

long pipe_get_size(struct file *f)
{
	return S_ISFIFO(f->inode->mode) && f->inode->pipe ? (long)f->inode->pipe->capacity : -EBADF;
}
