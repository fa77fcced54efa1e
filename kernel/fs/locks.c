/*
 * File locks: fcntl's ranges and flock's whole files. All are advisory.
 *
 *	kind     owner                 goes when
 *	POSIX    the descriptor table  any descriptor of the file is closed by it
 *	OFD      the struct file       the struct file goes
 *	FLOCK    the struct file       likewise; knows nothing of the other two
 *
 *	L1  Locks of one owner and kind on an inode do not overlap; neighbours of one type are one lock.
 *	L2  Two locks that overlap, of different owners, are both F_RDLCK.
 *
 * Everything here is under locks_mutex, a leaf; who has to wait sleeps on one queue and looks again at every change.
 * A POSIX waiter notes whom it waits for, so that a circle is found before it closes (EDEADLK).
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

struct file_lock {
	struct list_head node; /* inode->locks */
	void *owner;
	enum lock_kind kind;
	short type;
	int pid; /* as F_GETLK tells; -1 for OFD */
	u64 start, end; /* inclusive */
};

struct lock_waiter {
	struct list_head node;
	void *owner, *blocker;
};

static struct mutex locks_mutex;
static struct waitq locks_wait;
static LIST_HEAD(lock_waiters);

void locks_boot(void)
{
	mutex_init(&locks_mutex, RANK_KMUTEX);
	waitq_init(&locks_wait);
}

/* ---- Conflicts ---- */

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool conflicts(const struct file_lock *have, const struct file_lock *want)
{
	if ((have->kind == LOCK_FLOCK) != (want->kind == LOCK_FLOCK) || have->owner == want->owner)
		return false;
	return overlaps(have, want) && (have->type == F_WRLCK || want->type == F_WRLCK);
}

static struct file_lock *find_conflict(struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry(l, &inode->locks, node)
		if (conflicts(l, want))
			return l;
	return NULL;
}

/* Would waiting for `blocker` wait, over others, for `owner`? Bounded: a longer chain is not a circle worth finding. */
static bool closes_circle(void *owner, void *blocker)
{
	for (int steps = 0; steps < 32; steps++) {
		struct lock_waiter *w;
		void *next = NULL;

		if (blocker == owner)
			return true;
		list_for_each_entry(w, &lock_waiters, node)
			if (w->owner == blocker)
				next = w->blocker;
		if (!next)
			return false;
		blocker = next;
	}
	return false;
}

/* ---- Changing (L1) ---- */

static void drop_lock(struct file_lock *l)
{
	list_del(&l->node);
	kfree(l);
}

/* l makes room for `want`, of the same owner. *spare is used when l must be split. */
static void give_way(struct file_lock *l, const struct file_lock *want, struct file_lock **spare)
{
	if (l->start < want->start && l->end > want->end) {
		struct file_lock *upper = *spare;

		*spare = NULL;
		*upper = *l;
		upper->start = want->end + 1;
		l->end = want->start - 1;
		list_add(&upper->node, &l->node);
	} else if (l->start < want->start) {
		l->end = want->start - 1;
	} else if (l->end > want->end) {
		l->start = want->end + 1;
	} else {
		drop_lock(l);
	}
}

static bool touches(const struct file_lock *a, const struct file_lock *b)
{
	return overlaps(a, b) || (a->end != UINT64_MAX && a->end + 1 == b->start) ||
	       (b->end != UINT64_MAX && b->end + 1 == a->start);
}

/* `want` replaces what its owner has in its range; consumed when it becomes a lock. */
static void apply(struct inode *inode, struct file_lock **want_p, struct file_lock **spare) REQUIRES(locks_mutex)
{
	struct file_lock *want = *want_p, *l, *tmp;

	list_for_each_entry_safe(l, tmp, &inode->locks, node) {
		if (l->owner != want->owner || l->kind != want->kind)
			continue;
		if (want->type != F_UNLCK && l->type == want->type && touches(l, want)) {
			want->start = min(want->start, l->start);
			want->end = max(want->end, l->end);
			drop_lock(l);
		} else if (overlaps(l, want)) {
			give_way(l, want, spare);
		}
	}
	if (want->type != F_UNLCK) {
		list_add_tail(&want->node, &inode->locks);
		*want_p = NULL;
	}
	waitq_wake_all(&locks_wait);
}

/* Sleep until something changes. => locks_mutex held before and after; 0, -EDEADLK, -ERESTARTSYS */
static int wait_for(const struct file_lock *want, const struct file_lock *blocker) REQUIRES(locks_mutex)
{
	struct lock_waiter lw = { .owner = want->owner, .blocker = blocker->owner };
	struct waiter w = {};
	int err = 0;

	if (want->kind == LOCK_POSIX && closes_circle(want->owner, blocker->owner))
		return -EDEADLK;
	list_add(&lw.node, &lock_waiters);
	waitq_prepare(&locks_wait, &w, true);
	mutex_unlock(&locks_mutex);
	if (signal_pending())
		err = -ERESTARTSYS;
	else
		schedule();
	waitq_finish(&locks_wait, &w);
	mutex_lock(&locks_mutex);
	list_del(&lw.node);
	return err;
}

