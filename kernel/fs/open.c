/*
 * open: from a path to a descriptor.
 *
 *	descriptor reserved -> walk to the last component -> look it up, or make it -> through links, again
 *	                    -> may it be opened so? -> struct file -> truncated if asked
 *
 * Creating happens under the directory's lock, together with the lookup that found nothing, so that of two
 * O_CREAT|O_EXCL one loses. A link at the end is followed also when creating: the file is made where it leads.
 *
 * The order of errors is Linux's: flags, path text, EMFILE, walk, EEXIST, EISDIR, ENOTDIR, EACCES, ETXTBSY.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define O_KNOWN                                                                                    \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC |   \
	 O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define O_TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)
#define O_CREATION (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC) /* not remembered by the file */

struct open_request {
	u32 flags;
	u32 mode;	  /* of a new file, umask applied */
	unsigned int want; /* MAY_* */
	bool created;
};

/* ---- The request ---- */

static unsigned int wanted(u32 flags)
{
	static const u8 want[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	unsigned int w = want[flags & O_ACCMODE];

	return flags & O_TRUNC ? w | MAY_WRITE : w;
}

static int parse_request(struct open_request *r, u32 flags, u32 mode)
{
	flags &= O_KNOWN;
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (flags & O_TMPFILE_BIT) {
		if (!(flags & O_DIRECTORY) || (flags & O_CREAT) || !(wanted(flags) & MAY_WRITE))
			return -EINVAL;
	} else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
		return -EINVAL;
	}
	*r = (struct open_request){
		.flags = flags | (flags & O_PATH ? 0 : O_LARGEFILE),
		.mode = mode & 07777 & ~current_umask(),
		.want = flags & O_PATH ? 0 : wanted(flags),
	};
	return 0;
}

/* ---- Finding or making ---- */

/* => directory locked; a reference */
static struct dentry *make_file(struct walk *w, struct open_request *r)
{
	struct dentry *d;
	int err;

	if (w->at->flags & DENTRY_DELETED)
		return ERR_PTR(-ENOENT);
	err = inode_permission(w->at->inode, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = vfs_create(w->at, w->last, w->last_len, S_IFREG | r->mode, 0, NULL, &d);
	if (err)
		return ERR_PTR(err);
	r->created = true;
	return dentry_get(d);
}

/* => a reference, mounts not crossed; ERR_PTR */
static struct dentry *find_or_make(struct walk *w, struct open_request *r)
{
	struct inode *dir = w->at->inode;
	struct dentry *d;

