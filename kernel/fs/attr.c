/*
 * Changing what is known about a file: mode, owner, times, size.
 *
 * Attributes change under the inode's lock. Owners may change mode and times of their files; only user 0 gives files
 * away. Changing owner or writing takes set-id bits away from those who are not user 0.
 *
 * Storage is memory: fsync and its family have nothing to do but say whether the descriptor is one.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/proc.h"
#include "kernel/uapi/resource.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

/* The dentry of a path or, where only a descriptor is given, of that. => reference or ERR_PTR */
static struct dentry *find(int dfd, const char __user *path, unsigned int walk)
{
	struct dentry *d;
	int err = user_path(dfd, path, walk, &d);

	return err ? ERR_PTR(err) : d;
}

static struct dentry *find_fd(int fd)
{
	struct fdref r = fd_ref(fd);
	struct dentry *d;

	if (!r.file)
		return ERR_PTR(-EBADF);
	d = dentry_get(r.file->dentry);
	fdref_put(r);
	return d;
}

static unsigned int walk_of(int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* ---- Mode ---- */

static int set_mode(struct inode *inode, u32 mode)
{
	int err = 0;

	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	if (inode->super->readonly) {
		err = -EROFS;
	} else if (!inode_owner_or_root(inode) || inode->super->dynamic) {
		err = -EPERM;
	} else {
		if (!capable(CAP_FSETID) && !current_in_group(inode->gid))
			mode &= ~S_ISGID;
		inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
		inode_touch(inode, false, false, true);
	}
	mutex_unlock(&inode->lock);
	return err;
}

static long chmod_dentry(struct dentry *d, u32 mode)
{
	long err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	err = set_mode(d->inode, mode);
	dentry_put(d);
	return err;
}

long sys_fchmodat2(int dfd, const char __user *path, u32 mode, unsigned int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return chmod_dentry(find(dfd, path, walk_of(flags)), mode);
}

long sys_fchmodat(int dfd, const char __user *path, u32 mode)
{
	return sys_fchmodat2(dfd, path, mode, 0);
}

long sys_chmod(const char __user *path, u32 mode)
{
	return sys_fchmodat2(AT_FDCWD, path, mode, 0);
}

long sys_fchmod(int fd, u32 mode)
{
	return chmod_dentry(find_fd(fd), mode);
}

/* ---- Owner ---- */

static bool may_chown(const struct inode *inode, u32 uid, u32 gid)
{
	bool owner = current_fsuid() == inode->uid;

	if (capable(CAP_CHOWN))
		return true;
	if (uid != (u32)-1 && (uid != inode->uid || !owner))
		return false;
	return gid == (u32)-1 || (owner && (gid == inode->gid || current_in_group(gid)));
}

static int set_owner(struct inode *inode, u32 uid, u32 gid)
{
	int err = 0;

	mutex_lock(&inode->lock);
	if (inode->super->readonly) {
		err = -EROFS;
	} else if (!may_chown(inode, uid, gid) || inode->super->dynamic) {
		err = -EPERM;
	} else {
		if (uid != (u32)-1)
			inode->uid = uid;
		if (gid != (u32)-1)
			inode->gid = gid;
		if (!S_ISDIR(inode->mode) && !S_ISLNK(inode->mode))
			inode->mode &= ~(S_ISUID | (inode->mode & S_IXGRP ? S_ISGID : 0));
		inode_touch(inode, false, false, true);
	}
	mutex_unlock(&inode->lock);
	return err;
}

static long chown_dentry(struct dentry *d, u32 uid, u32 gid)
{
	long err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	err = set_owner(d->inode, uid, gid);
	dentry_put(d);
	return err;
}

long sys_fchownat(int dfd, const char __user *path, u32 uid, u32 gid, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return chown_dentry(find(dfd, path, walk_of(flags)), uid, gid);
}

long sys_chown(const char __user *path, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(const char __user *path, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, u32 uid, u32 gid)
{
	return chown_dentry(find_fd(fd), uid, gid);
}

/* ---- Times ---- */

static bool time_valid(const struct timespec *t)
{
	return t->tv_nsec == UTIME_NOW || t->tv_nsec == UTIME_OMIT ||
	       (t->tv_nsec >= 0 && t->tv_nsec < (long)NSEC_PER_SEC);
}

static u64 time_value(const struct timespec *t, u64 now, u64 old)
{
	if (t->tv_nsec == UTIME_OMIT)
		return old;
	if (t->tv_nsec == UTIME_NOW)
		return now;
	return (u64)t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

/* Setting both to now needs write permission, anything else ownership. */
static int may_set_times(struct inode *inode, const struct timespec t[2])
{
	if (inode_owner_or_root(inode))
		return 0;
	if (t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW)
		return inode_permission(inode, MAY_WRITE);
	return -EPERM;
}

static int set_times(struct inode *inode, const struct timespec t[2])
{
	u64 now = vfs_now();
	int err;

	if (t[0].tv_nsec == UTIME_OMIT && t[1].tv_nsec == UTIME_OMIT)
		return 0;
	mutex_lock(&inode->lock);
	err = inode->super->readonly ? -EROFS : may_set_times(inode, t);
	if (!err) {
		inode->atime = time_value(&t[0], now, inode->atime);
		inode->mtime = time_value(&t[1], now, inode->mtime);
		inode->ctime = now;
	}
	mutex_unlock(&inode->lock);
	return err;
}

/* path NULL: the descriptor itself (futimens) */
static long set_times_at(int dfd, const char __user *path, const struct timespec t[2], int flags)
{
	struct dentry *d;
	long err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) || (!path && flags))
		return -EINVAL;
	if (!path && dfd == AT_FDCWD)
		return -EFAULT;
	d = path ? find(dfd, path, walk_of(flags)) : find_fd(dfd);
	if (IS_ERR(d))
		return PTR_ERR(d);
	err = set_times(d->inode, t);
	dentry_put(d);
	return err;
}

long sys_utimensat(int dfd, const char __user *path, const struct timespec __user *times, int flags)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	if (times) {
		if (copy_from_user(t, times, sizeof(t)))
			return -EFAULT;
		if (t[0].tv_nsec == UTIME_OMIT && t[1].tv_nsec == UTIME_OMIT)
			return 0;
		if (!time_valid(&t[0]) || !time_valid(&t[1]))
			return -EINVAL;
	}
	return set_times_at(dfd, path, t, flags);
}

