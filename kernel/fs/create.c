/*
 * Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir.
 *
 *	decode   path text, walk to the directory
 *	prepare  directory locked: is the name free (or there), may the caller change the directory; allocate
 *	perform  link or unlink the dentry, counts, times
 *
 * A removed directory is locked besides its parent, so that nobody creates something in it at the same moment;
 * creators see DENTRY_DELETED under its lock.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "kernel/proc.h"
#include "mm/slab.h"

/* ---- Making ---- */

static struct inode *new_inode(struct dentry *dir, u32 mode, u32 rdev, const char *target)
{
	struct inode *inode = ramfs_inode(dir->inode->super, mode, rdev, target);

	if (inode && (dir->inode->mode & S_ISGID)) {
		inode->gid = dir->inode->gid;
		if (S_ISDIR(mode))
			inode->mode |= S_ISGID;
	}
	return inode;
}

/* => directory locked, name free */
static void perform_link(struct dentry *dir, struct dentry *d)
{
	dentry_link(dir, d);
	if (dentry_is_dir(d))
		dir->inode->nlink++;
	inode_touch(dir->inode, false, true, true);
}

int vfs_create(struct dentry *dir, const char *name, size_t len, u32 mode, u32 rdev, const char *target,
	       struct dentry **out)
{
	struct inode *inode = new_inode(dir, mode, rdev, target);
	struct dentry *d = inode ? dentry_create(dir, name, len, inode, 0) : NULL;

	if (!d)
		return -ENOMEM;
	perform_link(dir, d);
	dentry_put(d); /* the tree has its own reference */
	if (out)
		*out = d;
	return 0;
}

/* The name at the walk's end is free and may be made. => directory locked; 0 or -errno, still locked */
static int may_create(struct walk *w, bool directory)
{
	struct dentry *dir = w->at;

	if (w->last_len > NAME_MAX)
		return -ENAMETOOLONG;
	if (dentry_child(dir, w->last, w->last_len))
		return -EEXIST;
	if ((w->trailing_slash && !directory) || (dir->flags & DENTRY_DELETED))
		return -ENOENT;
	return inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
}

/* In /proc and /sys nothing can be made or removed: what the attempt gets depends on what is there.
 * => 0: an ordinary directory; -ENOENT, -EEXIST, -EPERM (nothing there, but names could be) */
static int refuse_dynamic(struct walk *w, bool *directory)
{
	struct inode *dir = w->at->inode;
	struct dentry *d;

	if (!dir->super->dynamic)
		return 0;
	d = dentry_lookup(w->at, w->last, w->last_len);
	if (IS_ERR(d))
		return dir->ops->lookup ? PTR_ERR(d) : -EPERM;
	*directory = dentry_is_dir(d);
	dentry_put(d);
	return -EEXIST;
}

/* Walk to the directory of a name to be made, and lock it. When 0 is returned, end_create() must follow. */
static int begin_create(struct walk *w, int dfd, const char *path, bool directory)
	TRY_ACQUIRES(false, w->at->inode->lock)
{
	int err = walk_parent(w, dfd, path);
	bool is_dir;

	if (err)
		return err;
	err = w->last_type != LAST_NORMAL ? -EEXIST : refuse_dynamic(w, &is_dir);
	if (err) {
		walk_end(w);
		return err;
	}
	mutex_lock(&w->at->inode->lock);
	err = may_create(w, directory);
	if (err) {
		mutex_unlock(&w->at->inode->lock);
		walk_end(w);
	}
	return err;
}

static void end_create(struct walk *w) RELEASES(w->at->inode->lock)
{
	mutex_unlock(&w->at->inode->lock);
	walk_end(w);
}

/* Device nodes are root's to make. */
static int may_make(u32 mode)
{
	return (S_ISCHR(mode) || S_ISBLK(mode)) && !capable(CAP_MKNOD) ? -EPERM : 0;
}

/* target: of a symbolic link */
static long create_user(int dfd, const char __user *path, u32 mode, u32 rdev, const char *target)
{
	struct pathname name;
	struct walk w;
	int err = pathname_get(&name, path, false);

	if (err)
		return err;
	err = begin_create(&w, dfd, name.text, S_ISDIR(mode));
	if (!err) {
		err = may_make(mode);
		if (!err)
			err = vfs_create(w.at, w.last, w.last_len, mode, rdev, target, NULL);
		end_create(&w);
	}
	pathname_put(&name);
	return err == -ENOMEM ? -ENOSPC : err;
}

long sys_mkdirat(int dfd, const char __user *path, u32 mode)
{
	return create_user(dfd, path, S_IFDIR | (mode & 01777 & ~current_umask()), 0, NULL);
}

