/*
 * Open files as the rest of the kernel sees them.
 *
 *   descriptor --> struct file (position, flags) --> struct inode (contents, type, owner)
 *                        |                                |
 *                        +-- struct path: dentry          +-- struct address_space (mm/filemap.h)
 *
 * mm/ uses only file_get, file_put, file_mapping, file_path and f_inode's numbers.
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
struct stat;
struct dir_context;

struct file_ops {
	/* pos is updated by what was transferred. user: a user pointer. => bytes or -errno */
	long (*read)(struct file *f, void __user *user, size_t n, u64 *pos);
	long (*write)(struct file *f, const void __user *user, size_t n, u64 *pos);
	long (*ioctl)(struct file *f, unsigned int cmd, unsigned long arg);
	s64 (*lseek)(struct file *f, s64 off, int whence); /* NULL: the generic one; ESPIPE by inode type */
	int (*iterate)(struct file *f, struct dir_context *ctx);
	unsigned int (*poll)(struct file *f, struct poll_table *pt);
	/* 0 when the file may be mapped by its inode's mapping; -ENODEV when NULL. /dev/zero sets *anonymous. */
	int (*mmap)(struct file *f, bool shared, bool *anonymous);
	int (*open)(struct inode *inode, struct file *f);
	void (*release)(struct file *f);
};

struct file {
	atomic_t refs;
	u32 flags; /* O_* as opened, plus F_SETFL */
	u64 pos;
	struct mutex pos_lock;
	struct inode *inode;
	struct dentry *dentry; /* NULL for pipes and anonymous files */
	const struct file_ops *ops;
	void *private;
	int owner_pid; /* F_SETOWN */
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
bool file_noexec(const struct file *f);

/* Descriptors of current. => a reference is taken; NULL: EBADF */
struct file *fd_get(int fd);

/* For exec and the kernel itself: open for reading/executing; kernel-side read at an offset. */
struct file *file_open_exec(const char *path, int *err);
long file_read_kernel(struct file *f, void *buf, size_t n, u64 pos);
/* A file with no name in the tree over an existing mapping object (shared anonymous memory). */
struct file *file_anon_create(const char *name, struct address_space *mapping);

/* What clone() shares or copies. */
struct files *files_copy(struct files *old);	/* NULL: no memory */
struct files *files_get(struct files *f);
void files_put(struct files *f);
void files_close_on_exec(struct files *f);
struct fs_context *fs_copy(struct fs_context *old);
struct fs_context *fs_get(struct fs_context *fs);
void fs_put(struct fs_context *fs);
/* Descriptor 0, 1, 2 on /dev/console for init. => 0 or -errno */
int files_init_console(void);

/* Boot: root file system from the initrd image (cpio newc, copied). => 0 or -errno after one clear message */
int initrd_unpack(const void *image, size_t size);
void vfs_init(void);

#endif
