/* What is neither a plain system call nor large enough for a file of its own. */
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "libc.h"

#define NSEC_PER_SEC 1000000000L

static char *break_now;

/* The last step of a failed system call's stub in calls.S. */
long __set_errno(int error)
{
	errno = error;
	return -1;
}

/* The heap's end. => called under malloc's lock, or by a program that has no malloc */
void *sbrk(ptrdiff_t increment)
{
	char *old, *new;

	if (!break_now)
		break_now = (char *)RAW(__NR_brk, 0);
	old = break_now;
	if (!increment)
		return old;
	new = (char *)RAW(__NR_brk, old + increment);
	if (new != old + increment) {
		errno = ENOMEM;
		return (void *)-1;
	}
	break_now = new;
	return old;
}

char *getcwd(char *buf, size_t size)
{
	char *allocated = NULL;

	if (!buf) {
		if (!size)
			size = PATH_MAX;
		allocated = buf = malloc(size);
		if (!buf)
			return NULL;
	} else if (!size) {
		errno = EINVAL;
		return NULL;
	}
	if (CALL(__NR_getcwd, buf, size) < 0) {
		free(allocated);
		return NULL;
	}
	return buf;
}

int gethostname(char *name, size_t size)
{
	struct utsname uts;

	if (uname(&uts))
		return -1;
	if (strlen(uts.nodename) >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(name, uts.nodename);
	return 0;
}

int getentropy(void *buf, size_t size)
{
	if (size > 256) {
		errno = EIO;
		return -1;
	}
	return getrandom(buf, size, 0) == (ssize_t)size ? 0 : -1;
}

char *getlogin(void)
{
	return getenv("LOGNAME");
}

int issetugid(void)
{
	return getauxval(AT_SECURE) != 0;
}

int mkfifo(const char *path, mode_t mode)
{
	return mknod(path, mode | S_IFIFO, 0);
}

int futimens(int fd, const struct timespec times[2])
{
	return utimensat(fd, NULL, times, 0);
}

int faccessat(int dirfd, const char *path, int mode, int flags)
{
	return (int)(flags ? CALL(__NR_faccessat2, dirfd, path, mode, flags)
			   : CALL(__NR_faccessat, dirfd, path, mode));
}

int posix_fadvise(int fd, off_t offset, off_t len, int advice)
{
	return (int)-RAW(__NR_fadvise64, fd, offset, len, advice);
}

int posix_memalign(void **result, size_t align, size_t size)
{
	void *block;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	block = memalign(align, size);
	if (!block)
		return ENOMEM;
	*result = block;
	return 0;
}

/* ---- waiting for descriptors ---- */

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec copy; /* the kernel writes the remaining time */

	if (timeout)
		copy = *timeout;
	return (int)CALL(__NR_ppoll, fds, count, timeout ? &copy : NULL, mask, sizeof(*mask));
}

int pselect(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
	    const struct timespec *timeout, const sigset_t *mask)
{
	struct {
		const sigset_t *set;
		size_t size;
	} packed = {mask, sizeof(*mask)};
	struct timespec copy;

	if (timeout)
		copy = *timeout;
	return (int)CALL(__NR_pselect6, count, reads, writes, excepts, timeout ? &copy : NULL,
			 &packed);
}

/* ---- time ---- */

/* => an error number, as POSIX wants of this one alone */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request,
		    struct timespec *remaining)
{
	return (int)-RAW(__NR_clock_nanosleep, clock, flags, request, remaining);
}

clock_t clock(void)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used))
		return -1;
	return used.tv_sec * CLOCKS_PER_SEC + used.tv_nsec / (NSEC_PER_SEC / CLOCKS_PER_SEC);
}

/* ---- the machine ---- */

int __cpu_count(const cpu_set_t *set)
{
	int count = 0;

	for (size_t i = 0; i < sizeof(set->bits) / sizeof(set->bits[0]); i++)
		count += __builtin_popcountl(set->bits[i]);
	return count;
}

int sched_getcpu(void)
{
	unsigned int cpu;

	return CALL(__NR_getcpu, &cpu, NULL, NULL) ? -1 : (int)cpu;
}

int getpagesize(void)
{
	return (int)getauxval(AT_PAGESZ);
}

static long processors(void)
{
	cpu_set_t set = {0};

	return sched_getaffinity(0, sizeof(set), &set) > 0 ? CPU_COUNT(&set) : 1;
}

static long pages(int which)
{
	struct sysinfo info;

	if (sysinfo(&info))
		return -1;
	return (long)((which == _SC_PHYS_PAGES ? info.totalram : info.freeram) * info.mem_unit /
		      (unsigned long)getpagesize());
}

static long soft_limit(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return -1;
	return (long)limit.rlim_cur;
}

long sysconf(int name)
{
	switch (name) {
	case _SC_PAGESIZE:
		return getpagesize();
	case _SC_CLK_TCK:
		return USER_HZ;
	case _SC_ARG_MAX:
		return ARG_MAX;
	case _SC_CHILD_MAX:
		return soft_limit(RLIMIT_NPROC);
	case _SC_OPEN_MAX:
		return soft_limit(RLIMIT_NOFILE);
	case _SC_NGROUPS_MAX:
		return NGROUPS_MAX;
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return processors();
	case _SC_PHYS_PAGES:
	case _SC_AVPHYS_PAGES:
		return pages(name);
	case _SC_IOV_MAX:
		return IOV_MAX;
	case _SC_HOST_NAME_MAX:
		return _UTSNAME_LENGTH - 1;
	case _SC_LINE_MAX:
		return LINE_MAX;
	case _SC_THREAD_KEYS_MAX:
		return PTHREAD_KEYS_MAX;
	case _SC_THREAD_STACK_MIN:
		return PTHREAD_STACK_MIN;
	case _SC_JOB_CONTROL:
	case _SC_SAVED_IDS:
		return 1;
	case _SC_VERSION:
	case _SC_THREADS:
	case _SC_MONOTONIC_CLOCK:
	case _SC_MAPPED_FILES:
	case _SC_MEMLOCK:
	case _SC_MEMLOCK_RANGE:
	case _SC_MEMORY_PROTECTION:
		return 200809L;
	default:
		errno = EINVAL;
		return -1;
	}
}
