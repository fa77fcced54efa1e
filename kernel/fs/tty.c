/*
 * Terminal files: /dev/ttyS0..3, /dev/console (ttyS0) and /dev/tty (one's own). The picture is in tty.h.
 *
 * Characters arrive by interrupt, where nothing may sleep: they are put into a small ring, and ttyd, one thread for
 * all terminals, runs the line discipline on them. When readers are slow the buffer fills, then the ring, then the UART,
 * and then whoever sends waits: nothing is lost. Output is polled, in chunks, so that what is typed gets in between.
 *
 * How long a read without line editing waits is VMIN and VTIME's matter:
 *
 *	           VTIME = 0                     VTIME > 0 (tenths of a second)
 *	VMIN = 0   what is there                 until a byte or the time is up
 *	VMIN > 0   until VMIN bytes              until VMIN bytes, or none for that long after the first
 */
#include "kernel/fs/tty.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/poll.h"
#include "mm/slab.h"
#include <arch/irq.h>
#include <arch/uaccess.h>

#define CHUNK 256 /* output between two looks at the input, on the stack */
#define TENTH (NSEC_PER_SEC / 10)

struct tty ttys[UART_COUNT] = { [0 ... UART_COUNT - 1] = { .raw_lock = SPINLOCK_INIT(RANK_LEAF) } };

static struct waitq input_wait = WAITQ_INIT(input_wait); /* interrupts may come before tty_init() */

/* ---- Input: interrupt and thread ---- */

/* What does not fit stays in the UART, and then with whoever sends. => raw_lock held */
static void fill_ring(struct tty *t)
{
	while (t->raw_head - t->raw_tail < TTY_RAW) {
		int c = uart_getc(t->port);

		if (c < 0)
			break;
		t->raw[t->raw_head++ % TTY_RAW] = c;
	}
}

void uart_interrupt(unsigned int port)
{
	struct tty *t = &ttys[port];
	unsigned long flags = spin_lock_irqsave(&t->raw_lock);

	fill_ring(t);
	spin_unlock_irqrestore(&t->raw_lock, flags);
	waitq_wake_all(&input_wait);
}

/* Room that this makes is used at once: for bytes already in the device no new interrupt comes. */
static bool take_raw_char(struct tty *t, char *c)
{
	unsigned long flags = spin_lock_irqsave(&t->raw_lock);
	bool any = t->raw_head != t->raw_tail;

	if (any) {
		*c = t->raw[t->raw_tail++ % TTY_RAW];
		fill_ring(t);
	}
	spin_unlock_irqrestore(&t->raw_lock, flags);
	return any;
}

static bool has_work(const struct tty *t)
{
	return READ_ONCE(t->raw_head) != READ_ONCE(t->raw_tail) && tty_has_room(t);
}

static bool any_work(void)
{
	for (unsigned int i = 0; i < UART_COUNT; i++)
		if (has_work(&ttys[i]))
			return true;
	return false;
}

static void process_input(struct tty *t)
{
	char c;

	while (tty_has_room(t) && take_raw_char(t, &c)) {
		mutex_lock(&t->lock);
		tty_receive(t, c);
		mutex_unlock(&t->lock);
	}
}

static void ttyd(void *unused)
{
	(void)unused;
	for (;;) {
		wait_event(&input_wait, any_work());
		for (unsigned int i = 0; i < UART_COUNT; i++)
			process_input(&ttys[i]);
	}
}

void tty_init(void)
{
	for (unsigned int i = 0; i < UART_COUNT; i++) {
		struct tty *t = &ttys[i];

		t->port = i;
		mutex_init(&t->lock, RANK_TTY);
		mutex_init(&t->write_lock, RANK_TTY);
		waitq_init(&t->read_wait);
		waitq_init(&t->write_wait);
		tty_settings_init(t);
	}
	if (!kthread_create("ttyd", ttyd, NULL))
		panic("no memory for the terminals' thread");
	uart_irq_enable();
}

/* ---- Reading ---- */

/* Is there enough for a read of n bytes that has `done`? */
static bool enough(const struct tty *t, size_t done, size_t n)
{
	size_t min_bytes = t->termios.c_cc[VMIN];

	if (t->termios.c_lflag & ICANON)
		return tty_input_ready(t, false);
	return done + tty_input_count(t) >= min(min_bytes ? min_bytes : 1, n);
}

/* Wait until `enough`, at most until deadline (UINT64_MAX: for ever). => 0, -ETIMEDOUT, -ERESTARTSYS; lock not held */
static int wait_input(struct tty *t, size_t done, size_t n, u64 deadline)
{
	u32 seen = READ_ONCE(t->head);
	bool timed = deadline != UINT64_MAX;
	struct waiter w = {};
	int err = 0;

	for (;;) {
		waitq_prepare(&t->read_wait, &w, true);
		if (enough(t, done, n) || (timed && READ_ONCE(t->head) != seen))
			break;
		if (signal_pending()) {
			err = -ERESTARTSYS;
			break;
		}
		if (!timed) {
			schedule();
		} else if (!schedule_timeout(deadline)) {
			err = -ETIMEDOUT;
			break;
		}
	}
	waitq_finish(&t->read_wait, &w);
	return err;
}

