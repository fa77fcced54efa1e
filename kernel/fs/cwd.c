/*
 * Where a process stands: its root, its working directory, its umask.
 *
 * Threads may share all three (CLONE_FS); the lock makes each change whole. A directory that somebody stands in
 * stays alive when it is removed, as a dentry marked deleted: getcwd says ENOENT there.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

static struct kmem_cache *fs_cache;

void fs_context_boot(void)
{
	fs_cache = kmem_cache_create("fs_cache", sizeof(struct fs_context), 8);
}

struct fs_context *fs_create(void)
{
	struct fs_context *fs = kmem_cache_alloc(fs_cache);

	if (!fs)
		return NULL;
	atomic_set(&fs->refs, 1);
	spin_init(&fs->lock, RANK_LEAF);
	fs->root = dentry_get(root_dentry);
	fs->cwd = dentry_get(root_dentry);
	fs->umask = 022;
	return fs;
}

struct fs_context *fs_copy(struct fs_context *old)
{
	struct fs_context *fs = kmem_cache_alloc(fs_cache);

	if (!fs)
		return NULL;
	atomic_set(&fs->refs, 1);
	spin_init(&fs->lock, RANK_LEAF);
	spin_lock(&old->lock);
	fs->root = dentry_get(old->root);
	fs->cwd = dentry_get(old->cwd);
	fs->umask = old->umask;
	spin_unlock(&old->lock);
	return fs;
}

struct fs_context *fs_get(struct fs_context *fs)
{
	atomic_inc(&fs->refs);
	return fs;
}

void fs_put(struct fs_context *fs)
{
	if (!atomic_dec_and_test(&fs->refs))
		return;
	dentry_put(fs->root);
	dentry_put(fs->cwd);
	kmem_cache_free(fs_cache, fs);
}

/* ---- Asking and changing ---- */

struct dentry *fs_root(void)
{
	struct fs_context *fs = current->fs;
	struct dentry *d;

	if (!fs)
		return dentry_get(root_dentry);
	spin_lock(&fs->lock);
	d = dentry_get(fs->root);
	spin_unlock(&fs->lock);
	return d;
}

struct dentry *fs_cwd(void)
{
	struct fs_context *fs = current->fs;
	struct dentry *d;

	if (!fs)
		return dentry_get(root_dentry);
	spin_lock(&fs->lock);
	d = dentry_get(fs->cwd);
	spin_unlock(&fs->lock);
	return d;
}

u32 current_umask(void)
{
	return current->fs ? READ_ONCE(current->fs->umask) : 0;
}

/* *place (cwd or root) becomes d, whose reference passes on, if current may search it. */
static long change(struct dentry **place, struct dentry *d, int err)
{
	struct fs_context *fs = current->fs;
	struct dentry *old;

	if (!err)
		err = inode_permission(d->inode, MAY_EXEC);
	if (err) {
		dentry_put(d);
		return err;
	}
	spin_lock(&fs->lock);
	old = *place;
	*place = d;
	spin_unlock(&fs->lock);
	dentry_put(old);
	return 0;
}

long sys_chdir(const char __user *path)
{
	struct dentry *d;
	int err = user_path(AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &d);

	return err ? err : change(&current->fs->cwd, d, 0);
}

long sys_fchdir(int fd)
{
	struct fdref r = fd_ref_any(fd);
	struct dentry *d;

	if (!r.file)
		return -EBADF;
	d = dentry_get(r.file->dentry);
	fdref_put(r);
	return change(&current->fs->cwd, d, dentry_is_dir(d) ? 0 : -ENOTDIR);
}

long sys_chroot(const char __user *path)
{
	struct dentry *d;
	int err = user_path(AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &d);

	if (err)
		return err;
	err = inode_permission(d->inode, MAY_EXEC);
	if (!err && !capable(CAP_SYS_CHROOT))
		err = -EPERM;
	return change(&current->fs->root, d, err);
}

long sys_umask(int mask)
{
	return xchg(&current->fs->umask, (u32)mask & 0777);
}

static long copy_path(char *at, bool unreachable, char __user *buf, size_t size)
{
	static const char prefix[] = "(unreachable)";
	size_t len = strlen(at) + 1;

	if (unreachable) {
		at -= sizeof(prefix) - 1;
		memcpy(at, prefix, sizeof(prefix) - 1);
		len += sizeof(prefix) - 1;
	}
	if (len > size)
		return -ERANGE;
	return copy_to_user(buf, at, len) ? -EFAULT : (long)len;
}

/* => the length with the NUL, as the system call returns it */
long sys_getcwd(char __user *buf, size_t size)
{
	struct dentry *cwd = fs_cwd(), *root = fs_root();
	char *page = kmalloc(PATH_MAX);
	bool unreachable;
	long ret;

	if (!page) {
		ret = -ENOMEM;
	} else if (cwd->flags & DENTRY_DELETED) {
		ret = -ENOENT;
	} else {
		/* room in front for the prefix */
		char *at = dentry_path(cwd, root, page + 16, PATH_MAX - 16, &unreachable);

		ret = IS_ERR(at) ? PTR_ERR(at) : copy_path(at, unreachable, buf, size);
	}
	kfree(page);
	dentry_put(cwd);
	dentry_put(root);
	return ret;
}
