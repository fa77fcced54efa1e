/*
 * Futexes: sleeping until a word of user memory changes.
 *
 * A waiter is an entry, on its own stack, in one of a fixed number of hash buckets. What is hashed is the word's identity:
 *
 *	private, or memory that is private anyway:   address space and address
 *	shared mapping:                              the mapping object and the offset in it
 *
 *   F1  An entry is on its bucket's list, or it has been woken. Both change under the bucket's lock.
 *   F2  Who wakes keeps the lock until the sleeper is runnable; who leaves takes the lock: so an entry, and its task,
 *       exist as long as a waker looks at them.
 *
 * User memory cannot be read under a spinlock. So FUTEX_WAIT queues first and compares then; if the value is another one
 * and the entry has been woken in between, that wake-up is handed on to the next waiter, as it was not meant for somebody
 * who would not have slept.
 *
 * Linux differs: it compares under the lock, with page faults disabled. Priority inheritance is not there (ENOSYS).
 */
#include "kernel/uapi/futex.h"

#include "kernel/fs/file.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/list.h"
#include "kernel/proc.h"
#include "kernel/syscall.h"
#include "kernel/sys_proc.h"
#include "kernel/time.h"
#include "mm/mm.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

#define BUCKET_BITS 8

struct futex_key {
	const void *object;
	u64 offset;
	struct file *file; /* a reference: keeps the object, so that its address names it; NULL: the mm is current's */
};

static struct bucket {
	struct spinlock lock;
	struct list_head waiters;
} __aligned(64) buckets[1 << BUCKET_BITS];

struct futex_waiter {
	struct list_head node;
	struct bucket *bucket;
	struct futex_key key;
	struct task *task;
	u32 bitset;
	bool woken;
};

void futex_boot(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_init(&buckets[i].lock, RANK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

/* ---- Keys ---- */

static struct bucket *bucket_of(const struct futex_key *k)
{
	return &buckets[hash_u64((u64)k->object ^ k->offset, BUCKET_BITS)];
}

static bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}

/* The identity of a word in a mapping that may be shared. */
static int shared_key(struct mm *mm, unsigned long addr, struct futex_key *k)
{
	struct vma *v;
	int err = 0;

	read_lock(&mm->mmap_lock);
	v = vma_tree_find(&mm->vmas, addr);
	if (!v || v->start > addr) {
		err = -EFAULT;
	} else if (v->file && vma_test(v, VMA_MAYSHARE)) {
		k->file = v->file;
		file_get(k->file);
		k->object = file_mapping(v->file);
		k->offset = (v->file_pgoff << PAGE_SHIFT) + (addr - v->start);
	}
	read_unlock(&mm->mmap_lock);
	return err;
}

/* => 0, -EINVAL, -EFAULT; key_put() when 0 */
static int key_get(const u32 __user *uaddr, bool private, struct futex_key *k)
{
	unsigned long addr = (unsigned long)uaddr;

	*k = (struct futex_key){ .object = current->mm, .offset = addr };
	if (addr % sizeof(u32))
		return -EINVAL;
	if (!access_ok(uaddr, sizeof(u32)))
		return -EFAULT;
	return private ? 0 : shared_key(current->mm, addr, k);
}

static void key_put(struct futex_key *k)
{
	if (k->file)
		file_put(k->file);
}

/* ---- Waking ---- */

/* => bucket's lock held */
static void wake_waiter(struct futex_waiter *w)
{
	list_del(&w->node);
	w->woken = true;
	sched_wake(w->task);
}

/* => how many were woken */
static int wake_key(const struct futex_key *k, unsigned int nr, u32 bitset)
{
	struct bucket *b = bucket_of(k);
	struct futex_waiter *w, *tmp;
	unsigned int n = 0;

	spin_lock(&b->lock);
	list_for_each_entry_safe(w, tmp, &b->waiters, node) {
		if (n >= nr)
			break;
		if (!same_key(&w->key, k) || !(w->bitset & bitset))
			continue;
		wake_waiter(w);
		n++;
	}
	spin_unlock(&b->lock);
	return (int)n;
}

static int futex_wake(u32 __user *uaddr, bool private, unsigned int nr, u32 bitset)
{
	struct futex_key k;
	int ret;

	if (!bitset)
		return -EINVAL;
	ret = key_get(uaddr, private, &k);
	if (ret)
		return ret;
	ret = wake_key(&k, max(nr, 1U), bitset); /* Linux wakes one for 0 as well */
	key_put(&k);
	return ret;
}

int futex_wake_addr(u32 __user *uaddr, unsigned int nr)
{
	return futex_wake(uaddr, false, nr, FUTEX_BITSET_MATCH_ANY);
}

/* ---- Waiting ---- */

/* Real-time tasks are woken first, by priority; others in the order in which they came. => b->lock held */
static void insert(struct bucket *b, struct futex_waiter *w)
{
	struct list_head *at = &b->waiters;
	struct futex_waiter *other;

	if (unlikely(w->task->rt_priority)) {
		list_for_each_entry(other, &b->waiters, node)
			if (other->task->rt_priority < w->task->rt_priority)
				break;
		at = &other->node;
	}
	list_add_tail(&w->node, at);
}

static void enqueue(struct futex_waiter *w)
{
	struct bucket *b = bucket_of(&w->key);

	w->bucket = b;
	spin_lock(&b->lock);
	insert(b, w);
	spin_unlock(&b->lock);
}

/* Leave the queue (F2). => whether the entry was woken */
static bool leave(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = READ_ONCE(w->bucket);

		spin_lock(&b->lock);
		if (b == w->bucket) { /* else it was requeued meanwhile */
			list_del(&w->node);
			spin_unlock(&b->lock);
			return w->woken;
		}
		spin_unlock(&b->lock);
	}
}

