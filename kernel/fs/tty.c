/*
 * Terminals: the four serial lines, who is in the foreground, and requests (ioctl).
 *
 *	UART --interrupt--> ring --thread--> line discipline (n_tty.c) --> readers
 *	  ^                                        | echo
 *	  +------ polled output (tty_out.c) <------+------------------- writers
 *
 * The interrupt only takes bytes into a ring. A thread runs the line discipline, because that takes a mutex and sends
 * signals. When readers are slow the buffer fills, then the ring, then the UART's own queue, and then whoever sends
 * waits: nothing is lost.
 *
 * A session's leader makes a terminal the session's controlling terminal. Its foreground process group gets the
 * keyboard's signals; members of other groups that read it, or change it, or under TOSTOP write it, are stopped with
 * SIGTTIN or SIGTTOU.
 *
 *   J1  tty->session != 0  <=>  the session's leader has ctty == tty.
 *   J2  a process's ctty is the terminal of its own session, or NULL.
 *
 * Locks: pid_lock for session, pgrp and every process's ctty; ring_lock, with interrupts off, for the ring; the rest is
 * the line discipline's. Signals are sent without pid_lock.
 *
 * Linux differs: /dev/console is exempt from job control, a leader's end hangs the line up for every open descriptor,
 * and there are pseudo terminals, whose place is behind emit() and uart_getc().
 */
#include "kernel/fs/tty.h"

#include "kernel/cmdline.h"
#include "kernel/lib/string.h"
#include "kernel/pid.h"
#include "kernel/proc.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/ioctl.h"
#include "kernel/uapi/poll.h"
#include <arch/uaccess.h>

#define TTY_MAJOR 4
#define TTY_SERIAL_MINOR 64
#define TTYAUX_MAJOR 5 /* 0: /dev/tty, 1: /dev/console */
#define DEV(major, minor) ((major) << 8 | (minor))

/* Interrupts may come before tty_init(): what they use is ready. */
#define LINE(n) { .port = n, .ring_lock = SPINLOCK_INIT(RANK_LEAF) }
static struct tty ttys[UART_COUNT] = { LINE(0), LINE(1), LINE(2), LINE(3) };
static struct waitq input_wait = WAITQ_INIT(input_wait);

/* ---- Input ---- */

/* => ring_lock held */
static void fill_ring(struct tty *t)
{
	while (t->ring_head - t->ring_tail < TTY_RING) {
		int c = uart_getc(t->port);

		if (c < 0)
			break;
		t->ring[t->ring_head++ % TTY_RING] = (u8)c;
	}
}

void uart_interrupt(unsigned int port)
{
	struct tty *t = &ttys[port];
	unsigned long flags = spin_lock_irqsave(&t->ring_lock);

	fill_ring(t);
	spin_unlock_irqrestore(&t->ring_lock, flags);
	waitq_wake_all(&input_wait);
}

/* The oldest byte, or -1. Room that this makes is used at once: the device may hold bytes of which no new interrupt
 * will tell. */
static int take_from_ring(struct tty *t)
{
	unsigned long flags = spin_lock_irqsave(&t->ring_lock);
	int c = -1;

	if (t->ring_head != t->ring_tail) {
		c = t->ring[t->ring_tail++ % TTY_RING];
		fill_ring(t);
	}
	spin_unlock_irqrestore(&t->ring_lock, flags);
	return c;
}

static bool has_work(const struct tty *t)
{
	return READ_ONCE(t->ring_head) != READ_ONCE(t->ring_tail) && ntty_has_room(t);
}

static bool any_work(void)
{
	for (unsigned int i = 0; i < UART_COUNT; i++)
		if (has_work(&ttys[i]))
			return true;
	return false;
}

void tty_input_consumed(struct tty *t)
{
	if (READ_ONCE(t->ring_head) != READ_ONCE(t->ring_tail))
		waitq_wake_all(&input_wait);
}

static void pump(struct tty *t)
{
	int c;

	mutex_lock(&t->lock);
	while (ntty_has_room(t) && (c = take_from_ring(t)) >= 0)
		ntty_receive(t, (u8)c);
	mutex_unlock(&t->lock);
}

static void input_thread(void *unused)
{
	(void)unused;
	for (;;) {
		wait_event(&input_wait, any_work());
		for (unsigned int i = 0; i < UART_COUNT; i++)
			if (has_work(&ttys[i]))
				pump(&ttys[i]);
	}
}

