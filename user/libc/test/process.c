/*
 * The C library's own tests, part two: processes, the shell, signals.
 */
#define KTAP_AS
#include "user/test/ktap.h"

#include <spawn.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>

#include "scratch.h"

extern char **environ;

/* ---- processes ---- */

test(fork_and_wait)
{
	char *block = malloc(100000);
	int status;
	pid_t pid;

	child(pid)
	{
		char *more = malloc(200000);

		memset(more, 1, 200000);
		free(block);
		_exit(41);
	}
	check_eq(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	check_eq(WEXITSTATUS(status), 41);
	check_err(waitpid(pid, &status, 0), ECHILD);
	child(pid) raise(SIGKILL);
	check_killed(pid, SIGKILL);
	free(block);
}

test(wait_by_id)
{
	siginfo_t info = {0};
	pid_t pid;

	child(pid) _exit(5);
	check_eq(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	check_eq(info.si_signo, SIGCHLD);
	check_eq(info.si_code, CLD_EXITED);
	check_eq(info.si_pid, pid);
	check_eq(info.si_status, 5);
}

static int exit_pipe;

static void at_exit_one(void)
{
	check_eq(write(exit_pipe, "1", 1), 1);
}

static void at_exit_two(void)
{
	check_eq(write(exit_pipe, "2", 1), 1);
}

test(exit_runs_handlers_and_flushes)
{
	char buf[16] = "";
	int ends[2];
	pid_t pid;

	check_eq(pipe(ends), 0);
	child(pid)
	{
		exit_pipe = ends[1];
		check_eq(dup2(ends[1], 1), 1);
		atexit(at_exit_one);
		atexit(at_exit_two);
		printf("out");
		exit(7);
	}
	close(ends[1]);
	check_exit(pid, 7);
	check_eq(read(ends[0], buf, sizeof(buf)), 5);
	check_str(buf, "21out");

	check_eq(pipe(ends), 0);
	child(pid)
	{
		check_eq(dup2(ends[1], 1), 1);
		printf("lost");
		_exit(0);
	}
	close(ends[1]);
	check_exit(pid, 0);
	check_eq(read(ends[0], buf, sizeof(buf)), 0);
}

static int ktap_as(int argc, char **argv)
{
	const char *var = getenv("QUIRE_VAR");

	if (argc == 2 && !strcmp(argv[0], "echo") && var)
		return !strcmp(argv[1], "with space") && !strcmp(var, "kept") ? 23 : 1;
	return 2;
}

#define SELF "/proc/self/exe"

test(exec_passes_arguments)
{
	char *argv[] = {SELF, "--as", "echo", "with space", NULL};
	char *envp[] = {"QUIRE_VAR=kept", NULL};
	pid_t pid;

	child(pid)
	{
		execve(SELF, argv, envp);
		_exit(99);
	}
	check_exit(pid, 23);
	check_err(execve("/no/such", argv, envp), ENOENT);
	check_err(execve("/dev", argv, envp), EACCES);
	check_err(execvp("no-such-program-here", argv), ENOENT);
	check_err(execlp("no-such-program-here", "x", NULL), ENOENT);
}

test(vfork_shares_memory)
{
	static volatile int shared;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 12;
		_exit(3);
	}
	check(pid > 0);
	check_eq(shared, 12);
	check_exit(pid, 3);
}

test(spawn)
{
	char *argv[] = {SELF, "--as", "echo", "with space", NULL};
	char *envp[] = {"QUIRE_VAR=kept", NULL};
	pid_t pid;

	check_eq(posix_spawn(&pid, SELF, NULL, NULL, argv, envp), 0);
	check_exit(pid, 23);
	check_eq(posix_spawn(&pid, "/no/such", NULL, NULL, argv, envp), ENOENT);
}

test(system_waits_for_its_own_child)
{
	pid_t other;

	check(system(NULL));
	child(other) _exit(9);
	check_eq(system("exit 6"), 6 << 8);
	check_eq(system("kill -9 $$"), SIGKILL);
	check_eq(system("test \"$PPID\" = $PPID"), 0);
	check_exit(other, 9);
}

test(pipes_to_the_shell)
{
	char *dir = scratch_dir(), line[32];
	FILE *f;

	check_eq(chdir(dir), 0);
	f = popen("echo one; echo two; exit 3", "r");
	check(f);
	check(fgets(line, sizeof(line), f));
	check_str(line, "one\n");
	check(fgets(line, sizeof(line), f));
	check_str(line, "two\n");
	check(!fgets(line, sizeof(line), f));
	check_eq(pclose(f), 3 << 8);

	f = popen("cat > copied", "w");
	check(f);
	fprintf(f, "through the pipe\n");
	check_eq(pclose(f), 0);
	f = fopen("copied", "r");
	check(f && fgets(line, sizeof(line), f));
	check_str(line, "through the pipe\n");
	fclose(f);
	check(!popen("true", "x"));
	check_eq(errno, EINVAL);
	scratch_remove(dir, "copied", NULL);
}

test(identity)
{
	check_eq(getpgrp(), getpgid(0));
	check(getppid() > 0);
	check_eq(getuid(), geteuid());
	check(getauxval(AT_PHDR) && getauxval(AT_RANDOM));
	check_eq(getpriority(PRIO_PROCESS, 0), 0);
	check_eq(nice(1), 1);
	check_eq(getpriority(PRIO_PROCESS, 0), 1);
}

/* ---- signals ---- */

static volatile siginfo_t seen;
static volatile int count;

static void on_info(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	count++;
	seen.si_signo = sig;
	seen.si_code = info->si_code;
	seen.si_value = info->si_value;
	seen.si_pid = info->si_pid;
	check(uc->uc_mcontext.gregs[REG_RIP] != 0);
}

static void catch_info(int sig, int flags)
{
	struct sigaction act = {.sa_sigaction = on_info,
				.sa_flags = (unsigned int)flags | SA_SIGINFO};

	check_eq(sigaction(sig, &act, NULL), 0);
}

test(signal_numbers_are_linux)
{
	check_eq(SIGUSR1, 10);
	check_eq(SIGCHLD, 17);
	check_eq(SA_RESTART, 0x10000000);
	check_eq(sizeof(siginfo_t), 128);
	check_eq(sizeof(struct sigaction), 32);
	check_err(sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), EINVAL);
}

