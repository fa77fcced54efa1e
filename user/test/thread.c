/* Threads by the C library's pthreads: shared memory, ids, exit, signals, exec, robust lists. */
#include "mm.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#define N	8

static volatile int stop, hits;

static void *add(void *arg)
{
	for (int i = 0; i < 1000; i++)
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
	return arg;
}

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	check_eq(pthread_create(t, NULL, fn, arg), 0);
}

static void join(pthread_t t, void *want)
{
	void *got;

	check_eq(pthread_join(t, &got), 0);
	check_eq(got, want);
}

test(create_and_join)
{
	pthread_t t[N];
	int sum = 0;

	for (int i = 0; i < N; i++)
		start(&t[i], add, &sum);
	for (int i = 0; i < N; i++)
		join(t[i], &sum);
	check_eq(sum, N * 1000);
}

static void *ids(void *arg)
{
	long *id = arg;

	id[0] = getpid();
	id[1] = syscall(SYS_gettid);
	id[2] = getppid();
	return NULL;
}

test(identities)
{
	pthread_t t;
	long id[3];

	start(&t, ids, id);
	join(t, NULL);
	check_eq(id[0], getpid());
	check(id[1] != getpid());
	check_eq(id[2], getppid());
	check_eq(syscall(SYS_gettid), getpid());
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *locked_add(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

test(mutex_excludes)
{
	pthread_t t[N];

	for (int i = 0; i < N; i++)
		start(&t[i], locked_add, NULL);
	for (int i = 0; i < N; i++)
		join(t[i], NULL);
	check_eq(counter, N * 2000);
}

static void *ping(void *arg)
{
	long me = (long)arg;

	pthread_mutex_lock(&mutex);
	while (counter < 200) {
		if (counter % 2 == me) {
			counter++;
			pthread_cond_signal(&cond);
		} else {
			pthread_cond_wait(&cond, &mutex);
		}
	}
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

test(condition_variable)
{
	pthread_t a, b;

	start(&a, ping, (void *)0);
	start(&b, ping, (void *)1);
	join(a, NULL);
	join(b, NULL);
	check_eq(counter, 200);
}

test(timed_wait)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 3000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	check_eq(pthread_cond_timedwait(&cond, &mutex, &ts), ETIMEDOUT);
}

static __thread int tls = 5;

static void *tls_thread(void *arg)
{
	if (tls != 5)
		return NULL;
	tls = 6;
	sched_yield();
	return tls == 6 ? arg : NULL;
}

test(thread_local)
{
	pthread_t t[N];

	tls = 7;
	for (int i = 0; i < N; i++)
		start(&t[i], tls_thread, &t);
	for (int i = 0; i < N; i++)
		join(t[i], &t);
	check_eq(tls, 7);
}

static void *touch(void *arg)
{
	char *p = arg;

	for (int i = 0; i < 256; i++)
		__atomic_fetch_add(p + i * PAGE, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

test(faults_race)
{
	/* All threads fault the same pages at once: nobody's write is lost. */
	pthread_t t[N];
	char *p = anon(256);

	for (int i = 0; i < N; i++)
		start(&t[i], touch, p);
	for (int i = 0; i < N; i++)
		join(t[i], NULL);
	for (int i = 0; i < 256; i++)
		check_eq(p[i * PAGE], N);
}

static void *unmap_and_map(void *arg)
{
	char *p = arg;

	for (int i = 0; i < 100; i++) {
		check_ok(sys_mprotect(p, 4 * PAGE, i & 1 ? RW : PROT_READ));
		check_ok(sys_madvise(p + 4 * PAGE, 4 * PAGE, MADV_DONTNEED));
	}
	stop = 1;
	return NULL;
}

static void *read_along(void *arg)
{
	char *p = arg;

	while (!stop)
		for (int i = 0; i < 8; i++)
			if (p[i * PAGE] != 0 && p[i * PAGE] != 9)
				return arg;
	return NULL;
}

test(changes_under_readers)
{
	pthread_t w, r[3];
	char *p = anon(8);

	for (int i = 0; i < 8; i++)
		p[i * PAGE] = 9;
	for (int i = 0; i < 3; i++)
		start(&r[i], read_along, p);
	start(&w, unmap_and_map, p);
	join(w, NULL);
	for (int i = 0; i < 3; i++)
		join(r[i], NULL);
}

static void *wait_for_revoke(void *arg)
{
	volatile char *p = arg;

	for (;;) {
		*p = 1;
		hits++;
	}
	return NULL;
}

test(other_cpus_lose_access)
{
	/* When munmap() returns no CPU may still write through an old translation: the other thread must fault. */
	pid_t pid;

	child(pid) {
		pthread_t t;
		char *p = arena(0, 1);

		start(&t, wait_for_revoke, p);
		while (!hits)
			usleep(200);
		check_ok(sys_munmap(p, PAGE));
		usleep(2000000);
	}
	check_killed(pid, SIGSEGV);
}

static void *exit_group_now(void *arg)
{
	(void)arg;
	_exit(42);
}

test(exit_group_ends_all)
{
	pid_t pid;

	child(pid) {
		pthread_t t;

		start(&t, exit_group_now, NULL);
		for (;;)
			pause();
	}
	check_exit(pid, 42);
}

static void *leave_later(void *arg)
{
	usleep(5000);
	(void)arg;
	_exit(17);
}

test(main_thread_may_leave_first)
{
	pid_t pid;

	child(pid) {
		pthread_t t;

		start(&t, leave_later, NULL);
		pthread_exit(NULL);
	}
	check_exit(pid, 17);
}

static void *sleep_forever(void *arg)
{
	while (pause())
		;
	return arg;
}

test(fatal_signal_ends_all)
{
	pid_t pid;

	child(pid) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			start(&t[i], sleep_forever, NULL);
		check_ok(kill(getpid(), SIGTERM));
		sleep_forever(NULL);
	}
	check_killed(pid, SIGTERM);
}

static void *crash(void *arg)
{
	*(volatile char *)arg = 1;
	return NULL;
}

test(crash_ends_all)
{
	pid_t pid;

	child(pid) {
		pthread_t t;

		start(&t, crash, (void *)ARENA);
		sleep_forever(NULL);
	}
	check_killed(pid, SIGSEGV);
}

test(stop_stops_all)
{
	volatile int *n = (volatile int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pid_t pid;
	int before;

	void *spin(void *arg);
	child(pid) {
		pthread_t t;

		start(&t, spin, (void *)n);
		spin((void *)(n + 1));
	}
	while (!n[0] || !n[1])
		usleep(500);
	check_ok(kill(pid, SIGSTOP));
	check_eq(waitpid(pid, NULL, WUNTRACED), pid);
	usleep(2000);
	before = n[0];
	usleep(5000);
	check_eq(n[0], before);
	check_ok(kill(pid, SIGCONT));
	while (n[0] == before)
		usleep(500);
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
}

void *spin(void *arg)
{
	volatile int *n = arg;

	for (;;)
		(*n)++;
	return NULL;
}

static volatile long handled_by;

static void on_signal(int sig)
{
	(void)sig;
	handled_by = syscall(SYS_gettid);
}

static void *tell_tid_and_wait(void *arg)
{
	*(volatile long *)arg = syscall(SYS_gettid);
	while (!handled_by)
		usleep(200);
	return NULL;
}

test(signal_to_one_thread)
{
	volatile long tid = 0;
	pthread_t t;

	signal(SIGUSR1, on_signal);
	start(&t, tell_tid_and_wait, (void *)&tid);
	while (!tid)
		usleep(200);
	check_ok(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
	join(t, NULL);
	check_eq(handled_by, tid);
}

test(signal_goes_to_who_does_not_block)
{
	volatile long tid = 0;
	sigset_t set;
	pthread_t t;

	signal(SIGUSR1, on_signal);
	start(&t, tell_tid_and_wait, (void *)&tid);
	while (!tid)
		usleep(200);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	check_ok(kill(getpid(), SIGUSR1));
	join(t, NULL);
	check_eq(handled_by, tid);
}

static void *fork_in_thread(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(syscall(SYS_gettid) == getpid() ? 3 : 4);
	*(int *)arg = reap(pid);
	return NULL;
}

test(fork_takes_one_thread)
{
	pthread_t t;
	int status = 0;

	start(&t, fork_in_thread, &status);
	join(t, NULL);
	check_eq(status, 3 << 8);
}

static void *exec_in_thread(void *arg)
{
	char *argv[] = { ktap_self, "-l", NULL }, *envp[] = { NULL };

	(void)arg;
	execve(ktap_self, argv, envp);
	_exit(9);
}

test(exec_ends_the_others)
{
	int fd[2];
	char c;
	pid_t pid;

	check_ok(pipe(fd));
	child(pid) {
		pthread_t t;

		dup2(fd[1], 1);
		close(fd[0]);
		start(&t, exec_in_thread, NULL);
		for (;;)
			pause();
	}
	close(fd[1]);
	while (read(fd[0], &c, 1) == 1)
		;
	check_exit(pid, 0);
}

test(proc_counts_threads)
{
	pthread_t t[3];
	volatile long tid[3] = { 0, 0, 0 };

	for (int i = 0; i < 3; i++)
		start(&t[i], tell_tid_and_wait, (void *)&tid[i]);
	while (!tid[0] || !tid[1] || !tid[2])
		usleep(200);
	check_eq(file_value("/proc/self/status", "Threads"), 4);
	handled_by = 1;
	for (int i = 0; i < 3; i++)
		join(t[i], NULL);
	/* Joining waits for the word that the kernel clears, the thread leaves the list a little later. */
	for (int i = 0; i < 1000 && file_value("/proc/self/status", "Threads") != 1; i++)
		usleep(1000);
	check_eq(file_value("/proc/self/status", "Threads"), 1);
}

static pthread_mutex_t robust;

static void *die_with_lock(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&robust);
	return NULL;
}

test(robust_mutex)
{
	pthread_mutexattr_t a;
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &a);
	start(&t, die_with_lock, NULL);
	join(t, NULL);
	check_eq(pthread_mutex_lock(&robust), EOWNERDEAD);
	check_eq(pthread_mutex_consistent(&robust), 0);
	check_eq(pthread_mutex_unlock(&robust), 0);
}

test(robust_mutex_between_processes)
{
	pthread_mutex_t *m = (pthread_mutex_t *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pthread_mutexattr_t a;
	pid_t pid;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &a);
	child(pid) {
		pthread_mutex_lock(m);
		kill(getpid(), SIGKILL);
	}
	check_killed(pid, SIGKILL);
	check_eq(pthread_mutex_lock(m), EOWNERDEAD);
}

static void *nothing(void *arg)
{
	return arg;
}

test(many_one_after_the_other)
{
	pthread_t t;

	for (int i = 0; i < 300; i++) {
		start(&t, nothing, &t);
		join(t, &t);
	}
}

test(detached)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 50; i++)
		check_eq(pthread_create(&t, &a, add, (void *)&hits), 0);
	while (__atomic_load_n(&hits, __ATOMIC_SEQ_CST) < 50000)
		usleep(500);
}
