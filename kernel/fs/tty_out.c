/*
 * Output to a terminal: what c_oflag makes of it, for writers and for echoes.
 *
 * Bytes go to the device one by one, the CPU waiting for the transmitter: nothing is ever queued, so draining and
 * flushing output have nothing to do. The cursor's column is followed, because erasing a tab needs it.
 *
 * Locks: tty->lock for each chunk, so that input is echoed and ^C heard during a long write; write_lock around a whole
 * write(2), so that two of them do not mix. ^S makes writers wait, not echoes.
 *
 * Linux differs: drivers have transmit buffers and interrupts, and know delays for mechanical terminals.
 */
#include "kernel/fs/tty.h"

#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define WRITE_CHUNK 256

static void emit(struct tty *t, u8 c)
{
	uart_putc(t->port, (char)c);
}

static void output_newline(struct tty *t)
{
	tcflag_t flags = t->termios.c_oflag;

	if (flags & ONLCR)
		emit(t, '\r');
	if (flags & (ONLCR | ONLRET))
		t->column = 0;
	emit(t, '\n');
}

static void output_return(struct tty *t)
{
	tcflag_t flags = t->termios.c_oflag;

	if ((flags & ONOCR) && t->column == 0)
		return;
	if (flags & OCRNL) {
		emit(t, '\n');
		if (flags & ONLRET)
			t->column = 0;
		return;
	}
	emit(t, '\r');
	t->column = 0;
}

static void output_tab(struct tty *t)
{
	unsigned int n = 8 - t->column % 8;

	t->column += n;
	if ((t->termios.c_oflag & TABDLY) != XTABS) {
		emit(t, '\t');
		return;
	}
	while (n--)
		emit(t, ' ');
}

/* One byte with the processing that c_oflag asks for. */
void tty_output(struct tty *t, u8 c)
{
	if (!(t->termios.c_oflag & OPOST)) {
		emit(t, c);
		return;
	}
	switch (c) {
	case '\n':
		output_newline(t);
		return;
	case '\r':
		output_return(t);
		return;
	case '\t':
		output_tab(t);
		return;
	case '\b':
		if (t->column)
			t->column--;
		break;
	default:
		if (t->termios.c_oflag & OLCUC)
			c = ascii_upper(c);
		if (!tty_is_control(c) && !tty_is_continuation(t, c))
			t->column++;
	}
	emit(t, c);
}

/* As a person should see it: control characters as ^X where ECHOCTL says so. */
void tty_echo(struct tty *t, u8 c)
{
	if (tty_lflag(t, ECHOCTL) && tty_is_control(c) && c != '\t') {
		tty_output(t, '^');
		c ^= 0100;
	}
	tty_output(t, c);
}

/* ---- Writing ---- */

/* => 0, -EAGAIN, -ERESTARTSYS */
static int wait_output(struct tty *t, bool nonblock)
{
	if (READ_ONCE(t->stopped) && nonblock)
		return -EAGAIN;
	if (wait_event_interruptible(&t->write_wait, !READ_ONCE(t->stopped)))
		return -ERESTARTSYS;
	return signal_pending() ? -ERESTARTSYS : 0;
}

static long write_chunks(struct tty *t, struct uio *u, bool nonblock)
{
	u8 chunk[WRITE_CHUNK];
	long done = 0;
	int err = 0;

	while (u->resid) {
		size_t n, want = min(u->resid, sizeof(chunk));

		err = wait_output(t, nonblock);
		if (err)
			break;
		n = uio_read(u, chunk, want);
		mutex_lock_nested(&t->lock);
		for (size_t i = 0; i < n; i++)
			tty_output(t, chunk[i]);
		mutex_unlock(&t->lock);
		done += (long)n;
		if (n < want) {
			err = -EFAULT;
			break;
		}
	}
	return done ? done : err;
}

/* Writers take turns; between chunks the line stays open for input. */
long ntty_write(struct tty *t, struct uio *u, bool nonblock)
{
	long n;

	if (mutex_lock_interruptible(&t->write_lock))
		return -ERESTARTSYS;
	n = write_chunks(t, u, nonblock);
	mutex_unlock(&t->write_lock);
	return n;
}
