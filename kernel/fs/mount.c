/*
 * mount(2) and umount2(2).
 *
 * /, /proc, /sys, /dev and /dev/shm are there from the start; mounting such a thing again where it already is gets
 * EBUSY, as on Linux. tmpfs (or ramfs) can be mounted on any directory, and unmounted when nobody stands in it or
 * has anything of it open. Remounting changes read-only.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/syscall.h"
#include "kernel/uapi/mount.h"
#include "kernel/uapi/statfs.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define TYPE_MAX 16
#define DEPTH_MAX 32 /* a deeper tree counts as used: the walk over it is recursive */

static bool is_special(const char *type)
{
	return !strcmp(type, "proc") || !strcmp(type, "sysfs") || !strcmp(type, "devtmpfs");
}

static bool is_memory(const char *type)
{
	return !strcmp(type, "tmpfs") || !strcmp(type, "ramfs");
}

/* ---- Mounting ---- */

/* d: the root of what is mounted there now */
static long remount(struct dentry *d, unsigned long flags)
{
	if (d->inode->super->root != d)
		return -EINVAL;
	d->inode->super->readonly = flags & MS_RDONLY;
	return 0;
}

/* "mode=1777" among the options. */
static void apply_options(struct super *s, const char *options)
{
	const char *mode = options ? strstr(options, "mode=") : NULL;
	u32 bits = 0;

	s->root->inode->mode = S_IFDIR | 01777;
	if (!mode)
		return;
	for (mode += 5; *mode >= '0' && *mode <= '7'; mode++)
		bits = bits * 8 + (*mode - '0');
	s->root->inode->mode = S_IFDIR | (bits & 07777);
}

static long mount_memory(struct dentry *on, const char *source, const char *type, unsigned long flags,
			 const char *options)
{
	bool ramfs = !strcmp(type, "ramfs");
	struct super *s = ramfs_create(ramfs ? "ramfs" : "tmpfs", source, ",relatime", ramfs ? RAMFS_MAGIC : TMPFS_MAGIC);
	long err;

	if (!s)
		return -ENOMEM;
	apply_options(s, options);
	s->readonly = flags & MS_RDONLY;
	err = super_mount(s, on);
	if (err)
		super_destroy(s);
	return err;
}

static long mount_on(struct dentry *on, const char *source, const char *type, unsigned long flags, const char *options)
{
	struct super *here = on->inode->super;

	if (flags & MS_REMOUNT)
		return remount(on, flags);
	if (flags & (MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		return flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE) ? 0 : -EINVAL;
	if (!dentry_is_dir(on))
		return -ENOTDIR;
	if (is_special(type))
		return here->root == on && !strcmp(here->type, type) ? -EBUSY : -EPERM;
	return is_memory(type) ? mount_memory(on, source, type, flags, options) : -ENODEV;
}

/* A short string of the user's, NULL being "". => 0 or -errno */
static long get_word(char *buf, size_t size, const char __user *user)
{
	long n = user ? strncpy_from_user(buf, user, size) : 0;

	if (!user)
		buf[0] = 0;
	return n < 0 ? n : n == (long)size ? -EINVAL : 0;
}

long sys_mount(const char __user *source, const char __user *target, const char __user *type, unsigned long flags,
	       const void __user *data)
{
	char from[64], what[TYPE_MAX], options[128];
	struct dentry *on;
	long err = get_word(what, sizeof(what), type);

	if (!err)
		err = get_word(from, sizeof(from), source);
	if (!err)
		err = get_word(options, sizeof(options), data);
	if (err)
		return err;
	err = user_path(AT_FDCWD, target, WALK_FOLLOW, &on);
	if (err)
		return err;
	err = capable(CAP_SYS_ADMIN) ? mount_on(on, from, what, flags, options) : -EPERM;
	dentry_put(on);
	return err;
}

/* ---- Unmounting ---- */

/* Names of a tree whose file system goes, from the leaves up. */
static void empty_tree(struct dentry *root)
{
	struct dentry *dir = root;

	for (;;) {
		struct dentry *d, *parent = dir->parent;
		bool down;

		mutex_lock(&dir->inode->lock);
		if (list_empty(&dir->inode->order)) {
			mutex_unlock(&dir->inode->lock);
			if (dir == root)
				return;
			mutex_lock(&parent->inode->lock);
			dentry_unlink(dir);
			mutex_unlock(&parent->inode->lock);
			dir = parent;
			continue;
		}
		d = list_first_entry(&dir->inode->order, struct dentry, entry);
		down = dentry_is_dir(d);
		if (!down)
			dentry_unlink(d);
		mutex_unlock(&dir->inode->lock);
		if (down)
			dir = d;
	}
}

/* Anybody beyond the tree itself? A dentry's references are the tree's one and one for each child. */
static bool tree_in_use(struct dentry *dir, int own, unsigned int depth)
{
	struct dentry *d;
	int expected = own;
	bool used = false;

	mutex_lock_nested(&dir->inode->lock); /* downwards */
	list_for_each_entry(d, &dir->inode->order, entry) {
		expected++;
		if (d->covered_by || used)
			used = true;
		else if (dentry_is_dir(d))
			used = depth == DEPTH_MAX || tree_in_use(d, 1, depth + 1);
		else
			used = atomic_read(&d->refs) != 1 || (atomic_read(&d->inode->refs) != 1 && d->inode->nlink == 1);
	}
	used |= atomic_read(&dir->refs) != expected;
	mutex_unlock(&dir->inode->lock);
	return used;
}

/* => mounts_lock held; root's references: its own, the mount's, and the caller's */
static long unmount_locked(struct dentry *root)
{
	struct super *s = root->inode->super;
	struct dentry *on = s->covers, *parent;

	if (s->root != root || !on)
		return root == root_dentry ? -EBUSY : -EINVAL;
	if (!is_memory(s->type) || tree_in_use(root, 3, 0))
		return -EBUSY;
	spin_lock(&tree_lock);
	on->covered_by = NULL;
	parent = root->parent;
	root->parent = root;
	spin_unlock(&tree_lock);
	list_del(&s->node);
	dentry_put(parent);
	dentry_put(on);
	dentry_put(root); /* the mount's */
	return 0;
}

long sys_umount2(const char __user *target, int flags)
{
	struct dentry *root;
	struct super *s;
	long err;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	err = user_path(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &root);
	if (err)
		return err;
	s = root->inode->super;
	if (!capable(CAP_SYS_ADMIN)) {
		err = -EPERM;
	} else {
		mutex_lock(&mounts_lock);
		err = unmount_locked(root);
		mutex_unlock(&mounts_lock);
	}
	if (!err)
		empty_tree(root);
	dentry_put(root);
	if (!err)
		super_destroy(s);
	return err;
}
