/* Ten thousand processes: forked and ended one by one, many at a time, in trees, by exec, by signal. */
/* machine: smp=4 mem=512 slow */
#include "mm.h"

slow_test(one_by_one, 900)
{
	char *p = anon(8);

	fill(p, 8, 1);
	for (int i = 0; i < 4000; i++) {
		pid_t pid;

		child(pid) {
			p[(i % 8) * PAGE] = 99;
			_exit(i & 127);
		}
		check_exit(pid, i & 127);
	}
	check_fill(p, 8, 1);
}

slow_test(fifty_at_a_time, 900)
{
	char *p = anon(8);

	fill(p, 8, 1);
	for (int round = 0; round < 60; round++) {
		int sum = 0;

		for (int i = 0; i < 50; i++) {
			pid_t pid;

			child(pid) {
				check_fill(p, 8, 1);
				fill(p, 8, i);
				check_fill(p, 8, i);
				_exit(i);
			}
		}
		for (int i = 0; i < 50; i++) {
			int status;

			check(waitpid(-1, &status, 0) > 0);
			check(WIFEXITED(status));
			sum += WEXITSTATUS(status);
		}
		check_eq(sum, 50 * 49 / 2);
	}
	check_fill(p, 8, 1);
}

/* Every process of the tree has two children, DEPTH deep; the number of processes comes back as bytes in a pipe. */
static void tree(int depth, int fd)
{
	pid_t pid[2];

	check_eq(write(fd, "p", 1), 1);
	if (depth == 0)
		return;
	for (int i = 0; i < 2; i++) {
		child(pid[i]) {
			tree(depth - 1, fd);
		}
	}
	for (int i = 0; i < 2; i++)
		check_exit(pid[i], 0);
}

slow_test(trees, 900)
{
	static char buf[4096];
	int fd[2], n = 0, got;

	check_ok(pipe(fd));
	for (int i = 0; i < 3; i++)
		tree(8, fd[1]);
	close(fd[1]);
	while ((got = read(fd[0], buf, sizeof(buf))) > 0)
		n += got;
	check_eq(n, 3 * 511);
}

slow_test(killed_at_once, 900)
{
	for (int round = 0; round < 20; round++) {
		pid_t group = 0, pid;

		for (int i = 0; i < 40; i++) {
			child(pid) {
				setpgid(0, group);
				for (;;)
					pause();
			}
			if (!i)
				group = pid;
			setpgid(pid, group);
		}
		check_ok(kill(-group, SIGKILL));
		for (int i = 0; i < 40; i++) {
			int status;

			check(waitpid(-group, &status, 0) > 0);
			check_eq(status, SIGKILL);
		}
	}
}

slow_test(orphans, 900)
{
	/* Grandchildren whose parent is gone: init must take and bury them. */
	int fd[2];
	char c;

	check_ok(pipe(fd));
	for (int i = 0; i < 300; i++) {
		pid_t pid, inner;

		child(pid) {
			child(inner) {
				usleep(100);
				check_eq(write(fd[1], "x", 1), 1);
			}
		}
		check_exit(pid, 0);
	}
	for (int i = 0; i < 300; i++)
		check_eq(read(fd[0], &c, 1), 1);
}

slow_test(executed, 900)
{
	for (int i = 0; i < 300; i++) {
		pid_t pid;

		child(pid) {
			char *argv[] = { ktap_self, "--as", "nothing", NULL }, *envp[] = { NULL };

			execve(ktap_self, argv, envp);
		}
		check_exit(pid, 2);	/* what ktap_as() answers where nobody defines it */
	}
}

slow_test(vforked, 900)
{
	for (volatile int i = 0; i < 1000; i++) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(i & 63);
		check_exit(pid, i & 63);
	}
}
