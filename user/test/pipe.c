/* Pipes: order, capacity, ends that close, atomic writes, non-blocking ends, poll. */
#include "sig.h"
#include <poll.h>
#include <sys/ioctl.h>

static int fd[2];

static void open_pipe(int flags)
{
	check_ok(pipe2(fd, flags));
}

static void finish_pipe(void)
{
	close(fd[0]);
	close(fd[1]);
}

test(bytes_in_order)
{
	char c[10];

	open_pipe(0);
	check_eq(write(fd[1], "abc", 3), 3);
	check_eq(write(fd[1], "def", 3), 3);
	check_eq(read(fd[0], c, 10), 6);
	check_eq(memcmp(c, "abcdef", 6), 0);
}

test(partial_read)
{
	char c[10];

	open_pipe(0);
	check_eq(write(fd[1], "abcdef", 6), 6);
	check_eq(read(fd[0], c, 2), 2);
	check_eq(read(fd[0], c + 2, 10), 4);
	check_eq(memcmp(c, "abcdef", 6), 0);
}

test(end_of_file)
{
	char c;

	open_pipe(0);
	check_eq(write(fd[1], "x", 1), 1);
	close(fd[1]);
	check_eq(read(fd[0], &c, 1), 1);
	check_eq(read(fd[0], &c, 1), 0);
	check_eq(read(fd[0], &c, 1), 0);
}

test(broken_pipe)
{
	pid_t pid;

	open_pipe(0);
	close(fd[0]);
	child(pid) {
		check_eq(write(fd[1], "x", 1), 1);
	}
	check_killed(pid, SIGPIPE);
	handle(SIGPIPE, count, 0);
	check_err(write(fd[1], "x", 1), EPIPE);
	check_eq(hits, 1);
	signal(SIGPIPE, SIG_IGN);
	check_err(write(fd[1], "x", 1), EPIPE);
}

test(wrong_ends)
{
	char c;

	open_pipe(0);
	check_err(write(fd[0], "x", 1), EBADF);
	check_err(read(fd[1], &c, 1), EBADF);
	check_err(lseek(fd[0], 0, SEEK_SET), ESPIPE);
	check_err(pread(fd[0], &c, 1, 0), ESPIPE);
	check_err(ftruncate(fd[1], 0), EINVAL);
}

