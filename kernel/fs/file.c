/*
 * Open files: made by open, pipe and friends, shared by descriptors, mappings and /proc.
 *
 * A file's operations are chosen once, when it is opened: the inode's, or, for device nodes, the driver's.
 * O_PATH files have none: they are a dentry with a number.
 *
 * ETXTBSY: inode->writers counts files open for writing upwards from 0 and executions downwards, so that each side
 * can refuse while the other is there. An execution is over when the file it opened is released: the mm keeps it.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sysctl.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/mm.h"
#include <arch/uaccess.h>

#define FILE_EXEC BIT(31) /* in file->flags: opened for execution; not an O_ flag of Linux's */

static struct kmem_cache *file_cache;
static const struct file_ops path_ops;
static atomic_long_t nr_files;
static long file_max = INT64_MAX; /* open files in all; above it only who has CAP_SYS_ADMIN gets more */

SYSCTL(sysctl_file_max, .name = "fs.file-max", .value = &file_max, .min = 0, .max = INT64_MAX, .mode = 0644);

static int file_nr_text(char *buf, size_t size)
{
	return snprintf(buf, size, "%ld\t0\t%ld\n", atomic_read(&nr_files), READ_ONCE(file_max));
}
SYSCTL(sysctl_file_nr, .name = "fs.file-nr", .text = file_nr_text, .mode = 0444);

void file_boot(void)
{
	file_cache = kmem_cache_create("filp", sizeof(struct file), 8);
}

static struct file *file_alloc(u32 flags)
{
	struct file *f = NULL;

	if (atomic_read(&nr_files) < READ_ONCE(file_max) || capable(CAP_SYS_ADMIN))
		f = kmem_cache_alloc(file_cache);
	if (!f)
		return NULL;
	*f = (struct file){ .refs = ATOMIC_INIT(1), .flags = flags };
	mutex_init(&f->pos_lock, RANK_FILE_POS);
	atomic_inc(&nr_files);
	return f;
}

static void file_free(struct file *f)
{
	atomic_dec(&nr_files);
	kmem_cache_free(file_cache, f);
}

void file_get(struct file *f)
{
	debug_assert(atomic_read(&f->refs) > 0);
	atomic_inc(&f->refs);
}

bool file_readable(const struct file *f)
{
	return !(f->flags & O_PATH) && (f->flags & O_ACCMODE) != O_WRONLY;
}

bool file_writable(const struct file *f)
{
	unsigned int mode = f->flags & O_ACCMODE;

	return !(f->flags & O_PATH) && (mode == O_WRONLY || mode == O_RDWR);
}

