/* futex by the call itself: wait, wake, requeue, bitsets, timeouts, keys, robust lists. */
#include "sig.h"
#include <pthread.h>

#define WAIT		0
#define WAKE		1
#define REQUEUE		3
#define CMP_REQUEUE	4
#define WAIT_BITSET	9
#define WAKE_BITSET	10
#define PRIVATE		128
#define REALTIME	256

static long futex(volatile int *at, int op, int val, const void *timeout, volatile int *at2, int val3)
{
	return syscall(SYS_futex, at, op, val, timeout, at2, val3);
}

static volatile int word, other, ready, woken;

static void until(volatile int *at, int n)
{
	while (__atomic_load_n(at, __ATOMIC_SEQ_CST) < n)
		usleep(200);
}

static void *wait_on_word(void *arg)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	if (futex(&word, WAIT | PRIVATE, 0, NULL, NULL, 0) == 0)
		__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return arg;
}

static pthread_t waiters[8];

static void start_waiters(int n)
{
	for (int i = 0; i < n; i++)
		check_eq(pthread_create(&waiters[i], NULL, wait_on_word, NULL), 0);
	until(&ready, n);
	usleep(5000);
}

test(value_differs)
{
	word = 5;
	check_err(futex(&word, WAIT, 4, NULL, NULL, 0), EAGAIN);
	check_err(futex(&word, WAIT | PRIVATE, 4, NULL, NULL, 0), EAGAIN);
}

test(wake_nobody)
{
	check_eq(futex(&word, WAKE, 1, NULL, NULL, 0), 0);
	check_eq(futex(&word, WAKE | PRIVATE, 1000, NULL, NULL, 0), 0);
}

