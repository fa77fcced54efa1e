/*
 * ramfs: files whose page cache is their only storage, directories that are the tree of dentries.
 *
 * The root file system (from the initrd), /dev and every tmpfs are ramfs; /dev adds nodes, nothing else. Files
 * grow until memory is gone: then a write gets ENOSPC, as on tmpfs.
 *
 * Reading takes no lock: a read beside a write sees some mixture of old and new bytes, as POSIX allows and Linux does
 * for most file systems. Writing takes the inode's lock, for the size, for O_APPEND, and against truncation.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "mm/slab.h"

#define RAMFS_MAX_BYTES ((1ULL << 63) - 1 - PAGE_SIZE)

/* ---- Regular files ---- */

typedef long piece_fn(struct address_space *m, struct uio *u, void *base, size_t n, u64 pos);

static long read_piece(struct address_space *m, struct uio *u, void *base, size_t n, u64 pos)
{
	return u->kernel ? mapping_read(m, base, n, pos) : mapping_read_user(m, (void __user *)base, n, pos);
}

static long write_piece(struct address_space *m, struct uio *u, void *base, size_t n, u64 pos)
{
	return u->kernel ? mapping_write(m, base, n, pos) : mapping_write_user(m, (const void __user *)base, n, pos);
}

/* Transfer up to `limit` bytes at *pos, piece by piece. => bytes, or the error that came before the first */
static long transfer(struct address_space *m, struct uio *u, size_t limit, u64 *pos, piece_fn *fn)
{
	long done = 0;

	while (limit && u->resid) {
		size_t len = min(uio_piece(u), limit);
		long n = fn(m, u, uio_base(u), len, *pos);

		if (n < 0)
			return done ? done : n;
		uio_advance(u, n);
		*pos += n;
		done += n;
		limit -= n;
		if ((size_t)n < len)
			break;
	}
	return done;
}

static long ramfs_read(struct file *f, struct uio *u, u64 *pos)
{
	long n = transfer(f->inode->mapping, u, u->resid, pos, read_piece);

	file_accessed(f);
	return n;
}

/* How much of n bytes at pos the seals of a memfd allow. Without growth, a page that would grow is not begun. => bytes, or
 * -EPERM: none */
static s64 sealed_limit(const struct inode *inode, u64 pos, u64 n)
{
	u64 size = inode->mapping->size, whole = ALIGN_DOWN(size, PAGE_SIZE);

	if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!(inode->seals & F_SEAL_GROW) || pos + n <= size)
		return n;
	return pos < whole ? (s64)(whole - pos) : -EPERM;
}

static long write_locked(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *inode = f->inode;
	s64 limit;
	long n;

	if (f->flags & O_APPEND)
		*pos = inode->mapping->size;
	limit = write_limit(*pos, u->resid);
	if (limit < 0)
		return limit;
	if (*pos >= RAMFS_MAX_BYTES)
		return -EFBIG;
	if (unlikely(inode->seals))
		limit = sealed_limit(inode, *pos, limit);
	if (limit < 0)
		return limit;
	n = transfer(inode->mapping, u, min((u64)limit, RAMFS_MAX_BYTES - *pos), pos, write_piece);
	return n == -ENOMEM ? -ENOSPC : n;
}

static long ramfs_write(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *inode = f->inode;
	long n;

	if (!u->resid)
		return 0;
	mutex_lock(&inode->lock);
	n = write_locked(f, u, pos);
	if (n > 0) {
		inode_touch(inode, false, true, true);
		if (!capable(CAP_FSETID) && (inode->mode & (S_ISUID | S_ISGID)))
			inode->mode &= ~(S_ISUID | S_ISGID);
	}
	mutex_unlock(&inode->lock);
	return n;
}

static int ramfs_mmap(struct file *f, bool shared, bool *anonymous)
{
	(void)f;
	(void)shared;
	(void)anonymous;
	return 0;
}

const struct file_ops ramfs_file_ops = {
	.read = ramfs_read,
	.write = ramfs_write,
	.lseek = generic_lseek,
	.mmap = ramfs_mmap,
};

/* ---- Directories of the tree ---- */

/* What a name shows: the root of what is mounted there, else itself. */
static bool emit_child(struct dir_context *ctx, struct dentry *d)
{
	const struct inode *inode;
	u64 ino;
	u32 mode;

	spin_lock(&tree_lock);
	inode = d->covered_by ? d->covered_by->inode : d->inode;
	ino = inode->ino;
	mode = inode->mode;
	spin_unlock(&tree_lock);
	return ctx->emit(ctx, d->name, d->len, ino, mode >> 12, d->cookie + 1);
}

static int tree_iterate(struct file *f, struct dir_context *ctx)
{
	struct inode *dir = f->inode;
	struct dentry *d;

	if (!dir_emit_dots(f, ctx))
		return 0;
	mutex_lock(&dir->lock);
	list_for_each_entry(d, &dir->order, entry) {
		if (d->cookie < ctx->pos)
			continue;
		if (!emit_child(ctx, d))
			break;
		ctx->pos = d->cookie + 1;
	}
	mutex_unlock(&dir->lock);
	file_accessed(f);
	return 0;
}

/* The end of a directory is nowhere. */
static s64 tree_dir_lseek(struct file *f, s64 off, int whence)
{
	return whence > 1 ? -EINVAL : generic_lseek(f, off, whence);
}

const struct file_ops tree_dir_ops = {
	.lseek = tree_dir_lseek,
	.iterate = tree_iterate,
};

/* ---- Inodes ---- */

const struct inode_ops ramfs_ops = { 0 };

/* Operations by type; device nodes find theirs when they are opened. */
static const struct file_ops *ops_of(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return &ramfs_file_ops;
	case S_IFDIR:
		return &tree_dir_ops;
	case S_IFIFO:
		return &fifo_ops;
	}
	return NULL;
}

struct inode *ramfs_inode(struct super *s, u32 mode, u32 rdev, const char *target)
{
	struct inode *inode = inode_create(s, mode, super_next_ino(s));

	if (!inode)
		return NULL;
	inode->ops = &ramfs_ops;
	inode->fops = ops_of(mode);
	inode->rdev = rdev;
	if (!target)
		return inode;
	inode->target = kmalloc(strlen(target) + 1);
	if (!inode->target) {
		inode_put(inode);
		return NULL;
	}
	strlcpy(inode->target, target, strlen(target) + 1);
	return inode;
}

struct super *ramfs_create(const char *type, const char *source, const char *options, u32 magic)
{
	struct super *s = super_create(type, source, options, magic);
	struct inode *inode = s ? ramfs_inode(s, S_IFDIR | 0755, 0, NULL) : NULL;

	if (inode)
		s->root = dentry_create(NULL, "", 0, inode, 0);
	if (s && !s->root) {
		kfree(s);
		return NULL;
	}
	return s;
}
