/* process_madvise: advice to oneself and to others by pidfd. */
#include "mm.h"
#include <poll.h>

#define at(n)	((char *)ARENA + (n) * PAGE)

/* A child that shares nothing but waits until it is told to look: fd[1] of the pipe. */
static int self_fd(void)
{
	return check_ok(sys_pidfd_open(getpid(), 0));
}

test(self_dontneed)
{
	char *p = arena(0, 4);
	struct iovec iov = { p, 2 * PAGE };

	fill(p, 4, 1);
	check_eq(sys_process_madvise(self_fd(), &iov, 1, MADV_DONTNEED, 0), 2 * PAGE);
	check_zero(p, 2);
	check_fill(p + 2 * PAGE, 2, 3);
}

test(several_vectors)
{
	char *p = arena(0, 8);
	struct iovec iov[] = { { p, PAGE }, { p + 2 * PAGE, 2 * PAGE }, { p + 7 * PAGE, PAGE } };

	fill(p, 8, 1);
	check_eq(sys_process_madvise(self_fd(), iov, 3, MADV_DONTNEED, 0), 4 * PAGE);
	check_zero(p, 1);
	check_eq(p[PAGE], 2);
	check_zero(p + 2 * PAGE, 2);
	check_fill(p + 4 * PAGE, 3, 5);
	check_zero(p + 7 * PAGE, 1);
}

test(guards)
{
	char *p = arena(0, 8);
	struct iovec iov[] = { { p, PAGE }, { p + 4 * PAGE, 2 * PAGE } };
	int fd = self_fd();

	check_eq(sys_process_madvise(fd, iov, 2, MADV_GUARD_INSTALL, 0), 3 * PAGE);
	check_maperr(fault_read(p), p);
	check_nofault(fault_read(p + PAGE));
	check_maperr(fault_read(p + 5 * PAGE), p + 5 * PAGE);
	check_eq(sys_process_madvise(fd, iov, 2, MADV_GUARD_REMOVE, 0), 3 * PAGE);
	check_zero(p, 8);
}

test(no_vectors)
{
	check_eq(sys_process_madvise(self_fd(), NULL, 0, MADV_DONTNEED, 0), 0);
}

test(empty_vector)
{
	char *p = arena(0, 1);
	struct iovec iov = { p, 0 };

	check_eq(sys_process_madvise(self_fd(), &iov, 1, MADV_DONTNEED, 0), 0);
}

test(partial_progress)
{
	char *p = arena(0, 2);
	struct iovec iov[] = { { p, PAGE }, { at(100), PAGE }, { p + PAGE, PAGE } };

	fill(p, 2, 1);
	check_eq(sys_process_madvise(self_fd(), iov, 3, MADV_DONTNEED, 0), PAGE);
	check_eq(p[0], 0);
	check_eq(p[PAGE], 2);
	check_err(sys_process_madvise(self_fd(), iov + 1, 2, MADV_DONTNEED, 0), ENOMEM);
}

test(bad_flags)
{
	struct iovec iov = { arena(0, 1), PAGE };

	check_err(sys_process_madvise(self_fd(), &iov, 1, MADV_DONTNEED, 1), EINVAL);
	check_err(sys_process_madvise(-1, &iov, 1, MADV_DONTNEED, 1), EINVAL);
}

test(bad_descriptor)
{
	struct iovec iov = { arena(0, 1), PAGE };
	int fd[2];

	check_err(sys_process_madvise(-1, &iov, 1, MADV_DONTNEED, 0), EBADF);
	check_err(sys_process_madvise(99, &iov, 1, MADV_DONTNEED, 0), EBADF);
	check_ok(pipe(fd));
	check_err(sys_process_madvise(fd[0], &iov, 1, MADV_DONTNEED, 0), EBADF);
}

test(bad_vectors)
{
	struct iovec iov = { arena(0, 1), PAGE };
	char *p = arena_prot(8, 1, PROT_NONE);

	check_err(sys_process_madvise(self_fd(), (void *)p, 1, MADV_DONTNEED, 0), EFAULT);
	check_err(sys_process_madvise(self_fd(), &iov, 1025, MADV_DONTNEED, 0), EINVAL);
	iov.iov_len = -1;
	check_err(sys_process_madvise(self_fd(), &iov, 1, MADV_DONTNEED, 0), EINVAL);
}

