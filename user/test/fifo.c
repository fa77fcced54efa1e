/* FIFOs, and files without a name: memfd with its seals, O_TMPFILE, what /proc/self/fd leads to. */
#include "sys.h"
#include <poll.h>
#include <sys/time.h>

static char base[64];

static void enter(void)
{
	mkdir("/tmp", 01777);
	snprintf(base, sizeof(base), "/tmp/quire-fifo-%d", (int)getpid());
	check_ok(mkdir(base, 0755));
	check_ok(chdir(base));
}

static void leave(void)
{
	check_ok(chdir("/"));
	check_ok(rmdir(base));
}

static short events_of(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	check_ok(poll(&p, 1, 0));
	return p.revents;
}

static const char *fd_path(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

test(ends_meet)
{
	char buf[16];
	int fd, status;
	pid_t pid;

	enter();
	check_ok(mkfifo("p", 0600));
	check_err(mkfifo("p", 0600), EEXIST);
	child(pid) {
		fd = check_ok(open("p", O_WRONLY));
		check_eq(write(fd, "from a child", 12), 12);
	}
	fd = check_ok(open("p", O_RDONLY));
	check_eq(read(fd, buf, sizeof(buf)), 12);
	check_eq(read(fd, buf, sizeof(buf)), 0);
	check_exit(pid, 0);
	close(fd);
	child(pid) {
		fd = check_ok(open("p", O_RDONLY));
		_exit((int)read(fd, buf, sizeof(buf)));
	}
	fd = check_ok(open("p", O_WRONLY));
	check_eq(write(fd, "12345", 5), 5);
	status = reap(pid);
	check_eq(WEXITSTATUS(status), 5);
	check_ok(unlink("p"));
	leave();
}

test(without_waiting)
{
	char buf[16];
	int r, w;

	enter();
	check_ok(mkfifo("p", 0600));
	check_err(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	r = check_ok(open("p", O_RDONLY | O_NONBLOCK));
	check_eq(read(r, buf, 16), 0);
	check_eq(events_of(r, POLLIN), 0); /* no hang-up before somebody was there */
	w = check_ok(open("p", O_WRONLY | O_NONBLOCK));
	check_err(read(r, buf, 16), EAGAIN);
	check_eq(write(w, "hi", 2), 2);
	close(w);
	check_eq(events_of(r, POLLIN), POLLIN | POLLHUP);
	check_eq(read(r, buf, 16), 2);
	check_eq(read(r, buf, 16), 0);
	check_eq(events_of(r, POLLIN), POLLHUP);
	w = check_ok(open("p", O_RDWR | O_NONBLOCK)); /* both at once never waits */
	check_eq(write(w, "abc", 3), 3);
	check_eq(read(w, buf, 16), 3);
	check_err(read(w, buf, 16), EAGAIN);
	check_err(lseek(w, 0, SEEK_SET), ESPIPE);
	check_err(ftruncate(w, 0), EINVAL);
	check_ok(unlink("p"));
	leave();
}

static void on_alarm(int sig)
{
	(void)sig;
}

test(interrupted_open)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { .it_value = { 0, 30000 } };

	enter();
	check_ok(mkfifo("p", 0600));
	check_ok(sigaction(SIGALRM, &sa, NULL));
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_err(open("p", O_RDONLY), EINTR);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_err(open("p", O_WRONLY), EINTR);
	check_err(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	check_ok(unlink("p"));
	leave();
}

test(size_of_a_pipe)
{
	static char buf[100000];
	int p[2];

	check_ok(pipe2(p, O_NONBLOCK));
	check_eq(fcntl(p[0], F_GETPIPE_SZ), 65536);
	check_eq(fcntl(p[0], F_SETPIPE_SZ, 5000), 8192);
	check_eq(write(p[1], buf, sizeof(buf)), 8192);
	check_err(fcntl(p[1], F_SETPIPE_SZ, PAGE), EBUSY);
	check_eq(fcntl(p[1], F_SETPIPE_SZ, 100000), 131072);
	check_eq(read(p[0], buf, 8000), 8000);
	check_eq(fcntl(p[1], F_SETPIPE_SZ, 1), PAGE);
	check_eq(read(p[0], buf, sizeof(buf)), 192);
	check_err(fcntl(check_ok(open("/", O_RDONLY)), F_GETPIPE_SZ), EBADF);
}

/* What does not fit behind the last bytes begins a page of its own: 16 pages of 4000 bytes. */
test(odd_writes_fill_a_pipe)
{
	static char buf[PAGE];
	int p[2], n = 0;

	check_ok(pipe2(p, O_NONBLOCK));
	while (write(p[1], buf, 1000) == 1000)
		n++;
	check_eq(n, 64);
	check_eq(write(p[1], buf, 96), 96);
	check_err(write(p[1], buf, 1), EAGAIN);
	check_eq(read(p[0], buf, 4000), 4000);
	check_eq(write(p[1], buf, PAGE), PAGE);
}

test(pipe_opened_again)
{
	char buf[8];
	int p[2], w;

	check_ok(pipe(p));
	w = check_ok(open(fd_path(p[0]), O_WRONLY));
	close(p[1]);
	check_eq(write(w, "abc", 3), 3);
	check_eq(read(p[0], buf, 8), 3);
	close(w);
	check_eq(read(p[0], buf, 8), 0);
}

/* ---- memfd ---- */

test(memfd)
{
	char path[64] = "";
	struct stat st;
	int fd = check_ok((int)syscall(SYS_memfd_create, "name", 0)), again;

	check(readlink(fd_path(fd), path, sizeof(path) - 1) > 0);
	check_str(path, "/memfd:name (deleted)");
	check_ok(fstat(fd, &st));
	check_eq(st.st_mode, S_IFREG | 0777);
	check_eq(st.st_nlink, 0);
	check_eq(write(fd, "hello", 5), 5);
	again = check_ok(open(fd_path(fd), O_RDONLY));
	check_eq(pread(again, path, 64, 0), 5);
	check_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	check_err(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	check_err(syscall(SYS_memfd_create, "x", 0x777), EINVAL);
	check_err(syscall(SYS_memfd_create, 8, 0), EFAULT);
}

test(memfd_name_length)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[250] = 0;
	check_err(syscall(SYS_memfd_create, name, 0), EINVAL);
	name[249] = 0;
	check_ok(syscall(SYS_memfd_create, name, 0));
}

test(seals)
{
	int fd = check_ok((int)syscall(SYS_memfd_create, "x", MFD_ALLOW_SEALING));
	char *p;

	check_eq(fcntl(fd, F_GET_SEALS), 0);
	check_ok(ftruncate(fd, 2 * PAGE));
	p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
	check_err(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	check_ok(sys_munmap(p, 2 * PAGE));
	check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	check_err(ftruncate(fd, PAGE), EPERM);
	check_ok(ftruncate(fd, 3 * PAGE));
	check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	check_err(ftruncate(fd, 4 * PAGE), EPERM);
	check_err(pwrite(fd, "x", 1, 4 * PAGE), EPERM);
	check_eq(pwrite(fd, "x", 1, 3 * PAGE - 1), 1);
	check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	check_err(write(fd, "x", 1), EPERM);
	check_err(sys_mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	check_ok(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	check_err(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), EPERM);
	check_err(fcntl(fd, F_ADD_SEALS, 0x100), EINVAL);
	check_err(fcntl(check_ok(open("/", O_RDONLY)), F_GET_SEALS), EINVAL);
}

/* ---- a file that gets its name late ---- */

test(tmpfile_is_linked)
{
	struct stat st;
	int fd;

	enter();
	check_err(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	if (fd < 0 && errno == EOPNOTSUPP) {
		leave();
		skip("this file system has no O_TMPFILE");
	}
	check_eq(write(check_ok(fd), "tmp", 3), 3);
	check_ok(fstat(fd, &st));
	check_eq(st.st_nlink, 0);
	check_ok(linkat(AT_FDCWD, fd_path(fd), AT_FDCWD, "name", AT_SYMLINK_FOLLOW));
	check_ok(stat("name", &st));
	check_eq(st.st_size, 3);
	check_eq(st.st_nlink, 1);
	check_ok(unlink("name"));
	leave();
}