long sys_mkdir(const char __user *path, u32 mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(int dfd, const char __user *path, u32 mode, unsigned int dev)
{
	/* Linux's user-space encoding: minor bits 0..7 and 20..31, major bits 8..19; kernel nodes have small ones */
	u32 rdev = dev & 0xffff;

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	mode = (mode & S_IFMT) | (mode & 07777 & ~current_umask());
	return create_user(dfd, path, mode, S_ISCHR(mode) || S_ISBLK(mode) ? rdev : 0, NULL);
}

long sys_mknod(const char __user *path, u32 mode, unsigned int dev)
{
	return sys_mknodat(AT_FDCWD, path, mode, dev);
}

long sys_symlinkat(const char __user *target, int dfd, const char __user *path)
{
	struct pathname text;
	long err = pathname_get(&text, target, false);

	if (err)
		return err;
	err = create_user(dfd, path, S_IFLNK | 0777, 0, text.text);
	pathname_put(&text);
	return err;
}

long sys_symlink(const char __user *target, const char __user *path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

/* ---- A second name ---- */

static int add_name(struct walk *w, struct dentry *old)
{
	struct inode *inode = old->inode;
	struct dentry *d;

	if (inode->super != w->at->inode->super)
		return -EXDEV;
	if (S_ISDIR(inode->mode))
		return -EPERM;
	d = dentry_create(w->at, w->last, w->last_len, inode_get(inode), 0);
	if (!d)
		return -ENOSPC;
	__atomic_fetch_add(&inode->nlink, 1, __ATOMIC_RELAXED);
	inode_touch(inode, false, false, true);
	perform_link(w->at, d);
	dentry_put(d);
	return 0;
}

static int link_to(struct dentry *old, int dfd, const char *path)
{
	struct walk w;
	int err = begin_create(&w, dfd, path, false);

	if (err)
		return err;
	err = add_name(&w, old);
	end_create(&w);
	return err;
}

long sys_linkat(int old_dfd, const char __user *old_path, int dfd, const char __user *path, int flags)
{
	unsigned int walk = (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	struct pathname name;
	struct dentry *old;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(old_dfd, old_path, walk, &old);
	if (err)
		return err;
	err = pathname_get(&name, path, false);
	if (!err) {
		err = link_to(old, dfd, name.text);
		pathname_put(&name);
	}
	dentry_put(old);
	return err;
}

long sys_link(const char __user *old_path, const char __user *path)
{
	return sys_linkat(AT_FDCWD, old_path, AT_FDCWD, path, 0);
}

/* ---- Removing ---- */

/* In a sticky directory only owners remove. */
static bool sticky_forbids(const struct inode *dir, const struct inode *victim)
{
	u32 uid = current_fsuid();

	return (dir->mode & S_ISVTX) && uid != dir->uid && uid != victim->uid && !capable(CAP_FOWNER);
}

int may_delete(struct dentry *dir, struct dentry *victim, bool directory)
{
	int err = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);

	if (err)
		return err;
	if (sticky_forbids(dir->inode, victim->inode))
		return -EPERM;
	if (directory && !dentry_is_dir(victim))
		return -ENOTDIR;
	if (!directory && dentry_is_dir(victim))
		return -EISDIR;
	return victim->covered_by || victim == root_dentry ? -EBUSY : 0;
}

/* => directory locked, a victim directory too */
void perform_unlink(struct dentry *dir, struct dentry *victim)
{
	struct inode *inode = victim->inode;

	if (S_ISDIR(inode->mode)) {
		inode->nlink = 0;
		dir->inode->nlink--;
	} else {
		__atomic_fetch_sub(&inode->nlink, 1, __ATOMIC_RELAXED);
	}
	inode_touch(inode, false, false, true);
	inode_touch(dir->inode, false, true, true);
	dentry_unlink(victim);
}

static int remove_directory(struct dentry *dir, struct dentry *victim)
{
	int err = 0;

	mutex_lock_nested(&victim->inode->lock); /* a child under its parent */
	if (!rb_empty(&victim->inode->children))
		err = -ENOTEMPTY;
	else
		perform_unlink(dir, victim);
	mutex_unlock(&victim->inode->lock);
	return err;
}

static int remove_locked(struct walk *w, struct dentry *victim, bool directory)
{
	int err;

	if (w->trailing_slash && !directory)
		return dentry_is_dir(victim) ? -EISDIR : -ENOTDIR;
	err = may_delete(w->at, victim, directory);
	if (err)
		return err;
	if (directory)
		return remove_directory(w->at, victim);
	perform_unlink(w->at, victim);
	return 0;
}

static int refuse_remove(struct walk *w, bool directory)
{
	bool is_dir;
	int err;

	if (directory && w->last_type != LAST_NORMAL)
		return w->last_type == LAST_DOTDOT ? -ENOTEMPTY : w->last_type == LAST_DOT ? -EINVAL : -EBUSY;
	if (w->last_type != LAST_NORMAL)
		return -EISDIR;
	err = w->last_len > NAME_MAX ? -ENAMETOOLONG : refuse_dynamic(w, &is_dir);
	if (err != -EEXIST)
		return err == -EPERM ? -ENOENT : err;
	return is_dir == directory ? -EPERM : directory ? -ENOTDIR : -EISDIR;
}

static int remove_path(int dfd, const char *path, bool directory)
{
	struct dentry *victim;
	struct walk w;
	int err = walk_parent(&w, dfd, path);

	if (err)
		return err;
	err = refuse_remove(&w, directory);
	if (err) {
		walk_end(&w);
		return err;
	}
	mutex_lock(&w.at->inode->lock);
	victim = dentry_child(w.at, w.last, w.last_len);
	if (victim)
		dentry_get(victim);
	err = victim ? remove_locked(&w, victim, directory) : -ENOENT;
	mutex_unlock(&w.at->inode->lock);
	if (victim)
		dentry_put(victim); /* outside the lock: it may be the last, and free a large file */
	walk_end(&w);
	return err;
}

long sys_unlinkat(int dfd, const char __user *path, int flags)
{
	struct pathname name;
	long err;

	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	err = pathname_get(&name, path, false);
	if (err)
		return err;
	err = remove_path(dfd, name.text, flags & AT_REMOVEDIR);
	pathname_put(&name);
	return err;
}

long sys_unlink(const char __user *path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(const char __user *path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
