/* What the tests of signals share: handlers that count and record, and the calls around them. */
#ifndef SIG_H
#define SIG_H

#include "sys.h"
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t hits, last;
static siginfo_t seen;
static ucontext_t frame;

static inline void count(int sig)
{
	hits++;
	last = sig;
}

static inline void record(int sig, siginfo_t *si, void *uc)
{
	count(sig);
	seen = *si;
	frame = *(ucontext_t *)uc;
}

static inline void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	check_ok(sigaction(sig, &sa, NULL));
}

static inline void handle_info(int sig, int flags)
{
	struct sigaction sa = { .sa_flags = flags | SA_SIGINFO };

	sa.sa_sigaction = record;
	check_ok(sigaction(sig, &sa, NULL));
}

static inline sigset_t set_of(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	if (sig)
		sigaddset(&set, sig);
	return set;
}

static inline void block(int sig)
{
	sigset_t set = set_of(sig);

	check_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

static inline void unblock(int sig)
{
	sigset_t set = set_of(sig);

	check_ok(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

#endif
