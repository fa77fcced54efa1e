// /sbin/exec-init: the guest's side of scripts/exec. Makes of the machine one program's run.
//
// The host leaves in the initrd
//	/.exec/argv	path of the program, then its argument vector, each ended by a NUL
//	/.exec/stdin	its standard input; absent when that is the user's terminal
// and expects its output on ttyS0, its error output on ttyS3 (on the terminal both are ttyS0), byte for byte. This sets that
// up and becomes the program, which is process 1 then and the only one: its end is the machine's end.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { MAX_ARGS = 1024, MAX_BYTES = 128 * 1024 };

extern char **environ;

static char bytes[MAX_BYTES];
static char *strings[MAX_ARGS + 2];

static void fail(const char *what)
{
	perror(what);
	_exit(errno == ENOENT ? 127 : 126);
}

// Open path as descriptor fd; a terminal passes bytes on as they are.
static void attach(int fd, const char *path, int flags)
{
	struct termios mode;
	int opened = open(path, flags);

	if (opened < 0)
		fail(path);
	if (opened != fd) {
		dup2(opened, fd);
		close(opened);
	}
	if (!tcgetattr(fd, &mode)) {
		mode.c_oflag &= ~OPOST;
		tcsetattr(fd, TCSANOW, &mode);
	}
}

static void read_arguments(void)
{
	int fd = open("/.exec/argv", O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes) - 1);
	int count = 0;

	if (size <= 0)
		fail("/.exec/argv");
	close(fd);
	for (char *at = bytes; at < bytes + size && count <= MAX_ARGS; at += strlen(at) + 1)
		strings[count++] = at;
}

int main(void)
{
	int terminal = access("/.exec/stdin", F_OK) != 0;

	if (terminal) {
		setsid();
		attach(0, "/dev/ttyS0", O_RDWR);
		ioctl(0, TIOCSCTTY, 1);
	} else {
		attach(0, "/.exec/stdin", O_RDONLY);
	}
	attach(1, "/dev/ttyS0", O_RDWR);
	attach(2, terminal ? "/dev/ttyS0" : "/dev/ttyS3", O_RDWR);
	read_arguments();
	if (strchr(strings[0], '/'))
		execve(strings[0], strings + 1, environ);
	else
		execvp(strings[0], strings + 1);
	fail(strings[0]);
}
