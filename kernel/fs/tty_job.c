/*
 * Job control: which session a terminal belongs to, which of its process groups is in the foreground, and the ioctls.
 *
 *	session (sid) --ctty--> tty --pgrp--> foreground group      gets SIGINT, SIGTSTP, SIGWINCH; may read
 *	                                      others                 SIGTTIN when they read, SIGTTOU when they change it
 *
 * A terminal becomes a session's by the leader's open or TIOCSCTTY, and is free again when the leader ends or gives
 * it up: then the foreground group is hung up, and no process of the session has it any more (Y2).
 *
 * session, pgrp and process->ctty change under pid_lock.
 */
#include "kernel/fs/tty.h"

#include "kernel/proc.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/ioctl.h"
#include <arch/uaccess.h>

#define TIOCMGET 0x5415
#define TIOCM_PRESENT 0x166 /* DTR RTS CTS CD DSR: somebody is there */

/* ---- Questions ---- */

int tty_pgrp(struct tty *t)
{
	return t ? READ_ONCE(t->pgrp) : 0;
}

u32 tty_dev(struct tty *t)
{
	return t ? (TTY_MAJOR << 8) | (TTY_S0_MINOR + t->port) : 0;
}

static bool is_mine(const struct tty *t)
{
	return current->process->ctty == t;
}

void tty_signal_foreground(struct tty *t, int sig)
{
	int pgrp = tty_pgrp(t);

	if (pgrp)
		signal_send_group(pgrp, sig, NULL);
}

int tty_check_background(struct tty *t, int sig)
{
	struct process *p = current->process;
	int pgrp = tty_pgrp(t);

	if (!is_mine(t) || !pgrp || p->pgid == pgrp)
		return 0;
	if (signal_ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (current_pgroup_is_orphaned())
		return -EIO;
	signal_send_group(p->pgid, sig, NULL);
	return -ERESTARTSYS;
}

/* ---- Getting and losing ---- */

/* => pid_lock held */
static void attach(struct tty *t, struct process *leader)
{
	t->session = leader->sid;
	t->pgrp = leader->pgid;
	leader->ctty = t;
}

/* Nobody has it any more. => pid_lock held */
static void detach_session(struct tty *t)
{
	struct process *p;

	for (int pid = 1; (p = process_next_locked(pid)); pid = p->pid + 1)
		if (p->ctty == t)
			p->ctty = NULL;
	t->session = t->pgrp = 0;
}

static bool leads_session(const struct process *p)
{
	return p->pid == p->sid;
}

void tty_acquire(struct tty *t)
{
	struct process *p = current->process;

	if (!p)
		return;
	spin_lock(&pid_lock);
	if (leads_session(p) && !p->ctty && !t->session)
		attach(t, p);
	spin_unlock(&pid_lock);
}

static long set_controlling(struct tty *t, unsigned long steal)
{
	struct process *p = current->process;
	long err = 0;

	spin_lock(&pid_lock);
	if (leads_session(p) && t->session == p->sid) {
		err = 0; /* already so */
	} else if (!leads_session(p) || p->ctty) {
		err = -EPERM;
	} else if (t->session && !(steal == 1 && p->euid == 0)) {
		err = -EPERM;
	} else {
		if (t->session)
			detach_session(t);
		attach(t, p);
	}
	spin_unlock(&pid_lock);
	return err;
}

void tty_session_end(struct process *leader)
{
	struct tty *t;
	int pgrp;

	spin_lock(&pid_lock);
	t = leader->ctty;
	pgrp = t ? t->pgrp : 0;
	if (t)
		detach_session(t);
	spin_unlock(&pid_lock);
	if (pgrp) {
		signal_send_group(pgrp, SIGHUP, NULL);
		signal_send_group(pgrp, SIGCONT, NULL);
	}
}

static long give_up(struct tty *t)
{
	struct process *p = current->process;

	if (!is_mine(t))
		return -ENOTTY;
	if (leads_session(p)) {
		tty_session_end(p);
		return 0;
	}
	spin_lock(&pid_lock);
	p->ctty = NULL;
	spin_unlock(&pid_lock);
	return 0;
}

/* ---- The foreground group ---- */

static long get_group(struct tty *t, int __user *out)
{
	return is_mine(t) ? put_user(tty_pgrp(t), out) : -ENOTTY;
}

static long set_group(struct tty *t, const int __user *in)
{
	struct process *p = current->process;
	struct pgroup *g;
	int pgid, err = tty_check_background(t, SIGTTOU);

	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (!is_mine(t) || t->session != p->sid)
		return -ENOTTY;
	if (get_user(pgid, in))
		return -EFAULT;
	if (pgid < 0)
		return -EINVAL;
	spin_lock(&pid_lock);
	g = pgroup_find(pgid);
	if (!g)
		err = -ESRCH;
	else if (g->session->id != p->sid)
		err = -EPERM;
	else
		t->pgrp = pgid;
	spin_unlock(&pid_lock);
	return err;
}

static long get_session(struct tty *t, int __user *out)
{
	return is_mine(t) && t->session ? put_user(t->session, out) : -ENOTTY;
}

/* ---- Settings ---- */

static long get_settings(struct tty *t, void __user *out, bool with_speeds)
{
	struct termios2 s;

	mutex_lock(&t->lock);
	*(struct termios *)&s = t->termios; /* the same up to the speeds */
	s.c_ispeed = t->ispeed;
	s.c_ospeed = t->ospeed;
	mutex_unlock(&t->lock);
	return copy_to_user(out, &s, with_speeds ? sizeof(s) : sizeof(struct termios)) ? -EFAULT : 0;
}

static speed_t speed_of(tcflag_t cflag, speed_t other)
{
	static const speed_t low[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const speed_t high[] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000 };
	unsigned int n = cflag & CBAUD;

	if (n == BOTHER)
		return other;
	if (!(n & CBAUDEX))
		return low[n & 15];
	n &= ~CBAUDEX;
	return n < ARRAY_SIZE(high) ? high[n] : 115200;
}

/* flush: what was typed and not yet read is dropped. Output is never pending, so "after the output" is now. */
static long set_settings(struct tty *t, const void __user *in, bool with_speeds, bool flush)
{
	struct termios2 s = { .c_ispeed = t->ispeed, .c_ospeed = t->ospeed };
	int err = tty_check_background(t, SIGTTOU);

	if (err)
		return err;
	if (copy_from_user(&s, in, with_speeds ? sizeof(s) : sizeof(struct termios)))
		return -EFAULT;
	mutex_lock(&t->lock);
	if (flush)
		tty_flush_input(t);
	tty_settings_change(t, (const struct termios *)&s);
	t->ospeed = speed_of(s.c_cflag, s.c_ospeed);
	t->ispeed = t->ospeed;
	mutex_unlock(&t->lock);
	return 0;
}

static long get_window(struct tty *t, struct winsize __user *out)
{
	return copy_to_user(out, &t->winsize, sizeof(t->winsize)) ? -EFAULT : 0;
}

static long set_window(struct tty *t, const struct winsize __user *in)
{
	struct winsize w;
	bool changed;

	if (copy_from_user(&w, in, sizeof(w)))
		return -EFAULT;
	mutex_lock(&t->lock);
	changed = w.ws_row != t->winsize.ws_row || w.ws_col != t->winsize.ws_col ||
		  w.ws_xpixel != t->winsize.ws_xpixel || w.ws_ypixel != t->winsize.ws_ypixel;
	t->winsize = w;
	mutex_unlock(&t->lock);
	if (changed)
		tty_signal_foreground(t, SIGWINCH);
	return 0;
}

/* ---- Flow and queues ---- */

static long flow_control(struct tty *t, unsigned long what)
{
	char c;

	switch (what) {
	case TCOOFF:
	case TCOON:
		mutex_lock(&t->lock);
		t->stopped = what == TCOOFF;
		waitq_wake_all(&t->write_wait);
		mutex_unlock(&t->lock);
		return 0;
	case TCIOFF:
	case TCION:
		c = t->termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			uart_putc(t->port, c);
		return 0;
	}
	return -EINVAL;
}

static long flush_queues(struct tty *t, unsigned long which)
{
	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which == TCOFLUSH)
		return 0; /* nothing is ever queued */
	mutex_lock(&t->lock);
	tty_flush_input(t);
	mutex_unlock(&t->lock);
	return 0;
}

