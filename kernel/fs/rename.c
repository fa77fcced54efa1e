/*
 * rename: a name moves, atomically for everybody who looks.
 *
 *	before   A/x -> inode 1    B/y -> inode 2 (or nothing)
 *	after    A/x nothing       B/y -> inode 1           exchange: A/x -> 2, B/y -> 1
 *
 * Two directories are locked: the ancestor first; when neither is above the other, by address. rename_mutex keeps
 * the tree's shape while that is decided, and makes sure that no directory becomes its own ancestor: only
 * renames change who is above whom.
 *
 *	source above target's directory     EINVAL
 *	target above source's directory     ENOTEMPTY (it contains the source)
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/slab.h"

struct rename {
	struct walk from, to;
	struct dentry *old, *new; /* references; new may be NULL */
	char *old_room, *new_room; /* for the names they get */
	unsigned int flags;
};

/* ---- Locks ---- */

static bool above(struct dentry *a, struct dentry *b)
{
	bool yes;

	spin_lock(&tree_lock);
	yes = dentry_is_below(b, a);
	spin_unlock(&tree_lock);
	return yes;
}

static void lock_both(struct dentry *a, struct dentry *b) NO_THREAD_SAFETY
{
	if (a != b && !above(a, b) && (above(b, a) || b < a)) {
		struct dentry *t = a;

		a = b;
		b = t;
	}
	mutex_lock(&a->inode->lock);
	if (a != b)
		mutex_lock_nested(&b->inode->lock);
}

static void unlock_both(struct dentry *a, struct dentry *b) NO_THREAD_SAFETY
{
	mutex_unlock(&a->inode->lock);
	if (a != b)
		mutex_unlock(&b->inode->lock);
}

/* ---- Checks, in Linux's order ---- */

/* /proc and /sys: nothing moves. */
static int refuse_dynamic(const struct rename *r)
{
	const struct walk *walks[] = { &r->from, &r->to };

	for (int i = 0; i < 2; i++) {
		struct dentry *d = dentry_lookup(walks[i]->at, walks[i]->last, walks[i]->last_len);

		if (IS_ERR(d))
			return PTR_ERR(d);
		dentry_put(d);
	}
	return -EPERM;
}

static int check_walks(const struct rename *r)
{
	if (r->from.at->inode->super != r->to.at->inode->super)
		return -EXDEV;
	if (r->from.last_type != LAST_NORMAL)
		return -EBUSY;
	if (r->to.last_type != LAST_NORMAL)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (r->from.last_len > NAME_MAX || r->to.last_len > NAME_MAX)
		return -ENAMETOOLONG;
	return r->from.at->inode->super->dynamic ? refuse_dynamic(r) : 0;
}

