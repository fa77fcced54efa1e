/*
 * The devices that are no hardware: null, zero, full, random and urandom.
 *
 *	          read            write
 *	null      nothing         swallowed
 *	zero      zeroes          swallowed
 *	full      zeroes          ENOSPC
 *	random    random bytes    swallowed (nothing could be gained from it)
 *
 * Random bytes are the machine's own (arch_random()); both names are one device, as in effect on Linux since 5.18.
 */
#include "kernel/fs/devices.h"
#include "kernel/fs/vfs.h"

#include "kernel/task.h"
#include "kernel/uapi/ioctl.h"
#include <arch/irq.h>
#include <arch/uaccess.h>

#define CHUNK (64 * PAGE_SIZE) /* between two looks at signals */
#define RNDGETENTCNT _IOR('R', 0x00, int)
#define ENTROPY_BITS 256

static long null_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return 0;
}

static long null_write(struct file *f, struct uio *u, u64 *pos)
{
	long n = u->resid;

	(void)f;
	(void)pos;
	u->resid = 0;
	return n;
}

static s64 null_lseek(struct file *f, s64 off, int whence)
{
	(void)off;
	(void)whence;
	return f->pos = 0;
}

/* Fill by `fn` in chunks, until done, a fault or a signal. */
static long read_chunks(struct uio *u, size_t (*fn)(struct uio *u, size_t n))
{
	long done = 0;

	while (u->resid) {
		size_t want = min(u->resid, CHUNK), n = fn(u, want);

		done += n;
		if (n < want)
			return done ? done : -EFAULT;
		if (u->resid && signal_pending())
			return done;
		sched_yield_point();
	}
	return done;
}

static long zero_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)pos;
	return read_chunks(u, uio_zero);
}

/* A mapping of it is anonymous memory. */
static int zero_mmap(struct file *f, bool shared, bool *anonymous)
{
	(void)f;
	(void)shared;
	*anonymous = true;
	return 0;
}

static long full_write(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return -ENOSPC;
}

static size_t write_random(struct uio *u, size_t n)
{
	size_t done = 0;
	u64 words[8];

	while (done < n) {
		size_t want = min(n - done, sizeof(words)), got;

		for (size_t i = 0; i < DIV_ROUND_UP(want, sizeof(u64)); i++)
			words[i] = arch_random();
		got = uio_write(u, words, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

static long random_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)pos;
	return read_chunks(u, write_random);
}

static long random_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	(void)f;
	return cmd == RNDGETENTCNT ? put_user(ENTROPY_BITS, (int __user *)arg) : -EINVAL;
}

const struct file_ops null_ops = { .read = null_read, .write = null_write, .lseek = null_lseek };
const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .lseek = null_lseek, .mmap = zero_mmap,
};
const struct file_ops full_ops = { .read = zero_read, .write = full_write, .lseek = null_lseek };
const struct file_ops random_ops = {
	.read = random_read, .write = null_write, .lseek = noop_lseek, .ioctl = random_ioctl,
};
