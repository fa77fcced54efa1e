/*
 * Nothing is lost: after a workload has run often, free pages and the objects of every cache are what they were.
 * Quire only: Linux's caches keep what they like.
 *
 * A workload runs a few times first, so that what is made once is there; then it is measured, run ROUNDS times, and
 * measured again.  One page or object lost a round is ROUNDS of them.
 */
/* machine: smp=4 mem=512 slow */
#include "mm.h"
#include <pthread.h>

#define ROUNDS	60
#define SLACK	24	/* pages and objects that per-CPU lists may hold back */
#define CACHES	64

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)

struct counts {
	long free_pages;
	long committed;
	int caches;
	struct {
		char name[32];
		long active;
	} cache[CACHES];
};

static void count(struct counts *c)
{
	struct lines l;

	c->free_pages = meminfo_kb("MemFree") / 4;
	c->committed = meminfo_kb("Committed_AS") / 4;
	c->caches = 0;
	lines_open(&l, "/proc/slabinfo");
	while (lines_next(&l) && c->caches < CACHES)
		if (sscanf(l.line, "%31s %ld", c->cache[c->caches].name, &c->cache[c->caches].active) == 2 &&
		    c->cache[c->caches].name[0] != '#')
			c->caches++;
}

/* What is lost from A to B, or NULL. */
static const char *lost(const struct counts *a, const struct counts *b)
{
	static char text[160];

	if (b->free_pages < a->free_pages - SLACK) {
		snprintf(text, sizeof(text), "%ld pages, %ld free before", a->free_pages - b->free_pages,
			 a->free_pages);
		return text;
	}
	if (labs(b->committed - a->committed) > SLACK) {
		snprintf(text, sizeof(text), "commitment of %ld pages, %ld before", b->committed - a->committed,
			 a->committed);
		return text;
	}
	for (int i = 0; i < b->caches; i++)
		for (int j = 0; j < a->caches; j++)
			if (!strcmp(a->cache[j].name, b->cache[i].name) &&
			    b->cache[i].active > a->cache[j].active + SLACK) {
				snprintf(text, sizeof(text), "%ld objects of %s, %ld before",
					 b->cache[i].active - a->cache[j].active, a->cache[j].name,
					 a->cache[j].active);
				return text;
			}
	return NULL;
}

static void measure(void (*work)(void))
{
	static struct counts before, after;
	const char *what = NULL;

	need_quire();
	for (int i = 0; i < 5; i++)
		work();
	usleep(50000);
	count(&before);
	for (int i = 0; i < ROUNDS; i++)
		work();
	/* Whatever is freed late gets some time. */
	for (int i = 0; i < 50; i++) {
		count(&after);
		what = lost(&before, &after);
		if (!what)
			return;
		usleep(20000);
	}
	fail("after %d rounds %s", ROUNDS, what);
}

static void map_touch_unmap(void)
{
	fill(arena(0, 300), 300, 1);
	check_ok(sys_mprotect(at(50), 100 * PAGE, PROT_READ));
	check_ok(sys_madvise(at(200), 50 * PAGE, MADV_DONTNEED));
	check_ok(sys_munmap(at(0), 300 * PAGE));
}

slow_test(map_touch_and_unmap, 600)
{
	measure(map_touch_unmap);
}

static void many_tables(void)
{
	for (int i = 0; i < 20; i++)
		*check_ok(sys_mmap((char *)ARENA + ((unsigned long)i << 30), PAGE, RW, ANON | MAP_FIXED, -1, 0)) = 1;
	check_ok(sys_munmap((char *)ARENA, 20UL << 30));
}

slow_test(page_tables, 600)
{
	measure(many_tables);
}

static void fork_exit(void)
{
	pid_t pid;

	fill(arena(0, 20), 20, 1);
	child(pid) {
		fill(at(0), 10, 2);
		check_ok(sys_munmap(at(5), 5 * PAGE));
	}
	fill(at(0), 5, 3);
	check_exit(pid, 0);
	check_ok(sys_munmap(at(0), 20 * PAGE));
}

slow_test(fork_write_and_exit, 600)
{
	measure(fork_exit);
}

static void fork_exec(void)
{
	char *argv[] = { ktap_self, "--as", "nothing", NULL }, *envp[] = { NULL };
	pid_t pid;

	child(pid) {
		execve(ktap_self, argv, envp);
	}
	check_exit(pid, 2);
	child(pid) {
		argv[0] = NULL;
		execve("/nonexistent", argv, envp);
		execve("/proc/meminfo", argv, envp);
	}
	check_exit(pid, 0);
}

slow_test(exec, 600)
{
	measure(fork_exec);
}

static void generations(void)
{
	pid_t pid, inner;

	fill(arena(0, 8), 8, 1);
	child(pid) {
		fill(at(0), 4, 2);
		child(inner) {
			fill(at(0), 8, 3);
		}
		check_ok(sys_mprotect(at(2), PAGE, PROT_READ));
		check_exit(inner, 0);
	}
	check_ok(sys_mprotect(at(4), PAGE, PROT_READ));
	check_exit(pid, 0);
	check_ok(sys_munmap(at(0), 8 * PAGE));
}

