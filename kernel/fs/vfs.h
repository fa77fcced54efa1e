/*
 * The inside of the file systems: names, inodes, mounts, paths, transfers.
 *
 * The tree. A dentry is a name in a directory and holds a reference to the inode it names and to its
 * parent. Two kinds of file system hang in it:
 *
 *   ramfs, devfs, sysfs   every name is a dentry that stays until it is unlinked: the tree of dentries
 *                         IS the file system
 *   procfs                a lookup makes a fresh dentry and inode, which die with their last user
 *
 * Mounts are fixed in shape: a directory's dentry may be covered by the root of another file system,
 * which takes over its name and its parent; so a path is one dentry, and ".." needs no mount table.
 *
 *   F1  d->parent is never NULL; a root of everything and a dentry outside the tree are their own parents.
 *   F2  A child in the tree is in its parent's children and order, and nowhere else.
 *   F3  A dentry's inode never changes, except under RENAME_EXCHANGE, where names change instead.
 *   F4  inode->nlink counts names (directories: 2 + subdirectories); at 0 nothing leads there any more.
 *   F5  An inode is freed with its last reference; its page cache goes with it.
 *
 * Locks: inode->lock of a directory protects its children (two directories: the ancestor first, then
 * by address, under rename_mutex); inode->lock of a file serialises writers, size and attributes. tree_lock,
 * a spinlock, protects parent, name and covered_by against readers that go upwards.
 *
 * Linux differs: it has negative dentries, RCU walks, mount objects and namespaces.
 */
#ifndef KERNEL_FS_VFS_H
#define KERNEL_FS_VFS_H

#include "kernel/fs/file.h"
#include "kernel/lib/list.h"
#include "kernel/lib/rbtree.h"
#include "kernel/printk.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/fcntl.h"
#include "kernel/uapi/stat.h"
#include "kernel/uapi/uio.h"
#include "mm/filemap.h"
#include <arch/cpu.h>

#define PATH_MAX 4096
#define NAME_MAX 255
#define SYMLINKS_MAX 40 /* as Linux: more in one walk is ELOOP */
#define MAX_RW_COUNT 0x7ffff000UL /* as Linux: one call transfers no more */

struct seq;
struct super;
struct pipe;
struct file_lock;

/* ---- inodes ---------------------------------------------------------------------------------- */

struct inode_ops {
	/* Directories whose entries are made on demand. => a dentry with a reference, or ERR_PTR(-ENOENT) */
	struct dentry *(*lookup)(struct dentry *dir, const char *name, size_t len);
	/* Symbolic links without inode->target: text into buf (=> length or -errno) ... */
	int (*readlink)(struct inode *inode, char *buf, size_t size);
	/* ... and, where the link is no text but leads straight to a file, that file's dentry. NULL: by text */
	struct dentry *(*jump)(struct inode *inode);
	/* An answer other than the mode bits give. NULL: those */
	int (*permission)(struct inode *inode, unsigned int want);
	/* Bring attributes up to date before they are read. */
	void (*refresh)(struct inode *inode);
	void (*free)(struct inode *inode); /* private and below; NULL: nothing */
};

struct inode {
	atomic_t refs;
	u32 mode, uid, gid, nlink;
	u32 rdev; /* of device nodes: (major << 8) | minor */
	u64 ino;
	u64 atime, mtime, ctime, btime; /* ns since 1970 */
	struct super *super;
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct mutex lock;
	struct address_space *mapping; /* the page cache: own_mapping of regular files, else NULL */
	union {
		struct address_space own_mapping; /* regular files; the size is in it */
		struct {		  /* directories in the tree */
			struct rb_root children; /* by name */
			struct list_head order;	 /* by age: what getdents lists */
			u64 next_cookie;
		};
		char *target; /* symbolic links */
	};
	struct pipe *pipe; /* FIFOs while open, and pipes */
	void *private;
	struct list_head locks; /* fcntl and flock locks: locks.c */
	u32 seals;		/* memfd */
	atomic_t writers;	/* open for writing, or -n: n executions; ETXTBSY */
};

