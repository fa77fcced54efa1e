/* See linux.h. */
#include "arch/host/linux.h"
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__) || __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif

void *linux_map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("simulated memory");
		exit(2);
	}
	return p;
}

void linux_unmap(void *p, size_t n)
{
	munmap(p, n);
}

void linux_write(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t done = write(fd, text, n);

		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

void linux_shadow(const void *p, size_t n, int hide)
{
	(void)p, (void)n;
	if (hide)
		ASAN_POISON_MEMORY_REGION(p, n);
	else
		ASAN_UNPOISON_MEMORY_REGION(p, n);
}

const char *linux_env(const char *name)
{
	return getenv(name);
}

void linux_exit(int status)
{
	exit(status);
}

void linux_abort(void)
{
	void *frames[64];

	backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
	abort();
}