/* => bytes, or -EFAULT */
static long take_input(struct tty *t, struct uio *u, bool *end)
{
	bool canon = t->termios.c_lflag & ICANON;
	char chunk[CHUNK];
	long done = 0;

	*end = false;
	while (u->resid && !*end) {
		size_t want = min(u->resid, (size_t)CHUNK), n;

		n = canon ? tty_take_line(t, chunk, want, end) : tty_take_raw(t, chunk, want);
		if (canon && n && chunk[n - 1] == '\n')
			*end = true;
		if (uio_write(u, chunk, n) < n)
			return done ? done : -EFAULT;
		done += n;
		if (n < want)
			break;
	}
	if (canon && (done || *end))
		*end = true;
	return done;
}

static u64 read_deadline(const struct tty *t, bool first)
{
	u64 tenths = t->termios.c_cc[VTIME];

	if ((t->termios.c_lflag & ICANON) || !tenths || (first && t->termios.c_cc[VMIN]))
		return UINT64_MAX;
	return cpu_clock() + tenths * TENTH;
}

static bool returns_at_once(const struct tty *t)
{
	return !(t->termios.c_lflag & ICANON) && !t->termios.c_cc[VMIN] && !t->termios.c_cc[VTIME];
}

static bool satisfied(const struct tty *t, long done, size_t resid, bool end)
{
	if (end || !resid)
		return true;
	return !(t->termios.c_lflag & ICANON) && done && done >= t->termios.c_cc[VMIN];
}

static long tty_read(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = f->private;
	size_t total = u->resid;
	long done = 0, n;
	bool end;
	int err;

	(void)pos;
	if (!total)
		return 0;
	for (;;) {
		err = tty_check_background(t, SIGTTIN);
		if (err)
			break;
		mutex_lock(&t->lock);
		n = take_input(t, u, &end);
		mutex_unlock(&t->lock);
		if (n > 0 && READ_ONCE(t->raw_head) != READ_ONCE(t->raw_tail))
			waitq_wake_all(&input_wait); /* there is room now */
		if (n < 0) {
			err = n;
			break;
		}
		done += n;
		if (satisfied(t, done, u->resid, end) || returns_at_once(t))
			break;
		err = f->flags & O_NONBLOCK ? -EAGAIN : wait_input(t, done, total, read_deadline(t, !done));
		if (err == -ETIMEDOUT) {
			err = 0;
			break;
		}
		if (err)
			break;
	}
	return done ? done : err;
}

/* ---- Writing ---- */

/* Until output may go on. => lock held; 0, -EAGAIN, -ERESTARTSYS */
static int wait_started(struct file *f, struct tty *t) REQUIRES(t->lock)
{
	int err = 0;

	while (t->stopped && !err) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		mutex_unlock(&t->lock);
		err = wait_event_interruptible(&t->write_wait, !READ_ONCE(t->stopped));
		mutex_lock(&t->lock);
	}
	return err ? -ERESTARTSYS : 0;
}

static long write_chunks(struct file *f, struct tty *t, struct uio *u)
{
	char chunk[CHUNK];
	long done = 0;
	int err = 0;

	while (u->resid && !err) {
		size_t n = uio_read(u, chunk, sizeof(chunk));

		if (!n) {
			err = -EFAULT;
			break;
		}
		mutex_lock_nested(&t->lock); /* under write_lock */
		err = wait_started(f, t);
		if (!err) {
			tty_output(t, chunk, n);
			done += n;
		}
		mutex_unlock(&t->lock);
		sched_yield_point();
		if (!err && u->resid && signal_pending())
			err = -ERESTARTSYS;
	}
	return done ? done : err;
}

static long tty_write(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = f->private;
	long ret = 0;

	(void)pos;
	if (t->termios.c_lflag & TOSTOP)
		ret = tty_check_background(t, SIGTTOU);
	if (ret)
		return ret;
	if (mutex_lock_interruptible(&t->write_lock))
		return -ERESTARTSYS;
	ret = write_chunks(f, t, u);
	mutex_unlock(&t->write_lock);
	return ret;
}

static unsigned int tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private;
	unsigned int mask = 0;

	poll_wait(&t->read_wait, pt);
	poll_wait(&t->write_wait, pt);
	if (tty_input_ready(t, true))
		mask |= POLLIN | POLLRDNORM;
	if (!READ_ONCE(t->stopped))
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

/* ---- Opening ---- */

static struct tty *tty_of(const struct inode *inode)
{
	unsigned int minor = inode->rdev & 0xff;

	if (inode->rdev >> 8 == TTY_MAJOR)
		return &ttys[minor - TTY_S0_MINOR];
	return minor == 0 ? current->process ? current->process->ctty : NULL : &ttys[0]; /* /dev/tty, /dev/console */
}

static int tty_open(struct inode *inode, struct file *f)
{
	struct tty *t = tty_of(inode);

	if (!t || !uart_present(t->port))
		return -ENXIO;
	if (t->exclusive && current_fsuid() != 0)
		return -EBUSY;
	f->private = t;
	if (inode->rdev >> 8 == TTY_MAJOR && !(f->flags & O_NOCTTY) && file_readable(f))
		tty_acquire(t);
	return 0;
}

const struct file_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
	.open = tty_open,
};
