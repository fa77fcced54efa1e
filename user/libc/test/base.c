/*
 * The C library's own tests, part one: strings, files, folders, stdio, malloc, time, terminals, memory
 * calls. They run on Linux and on Quire, and know no difference between them.
 */
#include "user/test/ktap.h"

#include "scratch.h"

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <regex.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>

/* ---- strings and numbers ---- */

test(printf_formats)
{
	volatile size_t zero = 0;
	char buf[200];

	snprintf(buf, sizeof(buf), "%zu %lld %hhx %#lx %-5s| %05d %+.3e %g %c", (size_t)-1,
		 -1234567890123LL, (unsigned char)0xff, 0xdeadbeefUL, "ab", 42, 12345.678, 0.1,
		 'q');
	check_str(
		buf,
		"18446744073709551615 -1234567890123 ff 0xdeadbeef ab   | 00042 +1.235e+04 0.1 q");
	snprintf(buf, sizeof(buf), "%.3Lf %jd %td %p", 2.5L, (intmax_t)-7, (ptrdiff_t)9,
		 (void *)0x1000);
	check_str(buf, "2.500 -7 9 0x1000");
	check_eq(snprintf(buf, zero + 4, "%s", "truncated"), 9);
	check_str(buf, "tru");
}

test(scanning_numbers)
{
	unsigned long a;
	char word[20];
	double d;
	long b;

	check_eq(sscanf("7f00-8000 rw-p 3.5 -12", "%lx-%*x %19s %lf %ld", &a, word, &d, &b), 4);
	check_eq(a, 0x7f00);
	check_str(word, "rw-p");
	check(d == 3.5 && b == -12);
	check_eq(strtoull("0xffffffffffffffff", NULL, 0), ULLONG_MAX);
	errno = 0;
	check_eq(strtol("99999999999999999999", NULL, 10), LONG_MAX);
	check_eq(errno, ERANGE);
	check(fabs(strtod("6.02214076e23", NULL) / 6.02214076e23 - 1) < 1e-15);
	check(fabs(sqrt(2.0) * sqrt(2.0) - 2.0) < 1e-12);
}

