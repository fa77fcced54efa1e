// For the tests of scripts/exec: four threads count together under a lock and wait for each other's start.
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 100000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static __thread int mine;
static int all;

static void *count(void *unused)
{
	pthread_barrier_wait(&start);
	for (; mine < ROUNDS; mine++) {
		pthread_mutex_lock(&lock);
		all++;
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

int main(void)
{
	pthread_t threads[THREADS];
	int started = 0;

	pthread_barrier_init(&start, NULL, THREADS);
	for (; started < THREADS; started++) {
		if (pthread_create(&threads[started], NULL, count, NULL))
			return 1;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d threads, %d\n", started, all);
	return all != THREADS * ROUNDS;
}