bool file_map_writable(const struct file *f)
{
	return file_writable(f) && !(f->inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

/* ---- Writers against executions ---- */

/* => 0 or -ETXTBSY */
static int claim_write(struct inode *inode)
{
	int old = atomic_read(&inode->writers);

	do {
		if (old < 0)
			return -ETXTBSY;
	} while (!cmpxchg(&inode->writers.v, &old, old + 1));
	return 0;
}

static int claim_exec(struct inode *inode)
{
	int old = atomic_read(&inode->writers);

	do {
		if (old > 0)
			return -ETXTBSY;
	} while (!cmpxchg(&inode->writers.v, &old, old - 1));
	return 0;
}

static bool counts_as_writer(const struct file *f)
{
	return S_ISREG(f->inode->mode) && file_writable(f);
}

static int claim(struct file *f)
{
	if (f->flags & FILE_EXEC)
		return claim_exec(f->inode);
	return counts_as_writer(f) ? claim_write(f->inode) : 0;
}

static void disclaim(struct file *f)
{
	if (f->flags & FILE_EXEC)
		atomic_inc(&f->inode->writers);
	else if (counts_as_writer(f))
		atomic_dec(&f->inode->writers);
}

/* For truncate(2), which writes without a file. => 0 or -ETXTBSY */
int inode_claim_write(struct inode *inode)
{
	return claim_write(inode);
}

void inode_disclaim_write(struct inode *inode)
{
	atomic_dec(&inode->writers);
}

/* ---- Opening and releasing ---- */

static const struct file_ops *choose_ops(struct inode *inode, u32 flags)
{
	if (flags & O_PATH)
		return &path_ops;
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		return device_ops(inode->mode, inode->rdev);
	return inode->fops;
}

static void file_forget(struct file *f)
{
	dentry_put(f->dentry);
	file_free(f);
}

struct file *file_open(struct dentry *d, u32 flags)
{
	struct file *f = file_alloc(flags);
	int err;

	if (!f) {
		dentry_put(d);
		return ERR_PTR(-ENFILE);
	}
	f->dentry = d;
	f->inode = d->inode;
	f->ops = choose_ops(f->inode, flags);
	err = f->ops ? claim(f) : -ENXIO;
	if (err) {
		file_forget(f);
		return ERR_PTR(err);
	}
	if (f->ops->open)
		err = f->ops->open(f->inode, f);
	if (err) {
		disclaim(f);
		file_forget(f);
		return ERR_PTR(err);
	}
	return f;
}

static __noinline void file_release(struct file *f)
{
	if (f->ops->release)
		f->ops->release(f);
	locks_release(f);
	disclaim(f);
	file_forget(f);
}

void file_put(struct file *f)
{
	debug_assert(atomic_read(&f->refs) > 0);
	if (atomic_dec_and_test(&f->refs))
		file_release(f);
}

struct file *file_open_anon(struct inode *inode, const char *name, u32 flags, const struct file_ops *ops)
{
	struct dentry *d = dentry_create(NULL, name, strlen(name), inode, DENTRY_ANON);
	struct file *f;

	if (!d)
		return ERR_PTR(-ENOMEM);
	f = file_alloc(flags);
	if (!f) {
		dentry_put(d);
		return ERR_PTR(-ENFILE);
	}
	f->dentry = d;
	f->inode = inode;
	f->ops = ops;
	if (claim(f))
		panic("a new inode is busy");
	return f;
}

/* A second file on the same dentry, without the operation `open`. */
struct file *file_open_again(struct file *first, u32 flags)
{
	struct file *f = file_alloc(flags);

	if (!f)
		return ERR_PTR(-ENFILE);
	f->dentry = dentry_get(first->dentry);
	f->inode = first->inode;
	f->ops = first->ops;
	return f;
}

/* ---- Files without a place in the tree ---- */

static void shared_free(struct inode *inode)
{
	if (inode->mapping != &inode->own_mapping)
		mapping_put(inode->mapping);
}

/* The object goes with its inode. */
static const struct inode_ops shared_inode_ops = { .free = shared_free };

struct file *file_anon_create(const char *name, struct address_space *mapping)
{
	struct inode *inode = inode_create(anon_super(), S_IFREG | 0777, super_next_ino(anon_super()));
	struct file *f;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->nlink = 0;
	inode->fops = &ramfs_file_ops;
	inode->ops = &shared_inode_ops;
	f = file_open_anon(inode, name, O_RDWR | O_LARGEFILE, &ramfs_file_ops);
	if (!IS_ERR(f))
		inode->mapping = mapping;
	return f;
}

/* Linux gives all of them one inode of mode 0600 and no type. Nobody opens them a second time: no fops. */
struct file *file_anon_ops(const char *name, const struct file_ops *ops, void *private, u32 flags)
{
	struct inode *inode = inode_create(anon_super(), 0600, super_next_ino(anon_super()));
	struct file *f;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	f = file_open_anon(inode, name, flags, ops);
	if (!IS_ERR(f))
		f->private = private;
	return f;
}

/* ---- What others ask ---- */

struct address_space *file_mapping(struct file *f)
{
	return f->inode->mapping;
}

u64 file_ino(struct file *f)
{
	return f->inode->ino;
}

u32 file_dev(struct file *f)
{
	return f->inode->super->dev;
}

u32 file_mode(const struct file *f)
{
	return f->inode->mode;
}

u32 file_uid(const struct file *f)
{
	return f->inode->uid;
}

u32 file_gid(const struct file *f)
{
	return f->inode->gid;
}

bool file_noexec(const struct file *f)
{
	return f->inode->super->dynamic;
}

static int anon_name(struct dentry *d, char *buf, size_t size)
{
	struct inode *inode = d->inode;

	if (S_ISFIFO(inode->mode))
		return snprintf(buf, size, "pipe:[%lu]", inode->ino);
	if (S_ISREG(inode->mode))
		return snprintf(buf, size, "%s (deleted)", d->name);
	return snprintf(buf, size, "anon_inode:%s", d->name);
}

/* As /proc shows it, seen from root. => length; cut when size is too small */
int dentry_show(struct dentry *d, struct dentry *root, char *buf, size_t size)
{
	bool unreachable;
	char *at;

	if (d->flags & DENTRY_ANON)
		return min(anon_name(d, buf, size), (int)size - 1);
	at = dentry_path(d, root, buf, size, &unreachable);
	if (IS_ERR(at))
		return strlcpy(buf, "", size);
	memmove(buf, at, strlen(at) + 1);
	if (d->flags & DENTRY_DELETED)
		strlcpy(buf + strlen(buf), " (deleted)", size - strlen(buf));
	return strlen(buf);
}

char *file_path(struct file *f, char *buf, size_t size)
{
	dentry_show(f->dentry, root_dentry, buf, size);
	return buf;
}

/* ---- For exec ---- */

static int may_exec(struct dentry *d)
{
	if (!S_ISREG(d->inode->mode))
		return -EACCES;
	return d->inode->super->dynamic ? -EACCES : inode_permission(d->inode, MAY_EXEC);
}

static struct file *open_exec(struct dentry *d, int *err)
{
	struct file *f;

	*err = may_exec(d);
	if (*err) {
		dentry_put(d);
		return NULL;
	}
	f = file_open(d, O_RDONLY | O_LARGEFILE | FILE_EXEC);
	*err = IS_ERR(f) ? PTR_ERR(f) : 0;
	return *err ? NULL : f;
}

struct file *file_open_exec(const char *path, int *err)
{
	return file_open_exec_at(AT_FDCWD, path, 0, err);
}

struct file *file_open_exec_at(int dfd, const char *path, int flags, int *err)
{
	unsigned int walk = flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	struct dentry *d;

	if (flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	*err = path_lookup(dfd, path, walk, &d);
	if (!*err && S_ISLNK(d->inode->mode)) {
		dentry_put(d);
		*err = -ELOOP;
	}
	return *err ? NULL : open_exec(d, err);
}

long file_read_kernel(struct file *f, void *buf, size_t n, u64 pos)
{
	struct uio u;

	uio_kernel(&u, buf, n);
	return f->ops->read ? f->ops->read(f, &u, &pos) : -EINVAL;
}