/* A new inode of super with one reference, owner current's. => NULL when memory is short */
struct inode *inode_create(struct super *s, u32 mode, u64 ino);
struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode);
/* May current do `want` (MAY_*)? => 0, -EACCES */
#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4
int inode_permission(struct inode *inode, unsigned int want);
int inode_permission_as(struct inode *inode, unsigned int want, u32 uid, bool in_group, bool privilege);
bool inode_owner_or_root(const struct inode *inode);
u64 inode_size(const struct inode *inode);
u64 vfs_now(void); /* ns since 1970 */
void inode_touch(struct inode *inode, bool atime, bool mtime, bool ctime);
void file_accessed(struct file *f);
u32 current_fsuid(void);
u32 current_fsgid(void);
bool current_in_group(u32 gid);

/* Capabilities that files ask for; capable() is in kernel/proc.h. */
#define CAP_CHOWN 0
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3
#define CAP_FSETID 4
#define CAP_SYS_CHROOT 18
#define CAP_MKNOD 27

/* ---- names ----------------------------------------------------------------------------------- */

#define DENTRY_INLINE 40

enum dentry_flag {
	DENTRY_DELETED = 1,  /* unlinked or never linked: has no name in the tree */
	DENTRY_ANON = 2,     /* outside the tree: pipes, memfd, anonymous files */
	DENTRY_DYNAMIC = 4,  /* made by inode_ops.lookup: in no directory's children */
};

struct dentry {
	atomic_t refs;
	u32 flags;
	struct inode *inode;
	struct dentry *parent;	   /* tree_lock to go up; stable under the parent's inode lock */
	struct dentry *covered_by; /* root of the file system mounted here */
	struct rb_node node;	/* parent's children */
	struct list_head entry; /* parent's order */
	u64 cookie;		/* rises along order: getdents' position */
	const char *name;	/* inline_name, or kmalloc()ed when longer */
	u32 len;
	char inline_name[DENTRY_INLINE];
};

extern struct spinlock tree_lock;
extern struct mutex rename_mutex;
extern struct dentry *root_dentry; /* "/" of everybody who did not chroot() */

/* A dentry in no tree yet, one reference; consumes the inode reference also when it fails. => NULL: no memory */
struct dentry *dentry_create(struct dentry *parent, const char *name, size_t len, struct inode *inode, u32 flags);
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* In the tree. => the directory's inode lock held */
struct dentry *dentry_child(struct dentry *dir, const char *name, size_t len); /* no reference; NULL: none */
void dentry_link(struct dentry *dir, struct dentry *d);	 /* the tree gets a reference of its own */
void dentry_unlink(struct dentry *d);			 /* and gives it back */
/* Lookup with reference, mounts not crossed. => ERR_PTR(-ENOENT) ... */
struct dentry *dentry_lookup(struct dentry *dir, const char *name, size_t len);
struct dentry *dentry_up(struct dentry *d, struct dentry *root); /* ".."; with reference */
bool dentry_is_below(struct dentry *d, struct dentry *ancestor); /* or equal. => tree_lock held */
/* Path from root. => start of the text inside buf (it is written from the end), or ERR_PTR(-ENAMETOOLONG);
 * *unreachable: d is not below root */
char *dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t size, bool *unreachable);

static inline bool dentry_is_dir(const struct dentry *d)
{
	return S_ISDIR(d->inode->mode);
}

char *dentry_name_room(struct dentry *d, size_t len); /* NULL: no memory */
void dentry_move(struct dentry *d, struct dentry *dir, const char *name, size_t len, char *room);
void dentry_swap(struct dentry *a, struct dentry *b, char *a_room, char *b_room);

/* ---- file systems and mounts ----------------------------------------------------------------- */

struct super {
	const char *type;     /* "proc" */
	char source[64];      /* /proc/mounts' first word */
	const char *options;  /* after "rw": ",relatime" */
	u32 dev;	      /* (0 << 8) | minor */
	u32 magic;
	bool readonly;
	bool dynamic; /* procfs, sysfs: contents are made as they are read */
	u32 id;
	u64 next_ino;
	struct dentry *root;
	struct dentry *covers; /* NULL: the first root */
	struct list_head node; /* mounts, in order */
};

extern struct list_head mounts; /* struct super; mounts_lock */
extern struct mutex mounts_lock;

struct super *super_create(const char *type, const char *source, const char *options, u32 magic);
int super_mount(struct super *s, struct dentry *on); /* consumes nothing; 0, -EBUSY, -ENOTDIR */
void super_destroy(struct super *s);
u64 super_next_ino(struct super *s);
void inode_boot(void);
void dentry_boot(void);
int inode_claim_write(struct inode *inode);
void inode_disclaim_write(struct inode *inode);
int dentry_show(struct dentry *d, struct dentry *root, char *buf, size_t size);
void file_boot(void);
void fd_boot(void);
void pipe_boot(void);
void locks_boot(void);
void fs_context_boot(void);