void tty_init(void)
{
	for (unsigned int i = 0; i < UART_COUNT; i++) {
		struct tty *t = &ttys[i];

		mutex_init(&t->write_lock, RANK_TTY);
		mutex_init(&t->lock, RANK_TTY);
		waitq_init(&t->read_wait);
		waitq_init(&t->write_wait);
		t->winsize.ws_row = (unsigned short)console_rows;
		t->winsize.ws_col = (unsigned short)console_cols;
		ntty_init(t);
	}
	if (!kthread_create("ttyd", input_thread, NULL))
		panic("no memory for the terminals' input thread");
}

/* ---- Sessions ---- */

int tty_pgrp(struct tty *t)
{
	return READ_ONCE(t->pgrp);
}

u32 tty_dev(struct tty *t)
{
	return DEV(TTY_MAJOR, TTY_SERIAL_MINOR + t->port);
}

void tty_signal_foreground(struct tty *t, int sig)
{
	int pgrp = tty_pgrp(t);

	if (pgrp)
		signal_send_group(pgrp, sig, NULL);
}

static bool is_leader(const struct process *p)
{
	return p->sid == p->pid;
}

/* J1, J2: nobody of session sid keeps a terminal. => pid_lock held */
static void forget_terminal(int sid)
{
	struct process *p = process_next_locked(1);

	assert_spin_held(&pid_lock);
	for (; p; p = process_next_locked(p->pid + 1))
		if (p->sid == sid)
			p->ctty = NULL;
}

/* => the foreground group, 0 none */
static int leave_terminal(struct process *leader)
{
	struct tty *t;
	int pgrp = 0;

	spin_lock(&pid_lock);
	t = leader->ctty;
	if (t) {
		pgrp = t->pgrp;
		t->session = 0;
		WRITE_ONCE(t->pgrp, 0);
		forget_terminal(leader->sid);
		leader->ctty = NULL;
	}
	spin_unlock(&pid_lock);
	return pgrp;
}

void tty_session_end(struct process *leader)
{
	int pgrp = leave_terminal(leader);

	if (!pgrp)
		return;
	signal_send_group(pgrp, SIGHUP, NULL);
	signal_send_group(pgrp, SIGCONT, NULL);
}

/* t becomes the controlling terminal of the session that p leads. => pid_lock held; t has none, p has no other */
static void take_terminal(struct tty *t, struct process *p)
{
	t->session = p->sid;
	WRITE_ONCE(t->pgrp, p->pgid);
	p->ctty = t;
}

/* open(2) without O_NOCTTY by a leader that has none. */
static void take_when_opened(struct tty *t)
{
	struct process *p = current->process;

	if (!p || !is_leader(p))
		return;
	spin_lock(&pid_lock);
	if (!p->ctty && !t->session)
		take_terminal(t, p);
	spin_unlock(&pid_lock);
}

/* TIOCSCTTY. steal: another session may lose it */
static long set_controlling(struct tty *t, const struct file *f, bool steal)
{
	struct process *p = current->process;
	long err = 0;

	spin_lock(&pid_lock);
	if (!is_leader(p) || (p->ctty && p->ctty != t))
		err = -EPERM;
	else if (t->session && t->session != p->sid && !(steal && capable(CAP_SYS_ADMIN)))
		err = -EPERM;
	else if (!file_readable(f) && !capable(CAP_SYS_ADMIN))
		err = -EPERM;
	if (!err && t->session != p->sid) {
		if (t->session)
			forget_terminal(t->session);
		take_terminal(t, p);
	}
	spin_unlock(&pid_lock);
	return err;
}

static long give_up_controlling(struct tty *t)
{
	struct process *p = current->process;

	if (READ_ONCE(p->ctty) != t)
		return -ENOTTY;
	if (is_leader(p)) {
		tty_session_end(p);
		return 0;
	}
	spin_lock(&pid_lock);
	p->ctty = NULL;
	spin_unlock(&pid_lock);
	return 0;
}

/* ---- Job control ---- */

/* May current, perhaps in the background, go on? sig: SIGTTIN for reading, SIGTTOU for changing.
 * => 0, -EIO it may not and nobody would ever continue it, -ERESTARTSYS it has been told to stop */
