/*
 * The guest tests' harness: one header, no library, nothing but what a small kernel can do.
 *
 * A test program is a file of
 *
 *	test(name) { check(...); check_eq(got, want); check_err(call, EINVAL); ... }
 *
 * and `#include "ktap.h"` supplies main().  The same binary runs on Linux, which is the oracle: what it
 * expects of Quire must hold there too, and where it looks at files that only Quire has it says
 * need_quire() and is skipped.
 *
 * Output is KTAP version 1 on standard output:
 *
 *	KTAP version 1
 *	1..3
 *	ok 1 name
 *	not ok 2 other # mmap.c:40 msync(p, 0, 0) got EINVAL, want 0
 *	ok 3 third # SKIP only Quire has /proc/self/mm
 *
 *   main ──fork──> case (own process group) ──fork──> whatever the case needs
 *    │               │ passes: exit 0      ^ prints only "# ..." lines, its parent sees the status
 *    │               │ fails: writes its own "not ok" line, exit 1
 *    └─ waits with an alarm; a case that crashes, hangs or lies about its end is "not ok";
 *       then kills what is left of the group and, on Quire, runs mm_check()
 *
 * A case sees a fresh copy of the program's memory.  fresh_test() cases are run in a process that
 * came from execve() instead: nothing in its address space was ever forked.
 *
 * Arguments: names of cases to run; -l lists them.  Exit status 0 when none failed.
 */
#ifndef KTAP_H
#define KTAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE		4096UL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Where cases put mappings whose neighbours matter: nothing else is ever mapped near 16 TiB. */
#define ARENA		0x100000000000UL

#define KTAP_LIMIT	60	/* seconds a case may take; emulation is some 50 times slower */
#define KTAP_SKIPPED	77	/* exit status of a skipped case, as automake's */

struct ktap_case {
	const char *name;
	void (*fn)(void);
	int line;		/* cases run in the order of the file */
	int limit;
	int exec;		/* wants a process that came from execve() */
	struct ktap_case *next;
};

static struct ktap_case *ktap_cases;
static struct ktap_case *ktap_now;
static int ktap_number;
static int ktap_fd = 1;
static pid_t ktap_pid;		/* the case's own process; others only comment */
static char ktap_self[256];	/* this program's path, for cases that execute it again */
static volatile sig_atomic_t ktap_timeout;

static inline void ktap_register(struct ktap_case *c)
{
	struct ktap_case **at = &ktap_cases;

	while (*at && (*at)->line < c->line)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
}

#define ktap_define(id, seconds, executed)						\
	static void do_##id(void);							\
	static struct ktap_case case_##id = {						\
		.name = #id, .fn = do_##id, .line = __LINE__, .limit = (seconds),	\
		.exec = (executed)							\
	};										\
	__attribute__((constructor)) static void register_##id(void)			\
	{										\
		ktap_register(&case_##id);						\
	}										\
	static void do_##id(void)

#define test(id)		ktap_define(id, KTAP_LIMIT, 0)
#define slow_test(id, seconds)	ktap_define(id, seconds, 0)
#define fresh_test(id)		ktap_define(id, KTAP_LIMIT, 1)

/* ---- output: every line is one write(), so that lines of several processes never mix ---- */

__attribute__((format(printf, 1, 2))) static inline void ktap_print(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	if (write(ktap_fd, line, n) != n)
		_exit(2);
}

/* Write a diagnostic line. */
#define note(fmt, ...)		ktap_print("# " fmt "\n", ##__VA_ARGS__)

__attribute__((noreturn, format(printf, 3, 4)))
static inline void ktap_fail(const char *file, int line, const char *fmt, ...)
{
	const char *slash = strrchr(file, '/');
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (slash)
		file = slash + 1;
	if (getpid() == ktap_pid)
		ktap_print("not ok %d %s # %s:%d %s\n", ktap_number, ktap_now->name, file, line, why);
	else
		ktap_print("# %s: %s:%d %s\n", ktap_now ? ktap_now->name : "?", file, line, why);
	_exit(1);
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void skip(const char *fmt, ...)
{
	char why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (getpid() == ktap_pid)
		ktap_print("ok %d %s # SKIP %s\n", ktap_number, ktap_now->name, why);
	_exit(KTAP_SKIPPED);
}

static inline const char *errname(int e)
{
	static const struct {
		int e;
		const char *name;
	} names[] = {
#define N(x) { x, #x }
		{ 0, "0" }, N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC),
		N(EBADF), N(ECHILD), N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT), N(EBUSY), N(EEXIST),
		N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR), N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY),
		N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS), N(EMLINK), N(EPIPE), N(ERANGE),
		N(EDEADLK), N(ENAMETOOLONG), N(ENOSYS), N(ENOTEMPTY), N(ELOOP), N(EOVERFLOW),
		N(EOPNOTSUPP), N(ETIMEDOUT),
