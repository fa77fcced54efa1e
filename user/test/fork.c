/* fork, vfork, clone: what is inherited, what is not, flags, errors. */
#include "mm.h"
#include <sched.h>
#include <sys/time.h>
#include <sys/resource.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND	0x100000000ULL
#endif

struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};

static long raw_clone(unsigned long flags, void *stack, int *ptid, int *ctid)
{
	return syscall(SYS_clone, flags, stack, ptid, ctid, 0);
}

test(pids)
{
	pid_t me = getpid(), pid;

	child(pid) {
		check(getpid() != me);
		check_eq(getppid(), me);
		check_eq(syscall(SYS_gettid), getpid());
		check_eq(getpgrp(), getpgid(me));
		check_eq(getsid(0), getsid(me));
	}
	check(pid > 0);
	check_exit(pid, 0);
}

test(descriptors_are_shared)
{
	int fd = temp_file(2 * PAGE);
	char c;
	pid_t pid;

	child(pid) {
		check_eq(lseek(fd, PAGE, SEEK_SET), PAGE);
		check_eq(read(fd, &c, 1), 1);
		close(fd);
	}
	check_exit(pid, 0);
	/* One open file: the offset moved here too; closing was the child's own. */
	check_eq(lseek(fd, 0, SEEK_CUR), PAGE + 1);
	check_eq(read(fd, &c, 1), 1);
	check_eq(c, 2);
}

test(cwd_and_umask_are_copied)
{
	char cwd[64];
	pid_t pid;

	umask(022);
	check_ok(chdir("/"));
	child(pid) {
		check_eq(umask(077), 022);
		check_ok(chdir("/proc"));
	}
	check_exit(pid, 0);
	check_eq(umask(022), 022);
	check_ok(getcwd(cwd, sizeof(cwd)));
	check_str(cwd, "/");
}

static void nothing(int sig)
{
	(void)sig;
}

test(signal_state)
{
	struct sigaction sa;
	sigset_t set;
	pid_t pid;

	signal(SIGUSR1, nothing);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGHUP);
	child(pid) {
		sigaction(SIGUSR1, NULL, &sa);
		check_eq(sa.sa_handler, nothing);
		sigaction(SIGUSR2, NULL, &sa);
		check_eq(sa.sa_handler, SIG_IGN);
		sigprocmask(SIG_BLOCK, NULL, &set);
		check(sigismember(&set, SIGTERM));
		/* What is pending for the parent is not for the child. */
		sigpending(&set);
		check(!sigismember(&set, SIGHUP));
	}
	check_exit(pid, 0);
	sigpending(&set);
	check(sigismember(&set, SIGHUP));
}

test(timers_are_not_inherited)
{
	struct itimerval it = { .it_value = { 100, 0 } };
	pid_t pid;

	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	child(pid) {
		check_ok(getitimer(ITIMER_REAL, &it));
		check_eq(it.it_value.tv_sec, 0);
		check_eq(it.it_value.tv_usec, 0);
	}
	check_exit(pid, 0);
}

test(usage_starts_at_zero)
{
	struct rusage ru;
	char *p = anon(256);
	pid_t pid;

	fill(p, 256, 1);
	child(pid) {
		check_ok(getrusage(RUSAGE_SELF, &ru));
		check(ru.ru_minflt < 200);
	}
	check_exit(pid, 0);
}

test(limits_are_copied)
{
	struct rlimit rl = { 100, 200 }, got;
	pid_t pid;

	check_ok(setrlimit(RLIMIT_NOFILE, &rl));
	child(pid) {
		check_ok(getrlimit(RLIMIT_NOFILE, &got));
		check_eq(got.rlim_cur, 100);
		check_eq(got.rlim_max, 200);
	}
	check_exit(pid, 0);
}

test(registers_survive)
{
	/* Every callee-saved and the x87/SSE state is the same in both. */
	volatile double d = 1.5;
	double before = d * 3, after;
	unsigned int mxcsr = 0x1fa0, got = 0;
	pid_t pid;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	child(pid) {
		after = d * 3;
		check(after == before);
		__asm__ volatile("stmxcsr %0" : "=m"(got));
		check_eq(got & 0xffc0, mxcsr & 0xffc0);
	}
	check_exit(pid, 0);
}

test(vfork_waits_for_exit)
{
	volatile int *shared = (volatile int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pid_t pid = vfork();

	if (pid == 0) {
		usleep(20000);
		*shared = 1;
		_exit(3);
	}
	check_eq(*shared, 1);
	check_exit(pid, 3);
}

test(vfork_waits_for_exec)
{
	char *argv[] = { ktap_self, "-l", NULL }, *envp[] = { NULL };
	int fd[2];
	char c;
	pid_t pid;

	check_ok(pipe(fd));
	pid = vfork();
	if (pid == 0) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		execve(ktap_self, argv, envp);
		_exit(9);
	}
	close(fd[1]);
	check_eq(read(fd[0], &c, 1), 1);
	check_eq(c, 'p');		/* of "pids" */
	while (read(fd[0], &c, 1) == 1)
		;
	check_exit(pid, 0);
}

test(clone_like_fork)
{
	volatile int x = 1;
	pid_t pid = raw_clone(SIGCHLD, NULL, NULL, NULL);

	if (pid == 0) {
		x = 2;
		_exit(x);
	}
	check_ok(pid);
	check_exit(pid, 2);
	check_eq(x, 1);
}

