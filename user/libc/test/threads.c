/*
 * The C library's own tests, part three: threads, locks, thread-local variables.
 */
#include "user/test/ktap.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 8, ROUNDS = 20000 };

static __thread int local_set = 1234;
static __thread int local_zero;
static __thread char local_far[200] __attribute__((aligned(32)));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	check_eq(pthread_create(&thread, NULL, fn, arg), 0);
	return thread;
}

static void *join(pthread_t thread)
{
	void *result;

	check_eq(pthread_join(thread, &result), 0);
	return result;
}

static void *square(void *arg)
{
	long n = (long)arg;

	return (void *)(n * n);
}

test(create_and_join)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		threads[i] = start(square, (void *)i);
	for (long i = 0; i < THREADS; i++)
		check_eq(join(threads[i]), i * i);
	check_eq(pthread_join(pthread_self(), NULL), EDEADLK);
}

test(many_threads_one_after_the_other)
{
	for (long i = 0; i < 2000; i++)
		check_eq(join(start(square, (void *)i)), i * i);
}

static void *locals(void *arg)
{
	(void)arg;
	if (local_set != 1234 || local_zero || local_far[199] || (unsigned long)local_far % 32)
		return (void *)1;
	local_set = local_zero = 7;
	return &local_set;
}

test(thread_local_variables)
{
	int *theirs;

	check_eq(local_set, 1234);
	local_set = 5;
	theirs = join(start(locals, NULL));
	check(theirs != (void *)1);
	check(theirs != &local_set);
	check_eq(local_set, 5);
	check_eq(local_zero, 0);
	check_eq((unsigned long)local_far % 32, 0);
}

static void *fail_a_call(void *arg)
{
	(void)arg;
	close(-1);
	return (void *)(long)errno;
}

test(errno_per_thread)
{
	errno = ENOENT;
	check_eq(join(start(fail_a_call, NULL)), EBADF);
	check_eq(errno, ENOENT);
}

static void *count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

test(mutex_excludes)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		threads[i] = start(count_up, NULL);
	for (int i = 0; i < THREADS; i++)
		join(threads[i]);
	check_eq(counter, (long)THREADS * ROUNDS);
}

static void *try_mutex(void *arg)
{
	return (void *)(long)pthread_mutex_trylock(arg);
}

static void *unlock_mutex(void *arg)
{
	return (void *)(long)pthread_mutex_unlock(arg);
}

test(mutex_types)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	struct timespec past = {1, 0};

	pthread_mutexattr_init(&attr);
	check_eq(pthread_mutexattr_settype(&attr, 9), EINVAL);
	check_eq(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE), 0);
	check_eq(pthread_mutex_init(&m, &attr), 0);
	check_eq(pthread_mutex_lock(&m), 0);
	check_eq(pthread_mutex_lock(&m), 0);
	check_eq(pthread_mutex_unlock(&m), 0);
	check_eq(join(start(try_mutex, &m)), EBUSY);
	check_eq(join(start(unlock_mutex, &m)), EPERM);
	check_eq(pthread_mutex_destroy(&m), EBUSY);
	check_eq(pthread_mutex_unlock(&m), 0);
	check_eq(pthread_mutex_unlock(&m), EPERM);

	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &attr);
	check_eq(pthread_mutex_lock(&m), 0);
	check_eq(pthread_mutex_lock(&m), EDEADLK);
	check_eq(pthread_mutex_unlock(&m), 0);

	pthread_mutex_init(&m, NULL);
	check_eq(pthread_mutex_lock(&m), 0);
	check_eq(pthread_mutex_timedlock(&m, &past), ETIMEDOUT);
	check_eq(pthread_mutex_unlock(&m), 0);
}

static int turn;

