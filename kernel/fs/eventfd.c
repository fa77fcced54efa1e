/*
 * eventfd: a 64-bit counter behind a descriptor.
 *
 *	write n   adds n; waits while the sum would pass 2^64 - 2
 *	read      takes all and resets to 0 (or takes 1: EFD_SEMAPHORE); waits while it is 0
 *
 * The counter is under lock, a leaf spinlock: values are copied from and to the user outside.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/poll.h"
#include "mm/slab.h"

#define EFD_SEMAPHORE 1
#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	struct spinlock lock;
	struct waitq wait; /* readers and writers */
	u64 count;
	bool semaphore;
};

/* => false: it is 0 */
static bool try_take(struct eventfd *e, u64 *value)
{
	spin_lock(&e->lock);
	*value = e->semaphore && e->count ? 1 : e->count;
	e->count -= *value;
	spin_unlock(&e->lock);
	return *value != 0;
}

/* => false: no room */
static bool try_add(struct eventfd *e, u64 value)
{
	bool fits;

	spin_lock(&e->lock);
	fits = COUNT_MAX - e->count >= value;
	if (fits)
		e->count += value;
	spin_unlock(&e->lock);
	return fits;
}

static long eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 value;

	(void)pos;
	if (u->resid < sizeof(value))
		return -EINVAL;
	while (!try_take(e, &value)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&e->wait, READ_ONCE(e->count)))
			return -ERESTARTSYS;
	}
	waitq_wake_all(&e->wait);
	return uio_write(u, &value, sizeof(value)) == sizeof(value) ? (long)sizeof(value) : -EFAULT;
}

static long eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 value;

	(void)pos;
	if (u->resid < sizeof(value))
		return -EINVAL;
	if (uio_read(u, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	while (!try_add(e, value)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&e->wait, COUNT_MAX - READ_ONCE(e->count) >= value))
			return -ERESTARTSYS;
	}
	waitq_wake_all(&e->wait);
	return sizeof(value);
}

static unsigned int eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	u64 count;

	poll_wait(&e->wait, pt);
	count = READ_ONCE(e->count);
	return (count ? POLLIN : 0) | (count < COUNT_MAX ? POLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read, .write = eventfd_write, .lseek = noop_lseek, .poll = eventfd_poll,
	.release = eventfd_release,
};

long sys_eventfd2(unsigned int count, int flags)
{
	struct eventfd *e;
	struct file *f;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	spin_init(&e->lock, RANK_LEAF);
	waitq_init(&e->wait);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	f = file_anon_ops("[eventfd]", &eventfd_ops, e, O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		kfree(e);
		return PTR_ERR(f);
	}
	return fd_install(f, 0, flags & O_CLOEXEC);
}

long sys_eventfd(unsigned int count)
{
	return sys_eventfd2(count, 0);
}