test(calls)
{
	check_err(pipe2(fd, 0x1), EINVAL);
	check_err(syscall(SYS_pipe, 8), EFAULT);
	open_pipe(O_CLOEXEC);
	check_eq(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	check_eq(fcntl(fd[1], F_GETFD), FD_CLOEXEC);
	finish_pipe();
	open_pipe(O_NONBLOCK);
	check_eq(fcntl(fd[0], F_GETFL), O_NONBLOCK | O_RDONLY);
	check_eq(fcntl(fd[1], F_GETFL), O_NONBLOCK | O_WRONLY);
}

test(nonblocking)
{
	char c;

	open_pipe(O_NONBLOCK);
	check_err(read(fd[0], &c, 1), EAGAIN);
	check_eq(write(fd[1], "x", 1), 1);
	check_eq(read(fd[0], &c, 1), 1);
	close(fd[1]);
	check_eq(read(fd[0], &c, 1), 0);
}

test(capacity)
{
	static char buf[PAGE];
	size_t total = 0;
	ssize_t n;

	open_pipe(O_NONBLOCK);
	while ((n = write(fd[1], buf, sizeof(buf))) > 0)
		total += n;
	check_eq(errno, EAGAIN);
	check_eq(total, 65536);
	/* A page read makes room for a page. */
	check_eq(read(fd[0], buf, sizeof(buf)), sizeof(buf));
	check_eq(write(fd[1], buf, sizeof(buf)), sizeof(buf));
	check_err(write(fd[1], buf, 1), EAGAIN);
}

test(zero_length)
{
	char c;

	open_pipe(0);
	check_eq(write(fd[1], &c, 0), 0);
	check_eq(read(fd[0], &c, 0), 0);
}

test(reader_waits)
{
	pid_t pid;
	char c;

	open_pipe(0);
	child(pid) {
		usleep(3000);
		check_eq(write(fd[1], "x", 1), 1);
	}
	check_eq(read(fd[0], &c, 1), 1);
	check_exit(pid, 0);
}

test(writer_waits)
{
	static char buf[100000];
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	open_pipe(0);
	child(pid) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (char)(i * 7);
		check_eq(write(fd[1], buf, sizeof(buf)), sizeof(buf));
	}
	close(fd[1]);
	usleep(3000);
	while ((n = read(fd[0], buf, 777)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			check_eq(buf[i], (char)((got + i) * 7));
		got += n;
	}
	check_eq(got, sizeof(buf));
	check_exit(pid, 0);
}

test(small_writes_are_atomic)
{
	static char buf[512];
	pid_t pid[4];
	ssize_t n;

	open_pipe(0);
	for (int w = 0; w < 4; w++) {
		child(pid[w]) {
			memset(buf, 'a' + w, sizeof(buf));
			for (int i = 0; i < 50; i++)
				check_eq(write(fd[1], buf, sizeof(buf)), sizeof(buf));
		}
	}
	close(fd[1]);
	for (int i = 0; i < 200; i++) {
		size_t got = 0;

		while (got < sizeof(buf)) {
			n = read(fd[0], buf + got, sizeof(buf) - got);
			check(n > 0);
			got += n;
		}
		for (size_t j = 1; j < sizeof(buf); j++)
			check_eq(buf[j], buf[0]);
	}
	check_eq(read(fd[0], buf, 1), 0);
	for (int w = 0; w < 4; w++)
		check_exit(pid[w], 0);
}

test(writer_learns_of_the_end)
{
	static char buf[100000];
	pid_t pid;

	open_pipe(0);
	signal(SIGPIPE, SIG_IGN);
	child(pid) {
		close(fd[0]);
		/* Some went, then the reader left. */
		check(write(fd[1], buf, sizeof(buf)) > 0);
		check_err(write(fd[1], buf, 1), EPIPE);
	}
	close(fd[1]);
	check_eq(read(fd[0], buf, 100), 100);
	usleep(3000);
	close(fd[0]);
	check_exit(pid, 0);
}

test(bad_buffers)
{
	open_pipe(0);
	check_err(write(fd[1], (void *)8, 1), EFAULT);
	check_err(write(fd[1], (void *)0xffffffff80000000, 1), EFAULT);
	check_eq(write(fd[1], "x", 1), 1);
	check_err(read(fd[0], (void *)8, 1), EFAULT);
}

test(vectors)
{
	char a[3], b[5];
	struct iovec out[] = { { "ab", 2 }, { NULL, 0 }, { "cdef", 4 } };
	struct iovec in[] = { { a, 3 }, { b, 5 } };

	open_pipe(0);
	check_eq(writev(fd[1], out, 3), 6);
	check_eq(readv(fd[0], in, 2), 6);
	check_eq(memcmp(a, "abc", 3), 0);
	check_eq(memcmp(b, "def", 3), 0);
	check_err(writev(fd[1], out, -1), EINVAL);
	check_err(writev(fd[1], out, 1025), EINVAL);
	check_err(writev(fd[1], (void *)8, 1), EFAULT);
	check_eq(writev(fd[1], out, 0), 0);
	out[0].iov_len = -1;
	check_err(writev(fd[1], out, 1), EINVAL);
}

test(poll_states)
{
	static char buf[65536];
	struct pollfd p[2];

	open_pipe(O_NONBLOCK);
	p[0] = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = fd[1], .events = POLLOUT };
	check_eq(poll(p, 2, 0), 1);
	check_eq(p[0].revents, 0);
	check_eq(p[1].revents, POLLOUT);
	check_eq(write(fd[1], buf, sizeof(buf)), sizeof(buf));
	check_eq(poll(p, 2, 0), 1);
	check_eq(p[0].revents, POLLIN);
	check_eq(p[1].revents, 0);
	close(fd[1]);
	check_eq(poll(p, 1, 0), 1);
	check_eq(p[0].revents, POLLIN | POLLHUP);
	check_eq(read(fd[0], buf, sizeof(buf)), sizeof(buf));
	check_eq(poll(p, 1, 0), 1);
	check_eq(p[0].revents, POLLHUP);
	p[0].fd = 99;
	check_eq(poll(p, 1, 0), 1);
	check_eq(p[0].revents, POLLNVAL);
	p[0].fd = -1;
	check_eq(poll(p, 1, 0), 0);
}

test(poll_reader_gone)
{
	struct pollfd p;

	open_pipe(0);
	close(fd[0]);
	p = (struct pollfd){ .fd = fd[1], .events = POLLOUT };
	check_eq(poll(&p, 1, 0), 1);
	check_eq(p.revents, POLLOUT | POLLERR);
}

test(poll_waits)
{
	struct pollfd p;
	pid_t pid;

	open_pipe(0);
	p = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	check_eq(poll(&p, 1, 2), 0);
	child(pid) {
		usleep(3000);
		check_eq(write(fd[1], "x", 1), 1);
	}
	check_eq(poll(&p, 1, 10000), 1);
	check_exit(pid, 0);
}

test(bytes_to_read)
{
	int n;

	open_pipe(0);
	check_ok(ioctl(fd[0], FIONREAD, &n));
	check_eq(n, 0);
	check_eq(write(fd[1], "abcde", 5), 5);
	check_ok(ioctl(fd[0], FIONREAD, &n));
	check_eq(n, 5);
}

test(status)
{
	struct stat st;

	open_pipe(0);
	check_ok(fstat(fd[0], &st));
	check(S_ISFIFO(st.st_mode));
	check_eq(st.st_mode & 0777, 0600);
	check_eq(st.st_nlink, 1);
}

test(chain_of_processes)
{
	/* a | b | c: each adds one to what it reads. */
	int first[2], in;
	unsigned char c = 1;

	check_ok(pipe(first));
	in = first[0];
	for (int i = 0; i < 20; i++) {
		int next[2];
		pid_t pid;

		check_ok(pipe(next));
		child(pid) {
			check_eq(read(in, &c, 1), 1);
			c++;
			check_eq(write(next[1], &c, 1), 1);
		}
		close(in);
		close(next[1]);
		in = next[0];
	}
	check_eq(write(first[1], &c, 1), 1);
	check_eq(read(in, &c, 1), 1);
	check_eq(c, 21);
	while (waitpid(-1, NULL, 0) > 0)
		;
}
