/*
 * Signals. The kernel's structures are the program's; what is added is the restorer, the code a
 * handler returns to, which the kernel does not supply on x86-64.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libc.h"

#define SIGSET_SIZE sizeof(sigset_t)
#define BIT_OF(sig) (1UL << ((sig)-1))

int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction with_restorer;
	long ret;

	if (act) {
		with_restorer = *act;
		with_restorer.sa_flags |= SA_RESTORER;
		with_restorer.sa_restorer = __signal_return;
		act = &with_restorer;
	}
	ret = CALL(__NR_rt_sigaction, sig, act, old, SIGSET_SIZE);
	if (ret == 0 && old)
		old->sa_flags &= ~(unsigned long)SA_RESTORER;
	return (int)ret;
}

/* BSD's meaning, as in every libc on Linux: the handler stays, calls are restarted. */
_sig_func_ptr signal(int sig, _sig_func_ptr handler)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

	return sigaction(sig, &act, &old) ? SIG_ERR : old.sa_handler;
}

_sig_func_ptr _signal_r(struct _reent *reent, int sig, _sig_func_ptr handler)
{
	(void)reent;
	return signal(sig, handler);
}

int raise(int sig)
{
	return tgkill(getpid(), (pid_t)RAW(__NR_gettid), sig);
}

int _raise_r(struct _reent *reent, int sig)
{
	(void)reent;
	return raise(sig);
}

/* => the default action follows, whatever a handler did */
void abort(void)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	sigset_t only_abort = BIT_OF(SIGABRT);

	sigprocmask(SIG_UNBLOCK, &only_abort, NULL);
	raise(SIGABRT);
	sigaction(SIGABRT, &act, NULL);
	raise(SIGABRT);
	for (;;)
		_exit(127);
}

int killpg(pid_t pgrp, int sig)
{
	return kill(-pgrp, sig);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)CALL(__NR_rt_sigprocmask, how, set, old, SIGSET_SIZE);
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)-RAW(__NR_rt_sigprocmask, how, set, old, SIGSET_SIZE);
}

int sigpending(sigset_t *set)
{
	return (int)CALL(__NR_rt_sigpending, set, SIGSET_SIZE);
}

int sigsuspend(const sigset_t *mask)
{
	return (int)CALL(__NR_rt_sigsuspend, mask, SIGSET_SIZE);
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	return (int)CALL(__NR_rt_sigtimedwait, set, info, timeout, SIGSET_SIZE);
}

int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

int sigwait(const sigset_t *set, int *sig)
{
	long ret;

	do {
		ret = RAW(__NR_rt_sigtimedwait, set, NULL, NULL, SIGSET_SIZE);
	} while (ret == -EINTR);
	if (ret < 0)
		return (int)-ret;
	*sig = (int)ret;
	return 0;
}

int sigqueue(pid_t pid, int sig, const union sigval value)
{
	siginfo_t info = {.si_signo = sig, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value = value;
	return (int)CALL(__NR_rt_sigqueueinfo, pid, sig, &info);
}

/* ---- sets ---- */

static int bad_signal(int sig)
{
	if (sig >= 1 && sig < NSIG)
		return 0;
	errno = EINVAL;
	return 1;
}

int sigemptyset(sigset_t *set)
{
	*set = 0;
	return 0;
}

int sigfillset(sigset_t *set)
{
	*set = ~0UL;
	return 0;
}

int sigaddset(sigset_t *set, int sig)
{
	if (bad_signal(sig))
		return -1;
	*set |= BIT_OF(sig);
	return 0;
}

int sigdelset(sigset_t *set, int sig)
{
	if (bad_signal(sig))
		return -1;
	*set &= ~BIT_OF(sig);
	return 0;
}

int sigismember(const sigset_t *set, int sig)
{
	return bad_signal(sig) ? -1 : (*set & BIT_OF(sig)) != 0;
}