/* deadline: cpu_clock(), ~0 never. => 0 woken, -ETIMEDOUT, -EINTR */
static int sleep_woken(struct futex_waiter *w, u64 deadline)
{
	int err = 0;

	while (!err) {
		WRITE_ONCE(current->state, TASK_INTERRUPTIBLE);
		smp_mb();
		if (READ_ONCE(w->woken))
			break;
		if (signal_pending())
			err = -EINTR;
		else if (deadline == ~0UL)
			schedule();
		else if (!schedule_timeout(deadline))
			err = -ETIMEDOUT;
	}
	WRITE_ONCE(current->state, TASK_RUNNING);
	return leave(w) ? 0 : err;
}

static int wait_once(u32 __user *uaddr, bool private, u32 val, u32 bitset, u64 deadline)
{
	struct futex_waiter w = { .task = current, .bitset = bitset };
	u32 now;
	int err = key_get(uaddr, private, &w.key);

	if (err)
		return err;
	enqueue(&w);
	err = user_load_u32(uaddr, &now);
	if (!err && now != val)
		err = -EAGAIN;
	if (!err)
		err = sleep_woken(&w, deadline);
	else if (leave(&w))
		wake_key(&w.key, 1, bitset);
	key_put(&w.key);
	return err;
}

static long wait_restart(struct task *t);

static long futex_wait(u32 __user *uaddr, bool private, u32 val, u32 bitset, u64 deadline)
{
	struct task *t = current;
	int err;

	if (!bitset)
		return -EINVAL;
	err = wait_once(uaddr, private, val, bitset, deadline);
	if (err != -EINTR)
		return err;
	if (deadline == ~0UL)
		return -ERESTARTSYS;
	t->restart_block[0] = (unsigned long)uaddr;
	t->restart_block[1] = private;
	t->restart_block[2] = val;
	t->restart_block[3] = bitset;
	t->restart_block[4] = deadline;
	t->restart_fn = wait_restart;
	return -ERESTART_RESTARTBLOCK;
}

static long wait_restart(struct task *t)
{
	const unsigned long *b = t->restart_block;

	return futex_wait((u32 __user *)b[0], b[1], (u32)b[2], (u32)b[3], b[4]);
}

/* ---- Requeueing ---- */

static void lock_two(struct bucket *a, struct bucket *b) NO_THREAD_SAFETY
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock_nested(a < b ? &b->lock : &a->lock); /* by address */
}

