/*
 * Waiting for several files: poll, ppoll, select, pselect6.
 *
 *	items:  file, events wanted          entries: one waiter per queue that any of the files named
 *
 *	round 0   ask every file, register nowhere         most calls end here
 *	round n   register (state: sleeping), ask, sleep    a change after the question wakes us
 *
 * A file's poll operation names its queues with poll_wait(), in the same order every time, and does not sleep: so
 * registering again in each round is enough, and no wake-up falls between question and sleep.
 *
 * Linux differs: waiters stay registered between rounds and carry a flag.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/poll.h"
#include "kernel/uapi/resource.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define FOREVER UINT64_MAX
#define QUEUES_PER_FILE 2
#define FEW 8 /* this many items live on the stack */
#define ALWAYS (POLLERR | POLLHUP | POLLNVAL)

struct poll_entry {
	struct waiter waiter;
	struct waitq *wq;
};

struct poll_table {
	struct poll_entry *entries;
	unsigned int nr, max;
};

struct poll_item {
	struct fdref ref;
	int fd;
	unsigned int events, revents;
};

void poll_wait(struct waitq *wq, struct poll_table *pt)
{
	struct poll_entry *e;

	if (!pt)
		return;
	assert(pt->nr < pt->max);
	e = &pt->entries[pt->nr++];
	e->wq = wq;
	waitq_prepare(wq, &e->waiter, true);
}

/* ---- The core ---- */

static unsigned int file_events(struct file *f, struct poll_table *pt)
{
	if (!f->ops->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return f->ops->poll(f, pt);
}

/* => how many items are ready */
static int ask(struct poll_item *items, unsigned int n, struct poll_table *pt)
{
	int ready = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct poll_item *it = &items[i];

		if (it->ref.file)
			it->revents = file_events(it->ref.file, pt) & (it->events | ALWAYS);
		ready += it->revents != 0;
	}
	return ready;
}

/* => ready items, 0 at the deadline, -EINTR */
static int sleep_rounds(struct poll_item *items, unsigned int n, struct poll_table *pt, u64 deadline)
{
	struct waitq nobody; /* so that there is something to sleep on, whatever the files are */
	bool expired = false;
	struct waiter w = {};
	int ready;

	waitq_init(&nobody);
	for (;;) {
		waitq_prepare(&nobody, &w, true);
		pt->nr = 0;
		ready = ask(items, n, pt);
		if (ready || expired)
			break;
		if (signal_pending()) {
			ready = -EINTR;
			break;
		}
		if (deadline == FOREVER)
			schedule();
		else
			expired = !schedule_timeout(deadline);
	}
	for (unsigned int i = 0; i < pt->nr; i++)
		waitq_finish(pt->entries[i].wq, &pt->entries[i].waiter);
	waitq_finish(&nobody, &w);
	return ready;
}

/* deadline: cpu_clock() time, 0: do not wait. => ready items, 0, -EINTR, -ENOMEM */
static int wait_ready(struct poll_item *items, unsigned int n, u64 deadline)
{
	struct poll_entry few[FEW * QUEUES_PER_FILE];
	struct poll_table pt = { .entries = few, .max = FEW * QUEUES_PER_FILE };
	int ready = ask(items, n, NULL);

	if (ready || !deadline)
		return ready;
	if (n > FEW) {
		pt.max = n * QUEUES_PER_FILE;
		pt.entries = kmalloc(pt.max * sizeof(*pt.entries));
		if (!pt.entries)
			return -ENOMEM;
	}
	memset(pt.entries, 0, pt.max * sizeof(*pt.entries));
	ready = sleep_rounds(items, n, &pt, deadline);
	if (pt.entries != few)
		kfree(pt.entries);
	return ready;
}

static void put_items(struct poll_item *items, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (items[i].ref.file)
			fdref_put(items[i].ref);
}

/* ---- Deadlines and signal masks ---- */

/* => cpu_clock() time, 0 for "now", FOREVER; -EINVAL through *err */
static u64 deadline_of(const struct timespec *t, int *err)
{
	*err = 0;
	if (t->tv_sec < 0 || t->tv_nsec < 0 || t->tv_nsec >= (long)NSEC_PER_SEC) {
		*err = -EINVAL;
		return 0;
	}
	if (!t->tv_sec && !t->tv_nsec)
		return 0;
	if ((u64)t->tv_sec > FOREVER / NSEC_PER_SEC / 4)
		return FOREVER;
	return cpu_clock() + t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

static struct timespec remaining(u64 deadline)
{
	u64 now = cpu_clock(), left = deadline > now ? deadline - now : 0;

	return (struct timespec){ left / NSEC_PER_SEC, left % NSEC_PER_SEC };
}

struct mask_swap {
	bool active;
	u64 old;
};

/* => 0, -EINVAL, -EFAULT */
static int mask_begin(struct mask_swap *m, const u64 __user *set, size_t size)
{
	u64 new;

	m->active = set != NULL;
	if (!set)
		return 0;
	if (size != sizeof(u64))
		return -EINVAL;
	if (get_user(new, set))
		return -EFAULT;
	m->old = current->blocked;
	signal_set_blocked(new & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP)));
	return 0;
}

