/*
 * A terminal for tests: the far end of a pseudo terminal where there are some, a serial line otherwise.
 * Only on the first can a test type without help; on the second it asks TIOCSTI.
 */
#ifndef TTY_H
#define TTY_H

#include "sig.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER	0x5441
#endif

static int tty = -1, master = -1;

static inline void tty_open(void)
{
	int unlock = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master >= 0 && !ioctl(master, TIOCSPTLCK, &unlock))
		tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	if (tty < 0 && on_quire())
		tty = open("/dev/ttyS3", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (tty < 0)
		skip("no terminal to try");
	fcntl(tty, F_SETFL, O_RDWR);
}

static inline void type(const char *text)
{
	size_t n = strlen(text);

	if (master >= 0) {
		check_eq(write(master, text, n), n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (ioctl(tty, TIOCSTI, text + i))
			skip("no way to type on this terminal");
}

/* Become the leader of a new session with the terminal; called in a child. */
static inline void tty_session(void)
{
	check_ok(setsid());
	check_ok(ioctl(tty, TIOCSCTTY, 0));
}

/* Wait for a session's leader: SIGHUP may have reached it when it let go of the terminal. */
#define status_of_session(pid) do {							\
	int status_ = reap(pid);							\
	if (status_ && status_ != SIGHUP)						\
		fail("the session's leader ended with 0x%x", status_);			\
} while (0)

#endif
