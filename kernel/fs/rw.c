/*
 * read, write and their relatives: from descriptor and arguments to a transfer at a position.
 *
 *	            at the file's own position   at a given one
 *	one piece        read write                 pread64 pwrite64
 *	vector           readv writev               preadv pwritev (preadv2 pwritev2)
 *
 * Checks come in Linux's order: descriptor, access mode, operation, memory range, position; a count above
 * MAX_RW_COUNT is cut. The position of a file that somebody else may use at the same time is moved under pos_lock,
 * so that two writers never get the same place.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/resource.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define IOV_FAST 8 /* vectors up to this length live on the stack, as in Linux (UIO_FASTIOV) */

/* ---- One transfer ---- */

static int check_read(const struct file *f)
{
	if (!file_readable(f))
		return -EBADF;
	if (likely(f->ops->read))
		return 0;
	return f->ops->iterate ? -EISDIR : -EINVAL;
}

static int check_write(const struct file *f)
{
	if (!file_writable(f))
		return -EBADF;
	return likely(f->ops->write) ? 0 : -EINVAL;
}

long file_read_uio(struct file *f, struct uio *u, u64 *pos)
{
	int err = check_read(f);

	return err ? err : f->ops->read(f, u, pos);
}

long file_write_uio(struct file *f, struct uio *u, u64 *pos)
{
	int err = check_write(f);

	return err ? err : f->ops->write(f, u, pos);
}

static inline bool has_position(const struct file *f)
{
	return S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode);
}

/* A transfer of n bytes at pos stays below 2^63. */
static inline bool fits(u64 pos, size_t n)
{
	return (s64)(pos + n) >= 0;
}

/* At the file's own position. */
static inline long transfer_here(struct fdref r, struct uio *u, bool write) NO_THREAD_SAFETY
{
	struct file *f = r.file;
	bool lock = has_position(f) && atomic_read(&f->refs) > 1;
	u64 pos;
	long n;

	if (lock)
		mutex_lock(&f->pos_lock);
	pos = f->pos;
	if (unlikely(!fits(pos, u->resid)))
		n = -EINVAL;
	else
		n = write ? f->ops->write(f, u, &pos) : f->ops->read(f, u, &pos);
	f->pos = pos;
	if (lock)
		mutex_unlock(&f->pos_lock);
	return n;
}

static long transfer_at(struct file *f, struct uio *u, u64 pos, bool write)
{
	if (!fits(pos, u->resid))
		return -EINVAL;
	return write ? f->ops->write(f, u, &pos) : f->ops->read(f, u, &pos);
}

long sys_read(int fd, char __user *buf, size_t n)
{
	struct fdref r = fd_ref(fd);
	struct uio u;
	long ret;

	if (unlikely(!r.file))
		return -EBADF;
	ret = check_read(r.file);
	if (likely(!ret) && unlikely(!access_ok(buf, n)))
		ret = -EFAULT;
	if (likely(!ret)) {
		uio_user(&u, buf, min(n, MAX_RW_COUNT));
		ret = transfer_here(r, &u, false);
	}
	fdref_put(r);
	return ret;
}

long sys_write(int fd, const char __user *buf, size_t n)
{
	struct fdref r = fd_ref(fd);
	struct uio u;
	long ret;

	if (unlikely(!r.file))
		return -EBADF;
	ret = check_write(r.file);
	if (likely(!ret) && unlikely(!access_ok(buf, n)))
		ret = -EFAULT;
	if (likely(!ret)) {
		uio_user(&u, buf, min(n, MAX_RW_COUNT));
		ret = transfer_here(r, &u, true);
	}
	fdref_put(r);
	return ret;
}

static long positioned(int fd, void __user *buf, size_t n, s64 pos, bool write)
{
	struct fdref r;
	struct uio u;
	long ret;

	if (pos < 0)
		return -EINVAL;
	r = fd_ref(fd);
	if (!r.file)
		return -EBADF;
	ret = r.file->ops->lseek ? 0 : -ESPIPE;
	if (!ret)
		ret = write ? check_write(r.file) : check_read(r.file);
	if (!ret && !access_ok(buf, n))
		ret = -EFAULT;
	if (!ret) {
		uio_user(&u, buf, min(n, MAX_RW_COUNT));
		ret = transfer_at(r.file, &u, pos, write);
	}
	fdref_put(r);
	return ret;
}

long sys_pread64(int fd, char __user *buf, size_t n, s64 pos)
{
	return positioned(fd, buf, n, pos, false);
}

long sys_pwrite64(int fd, const char __user *buf, size_t n, s64 pos)
{
	return positioned(fd, (void __user *)buf, n, pos, true);
}