test(error_numbers_are_linux)
{
	check_eq(ENOSYS, 38);
	check_eq(ENAMETOOLONG, 36);
	check_err(open("/no/such/file", O_RDONLY), ENOENT);
	check_str(strerror(ENOENT), "No such file or directory");
	check_err(close(-1), EBADF);
	check_err(read(0, (void *)1, (size_t)-1), EFAULT);
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

test(sorting_and_searching)
{
	int v[] = {9, 3, 7, 1, 5}, key = 7;

	qsort(v, 5, sizeof(int), compare_ints);
	check(v[0] == 1 && v[2] == 5 && v[4] == 9);
	check_eq((int *)bsearch(&key, v, 5, sizeof(int), compare_ints) - v, 3);
}

test(patterns)
{
	regmatch_t match[2];
	regex_t regex;

	check_eq(regcomp(&regex, "^([a-z]+)[0-9]*$", REG_EXTENDED), 0);
	check_eq(regexec(&regex, "page42", 2, match, 0), 0);
	check_eq(match[1].rm_eo, 4);
	check_eq(regexec(&regex, "42", 0, NULL, 0), REG_NOMATCH);
	regfree(&regex);
	check_eq(fnmatch("*.c", "fault.c", 0), 0);
	check_eq(fnmatch("*.c", "fault.h", 0), FNM_NOMATCH);
}

test(getopt_parses)
{
	char *argv[] = {"prog", "-a", "-bvalue", "-c", "other", "rest", NULL};
	int seen = 0, c;

	while ((c = getopt(6, argv, "ab:c:")) != -1) {
		if (c == 'a')
			seen |= 1;
		else if (c == 'b' && !strcmp(optarg, "value"))
			seen |= 2;
		else if (c == 'c' && !strcmp(optarg, "other"))
			seen |= 4;
	}
	check_eq(seen, 7);
	check_eq(optind, 5);
}

test(environment)
{
	check_eq(setenv("QUIRE_TEST", "one", 1), 0);
	check_str(getenv("QUIRE_TEST"), "one");
	check_eq(setenv("QUIRE_TEST", "two", 0), 0);
	check_str(getenv("QUIRE_TEST"), "one");
	check_eq(unsetenv("QUIRE_TEST"), 0);
	check(!getenv("QUIRE_TEST"));
}

/* ---- files ---- */

test(file_reads_and_writes)
{
	char *dir = scratch_dir(), buf[16] = "";
	struct iovec iov[2] = {{"ab", 2}, {"cdef", 4}};
	int fd;

	check_eq(chdir(dir), 0);
	fd = check_ok(open("file", O_RDWR | O_CREAT | O_EXCL, 0640));
	check_err(open("file", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	check_eq(write(fd, "0123456789", 10), 10);
	check_eq(lseek(fd, -3, SEEK_END), 7);
	check_eq(read(fd, buf, sizeof(buf)), 3);
	check_str(buf, "789");
	check_eq(pwrite(fd, "XY", 2, 4), 2);
	check_eq(pread(fd, buf, 4, 3), 4);
	check_eq(memcmp(buf, "3XY6", 4), 0);
	check_eq(lseek(fd, 0, SEEK_CUR), 10);
	check_eq(lseek(fd, 0, SEEK_SET), 0);
	check_eq(writev(fd, iov, 2), 6);
	check_eq(ftruncate(fd, 3), 0);
	check_eq(lseek(fd, 0, SEEK_END), 3);
	check_eq(close(fd), 0);
	scratch_remove(dir, "file", NULL);
}

test(file_status)
{
	char *dir = scratch_dir(), target[64];
	struct stat st;
	ssize_t n;

	check_eq(chdir(dir), 0);
	check_eq(close(check_ok(open("a", O_WRONLY | O_CREAT, 0600))), 0);
	check_eq(chmod("a", 0751), 0);
	check_eq(symlink("a", "link"), 0);
	check_eq(lstat("link", &st), 0);
	check(S_ISLNK(st.st_mode));
	check_eq(stat("link", &st), 0);
	check(S_ISREG(st.st_mode));
	check_eq(st.st_mode & 07777, 0751);
	check_eq(st.st_uid, getuid());
	check_eq(st.st_nlink, 1);
	check(st.st_blksize > 0);
	n = check_ok(readlink("link", target, sizeof(target)));
	check_eq(n, 1);
	check_eq(rename("a", "b"), 0);
	check_err(stat("a", &st), ENOENT);
	check_eq(access("b", R_OK | W_OK), 0);
	check_eq(stat("/dev/null", &st), 0);
	check(S_ISCHR(st.st_mode));
	check_eq(st.st_rdev, 0x103);
	scratch_remove(dir, "link", "b", NULL);
}

test(descriptors)
{
	int ends[2], copy;
	char c;

	check_eq(pipe2(ends, O_CLOEXEC), 0);
	check_eq(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	copy = check_ok(fcntl(ends[1], F_DUPFD, 50));
	check(copy >= 50);
	check_eq(fcntl(copy, F_GETFD), 0);
	check_eq(write(copy, "x", 1), 1);
	check_eq(read(ends[0], &c, 1), 1);
	check_eq(c, 'x');
	check_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	check_err(read(ends[0], &c, 1), EAGAIN);
	check_eq(dup2(ends[0], copy), copy);
	check_eq(close(copy), 0);
	close(ends[1]);
	check_eq(read(ends[0], &c, 1), 0);
}

test(folders)
{
	static const char *const names[] = {"one", "two", "three"};
	char *dir = scratch_dir();
	struct dirent **list, *entry;
	long after_first;
	DIR *d;
	int count = 0;

	check_eq(chdir(dir), 0);
	for (int i = 0; i < 3; i++)
		check_eq(mkdir(names[i], 0755), 0);
	check_err(mkdir("one", 0755), EEXIST);
	d = opendir(".");
	check(d);
	readdir(d);
	after_first = telldir(d);
	while ((entry = readdir(d)))
		count += entry->d_name[0] != '.' && entry->d_type == DT_DIR;
	check(count >= 2);
	rewinddir(d);
	for (count = 0; readdir(d); count++)
		;
	check_eq(count, 5);
	seekdir(d, after_first);
	for (count = 0; readdir(d); count++)
		;
	check_eq(count, 4);
	check_eq(closedir(d), 0);
	check_eq(scandir(".", &list, NULL, alphasort), 5);
	check_str(list[0]->d_name, ".");
	check_str(list[2]->d_name, "one");
	check_str(list[3]->d_name, "three");
	for (int i = 0; i < 5; i++)
		free(list[i]);
	free(list);
	check(!opendir("missing"));
	check_eq(errno, ENOENT);
	for (int i = 0; i < 3; i++)
		check_eq(rmdir(names[i]), 0);
	scratch_remove(dir, NULL);
}

test(working_folder)
{
	char buf[PATH_MAX], *allocated;

	check_eq(chdir("/dev"), 0);
	check_str(getcwd(buf, sizeof(buf)), "/dev");
	allocated = getcwd(NULL, 0);
	check_str(allocated, "/dev");
	free(allocated);
	check(!getcwd(buf, 2));
	check_eq(errno, ERANGE);
}

test(glob_finds)
{
	glob_t result;

	check_eq(glob("/dev/nul[k-m]", 0, NULL, &result), 0);
	check_eq(result.gl_pathc, 1);
	check_str(result.gl_pathv[0], "/dev/null");
	globfree(&result);
}

/* ---- stdio ---- */

test(streams)
{
	char *dir = scratch_dir(), line[64];
	FILE *f;

	check_eq(chdir(dir), 0);
	f = fopen("text", "w+");
	check(f);
	for (int i = 0; i < 3000; i++)
		fprintf(f, "line %d\n", i);
	check_eq(fseek(f, 0, SEEK_SET), 0);
	for (int i = 0; i < 3000; i++) {
		char want[64];

		snprintf(want, sizeof(want), "line %d\n", i);
		check(fgets(line, sizeof(line), f));
		check_str(line, want);
	}
	check(!fgets(line, sizeof(line), f));
	check(feof(f) && !ferror(f));
	check_eq(ftell(f), 28890);
	rewind(f);
	check_eq(getc(f), 'l');
	check_eq(ungetc('L', f), 'L');
	check_eq(fread(line, 1, 6, f), 6);
	check_eq(memcmp(line, "Line 0", 6), 0);
	check_eq(fclose(f), 0);

	f = fopen("text", "a");
	fputs("end\n", f);
	fclose(f);
	f = fopen("text", "r");
	check_eq(fseek(f, -4, SEEK_END), 0);
	check(fgets(line, sizeof(line), f));
	check_str(line, "end\n");
	check_eq(fclose(f), 0);
	check(!fopen("missing", "r"));
	scratch_remove(dir, "text", NULL);
}

test(lines_of_any_length)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	int lines = 0;

	check(f);
	while (getline(&line, &room, f) > 0)
		lines++;
	check(lines > 3);
	free(line);
	fclose(f);
}

/* ---- memory ---- */

test(malloc_small_and_large)
{
	enum { BLOCKS = 2000 };
	static char *blocks[BLOCKS];
	char *large, *zeroed;
	void *aligned;

	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc((size_t)(i % 300 + 1));
		check(blocks[i]);
		memset(blocks[i], i, (size_t)(i % 300 + 1));
	}
	for (int i = 0; i < BLOCKS; i += 2)
		free(blocks[i]);
	for (int i = 1; i < BLOCKS; i += 2)
		check_eq(blocks[i][i % 300], (char)i);

	large = malloc(3 << 20);
	check(large);
	large[0] = 'a';
	large[(3 << 20) - 1] = 'z';
	large = realloc(large, 12 << 20);
	check(large && large[0] == 'a' && large[(3 << 20) - 1] == 'z');
	free(large);
	zeroed = calloc(1000, 1000);
	for (int i = 0; i < 1000000; i += 999)
		check_eq(zeroed[i], 0);
	free(zeroed);
	check_eq(posix_memalign(&aligned, 4096, 100), 0);
	check_eq((unsigned long)aligned % 4096, 0);
	free(aligned);
	check_eq(posix_memalign(&aligned, 3, 100), EINVAL);
	check(!malloc((size_t)PTRDIFF_MAX));
	check_eq(errno, ENOMEM);
}

test(program_break)
{
	char *old = sbrk(0), *now;

	check(old != (void *)-1);
	check_eq(sbrk(65536), old);
	memset(old, 1, 65536);
	now = sbrk(-65536);
	check_eq(now, old + 65536);
	check_eq(sbrk(0), old);
	check(sbrk((ptrdiff_t)1 << 46) == (void *)-1);
	check_eq(errno, ENOMEM);
}

test(memory_calls)
{
	const size_t page = (size_t)getpagesize();
	unsigned char resident[4];
	char *p, *q;

	p = check_ok(
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	p[0] = 'a';
	check_eq(mincore(p, 4 * page, resident), 0);
	check_eq(resident[0] & 1, 1);
	check_eq(mprotect(p, page, PROT_READ), 0);
	check_accerr(fault_write(p), p);
	check_eq(mprotect(p, page, PROT_READ | PROT_WRITE), 0);
	q = check_ok(mremap(p, 4 * page, 64 * page, MREMAP_MAYMOVE));
	check_eq(q[0], 'a');
	check_eq(madvise(q, page, MADV_DONTNEED), 0);
	check_eq(q[0], 0);
	check_eq(mlock(q, page), 0);
	check_eq(munlock(q, page), 0);
	check_eq(msync(q, page, MS_ASYNC), 0);
	check_eq(munmap(q, 64 * page), 0);
	check_maperr(fault_read(q), q);
	check_err(munmap(q + 1, page), EINVAL);
	check(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	check_eq(errno, EINVAL);
}

/* ---- time ---- */

test(clocks)
{
	struct timespec a, b, nap = {0, 30000000};
	struct timeval tv;
	time_t now;
	long ms;

	check_eq(clock_gettime(CLOCK_MONOTONIC, &a), 0);
	check_eq(nanosleep(&nap, NULL), 0);
	check_eq(clock_gettime(CLOCK_MONOTONIC, &b), 0);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	check(ms >= 30);
	check_eq(gettimeofday(&tv, NULL), 0);
	now = time(NULL);
	check(now >= tv.tv_sec && now <= tv.tv_sec + 5);
	check_eq(clock_gettime(CLOCK_REALTIME, &a), 0);
	check(a.tv_sec >= tv.tv_sec && a.tv_sec <= tv.tv_sec + 5);
	check_err(clock_gettime(99, &a), EINVAL);
	nap.tv_nsec = 2000000000;
	check_err(nanosleep(&nap, NULL), EINVAL);
	check_eq(clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL), EINVAL);
	check(clock() >= 0);
	check_eq(sysconf(_SC_CLK_TCK), 100);
}

test(calendar)
{
	time_t when = 951782400; /* 2000-02-29 */
	struct tm tm;
	char buf[64];

	gmtime_r(&when, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S %a", &tm);
	check_str(buf, "2000-02-29 00:00:00 Tue");
	check_eq(mktime(&tm), when);
}

/* ---- descriptors that wait ---- */

test(poll_and_select)
{
	struct timespec short_time = {0, 20000000};
	struct timeval soon = {0, 20000};
	struct pollfd pfd;
	int ends[2];
	fd_set reads;

	check_eq(pipe(ends), 0);
	pfd = (struct pollfd){ends[0], POLLIN, 0};
	check_eq(poll(&pfd, 1, 0), 0);
	check_eq(ppoll(&pfd, 1, &short_time, NULL), 0);
	check_eq(short_time.tv_nsec, 20000000);
	FD_ZERO(&reads);
	FD_SET(ends[0], &reads);
	check_eq(select(ends[0] + 1, &reads, NULL, NULL, &soon), 0);
	check(!FD_ISSET(ends[0], &reads));
	check_eq(write(ends[1], "x", 1), 1);
	check_eq(poll(&pfd, 1, -1), 1);
	check_eq(pfd.revents, POLLIN);
	FD_SET(ends[0], &reads);
	check_eq(pselect(ends[0] + 1, &reads, NULL, NULL, NULL, NULL), 1);
	check(FD_ISSET(ends[0], &reads));
	close(ends[1]);
	check_eq(poll(&pfd, 1, -1), 1);
	check_eq(pfd.revents, POLLIN | POLLHUP);
}

test(terminals)
{
	struct termios termios = {0};
	int ends[2];

	check_eq(pipe(ends), 0);
	check(!isatty(ends[0]));
	check_err(tcgetattr(ends[0], &termios), ENOTTY);
	check_err(tcsetattr(ends[0], 7, &termios), EINVAL);
	check_eq(cfsetospeed(&termios, B115200), 0);
	check_eq(cfgetispeed(&termios), B115200);
	check_eq(sizeof(struct termios), 36);
	cfmakeraw(&termios);
	check_eq(termios.c_cflag & CSIZE, CS8);
}

/* ---- the machine ---- */

test(system_facts)
{
	struct rlimit limit;
	struct sysinfo info;
	struct utsname uts;
	char random[16] = "";
	struct rusage usage;

	check_eq(sysconf(_SC_PAGESIZE), 4096);
	check(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	check(sysconf(_SC_PHYS_PAGES) > 1000);
	check_err(sysconf(-7), EINVAL);
	check_eq(uname(&uts), 0);
	check_str(uts.machine, "x86_64");
	check_eq(sysinfo(&info), 0);
	check(info.totalram > info.freeram && info.mem_unit > 0);
	check_eq(getrlimit(RLIMIT_STACK, &limit), 0);
	check(limit.rlim_cur <= limit.rlim_max);
	check_eq(getrandom(random, sizeof(random), 0), sizeof(random));
	check_eq(getrusage(RUSAGE_SELF, &usage), 0);
	check(usage.ru_maxrss > 0);
}