static void *pong(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 2000; i++) {
		while (turn != 1)
			pthread_cond_wait(&cond, &mutex);
		turn = 0;
		pthread_cond_signal(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

test(condition_ping_pong)
{
	pthread_t thread = start(pong, NULL);

	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 2000; i++) {
		turn = 1;
		pthread_cond_signal(&cond);
		while (turn != 0)
			pthread_cond_wait(&cond, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	join(thread);
}

static void *wait_for_gate(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	counter++;
	while (!turn)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

test(condition_broadcast)
{
	pthread_t threads[THREADS];
	long waiting;

	for (int i = 0; i < THREADS; i++)
		threads[i] = start(wait_for_gate, NULL);
	do {
		sched_yield();
		pthread_mutex_lock(&mutex);
		waiting = counter;
		pthread_mutex_unlock(&mutex);
	} while (waiting < THREADS);
	pthread_mutex_lock(&mutex);
	turn = 1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < THREADS; i++)
		join(threads[i]);
}

test(condition_times_out)
{
	pthread_condattr_t attr;
	pthread_cond_t timed;
	struct timespec until;

	pthread_condattr_init(&attr);
	check_eq(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), 0);
	pthread_cond_init(&timed, &attr);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec -= 1;
	pthread_mutex_lock(&mutex);
	check_eq(pthread_cond_timedwait(&timed, &mutex, &until), ETIMEDOUT);
	check_eq(pthread_cond_timedwait(&cond, &mutex, &until), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void slow_init(void)
{
	struct timespec nap = {0, 20000000};

	nanosleep(&nap, NULL);
	counter++;
}

static void *init_once(void *arg)
{
	(void)arg;
	pthread_once(&once, slow_init);
	return (void *)counter;
}

test(once_means_once)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		threads[i] = start(init_once, NULL);
	for (int i = 0; i < THREADS; i++)
		check_eq(join(threads[i]), 1);
}

static pthread_key_t key;

static void destroy_value(void *value)
{
	__atomic_fetch_add(&counter, (long)value, __ATOMIC_RELAXED);
}

static void *set_value(void *arg)
{
	if (pthread_getspecific(key))
		return (void *)1;
	return (void *)(long)pthread_setspecific(key, arg);
}

test(keys)
{
	check_eq(pthread_key_create(&key, destroy_value), 0);
	check_eq(pthread_setspecific(key, (void *)1000), 0);
	check_eq(join(start(set_value, (void *)7)), 0);
	check_eq(join(start(set_value, (void *)8)), 0);
	check_eq(counter, 15);
	check_eq(pthread_getspecific(key), 1000);
	check_eq(pthread_key_delete(key), 0);
	check_eq(pthread_setspecific(key, NULL), EINVAL);
}

static void *add_one(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	return NULL;
}

test(detached_threads_end_by_themselves)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	check_eq(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
	check_eq(pthread_attr_setstacksize(&attr, 100), EINVAL);
	check_eq(pthread_attr_setstacksize(&attr, 65536), 0);
	for (int i = 0; i < 500; i++)
		check_eq(pthread_create(&thread, &attr, add_one, NULL), 0);
	for (int i = 0; i < 500; i++)
		check_eq(pthread_detach(start(add_one, NULL)), 0);
	while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < 1000)
		sched_yield();
}

static void *overflow(void *arg)
{
	volatile char here[4096];
	void *deeper;

	here[0] = (char)(long)arg;
	deeper = (long)arg < 100000 ? overflow((char *)arg + 1) : arg;
	return (char *)deeper + here[0];
}

test(stacks_have_a_guard)
{
	pid_t pid;

	child(pid)
	{
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		sigaction(SIGSEGV, &dfl, NULL);
		join(start(overflow, NULL));
	}
	check_killed(pid, SIGSEGV);
}

static void *churn(void *arg)
{
	char *blocks[64] = {0};
	unsigned int seed = (unsigned int)(long)arg;

	for (int i = 0; i < 5000; i++) {
		char **block = &blocks[rand_r(&seed) % 64];
		size_t size = (size_t)(rand_r(&seed) % 2000 + 1);

		free(*block);
		*block = malloc(size);
		memset(*block, (int)(long)arg, size);
	}
	for (int i = 0; i < 64; i++) {
		if (blocks[i] && blocks[i][0] != (char)(long)arg)
			return (void *)1;
		free(blocks[i]);
	}
	return NULL;
}

test(malloc_from_many_threads)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		threads[i] = start(churn, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		check_eq(join(threads[i]), 0);
}

static FILE *stream;

static void *print_lines(void *arg)
{
	for (int i = 0; i < 200; i++)
		fprintf(stream, "%ld:%ld:%ld\n", (long)arg, (long)arg, (long)arg);
	return NULL;
}

test(streams_keep_lines_whole)
{
	pthread_t threads[THREADS];
	long a, b, c;
	int lines = 0;

	stream = tmpfile();
	check(stream);
	for (long i = 0; i < THREADS; i++)
		threads[i] = start(print_lines, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(threads[i]);
	rewind(stream);
	while (fscanf(stream, "%ld:%ld:%ld\n", &a, &b, &c) == 3) {
		check(a == b && b == c);
		lines++;
	}
	check_eq(lines, THREADS * 200);
	fclose(stream);
}

static void *say(void *arg)
{
	printf("%s", (char *)arg);
	return NULL;
}

test(exit_flushes_what_threads_printed)
{
	char buf[16] = "";
	int ends[2];
	pid_t pid;

	check_eq(pipe(ends), 0);
	child(pid)
	{
		check_eq(dup2(ends[1], 1), 1);
		join(start(say, "kept"));
		exit(0);
	}
	close(ends[1]);
	check_exit(pid, 0);
	check_eq(read(ends[0], buf, sizeof(buf)), 4);
}

static void *exit_later(void *arg)
{
	struct timespec nap = {0, 30000000};

	(void)arg;
	nanosleep(&nap, NULL);
	printf("last");
	return NULL;
}

test(the_last_thread_ends_the_process)
{
	char buf[16] = "";
	int ends[2];
	pid_t pid;

	check_eq(pipe(ends), 0);
	child(pid)
	{
		check_eq(dup2(ends[1], 1), 1);
		start(exit_later, NULL);
		pthread_exit(NULL);
	}
	close(ends[1]);
	check_exit(pid, 0);
	check_eq(read(ends[0], buf, sizeof(buf)), 4);
}

static void *fork_and_allocate(void *arg)
{
	int status;
	pid_t pid;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (pid == 0) {
			free(malloc(5000));
			printf("x");
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return (void *)1;
	}
	return NULL;
}

test(fork_beside_allocating_threads)
{
	pthread_t allocating = start(churn, (void *)3);
	pthread_t forking = start(fork_and_allocate, NULL);

	check_eq(join(forking), 0);
	check_eq(join(allocating), 0);
}

static volatile pthread_t signalled;

static void on_signal(int sig)
{
	(void)sig;
	signalled = pthread_self();
}

static void *until_signalled(void *arg)
{
	(void)arg;
	while (!signalled)
		sched_yield();
	return NULL;
}

test(a_signal_for_one_thread)
{
	pthread_t thread;

	signal(SIGUSR1, on_signal);
	thread = start(until_signalled, NULL);
	check_eq(pthread_kill(thread, SIGUSR1), 0);
	join(thread);
	check(pthread_equal(signalled, thread));
}
