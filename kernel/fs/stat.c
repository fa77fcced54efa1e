/*
 * What is known about a file without opening it: the stat family, statfs, access, readlink.
 *
 * All of them decode flags, find a dentry - by path, or by descriptor where the path is empty and AT_EMPTY_PATH says
 * so - and copy a structure out.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/statfs.h"
#include "kernel/uapi/statx.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* ---- stat ---- */

static long put_stat(struct dentry *d, struct stat __user *out)
{
	struct stat st;

	inode_stat(d->inode, &st);
	return copy_to_user(out, &st, sizeof(st)) ? -EFAULT : 0;
}

static unsigned int walk_flags(int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* fstat's shape: "" with AT_EMPTY_PATH, which libcs use for every fstat. */
static bool is_empty(const char __user *path)
{
	char c;

	return get_user(c, path) == 0 && !c;
}

long sys_fstat(int fd, struct stat __user *out)
{
	struct fdref r = fd_ref_any(fd);
	long ret;

	if (!r.file)
		return -EBADF;
	ret = put_stat(r.file->dentry, out);
	fdref_put(r);
	return ret;
}

long sys_newfstatat(int dfd, const char __user *path, struct stat __user *out, int flags)
{
	struct dentry *d;
	long ret;

	if (flags & ~STAT_FLAGS)
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && dfd >= 0 && is_empty(path))
		return sys_fstat(dfd, out);
	ret = user_path(dfd, path, walk_flags(flags), &d);
	if (ret)
		return ret;
	ret = put_stat(d, out);
	dentry_put(d);
	return ret;
}

long sys_stat(const char __user *path, struct stat __user *out)
{
	return sys_newfstatat(AT_FDCWD, path, out, 0);
}

long sys_lstat(const char __user *path, struct stat __user *out)
{
	return sys_newfstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

static struct statx_timestamp statx_time(u64 ns)
{
	return (struct statx_timestamp){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
}

static void fill_statx(struct inode *inode, struct statx *x)
{
	struct stat st;

	inode_stat(inode, &st);
	*x = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
		.stx_blksize = st.st_blksize,
		.stx_nlink = st.st_nlink,
		.stx_uid = st.st_uid,
		.stx_gid = st.st_gid,
		.stx_mode = st.st_mode,
		.stx_ino = st.st_ino,
		.stx_size = st.st_size,
		.stx_blocks = st.st_blocks,
		.stx_atime = statx_time(inode->atime),
		.stx_btime = statx_time(inode->btime),
		.stx_ctime = statx_time(inode->ctime),
		.stx_mtime = statx_time(inode->mtime),
		.stx_rdev_major = st.st_rdev >> 8,
		.stx_rdev_minor = st.st_rdev & 0xff,
		.stx_dev_major = st.st_dev >> 8,
		.stx_dev_minor = st.st_dev & 0xff,
		.stx_mnt_id = inode->super->id,
	};
}

long sys_statx(int dfd, const char __user *path, unsigned int flags, unsigned int mask, struct statx __user *out)
{
	const unsigned int sync = AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC;
	struct dentry *d;
	struct statx x;
	long err;

	if ((mask & STATX__RESERVED) || (flags & sync) == sync || (flags & ~(STAT_FLAGS | sync)))
		return -EINVAL;
	err = user_path(dfd, path, walk_flags(flags), &d);
	if (err)
		return err;
	fill_statx(d->inode, &x);
	dentry_put(d);
	return copy_to_user(out, &x, sizeof(x)) ? -EFAULT : 0;
}

/* ---- statfs ---- */

#define ST_VALID 0x20
#define ST_RELATIME 0x1000

static long put_statfs(struct dentry *d, struct statfs __user *out)
{
	struct super *s = d->inode->super;
	struct statfs st = {
		.f_type = s->magic, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = NAME_MAX,
		.f_fsid = { s->dev, 0 }, .f_flags = ST_VALID | ST_RELATIME | (s->readonly ? 1 : 0),
	};

	if (s->magic == TMPFS_MAGIC) {
		struct buddy_stats b;

		buddy_stats(&b);
		st.f_blocks = b.total;
		st.f_bfree = st.f_bavail = b.free;
	}
	return copy_to_user(out, &st, sizeof(st)) ? -EFAULT : 0;
}

long sys_statfs(const char __user *path, struct statfs __user *out)
{
	struct dentry *d;
	long ret = user_path(AT_FDCWD, path, WALK_FOLLOW, &d);

	if (ret)
		return ret;
	ret = put_statfs(d, out);
	dentry_put(d);
	return ret;
}

long sys_fstatfs(int fd, struct statfs __user *out)
{
	struct fdref r = fd_ref_any(fd);
	long ret;

	if (!r.file)
		return -EBADF;
	ret = put_statfs(r.file->dentry, out);
	fdref_put(r);
	return ret;
}

/* ---- access: with the real ids, unless AT_EACCESS ---- */

static int check_access(struct inode *inode, unsigned int mode, bool effective)
{
	struct process *p = current->process;

	if (!mode)
		return 0;
	if (effective || (p->uid == p->fsuid && p->gid == p->fsgid))
		return inode_permission(inode, mode);
	if ((mode & MAY_WRITE) && inode->super->readonly && !S_ISCHR(inode->mode))
		return -EROFS;
	return inode_permission_as(inode, mode, p->uid, p->gid == inode->gid, p->uid == 0);
}

long sys_faccessat2(int dfd, const char __user *path, unsigned int mode, int flags)
{
	struct dentry *d;
	long err;

	if (mode & ~7U || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(dfd, path, walk_flags(flags), &d);
	if (err)
		return err;
	err = check_access(d->inode, mode, flags & AT_EACCESS);
	dentry_put(d);
	return err;
}

long sys_faccessat(int dfd, const char __user *path, unsigned int mode)
{
	return sys_faccessat2(dfd, path, mode, 0);
}

long sys_access(const char __user *path, unsigned int mode)
{
	return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

/* ---- readlink ---- */

static long link_text(struct inode *inode, char *buf, size_t size)
{
	if (inode->target)
		return min(strlcpy(buf, inode->target, size), size - 1);
	return inode->ops->readlink(inode, buf, size);
}

static long put_link(struct dentry *d, char __user *out, int size)
{
	char *buf;
	long n;

	if (!S_ISLNK(d->inode->mode))
		return -EINVAL;
	buf = kmalloc(PATH_MAX);
	if (!buf)
		return -ENOMEM;
	n = link_text(d->inode, buf, PATH_MAX);
	if (n > size)
		n = size;
	if (n > 0 && copy_to_user(out, buf, n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

long sys_readlinkat(int dfd, const char __user *path, char __user *out, int size)
{
	struct pathname name;
	struct dentry *d;
	long ret;

	if (size <= 0)
		return -EINVAL;
	ret = pathname_get(&name, path, true);
	if (ret)
		return ret;
	ret = path_lookup(dfd, name.text, WALK_EMPTY, &d);
	if (!ret) {
		ret = put_link(d, out, size);
		if (ret == -EINVAL && !name.len)
			ret = -ENOENT;
		dentry_put(d);
	}
	pathname_put(&name);
	return ret;
}

long sys_readlink(const char __user *path, char __user *out, int size)
{
	return sys_readlinkat(AT_FDCWD, path, out, size);
}
