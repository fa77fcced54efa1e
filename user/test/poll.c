/* Waiting for files: poll, ppoll, select, pselect6; eventfd. */
#include "sys.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	(void)sig;
	caught++;
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	check_ok(sigaction(sig, &sa, NULL));
}

static void alarm_in(int ms)
{
	struct itimerval it = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	check_ok(setitimer(ITIMER_REAL, &it, NULL));
}

static long now_ms(void)
{
	struct timespec t;

	check_ok(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static short events_of(int fd, short events)
{
	struct pollfd p = { fd, events, 0x7777 };

	check_ok(poll(&p, 1, 0));
	return p.revents;
}

test(ends_of_a_pipe)
{
	int p[2];

	check_ok(pipe(p));
	check_eq(events_of(p[0], POLLIN | POLLPRI), 0);
	check_eq(events_of(p[1], POLLOUT | POLLIN), POLLOUT);
	check_eq(write(p[1], "x", 1), 1);
	check_eq(events_of(p[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	check_eq(events_of(p[0], 0), 0);
	close(p[1]);
	check_eq(events_of(p[0], POLLIN), POLLIN | POLLHUP);
	close(p[0]);
	check_ok(pipe(p));
	close(p[0]);
	check_eq(events_of(p[1], POLLOUT), POLLOUT | POLLERR);
}

test(full_pipe)
{
	char page[PAGE] = { 0 };
	int p[2];

	check_ok(pipe2(p, O_NONBLOCK));
	while (write(p[1], page, sizeof(page)) > 0)
		continue;
	check_eq(errno, EAGAIN);
	check_eq(events_of(p[1], POLLOUT), 0);
	check_eq(read(p[0], page, 100), 100);
	check_eq(events_of(p[1], POLLOUT), 0);
	check_eq(read(p[0], page, PAGE - 100), PAGE - 100);
	check_eq(events_of(p[1], POLLOUT), POLLOUT);
}

test(bad_and_ignored)
{
	struct pollfd p[3] = { { 99, POLLIN, 0 }, { -1, POLLIN, 5 }, { 0, 0, 5 } };

	check_eq(poll(p, 2, -1), 1);
	check_eq(p[0].revents, POLLNVAL);
	check_eq(p[1].revents, 0);
	check_err(poll((struct pollfd *)8, 1, 0), EFAULT);
	check_err(poll(p, 1UL << 30, 0), EINVAL);
	check_eq(poll(NULL, 0, 0), 0);
}

test(timeout)
{
	struct timespec t = { 0, 30000000 };
	struct pollfd q = { .events = POLLIN };
	long start = now_ms();
	int p[2];

	check_ok(pipe(p));
	q.fd = p[0];
	check_eq(poll(&q, 1, 40), 0);
	check(now_ms() - start >= 40);
	start = now_ms();
	check_eq(ppoll(&q, 1, &t, NULL), 0);
	check(now_ms() - start >= 30);
	t.tv_nsec = 1000000000;
	check_err(ppoll(&q, 1, &t, NULL), EINVAL);
	t.tv_nsec = -1;
	check_err(ppoll(&q, 1, &t, NULL), EINVAL);
}

test(woken_by_data)
{
	struct pollfd q = { .events = POLLIN };
	int p[2];
	pid_t pid;

	check_ok(pipe(p));
	q.fd = p[0];
	for (int i = 0; i < 20; i++) {
		char c;

		child(pid) {
			if (i % 2)
				usleep(2000);
			check_eq(write(p[1], "y", 1), 1);
		}
		check_eq(poll(&q, 1, 20000), 1);
		check_eq(q.revents, POLLIN);
		check_eq(read(p[0], &c, 1), 1);
		check_exit(pid, 0);
	}
}

test(many_descriptors)
{
	struct pollfd q[40];
	int p[40][2];
	pid_t pid;

	for (int i = 0; i < 40; i++) {
		check_ok(pipe(p[i]));
		q[i] = (struct pollfd){ p[i][0], POLLIN, 0 };
	}
	child(pid) {
		usleep(5000);
		check_eq(write(p[37][1], "z", 1), 1);
	}
	check_eq(poll(q, 40, 20000), 1);
	for (int i = 0; i < 40; i++)
		check_eq(q[i].revents, i == 37 ? POLLIN : 0);
	check_exit(pid, 0);
}

test(interrupted)
{
	struct pollfd q = { .events = POLLIN };
	int p[2];

	check_ok(pipe(p));
	q.fd = p[0];
	handle(SIGALRM, 0);
	alarm_in(30);
	check_err(poll(&q, 1, 20000), EINTR);
	handle(SIGALRM, SA_RESTART); /* makes no difference to poll */
	alarm_in(30);
	check_err(poll(&q, 1, 20000), EINTR);
	check_eq(caught, 2);
}

/* Stopped and continued: the call goes on as if nothing had been, to the time it was to end at first. */
test(stopped_meanwhile)
{
	pid_t pid;

	child(pid) {
		long start = now_ms();

		check_eq(poll(NULL, 0, 150), 0);
		check(now_ms() - start >= 150);
	}
	usleep(30000);
	check_ok(kill(pid, SIGSTOP));
	usleep(30000);
	check_ok(kill(pid, SIGCONT));
	check_exit(pid, 0);
}

test(signal_mask_during_the_wait)
{
	struct timespec t = { 20, 0 };
	struct pollfd q = { .events = POLLIN };
	sigset_t block, none, now;
	int p[2];

	check_ok(pipe(p));
	q.fd = p[0];
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	handle(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	check_eq(poll(&q, 1, 1), 0);
	check_eq(caught, 0);
	check_err(ppoll(&q, 1, &t, &none), EINTR);
	check_eq(caught, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	check_eq(sigismember(&now, SIGUSR1), 1);
	kill(getpid(), SIGUSR1);
	check_err(pselect(0, NULL, NULL, NULL, &t, &none), EINTR);
	check_eq(caught, 2);
	sigprocmask(SIG_BLOCK, NULL, &now);
	check_eq(sigismember(&now, SIGUSR1), 1);
}

test(select_sets)
{
	fd_set in, out, ex;
	struct timeval t = { 20, 0 };
	int p[2];

	check_ok(pipe(p));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&ex);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	FD_SET(p[0], &ex);
	check_eq(select(p[1] + 1, &in, &out, &ex, &t), 1);
	check(!FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out) && !FD_ISSET(p[0], &ex));
	check_eq(write(p[1], "x", 1), 1);
	FD_SET(p[0], &in);
	check_eq(select(p[1] + 1, &in, &out, NULL, &t), 2);
	check(FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
}

test(select_beyond_one_word)
{
	fd_set in;
	int p[2];

	check_ok(pipe(p));
	check_eq(dup2(p[0], 130), 130);
	check_eq(dup2(p[0], 64), 64);
	FD_ZERO(&in);
	FD_SET(130, &in);
	FD_SET(64, &in);
	check_eq(write(p[1], "x", 1), 1);
	check_eq(select(131, &in, NULL, NULL, NULL), 2);
	check(FD_ISSET(130, &in) && FD_ISSET(64, &in));
}

test(select_errors)
{
	struct timeval t = { 0, 0 }, bad = { 0, -1 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(63, &in);
	check_err(select(64, &in, NULL, NULL, &t), EBADF);
	check_err(select(-1, NULL, NULL, NULL, &t), EINVAL);
	check_err(select(0, NULL, NULL, NULL, &bad), EINVAL);
	check_err(syscall(SYS_select, 1, 8, NULL, NULL, &t), EFAULT);
}

/* The call itself: libcs keep the answer from their callers. */
test(select_tells_what_is_left)
{
	struct timeval t = { 0, 30000 };
	fd_set in;
	int p[2];

	check_ok(pipe(p));
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	check_eq(syscall(SYS_select, p[0] + 1, &in, NULL, NULL, &t), 0);
	check_eq(t.tv_sec * 1000000 + t.tv_usec, 0);
	check(!FD_ISSET(p[0], &in));
	handle(SIGALRM, 0);
	alarm_in(30);
	t.tv_sec = 20;
	FD_SET(p[0], &in);
	check_err(syscall(SYS_select, p[0] + 1, &in, NULL, NULL, &t), EINTR);
	check(t.tv_sec == 19);
}

/* ---- eventfd ---- */

test(counter)
{
	uint64_t v = 5;
	int fd = check_ok(eventfd(3, EFD_NONBLOCK));

	check_eq(write(fd, &v, 8), 8);
	check_eq(read(fd, &v, 8), 8);
	check_eq(v, 8);
	check_err(read(fd, &v, 8), EAGAIN);
	check_err(read(fd, &v, 7), EINVAL);
	check_err(write(fd, &v, 7), EINVAL);
	v = -1;
	check_err(write(fd, &v, 8), EINVAL);
	check_eq(events_of(fd, POLLIN | POLLOUT), POLLOUT);
	v = -2;
	check_eq(write(fd, &v, 8), 8);
	check_eq(events_of(fd, POLLIN | POLLOUT), POLLIN);
	v = 1;
	check_err(write(fd, &v, 8), EAGAIN);
	check_err(eventfd(0, 0x7777), EINVAL);
}

test(semaphore)
{
	uint64_t v;
	int fd = check_ok(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));

	for (int i = 0; i < 2; i++) {
		check_eq(read(fd, &v, 8), 8);
		check_eq(v, 1);
	}
	check_err(read(fd, &v, 8), EAGAIN);
}

test(counter_between_processes)
{
	uint64_t v;
	int fd = check_ok(eventfd(0, 0));
	pid_t pid;

	child(pid) {
		v = 77;
		usleep(5000);
		check_eq(write(fd, &v, 8), 8);
	}
	check_eq(read(fd, &v, 8), 8);
	check_eq(v, 77);
	check_exit(pid, 0);
}
