/* Signals: delivery, siginfo, masks, pending, default actions, interrupted calls, who may send what. */
#include "sig.h"

test(handler_runs)
{
	handle(SIGUSR1, count, 0);
	check_ok(kill(getpid(), SIGUSR1));
	/* A signal to oneself arrives before kill() returns. */
	check_eq(hits, 1);
	check_eq(last, SIGUSR1);
	check_ok(raise(SIGUSR1));
	check_eq(hits, 2);
}

test(every_signal_can_be_caught)
{
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33 || sig == 34)
			continue;
		handle(sig, count, 0);
		hits = 0;
		check_ok(kill(getpid(), sig));
		check_eq(hits, 1);
		check_eq(last, sig);
	}
}

test(kill_and_stop_cannot)
{
	struct sigaction sa = { .sa_handler = count };

	check_err(sigaction(SIGKILL, &sa, NULL), EINVAL);
	check_err(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	check_err(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
	check_err(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
	check_err(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
	check_ok(sigaction(SIGKILL, NULL, &sa));
}

test(old_action_is_told)
{
	struct sigaction sa;

	handle(SIGUSR1, count, SA_RESTART | SA_NODEFER);
	check_ok(sigaction(SIGUSR1, NULL, &sa));
	check_eq(sa.sa_handler, count);
	check_eq(sa.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO), SA_RESTART | SA_NODEFER);
}

test(default_actions)
{
	static const int ignored[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV,
				     SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM,
				     SIGPROF, SIGIO, SIGPWR, SIGSYS, 40, 64 };
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		check_ok(kill(getpid(), ignored[i]));
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
		child(pid) {
			kill(getpid(), fatal[i]);
		}
		check_killed(pid, fatal[i]);
	}
}

test(siginfo_of_kill)
{
	handle_info(SIGUSR1, 0);
	check_ok(kill(getpid(), SIGUSR1));
	check_eq(seen.si_signo, SIGUSR1);
	check_eq(seen.si_code, SI_USER);
	check_eq(seen.si_pid, getpid());
	check_eq(seen.si_uid, getuid());
	check_eq(seen.si_errno, 0);
}

test(siginfo_of_tgkill)
{
	handle_info(SIGUSR1, 0);
	check_ok(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	check_eq(seen.si_code, SI_TKILL);
	check_eq(seen.si_pid, getpid());
}

test(siginfo_of_sigqueue)
{
	union sigval v = { .sival_int = 12345 };

	handle_info(SIGUSR1, 0);
	check_ok(sigqueue(getpid(), SIGUSR1, v));
	check_eq(seen.si_code, SI_QUEUE);
	check_eq(seen.si_value.sival_int, 12345);
	check_eq(seen.si_pid, getpid());
}

test(siginfo_of_child)
{
	pid_t pid;

	handle_info(SIGCHLD, 0);
	child(pid) {
		_exit(9);
	}
	check_exit(pid, 9);
	check_eq(seen.si_code, CLD_EXITED);
	check_eq(seen.si_pid, pid);
	check_eq(seen.si_status, 9);
	child(pid) {
		kill(getpid(), SIGTERM);
	}
	check_killed(pid, SIGTERM);
	check_eq(seen.si_code, CLD_KILLED);
	check_eq(seen.si_status, SIGTERM);
}

test(siginfo_of_alarm)
{
	struct itimerval it = { .it_value = { 0, 1000 } };

	handle_info(SIGALRM, 0);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	while (!hits)
		pause();
	check_eq(seen.si_code, SI_KERNEL);
	check_eq(seen.si_signo, SIGALRM);
}

test(kill_errors)
{
	check_err(kill(getpid(), 65), EINVAL);
	check_err(kill(getpid(), -1), EINVAL);
	check_ok(kill(getpid(), 0));
	check_err(kill(999999, SIGTERM), ESRCH);
	check_err(kill(-999999, SIGTERM), ESRCH);
	check_err(syscall(SYS_tgkill, getpid(), 999999, SIGTERM), ESRCH);
	check_err(syscall(SYS_tgkill, 0, getpid(), SIGTERM), EINVAL);
	check_err(syscall(SYS_tgkill, getpid(), -1, SIGTERM), EINVAL);
	check_err(syscall(SYS_tgkill, getppid(), getpid(), SIGUSR1), ESRCH);
}

test(kill_permission)
{
	pid_t pid, me = getpid();

	need_root();
	child(pid) {
		check_ok(setuid(1234));
		check_err(kill(me, SIGTERM), EPERM);
		check_err(kill(me, 0), EPERM);
		check_ok(kill(getpid(), 0));
	}
	check_exit(pid, 0);
}

test(kill_group)
{
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		child(pid[i]) {
			setpgid(0, i ? pid[0] : 0);
			for (;;)
				pause();
		}
		setpgid(pid[i], pid[0]);
	}
	check_ok(kill(-pid[0], SIGTERM));
	for (int i = 0; i < 3; i++)
		check_killed(pid[i], SIGTERM);
	check_err(kill(-pid[0], 0), ESRCH);
}

test(kill_own_group)
{
	handle(SIGUSR1, count, 0);
	check_ok(kill(0, SIGUSR1));
	check_eq(hits, 1);
}

test(blocked_waits)
{
	sigset_t pending;

	handle(SIGUSR1, count, 0);
	block(SIGUSR1);
	check_ok(raise(SIGUSR1));
	check_eq(hits, 0);
	check_ok(sigpending(&pending));
	check(sigismember(&pending, SIGUSR1));
	unblock(SIGUSR1);
	check_eq(hits, 1);
	check_ok(sigpending(&pending));
	check(!sigismember(&pending, SIGUSR1));
}

test(standard_ones_do_not_queue)
{
	handle(SIGUSR1, count, 0);
	block(SIGUSR1);
	for (int i = 0; i < 5; i++)
		kill(getpid(), SIGUSR1);
	unblock(SIGUSR1);
	check_eq(hits, 1);
}

test(realtime_ones_queue_in_order)
{
	union sigval v;

	handle_info(SIGRTMIN + 3, 0);
	block(SIGRTMIN + 3);
	for (int i = 0; i < 5; i++) {
		v.sival_int = i;
		check_ok(sigqueue(getpid(), SIGRTMIN + 3, v));
	}
	unblock(SIGRTMIN + 3);
	check_eq(hits, 5);
	check_eq(seen.si_value.sival_int, 4);
}

test(kill_cannot_be_blocked)
{
	pid_t pid;

	child(pid) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		sigprocmask(SIG_SETMASK, NULL, &all);
		check(!sigismember(&all, SIGKILL));
		check(!sigismember(&all, SIGSTOP));
		for (;;)
			pause();
	}
	usleep(2000);
	check_ok(kill(pid, SIGKILL));
	check_killed(pid, SIGKILL);
}

test(mask_calls)
{
	sigset_t a = set_of(SIGUSR1), b = set_of(SIGUSR2), old;

	check_ok(sigprocmask(SIG_SETMASK, &a, NULL));
	check_ok(sigprocmask(SIG_BLOCK, &b, &old));
	check(sigismember(&old, SIGUSR1) && !sigismember(&old, SIGUSR2));
	check_ok(sigprocmask(SIG_UNBLOCK, &a, &old));
	check(sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2));
	check_err(sigprocmask(77, &a, NULL), EINVAL);
	check_err(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &a, NULL, 4), EINVAL);
	check_err(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8), EFAULT);
	check_ok(sigprocmask(77, NULL, &old));
}