#undef N
	};
	static char other[16];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].e == e)
			return names[i].name;
	snprintf(other, sizeof(other), "errno %d", e);
	return other;
}

/* ---- expectations ---- */

#define fail(...)	ktap_fail(__FILE__, __LINE__, __VA_ARGS__)

#define check(cond) do {								\
	if (!(cond))									\
		fail("%s is false", #cond);						\
} while (0)

/* GOT must equal WANT, as integers or pointers. */
#define check_eq(got, want) do {							\
	long long got_ = (long long)(got), want_ = (long long)(want);			\
	if (got_ != want_)								\
		fail("%s got %lld (0x%llx), want %lld (0x%llx)", #got, got_, got_, want_, want_); \
} while (0)

#define check_str(got, want) do {							\
	const char *got_ = (got), *want_ = (want);					\
	if (strcmp(got_, want_))							\
		fail("%s got \"%s\", want \"%s\"", #got, got_, want_);			\
} while (0)

/* The call must not answer -1; its value. */
#define check_ok(call) ({								\
	errno = 0;									\
	__typeof__(call) ret_ = (call);							\
	if ((long)ret_ == -1)								\
		fail("%s got %s", #call, errname(errno));				\
	ret_;										\
})

/* The call must answer -1 with errno WANT. */
#define check_err(call, want) do {							\
	errno = 0;									\
	long ret_ = (long)(call);							\
	if (ret_ != -1)									\
		fail("%s got %ld (0x%lx), want %s", #call, ret_, ret_, errname(want));	\
	if (errno != (want)) {								\
		int e_ = errno;								\
		fail("%s got errno %d, want %s", #call, e_, errname(want));		\
	}										\
} while (0)

/* ---- who are we running on ---- */

static inline int on_quire(void)
{
	static int known;

	if (!known)
		known = access("/sys/kernel/mm/quire", F_OK) ? 1 : 2;
	return known == 2;
}

#define need_quire()	do { if (!on_quire()) skip("only Quire has what this looks at"); } while (0)
#define need_root()	do { if (geteuid()) skip("needs root"); } while (0)

/* ---- children ---- */

static inline pid_t ktap_fork(const char *file, int line)
{
	pid_t pid = fork();

	if (pid < 0)
		ktap_fail(file, line, "fork got %s", errname(errno));
	return pid;
}

/* child(pid) { ... }: the block runs in a new process, which then exits with 0. */
#define child(pid)	if (((pid) = ktap_fork(__FILE__, __LINE__)) == 0) for (;; _exit(0))

static inline int ktap_reap(pid_t pid, const char *file, int line)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got != pid)
		ktap_fail(file, line, "waitpid(%d) got %d %s", pid, got, errname(errno));
	return status;
}

/* Wait for a child; its raw status. */
#define reap(pid)	ktap_reap(pid, __FILE__, __LINE__)

#define check_exit(pid, code) do {							\
	int status_ = reap(pid);							\
	if (!WIFEXITED(status_) || WEXITSTATUS(status_) != (code))			\
		fail("child's status 0x%x, want exit %d", status_, (int)(code));	\
} while (0)

