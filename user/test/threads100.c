/* One hundred threads at once: create, fault, lock, fork and end. */
/* machine: smp=4 mem=512 */
#include "sys.h"
#include <pthread.h>

#define N	100

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static long sum;

static void *work(void *arg)
{
	long me = (long)arg;
	char *p = sys_mmap(NULL, 16 * PAGE, RW, ANON, -1, 0);

	pthread_barrier_wait(&barrier);
	for (int round = 0; round < 5; round++) {
		fill(p, 16, me + round);
		check_fill(p, 16, me + round);
		pthread_mutex_lock(&mutex);
		sum += me;
		pthread_mutex_unlock(&mutex);
		check_ok(sys_madvise(p, 8 * PAGE, MADV_DONTNEED));
	}
	check_ok(sys_munmap(p, 16 * PAGE));
	return arg;
}

static void run_all(void *(*fn)(void *))
{
	pthread_t t[N];
	pthread_attr_t a;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 32768);
	for (long i = 0; i < N; i++)
		check_eq(pthread_create(&t[i], &a, fn, (void *)i), 0);
	for (long i = 0; i < N; i++) {
		void *got;

		check_eq(pthread_join(t[i], &got), 0);
		check_eq(got, i);
	}
}

slow_test(all_at_once, 300)
{
	pthread_barrier_init(&barrier, NULL, N);
	run_all(work);
	check_eq(sum, 5L * N * (N - 1) / 2);
}

static void *fork_one(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit((long)arg);
	check_exit(pid, (long)arg);
	return arg;
}

slow_test(all_fork, 300)
{
	run_all(fork_one);
}

slow_test(all_killed_at_once, 300)
{
	pid_t pid;

	child(pid) {
		pthread_t t;
		pthread_attr_t a;

		pthread_attr_init(&a);
		pthread_attr_setstacksize(&a, 32768);
		pthread_barrier_init(&barrier, NULL, N + 1);	/* one never comes */
		for (long i = 0; i < N; i++)
			check_eq(pthread_create(&t, &a, work, (void *)i), 0);
		kill(getpid(), SIGKILL);
	}
	check_killed(pid, SIGKILL);
}
