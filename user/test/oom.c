/*
 * Memory gone: the process that faults is killed, the machine and the others live, everything comes back.
 * Quire only: on Linux it would be somebody's work that dies.
 */
/* machine: smp=1 mem=256 slow */
#include "mm.h"

#define OVERCOMMIT	"/proc/sys/vm/overcommit_memory"

static long page_count;

/* Let promises be cheap until check_back(), and remember how much memory there is. */
static void prepare(void)
{
	need_quire();
	need_root();
	check_ok(sysctl_set(OVERCOMMIT, 1));
	page_count = meminfo_kb("MemTotal") / 4;
}

/* What is free, or would be at once: the kernel keeps emptied slabs until memory is short, as Linux does. */
static long free_kb(void)
{
	return meminfo_kb("MemFree") + meminfo_kb("Slab");
}

/* Memory must be back to within 2 MiB of BEFORE. */
static void check_back(long before)
{
	long now = 0;

	check_ok(sysctl_set(OVERCOMMIT, 0));
	for (int i = 0; i < 100; i++) {
		now = free_kb();
		if (now >= before - 2048)
			return;
		usleep(20000);
	}
	fail("%ld kB free, %ld before", now, before);
}

static void touch_all(char *p, long pages)
{
	for (long i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

slow_test(faulting_process_is_killed, 600)
{
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		touch_all(check_ok(sys_mmap(NULL, 2 * page_count * PAGE, RW, ANON, -1, 0)), 2 * page_count);
	}
	check_killed(pid, SIGKILL);
	check_back(before);
}

slow_test(again_and_again, 600)
{
	long before;

	prepare();
	before = free_kb();
	for (int i = 0; i < 5; i++) {
		pid_t pid;

		child(pid) {
			touch_all(check_ok(sys_mmap(NULL, 2 * page_count * PAGE, RW, ANON, -1, 0)), 2 * page_count);
		}
		check_killed(pid, SIGKILL);
	}
	check_back(before);
}

slow_test(shared_memory, 600)
{
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		touch_all(check_ok(sys_mmap(NULL, 2 * page_count * PAGE, RW, SHANON, -1, 0)), 2 * page_count);
	}
	check(WIFSIGNALED(reap(pid)));
	check_back(before);
}

slow_test(copy_on_write, 600)
{
	/* Fork is cheap, the copies are not: the child that makes them goes, the parent keeps its memory. */
	long before, pages;
	char *p;
	pid_t pid;

	prepare();
	before = free_kb();
	pages = before / 4 / 3 * 2;
	p = check_ok(sys_mmap(NULL, pages * PAGE, RW, ANON, -1, 0));
	touch_all(p, pages);
	child(pid) {
		for (long i = 0; i < pages; i++)
			p[i * PAGE] = 2;
	}
	check_killed(pid, SIGKILL);
	for (long i = 0; i < pages; i++)
		check_eq(p[i * PAGE], 1);
	check_ok(sys_munmap(p, pages * PAGE));
	check_back(before);
}

slow_test(populate, 600)
{
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		char *p = sys_mmap(NULL, 2 * page_count * PAGE, RW, ANON, -1, 0);

		check_ok(p);
		_exit(sys_madvise(p, 2 * page_count * PAGE, MADV_POPULATE_WRITE) ? 3 : 4);
	}
	/* An error or the end, both are fine. */
	check(reap(pid) != 4 << 8);
	check_back(before);
}

slow_test(kernel_copies, 600)
{
	/* The page that is missing is one that a system call writes to. */
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		char *p = check_ok(sys_mmap(NULL, 2 * page_count * PAGE, RW, ANON, -1, 0));
		int fd = check_ok(open("/dev/zero", O_RDONLY));

		for (long i = 0; i < 2 * page_count; i += 256)
			if (read(fd, p + i * PAGE, 256 * PAGE) != (ssize_t)(256 * PAGE))
				_exit(3);
		_exit(4);
	}
	check(reap(pid) != 4 << 8);
	check_back(before);
}

slow_test(files, 600)
{
	/* A file system in memory is full when memory is. */
	static char buf[65536];
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		int fd = check_ok(open("/tmp/quire-full", O_RDWR | O_CREAT | O_TRUNC, 0600));

		unlink("/tmp/quire-full");
		for (long i = 0; i < page_count / 8; i++)
			if (write(fd, buf, sizeof(buf)) != sizeof(buf))
				_exit(errno == ENOSPC || errno == ENOMEM || errno == 0 ? 3 : 5);
		_exit(4);
	}
	check_eq(reap(pid), 3 << 8);
	check_back(before);
}

slow_test(page_tables, 600)
{
	/* Tables cost memory too: one page touched in each of many. */
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		char *p = check_ok(sys_mmap(NULL, 1UL << 45, RW, ANON | MAP_NORESERVE, -1, 0));

		for (long i = 0; i < page_count; i++)
			p[(unsigned long)i << 21] = 1;
	}
	check_killed(pid, SIGKILL);
	check_back(before);
}

slow_test(guards, 600)
{
	/* An install that finds no memory for tables says so. */
	long before;
	pid_t pid;

	prepare();
	before = free_kb();
	child(pid) {
		char *p = check_ok(sys_mmap(NULL, 1UL << 45, RW, ANON | MAP_NORESERVE, -1, 0));

		for (unsigned long i = 0; i < 1UL << 24; i++)
			if (sys_madvise(p + (i << 21) + PAGE, PAGE, MADV_GUARD_INSTALL))
				_exit(errno == ENOMEM ? 3 : 5);
	}
	/* ENOMEM, or the tables took the last page and the process went. */
	int status = reap(pid);

	check(status == 3 << 8 || status == SIGKILL);
	check_back(before);
}

slow_test(fork_bomb_of_memory, 600)
{
	/* Fork until it fails: ENOMEM, never the end of the machine. */
	long before;
	int n = 0;
	pid_t pid, group;

	prepare();
	before = free_kb();
	child(group) {
		setpgid(0, 0);
		fill(arena(0, 512), 512, 1);
		for (;;) {
			pid = fork();
			if (pid < 0)
				_exit(errno == ENOMEM || errno == EAGAIN ? 3 : 5);
			if (pid == 0) {
				fill(arena(1024, 512), 512, 1);
				for (;;)
					pause();
			}
			if (++n > 5000)
				_exit(4);
		}
	}
	int status = reap(group);

	kill(-group, SIGKILL);
	check(status == 3 << 8 || status == SIGKILL || status == 4 << 8);
	check_back(before);
}

slow_test(others_live, 600)
{
	/* Somebody else's small work goes on meanwhile. */
	char *p = anon(16);
	pid_t hog;
	long before;

	prepare();
	before = free_kb();
	fill(p, 16, 1);
	child(hog) {
		touch_all(check_ok(sys_mmap(NULL, 2 * page_count * PAGE, RW, ANON, -1, 0)), 2 * page_count);
	}
	while (waitpid(hog, NULL, WNOHANG) == 0) {
		check_fill(p, 16, 1);
		usleep(2000);
	}
	check_fill(p, 16, 1);
	check_back(before);
}