#define check_killed(pid, sig) do {							\
	int status_ = reap(pid);							\
	if (!WIFSIGNALED(status_) || WTERMSIG(status_) != (sig))			\
		fail("child's status 0x%x, want signal %d", status_, (int)(sig));	\
} while (0)

/* ---- faults ---- */

struct fault {
	int signo;		/* 0: none happened */
	int code;
	unsigned long addr;
	unsigned long error;	/* the CPU's error code, from the frame */
	unsigned long trap;
};

static sigjmp_buf ktap_env;
static volatile struct fault ktap_seen;
static volatile sig_atomic_t ktap_armed;

static inline void ktap_on_fault(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	if (!ktap_armed) {
		signal(sig, SIG_DFL);
		return;
	}
	ktap_armed = 0;
	ktap_seen.signo = sig;
	ktap_seen.code = info->si_code;
	ktap_seen.addr = (unsigned long)info->si_addr;
	ktap_seen.error = uc->uc_mcontext.gregs[REG_ERR];
	ktap_seen.trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(ktap_env, 1);
}

/* Call FN(ARG); what fault it took, if any.  The handler has a stack of its own. */
static __attribute__((noinline, unused)) struct fault fault_call(void (*fn)(void *), void *arg)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	static char stack[16384];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) }, old_ss;
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK }, old[ARRAY_SIZE(sigs)];
	struct fault f = { 0 };

	sa.sa_sigaction = ktap_on_fault;
	sigaltstack(&ss, &old_ss);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, &old[i]);
	ktap_seen.signo = 0;
	if (!sigsetjmp(ktap_env, 1)) {
		ktap_armed = 1;
		fn(arg);
		ktap_armed = 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &old[i], NULL);
	sigaltstack(&old_ss, NULL);
	if (ktap_seen.signo) {
		f.signo = ktap_seen.signo;
		f.code = ktap_seen.code;
		f.addr = ktap_seen.addr;
		f.error = ktap_seen.error;
		f.trap = ktap_seen.trap;
	}
	return f;
}

static inline void ktap_do_read(void *p)
{
	volatile char *volatile q = p;	/* hides from the compiler that nothing is there */

	(void)*q;
}

static inline void ktap_do_write(void *p)
{
	volatile char *volatile q = p;

	*q = 'w';
}

static inline void ktap_do_exec(void *p)
{
	void (*volatile fn)(void) = (void (*)(void))(uintptr_t)p;

	fn();
}

#define fault_read(p)	fault_call(ktap_do_read, (void *)(uintptr_t)(p))
#define fault_write(p)	fault_call(ktap_do_write, (void *)(uintptr_t)(p))
#define fault_exec(p)	fault_call(ktap_do_exec, (void *)(uintptr_t)(p))

#define check_fault(call, sig, si, at) do {						\
	struct fault f_ = (call);							\
	unsigned long at_ = (unsigned long)(at);					\
	if (f_.signo != (sig) || f_.code != (si) || f_.addr != at_)			\
		fail("%s got signal %d code %d addr 0x%lx, want %d %d 0x%lx", #call,	\
		     f_.signo, f_.code, f_.addr, (int)(sig), (int)(si), at_);		\
} while (0)

#define check_maperr(call, at)	check_fault(call, SIGSEGV, SEGV_MAPERR, at)
#define check_accerr(call, at)	check_fault(call, SIGSEGV, SEGV_ACCERR, at)
#define check_nofault(call)	check_fault(call, 0, 0, 0)

/* ---- running the cases ---- */

static inline void ktap_on_alarm(int sig)
{
	(void)sig;
	ktap_timeout = 1;
}

