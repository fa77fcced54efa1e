/* System calls of files: kernel/fs/. */
#ifndef KERNEL_FS_SYS_FS_H
#define KERNEL_FS_SYS_FS_H

#include "kernel/types.h"

struct iovec;
struct pollfd;
struct stat;
struct statfs;
struct statx;
struct timespec;
struct timeval;

/* rw.c */
long sys_read(int fd, char __user *buf, size_t n);
long sys_write(int fd, const char __user *buf, size_t n);
long sys_pread64(int fd, char __user *buf, size_t n, s64 pos);
long sys_pwrite64(int fd, const char __user *buf, size_t n, s64 pos);
long sys_readv(int fd, const struct iovec __user *vec, unsigned long nr);
long sys_writev(int fd, const struct iovec __user *vec, unsigned long nr);
long sys_preadv(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos);
long sys_pwritev(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos);
long sys_preadv2(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos, s64 high, int flags);
long sys_pwritev2(int fd, const struct iovec __user *vec, unsigned long nr, s64 pos, s64 high, int flags);
long sys_lseek(int fd, s64 off, unsigned int whence);
/* copy.c */
long sys_sendfile(int out_fd, int in_fd, s64 __user *offset, size_t n);
long sys_copy_file_range(int in_fd, s64 __user *off_in, int out_fd, s64 __user *off_out, size_t n, unsigned int flags);
/* fd.c */
long sys_close(int fd);
long sys_close_range(unsigned int first, unsigned int last, unsigned int flags);
long sys_dup(int fd);
long sys_dup2(int from, int to);
long sys_dup3(int from, int to, int flags);
/* fcntl.c */
long sys_fcntl(int fd, int cmd, unsigned long arg);
long sys_ioctl(int fd, unsigned int cmd, unsigned long arg);
long sys_memfd_create(const char __user *name, unsigned int flags);
/* locks.c */
long sys_flock(int fd, unsigned int op);
/* open.c */
long sys_open(const char __user *path, int flags, u32 mode);
long sys_openat(int dfd, const char __user *path, int flags, u32 mode);
long sys_creat(const char __user *path, u32 mode);
/* create.c, rename.c */
long sys_mkdir(const char __user *path, u32 mode);
long sys_mkdirat(int dfd, const char __user *path, u32 mode);
long sys_mknod(const char __user *path, u32 mode, unsigned int dev);
long sys_mknodat(int dfd, const char __user *path, u32 mode, unsigned int dev);
long sys_symlink(const char __user *target, const char __user *path);
long sys_symlinkat(const char __user *target, int dfd, const char __user *path);
long sys_link(const char __user *old_path, const char __user *path);
long sys_linkat(int old_dfd, const char __user *old_path, int dfd, const char __user *path, int flags);
long sys_unlink(const char __user *path);
long sys_unlinkat(int dfd, const char __user *path, int flags);
long sys_rmdir(const char __user *path);
long sys_rename(const char __user *from, const char __user *to);
long sys_renameat(int from_dfd, const char __user *from, int to_dfd, const char __user *to);
long sys_renameat2(int from_dfd, const char __user *from, int to_dfd, const char __user *to, unsigned int flags);
/* stat.c */
long sys_stat(const char __user *path, struct stat __user *out);
long sys_lstat(const char __user *path, struct stat __user *out);
long sys_fstat(int fd, struct stat __user *out);
long sys_newfstatat(int dfd, const char __user *path, struct stat __user *out, int flags);
long sys_statx(int dfd, const char __user *path, unsigned int flags, unsigned int mask, struct statx __user *out);
long sys_statfs(const char __user *path, struct statfs __user *out);
long sys_fstatfs(int fd, struct statfs __user *out);
long sys_access(const char __user *path, unsigned int mode);
long sys_faccessat(int dfd, const char __user *path, unsigned int mode);
long sys_faccessat2(int dfd, const char __user *path, unsigned int mode, int flags);
long sys_readlink(const char __user *path, char __user *out, int size);
long sys_readlinkat(int dfd, const char __user *path, char __user *out, int size);
/* attr.c */
long sys_chmod(const char __user *path, u32 mode);
long sys_fchmod(int fd, u32 mode);
long sys_fchmodat(int dfd, const char __user *path, u32 mode);
long sys_fchmodat2(int dfd, const char __user *path, u32 mode, unsigned int flags);
long sys_chown(const char __user *path, u32 uid, u32 gid);
long sys_lchown(const char __user *path, u32 uid, u32 gid);
long sys_fchown(int fd, u32 uid, u32 gid);
long sys_fchownat(int dfd, const char __user *path, u32 uid, u32 gid, int flags);
long sys_utime(const char __user *path, const long __user *times);
long sys_utimes(const char __user *path, const struct timeval __user *times);
long sys_futimesat(int dfd, const char __user *path, const struct timeval __user *times);
long sys_utimensat(int dfd, const char __user *path, const struct timespec __user *times, int flags);
long sys_truncate(const char __user *path, long size);
long sys_ftruncate(int fd, long size);
long sys_fallocate(int fd, int mode, s64 pos, s64 len);
long sys_fsync(int fd);
long sys_fdatasync(int fd);
long sys_sync(void);
long sys_syncfs(int fd);
long sys_sync_file_range(int fd, s64 pos, s64 len, unsigned int flags);
long sys_fadvise64(int fd, s64 pos, s64 len, int advice);
long sys_readahead(int fd, s64 pos, size_t n);
/* readdir.c */
long sys_getdents(int fd, void __user *out, unsigned int size);
long sys_getdents64(int fd, void __user *out, unsigned int size);
/* cwd.c */
long sys_chdir(const char __user *path);
long sys_fchdir(int fd);
long sys_chroot(const char __user *path);
long sys_getcwd(char __user *buf, size_t size);
long sys_umask(int mask);
/* poll.c, eventfd.c */
long sys_poll(struct pollfd __user *fds, unsigned long n, int timeout);
long sys_ppoll(struct pollfd __user *fds, unsigned int n, struct timespec __user *timeout, const u64 __user *set,
	       size_t size);
long sys_select(int n, unsigned long __user *in, unsigned long __user *out, unsigned long __user *ex,
		struct timeval __user *timeout);
long sys_pselect6(int n, unsigned long __user *in, unsigned long __user *out, unsigned long __user *ex,
		  struct timespec __user *timeout, const void __user *sigarg);
long sys_eventfd(unsigned int count);
long sys_eventfd2(unsigned int count, int flags);
/* pipe.c */
long sys_pipe(int __user *fds);
long sys_pipe2(int __user *fds, int flags);
/* mount.c */
long sys_mount(const char __user *source, const char __user *target, const char __user *type, unsigned long flags,
	       const void __user *data);
long sys_umount2(const char __user *target, int flags);

#endif
