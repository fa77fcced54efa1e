/*
 * Open files as the rest of the kernel sees them.
 *
 *   descriptor --> struct file (position, flags) --> struct inode (contents, type, owner)
 *                        |                                |
 *                        +-- struct dentry (name)         +-- struct address_space (mm/filemap.h)
 *
 * Every open file has a dentry, pipes and anonymous files too: theirs hangs in no tree, but lets
 * /proc/<pid>/fd/N be opened again and named. The inside of the file systems is kernel/fs/vfs.h.
 *
 * mm/ uses only file_get, file_put, file_mapping, file_path, file_ino, file_dev and the file_* tests.
 */
#ifndef KERNEL_FS_FILE_H
#define KERNEL_FS_FILE_H

#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/types.h"

struct file;
struct inode;
struct dentry;
struct address_space;
struct poll_table;
struct process;
struct uio;
struct dir_context;

struct file_ops {
	/* Transfer at *pos, which moves by what was transferred; streams ignore it. => bytes or -errno */
	long (*read)(struct file *f, struct uio *u, u64 *pos);
	long (*write)(struct file *f, struct uio *u, u64 *pos);
	long (*ioctl)(struct file *f, unsigned int cmd, unsigned long arg); /* NULL: ENOTTY */
	s64 (*lseek)(struct file *f, s64 off, int whence);		    /* NULL: ESPIPE */
	int (*iterate)(struct file *f, struct dir_context *ctx);	    /* NULL: not a directory */
	/* => POLL* events that are ready. Does not sleep; registers with poll_wait() before it looks. */
	unsigned int (*poll)(struct file *f, struct poll_table *pt); /* NULL: always readable and writable */
	/* 0 when the file may be mapped by its inode's mapping; -ENODEV when NULL. /dev/zero sets *anonymous. */
	int (*mmap)(struct file *f, bool shared, bool *anonymous);
	int (*open)(struct inode *inode, struct file *f); /* 0 or -errno: then release is not called */
	void (*flush)(struct file *f);			  /* a descriptor of it was closed */
	void (*release)(struct file *f);		  /* the last reference is gone */
};

struct file {
	atomic_t refs;
	u32 flags; /* O_* as opened, plus F_SETFL */
	u64 pos;
	struct mutex pos_lock;
	struct inode *inode;
	struct dentry *dentry; /* never NULL once opened */
	const struct file_ops *ops;
	void *private;
	int owner_pid; /* F_SETOWN */
	int owner_sig; /* F_SETSIG */
};

void file_get(struct file *f);
void file_put(struct file *f);
struct address_space *file_mapping(struct file *f); /* NULL: has no page cache */
/* Path as /proc/<pid>/maps prints it, " (deleted)" included. => buf filled, NUL-terminated; returns buf */
char *file_path(struct file *f, char *buf, size_t size);
u64 file_ino(struct file *f);
u32 file_dev(struct file *f); /* (major << 8) | minor */
bool file_readable(const struct file *f);
bool file_writable(const struct file *f);
bool file_map_writable(const struct file *f); /* may a shared mapping write? Not where a memfd is sealed */
bool file_noexec(const struct file *f);

/* Descriptors of current. => a reference is taken; NULL: EBADF (also for O_PATH descriptors) */
struct file *fd_get(int fd);
/* Give f, whose reference is consumed, the lowest free descriptor >= from. => descriptor, or -EMFILE, -ENOMEM:
 * then the reference has been dropped */
int fd_install(struct file *f, int from, bool cloexec);

/* For exec and the kernel itself: open for reading/executing; kernel-side read at an offset. */
struct file *file_open_exec(const char *path, int *err);
/* execveat(2): from a directory descriptor, flags AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW. */
struct file *file_open_exec_at(int dfd, const char *path, int flags, int *err);
long file_read_kernel(struct file *f, void *buf, size_t n, u64 pos);
/* A file with no name in the tree over an existing mapping object (shared anonymous memory). The mapping is
 * the caller's: it must live until the file's release. */
struct file *file_anon_create(const char *name, struct address_space *mapping);
/* A file that is no more than operations on `private`: pidfd, eventfd. /proc/<pid>/fd shows "anon_inode:NAME". */
struct file *file_anon_ops(const char *name, const struct file_ops *ops, void *private, u32 flags);
/* Owner and set-id bits that exec must honour. */
u32 file_mode(const struct file *f);
u32 file_uid(const struct file *f);
u32 file_gid(const struct file *f);

/* Pages [first, last] of a file with a page cache become a hole (MADV_REMOVE, fallocate). Takes the inode's lock. */
void file_punch(struct file *f, unsigned long first, unsigned long last);

/* What clone() shares or copies. */
struct files *files_create(void);		/* empty table; NULL: no memory */
struct files *files_copy(struct files *old);	/* NULL: no memory */
struct files *files_get(struct files *f);
void files_put(struct files *f);
void files_close_on_exec(struct files *f);
struct fs_context *fs_create(void);		/* root and cwd "/", umask 022; NULL: no memory */
struct fs_context *fs_copy(struct fs_context *old);
struct fs_context *fs_get(struct fs_context *fs);
void fs_put(struct fs_context *fs);
/* Descriptor 0, 1, 2 on /dev/console for init. => 0 or -errno */
int files_init_console(void);

/* Waiting for several files: a poll operation calls poll_wait() for each queue that a change of its answer wakes. */
void poll_wait(struct waitq *wq, struct poll_table *pt); /* pt may be NULL: only asking */

/* The controlling terminal. */
struct tty;
int tty_pgrp(struct tty *t);  /* foreground process group, 0 when none (as /proc/<pid>/stat's tpgid wants -1) */
u32 tty_dev(struct tty *t);   /* device number as in /proc/<pid>/stat: (major << 8) | minor */
/* A session leader exits or calls TIOCNOTTY: SIGHUP and SIGCONT to the foreground group, nobody in the session keeps
 * the terminal. => no lock held */
void tty_session_end(struct process *leader);

/* Boot: root file system from the initrd image (cpio newc, copied). => 0 or -errno after one clear message */
int initrd_unpack(const void *image, size_t size);
/* Caches, root, /dev, /proc, /sys. Before initrd_unpack(). */
void vfs_init(void);
/* Terminals: starts the input thread. => the scheduler runs */
void tty_init(void);

#endif