static long set_timevals(int dfd, const char __user *path, const struct timeval __user *times)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct timeval v[2];

	if (times) {
		if (copy_from_user(v, times, sizeof(v)))
			return -EFAULT;
		for (int i = 0; i < 2; i++) {
			if (v[i].tv_usec < 0 || v[i].tv_usec >= 1000000)
				return -EINVAL;
			t[i] = (struct timespec){ v[i].tv_sec, v[i].tv_usec * 1000 };
		}
	}
	return set_times_at(dfd, path, t, 0);
}

long sys_utimes(const char __user *path, const struct timeval __user *times)
{
	return set_timevals(AT_FDCWD, path, times);
}

long sys_futimesat(int dfd, const char __user *path, const struct timeval __user *times)
{
	return set_timevals(dfd, path, times);
}

long sys_utime(const char __user *path, const long __user *times)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	long v[2];

	if (times) {
		if (copy_from_user(v, times, sizeof(v)))
			return -EFAULT;
		t[0] = (struct timespec){ v[0], 0 };
		t[1] = (struct timespec){ v[1], 0 };
	}
	return set_times_at(AT_FDCWD, path, t, 0);
}

/* ---- Size ---- */

/* RLIMIT_FSIZE: a size beyond it is refused, with SIGXFSZ. */
static bool may_resize(u64 from, u64 to)
{
	if (to <= from || to <= rlimit_cur(RLIMIT_FSIZE))
		return true;
	signal_send_self(SIGXFSZ);
	return false;
}

int vfs_truncate(struct inode *inode, u64 size)
{
	int err = 0;

	mutex_lock(&inode->lock);
	if (((inode->seals & F_SEAL_SHRINK) && size < inode->mapping->size) ||
	    ((inode->seals & F_SEAL_GROW) && size > inode->mapping->size)) {
		err = -EPERM;
	} else if (!may_resize(inode->mapping->size, size)) {
		err = -EFBIG;
	}
	if (!err) {
		mapping_truncate(inode->mapping, size);
		inode_touch(inode, false, true, true);
	}
	mutex_unlock(&inode->lock);
	return err;
}

static int truncate_dentry(struct dentry *d, u64 size)
{
	struct inode *inode = d->inode;
	int err;

	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode) || !inode->mapping)
		return -EINVAL;
	err = inode_permission(inode, MAY_WRITE);
	if (!err)
		err = inode_claim_write(inode);
	if (err)
		return err;
	if (!inode->super->dynamic) /* what is made while it is read has no length to change */
		err = vfs_truncate(inode, size);
	inode_disclaim_write(inode);
	return err;
}

long sys_truncate(const char __user *path, long size)
{
	struct dentry *d;
	long err;

	if (size < 0)
		return -EINVAL;
	d = find(AT_FDCWD, path, WALK_FOLLOW);
	if (IS_ERR(d))
		return PTR_ERR(d);
	err = truncate_dentry(d, size);
	dentry_put(d);
	return err;
}

long sys_ftruncate(int fd, long size)
{
	struct fdref r;
	long err;

	if (size < 0)
		return -EINVAL;
	r = fd_ref(fd);
	if (!r.file)
		return -EBADF;
	if (!S_ISREG(r.file->inode->mode) || !r.file->inode->mapping || !file_writable(r.file))
		err = -EINVAL;
	else
		err = vfs_truncate(r.file->inode, size);
	fdref_put(r);
	return err;
}