static long pretend_typed(struct tty *t, const char __user *in)
{
	char c;

	if (!capable(CAP_SYS_ADMIN))
		return is_mine(t) ? -EIO : -EPERM;
	if (get_user(c, in))
		return -EFAULT;
	mutex_lock(&t->lock);
	if (tty_has_room(t))
		tty_receive(t, c);
	mutex_unlock(&t->lock);
	return 0;
}

/* Those that change the terminal, which a background process may not. */
static long control(struct tty *t, unsigned int cmd, unsigned long arg)
{
	int err = tty_check_background(t, SIGTTOU);

	if (err)
		return err;
	switch (cmd) {
	case TCXONC:
		return flow_control(t, arg);
	case TCFLSH:
		return flush_queues(t, arg);
	}
	return 0; /* TCSBRK, TCSBRKP, TIOCSBRK, TIOCCBRK: a break on a virtual line is nothing */
}

static long settings(struct tty *t, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case TCGETS:
		return get_settings(t, arg, false);
	case TCGETS2:
		return get_settings(t, arg, true);
	case TCSETS:
	case TCSETSW:
		return set_settings(t, arg, false, false);
	case TCSETSF:
		return set_settings(t, arg, false, true);
	case TCSETS2:
	case TCSETSW2:
		return set_settings(t, arg, true, false);
	case TCSETSF2:
		return set_settings(t, arg, true, true);
	}
	return -ENOTTY;
}

long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct tty *t = f->private;

	switch (cmd) {
	case TIOCGPGRP:
		return get_group(t, (int __user *)arg);
	case TIOCSPGRP:
		return set_group(t, (const int __user *)arg);
	case TIOCGSID:
		return get_session(t, (int __user *)arg);
	case TIOCSCTTY:
		return set_controlling(t, arg);
	case TIOCNOTTY:
		return give_up(t);
	case TIOCGWINSZ:
		return get_window(t, (struct winsize __user *)arg);
	case TIOCSWINSZ:
		return set_window(t, (const struct winsize __user *)arg);
	case TCXONC:
	case TCFLSH:
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		return control(t, cmd, arg);
	case FIONREAD:
		return put_user((int)tty_input_count(t), (int __user *)arg);
	case TIOCOUTQ:
	case TIOCGETD: /* N_TTY is 0 */
		return put_user(0, (int __user *)arg);
	case TIOCSTI:
		return pretend_typed(t, (const char __user *)arg);
	case TIOCMGET:
		return put_user(TIOCM_PRESENT, (int __user *)arg);
	case TIOCEXCL:
	case TIOCNXCL:
		t->exclusive = cmd == TIOCEXCL;
		return 0;
	}
	return settings(t, cmd, (void __user *)arg);
}
