/* File locks: fcntl's ranges, locks of open files, flock. */
#include "sys.h"
#include <sys/file.h>
#include <sys/time.h>

#define OFD_GETLK 36
#define OFD_SETLK 37

static int fd;

static void enter(void)
{
	char path[64];

	mkdir("/tmp", 01777);
	snprintf(path, sizeof(path), "/tmp/quire-lock-%d", (int)getpid());
	fd = check_ok(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
	check_eq(write(fd, "0123456789", 10), 10);
	check_ok(unlink(path));
}

/* Another open file of the same inode. */
static int again(int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return check_ok(open(path, flags));
}

static int lock(int on, int cmd, short type, long start, long len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(on, cmd, &l);
}

/* What is in the way of a write lock on byte `at`, as another process sees it: its type, F_UNLCK nothing. */
static struct flock seen_at(long at)
{
	struct flock l;
	int p[2];
	pid_t pid;

	check_ok(pipe(p));
	child(pid) {
		l = (struct flock){ .l_type = F_WRLCK, .l_start = at, .l_len = 1 };
		check_ok(fcntl(fd, F_GETLK, &l));
		check_eq(write(p[1], &l, sizeof(l)), sizeof(l));
	}
	check_exit(pid, 0);
	check_eq(read(p[0], &l, sizeof(l)), sizeof(l));
	close(p[0]);
	close(p[1]);
	return l;
}

static void check_seen(long at, short type, long start, long len)
{
	struct flock l = seen_at(at);

	check_eq(l.l_type, type);
	if (type == F_UNLCK)
		return;
	check_eq(l.l_start, start);
	check_eq(l.l_len, len);
	check_eq(l.l_pid, getpid());
}

test(excludes_other_processes)
{
	pid_t pid;

	enter();
	check_ok(lock(fd, F_SETLK, F_WRLCK, 2, 3));
	check_ok(lock(fd, F_SETLK, F_WRLCK, 2, 3));
	child(pid) {
		check_err(lock(fd, F_SETLK, F_RDLCK, 4, 2), EAGAIN);
		check_ok(lock(fd, F_SETLK, F_RDLCK, 0, 2));
		check_ok(lock(fd, F_SETLK, F_WRLCK, 5, 0));
	}
	check_exit(pid, 0);
	check_seen(1, F_UNLCK, 0, 0);
	check_seen(3, F_WRLCK, 2, 3);
	check_seen(5, F_UNLCK, 0, 0);
}

test(readers_share)
{
	pid_t pid;

	enter();
	check_ok(lock(fd, F_SETLK, F_RDLCK, 0, 10));
	child(pid) {
		check_ok(lock(fd, F_SETLK, F_RDLCK, 0, 10));
		check_err(lock(fd, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
	}
	check_exit(pid, 0);
	check_ok(lock(fd, F_SETLK, F_WRLCK, 0, 10));
}

test(splits_and_merges)
{
	enter();
	check_ok(lock(fd, F_SETLK, F_WRLCK, 0, 100));
	check_ok(lock(fd, F_SETLK, F_UNLCK, 10, 10));
	check_seen(5, F_WRLCK, 0, 10);
	check_seen(15, F_UNLCK, 0, 0);
	check_seen(50, F_WRLCK, 20, 80);
	check_ok(lock(fd, F_SETLK, F_RDLCK, 50, 10));
	check_seen(30, F_WRLCK, 20, 30);
	check_seen(55, F_RDLCK, 50, 10);
	check_seen(70, F_WRLCK, 60, 40);
	check_ok(lock(fd, F_SETLK, F_WRLCK, 10, 45));
	check_seen(20, F_WRLCK, 0, 55);
	check_seen(57, F_RDLCK, 55, 5);
	check_ok(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	check_seen(70, F_UNLCK, 0, 0);
}

test(closing_any_descriptor_unlocks)
{
	enter();
	check_ok(lock(fd, F_SETLK, F_WRLCK, 0, 0));
	check_seen(0, F_WRLCK, 0, 0);
	close(again(O_RDONLY));
	check_seen(0, F_UNLCK, 0, 0);
}

test(whence_and_ranges)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -4, .l_len = 2 };

	enter();
	check_ok(fcntl(fd, F_SETLK, &l));
	check_seen(6, F_WRLCK, 6, 2);
	check_eq(lseek(fd, 3, SEEK_SET), 3);
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 0, .l_len = -2 };
	check_ok(fcntl(fd, F_SETLK, &l));
	check_seen(1, F_WRLCK, 1, 2);
	check_err(lock(fd, F_SETLK, F_WRLCK, -5, 0), EINVAL);
	check_err(lock(fd, F_SETLK, F_WRLCK, 5, -10), EINVAL);
	check_err(lock(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffff, 10), EOVERFLOW);
	check_err(lock(fd, F_SETLK, 9, 0, 0), EINVAL);
	l.l_whence = 5;
	check_err(fcntl(fd, F_SETLK, &l), EINVAL);
	check_err(fcntl(fd, F_SETLK, (void *)8), EFAULT);
	check_err(lock(99, F_SETLK, F_WRLCK, 0, 0), EBADF);
	check_err(lock(again(O_RDONLY), F_SETLK, F_WRLCK, 0, 0), EBADF);
	check_err(lock(again(O_WRONLY), F_SETLK, F_RDLCK, 0, 0), EBADF);
}

static void on_alarm(int sig)
{
	(void)sig;
}

test(waiting)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { .it_value = { 0, 30000 } };
	int p[2];
	char c;
	pid_t pid;

	enter();
	check_ok(pipe(p));
	child(pid) {
		check_ok(lock(fd, F_SETLK, F_WRLCK, 0, 1));
		check_eq(write(p[1], "x", 1), 1);
		usleep(100000);
	}
	check_eq(read(p[0], &c, 1), 1);
	check_ok(sigaction(SIGALRM, &sa, NULL));
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_err(lock(fd, F_SETLKW, F_WRLCK, 0, 1), EINTR);
	check_ok(lock(fd, F_SETLKW, F_WRLCK, 0, 1)); /* its owner ends */
	check_exit(pid, 0);
}

