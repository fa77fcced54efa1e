/*
 * execve: what the new program finds, what is kept and what is not, limits.  The program is mostly this one under
 * --as; what the kernel makes of other files is elf.c's subject.
 */
#define KTAP_AS
#include "elf_file.h"
#include <sys/resource.h>

extern char **environ;

/* ---- this program as the one executed: argv[0] says what to look at ---- */

static int ktap_as(int argc, char **argv)
{
	if (!strcmp(argv[0], "args")) {
		int n = 0;

		for (char **e = environ; *e; e++)
			n++;
		if (argc > 2 && argv[argc])
			return 99;
		return argc * 16 + n;
	}
	if (!strcmp(argv[0], "length"))
		return strlen(argv[1]) == (size_t)atoi(argv[2]) ? 0 : 1;
	if (!strcmp(argv[0], "fd"))
		return fcntl(atoi(argv[1]), F_GETFD) < 0 ? 1 : 0;
	if (!strcmp(argv[0], "signals")) {
		struct sigaction a, b, c;
		sigset_t set;

		sigaction(SIGUSR1, NULL, &a);
		sigaction(SIGUSR2, NULL, &b);
		sigprocmask(SIG_BLOCK, NULL, &set);
		sigaction(SIGHUP, NULL, &c);
		return (a.sa_handler == SIG_DFL) | (b.sa_handler == SIG_IGN) << 1 |
		       sigismember(&set, SIGTERM) << 2 | (c.sa_handler == SIG_DFL) << 3;
	}
	if (!strcmp(argv[0], "altstack")) {
		stack_t ss;

		sigaltstack(NULL, &ss);
		return ss.ss_flags & SS_DISABLE ? 0 : 1;
	}
	if (!strcmp(argv[0], "pid"))
		return getpid() == atoi(argv[1]) ? 0 : 1;
	if (!strcmp(argv[0], "pending")) {
		sigset_t set;

		sigpending(&set);
		return sigismember(&set, SIGTERM);
	}
	if (!strcmp(argv[0], "unmapped")) {
		struct map m;

		return map_find(0, (void *)ARENA, &m);
	}
	if (!strcmp(argv[0], "comm")) {
		char comm[32] = "";
		int fd = open("/proc/self/comm", O_RDONLY);

		if (read(fd, comm, sizeof(comm) - 1) < 0)
			return 2;
		return strcmp(comm, argv[1]) ? 1 : 0;
	}
	if (!strcmp(argv[0], "timer")) {
		pause();
		return 1;
	}
	return 98;
}

/* Execute this program as WHAT in a child; its raw status. */
static int run(char *const argv[], char *const envp[])
{
	pid_t pid;

	child(pid) {
		execve(ktap_self, argv, envp);
		_exit(97);
	}
	return reap(pid);
}

#define run_as(...)	run((char *[]){ ktap_self, "--as", __VA_ARGS__, NULL }, (char *[]){ NULL })

/* ---- arguments ---- */

test(arguments_and_environment)
{
	char *argv[] = { "name", "--as", "args", "b", "c", NULL };
	char *envp[] = { "A=1", "B=2", "C=3", NULL };

	check_eq(run(argv, envp), (3 * 16 + 3) << 8);
}

test(null_argv)
{
	/* Linux makes an empty first argument. */
	struct elf e;
	const char *path;
	pid_t pid;

	elf_init(&e, ET_EXEC, 0x400000);
	/* pop %rdi (argc); exit(argc) */
	memcpy(e.code, (unsigned char[]){ 0x5f, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 }, 8);
	path = write_file(&e, sizeof(e), 0755);
	child(pid) {
		syscall(SYS_execve, path, NULL, NULL);
	}
	check_exit(pid, 1);
	unlink(path);
}

test(long_argument)
{
	size_t n = 100000;
	char *s = anon(32);

	memset(s, 'a', n);
	check_eq(run_as("length", s, "100000"), 0);
}

test(argument_too_long)
{
	/* One string may be 32 pages with its end. */
	size_t n = 32 * PAGE - 1;
	char *s = anon(40), *argv[] = { "x", s, NULL }, *envp[] = { NULL };

	memset(s, 'a', n + 1);
	check_err(execve(ktap_self, argv, envp), E2BIG);
	s[n] = 0;
	argv[1] = "x";
	envp[0] = s;
	s[n] = 'a';
	check_err(execve(ktap_self, argv, (char *[]){ s, NULL }), E2BIG);
}

test(arguments_too_many)
{
	struct rlimit rl = { 1 << 20, 1 << 20 };
	char **argv = (char **)anon(64), *envp[] = { NULL };

	/* A quarter of the stack's limit, pointers included. */
	check_ok(setrlimit(RLIMIT_STACK, &rl));
	for (int i = 0; i < 30000; i++)
		argv[i] = "aaaaaaaaaaaaaaaa";
	check_err(execve(ktap_self, argv, envp), E2BIG);
}