/* Pages [pos, pos + len) vanish; partial ones are cleared. => inode lock held */
static void punch(struct address_space *m, u64 pos, u64 len)
{
	u64 end = min(pos + len, m->size), first = DIV_ROUND_UP(pos, PAGE_SIZE), last = end / PAGE_SIZE;
	static const char zeroes[PAGE_SIZE];

	if (pos >= end)
		return;
	if (first > last) { /* inside one page */
		mapping_write(m, zeroes, end - pos, pos);
		return;
	}
	if (pos % PAGE_SIZE)
		mapping_write(m, zeroes, first * PAGE_SIZE - pos, pos);
	if (end % PAGE_SIZE)
		mapping_write(m, zeroes, end % PAGE_SIZE, last * PAGE_SIZE);
	if (last > first)
		mapping_punch(m, first, last - 1);
}

/* MADV_REMOVE: whole pages [first, last] of f become holes. */
void file_punch(struct file *f, unsigned long first, unsigned long last)
{
	struct inode *inode = f->inode;

	mutex_lock(&inode->lock);
	mapping_punch(inode->mapping, first, last);
	inode_touch(inode, false, true, true);
	mutex_unlock(&inode->lock);
}

/* Pages are storage: allocating them now is what the caller asks for. */
static int preallocate(struct address_space *m, u64 pos, u64 len)
{
	for (u64 i = pos / PAGE_SIZE; i <= (pos + len - 1) / PAGE_SIZE; i++) {
		struct folio *f = mapping_get_folio(m, i, true);

		if (IS_ERR(f))
			return -ENOSPC;
		folio_put(f);
		if (signal_pending())
			return -EINTR;
		sched_yield_point();
	}
	return 0;
}

static int allocate(struct inode *inode, int mode, u64 pos, u64 len)
{
	struct address_space *m = inode->mapping;
	u64 old = m->size;
	bool grow = pos + len > old && !(mode & FALLOC_FL_KEEP_SIZE);
	int err;

	if ((inode->seals & F_SEAL_WRITE) && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		return -EPERM;
	if (grow && (inode->seals & F_SEAL_GROW))
		return -EPERM;
	if (grow && !may_resize(m->size, pos + len))
		return -EFBIG;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		punch(m, pos, len);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		return 0;
	if (!grow && pos >= old)
		return 0; /* beyond the end nothing is kept (C3) */
	if (grow)
		mapping_truncate(m, pos + len);
	err = preallocate(m, pos, min(len, m->size - pos));
	if (err && grow)
		mapping_truncate(m, old);
	return err;
}

static int check_fallocate(struct file *f, int mode, s64 pos, s64 len)
{
	if (pos < 0 || len <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if (!f->inode->mapping)
		return -EOPNOTSUPP;
	return pos + (u64)len > (u64)INT64_MAX ? -EFBIG : 0;
}

long sys_fallocate(int fd, int mode, s64 pos, s64 len)
{
	struct fdref r = fd_ref(fd);
	struct inode *inode;
	long err;

	if (!r.file)
		return -EBADF;
	err = check_fallocate(r.file, mode, pos, len);
	if (!err) {
		inode = r.file->inode;
		mutex_lock(&inode->lock);
		err = allocate(inode, mode, pos, len);
		if (!err)
			inode_touch(inode, false, true, true);
		mutex_unlock(&inode->lock);
	}
	fdref_put(r);
	return err;
}

/* ---- Nothing to do, but for a real file ---- */

static long check_fd(int fd)
{
	struct fdref r = fd_ref(fd);
	long err;

	if (!r.file)
		return -EBADF;
	err = S_ISREG(r.file->inode->mode) || S_ISDIR(r.file->inode->mode) ? 0 : -EINVAL;
	fdref_put(r);
	return err;
}

long sys_fsync(int fd)
{
	return check_fd(fd);
}

long sys_fdatasync(int fd)
{
	return check_fd(fd);
}

long sys_syncfs(int fd)
{
	long err = check_fd(fd);

	return err == -EBADF ? err : 0;
}

long sys_sync(void)
{
	return 0;
}

long sys_sync_file_range(int fd, s64 pos, s64 len, unsigned int flags)
{
	if (flags & ~7U || pos < 0 || len < 0)
		return -EINVAL;
	return check_fd(fd) == -EINVAL ? -ESPIPE : check_fd(fd);
}

long sys_fadvise64(int fd, s64 pos, s64 len, int advice)
{
	struct fdref r = fd_ref(fd);
	long err = 0;

	(void)pos;
	if (!r.file)
		return -EBADF;
	if (S_ISFIFO(r.file->inode->mode))
		err = -ESPIPE;
	else if (advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE || len < 0)
		err = -EINVAL;
	fdref_put(r);
	return err;
}

long sys_readahead(int fd, s64 pos, size_t n)
{
	struct fdref r = fd_ref(fd);
	long err;

	(void)pos;
	(void)n;
	if (!r.file)
		return -EBADF;
	err = !file_readable(r.file) ? -EBADF : S_ISREG(r.file->inode->mode) ? 0 : -EINVAL;
	fdref_put(r);
	return err;
}