static void unlock_two(struct bucket *a, struct bucket *b) NO_THREAD_SAFETY
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* Wake nr_wake waiters of `from`, let up to nr_move others wait on `to`. => woken and moved */
static int requeue(const struct futex_key *from, const struct futex_key *to, unsigned int nr_wake, unsigned int nr_move)
{
	struct bucket *a = bucket_of(from), *b = bucket_of(to);
	struct futex_waiter *w, *tmp;
	unsigned int woken = 0, moved = 0;

	lock_two(a, b);
	list_for_each_entry_safe(w, tmp, &a->waiters, node) {
		if (!same_key(&w->key, from) || same_key(from, to))
			continue;
		if (woken < nr_wake) {
			wake_waiter(w);
			woken++;
		} else if (moved < nr_move) {
			/* The file reference stays with the key that is put: it only has to keep w->key.file. */
			w->key.object = to->object;
			w->key.offset = to->offset;
			WRITE_ONCE(w->bucket, b);
			list_del(&w->node);
			insert(b, w);
			moved++;
		} else {
			break;
		}
	}
	unlock_two(a, b);
	return (int)(woken + moved);
}

static int futex_requeue(u32 __user *uaddr, u32 __user *uaddr2, bool private, int nr_wake, int nr_move,
			 const u32 *expected)
{
	struct futex_key from, to;
	u32 now;
	int ret;

	if (nr_wake < 0 || nr_move < 0)
		return -EINVAL;
	ret = key_get(uaddr, private, &from);
	if (ret)
		return ret;
	ret = key_get(uaddr2, private, &to);
	if (!ret && expected) {
		ret = user_load_u32(uaddr, &now);
		if (!ret && now != *expected)
			ret = -EAGAIN;
	}
	if (!ret)
		ret = same_key(&from, &to) ? wake_key(&from, (unsigned int)nr_wake, FUTEX_BITSET_MATCH_ANY)
					   : requeue(&from, &to, (unsigned int)nr_wake, (unsigned int)nr_move);
	key_put(&to);
	key_put(&from);
	return ret;
}

/* ---- FUTEX_WAKE_OP: change the second word, wake on the first, and on the second if its old value says so ---- */