static long check_foreground(struct tty *t, int sig)
{
	struct process *p = current->process;
	int pgrp = tty_pgrp(t), own = READ_ONCE(p->pgid);

	if (READ_ONCE(p->ctty) != t || !pgrp || pgrp == own)
		return 0;
	if (signal_ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (current_pgroup_is_orphaned())
		return -EIO;
	signal_send_group(own, sig, NULL);
	return -ERESTARTSYS;
}

static long get_foreground(struct tty *t, int __user *arg)
{
	if (READ_ONCE(current->process->ctty) != t)
		return -ENOTTY;
	return put_user(tty_pgrp(t), arg);
}

static long set_foreground(struct tty *t, const int __user *arg)
{
	struct process *p = current->process;
	struct pgroup *g;
	long err = check_foreground(t, SIGTTOU);
	int pgid;

	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (get_user(pgid, arg))
		return -EFAULT;
	if (pgid < 0)
		return -EINVAL;
	spin_lock(&pid_lock);
	g = pgroup_find(pgid);
	if (p->ctty != t || t->session != p->sid)
		err = -ENOTTY;
	else if (!g)
		err = -ESRCH;
	else if (g->session->id != p->sid)
		err = -EPERM;
	else
		WRITE_ONCE(t->pgrp, pgid);
	spin_unlock(&pid_lock);
	return err;
}

static long get_session(struct tty *t, int __user *arg)
{
	int session = READ_ONCE(t->session);

	if (READ_ONCE(current->process->ctty) != t || !session)
		return -ENOTTY;
	return put_user(session, arg);
}

/* ---- Settings ---- */

static void apply_termios(struct tty *t, const struct termios *new, bool flush)
{
	struct termios old;

	mutex_lock(&t->lock);
	old = t->termios;
	t->termios = *new;
	if (flush)
		ntty_flush_input(t);
	ntty_termios_changed(t, &old);
	mutex_unlock(&t->lock);
}

/* Both structures begin alike; termios2 adds speeds, which the line of c_cflag has as well. */
static long set_termios(struct tty *t, const void __user *arg, size_t size, bool flush)
{
	struct termios2 new;
	struct termios plain;
	long err = check_foreground(t, SIGTTOU);

	if (err)
		return err;
	if (copy_from_user(&new, arg, size))
		return -EFAULT;
	memcpy(&plain, &new, sizeof(plain));
	apply_termios(t, &plain, flush);
	return 0;
}

static speed_t speed_of(tcflag_t cflag)
{
	static const speed_t low[] = { 0,   50,	  75,	110,  134,  150,  200,	 300,
				       600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const speed_t high[] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600 };
	tcflag_t code = cflag & CBAUD;

	if (!(code & CBAUDEX))
		return low[code];
	code &= ~CBAUDEX;
	return code < ARRAY_SIZE(high) ? high[code] : 0;
}

static long get_termios(struct tty *t, void __user *arg, size_t size)
{
	struct termios2 out = { 0 };

	mutex_lock(&t->lock);
	memcpy(&out, &t->termios, sizeof(t->termios));
	mutex_unlock(&t->lock);
	out.c_ispeed = out.c_ospeed = speed_of(out.c_cflag);
	return copy_to_user(arg, &out, size) ? -EFAULT : 0;
}

static long set_winsize(struct tty *t, const struct winsize __user *arg)
{
	struct winsize new;
	bool changed;

	if (copy_from_user(&new, arg, sizeof(new)))
		return -EFAULT;
	mutex_lock(&t->lock);
	changed = memcmp(&new, &t->winsize, sizeof(new)) != 0;
	t->winsize = new;
	mutex_unlock(&t->lock);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
	return 0;
}

static long flow(struct tty *t, unsigned long action)
{
	long err = check_foreground(t, SIGTTOU);

	if (err)
		return err;
	switch (action) {
	case TCOOFF:
	case TCOON:
		mutex_lock(&t->lock);
		ntty_set_stopped(t, action == TCOOFF);
		mutex_unlock(&t->lock);
		return 0;
	case TCIOFF:
	case TCION:
		mutex_lock(&t->lock);
		uart_putc(t->port, (char)t->termios.c_cc[action == TCIOFF ? VSTOP : VSTART]);
		mutex_unlock(&t->lock);
		return 0;
	}
	return -EINVAL;
}

static long flush(struct tty *t, unsigned long queue)
{
	long err = check_foreground(t, SIGTTOU);

	if (err)
		return err;
	if (queue > TCIOFLUSH)
		return -EINVAL;
	if (queue == TCOFLUSH)
		return 0;
	mutex_lock(&t->lock);
	ntty_flush_input(t);
	mutex_unlock(&t->lock);
	return 0;
}

/* TIOCSTI: as if the byte had been typed. */
static long fake_input(struct tty *t, const u8 __user *arg)
{
	u8 c;

	if (READ_ONCE(current->process->ctty) != t && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(c, arg))
		return -EFAULT;
	mutex_lock(&t->lock);
	if (ntty_has_room(t))
		ntty_receive(t, c);
	mutex_unlock(&t->lock);
	return 0;
}

/* ---- File operations ---- */

static struct tty *tty_of(struct file *f)
{
	return f->private;
}

/* => NULL: /dev/tty without a controlling terminal */
static struct tty *find_tty(u32 rdev)
{
	if (rdev == DEV(TTYAUX_MAJOR, 0))
		return READ_ONCE(current->process->ctty);
	return &ttys[rdev == DEV(TTYAUX_MAJOR, 1) ? 0 : rdev - DEV(TTY_MAJOR, TTY_SERIAL_MINOR)];
}

static int tty_open(struct inode *inode, struct file *f)
{
	struct tty *t = find_tty(inode->rdev);

	if (!t)
		return -ENXIO;
	if (t->exclusive && !capable(CAP_SYS_ADMIN))
		return -EBUSY;
	f->private = t;
	if (!(f->flags & O_NOCTTY) && inode->rdev == tty_dev(t) && file_readable(f))
		take_when_opened(t);
	return 0;
}

static long tty_read(struct file *f, struct uio *u, u64 *pos)
{
	long err = check_foreground(tty_of(f), SIGTTIN);

	(void)pos;
	return err ? err : ntty_read(tty_of(f), u, f->flags & O_NONBLOCK);
}

static long tty_write(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = tty_of(f);
	long err = tty_lflag(t, TOSTOP) ? check_foreground(t, SIGTTOU) : 0;

	(void)pos;
	return err ? err : ntty_write(t, u, f->flags & O_NONBLOCK);
}

static unsigned int tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = tty_of(f);
	const cc_t *cc = t->termios.c_cc;
	unsigned int least = 1, events = 0;

	poll_wait(&t->read_wait, pt);
	poll_wait(&t->write_wait, pt);
	if (!tty_lflag(t, ICANON) && !cc[VTIME] && cc[VMIN])
		least = cc[VMIN];
	if (ntty_available(t) >= least)
		events |= POLLIN | POLLRDNORM;
	if (!READ_ONCE(t->stopped))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static long session_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct tty *t = tty_of(f);

	switch (cmd) {
	case TIOCSCTTY:
		return set_controlling(t, f, arg == 1);
	case TIOCNOTTY:
		return give_up_controlling(t);
	case TIOCGPGRP:
		return get_foreground(t, (int __user *)arg);
	case TIOCSPGRP:
		return set_foreground(t, (const int __user *)arg);
	case TIOCGSID:
		return get_session(t, (int __user *)arg);
	}
	return -ENOTTY;
}

