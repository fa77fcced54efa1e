/*
 * /proc/<pid>/fd and fdinfo: a process's descriptors.
 *
 * fd/N is a link that leads to the open file's dentry itself, not by its text: so a pipe, a deleted file or one below
 * another root can be opened again. fdinfo/N is a text.
 *
 * The table belongs to the process that is looked at and may change while it is: each lookup finds what is there in that
 * moment, and a link whose descriptor was closed leads nowhere.
 */
#include "kernel/fs/procfs.h"

#include "kernel/uapi/dirent.h"

#define POS_FDS 2

/* => a reference, or NULL: closed */
static struct file *node_file(const struct proc_node *n)
{
	struct files *files = proc_files_get(n);
	struct file *f;

	if (!files)
		return NULL;
	f = files_file(files, (int)n->number);
	files_put(files);
	return f;
}

static struct dentry *fd_target(const struct proc_node *n)
{
	struct file *f = node_file(n);
	struct dentry *d;

	if (!f)
		return ERR_PTR(-ENOENT);
	d = dentry_get(f->dentry);
	file_put(f);
	return d;
}

static const struct proc_entry fd_entry = PROC_LINK("", fd_target);

/* What the file may be used for, as the link's mode. */
static u32 link_mode(const struct file *f)
{
	return S_IFLNK | (file_readable(f) ? 0500 : 0) | (file_writable(f) ? 0300 : 0);
}

/* ---- fdinfo/N ---- */

#define SHOWN_FLAGS 0x7fffffffU /* the uppermost bit is the kernel's own */

static int fdinfo(struct seq *s, struct proc_node *n)
{
	struct files *files = proc_files_get(n);
	struct file *f = files ? files_file(files, (int)n->number) : NULL;

	if (f) {
		u32 flags = (f->flags & SHOWN_FLAGS) | (files_cloexec(files, (int)n->number) ? O_CLOEXEC : 0);

		seq_printf(s, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", (long)f->pos, flags, f->inode->super->id,
			   (unsigned long)f->inode->ino);
		file_put(f);
	}
	if (files)
		files_put(files);
	return f ? 0 : -ENOENT;
}

static const struct proc_entry fdinfo_entry = { .mode = S_IFREG | 0444, .guarded = true, .show = fdinfo };

/* ---- The directories ---- */

static struct dentry *lookup(struct dentry *dir, const char *name, size_t len, const struct proc_entry *e)
{
	struct proc_node n = *proc_node(dir->inode);
	struct dentry *d;
	struct file *f;

	if (!proc_parse_number(name, len, &n.number))
		return ERR_PTR(-ENOENT);
	f = node_file(&n);
	if (!f)
		return ERR_PTR(-ENOENT);
	d = proc_make(dir, name, len, e, NULL, NULL, n.number);
	if (!IS_ERR(d) && S_ISLNK(e->mode))
		d->inode->mode = link_mode(f);
	file_put(f);
	return d;
}

static struct dentry *fd_lookup(struct dentry *dir, const char *name, size_t len)
{
	return lookup(dir, name, len, &fd_entry);
}

static struct dentry *fdinfo_lookup(struct dentry *dir, const char *name, size_t len)
{
	return lookup(dir, name, len, &fdinfo_entry);
}

static int iterate(struct file *f, struct dir_context *ctx, const struct proc_entry *e)
{
	const struct proc_node *n = proc_node(f->inode);
	struct files *files;
	int fd;

	if (!dir_emit_dots(f, ctx))
		return 0;
	files = proc_files_get(n);
	while (files && (fd = files_next_open(files, (int)(ctx->pos - POS_FDS))) >= 0) {
		u64 next = POS_FDS + (u64)fd + 1;

		if (!proc_emit_number(ctx, (u64)fd, proc_ino(e, proc_id(n->process, n->task), (u64)fd), e->mode >> 12, next))
			break;
		ctx->pos = next;
	}
	if (files)
		files_put(files);
	return files ? 0 : -ENOENT;
}

static int fd_iterate(struct file *f, struct dir_context *ctx)
{
	return iterate(f, ctx, &fd_entry);
}

static int fdinfo_iterate(struct file *f, struct dir_context *ctx)
{
	return iterate(f, ctx, &fdinfo_entry);
}

/* A process may always list its own, whatever user it has become. */
static int permission(struct inode *inode, unsigned int want)
{
	(void)want;
	return proc_may_look(proc_node(inode)->process) ? 0 : -EACCES;
}

const struct inode_ops proc_fd_ops = { .lookup = fd_lookup, .permission = permission, .free = proc_node_free };
const struct file_ops proc_fd_fops = { .iterate = fd_iterate, .lseek = generic_lseek };
const struct inode_ops proc_fdinfo_ops = { .lookup = fdinfo_lookup, .permission = permission, .free = proc_node_free };
const struct file_ops proc_fdinfo_fops = { .iterate = fdinfo_iterate, .lseek = generic_lseek };