	if (w->last_len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	if (dir->ops && dir->ops->lookup)
		return dentry_lookup(w->at, w->last, w->last_len);
	if (!(r->flags & O_CREAT))
		return dentry_lookup(w->at, w->last, w->last_len);
	mutex_lock(&dir->lock);
	d = dentry_child(w->at, w->last, w->last_len);
	d = d ? dentry_get(d) : dir->super->dynamic ? ERR_PTR(-EACCES) : make_file(w, r);
	mutex_unlock(&dir->lock);
	return d;
}

/* The place where a walk that ended in no name stands. */
static struct dentry *unnamed(struct walk *w)
{
	if (w->last_type == LAST_DOTDOT)
		return cross_mounts(dentry_up(w->at, w->root));
	return dentry_get(w->at);
}

/* Is the link at the walk's end the answer itself? => 1 yes, 0 go through it, -errno */
static int stop_at_link(const struct walk *w, const struct open_request *r)
{
	if ((r->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (!(r->flags & O_NOFOLLOW) || w->trailing_slash)
		return 0;
	return r->flags & O_PATH && !(r->flags & O_DIRECTORY) ? 1 : r->flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
}

/* => a reference, or ERR_PTR */
static struct dentry *locate(struct walk *w, struct open_request *r)
{
	for (;;) {
		bool must_dir = w->trailing_slash;
		struct dentry *d;
		int err;

		if (w->last_type != LAST_NORMAL) {
			d = unnamed(w);
		} else {
			if (w->trailing_slash && (r->flags & O_CREAT))
				return ERR_PTR(-EISDIR);
			d = find_or_make(w, r);
			if (!IS_ERR(d))
				d = cross_mounts(d);
		}
		if (IS_ERR(d) || !S_ISLNK(d->inode->mode) || w->last_type != LAST_NORMAL) {
			if (!IS_ERR(d) && must_dir && !dentry_is_dir(d)) {
				dentry_put(d);
				return ERR_PTR(-ENOTDIR);
			}
			return d;
		}
		err = stop_at_link(w, r);
		if (err > 0)
			return d;
		if (!err)
			err = walk_link(w, d);
		dentry_put(d);
		if (err)
			return ERR_PTR(err);
	}
}

/* ---- Checking and opening ---- */

static int may_open(struct dentry *d, const struct open_request *r)
{
	struct inode *inode = d->inode;

	if (r->flags & O_CREAT && !r->created) {
		if (r->flags & O_EXCL)
			return -EEXIST;
		if (S_ISDIR(inode->mode))
			return -EISDIR;
	}
	if ((r->flags & O_DIRECTORY) && !S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (r->flags & O_PATH)
		return 0;
	if (S_ISLNK(inode->mode))
		return -ELOOP;
	if (S_ISDIR(inode->mode) && (r->want & MAY_WRITE))
		return -EISDIR;
	if (S_ISSOCK(inode->mode))
		return -ENXIO;
	if ((r->flags & O_NOATIME) && !inode_owner_or_root(inode))
		return -EPERM;
	return r->created ? 0 : inode_permission(inode, r->want);
}

static int truncate_opened(struct file *f, const struct open_request *r)
{
	struct inode *inode = f->inode;
	bool claimed = !file_writable(f);
	int err = 0;

	if (!(r->flags & O_TRUNC) || r->created || !S_ISREG(inode->mode) || !inode->mapping)
		return 0;
	if (claimed)
		err = inode_claim_write(inode);
	if (err)
		return err;
	err = vfs_truncate(inode, 0);
	if (claimed)
		inode_disclaim_write(inode);
	return err;
}

/* Consumes d. */
static struct file *open_dentry(struct dentry *d, const struct open_request *r)
{
	struct file *f;
	int err = may_open(d, r);

	if (err) {
		dentry_put(d);
		return ERR_PTR(err);
	}
	/* O_NOCTTY is for the driver's open only */
	f = file_open(d, r->flags & ~(O_CREATION & ~O_NOCTTY));
	if (IS_ERR(f))
		return f;
	f->flags &= ~O_NOCTTY;
	err = truncate_opened(f, r);
	if (err) {
		file_put(f);
		return ERR_PTR(err);
	}
	return f;
}

/* A file without a name in directory d, which is consumed. */
static struct file *open_tmpfile(struct dentry *dir, struct open_request *r)
{
	struct super *s = dir->inode->super;
	struct inode *inode = NULL;
	struct dentry *d = NULL;
	int err = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);

	if (!err && s->dynamic)
		err = -EOPNOTSUPP;
	if (!err) {
		inode = ramfs_inode(s, S_IFREG | r->mode, 0, NULL);
		if (inode) {
			inode->nlink = 0;
			d = dentry_create(dir, "#tmp", 4, inode, DENTRY_DELETED);
		}
		err = d ? 0 : -ENOMEM;
	}
	dentry_put(dir);
	if (err)
		return ERR_PTR(err);
	r->created = true;
	r->flags &= ~(O_TMPFILE_BIT | O_DIRECTORY);
	return open_dentry(d, r);
}

static struct file *open_path(int dfd, const char *path, struct open_request *r)
{
	struct dentry *d;
	struct walk w;
	int err = walk_parent(&w, dfd, path);

	if (err)
		return ERR_PTR(err);
	d = locate(&w, r);
	walk_end(&w);
	if (IS_ERR(d))
		return (struct file *)d;
	if (!(r->flags & O_TMPFILE_BIT))
		return open_dentry(d, r);
	if (dentry_is_dir(d))
		return open_tmpfile(d, r);
	dentry_put(d);
	return ERR_PTR(-ENOTDIR);
}

static long open_user(int dfd, const char __user *path, struct open_request *r)
{
	struct pathname name;
	struct file *f;
	int fd, err = pathname_get(&name, path, false);

	if (err)
		return err;
	fd = fd_reserve(0, r->flags & O_CLOEXEC);
	if (fd >= 0) {
		f = open_path(dfd, name.text, r);
		if (IS_ERR(f)) {
			fd_unreserve(fd);
			fd = PTR_ERR(f);
		} else {
			fd_fill(fd, f);
		}
	}
	pathname_put(&name);
	return fd;
}

/* ---- System calls ---- */

long sys_openat(int dfd, const char __user *path, int flags, u32 mode)
{
	struct open_request r;
	int err = parse_request(&r, flags, mode);

	return err ? err : open_user(dfd, path, &r);
}

long sys_open(const char __user *path, int flags, u32 mode)
{
	return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(const char __user *path, u32 mode)
{
	return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* ---- For the kernel itself ---- */

struct file *file_open_path(const char *path, u32 flags)
{
	struct open_request r;
	int err = parse_request(&r, flags, 0);

	return err ? ERR_PTR(err) : open_path(AT_FDCWD, path, &r);
}

int files_init_console(void)
{
	struct file *f = file_open_path("/dev/console", O_RDWR);

	if (IS_ERR(f))
		return PTR_ERR(f);
	for (int fd = 0; fd < 3; fd++) {
		int got;

		file_get(f);
		got = fd_install(f, fd, false);
		if (got < 0) {
			file_put(f);
			return got;
		}
	}
	file_put(f);
	return 0;
}