test(times_out)
{
	struct timespec ts = { 0, 2000000 };

	check_err(futex(&word, WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	ts.tv_nsec = 0;
	check_err(futex(&word, WAIT | PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
	ts.tv_nsec = 1000000000;
	check_err(futex(&word, WAIT, 0, &ts, NULL, 0), EINVAL);
	ts.tv_nsec = -1;
	check_err(futex(&word, WAIT, 0, &ts, NULL, 0), EINVAL);
}

test(absolute_timeout)
{
	struct timespec ts = { 0, 0 };

	/* WAIT_BITSET's is absolute: long ago. */
	check_err(futex(&word, WAIT_BITSET | PRIVATE, 0, &ts, NULL, -1), ETIMEDOUT);
	check_err(futex(&word, WAIT_BITSET | PRIVATE | REALTIME, 0, &ts, NULL, -1), ETIMEDOUT);
}

test(bad_arguments)
{
	check_err(futex((void *)((char *)&word + 1), WAIT, 0, NULL, NULL, 0), EINVAL);
	check_err(futex((void *)((char *)&word + 1), WAKE, 1, NULL, NULL, 0), EINVAL);
	check_err(futex((void *)ARENA, WAIT, 0, NULL, NULL, 0), EFAULT);
	check_err(futex((void *)0xffffffff80000000, WAIT, 0, NULL, NULL, 0), EFAULT);
	check_err(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
	check_err(futex(&word, WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	check_err(futex(&word, WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	check_err(futex(&word, WAIT, 0, (void *)8, NULL, 0), EFAULT);
}

test(wake_one)
{
	start_waiters(3);
	check_eq(futex(&word, WAKE | PRIVATE, 1, NULL, NULL, 0), 1);
	until(&woken, 1);
	usleep(3000);
	check_eq(woken, 1);
	check_eq(futex(&word, WAKE | PRIVATE, 10, NULL, NULL, 0), 2);
	until(&woken, 3);
}

test(wake_all)
{
	start_waiters(8);
	check_eq(futex(&word, WAKE | PRIVATE, 0x7fffffff, NULL, NULL, 0), 8);
	until(&woken, 8);
}

test(requeue)
{
	start_waiters(4);
	/* One wakes, two move, one stays. */
	check_eq(futex(&word, REQUEUE | PRIVATE, 1, (void *)2, &other, 0), 3);
	until(&woken, 1);
	check_eq(futex(&word, WAKE | PRIVATE, 10, NULL, NULL, 0), 1);
	until(&woken, 2);
	check_eq(futex(&other, WAKE | PRIVATE, 10, NULL, NULL, 0), 2);
	until(&woken, 4);
}

test(cmp_requeue)
{
	check_err(futex(&word, CMP_REQUEUE | PRIVATE, 1, (void *)1, &other, 7), EAGAIN);
	start_waiters(2);
	check_eq(futex(&word, CMP_REQUEUE | PRIVATE, 1, (void *)1, &other, 0), 2);
	until(&woken, 1);
	check_eq(futex(&other, WAKE | PRIVATE, 1, NULL, NULL, 0), 1);
	until(&woken, 2);
}

static void *wait_bits(void *arg)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	check_eq(futex(&word, WAIT_BITSET | PRIVATE, 0, NULL, NULL, (int)(long)arg), 0);
	__atomic_fetch_add(&woken, (int)(long)arg, __ATOMIC_SEQ_CST);
	return NULL;
}

test(bitsets)
{
	pthread_t t;

	check_eq(pthread_create(&t, NULL, wait_bits, (void *)1), 0);
	check_eq(pthread_create(&t, NULL, wait_bits, (void *)2), 0);
	until(&ready, 2);
	usleep(5000);
	check_eq(futex(&word, WAKE_BITSET | PRIVATE, 10, NULL, NULL, 4), 0);
	check_eq(futex(&word, WAKE_BITSET | PRIVATE, 10, NULL, NULL, 2), 1);
	until(&woken, 2);
	check_eq(woken, 2);
	check_eq(futex(&word, WAKE | PRIVATE, 10, NULL, NULL, 0), 1);
	until(&woken, 3);
}

test(shared_between_processes)
{
	volatile int *s = (volatile int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pid_t pid;

	child(pid) {
		s[1] = 1;
		check_ok(futex(s, WAIT, 0, NULL, NULL, 0));
	}
	until(s + 1, 1);
	while (futex(s, WAKE, 1, NULL, NULL, 0) == 0)
		usleep(500);
	check_exit(pid, 0);
}

test(shared_at_two_addresses)
{
	char *a = check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0)), *b;
	volatile int *s = (volatile int *)a;
	pid_t pid;

	b = check_ok(sys_mremap(a, 0, PAGE, MREMAP_MAYMOVE, NULL));
	child(pid) {
		s[1] = 1;
		check_ok(futex((int *)b, WAIT, 0, NULL, NULL, 0));
	}
	until(s + 1, 1);
	while (futex((int *)a, WAKE, 1, NULL, NULL, 0) == 0)
		usleep(500);
	check_exit(pid, 0);
}

test(private_memory_of_two_processes)
{
	/* The same address after fork is not the same futex. */
	volatile int *s = (volatile int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pid_t pid;

	child(pid) {
		struct timespec ts = { 0, 50000000 };

		s[0] = 1;
		check_err(futex(&word, WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	}
	until(s, 1);
	usleep(5000);
	check_eq(futex(&word, WAKE, 10, NULL, NULL, 0), 0);
	check_exit(pid, 0);
}

test(interrupted)
{
	struct itimerval it = { .it_value = { 0, 3000 } };
	struct timespec ts = { 10, 0 };

	handle(SIGALRM, count, 0);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	check_err(futex(&word, WAIT | PRIVATE, 0, &ts, NULL, 0), EINTR);
}

static void *leave(void *arg)
{
	return arg;
}

test(clear_tid_wakes_joiner)
{
	pthread_t t;

	for (int i = 0; i < 20; i++) {
		check_eq(pthread_create(&t, NULL, leave, NULL), 0);
		check_eq(pthread_join(t, NULL), 0);
	}
	check_eq(syscall(SYS_set_tid_address, &word), getpid());
}

test(robust_list_calls)
{
	struct {
		void *next;
		long offset;
		void *pending;
	} head, *got;
	size_t len;

	head.next = &head;
	head.offset = 0;
	head.pending = NULL;
	check_ok(syscall(SYS_set_robust_list, &head, sizeof(head)));
	check_err(syscall(SYS_set_robust_list, &head, 16), EINVAL);
	check_ok(syscall(SYS_get_robust_list, 0, &got, &len));
	check_eq(got, (void *)&head);
	check_eq(len, sizeof(head));
}

test(robust_list_by_hand)
{
	/* A dying owner's word gets FUTEX_OWNER_DIED, also for a list that is circular garbage. */
	volatile unsigned int *lock = (volatile unsigned int *)check_ok(sys_mmap(NULL, PAGE, RW, SHANON, -1, 0));
	pid_t pid;

	child(pid) {
		struct node {
			struct node *next;
			long offset;
			void *pending;
		} *n = (void *)anon(1), *head = n + 4;

		head->next = n;
		n->next = n;		/* never ends: the kernel must */
		head->offset = (char *)lock - (char *)n;
		head->pending = NULL;
		*lock = getpid();
		check_ok(syscall(SYS_set_robust_list, head, 24));
	}
	check_exit(pid, 0);
	check_eq(*lock & 0x40000000, 0x40000000);
	check_eq(*lock & 0x3fffffff, 0);
	child(pid) {
		check_ok(syscall(SYS_set_robust_list, 8, 24));
	}
	check_exit(pid, 0);
}