/* ---- Vectors ---- */

/* pos NULL: at the file's own position */
static long vectored_file(struct fdref r, const struct iovec __user *vec, unsigned long nr, const s64 *pos, bool write)
{
	struct iovec fast[IOV_FAST], *heap;
	struct uio u;
	long ret = write ? check_write(r.file) : check_read(r.file);

	if (!ret)
		ret = uio_import(&u, vec, nr, fast, IOV_FAST, &heap);
	if (ret)
		return ret;
	if (u.resid)
		ret = pos ? transfer_at(r.file, &u, *pos, write) : transfer_here(r, &u, write);
	kfree(heap);
	return ret;
}

static long vectored(int fd, const struct iovec __user *vec, unsigned long nr, const s64 *pos, bool write)
{
	struct fdref r;
	long ret;

	if (pos && *pos < 0)
		return -EINVAL;
	r = fd_ref(fd);
	if (!r.file)
		return -EBADF;
	if (pos && !r.file->ops->lseek)
		ret = -ESPIPE;
	else
		ret = vectored_file(r, vec, nr, pos, write);
	fdref_put(r);
	return ret;
}

long sys_readv(int fd, const struct iovec __user *vec, unsigned long nr)
{
	return vectored(fd, vec, nr, NULL, false);
}

long sys_writev(int fd, const struct iovec __user *vec, unsigned long nr)
{
	return vectored(fd, vec, nr, NULL, true);
}

/* The position comes in two halves for 32-bit machines' sake; here the low one is all of it. */
long sys_preadv(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos)
{
	return vectored(fd, vec, nr, &pos, false);
}

long sys_pwritev(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos)
{
	return vectored(fd, vec, nr, &pos, true);
}

/* Everything is synchronous already: RWF_HIPRI, RWF_DSYNC and RWF_SYNC say nothing new. */
#define RWF_MEANINGLESS 7

long sys_preadv2(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos, s64 high, int flags)
{
	(void)high;
	if (flags & ~RWF_MEANINGLESS)
		return -EOPNOTSUPP;
	return vectored(fd, vec, nr, pos == -1 ? NULL : &pos, false);
}

long sys_pwritev2(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos, s64 high, int flags)
{
	(void)high;
	if (flags & ~RWF_MEANINGLESS)
		return -EOPNOTSUPP;
	return vectored(fd, vec, nr, pos == -1 ? NULL : &pos, true);
}

/* ---- Positions ---- */

s64 lseek_to(struct file *f, s64 pos)
{
	if (pos < 0)
		return -EINVAL;
	f->pos = pos;
	return pos;
}

s64 noop_lseek(struct file *f, s64 off, int whence)
{
	(void)off;
	(void)whence;
	return f->pos;
}

#define SEEK_DATA 3
#define SEEK_HOLE 4

/* Files are taken for data up to their end, as Linux allows. */
static s64 seek_extent(struct file *f, s64 off, int whence)
{
	s64 size = inode_size(f->inode);

	if (off < 0 || off >= size)
		return -ENXIO;
	return lseek_to(f, whence == SEEK_DATA ? off : size);
}

s64 generic_lseek(struct file *f, s64 off, int whence)
{
	s64 base = 0, pos;

	switch (whence) {
	case 0:
		break;
	case 1:
		base = f->pos;
		break;
	case 2:
		base = inode_size(f->inode);
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		return S_ISREG(f->inode->mode) ? seek_extent(f, off, whence) : -EINVAL;
	default:
		return -EINVAL;
	}
	return __builtin_add_overflow(base, off, &pos) ? -EINVAL : lseek_to(f, pos);
}

long sys_lseek(int fd, s64 off, unsigned int whence)
{
	struct fdref r = fd_ref(fd);
	long ret;

	if (!r.file)
		return -EBADF;
	if (whence > SEEK_HOLE) {
		ret = -EINVAL;
	} else if (!r.file->ops->lseek) {
		ret = -ESPIPE;
	} else {
		mutex_lock(&r.file->pos_lock);
		ret = r.file->ops->lseek(r.file, off, whence);
		mutex_unlock(&r.file->pos_lock);
	}
	fdref_put(r);
	return ret;
}

s64 write_limit(u64 pos, size_t n)
{
	u64 limit = rlimit_cur(RLIMIT_FSIZE);

	if (likely(limit == RLIM_INFINITY) || n == 0)
		return n;
	if (pos >= limit) {
		signal_send_self(SIGXFSZ);
		return -EFBIG;
	}
	return min((u64)n, limit - pos);
}
