/*
 * Path walk: from text to dentry.
 *
 *	"/usr//lib/../bin/sh"     start at root (or the cwd, or a directory descriptor)
 *	  usr                     lookup; cross mounts; a link in the middle is always followed
 *	      lib                 each directory passed through must be searchable (x)
 *	          ..              up, but never above the process's root
 *	             bin
 *	                 sh       the last component: creators stop before it
 *
 * A symbolic link is expanded in place: its text and what is left of the path become the new text, in a
 * buffer of their own. Links that are no text (/proc/<pid>/fd/N) replace the place reached. After
 * SYMLINKS_MAX links the walk gives up, so it always ends.
 *
 * Linux differs: it walks without locks or references first (RCU), and retries with them.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

/* ---- Text from user space ---- */

int pathname_get(struct pathname *p, const char __user *user, bool empty_ok)
{
	long n = strncpy_from_user(p->small, user, sizeof(p->small));

	p->text = p->small;
	if (n == (long)sizeof(p->small)) {
		p->text = kmalloc(PATH_MAX);
		if (!p->text)
			return -ENOMEM;
		n = strncpy_from_user(p->text, user, PATH_MAX);
		if (n == PATH_MAX)
			n = -ENAMETOOLONG;
	}
	if (n == 0 && !empty_ok)
		n = -ENOENT;
	if (n < 0) {
		pathname_put(p);
		return n;
	}
	p->len = n;
	return 0;
}

void pathname_put(struct pathname *p)
{
	if (p->text != p->small)
		kfree(p->text);
}

/* ---- Start ---- */

/* => ERR_PTR(-EBADF), ERR_PTR(-ENOTDIR) */
static struct dentry *start_at(int dfd, bool empty_path)
{
	struct fdref r;
	struct dentry *d;

	if (dfd == AT_FDCWD)
		return fs_cwd();
	r = fd_ref_any(dfd);
	if (!r.file)
		return ERR_PTR(-EBADF);
	if (!empty_path && !dentry_is_dir(r.file->dentry))
		d = ERR_PTR(-ENOTDIR);
	else
		d = dentry_get(r.file->dentry);
	fdref_put(r);
	return d;
}

static int walk_begin(struct walk *w, int dfd, const char *path)
{
	memset(w, 0, sizeof(*w));
	w->rest = path;
	w->root = fs_root();
	w->at = *path == '/' ? dentry_get(w->root) : start_at(dfd, !*path);
	if (IS_ERR(w->at)) {
		int err = PTR_ERR(w->at);

		dentry_put(w->root);
		w->at = w->root = NULL;
		return err;
	}
	return 0;
}

void walk_end(struct walk *w)
{
	if (w->at)
		dentry_put(w->at);
	if (w->root)
		dentry_put(w->root);
	kfree(w->buffer);
	w->at = w->root = NULL;
	w->buffer = NULL;
}

static void walk_move(struct walk *w, struct dentry *to)
{
	dentry_put(w->at);
	w->at = to;
}

/* ---- Steps ---- */

struct dentry *cross_mounts(struct dentry *d)
{
	while (READ_ONCE(d->covered_by)) {
		struct dentry *top;

		spin_lock(&tree_lock);
		top = d->covered_by ? dentry_get(d->covered_by) : NULL;
		spin_unlock(&tree_lock);
		if (!top)
			break;
		dentry_put(d);
		d = top;
	}
	return d;
}

/* Sets last, last_len, last_type, trailing_slash and moves rest behind the component and its slashes.
 * => whether there is one */
static bool next_component(struct walk *w)
{
	const char *p = w->rest;

	while (*p == '/')
		p++;
	w->last = p;
	while (*p && *p != '/')
		p++;
	w->last_len = p - w->last;
	w->trailing_slash = *p == '/';
	while (*p == '/')
		p++;
	w->rest = p;
	w->last_type = LAST_NORMAL;
	if (!w->last_len)
		w->last_type = LAST_ROOT;
	else if (w->last[0] == '.' && w->last_len == 1)
		w->last_type = LAST_DOT;
	else if (w->last[0] == '.' && w->last_len == 2 && w->last[1] == '.')
		w->last_type = LAST_DOTDOT;
	return w->last_len != 0;
}

/* The component just parsed, looked up. => dentry with reference, mounts crossed, or ERR_PTR */
static struct dentry *step(struct walk *w)
{
	struct dentry *d;

