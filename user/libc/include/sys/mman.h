/* Memory mappings: every call of Linux that this system has. */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <_ansi.h>
#include <sys/types.h>
#include <kernel/uapi/mman.h>
#include <kernel/uapi/uio.h>

_BEGIN_STD_C

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int munmap(void *addr, size_t length);
int mprotect(void *addr, size_t length, int prot);
void *mremap(void *addr, size_t old_length, size_t new_length, int flags, ...);
int madvise(void *addr, size_t length, int advice);
ssize_t process_madvise(int pidfd, const struct iovec *iov, size_t count, int advice,
			unsigned int flags);
int mincore(void *addr, size_t length, unsigned char *vec);
int msync(void *addr, size_t length, int flags);
int mlock(const void *addr, size_t length);
int mlock2(const void *addr, size_t length, unsigned int flags);
int munlock(const void *addr, size_t length);
int mlockall(int flags);
int munlockall(void);
int mseal(void *addr, size_t length, unsigned long flags);
int memfd_create(const char *name, unsigned int flags);

_END_STD_C

#endif
