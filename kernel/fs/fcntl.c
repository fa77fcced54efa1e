/*
 * fcntl, ioctl and memfd_create: what is asked of a descriptor or its file besides data.
 *
 * A descriptor has one flag of its own (FD_CLOEXEC, in the table); O_APPEND, O_NONBLOCK and the like belong to the
 * file and are seen by all who share it. Seals belong to the inode of a memfd and only ever grow.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/ioctl.h"
#include "kernel/uapi/mman.h"
#include "kernel/uapi/statfs.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)
#define SIGNAL_MAX 64
#define F_SEAL_EXEC 0x20
#define F_ALL_SEALS                                                                                \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#define MFD_NAME_MAX (NAME_MAX - 6) /* "memfd:" stands in front */
#define MFD_KNOWN (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC)

static long set_flags(struct file *f, u32 flags)
{
	if ((flags & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_root(f->inode))
		return -EPERM;
	WRITE_ONCE(f->flags, (f->flags & ~SETFL_MASK) | (flags & SETFL_MASK));
	return 0;
}

/* ---- Seals ---- */

/* Files of a tmpfs can have seals as well, and one they are born with: no more of them. */
static long get_seals(const struct file *f)
{
	if (!S_ISREG(f->inode->mode) || !f->inode->mapping)
		return -EINVAL;
	if (f->inode->mapping->shmem)
		return (long)f->inode->seals;
	return f->inode->super->magic == TMPFS_MAGIC ? F_SEAL_SEAL : -EINVAL;
}

static long add_seals(struct file *f, u32 seals)
{
	struct inode *inode = f->inode;
	long err = 0;

	if (!file_writable(f))
		return -EPERM;
	if (seals & ~F_ALL_SEALS || get_seals(f) < 0)
		return -EINVAL;
	if (get_seals(f) & F_SEAL_SEAL)
		return -EPERM;
	mutex_lock(&inode->lock);
	if (inode->seals & F_SEAL_SEAL)
		err = -EPERM;
	else if ((seals & F_SEAL_WRITE) && !(inode->seals & F_SEAL_WRITE) &&
		 atomic_read(&inode->mapping->writable_maps))
		err = -EBUSY;
	else
		inode->seals |= seals;
	mutex_unlock(&inode->lock);
	return err;
}

/* ---- fcntl ---- */

static long file_command(struct file *f, int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_lock(f, cmd, (void __user *)arg);
	case F_SETOWN:
		f->owner_pid = (int)arg;
		return 0;
	case F_GETOWN:
		return f->owner_pid;
	case F_SETSIG:
		if (arg > SIGNAL_MAX)
			return -EINVAL;
		f->owner_sig = (int)arg;
		return 0;
	case F_GETSIG:
		return f->owner_sig;
	case F_GETLEASE:
		return F_UNLCK;
	case F_SETPIPE_SZ:
		return pipe_set_size(f, arg);
	case F_GETPIPE_SZ:
		return pipe_get_size(f);
	case F_ADD_SEALS:
		return add_seals(f, arg);
	case F_GET_SEALS:
		return get_seals(f);
	}
	return -EINVAL;
}

long sys_fcntl(int fd, int cmd, unsigned long arg)
{
	struct fdref r = fd_ref_any(fd);
	long ret;

	if (!r.file)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		ret = fd_duplicate(fd, (unsigned int)arg, cmd == F_DUPFD_CLOEXEC);
		break;
	case F_GETFD:
		ret = fd_flags(fd, -1);
		break;
	case F_SETFD:
		fd_flags(fd, arg & FD_CLOEXEC);
		ret = 0;
		break;
	case F_GETFL:
		ret = r.file->flags & ~BIT(31);
		break;
	default:
		ret = r.file->flags & O_PATH ? -EBADF : file_command(r.file, cmd, arg);
	}
	fdref_put(r);
	return ret;
}

/* ---- ioctl ---- */

/* A bit of the file's flags from a user's int. */
static long set_bit_from(struct file *f, u32 bit, const int __user *arg)
{
	int on;

	if (get_user(on, arg))
		return -EFAULT;
	WRITE_ONCE(f->flags, on ? f->flags | bit : f->flags & ~bit);
	return 0;
}

static long file_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	if (f->ops->ioctl)
		return f->ops->ioctl(f, cmd, arg);
	if (cmd == FIONREAD && S_ISREG(f->inode->mode)) {
		int n = inode_size(f->inode) - f->pos;

		return put_user(n, (int __user *)arg);
	}
	return -ENOTTY;
}

long sys_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	struct fdref r = fd_ref(fd);
	long ret;

	if (!r.file)
		return -EBADF;
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		fd_flags(fd, cmd == FIOCLEX ? FD_CLOEXEC : 0);
		ret = 0;
		break;
	case FIONBIO:
		ret = set_bit_from(r.file, O_NONBLOCK, (const int __user *)arg);
		break;
	case FIOASYNC:
		ret = set_bit_from(r.file, O_ASYNC, (const int __user *)arg);
		break;
	default:
		ret = file_ioctl(r.file, cmd, arg);
	}
	fdref_put(r);
	return ret;
}

/* ---- memfd_create ---- */

/* "/memfd:" and the user's name. => length, -EFAULT, -EINVAL too long */
static long memfd_name(char *buf, const char __user *name)
{
	static const char prefix[] = "/memfd:";
	long n = strncpy_from_user(buf + sizeof(prefix) - 1, name, MFD_NAME_MAX + 1);

	if (n < 0)
		return n;
	memcpy(buf, prefix, sizeof(prefix) - 1);
	return n > MFD_NAME_MAX ? -EINVAL : n;
}

long sys_memfd_create(const char __user *user_name, unsigned int flags)
{
	char name[NAME_MAX + 8];
	struct file *f;
	long n;

	if (flags & ~MFD_KNOWN || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL))
		return -EINVAL;
	n = memfd_name(name, user_name);
	if (n < 0)
		return n;
	if (flags & MFD_HUGETLB)
		return -ENOMEM; /* as where no huge pages are set aside */
	f = shmem_file_create_noreserve(name, 0);
	if (IS_ERR(f))
		return PTR_ERR(f);
	f->inode->seals = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) ? 0 : F_SEAL_SEAL;
	if (flags & MFD_NOEXEC_SEAL) {
		f->inode->mode &= ~0111;
		f->inode->seals |= F_SEAL_EXEC;
	}
	return fd_install(f, 0, flags & MFD_CLOEXEC);
}
