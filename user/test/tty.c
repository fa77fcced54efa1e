/* Terminals: settings, line editing, signals of the keyboard, sessions and job control. */
#include "tty.h"

static void sane(struct termios *t)
{
	check_ok(tcgetattr(tty, t));
	t->c_lflag |= ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN;
	t->c_iflag |= ICRNL;
	check_ok(tcsetattr(tty, TCSANOW, t));
}

test(is_a_tty)
{
	tty_open();
	check_eq(isatty(tty), 1);
}

test(settings_are_kept)
{
	struct termios t, u;

	tty_open();
	check_ok(tcgetattr(tty, &t));
	t.c_lflag &= ~(ICANON | ECHO);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 7;
	check_ok(tcsetattr(tty, TCSADRAIN, &t));
	check_ok(tcgetattr(tty, &u));
	check_eq(u.c_lflag & (ICANON | ECHO), 0);
	check_eq(u.c_cc[VMIN], 3);
	check_eq(u.c_cc[VTIME], 7);
	t.c_lflag |= ICANON | ECHO;
	check_ok(tcsetattr(tty, TCSAFLUSH, &t));
	check_ok(tcgetattr(tty, &u));
	check_eq(u.c_lflag & (ICANON | ECHO), ICANON | ECHO);
}

test(defaults)
{
	struct termios t;

	tty_open();
	if (master < 0)
		skip("others use this line");
	check_ok(tcgetattr(tty, &t));
	check_eq(t.c_cc[VINTR], 3);
	check_eq(t.c_cc[VQUIT], 28);
	check_eq(t.c_cc[VERASE], 127);
	check_eq(t.c_cc[VKILL], 21);
	check_eq(t.c_cc[VEOF], 4);
	check_eq(t.c_cc[VSUSP], 26);
	check_eq(t.c_cc[VMIN], 1);
	check_eq(t.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
	check_eq(t.c_oflag & (OPOST | ONLCR), OPOST | ONLCR);
	check(t.c_iflag & ICRNL);
}

test(window_size)
{
	struct winsize w = { 24, 80, 0, 0 }, v;

	tty_open();
	check_ok(ioctl(tty, TIOCSWINSZ, &w));
	check_ok(ioctl(tty, TIOCGWINSZ, &v));
	check_eq(v.ws_row, 24);
	check_eq(v.ws_col, 80);
	check_err(ioctl(tty, TIOCGWINSZ, (void *)8), EFAULT);
}

test(line_at_a_time)
{
	struct termios t;
	char buf[64];
	struct pollfd p;

	tty_open();
	sane(&t);
	p = (struct pollfd){ .fd = tty, .events = POLLIN };
	type("hel");
	check_eq(poll(&p, 1, 0), 0);
	type("lo\nworld\n");
	check_eq(poll(&p, 1, 1000), 1);
	check_eq(read(tty, buf, 64), 6);
	check_eq(memcmp(buf, "hello\n", 6), 0);
	check_eq(read(tty, buf, 3), 3);
	check_eq(memcmp(buf, "wor", 3), 0);
	check_eq(read(tty, buf, 64), 3);
	check_eq(memcmp(buf, "ld\n", 3), 0);
}

test(editing)
{
	struct termios t;
	char buf[64];

	tty_open();
	sane(&t);
	type("abx\177cd\n");
	check_eq(read(tty, buf, 64), 5);
	check_eq(memcmp(buf, "abcd\n", 5), 0);
	type("wrong\025right\n");
	check_eq(read(tty, buf, 64), 6);
	check_eq(memcmp(buf, "right\n", 6), 0);
	type("two words\027end\n");
	check_eq(read(tty, buf, 64), 8);
	check_eq(memcmp(buf, "two end\n", 8), 0);
	type("a\026\003b\n");		/* ^V takes the next one literally */
	check_eq(read(tty, buf, 64), 4);
	check_eq(memcmp(buf, "a\003b\n", 4), 0);
}

test(end_of_file)
{
	struct termios t;
	char buf[64];

	tty_open();
	sane(&t);
	type("\004");
	check_eq(read(tty, buf, 64), 0);
	type("abc\004");
	check_eq(read(tty, buf, 64), 3);
	type("x\n");
	check_eq(read(tty, buf, 64), 2);
}

test(carriage_return)
{
	struct termios t;
	char buf[64];

	tty_open();
	sane(&t);
	type("abc\r");
	check_eq(read(tty, buf, 64), 4);
	check_eq(buf[3], '\n');
}

test(raw)
{
	struct termios t;
	char buf[64];

	tty_open();
	sane(&t);
	t.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	t.c_iflag &= ~(ICRNL | IXON);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	check_ok(tcsetattr(tty, TCSANOW, &t));
	type("a\003\r\177");
	check_eq(read(tty, buf, 64), 4);
	check_eq(memcmp(buf, "a\003\r\177", 4), 0);
	t.c_cc[VMIN] = 0;
	check_ok(tcsetattr(tty, TCSANOW, &t));
	check_eq(read(tty, buf, 64), 0);
	t.c_cc[VTIME] = 1;
	check_ok(tcsetattr(tty, TCSANOW, &t));
	check_eq(read(tty, buf, 64), 0);
}

test(echo)
{
	struct termios t;
	char buf[64];

	tty_open();
	if (master < 0)
		skip("needs a pseudo terminal");
	sane(&t);
	type("ab\177c\n");
	check_eq(read(tty, buf, 64), 3);
	check_eq(read(master, buf, 64), 8);
	check_eq(memcmp(buf, "ab\b \bc\r\n", 8), 0);
	t.c_lflag &= ~ECHO;
	check_ok(tcsetattr(tty, TCSANOW, &t));
	type("secret\n");
	check_eq(read(tty, buf, 64), 7);
	check_ok(fcntl(master, F_SETFL, O_NONBLOCK));
	check_err(read(master, buf, 64), EAGAIN);
}

test(output_processing)
{
	struct termios t;
	char buf[64];

	tty_open();
	if (master < 0)
		skip("needs a pseudo terminal");
	sane(&t);
	check_eq(write(tty, "a\nb", 3), 3);
	check_eq(read(master, buf, 64), 4);
	check_eq(memcmp(buf, "a\r\nb", 4), 0);
	t.c_oflag &= ~OPOST;
	check_ok(tcsetattr(tty, TCSANOW, &t));
	check_eq(write(tty, "a\nb", 3), 3);
	check_eq(read(master, buf, 64), 3);
}

test(flush)
{
	struct termios t;
	struct pollfd p;
	char buf[8];

	tty_open();
	sane(&t);
	p = (struct pollfd){ .fd = tty, .events = POLLIN };
	type("lost\n");
	check_eq(poll(&p, 1, 1000), 1);
	check_ok(tcflush(tty, TCIFLUSH));
	type("kept\n");
	check_eq(read(tty, buf, 8), 5);
	check_eq(memcmp(buf, "kept\n", 5), 0);
}

test(bytes_waiting)
{
	struct termios t;
	struct pollfd p;
	int n;

	tty_open();
	sane(&t);
	type("abc\n");
	p = (struct pollfd){ .fd = tty, .events = POLLIN };
	check_eq(poll(&p, 1, 1000), 1);
	check_ok(ioctl(tty, FIONREAD, &n));
	check_eq(n, 4);
}

test(session_and_controlling_terminal)
{
	pid_t pid, sid;

	tty_open();
	check_err(ioctl(tty, TIOCGPGRP, &sid), ENOTTY);
	child(pid) {
		int fd;

		check_err(open("/dev/tty", O_RDWR), ENXIO);
		tty_session();
		fd = check_ok(open("/dev/tty", O_RDWR));
		check_ok(ioctl(fd, TIOCGSID, &sid));
		check_eq(sid, getpid());
		check_eq(tcgetpgrp(fd), getpid());
		check_eq(getsid(0), getpid());
		check_err(setsid(), EPERM);
		check_ok(ioctl(fd, TIOCNOTTY));
		check_err(open("/dev/tty", O_RDWR), ENXIO);
	}
	status_of_session(pid);
}

test(interrupt_key)
{
	struct termios t;
	pid_t pid;
	int go[2];
	char c;

	tty_open();
	sane(&t);
	check_ok(pipe(go));
	child(pid) {
		tty_session();
		check_eq(write(go[1], "x", 1), 1);
		for (;;)
			pause();
	}
	check_eq(read(go[0], &c, 1), 1);
	if (master < 0)
		kill(pid, SIGINT);	/* only the session itself may type here */
	else
		type("\003");
	check_killed(pid, SIGINT);
}

test(quit_and_suspend_keys)
{
	struct termios t;
	pid_t pid, job;
	int go[2];
	char c;

	tty_open();
	if (master < 0)
		skip("needs a pseudo terminal");
	sane(&t);
	check_ok(pipe(go));
	child(pid) {
		tty_session();
		signal(SIGTTOU, SIG_IGN);
		for (int i = 0; i < 2; i++) {
			int status;

			child(job) {
				setpgid(0, 0);
				check_eq(write(go[1], "x", 1), 1);
				for (;;)
					pause();
			}
			setpgid(job, job);
			check_ok(tcsetpgrp(tty, job));
			check_eq(write(go[1], "y", 1), 1);
			check_eq(waitpid(job, &status, WUNTRACED), job);
			if (i == 0) {
				check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
				kill(job, SIGKILL);
				check_killed(job, SIGKILL);
			} else {
				check_eq(WTERMSIG(status), SIGQUIT);
			}
			check_ok(tcsetpgrp(tty, getpid()));
		}
	}
	for (int i = 0; i < 2; i++) {
		check_eq(read(go[0], &c, 1), 1);
		check_eq(read(go[0], &c, 1), 1);
		type(i ? "\034" : "\032");
	}
	check_exit(pid, 0);
}

test(background_reader_stops)
{
	struct termios t;
	pid_t pid;

	tty_open();
	sane(&t);
	child(pid) {
		pid_t job;
		int status;

		tty_session();
		child(job) {
			char c;

			setpgid(0, 0);
			read(tty, &c, 1);
		}
		setpgid(job, job);
		check_eq(waitpid(job, &status, WUNTRACED), job);
		check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
		kill(job, SIGKILL);
		check_killed(job, SIGKILL);
		child(job) {
			char c;

			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			check_err(read(tty, &c, 1), EIO);
		}
		check_exit(job, 0);
	}
	check_exit(pid, 0);
}

test(background_writer)
{
	struct termios t;
	pid_t pid;

	tty_open();
	sane(&t);
	t.c_lflag |= TOSTOP;
	check_ok(tcsetattr(tty, TCSANOW, &t));
	child(pid) {
		pid_t job;
		int status;

		tty_session();
		child(job) {
			setpgid(0, 0);
			check_ok(write(tty, "x", 1));
		}
		setpgid(job, job);
		check_eq(waitpid(job, &status, WUNTRACED), job);
		check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		/* In the foreground again it goes on. */
		check_ok(tcsetpgrp(tty, job));
		check_ok(kill(job, SIGCONT));
		check_exit(job, 0);
	}
	status_of_session(pid);
	t.c_lflag &= ~TOSTOP;
	check_ok(tcsetattr(tty, TCSANOW, &t));
}

test(group_errors)
{
	pid_t pid;

	tty_open();
	check_err(tcsetpgrp(tty, getpgrp()), ENOTTY);
	child(pid) {
		tty_session();
		check_err(tcsetpgrp(tty, 999999), ESRCH);
		check_err(tcsetpgrp(tty, -1), EINVAL);
		check_err(tcsetpgrp(tty, getppid()), EPERM);
	}
	status_of_session(pid);
}

test(session_calls)
{
	pid_t pid, inner;

	child(pid) {
		pid_t me = check_ok(setsid());

		check_eq(me, getpid());
		check_eq(getpgrp(), me);
		check_eq(getsid(0), me);
		check_err(setsid(), EPERM);
		check_err(setpgid(0, 0), EPERM);	/* a session's leader stays where it is */
		check_err(setpgid(getppid(), 0), ESRCH);
		check_err(setpgid(0, -1), EINVAL);
		check_err(getpgid(999999), ESRCH);
		child(inner) {
			check_eq(getsid(0), me);
			check_ok(setpgid(0, 0));
			check_eq(getpgrp(), getpid());
			check_ok(setpgid(0, me));
			check_err(setpgid(0, 1), EPERM);
		}
		check_exit(inner, 0);
	}
	check_exit(pid, 0);
}

test(setpgid_of_a_child_that_executed)
{
	char *argv[] = { ktap_self, "-l", NULL }, *envp[] = { NULL };
	int fd[2];
	char c;
	pid_t pid;

	check_ok(pipe(fd));
	child(pid) {
		check_ok(dup2(fd[1], 1));
		execve(ktap_self, argv, envp);
	}
	check_eq(read(fd[0], &c, 1), 1);
	check_err(setpgid(pid, pid), EACCES);
	check_exit(pid, 0);
}

test(orphaned_group_does_not_stop)
{
	/* The default action of the keyboard's stop signals is nothing where nobody could continue it. */
	pid_t pid;

	child(pid) {
		setsid();
		raise(SIGTSTP);
		raise(SIGTTIN);
	}
	check_exit(pid, 0);
}

test(newly_orphaned_stopped_group)
{
	/* A stopped group that loses its last connection gets SIGHUP and SIGCONT. */
	int fd[2];
	char c;
	pid_t pid, job;

	check_ok(pipe(fd));
	child(pid) {
		setsid();
		child(job) {
			setpgid(0, 0);
			handle(SIGHUP, count, 0);
			raise(SIGSTOP);
			check_eq(write(fd[1], hits ? "h" : "c", 1), 1);
		}
		check_eq(waitpid(job, NULL, WUNTRACED), job);
	}
	check_exit(pid, 0);
	check_eq(read(fd[0], &c, 1), 1);
	check_eq(c, 'h');
}