slow_test(identities, 600)
{
	measure(generations);
}

static void moves(void)
{
	fill(arena(0, 40), 40, 1);
	check_ok(sys_mremap(at(10), 10 * PAGE, 10 * PAGE, FIX, at(5000)));
	check_ok(sys_mremap(at(20), 10 * PAGE, 20 * PAGE, FIX, at(6000)));
	check_ok(sys_mremap(at(0), 5 * PAGE, 5 * PAGE, FIX | MREMAP_DONTUNMAP, at(7000)));
	check_ok(sys_mremap(at(5000), 10 * PAGE, 10 * PAGE, FIX, at(10)));
	check_ok(sys_munmap(at(0), 8000 * PAGE));
}

slow_test(mremap, 600)
{
	measure(moves);
}

static void guards(void)
{
	pid_t pid;

	arena(0, 1200);
	check_ok(sys_madvise(at(0), 1200 * PAGE, MADV_GUARD_INSTALL));
	child(pid) {
		check_ok(sys_madvise(at(0), 600 * PAGE, MADV_GUARD_REMOVE));
		fill(at(0), 10, 1);
	}
	check_exit(pid, 0);
	check_ok(sys_madvise(at(300), 300 * PAGE, MADV_GUARD_REMOVE));
	check_ok(sys_munmap(at(0), 1200 * PAGE));
}

slow_test(guard, 600)
{
	measure(guards);
}

static void files(void)
{
	int fd = temp_file(20 * PAGE), p[2];
	char *f = check_ok(sys_mmap(at(0), 20 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));

	check_fill(f, 20, 1);
	fill(f, 10, 50);
	check_ok(ftruncate(fd, 5 * PAGE));
	check_ok(sys_munmap(f, 20 * PAGE));
	close(fd);
	check_ok(pipe(p));
	check_eq(write(p[1], "x", 1), 1);
	close(p[0]);
	close(p[1]);
	close(check_ok(open("/proc/self/maps", O_RDONLY)));
	check_ok(mkdir("/tmp/quire-leak", 0755));
	check_ok(symlink("x", "/tmp/quire-leak/l"));
	check_ok(rename("/tmp/quire-leak/l", "/tmp/quire-leak/m"));
	check_ok(unlink("/tmp/quire-leak/m"));
	check_ok(rmdir("/tmp/quire-leak"));
}

slow_test(files_and_pipes, 600)
{
	measure(files);
}

static void shared(void)
{
	char *p = check_ok(sys_mmap(at(0), 50 * PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	pid_t pid;

	fill(p, 30, 1);
	child(pid) {
		fill(p, 50, 2);
	}
	check_exit(pid, 0);
	check_ok(sys_munmap(p, 20 * PAGE));
	check_ok(sys_munmap(p, 50 * PAGE));
}

slow_test(shared_memory, 600)
{
	measure(shared);
}

static void *run_thread(void *arg)
{
	fill(arg, 4, 1);
	return arg;
}

static void threads(void)
{
	pthread_t t[4];
	char *p = anon(4);

	for (int i = 0; i < 4; i++)
		check_eq(pthread_create(&t[i], NULL, run_thread, p), 0);
	for (int i = 0; i < 4; i++)
		check_eq(pthread_join(t[i], NULL), 0);
	check_ok(sys_munmap(p, 4 * PAGE));
}

slow_test(thread_stacks, 600)
{
	measure(threads);
}

static void failures(void)
{
	pid_t pid;

	/* Calls that fail half-way give back what they took. */
	arena(0, 4);
	arena(6, 4);
	check_err(sys_mprotect(at(0), 10 * PAGE, PROT_READ), ENOMEM);
	check_err(sys_madvise(at(0), 10 * PAGE, MADV_DONTNEED), ENOMEM);
	check_err(sys_mmap(at(1), 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	check_err(sys_mmap(at(1), 1UL << 60, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_err(sys_mremap(at(0), 4 * PAGE, 1UL << 45, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), EINVAL);
	check_err(open("/tmp/none/none", O_RDWR | O_CREAT, 0600), ENOENT);
	check_err(syscall(SYS_pipe, 8), EFAULT);
	check_err(syscall(SYS_clone, 0x800 | SIGCHLD, 0, 0, 0, 0), EINVAL);
	child(pid) {
		*(volatile char *)at(1000) = 1;
	}
	check_killed(pid, SIGSEGV);
	check_ok(sys_munmap(at(0), 10 * PAGE));
}

slow_test(failing_calls, 600)
{
	measure(failures);
}

static void killed(void)
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		child(pid[i]) {
			int p[2];
			char c;

			check_ok(pipe(p));
			fill(arena(0, 30), 30, 1);
			if (i & 1)
				check_ok(read(p[0], &c, 1));
			for (;;)
				at(i)[0]++;
		}
	}
	usleep(2000);
	for (int i = 0; i < 4; i++) {
		kill(pid[i], SIGKILL);
		check_killed(pid[i], SIGKILL);
	}
}

slow_test(killed_anywhere, 600)
{
	measure(killed);
}
