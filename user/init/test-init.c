// /sbin/test-init: runs the programs in /test in turn and reports on the second serial port, as KTAP.
//
//	init=/sbin/test-init [-- NAME...]	all of /test in the order of their names, or these
//
// A test is a program that prints KTAP on its standard output (or nothing) and ends with status 0 when all is well. It gets
// ttyS1 itself, not a pipe: what it printed before a crash of the kernel is on the host already. So that the host can say which
// program a hang or a panic belongs to, and tell a program's lines from ours, each run is enclosed in two of them:
//
//	# start NAME
//	...
//	# end NAME exit 0		(exit STATUS, signal NUMBER, or timeout)
//	ok 1 NAME
//
// What a test leaves running is killed before the next one starts. Error output goes to the console.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// By far longer than any test; the host gives up earlier on a guest that says nothing at all.
enum { LIMIT_SECONDS = 300 };

static volatile sig_atomic_t late;

static void on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

static int is_test(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

// The names to run, in order, ended by NULL.
static char **find_tests(char **asked)
{
	struct dirent **entries;
	char **names;
	int count;

	if (*asked)
		return asked;
	count = scandir("/test", &entries, is_test, alphasort);
	if (count < 0) {
		perror("test-init: /test");
		exit(2);
	}
	names = calloc(count + 1, sizeof(*names));
	for (int i = 0; names && i < count; i++)
		names[i] = entries[i]->d_name;
	return names;
}

// => called in the child; returns only by ending it
static void become_test(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "/test/%s", name);
	setpgid(0, 0);
	execl(path, path, (char *)NULL);
	perror(path);
	_exit(127);
}

// Wait for child, not longer than the limit; then leave no process behind but this one.
static int await_test(pid_t child)
{
	int status = 0;

	late = 0;
	alarm(LIMIT_SECONDS);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
		if (late)
			kill(-1, SIGKILL);
	}
	alarm(0);
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
	return status;
}

static int run_test(int number, const char *name)
{
	pid_t child;
	int status;

	printf("# start %s\n", name);
	fflush(stdout);
	child = fork();
	if (!child)
		become_test(name);
	if (child < 0) {
		printf("# end %s exit 1\nnot ok %d %s # fork: %s\n", name, number, name, strerror(errno));
		return 0;
	}
	status = await_test(child);
	if (late)
		printf("# end %s timeout\n", name);
	else if (WIFSIGNALED(status))
		printf("# end %s signal %d\n", name, WTERMSIG(status));
	else
		printf("# end %s exit %d\n", name, WEXITSTATUS(status));
	printf("%s %d %s\n", !late && status == 0 ? "ok" : "not ok", number, name);
	fflush(stdout);
	return !late && status == 0;
}

// The test port, passing lines on as they are.
static void open_port(void)
{
	struct termios mode;
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);

	if (fd < 0) {
		perror("test-init: /dev/ttyS1");
		exit(2);
	}
	dup2(fd, 1);
	if (fd > 2)
		close(fd);
	if (!tcgetattr(1, &mode)) {
		mode.c_oflag &= ~OPOST;
		tcsetattr(1, TCSANOW, &mode);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	char **names;
	int count = 0, good = 0;

	(void)argc;
	open_port();
	sigaction(SIGALRM, &action, NULL);
	names = find_tests(argv + 1);
	while (names && names[count])
		count++;
	printf("KTAP version 1\n1..%d\n", count);
	for (int i = 0; i < count; i++)
		good += run_test(i + 1, names[i]);
	printf("# %d of %d programs passed\n", good, count);
	fflush(stdout);
	return good == count ? 0 : 1;
}