static sigset_t mask_in_handler;

static void look_at_mask(int sig)
{
	(void)sig;
	sigprocmask(SIG_BLOCK, NULL, &mask_in_handler);
}

test(mask_in_handler_and_after)
{
	struct sigaction sa = { .sa_handler = look_at_mask };
	sigset_t after;

	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGUSR2);
	check_ok(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	check(sigismember(&mask_in_handler, SIGUSR1));
	check(sigismember(&mask_in_handler, SIGUSR2));
	sigprocmask(SIG_BLOCK, NULL, &after);
	check(!sigismember(&after, SIGUSR1));
	check(!sigismember(&after, SIGUSR2));
	sa.sa_flags = SA_NODEFER;
	check_ok(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	check(!sigismember(&mask_in_handler, SIGUSR1));
	check(sigismember(&mask_in_handler, SIGUSR2));
}

static void recurse(int sig)
{
	hits++;
	if (hits < 5)
		raise(sig);
	last++;
}

test(nodefer_nests)
{
	handle(SIGUSR1, recurse, SA_NODEFER);
	raise(SIGUSR1);
	check_eq(hits, 5);
	check_eq(last, 5);
}

test(resethand)
{
	pid_t pid;

	handle(SIGUSR1, count, SA_RESETHAND);
	raise(SIGUSR1);
	check_eq(hits, 1);
	child(pid) {
		raise(SIGUSR1);
	}
	check_killed(pid, SIGUSR1);
}

test(ignored_is_dropped)
{
	sigset_t pending;

	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	block(SIGUSR1);
	handle(SIGUSR1, count, 0);
	raise(SIGUSR1);
	/* Ignoring also forgets what is pending. */
	signal(SIGUSR1, SIG_IGN);
	sigpending(&pending);
	check(!sigismember(&pending, SIGUSR1));
	handle(SIGUSR1, count, 0);
	unblock(SIGUSR1);
	check_eq(hits, 0);
}

test(cont_forgets_stops)
{
	sigset_t pending;

	block(SIGTSTP);
	block(SIGCONT);
	raise(SIGTSTP);
	raise(SIGCONT);
	sigpending(&pending);
	check(!sigismember(&pending, SIGTSTP));
	check(sigismember(&pending, SIGCONT));
}

test(sigsuspend_swaps_the_mask)
{
	sigset_t none, now;

	handle(SIGUSR1, count, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	sigemptyset(&none);
	check_err(sigsuspend(&none), EINTR);
	check_eq(hits, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	check(sigismember(&now, SIGUSR1));
}

test(pause_returns_eintr)
{
	struct itimerval it = { .it_value = { 0, 2000 } };

	handle(SIGALRM, count, SA_RESTART);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_err(pause(), EINTR);
	check_eq(hits, 1);
}

test(sigtimedwait_takes)
{
	struct timespec now = { 0, 0 }, soon = { 0, 1000000 };
	sigset_t set = set_of(SIGUSR1);
	siginfo_t si;

	block(SIGUSR1);
	check_err(sigtimedwait(&set, &si, &now), EAGAIN);
	check_err(sigtimedwait(&set, &si, &soon), EAGAIN);
	raise(SIGUSR1);
	check_eq(sigtimedwait(&set, &si, &now), SIGUSR1);
	check_eq(si.si_signo, SIGUSR1);
	check_err(sigtimedwait(&set, &si, &now), EAGAIN);
}

/* ---- interrupted calls ---- */

static void later(pid_t pid, int sig, int then_fd)
{
	pid_t helper;

	child(helper) {
		usleep(3000);
		kill(pid, sig);
		usleep(3000);
		if (then_fd >= 0)
			check_eq(write(then_fd, "x", 1), 1);
	}
}

test(read_is_interrupted)
{
	int fd[2];
	char c;

	check_ok(pipe(fd));
	handle(SIGUSR1, count, 0);
	later(getpid(), SIGUSR1, -1);
	check_err(read(fd[0], &c, 1), EINTR);
	check_eq(hits, 1);
}

test(read_is_restarted)
{
	int fd[2];
	char c;

	check_ok(pipe(fd));
	handle(SIGUSR1, count, SA_RESTART);
	later(getpid(), SIGUSR1, fd[1]);
	check_eq(read(fd[0], &c, 1), 1);
	check_eq(hits, 1);
}

test(ignored_does_not_interrupt)
{
	int fd[2];
	char c;

	check_ok(pipe(fd));
	signal(SIGUSR1, SIG_IGN);
	later(getpid(), SIGUSR1, fd[1]);
	check_eq(read(fd[0], &c, 1), 1);
	handle(SIGUSR1, SIG_DFL, 0);
	signal(SIGWINCH, SIG_DFL);
	later(getpid(), SIGWINCH, fd[1]);
	check_eq(read(fd[0], &c, 1), 1);
}

test(stop_and_continue_restarts)
{
	int fd[2];
	char c;
	pid_t pid;

	check_ok(pipe(fd));
	child(pid) {
		check_eq(read(fd[0], &c, 1), 1);
	}
	usleep(2000);
	check_ok(kill(pid, SIGSTOP));
	check_eq(waitpid(pid, NULL, WUNTRACED), pid);
	check_ok(kill(pid, SIGCONT));
	check_eq(write(fd[1], "x", 1), 1);
	check_exit(pid, 0);
}

/* ---- more than one ---- */

test(pending_both_delivered)
{
	handle(SIGUSR1, count, 0);
	handle(SIGUSR2, count, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	raise(SIGUSR2);
	raise(SIGUSR1);
	sigset_t none;

	sigemptyset(&none);
	check_ok(sigprocmask(SIG_SETMASK, &none, NULL));
	check_eq(hits, 2);
}

static int fds[2];

static void write_byte(int sig)
{
	(void)sig;
	check_eq(write(fds[1], "x", 1), 1);
}

test(handler_makes_calls)
{
	char c;

	check_ok(pipe(fds));
	handle(SIGUSR1, write_byte, 0);
	raise(SIGUSR1);
	check_eq(read(fds[0], &c, 1), 1);
}