test(bad_pointers)
{
	char *argv[] = { (char *)8, NULL }, *envp[] = { NULL };

	check_err(syscall(SYS_execve, 8, argv, envp), EFAULT);
	check_err(execve(ktap_self, argv, envp), EFAULT);
	check_err(syscall(SYS_execve, ktap_self, 8, envp), EFAULT);
	check_err(syscall(SYS_execve, ktap_self, envp, 0xffffffff80000000), EFAULT);
}

test(missing)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };

	check_err(execve("/nonexistent", argv, envp), ENOENT);
	check_err(execve("/nonexistent/x", argv, envp), ENOENT);
	check_err(execve("", argv, envp), ENOENT);
	check_err(execve("/proc/self/maps/x", argv, envp), ENOTDIR);
}

test(not_executable)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	const char *path = write_file("x", 1, 0644);

	check_err(execve(path, argv, envp), EACCES);
	check_err(execve("/", argv, envp), EACCES);
	check_err(execve("/dev/null", argv, envp), EACCES);
	unlink(path);
}

test(name_too_long)
{
	char *path = anon(2), *argv[] = { "x", NULL }, *envp[] = { NULL };

	memset(path, 'a', 5000);
	check_err(execve(path, argv, envp), ENAMETOOLONG);
	path[0] = '/';
	path[300] = 0;
	check_err(execve(path, argv, envp), ENAMETOOLONG);
}

test(script)
{
	char script[300];
	int n = snprintf(script, sizeof(script), "#!%s --as\nx\n", ktap_self);
	const char *path = write_file(script, n, 0755);
	char *argv[] = { "zero", "b", NULL }, *envp[] = { NULL };
	pid_t pid;

	/* The program gets: itself, "--as", the script's path, "b". */
	child(pid) {
		execve(path, argv, envp);
		_exit(97);
	}
	check_exit(pid, 98);
	n = snprintf(script, sizeof(script), "#!/nonexistent/interpreter\n");
	check_eq(run_bytes(script, n), -ENOENT);
	check(run_bytes("#!", 2) < 0);
	check_eq(run_bytes("#!\n", 3), -ENOEXEC);
	unlink(path);
}

/* ---- what is kept ---- */

test(descriptors)
{
	char number[16];
	int keep = check_ok(dup(1)), drop = check_ok(fcntl(1, F_DUPFD_CLOEXEC, 0));

	snprintf(number, sizeof(number), "%d", keep);
	check_eq(run_as("fd", number), 0);
	snprintf(number, sizeof(number), "%d", drop);
	check_eq(run_as("fd", number), 1 << 8);
}

static void nothing(int sig)
{
	(void)sig;
}

test(signals)
{
	sigset_t set;

	signal(SIGUSR1, nothing);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	check_eq(run_as("signals"), 15 << 8);
}

test(pending_signals_stay)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child(pid) {
		char *argv[] = { ktap_self, "--as", "pending", NULL }, *envp[] = { NULL };

		raise(SIGTERM);
		execve(ktap_self, argv, envp);
	}
	check_exit(pid, 1);
}

test(altstack_is_gone)
{
	stack_t ss = { .ss_sp = anon(4), .ss_size = 4 * PAGE };

	check_ok(sigaltstack(&ss, NULL));
	check_eq(run_as("altstack"), 0);
}

test(pid_stays)
{
	char number[16];
	pid_t pid;

	child(pid) {
		char *argv[] = { ktap_self, "--as", "pid", number, NULL }, *envp[] = { NULL };

		snprintf(number, sizeof(number), "%d", getpid());
		execve(ktap_self, argv, envp);
	}
	check_exit(pid, 0);
}

test(memory_is_gone)
{
	arena(0, 4);
	check_eq(run_as("unmapped"), 0);
}

test(comm_is_the_file_name)
{
	char *base = strrchr(ktap_self, '/'), want[32];

	snprintf(want, sizeof(want), "%.15s\n", base ? base + 1 : ktap_self);
	check_eq(run_as("comm", want), 0);
}

test(alarm_stays)
{
	pid_t pid;

	child(pid) {
		char *argv[] = { ktap_self, "--as", "timer", NULL }, *envp[] = { NULL };

		alarm(1);
		execve(ktap_self, argv, envp);
	}
	check_killed(pid, SIGALRM);
}

test(failure_leaves_everything)
{
	char *p = arena(0, 2), *argv[] = { "x", NULL }, *envp[] = { NULL };
	const char *path = write_file("no program\n", 11, 0755);
	int fd = check_ok(fcntl(1, F_DUPFD_CLOEXEC, 0));

	fill(p, 2, 1);
	signal(SIGUSR1, nothing);
	check_err(execve(path, argv, envp), ENOEXEC);
	check_fill(p, 2, 1);
	check(fcntl(fd, F_GETFD) >= 0);
	check(signal(SIGUSR1, SIG_DFL) == nothing);
	unlink(path);
}