/* When a signal came, its handler still runs under the new mask; the old one comes back behind it. */
static void mask_end(const struct mask_swap *m, long result)
{
	if (!m->active)
		return;
	if (result == -ERESTARTNOHAND) {
		current->saved_blocked = m->old;
		current->restore_blocked = true;
	} else {
		signal_set_blocked(m->old);
	}
}

/* ---- poll ---- */

static void fill_item(struct poll_item *it, const struct pollfd *p)
{
	*it = (struct poll_item){ .fd = p->fd, .events = (unsigned short)p->events };
	if (p->fd < 0)
		return;
	it->ref = fd_ref(p->fd);
	if (!it->ref.file)
		it->revents = POLLNVAL;
}

static int put_results(struct pollfd __user *user, const struct poll_item *items, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		short revents = items[i].revents;

		if (put_user(revents, &user[i].revents))
			return -EFAULT;
	}
	return 0;
}

static long poll_items(struct pollfd __user *user, struct poll_item *items, unsigned int n, u64 deadline)
{
	long ret = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct pollfd p;

		if (copy_from_user(&p, &user[i], sizeof(p))) {
			put_items(items, i);
			return -EFAULT;
		}
		fill_item(&items[i], &p);
	}
	ret = wait_ready(items, n, deadline);
	put_items(items, n);
	return ret >= 0 && put_results(user, items, n) ? -EFAULT : ret;
}

static long do_poll(struct pollfd __user *user, unsigned long n, u64 deadline)
{
	struct poll_item few[FEW], *items = few;
	long ret;

	if (n > rlimit_cur(RLIMIT_NOFILE))
		return -EINVAL;
	if (n > FEW) {
		items = kmalloc(n * sizeof(*items));
		if (!items)
			return -ENOMEM;
	}
	ret = poll_items(user, items, n, deadline);
	if (items != few)
		kfree(items);
	return ret;
}

static long poll_until(struct pollfd __user *user, unsigned long n, u64 deadline);

static long poll_restart(struct task *t)
{
	return poll_until((struct pollfd __user *)t->restart_block[0], t->restart_block[1], t->restart_block[2]);
}

static long poll_until(struct pollfd __user *user, unsigned long n, u64 deadline)
{
	long ret = do_poll(user, n, deadline);

	if (ret != -EINTR)
		return ret;
	current->restart_fn = poll_restart;
	current->restart_block[0] = (unsigned long)user;
	current->restart_block[1] = n;
	current->restart_block[2] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

long sys_poll(struct pollfd __user *user, unsigned long n, int timeout)
{
	u64 deadline = timeout < 0 ? FOREVER : timeout == 0 ? 0 : cpu_clock() + (u64)timeout * 1000000;

	return poll_until(user, n, deadline);
}

long sys_ppoll(struct pollfd __user *user, unsigned int n, struct timespec __user *timeout, const u64 __user *set,
	       size_t size)
{
	struct mask_swap mask;
	u64 deadline = FOREVER;
	struct timespec t;
	int err = 0;
	long ret;

	if (timeout) {
		if (copy_from_user(&t, timeout, sizeof(t)))
			return -EFAULT;
		deadline = deadline_of(&t, &err);
	}
	if (!err)
		err = mask_begin(&mask, set, size);
	if (err)
		return err;
	ret = do_poll(user, n, deadline);
	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	mask_end(&mask, ret);
	if (timeout && deadline && deadline != FOREVER) {
		t = remaining(deadline);
		if (copy_to_user(timeout, &t, sizeof(t)) && ret == -ERESTARTNOHAND)
			ret = -EINTR;
	}
	return ret;
}

/* ---- select ---- */

#define SELECT_IN (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EX POLLPRI

static const unsigned int select_events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };

/* One item for each descriptor named in any of the sets. => how many, or -EBADF */
static int select_items(unsigned long *const sets[3], unsigned int n, struct poll_item *items)
{
	unsigned int nr = 0;

	for (unsigned int fd = 0; fd < n; fd++) {
		unsigned int events = 0;

		for (int i = 0; i < 3; i++)
			if (sets[i] && bitmap_test(sets[i], fd))
				events |= select_events[i];
		if (!events)
			continue;
		items[nr] = (struct poll_item){ .ref = fd_ref(fd), .fd = fd, .events = events };
		if (!items[nr].ref.file) {
			put_items(items, nr);
			return -EBADF;
		}
		nr++;
	}
	return nr;
}