static int check_names(const struct rename *r)
{
	if (!r->old)
		return -ENOENT;
	if ((r->flags & RENAME_NOREPLACE) && r->new)
		return -EEXIST;
	if ((r->flags & RENAME_EXCHANGE) && !r->new)
		return -ENOENT;
	if (!dentry_is_dir(r->old)) {
		if (r->from.trailing_slash || (!(r->flags & RENAME_EXCHANGE) && r->to.trailing_slash))
			return -ENOTDIR;
	}
	if (dentry_is_dir(r->old) && above(r->old, r->to.at))
		return -EINVAL;
	if (r->new && dentry_is_dir(r->new) && above(r->new, r->from.at))
		return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* May the caller do it? Moving a directory changes its "..", so it must be writable itself. */
static int check_rights(const struct rename *r)
{
	bool directory = dentry_is_dir(r->old), exchange = r->flags & RENAME_EXCHANGE;
	int err = may_delete(r->from.at, r->old, directory);

	if (err)
		return err;
	if (r->to.at->flags & DENTRY_DELETED)
		return -ENOENT;
	if (!r->new)
		err = inode_permission(r->to.at->inode, MAY_WRITE | MAY_EXEC);
	else
		err = may_delete(r->to.at, r->new, exchange ? dentry_is_dir(r->new) : directory);
	if (!err && directory && r->from.at != r->to.at)
		err = inode_permission(r->old->inode, MAY_WRITE);
	if (!err && exchange && dentry_is_dir(r->new) && r->from.at != r->to.at)
		err = inode_permission(r->new->inode, MAY_WRITE);
	return err;
}

static int prepare_names(struct rename *r)
{
	r->old_room = dentry_name_room(r->old, r->to.last_len);
	if (!r->old_room)
		return -ENOMEM;
	if (!(r->flags & RENAME_EXCHANGE))
		return 0;
	r->new_room = dentry_name_room(r->new, r->from.last_len);
	if (r->new_room)
		return 0;
	if (r->old_room != r->old->inline_name)
		kfree(r->old_room);
	return -ENOMEM;
}

/* ---- Changes, which cannot fail ---- */

static void move_parent_link(struct dentry *moved, struct dentry *from, struct dentry *to)
{
	if (dentry_is_dir(moved) && from != to) {
		from->inode->nlink--;
		to->inode->nlink++;
	}
}

static void touch_all(const struct rename *r)
{
	inode_touch(r->from.at->inode, false, true, true);
	inode_touch(r->to.at->inode, false, true, true);
	inode_touch(r->old->inode, false, false, true);
}

static void perform_exchange(struct rename *r)
{
	/* Both leave the children before either is put under the other's name: names in one directory are unique. */
	dentry_swap(r->old, r->new, r->old_room, r->new_room);
	move_parent_link(r->old, r->from.at, r->to.at);
	move_parent_link(r->new, r->to.at, r->from.at);
	touch_all(r);
}

/* => -ENOTEMPTY, or it is done */
static int perform_rename(struct rename *r) NO_THREAD_SAFETY
{
	bool lock_new = r->new && dentry_is_dir(r->new);

	if (lock_new)
		mutex_lock_nested(&r->new->inode->lock); /* a child under its parent */
	if (lock_new && !rb_empty(&r->new->inode->children)) {
		mutex_unlock(&r->new->inode->lock);
		if (r->old_room != r->old->inline_name)
			kfree(r->old_room);
		return -ENOTEMPTY;
	}
	if (r->new)
		perform_unlink(r->to.at, r->new);
	if (lock_new)
		mutex_unlock(&r->new->inode->lock);
	dentry_move(r->old, r->to.at, r->to.last, r->to.last_len, r->old_room);
	move_parent_link(r->old, r->from.at, r->to.at);
	touch_all(r);
	return 0;
}

static int rename_locked(struct rename *r)
{
	int err;

	r->old = dentry_child(r->from.at, r->from.last, r->from.last_len);
	r->new = dentry_child(r->to.at, r->to.last, r->to.last_len);
	if (r->old)
		dentry_get(r->old);
	if (r->new)
		dentry_get(r->new);
	err = check_names(r);
	if (err || (r->new && r->old->inode == r->new->inode))
		return err;
	err = check_rights(r);
	if (!err)
		err = prepare_names(r);
	if (err)
		return err;
	if (!(r->flags & RENAME_EXCHANGE))
		return perform_rename(r);
	perform_exchange(r);
	return 0;
}

static int rename_walked(struct rename *r)
{
	int err = check_walks(r);

	if (err)
		return err;
	mutex_lock(&rename_mutex);
	lock_both(r->from.at, r->to.at);
	err = rename_locked(r);
	unlock_both(r->from.at, r->to.at);
	mutex_unlock(&rename_mutex);
	if (r->old)
		dentry_put(r->old);
	if (r->new)
		dentry_put(r->new);
	return err;
}

static int rename_paths(int from_dfd, const char *from, int to_dfd, const char *to, unsigned int flags)
{
	struct rename r = { .flags = flags };
	int err = walk_parent(&r.from, from_dfd, from);

	if (err)
		return err;
	err = walk_parent(&r.to, to_dfd, to);
	if (!err) {
		err = rename_walked(&r);
		walk_end(&r.to);
	}
	walk_end(&r.from);
	return err;
}

long sys_renameat2(int from_dfd, const char __user *from, int to_dfd, const char __user *to, unsigned int flags)
{
	struct pathname a, b;
	long err;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	err = pathname_get(&a, from, false);
	if (err)
		return err;
	err = pathname_get(&b, to, false);
	if (!err) {
		err = rename_paths(from_dfd, a.text, to_dfd, b.text, flags);
		pathname_put(&b);
	}
	pathname_put(&a);
	return err;
}

long sys_renameat(int from_dfd, const char __user *from, int to_dfd, const char __user *to)
{
	return sys_renameat2(from_dfd, from, to_dfd, to, 0);
}

long sys_rename(const char __user *from, const char __user *to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