/* ramfs.c: the file system whose files are their page cache. */
struct super *ramfs_create(const char *type, const char *source, const char *options, u32 magic);
extern const struct file_ops ramfs_file_ops, tree_dir_ops;
extern const struct inode_ops ramfs_ops;
/* A new inode in super: file, directory, link (with target), fifo or device (rdev). */
struct inode *ramfs_inode(struct super *s, u32 mode, u32 rdev, const char *target);
/* Boot-time tree building: name under dir, or the one already there. => no reference; panics without memory */
struct dentry *tree_add(struct dentry *dir, const char *name, struct inode *inode);
struct dentry *tree_mkdir(struct dentry *dir, const char *name, u32 mode);

struct super *devfs_create(void);
struct super *procfs_create(void);
struct super *sysfs_create(void);
/* Operations of a device node by its number; NULL: ENXIO. */
const struct file_ops *device_ops(u32 mode, u32 rdev);

/* ---- path walk: namei.c ---------------------------------------------------------------------- */

/* A path copied in from user space. */
struct pathname {
	char *text;
	size_t len;
	char small[120];
};
/* => 0, -EFAULT, -ENOENT (empty and not allowed), -ENAMETOOLONG, -ENOMEM; when 0, pathname_put() must follow */
int pathname_get(struct pathname *p, const char __user *user, bool empty_ok);
void pathname_put(struct pathname *p);

enum walk_flag {
	WALK_FOLLOW = 1,    /* a symbolic link at the end is followed */
	WALK_DIRECTORY = 2, /* the end must be a directory */
	WALK_EMPTY = 4,	    /* "" is the start itself (AT_EMPTY_PATH) */
};

/* A walk that stopped before its last component. */
struct walk {
	struct dentry *at;   /* directory reached; a reference */
	struct dentry *root; /* where ".." ends; a reference */
	const char *rest;    /* text still to walk */
	char *buffer;	     /* rest points into this after a link was expanded; NULL: the caller's text */
	unsigned int links;
	const char *last; /* the last component, not NUL-terminated */
	size_t last_len;  /* 0: the path was "/" or the like: `at` is the answer */
	enum { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT } last_type;
	bool trailing_slash;
};

int path_lookup(int dfd, const char *path, unsigned int flags, struct dentry **out);
/* As above, of a user's string. */
int user_path(int dfd, const char __user *path, unsigned int flags, struct dentry **out);
int walk_parent(struct walk *w, int dfd, const char *path);
/* The walk's last component was a symbolic link: continue through it up to the next last component. */
int walk_link(struct walk *w, struct dentry *link);
void walk_end(struct walk *w);
/* The dentry behind every mount on d; consumes d's reference and returns one. */
struct dentry *cross_mounts(struct dentry *d);

/* ---- descriptors and per-process context ----------------------------------------------------- */

#define FILES_INLINE 64

struct files {
	atomic_t refs;
	struct spinlock lock;
	unsigned int max;	/* slots */
	unsigned int next_free; /* no free slot below */
	struct file **slots;
	unsigned long *open, *cloexec;
	struct file *inline_slots[FILES_INLINE];
	unsigned long inline_open[1], inline_cloexec[1];
};

struct fs_context {
	atomic_t refs;
	struct spinlock lock;
	struct dentry *root, *cwd;
	u32 umask;
};
u32 current_umask(void);
struct dentry *fs_root(void); /* current's, with reference */
struct dentry *fs_cwd(void);

/* A descriptor's file for the time of one system call: counted only where another thread could close it. */
struct fdref {
	struct file *file; /* NULL: EBADF */
	bool counted;
};
struct fdref fd_ref_any(int fd); /* O_PATH ones too */
static inline void fdref_put(struct fdref r)
{
	if (r.counted)
		file_put(r.file);
}
static inline struct fdref fd_ref(int fd)
{
	struct fdref r = fd_ref_any(fd);

	if (likely(r.file) && unlikely(r.file->flags & O_PATH)) {
		fdref_put(r);
		r.file = NULL;
		r.counted = false;
	}
	return r;
}
/* Two descriptors at once or none (pipe). => 0 or -errno, both files consumed */
int fd_install_pair(struct file *a, struct file *b, bool cloexec, int fds[2]);
int fd_close(int fd);
/* An open descriptor in three steps: taken before the work, then filled (consumes f) or given up. => -EMFILE, -ENOMEM */
int fd_reserve(unsigned int from, bool cloexec);
void fd_fill(int fd, struct file *f);
void fd_unreserve(int fd);
long fd_duplicate(int fd, unsigned long from, bool cloexec); /* F_DUPFD */
int fd_flags(int fd, int set); /* FD_CLOEXEC; set -1: only asks */
struct file *files_file(struct files *t, int fd); /* of any table, with reference: /proc/<pid>/fd */
int files_next_open(struct files *t, int from);	  /* -1: none */
bool files_cloexec(struct files *t, int fd);