static int op_apply(u32 op, u32 old, u32 arg, u32 *new)
{
	switch (op) {
	case 0:
		*new = arg;
		return 0;
	case 1:
		*new = old + arg;
		return 0;
	case 2:
		*new = old | arg;
		return 0;
	case 3:
		*new = old & ~arg;
		return 0;
	case 4:
		*new = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int op_compare(u32 cmp, int old, int arg)
{
	switch (cmp) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	case 5:
		return old >= arg;
	default:
		return -ENOSYS;
	}
}

static int sign_extend12(u32 v)
{
	return (int)(v << 20) >> 20;
}

/* => whether to wake on the second word, or -errno */
static int op_on_user(u32 encoded, u32 __user *uaddr)
{
	u32 op = encoded >> 28 & 7, cmp = encoded >> 24 & 15, arg = (u32)sign_extend12(encoded >> 12), old, seen, new;
	int err;

	if (encoded >> 31)
		arg = 1U << (arg & 31);
	err = op_compare(cmp, 0, 0);
	if (err < 0)
		return err;
	err = user_load_u32(uaddr, &old);
	while (!err) {
		err = op_apply(op, old, arg, &new);
		if (err)
			break;
		seen = old;
		err = user_cmpxchg_u32(uaddr, &seen, new);
		if (!err && seen == old)
			return op_compare(cmp, (int)old, sign_extend12(encoded));
		old = seen;
	}
	return err;
}

static int futex_wake_op(u32 __user *uaddr, u32 __user *uaddr2, bool private, int nr_wake, int nr_wake2, u32 op)
{
	struct futex_key first, second;
	int ret = key_get(uaddr, private, &first), also;

	if (ret)
		return ret;
	ret = key_get(uaddr2, private, &second);
	also = ret ? ret : op_on_user(op, uaddr2);
	if (also >= 0) {
		ret = wake_key(&first, (unsigned int)max(nr_wake, 1), FUTEX_BITSET_MATCH_ANY);
		if (also)
			ret += wake_key(&second, (unsigned int)max(nr_wake2, 1), FUTEX_BITSET_MATCH_ANY);
	}
	key_put(&second);
	key_put(&first);
	return also < 0 ? also : ret;
}

/* ---- The system call ---- */

/* => 0; *deadline in cpu_clock() */
static int deadline_of(int cmd, bool realtime, const struct timespec __user *user, u64 *deadline)
{
	struct timespec ts;
	s64 at;

	*deadline = ~0UL;
	if (!user)
		return 0;
	if (copy_from_user(&ts, user, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	at = (s64)timespec_ns(&ts);
	if (cmd == FUTEX_WAIT)
		at = (s64)deadline_after(&ts);
	else if (realtime)
		at -= realtime_offset;
	*deadline = at > 0 ? (u64)at : 0;
	return 0;
}

long sys_futex(u32 __user *uaddr, int op, u32 val, const struct timespec __user *timeout, u32 __user *uaddr2, u32 val3)
{
	int cmd = op & FUTEX_CMD_MASK, err, val2 = (int)(unsigned long)timeout;
	bool private = op & FUTEX_PRIVATE_FLAG, realtime = op & FUTEX_CLOCK_REALTIME;
	u64 deadline;

	if (realtime && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		val3 = FUTEX_BITSET_MATCH_ANY;
		/* fall through */
	case FUTEX_WAIT_BITSET:
		err = deadline_of(cmd, realtime, timeout, &deadline);
		return err ? err : futex_wait(uaddr, private, val, val3, deadline);
	case FUTEX_WAKE:
		val3 = FUTEX_BITSET_MATCH_ANY;
		/* fall through */
	case FUTEX_WAKE_BITSET:
		return futex_wake(uaddr, private, val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(uaddr, uaddr2, private, (int)val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(uaddr, uaddr2, private, (int)val, val2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(uaddr, uaddr2, private, (int)val, val2, val3);
	default:
		return -ENOSYS;
	}
}

/* ---- Robust lists: locks whose owner dies ---- */

long sys_set_robust_list(struct robust_list_head __user *head, size_t len)
{
	if (len != sizeof(struct robust_list_head))
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

long sys_get_robust_list(int tid, struct robust_list_head __user **user_head, size_t __user *user_len)
{
	void __user *head = current->robust_list;
	struct task *t;
	int err = 0;

	if (tid) {
		spin_lock(&pid_lock);
		t = task_find(tid);
		if (!t)
			err = -ESRCH;
		else if (t->process != current->process && !capable(CAP_SYS_ADMIN))
			err = -EPERM;
		else
			head = t->robust_list;
		spin_unlock(&pid_lock);
	}
	if (err)
		return err;
	if (put_user(sizeof(struct robust_list_head), user_len) || put_user((unsigned long)head, (unsigned long __user *)user_head))
		return -EFAULT;
	return 0;
}

/* A lock that the dying thread holds, or was about to take or release: mark it, wake who waits. */
static int owner_died(u32 __user *uaddr, int tid, bool pending)
{
	u32 old, seen;

	if ((unsigned long)uaddr % sizeof(u32) || user_load_u32(uaddr, &old))
		return -EFAULT;
	for (;;) {
		if (pending && !old) { /* it has let go, but not woken anybody */
			futex_wake_addr(uaddr, 1);
			return 0;
		}
		if ((old & FUTEX_TID_MASK) != (u32)tid)
			return 0;
		seen = old;
		if (user_cmpxchg_u32(uaddr, &seen, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return -EFAULT;
		if (seen == old)
			break;
		old = seen;
	}
	if (old & FUTEX_WAITERS)
		futex_wake_addr(uaddr, 1);
	return 0;
}

/* Bit 0 of an entry's address says "priority inheritance". */
static unsigned long entry_address(unsigned long word)
{
	return word & ~1UL;
}

void futex_exit_robust(struct task *t)
{
	const struct robust_list_head __user *user = t->robust_list;
	struct robust_list_head head;
	unsigned long entry, next, pending;

	t->robust_list = NULL;
	if (!user || copy_from_user(&head, user, sizeof(head)))
		return;
	pending = entry_address((unsigned long)head.list_op_pending);
	entry = entry_address((unsigned long)head.list.next);
	for (int i = 0; i < ROBUST_LIST_LIMIT && entry != (unsigned long)user; i++) {
		if (get_user(next, (unsigned long __user *)entry))
			return;
		if (entry != pending && owner_died((u32 __user *)(entry + (unsigned long)head.futex_offset), t->tid, false))
			return;
		entry = entry_address(next);
		sched_yield_point();
	}
	if (pending)
		owner_died((u32 __user *)(pending + (unsigned long)head.futex_offset), t->tid, true);
}