static long settings_ioctl(struct tty *t, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case TCGETS:
		return get_termios(t, arg, sizeof(struct termios));
	case TCGETS2:
		return get_termios(t, arg, sizeof(struct termios2));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, arg, sizeof(struct termios), cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(t, arg, sizeof(struct termios2), cmd == TCSETSF2);
	case TIOCGWINSZ:
		return copy_to_user(arg, &t->winsize, sizeof(t->winsize)) ? -EFAULT : 0;
	case TIOCSWINSZ:
		return set_winsize(t, arg);
	}
	return -ENOTTY;
}

static long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct tty *t = tty_of(f);
	int zero = 0;

	switch (cmd) {
	case TCXONC:
		return flow(t, arg);
	case TCFLSH:
		return flush(t, arg);
	case TCSBRK:
	case TCSBRKP: /* nothing is queued, and a break means nothing to a virtual line */
		return check_foreground(t, SIGTTOU);
	case TIOCSTI:
		return fake_input(t, (const u8 __user *)arg);
	case FIONREAD:
		return put_user((int)ntty_available(t), (int __user *)arg);
	case TIOCOUTQ:
		return put_user(0, (int __user *)arg);
	case TIOCGETD:
		return put_user(0, (int __user *)arg);
	case TIOCSETD:
		if (get_user(zero, (const int __user *)arg))
			return -EFAULT;
		return zero ? -EINVAL : 0;
	case TIOCEXCL:
	case TIOCNXCL:
		WRITE_ONCE(t->exclusive, cmd == TIOCEXCL);
		return 0;
	case TIOCSCTTY:
	case TIOCNOTTY:
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID:
		return session_ioctl(f, cmd, arg);
	}
	return settings_ioctl(t, cmd, (void __user *)arg);
}

const struct file_ops tty_ops = {
	.open = tty_open,
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
};