test(circle_of_waiters)
{
	int p[2];
	char c;
	pid_t pid;

	enter();
	check_ok(pipe(p));
	check_ok(lock(fd, F_SETLK, F_WRLCK, 0, 1));
	child(pid) {
		check_ok(lock(fd, F_SETLK, F_WRLCK, 1, 1));
		check_eq(write(p[1], "x", 1), 1);
		check_ok(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
	}
	check_eq(read(p[0], &c, 1), 1);
	usleep(50000);
	check_err(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	check_ok(lock(fd, F_SETLK, F_UNLCK, 0, 1));
	check_exit(pid, 0);
}

test(of_the_open_file)
{
	int other;
	pid_t pid;

	enter();
	other = again(O_RDWR);
	check_ok(lock(fd, OFD_SETLK, F_WRLCK, 0, 5));
	check_err(lock(other, OFD_SETLK, F_WRLCK, 4, 5), EAGAIN);
	check_err(lock(fd, F_SETLK, F_WRLCK, 0, 5), EAGAIN); /* a POSIX lock is somebody else's */
	child(pid) {
		check_ok(lock(fd, OFD_SETLK, F_WRLCK, 0, 10)); /* the same open file */
	}
	check_exit(pid, 0);
	check_err(lock(other, OFD_SETLK, F_RDLCK, 9, 1), EAGAIN);
	close(fd);
	check_ok(lock(other, OFD_SETLK, F_WRLCK, 0, 10));
}

test(flock_of_the_open_file)
{
	int other, same;

	enter();
	other = again(O_RDONLY);
	same = check_ok(dup(fd));
	check_ok(flock(fd, LOCK_EX | LOCK_NB));
	check_ok(flock(same, LOCK_EX | LOCK_NB));
	check_err(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
	check_err(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
	check_ok(flock(fd, LOCK_SH));
	check_ok(flock(other, LOCK_SH | LOCK_NB));
	check_err(flock(fd, LOCK_EX | LOCK_NB), EAGAIN);
	check_ok(flock(other, LOCK_UN));
	check_ok(lock(fd, F_SETLK, F_WRLCK, 0, 0)); /* the two kinds know nothing of each other */
	check_ok(flock(fd, LOCK_EX));
	close(fd);
	check_err(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
	close(same);
	check_ok(flock(other, LOCK_EX | LOCK_NB));
	check_err(flock(other, 77), EINVAL);
	check_err(flock(99, LOCK_SH), EBADF);
}