static int set_lock(struct inode *inode, const struct file_lock *request, bool wait)
{
	struct file_lock *want = kmalloc(sizeof(*want)), *spare = kmalloc(sizeof(*spare)), *blocker;
	int err = want && spare ? 0 : -ENOLCK;

	if (!err) {
		*want = *request;
		mutex_lock(&locks_mutex);
		while (!err && want->type != F_UNLCK && (blocker = find_conflict(inode, want)))
			err = wait ? wait_for(want, blocker) : -EAGAIN;
		if (!err)
			apply(inode, &want, &spare);
		mutex_unlock(&locks_mutex);
	}
	kfree(want);
	kfree(spare);
	return err;
}

/* ---- fcntl ---- */

/* l_whence, l_start, l_len to an inclusive range. */
static int parse_range(struct file *f, const struct flock *fl, struct file_lock *l)
{
	s64 start, end;

	switch (fl->l_whence) {
	case 0:
		start = 0;
		break;
	case 1:
		start = f->pos;
		break;
	case 2:
		start = inode_size(f->inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(start, fl->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (fl->l_len > 0) {
		if (__builtin_add_overflow(start, fl->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (fl->l_len < 0) {
		end = start - 1;
		start += fl->l_len;
		if (start < 0)
			return -EINVAL;
	} else {
		end = -1;
	}
	l->start = start;
	l->end = end < 0 ? UINT64_MAX : (u64)end;
	return 0;
}

static int parse_lock(struct file *f, int cmd, const struct flock *fl, struct file_lock *l)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;

	if (fl->l_type != F_RDLCK && fl->l_type != F_WRLCK && fl->l_type != F_UNLCK)
		return -EINVAL;
	if (ofd && fl->l_pid)
		return -EINVAL;
	l->kind = ofd ? LOCK_OFD : LOCK_POSIX;
	l->owner = ofd ? (void *)f : (void *)current->files;
	l->pid = ofd ? -1 : current->process->pid;
	l->type = fl->l_type;
	return parse_range(f, fl, l);
}

static long get_lock(struct file *f, const struct file_lock *want, struct flock *fl, struct flock __user *user)
{
	struct file_lock *l;

	if (want->type == F_UNLCK)
		return -EINVAL;
	mutex_lock(&locks_mutex);
	l = find_conflict(f->inode, want);
	if (!l) {
		fl->l_type = F_UNLCK;
	} else {
		fl->l_type = l->type;
		fl->l_whence = 0;
		fl->l_start = l->start;
		fl->l_len = l->end == UINT64_MAX ? 0 : l->end - l->start + 1;
		fl->l_pid = l->pid;
	}
	mutex_unlock(&locks_mutex);
	return copy_to_user(user, fl, sizeof(*fl)) ? -EFAULT : 0;
}

long fcntl_lock(struct file *f, int cmd, void __user *arg)
{
	struct file_lock want;
	struct flock fl;
	int err;

	if (copy_from_user(&fl, arg, sizeof(fl)))
		return -EFAULT;
	err = parse_lock(f, cmd, &fl, &want);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK)
		return get_lock(f, &want, &fl, arg);
	if ((want.type == F_RDLCK && !file_readable(f)) || (want.type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	return set_lock(f->inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

/* ---- flock ---- */

long sys_flock(int fd, unsigned int op)
{
	static const short types[] = { [LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK };
	struct file_lock want = { .kind = LOCK_FLOCK, .end = UINT64_MAX };
	unsigned int what = op & ~LOCK_NB;
	struct fdref r;
	long err = 0;

	if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN)
		return -EINVAL;
	r = fd_ref(fd);
	if (!r.file)
		return -EBADF;
	want.owner = r.file;
	want.pid = current->process->pid;
	want.type = F_UNLCK;
	/* a change of type is not atomic: the old lock goes first, as Linux documents */
	if (what != LOCK_UN)
		err = set_lock(r.file->inode, &want, false);
	want.type = types[what];
	if (!err)
		err = set_lock(r.file->inode, &want, !(op & LOCK_NB));
	fdref_put(r);
	return err;
}

/* ---- The end of owners ---- */

static void drop_all(struct inode *inode, void *owner)
{
	struct file_lock *l, *tmp;

	if (likely(list_empty(&inode->locks)))
		return;
	mutex_lock(&locks_mutex);
	list_for_each_entry_safe(l, tmp, &inode->locks, node)
		if (l->owner == owner)
			drop_lock(l);
	waitq_wake_all(&locks_wait);
	mutex_unlock(&locks_mutex);
}

void locks_close(struct file *f, struct files *owner)
{
	drop_all(f->inode, owner);
}

void locks_release(struct file *f)
{
	drop_all(f->inode, f);
}
