/* Files: open's flags, reading and writing, offsets, sizes, descriptors. */
#include "sys.h"
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

static char dir[64];

/* A directory of this case's own, and the name of something in it. */
static const char *in_dir(const char *name)
{
	static char path[4][128];
	static int turn;

	if (!dir[0]) {
		mkdir("/tmp", 01777);
		snprintf(dir, sizeof(dir), "/tmp/quire-file-%d", (int)getpid());
		check_ok(mkdir(dir, 0755));
	}
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", dir, name);
	return path[turn];
}

static void clean(const char *name)
{
	unlink(in_dir(name));
	rmdir(dir);
}

static int make(const char *name, const char *text)
{
	int fd = check_ok(open(in_dir(name), O_RDWR | O_CREAT | O_TRUNC, 0644));

	check_eq(write(fd, text, strlen(text)), strlen(text));
	check_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

test(create_write_read)
{
	char buf[16];
	int fd = make("f", "hello");

	check_eq(read(fd, buf, 16), 5);
	check_eq(memcmp(buf, "hello", 5), 0);
	check_eq(read(fd, buf, 16), 0);
	close(fd);
	fd = check_ok(open(in_dir("f"), O_RDONLY));
	check_eq(read(fd, buf, 2), 2);
	check_eq(read(fd, buf + 2, 16), 3);
	check_eq(memcmp(buf, "hello", 5), 0);
	clean("f");
}

test(open_errors)
{
	char *deep = anon(2);

	check_err(open(in_dir("none"), O_RDONLY), ENOENT);
	check_err(open(in_dir("none/x"), O_RDONLY | O_CREAT, 0644), ENOENT);
	close(make("f", "x"));
	check_err(open(in_dir("f"), O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	check_err(open(in_dir("f/x"), O_RDONLY), ENOTDIR);
	check_err(open(in_dir("f/"), O_RDONLY), ENOTDIR);
	check_err(open(in_dir("f"), O_RDONLY | O_DIRECTORY), ENOTDIR);
	check_err(open(dir, O_WRONLY), EISDIR);
	check_err(open(dir, O_RDWR), EISDIR);
	check_err(open(dir, O_RDONLY | O_CREAT, 0644), EISDIR);
	check_err(open("", O_RDONLY), ENOENT);
	memset(deep, 'a', 5000);
	check_err(open(deep, O_RDONLY), ENAMETOOLONG);
	deep[256] = 0;
	check_err(open(deep, O_RDONLY | O_CREAT, 0644), ENAMETOOLONG);
	clean("f");
}

test(access_modes)
{
	char c;
	int fd;

	close(make("f", "abc"));
	fd = check_ok(open(in_dir("f"), O_RDONLY));
	check_err(write(fd, "x", 1), EBADF);
	close(fd);
	fd = check_ok(open(in_dir("f"), O_WRONLY));
	check_err(read(fd, &c, 1), EBADF);
	check_eq(write(fd, "x", 1), 1);
	clean("f");
}

test(truncate_on_open)
{
	struct stat st;
	int fd = make("f", "abc");

	close(check_ok(open(in_dir("f"), O_WRONLY | O_TRUNC)));
	check_ok(fstat(fd, &st));
	check_eq(st.st_size, 0);
	clean("f");
}

test(append)
{
	char buf[16];
	int fd = make("f", "abc"), a = check_ok(open(in_dir("f"), O_WRONLY | O_APPEND));

	check_eq(write(a, "de", 2), 2);
	check_eq(lseek(a, 0, SEEK_SET), 0);
	check_eq(write(a, "f", 1), 1);
	check_eq(lseek(a, 0, SEEK_CUR), 6);
	check_eq(read(fd, buf, 16), 6);
	check_eq(memcmp(buf, "abcdef", 6), 0);
	clean("f");
}

test(seek)
{
	char c;
	int fd = make("f", "0123456789");

	check_eq(lseek(fd, 3, SEEK_SET), 3);
	check_eq(read(fd, &c, 1), 1);
	check_eq(c, '3');
	check_eq(lseek(fd, 2, SEEK_CUR), 6);
	check_eq(lseek(fd, -1, SEEK_END), 9);
	check_eq(lseek(fd, 100, SEEK_END), 110);
	check_eq(read(fd, &c, 1), 0);
	check_err(lseek(fd, -1, SEEK_SET), EINVAL);
	check_err(lseek(fd, 0, 77), EINVAL);
	check_err(lseek(99, 0, SEEK_SET), EBADF);
	clean("f");
}

test(holes_read_as_zero)
{
	char buf[PAGE];
	struct stat st;
	int fd = make("f", "abc");

	check_eq(pwrite(fd, "z", 1, 10000), 1);
	check_ok(fstat(fd, &st));
	check_eq(st.st_size, 10001);
	check_eq(pread(fd, buf, PAGE, 3), PAGE);
	for (size_t i = 0; i < PAGE; i++)
		check_eq(buf[i], 0);
	check_eq(pread(fd, buf, 10, 10000), 1);
	check_eq(buf[0], 'z');
	clean("f");
}

test(positioned)
{
	char buf[4];
	int fd = make("f", "0123456789");

	check_eq(pread(fd, buf, 4, 5), 4);
	check_eq(memcmp(buf, "5678", 4), 0);
	check_eq(pwrite(fd, "xy", 2, 0), 2);
	check_eq(lseek(fd, 0, SEEK_CUR), 0);
	check_eq(pread(fd, buf, 4, 100), 0);
	check_err(pread(fd, buf, 4, -1), EINVAL);
	check_err(pwrite(fd, buf, 4, -1), EINVAL);
	clean("f");
}

test(truncate)
{
	char buf[16];
	struct stat st;
	int fd = make("f", "0123456789");

	check_ok(ftruncate(fd, 4));
	check_ok(fstat(fd, &st));
	check_eq(st.st_size, 4);
	check_ok(ftruncate(fd, 8));
	check_eq(pread(fd, buf, 16, 0), 8);
	check_eq(memcmp(buf, "0123\0\0\0\0", 8), 0);
	check_ok(syscall(SYS_truncate, in_dir("f"), 2));
	check_eq(pread(fd, buf, 16, 0), 2);
	check_err(ftruncate(fd, -1), EINVAL);
	check_err(syscall(SYS_truncate, in_dir("none"), 2), ENOENT);
	check_err(syscall(SYS_truncate, dir, 2), EISDIR);
	check_err(ftruncate(check_ok(open(in_dir("f"), O_RDONLY)), 0), EINVAL);
	clean("f");
}

test(large_file)
{
	size_t pages = 600;
	char buf[PAGE];
	int fd = make("f", "");

	for (size_t i = 0; i < pages; i++) {
		memset(buf, (int)i, PAGE);
		check_eq(write(fd, buf, PAGE), PAGE);
	}
	for (size_t i = 0; i < pages; i += 37) {
		check_eq(pread(fd, buf, PAGE, i * PAGE), PAGE);
		check_eq(buf[0], (char)i);
		check_eq(buf[PAGE - 1], (char)i);
	}
	clean("f");
}

test(status)
{
	struct stat st, st2;
	int fd;

	umask(022);
	fd = make("f", "hello");
	check_ok(fstat(fd, &st));
	check_ok(stat(in_dir("f"), &st2));
	check_eq(st.st_ino, st2.st_ino);
	check_eq(st.st_dev, st2.st_dev);
	check(S_ISREG(st.st_mode));
	check_eq(st.st_mode & 07777, 0644);
	check_eq(st.st_nlink, 1);
	check_eq(st.st_size, 5);
	check_eq(st.st_uid, geteuid());
	check_eq(st.st_gid, getegid());
	check(st.st_blksize >= 512);
	check(st.st_mtime > 1000000);
	check_ok(stat("/", &st));
	check(S_ISDIR(st.st_mode));
	check(st.st_nlink >= 2);
	check_err(stat(in_dir("none"), &st), ENOENT);
	check_err(fstat(99, &st), EBADF);
	check_err(stat(in_dir("f/x"), &st), ENOTDIR);
	clean("f");
}

test(fstatat_of_a_descriptor)
{
	struct stat st;
	int fd = make("f", "hello");

	check_ok(syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH));
	check_eq(st.st_size, 5);
	check_err(syscall(SYS_newfstatat, fd, "", &st, 0), ENOENT);
	check_err(syscall(SYS_newfstatat, fd, "x", &st, 0), ENOTDIR);
	check_ok(syscall(SYS_newfstatat, AT_FDCWD, in_dir("f"), &st, AT_SYMLINK_NOFOLLOW));
	clean("f");
}

test(relative_to_a_directory)
{
	int d, fd;

	close(make("f", "hello"));
	d = check_ok(open(dir, O_RDONLY | O_DIRECTORY));
	fd = check_ok(openat(d, "f", O_RDONLY));
	check_err(openat(fd, "f", O_RDONLY), ENOTDIR);
	check_err(openat(99, "f", O_RDONLY), EBADF);
	check_ok(openat(99, in_dir("f"), O_RDONLY));
	check_ok(fchdir(d));
	check_ok(open("f", O_RDONLY));
	check_ok(open("./f", O_RDONLY));
	check_ok(open("../../tmp/./../tmp//", O_RDONLY));
	clean("f");
}

test(lowest_descriptor)
{
	int a = check_ok(dup(0)), b = check_ok(dup(0)), c;

	check_eq(b, a + 1);
	close(a);
	c = check_ok(open("/", O_RDONLY));
	check_eq(c, a);
}

test(duplicates)
{
	char c;
	int fd = make("f", "0123456789"), d = check_ok(dup(fd));

	check_eq(read(fd, &c, 1), 1);
	check_eq(read(d, &c, 1), 1);
	check_eq(c, '1');
	check_eq(dup2(fd, 50), 50);
	check_eq(dup2(fd, fd), fd);
	check_eq(read(50, &c, 1), 1);
	check_eq(c, '2');
	check_err(dup2(99, 51), EBADF);
	check_err(dup2(fd, -1), EBADF);
	check_err(dup(99), EBADF);
	check_eq(dup3(fd, 52, O_CLOEXEC), 52);
	check_eq(fcntl(52, F_GETFD), FD_CLOEXEC);
	check_err(dup3(fd, fd, 0), EINVAL);
	check_err(syscall(SYS_dup3, fd, 53, 1), EINVAL);
	clean("f");
}

test(fcntl_commands)
{
	int fd = make("f", "x");

	check_eq(fcntl(fd, F_GETFD), 0);
	check_ok(fcntl(fd, F_SETFD, FD_CLOEXEC));
	check_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	check_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR);
	check_ok(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	check_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_APPEND | O_NONBLOCK);
	check_eq(fcntl(fd, F_DUPFD, 60), 60);
	check_eq(fcntl(fd, F_DUPFD, 60), 61);
	check_eq(fcntl(fd, F_DUPFD_CLOEXEC, 60), 62);
	check_eq(fcntl(62, F_GETFD), FD_CLOEXEC);
	check_err(fcntl(fd, 0x7777), EINVAL);
	check_err(fcntl(99, F_GETFD), EBADF);
	check_err(fcntl(fd, F_DUPFD, -1), EINVAL);
	clean("f");
}

test(closing)
{
	int fd = check_ok(dup(0));

	check_ok(close(fd));
	check_err(close(fd), EBADF);
	check_err(close(-1), EBADF);
	check_err(close(1 << 30), EBADF);
}

test(too_many_descriptors)
{
	struct rlimit rl = { 150, 150 };
	int fd, n = 0;

	check_ok(setrlimit(RLIMIT_NOFILE, &rl));
	while ((fd = dup(0)) >= 0)
		n++;
	check_eq(errno, EMFILE);
	check(n > 100 && n < 150);
	check_err(open("/", O_RDONLY), EMFILE);
	check_err(dup2(0, 150), EBADF);
	check_err(fcntl(0, F_DUPFD, 150), EINVAL);
}

test(unlinked_but_open)
{
	char buf[8];
	struct stat st;
	int fd = make("f", "hello");

	check_ok(unlink(in_dir("f")));
	check_err(open(in_dir("f"), O_RDONLY), ENOENT);
	check_eq(read(fd, buf, 8), 5);
	check_eq(write(fd, "more", 4), 4);
	check_ok(fstat(fd, &st));
	check_eq(st.st_nlink, 0);
	check_eq(st.st_size, 9);
	clean("f");
}

test(permissions)
{
	struct stat st;
	pid_t pid;
	int fd = make("f", "x");

	check_ok(fchmod(fd, 0));
	check_ok(fstat(fd, &st));
	check_eq(st.st_mode & 07777, 0);
	check_ok(chmod(in_dir("f"), 0600));
	need_root();
	check_ok(chmod(dir, 0755));
	child(pid) {
		check_ok(setuid(1234));
		check_err(open(in_dir("f"), O_RDONLY), EACCES);
		check_err(open(in_dir("new"), O_WRONLY | O_CREAT, 0644), EACCES);
		check_err(unlink(in_dir("f")), EACCES);
		check_err(access(in_dir("f"), R_OK), EACCES);
		check_ok(access(in_dir("f"), F_OK));
		check_err(chmod(in_dir("f"), 0777), EPERM);
	}
	check_exit(pid, 0);
	check_ok(access(in_dir("f"), R_OK | W_OK));
	check_err(access(in_dir("f"), X_OK), EACCES);
	check_err(access(in_dir("f"), 8), EINVAL);
	clean("f");
}

test(umask_is_applied)
{
	struct stat st;
	int fd;

	umask(077);
	fd = check_ok(open(in_dir("f"), O_WRONLY | O_CREAT, 0666));
	check_ok(fstat(fd, &st));
	check_eq(st.st_mode & 07777, 0600);
	check_eq(umask(022), 077);
	clean("f");
}

test(bad_buffers)
{
	int fd = make("f", "hello");

	check_err(read(fd, (void *)8, 5), EFAULT);
	check_err(write(fd, (void *)8, 5), EFAULT);
	check_eq(read(fd, (void *)8, 0), 0);
	check_err(syscall(SYS_read, fd, (void *)8, -1L), EFAULT);
	check_err(syscall(SYS_read, 99, (void *)8, 5), EBADF);
	check_err(read(check_ok(open("/", O_RDONLY)), (void *)8, 5), EISDIR);
	clean("f");
}

test(vectors)
{
	char a[4], b[4];
	struct iovec out[] = { { "abc", 3 }, { "def", 3 } }, in[] = { { a, 4 }, { b, 4 } };
	int fd = make("f", "");

	check_eq(writev(fd, out, 2), 6);
	check_eq(lseek(fd, 0, SEEK_SET), 0);
	check_eq(readv(fd, in, 2), 6);
	check_eq(memcmp(a, "abcd", 4), 0);
	check_eq(memcmp(b, "ef", 2), 0);
	clean("f");
}

test(sendfile_copies)
{
	char buf[16];
	int fd = make("f", "0123456789"), p[2];
	off_t off = 3;

	check_ok(pipe(p));
	check_eq(sendfile(p[1], fd, &off, 4), 4);
	check_eq(off, 7);
	check_eq(lseek(fd, 0, SEEK_CUR), 0);
	check_eq(read(p[0], buf, 16), 4);
	check_eq(memcmp(buf, "3456", 4), 0);
	check_eq(sendfile(p[1], fd, NULL, 100), 10);
	check_eq(lseek(fd, 0, SEEK_CUR), 10);
	clean("f");
}

test(fsync_and_friends)
{
	int fd = make("f", "x");

	check_ok(fsync(fd));
	check_ok(fdatasync(fd));
	check_err(fsync(99), EBADF);
	clean("f");
}

test(not_a_tty)
{
	int fd = make("f", "x"), n;

	check_err(ioctl(fd, TIOCGPGRP, &n), ENOTTY);
	check_eq(isatty(fd), 0);
	check_err(ioctl(99, TIOCGPGRP, &n), EBADF);
	clean("f");
}
