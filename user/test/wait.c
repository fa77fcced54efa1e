/* wait4 and waitid: whom they find, how they tell, what they leave. */
#include "sys.h"
#include <sys/resource.h>

#ifndef P_PIDFD
#define P_PIDFD	3
#endif

static int sys_waitid(int type, int id, siginfo_t *si, int options)
{
	return syscall(SYS_waitid, type, id, si, options, NULL);
}

/* A child that waits to be killed or told to end. */
static pid_t sleeper(void)
{
	pid_t pid;

	child(pid) {
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
}

test(exit_codes)
{
	for (int i = 0; i < 256; i += 51) {
		int status;
		pid_t pid;

		child(pid) {
			_exit(i);
		}
		check_eq(waitpid(pid, &status, 0), pid);
		check_eq(status, i << 8);
	}
}

test(exit_code_is_a_byte)
{
	pid_t pid;

	child(pid) {
		_exit(0x1ff);
	}
	check_exit(pid, 0xff);
}

test(killed_by)
{
	static const int sig[] = { SIGKILL, SIGTERM, SIGHUP, SIGINT, SIGUSR1, SIGPIPE, SIGALRM };

	for (size_t i = 0; i < ARRAY_SIZE(sig); i++) {
		pid_t pid = sleeper();
		int status;

		check_ok(kill(pid, sig[i]));
		check_eq(waitpid(pid, &status, 0), pid);
		check_eq(status, sig[i]);
	}
}

test(abort_dumps_or_not)
{
	pid_t pid;

	child(pid) {
		abort();
	}
	check_killed(pid, SIGABRT);
}

test(any_child)
{
	pid_t a, b, got;

	child(a) {
		_exit(1);
	}
	check_exit(a, 1);
	child(b) {
		_exit(2);
	}
	got = waitpid(-1, NULL, 0);
	check_eq(got, b);
}

test(no_children)
{
	int status = 77;

	check_err(waitpid(-1, &status, 0), ECHILD);
	check_err(waitpid(-1, &status, WNOHANG), ECHILD);
	check_err(waitpid(getppid(), &status, 0), ECHILD);
	check_err(waitpid(999999, &status, 0), ECHILD);
	check_eq(status, 77);
}

test(waited_once)
{
	pid_t pid;

	child(pid) {
	}
	check_exit(pid, 0);
	check_err(waitpid(pid, NULL, 0), ECHILD);
	check_err(kill(pid, 0), ESRCH);
}

test(nohang)
{
	int status = 55;
	pid_t pid = sleeper();

	check_eq(waitpid(pid, &status, WNOHANG), 0);
	check_eq(waitpid(-1, &status, WNOHANG), 0);
	check_eq(status, 55);
	end(pid);
}

test(bad_options)
{
	check_err(waitpid(-1, NULL, 0x100), EINVAL);
	check_err(sys_waitid(P_ALL, 0, NULL, 0), EINVAL);
	check_err(sys_waitid(P_ALL, 0, NULL, WNOHANG), EINVAL);
	check_err(sys_waitid(P_ALL, 0, NULL, WEXITED | 0x100), EINVAL);
	check_err(sys_waitid(77, 0, NULL, WEXITED), EINVAL);
	check_err(sys_waitid(P_PID, 0, NULL, WEXITED), EINVAL);
	check_err(sys_waitid(P_PID, -1, NULL, WEXITED), EINVAL);
}

test(bad_pointers)
{
	pid_t pid;

	child(pid) {
		_exit(3);
	}
	check_err(syscall(SYS_wait4, pid, 8, 0, NULL), EFAULT);
	/* It was waited for all the same. */
	check_err(waitpid(pid, NULL, 0), ECHILD);
}

test(by_group)
{
	pid_t a = sleeper(), b;

	check_ok(setpgid(a, a));
	child(b) {
	}
	check_eq(waitpid(0, NULL, 0), b);
	check_err(waitpid(0, NULL, 0), ECHILD);
	check_eq(waitpid(-a, NULL, WNOHANG), 0);
	kill(a, SIGKILL);
	check_eq(waitpid(-a, NULL, 0), a);
}

test(stopped_and_continued)
{
	pid_t pid = sleeper();
	int status;

	check_ok(kill(pid, SIGSTOP));
	check_eq(waitpid(pid, &status, WUNTRACED), pid);
	check_eq(status, 0x7f | SIGSTOP << 8);
	check_eq(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);	/* told once */
	check_ok(kill(pid, SIGCONT));
	check_eq(waitpid(pid, &status, WCONTINUED), pid);
	check_eq(status, 0xffff);
	check_eq(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	check_ok(kill(pid, SIGTSTP));
	check_eq(waitpid(pid, &status, WUNTRACED), pid);
	check_eq(WSTOPSIG(status), SIGTSTP);
	end(pid);
}

test(stop_is_not_told_without_asking)
{
	pid_t pid = sleeper();

	check_ok(kill(pid, SIGSTOP));
	usleep(2000);
	check_eq(waitpid(pid, NULL, WNOHANG), 0);
	end(pid);
}

test(killed_while_stopped)
{
	pid_t pid = sleeper();

	check_ok(kill(pid, SIGSTOP));
	check_eq(waitpid(pid, NULL, WUNTRACED), pid);
	/* Others wait for SIGCONT, SIGKILL does not. */
	check_ok(kill(pid, SIGTERM));
	usleep(2000);
	check_eq(waitpid(pid, NULL, WNOHANG), 0);
	check_ok(kill(pid, SIGCONT));
	check_killed(pid, SIGTERM);
}

test(waitid_exited)
{
	siginfo_t si;
	pid_t pid;

	child(pid) {
		_exit(5);
	}
	memset(&si, 0xff, sizeof(si));
	check_ok(sys_waitid(P_PID, pid, &si, WEXITED));
	check_eq(si.si_signo, SIGCHLD);
	check_eq(si.si_code, CLD_EXITED);
	check_eq(si.si_pid, pid);
	check_eq(si.si_uid, getuid());
	check_eq(si.si_status, 5);
	check_eq(si.si_errno, 0);
}

test(waitid_killed)
{
	siginfo_t si;
	pid_t pid = sleeper();

	check_ok(kill(pid, SIGUSR1));
	check_ok(sys_waitid(P_ALL, 0, &si, WEXITED));
	check_eq(si.si_code, CLD_KILLED);
	check_eq(si.si_status, SIGUSR1);
	check_eq(si.si_pid, pid);
}

test(waitid_stopped_and_continued)
{
	siginfo_t si;
	pid_t pid = sleeper();

	check_ok(kill(pid, SIGSTOP));
	check_ok(sys_waitid(P_PID, pid, &si, WSTOPPED));
	check_eq(si.si_code, CLD_STOPPED);
	check_eq(si.si_status, SIGSTOP);
	check_ok(kill(pid, SIGCONT));
	check_ok(sys_waitid(P_PID, pid, &si, WCONTINUED));
	check_eq(si.si_code, CLD_CONTINUED);
	check_eq(si.si_status, SIGCONT);
	end(pid);
}

test(waitid_nowait_leaves_it)
{
	siginfo_t si;
	pid_t pid;

	child(pid) {
		_exit(7);
	}
	for (int i = 0; i < 3; i++) {
		check_ok(sys_waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
		check_eq(si.si_status, 7);
	}
	check_exit(pid, 7);
}

test(waitid_nohang_zeroes)
{
	siginfo_t si;
	pid_t pid = sleeper();

	memset(&si, 0xff, sizeof(si));
	check_ok(sys_waitid(P_PID, pid, &si, WEXITED | WNOHANG));
	check_eq(si.si_pid, 0);
	check_eq(si.si_signo, 0);
	end(pid);
}

test(waitid_by_pidfd)
{
	siginfo_t si;
	pid_t pid;
	int fd;

	child(pid) {
		_exit(9);
	}
	fd = check_ok(sys_pidfd_open(pid, 0));
	check_ok(sys_waitid(P_PIDFD, fd, &si, WEXITED));
	check_eq(si.si_pid, pid);
	check_eq(si.si_status, 9);
	check_err(sys_waitid(P_PIDFD, 99, &si, WEXITED), EBADF);
}

test(usage)
{
	struct rusage ru;
	int status;
	pid_t pid;

	child(pid) {
		fill(anon(256), 256, 1);
	}
	check_eq(wait4(pid, &status, 0, &ru), pid);
	check(ru.ru_minflt >= 256);
	check(ru.ru_maxrss >= 1024);
	check_ok(getrusage(RUSAGE_CHILDREN, &ru));
	check(ru.ru_minflt >= 256);
}

static volatile sig_atomic_t hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

test(interrupted)
{
	struct sigaction sa = { .sa_handler = count };
	pid_t pid = sleeper();

	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	check_err(waitpid(pid, NULL, 0), EINTR);
	check_eq(hits, 1);
	end(pid);
}

test(restarted)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_RESTART };
	pid_t me = getpid(), pid;

	sigaction(SIGUSR1, &sa, NULL);
	child(pid) {
		usleep(2000);
		kill(me, SIGUSR1);
		usleep(2000);
		_exit(3);
	}
	check_exit(pid, 3);
	check_eq(hits, 1);
}

test(sigchld_is_sent)
{
	struct sigaction sa = { .sa_handler = count };
	pid_t pid;

	sigaction(SIGCHLD, &sa, NULL);
	child(pid) {
	}
	check_exit(pid, 0);
	check_eq(hits, 1);
	pid = sleeper();
	kill(pid, SIGSTOP);
	check_eq(waitpid(pid, NULL, WUNTRACED), pid);
	check_eq(hits, 2);
	end(pid);
	check_eq(hits, 3);
}

test(sigchld_not_for_stops)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_NOCLDSTOP };
	pid_t pid;

	sigaction(SIGCHLD, &sa, NULL);
	pid = sleeper();
	kill(pid, SIGSTOP);
	check_eq(waitpid(pid, NULL, WUNTRACED), pid);
	check_eq(hits, 0);
	end(pid);
	check_eq(hits, 1);
}

test(ignored_children_leave_nothing)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	child(pid) {
		_exit(1);
	}
	check_err(waitpid(pid, NULL, 0), ECHILD);
	check_err(kill(pid, 0), ESRCH);
}

test(nocldwait)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_NOCLDWAIT };
	pid_t pid;

	sigaction(SIGCHLD, &sa, NULL);
	child(pid) {
	}
	check_err(waitpid(-1, NULL, 0), ECHILD);
	check_eq(hits, 1);
}

test(many_in_any_order)
{
	pid_t pid[20];
	int sum = 0;

	for (int i = 0; i < 20; i++) {
		child(pid[i]) {
			usleep((i * 7 % 20) * 300);
			_exit(i);
		}
	}
	for (int i = 0; i < 20; i++) {
		int status;

		check(waitpid(-1, &status, 0) > 0);
		sum += WEXITSTATUS(status);
	}
	check_eq(sum, 190);
	check_err(waitpid(-1, NULL, 0), ECHILD);
}
