/*
 * Copies inside the kernel: sendfile and copy_file_range.
 *
 * Both go through one page of kernel memory: read at the source's position, write to the target, and move the source
 * only by what the target took. The source is a file with a page cache; other sources get EINVAL, and programs fall
 * back to read and write, as they must on Linux.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/task.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define CHUNK (16 * PAGE_SIZE)

/* One chunk. => bytes moved, 0 at the end, -errno */
static long copy_chunk(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, char *buf, size_t n)
{
	u64 from = *in_pos;
	struct uio u;
	long got;

	uio_kernel(&u, buf, n);
	got = file_read_uio(in, &u, &from);
	if (got <= 0)
		return got;
	uio_kernel(&u, buf, got);
	got = file_write_uio(out, &u, out_pos);
	if (got > 0)
		*in_pos += got;
	return got;
}

static long copy_files(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, size_t n)
{
	size_t chunk = min(n, CHUNK);
	char *buf = kmalloc(max(chunk, (size_t)1));
	size_t done = 0;
	long got = 0;

	if (!buf)
		return -ENOMEM;
	while (done < n) {
		size_t want = min(chunk, n - done);

		got = copy_chunk(in, in_pos, out, out_pos, buf, want);
		if (got <= 0)
			break;
		done += got;
		if ((size_t)got < want || fatal_signal_pending())
			break;
		sched_yield_point();
	}
	kfree(buf);
	return done ? (long)done : got;
}

static int check_sendfile(struct file *in, struct file *out, bool positioned)
{
	if (!file_readable(in))
		return -EBADF;
	if (positioned && !in->ops->lseek)
		return -ESPIPE;
	if (!file_writable(out))
		return -EBADF;
	if (!in->inode->mapping || !out->ops->write || (out->flags & O_APPEND))
		return -EINVAL;
	return 0;
}

static long do_sendfile(struct file *out, struct file *in, s64 *pos, size_t n)
{
	long ret = check_sendfile(in, out, pos != NULL);
	u64 from, to;

	if (ret)
		return ret;
	from = pos ? (u64)*pos : in->pos;
	to = out->pos;
	ret = copy_files(in, &from, out, &to, min(n, MAX_RW_COUNT));
	if (ret > 0) {
		out->pos = to;
		if (pos)
			*pos = from;
		else
			in->pos = from;
	}
	return ret;
}

long sys_sendfile(int out_fd, int in_fd, s64 __user *offset, size_t n)
{
	struct fdref in, out;
	s64 pos = 0;
	long ret;

	if (offset && get_user(pos, offset))
		return -EFAULT;
	in = fd_ref(in_fd);
	out = fd_ref(out_fd);
	if (!in.file || !out.file)
		ret = -EBADF;
	else if (pos < 0)
		ret = -EINVAL;
	else
		ret = do_sendfile(out.file, in.file, offset ? &pos : NULL, n);
	if (in.file)
		fdref_put(in);
	if (out.file)
		fdref_put(out);
	if (offset && ret >= 0 && put_user(pos, offset))
		return -EFAULT;
	return ret;
}

static int check_range_file(const struct file *f)
{
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	return S_ISREG(f->inode->mode) && f->inode->mapping ? 0 : -EINVAL;
}

static long do_copy_range(struct file *in, u64 *from, struct file *out, u64 *to, size_t n)
{
	u64 size = inode_size(in->inode);
	int err = check_range_file(in);

	if (!err)
		err = check_range_file(out);
	if (!err && (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND)))
		err = -EBADF;
	if (err)
		return err;
	if (*from + n < *from || *to + n < *to)
		return -EOVERFLOW;
	n = *from >= size ? 0 : min((u64)n, size - *from);
	if (in->inode == out->inode && *to + n > *from && *to < *from + n)
		return -EINVAL;
	return n ? copy_files(in, from, out, to, min(n, MAX_RW_COUNT)) : 0;
}

/* Positions given by the user move there, others with their files. */
static long copy_range_at(struct file *in, s64 __user *off_in, struct file *out, s64 __user *off_out, size_t n)
{
	s64 from = in->pos, to = out->pos;
	u64 at_in, at_out;
	long ret;

	if ((off_in && get_user(from, off_in)) || (off_out && get_user(to, off_out)))
		return -EFAULT;
	if (from < 0 || to < 0)
		return -EINVAL;
	at_in = from;
	at_out = to;
	ret = do_copy_range(in, &at_in, out, &at_out, n);
	if (ret <= 0)
		return ret;
	if (!off_in)
		in->pos = at_in;
	if (!off_out)
		out->pos = at_out;
	if ((off_in && put_user((s64)at_in, off_in)) || (off_out && put_user((s64)at_out, off_out)))
		return -EFAULT;
	return ret;
}

long sys_copy_file_range(int in_fd, s64 __user *off_in, int out_fd, s64 __user *off_out, size_t n, unsigned int flags)
{
	struct fdref in = fd_ref(in_fd), out = fd_ref(out_fd);
	long ret;

	if (!in.file || !out.file)
		ret = -EBADF;
	else if (flags)
		ret = -EINVAL;
	else
		ret = copy_range_at(in.file, off_in, out.file, off_out, n);
	if (in.file)
		fdref_put(in);
	if (out.file)
		fdref_put(out);
	return ret;
}