test(bad_advice)
{
	struct iovec iov = { arena(0, 1), PAGE };

	check_err(sys_process_madvise(self_fd(), &iov, 1, 12345, 0), EINVAL);
}

test(unaligned)
{
	struct iovec iov = { arena(0, 1) + 1, PAGE };

	check_err(sys_process_madvise(self_fd(), &iov, 1, MADV_DONTNEED, 0), EINVAL);
}

/* Fork a child with 4 written pages; tell it to check them by TOLD. */
static pid_t start(char *p, int to[2], void (*look)(char *))
{
	pid_t pid;

	check_ok(pipe(to));
	child(pid) {
		char c;

		fill(p, 4, 9);
		check_eq(write(to[1], "r", 1), 1);
		while (read(to[0], &c, 1) == 1 && c == 'r') {
			check_eq(write(to[1], "r", 1), 1);
			usleep(1000);
		}
		look(p);
	}
	return pid;
}

static void look_full(char *p)
{
	check_fill(p, 4, 9);
}

test(other_process_hints)
{
	/* COLD and PAGEOUT may be given to others, and lose nothing. */
	char *p = arena(0, 4), c;
	struct iovec iov = { p, 4 * PAGE };
	int to[2];
	pid_t pid = start(p, to, look_full);
	int fd = check_ok(sys_pidfd_open(pid, 0));

	do {
		check_eq(read(to[0], &c, 1), 1);
	} while (c != 'r');
	check_eq(sys_process_madvise(fd, &iov, 1, MADV_COLD, 0), 4 * PAGE);
	check_eq(sys_process_madvise(fd, &iov, 1, MADV_PAGEOUT, 0), 4 * PAGE);
	check_eq(write(to[1], "x", 1), 1);
	check_exit(pid, 0);
}

test(other_process_destructive)
{
	/* What destroys contents is for oneself only. */
	struct iovec iov = { arena(0, 1), PAGE };
	pid_t pid;
	int fd;

	child(pid) {
		pause();
	}
	fd = check_ok(sys_pidfd_open(pid, 0));
	check_err(sys_process_madvise(fd, &iov, 1, MADV_DONTNEED, 0), EINVAL);
	check_err(sys_process_madvise(fd, &iov, 1, MADV_GUARD_INSTALL, 0), EINVAL);
	check_err(sys_process_madvise(fd, &iov, 1, MADV_FREE, 0), EINVAL);
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
}

test(dead_process)
{
	struct iovec iov = { arena(0, 1), PAGE };
	pid_t pid;
	int fd;

	child(pid) {
	}
	fd = check_ok(sys_pidfd_open(pid, 0));
	check_exit(pid, 0);
	check_err(sys_process_madvise(fd, &iov, 1, MADV_COLD, 0), ESRCH);
}

test(pidfd_open_errors)
{
	pid_t pid;

	check_err(sys_pidfd_open(getpid(), 1), EINVAL);
	check_err(sys_pidfd_open(0, 0), EINVAL);
	check_err(sys_pidfd_open(-1, 0), EINVAL);
	child(pid) {
	}
	check_exit(pid, 0);
	check_err(sys_pidfd_open(pid, 0), ESRCH);
}

test(pidfd_polls_readable_at_exit)
{
	struct pollfd pfd = { .events = POLLIN };
	int go[2];
	char c;
	pid_t pid;

	check_ok(pipe(go));
	child(pid) {
		close(go[1]);
		check_eq(read(go[0], &c, 1), 0);
	}
	pfd.fd = check_ok(sys_pidfd_open(pid, 0));
	check_eq(fcntl(pfd.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	check_eq(poll(&pfd, 1, 0), 0);
	close(go[0]);
	close(go[1]);
	check_eq(poll(&pfd, 1, 10000), 1);
	check(pfd.revents & POLLIN);
	check_exit(pid, 0);
}