test(handlers_get_information)
{
	struct sigaction old;
	union sigval value = {.sival_int = 77};

	catch_info(SIGUSR1, 0);
	check_eq(raise(SIGUSR1), 0);
	check_eq(count, 1);
	check_eq(seen.si_code, SI_TKILL);
	check_eq(kill(getpid(), SIGUSR1), 0);
	check_eq(seen.si_code, SI_USER);
	check_eq(seen.si_pid, getpid());
	check_eq(sigqueue(getpid(), SIGUSR1, value), 0);
	check_eq(seen.si_code, SI_QUEUE);
	check_eq(seen.si_value.sival_int, 77);
	check_eq(sigaction(SIGUSR1, NULL, &old), 0);
	check_eq(old.sa_flags, SA_SIGINFO);
	check(old.sa_sigaction == on_info);
}

test(masks_hold_signals_back)
{
	sigset_t set, old, pending;

	catch_info(SIGUSR1, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	check_eq(sigprocmask(SIG_BLOCK, &set, &old), 0);
	check_eq(sigismember(&old, SIGUSR1), 0);
	raise(SIGUSR1);
	check_eq(count, 0);
	check_eq(sigpending(&pending), 0);
	check_eq(sigismember(&pending, SIGUSR1), 1);
	check_err(sigsuspend(&old), EINTR);
	check_eq(count, 1);
	raise(SIGUSR1);
	check_eq(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	check_eq(count, 2);
	check_err(sigaddset(&set, 65), EINVAL);
}

test(signals_can_be_waited_for)
{
	struct timespec none = {0, 0};
	union sigval value = {.sival_int = -3};
	siginfo_t info;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	check_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	check_err(sigtimedwait(&set, &info, &none), EAGAIN);
	raise(SIGUSR2);
	check_eq(sigwait(&set, &sig), 0);
	check_eq(sig, SIGUSR2);
	check_eq(sigqueue(getpid(), SIGUSR2, value), 0);
	check_eq(sigwaitinfo(&set, &info), SIGUSR2);
	check_eq(info.si_int, -3);
}

static void interrupt_soon(pid_t target)
{
	struct timespec nap = {0, 50000000};
	pid_t pid;

	child(pid)
	{
		nanosleep(&nap, NULL);
		kill(target, SIGUSR1);
		nanosleep(&nap, NULL);
		kill(target, SIGUSR2);
	}
}

static int write_end;

static void on_write(int sig)
{
	(void)sig;
	count++;
	check_eq(write(write_end, "w", 1), 1);
}

test(calls_are_interrupted_or_restarted)
{
	struct sigaction writer = {.sa_handler = on_write};
	int ends[2];
	char c;

	check_eq(pipe(ends), 0);
	write_end = ends[1];
	catch_info(SIGUSR1, 0);
	check_eq(sigaction(SIGUSR2, &writer, NULL), 0);
	interrupt_soon(getpid());
	check_err(read(ends[0], &c, 1), EINTR);
	check_eq(read(ends[0], &c, 1), -1);
	check_eq(read(ends[0], &c, 1), 1);

	catch_info(SIGUSR1, SA_RESTART);
	writer.sa_flags = SA_RESTART;
	check_eq(sigaction(SIGUSR2, &writer, NULL), 0);
	interrupt_soon(getpid());
	check_eq(read(ends[0], &c, 1), 1);
	check_eq(count, 4);
}

static char *alternate;

static void on_alternate(int sig)
{
	char here;

	(void)sig;
	count = &here > alternate && &here < alternate + SIGSTKSZ * 4;
}

test(alternate_stack)
{
	struct sigaction act = {.sa_handler = on_alternate, .sa_flags = SA_ONSTACK};
	stack_t ss = {.ss_size = SIGSTKSZ * 4}, old;

	ss.ss_sp = alternate = malloc(ss.ss_size);
	check_eq(sigaltstack(&ss, NULL), 0);
	check_eq(sigaltstack(NULL, &old), 0);
	check_eq(old.ss_sp, alternate);
	check_eq(sigaction(SIGUSR1, &act, NULL), 0);
	raise(SIGUSR1);
	check_eq(count, 1);
	ss.ss_size = 10;
	check_err(sigaltstack(&ss, NULL), ENOMEM);
}

static void on_plain(int sig)
{
	count += sig;
}

test(bsd_signal)
{
	check(signal(SIGUSR1, on_plain) == SIG_DFL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	check_eq(count, 2 * SIGUSR1);
	check(signal(SIGUSR1, SIG_IGN) == on_plain);
	raise(SIGUSR1);
	check(signal(SIGKILL, on_plain) == SIG_ERR);
}

test(jump_out_of_a_handler)
{
	check_accerr(fault_write(getpagesize), getpagesize);
	check_maperr(fault_read(16), 16);
}

test(abort_kills)
{
	pid_t pid;

	child(pid)
	{
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, on_plain);
		abort();
	}
	check_killed(pid, SIGABRT);
}

test(alarm_rings)
{
	struct timespec nap = {20, 0};

	catch_info(SIGALRM, 0);
	check_eq(alarm(1), 0);
	check_err(nanosleep(&nap, &nap), EINTR);
	check(nap.tv_sec >= 15 && nap.tv_sec <= 19);
	check_eq(count, 1);
}