/* Run mm_check() where there is one; NULL or what is broken. */
static inline const char *ktap_mm_check(void)
{
	static char report[300];
	int fd = open("/sys/kernel/mm/quire/check", O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = write(fd, "1\n", 2);
	close(fd);
	if (n != 2)
		return "writing to check failed";
	fd = open("/sys/kernel/mm/quire/check", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, report, sizeof(report) - 1);
	close(fd);
	if (n < 0)
		return "reading check failed";
	report[n] = 0;
	report[strcspn(report, "\n")] = 0;
	return strcmp(report, "ok") ? report : NULL;
}

/* In the case's process: run it and leave. */
__attribute__((noreturn)) static inline void ktap_enter(struct ktap_case *c)
{
	ktap_pid = getpid();
	c->fn();
	_exit(0);
}

__attribute__((noreturn)) static inline void ktap_start(struct ktap_case *c)
{
	char number[16], fd[16];
	char *argv[] = { ktap_self, "--case", (char *)c->name, number, fd, NULL };
	char *envp[] = { NULL };

	signal(SIGALRM, SIG_DFL);
	setpgid(0, 0);
	if (!c->exec)
		ktap_enter(c);
	snprintf(number, sizeof(number), "%d", ktap_number);
	snprintf(fd, sizeof(fd), "%d", ktap_fd);
	ktap_pid = getpid();
	execve(ktap_self, argv, envp);
	fail("execve(%s) got %s", ktap_self, errname(errno));
}

/* Wait for the case and say how it ended; 1 when it failed. */
static inline int ktap_finish(struct ktap_case *c, pid_t pid)
{
	const char *broken;
	int status = 0;

	ktap_timeout = 0;
	alarm(c->limit);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno == EINTR && ktap_timeout) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
		} else if (errno != EINTR) {
			ktap_print("not ok %d %s # waitpid got %s\n", ktap_number, c->name, errname(errno));
			return 1;
		}
	}
	alarm(0);
	kill(-pid, SIGKILL);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIPPED)
		return 0;
	broken = ktap_mm_check();
	if (ktap_timeout)
		ktap_print("not ok %d %s # no end after %d seconds\n", ktap_number, c->name, c->limit);
	else if (status)
		ktap_print("not ok %d %s # ended with status 0x%x\n", ktap_number, c->name, status);
	else if (broken)
		ktap_print("not ok %d %s # mm_check: %s\n", ktap_number, c->name, broken);
	else
		ktap_print("ok %d %s\n", ktap_number, c->name);
	return status || ktap_timeout || broken;
}

static inline int ktap_run(struct ktap_case *c)
{
	pid_t pid;

	ktap_now = c;
	ktap_number++;
	pid = fork();
	if (pid < 0) {
		ktap_print("not ok %d %s # fork got %s\n", ktap_number, c->name, errname(errno));
		return 1;
	}
	if (pid == 0)
		ktap_start(c);
	return ktap_finish(c, pid);
}

static inline int ktap_wanted(const struct ktap_case *c, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, c->name))
			return 1;
	return 0;
}

/* Programs that cases execute: main() hands them argv[1] = "--as" here first.  Overridable. */
#ifndef KTAP_AS
static inline int ktap_as(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 2;
}
#endif

#ifdef KTAP_AS
static int ktap_as(int argc, char **argv);
#endif

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = ktap_on_alarm };
	struct ktap_case *c;
	int n = 0, failed = 0, fd;

	if (argc > 2 && !strcmp(argv[1], "--as"))
		return ktap_as(argc - 2, argv + 2);
	snprintf(ktap_self, sizeof(ktap_self), "%s", argv[0]);
	if (argc == 5 && !strcmp(argv[1], "--case")) {
		for (c = ktap_cases; c && strcmp(c->name, argv[2]); c = c->next)
			;
		ktap_now = c;
		ktap_number = atoi(argv[3]);
		ktap_fd = atoi(argv[4]);
		if (c)
			ktap_enter(c);
		return 2;
	}
	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for (c = ktap_cases; c; c = c->next)
			ktap_print("%s\n", c->name);
		return 0;
	}
	fd = fcntl(1, F_DUPFD, 100);
	if (fd >= 0)
		ktap_fd = fd;
	sigaction(SIGALRM, &sa, NULL);
	for (c = ktap_cases; c; c = c->next)
		n += ktap_wanted(c, argv + 1);
	ktap_print("KTAP version 1\n1..%d\n", n);
	for (c = ktap_cases; c; c = c->next)
		if (ktap_wanted(c, argv + 1))
			failed += ktap_run(c);
	return failed != 0;
}

#endif