/* ---- open files ------------------------------------------------------------------------------ */

/* Consumes the dentry reference. => ERR_PTR(-errno) */
struct file *file_open(struct dentry *d, u32 flags);
/* A file on a fresh dentry outside the tree; consumes the inode reference. */
struct file *file_open_anon(struct inode *inode, const char *name, u32 flags, const struct file_ops *ops);
struct file *file_open_again(struct file *first, u32 flags); /* same dentry and operations: pipe's other end */
struct super *anon_super(void); /* pipes, memfd and anonymous inodes */
s64 generic_lseek(struct file *f, s64 off, int whence);
s64 lseek_to(struct file *f, s64 pos); /* check and set */
s64 noop_lseek(struct file *f, s64 off, int whence);
int file_stat_ino_type(u32 mode);

struct dir_context {
	u64 pos; /* cookie of the next entry */
	/* => false: no room, stop here */
	bool (*emit)(struct dir_context *ctx, const char *name, size_t len, u64 ino, unsigned int type, u64 next);
};
bool dir_emit_dots(struct file *f, struct dir_context *ctx); /* positions 0 and 1 */

/* ---- transfers: uio.c ------------------------------------------------------------------------ */

/* A list of memory pieces, the user's or the kernel's, consumed from the front. */
struct uio {
	const struct iovec *iov;
	unsigned int nr;
	bool kernel;
	size_t off;   /* into iov[0] */
	size_t resid; /* bytes left in all */
	struct iovec one;
};
void uio_user(struct uio *u, const void __user *p, size_t n);
void uio_kernel(struct uio *u, void *p, size_t n);
/* => bytes copied; fewer than n and than u->resid means a fault */
size_t uio_write(struct uio *u, const void *src, size_t n); /* into the pieces */
size_t uio_read(struct uio *u, void *dst, size_t n);	    /* out of the pieces */
size_t uio_zero(struct uio *u, size_t n);
/* The piece at the front: length (=> resid > 0), address; n bytes of it are used now. */
size_t uio_piece(struct uio *u);
void *uio_base(struct uio *u);
void uio_advance(struct uio *u, size_t n);
/* The user's vector, checked as Linux does. => 0 or -errno; *heap must be kfree()d */
int uio_import(struct uio *u, const struct iovec __user *vec, unsigned long nr, struct iovec *fast,
	       unsigned int nr_fast, struct iovec **heap);

/* Kernel-side use of any file. */
long file_read_uio(struct file *f, struct uio *u, u64 *pos);  /* with the checks read(2) makes */
long file_write_uio(struct file *f, struct uio *u, u64 *pos);

/* ---- parts of system calls that several files share ------------------------------------------ */

int vfs_truncate(struct inode *inode, u64 size);
int vfs_create(struct dentry *dir, const char *name, size_t len, u32 mode, u32 rdev, const char *target,
	       struct dentry **out); /* directory locked; no reference on *out */
int may_delete(struct dentry *dir, struct dentry *victim, bool directory); /* 0 or -errno; directory locked */
void perform_unlink(struct dentry *dir, struct dentry *victim);
struct file *file_open_path(const char *path, u32 flags);
void inode_stat(struct inode *inode, struct stat *st);
long pipe_set_size(struct file *f, unsigned long bytes); /* F_SETPIPE_SZ */
long pipe_get_size(struct file *f);
extern const struct file_ops fifo_ops;
/* Locks of a file go when a descriptor is closed (POSIX) or the file (flock, OFD): locks.c */
void locks_close(struct file *f, struct files *owner);
void locks_release(struct file *f);
long fcntl_lock(struct file *f, int cmd, void __user *arg);

/* Limits on growth. => how much of n may be written at pos, or -EFBIG (after SIGXFSZ) */
s64 write_limit(u64 pos, size_t n);

#endif
