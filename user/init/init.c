// /sbin/init: greets, keeps a login shell on the console, and takes the machine down when asked.
//
// The problem. Somebody must be process 1: start the first shell with the console as its controlling terminal (or job
// control would not work), start it again when it ends, bury orphans, and obey `poweroff`, `reboot` and `halt`, which are
// busybox's and only send process 1 a signal.
//
// Nothing is mounted here: Quire has /proc, /sys and /dev from the start.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t asked; // the signal by which somebody asked for the end

static void ask(int sig)
{
	asked = sig;
}

// The first word of a file, or the alternative when there is no such file.
static const char *word_of(const char *path, const char *alternative)
{
	static char word[64];
	FILE *file = fopen(path, "r");
	int found = file && fscanf(file, "%63s", word) == 1;

	if (file)
		fclose(file);
	return found ? word : alternative;
}

static void banner(void)
{
	struct utsname name;
	struct sysinfo memory;
	cpu_set_t cpus;
	const char *lazy = word_of("/proc/sys/vm/anon_vma_lazy", "?");

	if (uname(&name) || sysinfo(&memory) || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	printf("\nQuire %s - %lu MiB free of %lu, %d CPU%s, anonymous identity: %s\n", name.release,
	       memory.freeram * memory.mem_unit >> 20, memory.totalram * memory.mem_unit >> 20,
	       CPU_COUNT(&cpus), CPU_COUNT(&cpus) == 1 ? "" : "s",
	       !strcmp(lazy, "1") ? "lazy" : !strcmp(lazy, "0") ? "classic" : lazy);
	puts("Type `demo` to see what it does, `vmas` for this shell's memory, `help` for the shell.");
	puts("To leave: `poweroff`, or Ctrl-A X in QEMU.");
	fflush(stdout);
}

// => called in the child; returns only by ending it
static void become_shell(void)
{
	int console;

	setsid();
	console = open("/dev/console", O_RDWR);
	if (console >= 0) {
		ioctl(console, TIOCSCTTY, 1);
		for (int fd = 0; fd < 3; fd++)
			dup2(console, fd);
		if (console > 2)
			close(console);
	}
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 0);
	if (chdir("/root"))
		perror("init: /root");
	execl("/bin/sh", "-sh", (char *)NULL);
	perror("init: /bin/sh");
	_exit(127);
}

static void take_down(int how)
{
	signal(SIGTERM, SIG_IGN);
	kill(-1, SIGTERM);
	for (int tenths = 0; tenths < 10 && waitpid(-1, NULL, WNOHANG) != -1; tenths++)
		usleep(100000);
	kill(-1, SIGKILL);
	sync();
	reboot(how);
	perror("init: reboot");
}

// Wait for the shell's end or a request to end everything; bury whatever else dies meanwhile.
static void attend(pid_t shell)
{
	while (!asked) {
		pid_t dead = waitpid(-1, NULL, 0);

		if (dead == shell || (dead < 0 && errno == ECHILD))
			return;
	}
}

int main(void)
{
	static const struct {
		int sig, how;
	} requests[] = {
		{ SIGUSR1, RB_HALT_SYSTEM },
		{ SIGUSR2, RB_POWER_OFF },
		{ SIGTERM, RB_AUTOBOOT },
	};
	struct sigaction action = { .sa_handler = ask }; // no SA_RESTART: waitpid() must return

	for (int i = 0; i < 3; i++)
		sigaction(requests[i].sig, &action, NULL);
	banner();
	while (!asked) {
		pid_t shell = fork();

		if (!shell)
			become_shell();
		if (shell < 0) {
			perror("init: fork");
			sleep(1);
		}
		attend(shell);
	}
	for (int i = 0; i < 3; i++) {
		if (asked == requests[i].sig)
			take_down(requests[i].how);
	}
	return 1;
}
