/* Terminals: termios functions are ioctls. */
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "libc.h"

int isatty(int fd)
{
	struct termios termios;

	return tcgetattr(fd, &termios) == 0;
}

int tcgetattr(int fd, struct termios *termios)
{
	return ioctl(fd, TCGETS, termios);
}

int tcsetattr(int fd, int when, const struct termios *termios)
{
	if (when < TCSANOW || when > TCSAFLUSH) {
		errno = EINVAL;
		return -1;
	}
	return ioctl(fd, TCSETS + (unsigned long)when, termios); /* TCSETS, TCSETSW, TCSETSF */
}

int tcdrain(int fd)
{
	return ioctl(fd, TCSBRK, 1);
}

int tcsendbreak(int fd, int duration)
{
	(void)duration;
	return ioctl(fd, TCSBRK, 0);
}

int tcflow(int fd, int action)
{
	return ioctl(fd, TCXONC, action);
}

int tcflush(int fd, int queue)
{
	return ioctl(fd, TCFLSH, queue);
}

pid_t tcgetpgrp(int fd)
{
	pid_t pgrp;

	return ioctl(fd, TIOCGPGRP, &pgrp) ? -1 : pgrp;
}

int tcsetpgrp(int fd, pid_t pgrp)
{
	return ioctl(fd, TIOCSPGRP, &pgrp);
}

pid_t tcgetsid(int fd)
{
	pid_t sid;

	return ioctl(fd, TIOCGSID, &sid) ? -1 : sid;
}

speed_t cfgetospeed(const struct termios *termios)
{
	return termios->c_cflag & CBAUD;
}

speed_t cfgetispeed(const struct termios *termios)
{
	return cfgetospeed(termios);
}

int cfsetospeed(struct termios *termios, speed_t speed)
{
	if (speed & ~(speed_t)CBAUD) {
		errno = EINVAL;
		return -1;
	}
	termios->c_cflag = (termios->c_cflag & ~(tcflag_t)CBAUD) | speed;
	return 0;
}

/* Linux's lines have one speed for both directions; an input speed of 0 means "as the output's". */
int cfsetispeed(struct termios *termios, speed_t speed)
{
	return speed ? cfsetospeed(termios, speed) : 0;
}

void cfmakeraw(struct termios *termios)
{
	termios->c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	termios->c_oflag &= ~(tcflag_t)OPOST;
	termios->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	termios->c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	termios->c_cflag |= CS8;
	termios->c_cc[VMIN] = 1;
	termios->c_cc[VTIME] = 0;
}