	if (w->last_type == LAST_DOT)
		return dentry_get(w->at);
	if (w->last_type == LAST_DOTDOT)
		return cross_mounts(dentry_up(w->at, w->root));
	if (w->last_len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	d = dentry_lookup(w->at, w->last, w->last_len);
	return IS_ERR(d) ? d : cross_mounts(d);
}

/* May the walk look for a name in `at`? */
static int may_search(struct walk *w)
{
	if (!dentry_is_dir(w->at))
		return -ENOTDIR;
	return inode_permission(w->at->inode, MAY_EXEC);
}

/* Put a link's text in front of the rest. */
static int expand_text(struct walk *w, const char *text, size_t len)
{
	size_t rest = strlen(w->rest);
	char *buffer;

	if (!len)
		return -ENOENT;
	if (len + rest + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	buffer = kmalloc(len + rest + 2);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, text, len);
	if (rest || w->trailing_slash)
		buffer[len++] = '/';
	memcpy(buffer + len, w->rest, rest + 1);
	kfree(w->buffer);
	w->buffer = buffer;
	w->rest = buffer;
	if (*text == '/')
		walk_move(w, dentry_get(w->root));
	return 0;
}

static int expand_readlink(struct walk *w, struct inode *inode)
{
	char *text = kmalloc(PATH_MAX);
	int n;

	if (!text)
		return -ENOMEM;
	n = inode->ops->readlink(inode, text, PATH_MAX);
	if (n >= 0)
		n = expand_text(w, text, n);
	kfree(text);
	return n;
}

/* Go through `link`: text is prepended to the rest, a jump moves the walk. *jumped: `at` is the target itself. */
static int follow(struct walk *w, struct dentry *link, bool *jumped)
{
	struct inode *inode = link->inode;
	struct dentry *to;

	*jumped = false;
	if (++w->links > SYMLINKS_MAX)
		return -ELOOP;
	if (inode->ops && inode->ops->jump) {
		to = inode->ops->jump(inode);
		if (IS_ERR(to))
			return PTR_ERR(to);
		walk_move(w, to);
		*jumped = true;
		return 0;
	}
	return inode->target ? expand_text(w, inode->target, strlen(inode->target)) : expand_readlink(w, inode);
}

/* Walk up to, and not including, the last component, which may be none (LAST_ROOT: `at` is the answer). */
static int walk_to_last(struct walk *w)
{
	while (next_component(w)) {
		struct dentry *d;
		bool jumped;
		int err = may_search(w);

		if (err || !*w->rest)
			return err;
		d = step(w);
		if (IS_ERR(d))
			return PTR_ERR(d);
		if (S_ISLNK(d->inode->mode)) {
			err = follow(w, d, &jumped);
			dentry_put(d);
			if (err)
				return err;
		} else {
			walk_move(w, d);
		}
	}
	return 0;
}

int walk_parent(struct walk *w, int dfd, const char *path)
{
	int err = walk_begin(w, dfd, path);

	if (err)
		return err;
	err = walk_to_last(w);
	if (err)
		walk_end(w);
	return err;
}

int walk_link(struct walk *w, struct dentry *link)
{
	bool jumped;
	int err = follow(w, link, &jumped);

	if (err)
		return err;
	if (jumped) {
		w->last_len = 0;
		w->last_type = LAST_ROOT;
		return 0;
	}
	return walk_to_last(w);
}

/* ---- Whole paths ---- */

/* The last component, through links where asked. => dentry with reference, or ERR_PTR */
static struct dentry *finish(struct walk *w, unsigned int flags)
{
	for (;;) {
		bool must_dir = w->trailing_slash || (flags & WALK_DIRECTORY), jumped;
		struct dentry *d;
		int err;

		d = w->last_len ? step(w) : dentry_get(w->at);
		if (IS_ERR(d))
			return d;
		if (S_ISLNK(d->inode->mode) && w->last_len && ((flags & WALK_FOLLOW) || w->trailing_slash)) {
			err = follow(w, d, &jumped);
			dentry_put(d);
			if (!err && jumped)
				w->rest = "";
			if (!err)
				err = walk_to_last(w);
			if (err)
				return ERR_PTR(err);
			if (jumped)
				w->trailing_slash = must_dir;
			continue;
		}
		if (must_dir && !dentry_is_dir(d)) {
			dentry_put(d);
			return ERR_PTR(-ENOTDIR);
		}
		return d;
	}
}

int path_lookup(int dfd, const char *path, unsigned int flags, struct dentry **out)
{
	struct dentry *d;
	struct walk w;
	int err;

	if (!*path && !(flags & WALK_EMPTY))
		return -ENOENT;
	err = walk_parent(&w, dfd, path);
	if (err)
		return err;
	d = finish(&w, flags);
	walk_end(&w);
	if (IS_ERR(d))
		return PTR_ERR(d);
	*out = d;
	return 0;
}

int user_path(int dfd, const char __user *path, unsigned int flags, struct dentry **out)
{
	struct pathname name;
	int err = pathname_get(&name, path, flags & WALK_EMPTY);

	if (err)
		return err;
	err = path_lookup(dfd, name.text, flags, out);
	pathname_put(&name);
	return err;
}
