/* open() and fcntl() with Linux's flags. */
#ifndef _SYS_FCNTL_H_
#define _SYS_FCNTL_H_

#include <_ansi.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <kernel/uapi/fcntl.h>

_BEGIN_STD_C

/* BSD's names for the two directions of an open file: newlib's stdio uses them. */
#define FREAD  0x0001
#define FWRITE 0x0002

int open(const char *path, int flags, ...);
int openat(int dirfd, const char *path, int flags, ...);
int creat(const char *path, mode_t mode);
int fcntl(int fd, int cmd, ...);
int flock(int fd, int operation);
int fallocate(int fd, int mode, off_t offset, off_t len);
int posix_fadvise(int fd, off_t offset, off_t len, int advice);

#ifdef _COMPILING_NEWLIB
int _open(const char *path, int flags, ...);
int _fcntl(int fd, int cmd, ...);
#endif

_END_STD_C

#endif
