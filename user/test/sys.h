/*
 * System calls as the kernel sees them: no libc between a test's argument and the kernel's check, and
 * Linux's numbers for what the C library's headers are too old to name.
 */
#ifndef SYS_H
#define SYS_H

#include "ktap.h"
#include <sys/uio.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE	0x03
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif
#ifndef MADV_FREE
#define MADV_FREE		8
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK		18
#define MADV_KEEPONFORK		19
#endif
#ifndef MADV_COLD
#define MADV_COLD		20
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT		1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT		4
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open		434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise	440
#endif
#ifndef SYS_mseal
#define SYS_mseal		462
#endif

#define RW	(PROT_READ | PROT_WRITE)
#define RWX	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
#define SHANON	(MAP_SHARED | MAP_ANONYMOUS)

static inline char *sys_mmap(void *addr, size_t len, int prot, int flags, int fd, long off)
{
	return (char *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);
}

static inline int sys_munmap(void *addr, size_t len)
{
	return syscall(SYS_munmap, addr, len);
}

static inline int sys_mprotect(void *addr, size_t len, long prot)
{
	return syscall(SYS_mprotect, addr, len, prot);
}

static inline char *sys_mremap(void *addr, size_t old, size_t new, int flags, void *to)
{
	return (char *)syscall(SYS_mremap, addr, old, new, flags, to);
}

static inline int sys_madvise(void *addr, size_t len, int advice)
{
	return syscall(SYS_madvise, addr, len, advice);
}

static inline int sys_mseal(void *addr, size_t len, unsigned long flags)
{
	return syscall(SYS_mseal, addr, len, flags);
}

static inline int sys_pidfd_open(pid_t pid, unsigned int flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

static inline long sys_process_madvise(int fd, const struct iovec *iov, size_t n, int advice, unsigned int flags)
{
	return syscall(SYS_process_madvise, fd, iov, n, advice, flags);
}

/* brk as the call is: the new break, or the old one where it could not. */
static inline char *sys_brk(void *to)
{
	return (char *)syscall(SYS_brk, to);
}

/* Private anonymous read-write memory of N pages, anywhere. */
static inline char *anon(size_t pages)
{
	return check_ok(sys_mmap(NULL, pages * PAGE, RW, ANON, -1, 0));
}

/* The same at page PAGE_NR of the arena, with given protection. */
static inline char *arena_prot(size_t page_nr, size_t pages, int prot)
{
	return check_ok(sys_mmap((void *)(ARENA + page_nr * PAGE), pages * PAGE, prot,
				 ANON | MAP_FIXED_NOREPLACE, -1, 0));
}

static inline char *arena(size_t page_nr, size_t pages)
{
	return arena_prot(page_nr, pages, RW);
}

/* Write TAG + page number to the first byte of each page; and check that it is there. */
static inline void fill(char *p, size_t pages, int tag)
{
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE] = (char)(tag + i);
}

#define check_fill(p, pages, tag) do {							\
	for (size_t i_ = 0; i_ < (size_t)(pages); i_++)					\
		if ((p)[i_ * PAGE] != (char)((tag) + i_))				\
			fail("%s: page %zu holds %d, want %d", #p, i_,			\
			     (p)[i_ * PAGE], (char)((tag) + i_));			\
} while (0)

#define check_zero(p, pages) do {							\
	for (size_t i_ = 0; i_ < (size_t)(pages) * PAGE; i_ += 64)			\
		if ((p)[i_])								\
			fail("%s: byte %zu is %d, want 0", #p, i_, (p)[i_]);		\
} while (0)

/* A temporary file of SIZE bytes, byte i of page n being n + 1; unlinked already.  Its descriptor. */
static inline int temp_file(size_t size)
{
	static int serial;
	char path[64], page[PAGE];
	int fd;

	mkdir("/tmp", 01777);
	snprintf(path, sizeof(path), "/tmp/quire-test-%d-%d", (int)getpid(), serial++);
	fd = check_ok(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
	check_ok(unlink(path));
	for (size_t at = 0; at < size; at += PAGE) {
		size_t n = size - at < PAGE ? size - at : PAGE;

		memset(page, (int)(at / PAGE) + 1, n);
		check_eq(write(fd, page, n), n);
	}
	return fd;
}

#endif