test(clone_settid_cleartid)
{
	int *tid = (int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	int *own = (int *)anon(1);
	pid_t pid;

	tid[0] = tid[1] = 99;
	pid = raw_clone(SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, NULL, tid, tid + 1);
	if (pid == 0)
		_exit(tid[1] == getpid() ? 0 : 1);
	check_eq(tid[0], pid);
	check_exit(pid, 0);
	check_eq(tid[1], pid);

	own[0] = 7;
	pid = raw_clone(SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL, NULL, own);
	if (pid == 0)
		_exit(own[0] == getpid() ? 0 : 1);
	check_exit(pid, 0);
	check_eq(own[0], 7);		/* was the child's own memory */
}

static int on_stack(void *arg)
{
	char here;

	*(volatile uintptr_t *)arg = (uintptr_t)&here;
	return 5;
}

test(clone_vm)
{
	char *stack = anon(16);
	volatile uintptr_t where = 0;
	pid_t pid = clone(on_stack, stack + 16 * PAGE, CLONE_VM | SIGCHLD, (void *)&where);

	check_ok(pid);
	check_exit(pid, 5);
	check(where > (uintptr_t)stack && where < (uintptr_t)stack + 16 * PAGE);
}

static int close_three(void *arg)
{
	return close(*(int *)arg);
}

test(clone_files)
{
	char *stack = anon(16);
	int fd = check_ok(dup(1));
	pid_t pid;

	pid = clone(close_three, stack + 16 * PAGE, CLONE_VM | CLONE_FILES | SIGCHLD, &fd);
	check_exit(pid, 0);
	check_err(close(fd), EBADF);
	fd = check_ok(dup(1));
	pid = clone(close_three, stack + 16 * PAGE, CLONE_VM | SIGCHLD, &fd);
	check_exit(pid, 0);
	check_ok(close(fd));
}

static int chdir_proc(void *arg)
{
	(void)arg;
	return chdir("/proc");
}

test(clone_fs)
{
	char *stack = anon(16), cwd[64];
	pid_t pid;

	check_ok(chdir("/"));
	pid = clone(chdir_proc, stack + 16 * PAGE, CLONE_VM | CLONE_FS | SIGCHLD, NULL);
	check_exit(pid, 0);
	check_ok(getcwd(cwd, sizeof(cwd)));
	check_str(cwd, "/proc");
}

test(clone_other_exit_signal)
{
	/* A child without SIGCHLD is waited for by __WALL or __WCLONE only. */
	int status;
	pid_t pid = raw_clone(0, NULL, NULL, NULL);

	if (pid == 0)
		_exit(4);
	check_ok(pid);
	check_err(waitpid(pid, &status, 0), ECHILD);
	check_eq(waitpid(pid, &status, __WALL), pid);
	check_eq(WEXITSTATUS(status), 4);
}

test(clone_parent)
{
	/* The grandchild becomes this process's child. */
	int fd[2];
	pid_t pid, inner;

	check_ok(pipe(fd));
	child(pid) {
		inner = raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL, NULL);
		if (inner == 0)
			_exit(6);
		check_eq(write(fd[1], &inner, sizeof(inner)), sizeof(inner));
	}
	check_exit(pid, 0);
	check_eq(read(fd[0], &inner, sizeof(inner)), sizeof(inner));
	check_exit(inner, 6);
}

test(clone_bad_flags)
{
	check_err(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL), EINVAL);
	check_err(raw_clone(CLONE_THREAD | CLONE_VM, NULL, NULL, NULL), EINVAL);
	check_err(raw_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL), EINVAL);
}

test(clone3_like_fork)
{
	struct clone3_args a = { .exit_signal = SIGCHLD };
	pid_t pid = syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0)
		_exit(8);
	if (pid < 0 && errno == ENOSYS && on_quire())
		skip("clone3 answers ENOSYS, and libraries fall back to clone");
	check_ok(pid);
	check_exit(pid, 8);
	check_err(syscall(SYS_clone3, &a, 8), EINVAL);
	check_err(syscall(SYS_clone3, NULL, sizeof(a)), EFAULT);
}

test(nproc_limit)
{
	struct rlimit rl = { 1, 1 };
	pid_t pid;

	need_root();
	child(pid) {
		check_ok(setrlimit(RLIMIT_NPROC, &rl));
		check_ok(setuid(12345));
		check_err(fork(), EAGAIN);
	}
	check_exit(pid, 0);
}

test(orphan_goes_to_init)
{
	int fd[2];
	pid_t pid, inner, parent;

	check_ok(pipe(fd));
	child(pid) {
		parent = getpid();
		child(inner) {
			while (getppid() == parent)
				usleep(500);
			parent = getppid();
			check_eq(write(fd[1], &parent, sizeof(parent)), sizeof(parent));
		}
	}
	check_exit(pid, 0);
	check_eq(read(fd[0], &parent, sizeof(parent)), sizeof(parent));
	check(parent != pid);
	check(parent > 0);
}

test(vmas_are_equal)
{
	/* The child's maps are the parent's, line by line. */
	static char a[32768], b[32768];
	int fd, n, m;
	pid_t pid;

	arena(0, 3);
	arena_prot(3, 1, PROT_READ);
	fd = check_ok(open("/proc/self/maps", O_RDONLY));
	for (n = 0; (m = read(fd, a + n, sizeof(a) - n)) > 0; n += m)
		;
	close(fd);
	child(pid) {
		int at = 0;

		fd = check_ok(open("/proc/self/maps", O_RDONLY));
		for (; (m = read(fd, b + at, sizeof(b) - at)) > 0; at += m)
			;
		check_eq(at, n);
		check_eq(memcmp(a, b, n), 0);
	}
	check_exit(pid, 0);
}