/* The sets become the answer. => bits set */
static long select_answer(unsigned long *const sets[3], unsigned int n, const struct poll_item *items, unsigned int nr)
{
	DECLARE_BITMAP(asked, 64);
	long bits = 0;

	for (int s = 0; s < 3; s++) {
		unsigned int i = 0;

		for (unsigned int word = 0; sets[s] && word < BITMAP_WORDS(n); word++) {
			asked[0] = sets[s][word];
			sets[s][word] = 0;
			for (; i < nr && (unsigned int)items[i].fd < (word + 1) * BITS_PER_LONG; i++) {
				if (!bitmap_test(asked, items[i].fd % BITS_PER_LONG) ||
				    !(items[i].revents & select_events[s]))
					continue;
				bitmap_set(sets[s], items[i].fd);
				bits++;
			}
		}
	}
	return bits;
}

static long select_sets(unsigned long *const sets[3], unsigned int n, u64 deadline)
{
	struct poll_item *items = kmalloc(max(n, 1U) * sizeof(*items));
	int nr, ready;

	if (!items)
		return -ENOMEM;
	nr = select_items(sets, n, items);
	ready = nr < 0 ? nr : wait_ready(items, nr, deadline);
	if (nr > 0)
		put_items(items, nr);
	if (ready >= 0)
		ready = select_answer(sets, n, items, nr);
	kfree(items);
	return ready;
}

/* sets: the user's three fd_sets, any may be NULL. */
static long do_select(int n, unsigned long __user *const user[3], u64 deadline)
{
	unsigned long *sets[3] = { NULL, NULL, NULL }, *mem;
	size_t bytes;
	long ret = 0;

	if (n < 0)
		return -EINVAL;
	n = min((unsigned int)n, current->files->max);
	bytes = BITMAP_WORDS((unsigned int)n) * sizeof(long);
	mem = kmalloc(3 * bytes + 1);
	if (!mem)
		return -ENOMEM;
	for (int i = 0; i < 3; i++) {
		if (!user[i])
			continue;
		sets[i] = mem + i * (bytes / sizeof(long));
		if (copy_from_user(sets[i], user[i], bytes))
			ret = -EFAULT;
	}
	if (!ret)
		ret = select_sets(sets, n, deadline);
	for (int i = 0; ret >= 0 && i < 3; i++)
		if (user[i] && copy_to_user(user[i], sets[i], bytes))
			ret = -EFAULT;
	kfree(mem);
	return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

long sys_select(int n, unsigned long __user *in, unsigned long __user *out, unsigned long __user *ex,
		struct timeval __user *timeout)
{
	unsigned long __user *const user[3] = { in, out, ex };
	u64 deadline = FOREVER;
	struct timespec t;
	struct timeval v;
	int err = 0;
	long ret;

	if (timeout) {
		if (copy_from_user(&v, timeout, sizeof(v)))
			return -EFAULT;
		if (v.tv_sec < 0 || v.tv_usec < 0)
			return -EINVAL;
		t = (struct timespec){ v.tv_sec + v.tv_usec / 1000000, v.tv_usec % 1000000 * 1000 };
		deadline = deadline_of(&t, &err);
	}
	if (err)
		return err;
	ret = do_select(n, user, deadline);
	if (timeout && deadline && deadline != FOREVER) {
		t = remaining(deadline);
		v = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
		if (copy_to_user(timeout, &v, sizeof(v)) && ret == -ERESTARTNOHAND)
			ret = -EINTR;
	}
	return ret;
}

long sys_pselect6(int n, unsigned long __user *in, unsigned long __user *out, unsigned long __user *ex,
		  struct timespec __user *timeout, const void __user *sigarg)
{
	unsigned long __user *const user[3] = { in, out, ex };
	struct { const u64 __user *set; size_t size; } sig = { NULL, 0 };
	struct mask_swap mask;
	u64 deadline = FOREVER;
	struct timespec t;
	int err = 0;
	long ret;

	if (sigarg && copy_from_user(&sig, sigarg, sizeof(sig)))
		return -EFAULT;
	if (timeout) {
		if (copy_from_user(&t, timeout, sizeof(t)))
			return -EFAULT;
		deadline = deadline_of(&t, &err);
	}
	if (!err)
		err = mask_begin(&mask, sig.set, sig.size);
	if (err)
		return err;
	ret = do_select(n, user, deadline);
	mask_end(&mask, ret);
	if (timeout && deadline && deadline != FOREVER) {
		t = remaining(deadline);
		if (copy_to_user(timeout, &t, sizeof(t)) && ret == -ERESTARTNOHAND)
			ret = -EINTR;
	}
	return ret;
}
