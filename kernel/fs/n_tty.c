/*
 * The line discipline: what happens to bytes between a terminal and the programs on it.
 *
 *	ring --> ntty_receive() --> buf --> ntty_read()         tail      line      head
 *	              | echo        ^                             v         v         v
 *	              v             | erase, kill         . . . . [complete ][ editing].
 *	         tty_output() <-- ntty_write()                          read(2)    may be erased
 *
 *   T1  tail <= line <= head <= tail + TTY_BUF.
 *   T2  canonical: bytes of [line, head) are being edited and cannot be read; a delimiter bit marks where each
 *       complete line ends. An end of file is a zero byte with its bit, and is never read itself.
 *   T3  not canonical: everything can be read; line and the bits mean nothing.
 *
 * Leaving canonical mode makes an unfinished line readable; entering it makes what is there a line, as in Linux.
 *
 * Locks: tty->lock for all of it.
 *
 * Linux differs: it queues echoes, knows printing terminals (ECHOPRT), parity marks and several line disciplines.
 */
#include "kernel/fs/tty.h"

#include "kernel/lib/string.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

#define CONTROL(c) ((c) & 037)
#define TENTH_OF_A_SECOND 100000000UL /* ns, VTIME's unit */
#define NEVER (~0UL)

void ntty_init(struct tty *t)
{
	static const cc_t cc[NCCS] = {
		[VINTR] = CONTROL('C'), [VQUIT] = CONTROL('\\'), [VERASE] = ASCII_DELETE,	   [VKILL] = CONTROL('U'),
		[VEOF] = CONTROL('D'),	[VMIN] = 1,		 [VSTART] = CONTROL('Q'),  [VSTOP] = CONTROL('S'),
		[VSUSP] = CONTROL('Z'), [VREPRINT] = CONTROL('R'), [VDISCARD] = CONTROL('O'),
		[VWERASE] = CONTROL('W'), [VLNEXT] = CONTROL('V'),
	};

	t->termios = (struct termios){
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	};
	memcpy(t->termios.c_cc, cc, sizeof(cc));
}

/* ---- The buffer ---- */

static u8 byte_at(const struct tty *t, unsigned int pos)
{
	return t->buf[pos % TTY_BUF];
}

static unsigned int used(const struct tty *t)
{
	return t->head - t->tail;
}

unsigned int ntty_available(const struct tty *t)
{
	return (tty_lflag(t, ICANON) ? READ_ONCE(t->line) : READ_ONCE(t->head)) - READ_ONCE(t->tail);
}

/* A canonical line longer than the buffer must still find its end: with nothing to read, bytes are taken and dropped. */
bool ntty_has_room(const struct tty *t)
{
	return used(t) < TTY_BUF - 1 || (tty_lflag(t, ICANON) && t->line == t->tail);
}

static void push(struct tty *t, u8 c, bool delimiter)
{
	assert(used(t) < TTY_BUF);
	t->buf[t->head % TTY_BUF] = c;
	if (delimiter)
		bitmap_set(t->delimiter, t->head % TTY_BUF);
	else
		bitmap_clear(t->delimiter, t->head % TTY_BUF);
	WRITE_ONCE(t->head, t->head + 1);
}

/* c ends the line; the last place of the buffer is kept for it. */
static void end_line(struct tty *t, u8 c)
{
	push(t, c, true);
	WRITE_ONCE(t->line, t->head);
	waitq_wake_all(&t->read_wait);
}

/* An ordinary byte. => false: dropped */
static bool store(struct tty *t, u8 c)
{
	if (used(t) >= TTY_BUF - 1) {
		if (tty_iflag(t, IMAXBEL))
			uart_putc(t->port, '\a');
		return false;
	}
	push(t, c, false);
	if (!tty_lflag(t, ICANON))
		waitq_wake_all(&t->read_wait);
	return true;
}

void ntty_flush_input(struct tty *t)
{
	WRITE_ONCE(t->tail, t->head);
	WRITE_ONCE(t->line, t->head);
	t->literal = false;
	tty_input_consumed(t);
}

void ntty_termios_changed(struct tty *t, const struct termios *old)
{
	if ((old->c_lflag ^ t->termios.c_lflag) & ICANON) {
		for (unsigned int pos = t->tail; pos != t->head; pos++)
			bitmap_clear(t->delimiter, pos % TTY_BUF);
		if (used(t))
			bitmap_set(t->delimiter, (t->head - 1) % TTY_BUF);
		t->line = t->head;
		t->literal = false;
	}
	if (!(t->termios.c_iflag & IXON) && (old->c_iflag & IXON))
		ntty_set_stopped(t, false);
	waitq_wake_all(&t->read_wait);
	tty_input_consumed(t);
}

void ntty_set_stopped(struct tty *t, bool stopped)
{
	WRITE_ONCE(t->stopped, stopped);
	if (!stopped)
		waitq_wake_all(&t->write_wait);
}

/* ---- Editing ---- */

static void wipe(struct tty *t, unsigned int columns)
{
	for (unsigned int i = 0; i < columns; i++) {
		tty_output(t, '\b');
		tty_output(t, ' ');
		tty_output(t, '\b');
	}
}

static unsigned int width(const struct tty *t, u8 c)
{
	if (tty_is_control(c))
		return tty_lflag(t, ECHOCTL) ? 2 : 0;
	return tty_is_continuation(t, c) ? 0 : 1;
}

/* The tab that ended the line is gone: go back to where it began, which the bytes before it tell. */
static void unecho_tab(struct tty *t)
{
	unsigned int before = 0, pos = t->head;

	while (pos != t->line && byte_at(t, pos - 1) != '\t')
		before += width(t, byte_at(t, --pos));
	if (pos == t->line)
		before += t->line_column;
	for (unsigned int n = 8 - before % 8; n; n--)
		tty_output(t, '\b');
}

static void unecho(struct tty *t, u8 c)
{
	if (c == '\t')
		unecho_tab(t);
	else
		wipe(t, width(t, c));
}

/* The last character of the line, all its bytes. => its first byte; the line is not empty */
static u8 take_back(struct tty *t)
{
	u8 c;

	do
		c = byte_at(t, --t->head);
	while (tty_is_continuation(t, c) && t->head != t->line);
	return c;
}

static void erase_char(struct tty *t)
{
	u8 c;

	if (t->head == t->line)
		return;
	c = take_back(t);
	if (!tty_lflag(t, ECHO))
		return;
	if (tty_lflag(t, ECHOE))
		unecho(t, c);
	else
		tty_echo(t, t->termios.c_cc[VERASE]);
}

static bool is_word(u8 c)
{
	return is_digit((char)c) || (ascii_upper(c) >= 'A' && ascii_upper(c) <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t)
{
	bool in_word = false;

	while (t->head != t->line) {
		bool word = is_word(byte_at(t, t->head - 1));
		u8 c;

		if (in_word && !word)
			break;
		in_word |= word;
		c = take_back(t);
		if (tty_lflag(t, ECHO))
			unecho(t, c);
	}
}

static void kill_line(struct tty *t)
{
	bool visibly = tty_lflag(t, ECHOK) && tty_lflag(t, ECHOKE) && tty_lflag(t, ECHOE);

	if (t->head == t->line)
		return;
	while (visibly && tty_lflag(t, ECHO) && t->head != t->line)
		unecho(t, take_back(t));
	t->head = t->line;
	if (!tty_lflag(t, ECHO) || visibly)
		return;
	tty_echo(t, t->termios.c_cc[VKILL]);
	if (tty_lflag(t, ECHOK))
		tty_output(t, '\n');
}

static void reprint(struct tty *t)
{
	tty_echo(t, t->termios.c_cc[VREPRINT]);
	tty_output(t, '\n');
	for (unsigned int pos = t->line; pos != t->head; pos++)
		tty_echo(t, byte_at(t, pos));
}

/* ---- Receiving ---- */

/* A control character that is disabled has the value 0, which no byte matches. */
static bool is_key(const struct tty *t, unsigned int which, u8 c)
{
	return c && t->termios.c_cc[which] == c;
}

static void echo_input(struct tty *t, u8 c)
{
	if (!tty_lflag(t, ECHO))
		return;
	if (t->head == t->line)
		t->line_column = t->column;
	if (c == '\n')
		tty_output(t, c);
	else
		tty_echo(t, c);
}

static void signal_key(struct tty *t, int sig, u8 c)
{
	if (!tty_lflag(t, NOFLSH))
		ntty_flush_input(t);
	if (tty_iflag(t, IXON))
		ntty_set_stopped(t, false);
	if (tty_lflag(t, ECHO))
		tty_echo(t, c);
	tty_signal_foreground(t, sig);
}

/* Keys that work in every mode. => c was one */
static bool receive_control(struct tty *t, u8 c)
{
	if (tty_iflag(t, IXON)) {
		if (is_key(t, VSTART, c)) {
			ntty_set_stopped(t, false);
			return true;
		}
		if (is_key(t, VSTOP, c)) {
			ntty_set_stopped(t, true);
			return true;
		}
	}
	if (!tty_lflag(t, ISIG))
		return false;
	if (is_key(t, VINTR, c))
		signal_key(t, SIGINT, c);
	else if (is_key(t, VQUIT, c))
		signal_key(t, SIGQUIT, c);
	else if (is_key(t, VSUSP, c))
		signal_key(t, SIGTSTP, c);
	else
		return false;
	return true;
}

/* Keys that edit a line. => c was one */
static bool receive_edit(struct tty *t, u8 c)
{
	bool extended = tty_lflag(t, IEXTEN);

	if (is_key(t, VERASE, c)) {
		erase_char(t);
	} else if (is_key(t, VKILL, c)) {
		kill_line(t);
	} else if (extended && is_key(t, VWERASE, c)) {
		erase_word(t);
	} else if (extended && is_key(t, VLNEXT, c)) {
		t->literal = true;
		if (tty_lflag(t, ECHO) && tty_lflag(t, ECHOCTL)) {
			tty_output(t, '^');
			tty_output(t, '\b');
		}
	} else if (extended && tty_lflag(t, ECHO) && is_key(t, VREPRINT, c)) {
		reprint(t);
	} else {
		return false;
	}
	return true;
}

/* Characters that end a line. => c was one */
static bool receive_end(struct tty *t, u8 c)
{
	if (is_key(t, VEOF, c)) {
		end_line(t, 0);
		return true;
	}
	if (c == '\n') {
		if (tty_lflag(t, ECHO) || tty_lflag(t, ECHONL))
			tty_output(t, '\n');
	} else if (is_key(t, VEOL, c) || (tty_lflag(t, IEXTEN) && is_key(t, VEOL2, c))) {
		echo_input(t, c);
	} else {
		return false;
	}
	end_line(t, c);
	return true;
}

/* c_iflag's translations. => false: the byte is ignored */
static bool translate(const struct tty *t, u8 *c)
{
	if (tty_iflag(t, ISTRIP))
		*c &= 0177;
	if (tty_iflag(t, IUCLC) && tty_lflag(t, IEXTEN) && *c >= 'A' && *c <= 'Z')
		*c += 'a' - 'A';
	if (*c == '\r') {
		if (tty_iflag(t, IGNCR))
			return false;
		if (tty_iflag(t, ICRNL))
			*c = '\n';
	} else if (*c == '\n' && tty_iflag(t, INLCR)) {
		*c = '\r';
	}
	return true;
}

static void receive_ordinary(struct tty *t, u8 c)
{
	bool first = t->head == t->line;

	if (first && tty_lflag(t, ICANON))
		t->line_column = t->column;
	if (store(t, c) && tty_lflag(t, ECHO)) {
		if (c == '\n')
			tty_output(t, c);
		else
			tty_echo(t, c);
	}
}

void ntty_receive(struct tty *t, u8 c)
{
	assert_mutex_held(&t->lock);
	if (t->literal) {
		t->literal = false;
		receive_ordinary(t, c);
		return;
	}
	if (receive_control(t, c))
		return;
	if (t->stopped && tty_iflag(t, IXON) && tty_iflag(t, IXANY))
		ntty_set_stopped(t, false);
	if (!translate(t, &c))
		return;
	if (tty_lflag(t, ICANON) && (receive_edit(t, c) || receive_end(t, c)))
		return;
	receive_ordinary(t, c);
}

/* ---- Reading ---- */

/* Copy [tail, tail + n) to u and consume what arrived. => bytes */
static size_t consume(struct tty *t, struct uio *u, unsigned int n)
{
	size_t done = 0;

	while (done < n) {
		unsigned int at = t->tail % TTY_BUF, piece = min(n - (unsigned int)done, TTY_BUF - at);
		size_t got = uio_write(u, &t->buf[at], piece);

		done += got;
		WRITE_ONCE(t->tail, t->tail + (unsigned int)got);
		if (got < piece)
			break;
	}
	return done;
}

static bool is_eof_mark(const struct tty *t, unsigned int pos)
{
	return bitmap_test(t->delimiter, pos % TTY_BUF) && byte_at(t, pos) == 0;
}

/* Up to the end of the first line, or as much as fits. An end of file goes with the bytes before it. => bytes or
 * -EFAULT; at least a delimiter is there */
static long take_line(struct tty *t, struct uio *u)
{
	unsigned int n = 0, room = (unsigned int)min(u->resid, (size_t)TTY_BUF);
	size_t done;

	while (n < room && t->tail + n != t->line && !is_eof_mark(t, t->tail + n))
		if (bitmap_test(t->delimiter, (t->tail + n++) % TTY_BUF))
			break;
	done = consume(t, u, n);
	if (done < n)
		return done ? (long)done : -EFAULT;
	if (t->tail != t->line && is_eof_mark(t, t->tail) && !(n && bitmap_test(t->delimiter, (t->tail - 1) % TTY_BUF)))
		WRITE_ONCE(t->tail, t->tail + 1);
	return (long)done;
}

static long take_bytes(struct tty *t, struct uio *u)
{
	unsigned int n = (unsigned int)min(u->resid, (size_t)used(t));
	size_t done = consume(t, u, n);

	return n && !done ? -EFAULT : (long)done;
}

/* Sleep, without the lock, until there is something to read. => 0, -EAGAIN, -ERESTARTSYS, -ETIMEDOUT */
static int wait_input(struct tty *t, bool nonblock, u64 deadline)
{
	struct waiter w = {};
	int err = 0;

	if (nonblock)
		return -EAGAIN;
	mutex_unlock(&t->lock);
	for (;;) {
		waitq_prepare(&t->read_wait, &w, true);
		if (ntty_available(t))
			break;
		if (signal_pending()) {
			err = -ERESTARTSYS;
			break;
		}
		if (!schedule_timeout(deadline)) {
			err = -ETIMEDOUT;
			break;
		}
	}
	waitq_finish(&t->read_wait, &w);
	mutex_lock(&t->lock);
	return err;
}

static long read_canonical(struct tty *t, struct uio *u, bool nonblock)
{
	while (!ntty_available(t) && tty_lflag(t, ICANON)) {
		int err = wait_input(t, nonblock, NEVER);

		if (err)
			return err;
	}
	return tty_lflag(t, ICANON) ? take_line(t, u) : take_bytes(t, u);
}

/*
 *	VMIN  VTIME
 *	 0     0     what is there
 *	 0     t     the first bytes that come within t
 *	 n     0     n bytes
 *	 n     t     n bytes, or fewer when t passes after one of them
 */
static long read_raw(struct tty *t, struct uio *u, bool nonblock)
{
	u64 pause = t->termios.c_cc[VTIME] * TENTH_OF_A_SECOND;
	size_t least = t->termios.c_cc[VMIN];
	long done = 0, n;
	int err = 0;

	while (u->resid) {
		n = take_bytes(t, u);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (!u->resid || (size_t)done >= max(least, (size_t)1) || (!least && !pause))
			break;
		err = wait_input(t, nonblock, pause && (done || !least) ? cpu_clock() + pause : NEVER);
		if (err)
			break;
	}
	return done || err == -ETIMEDOUT ? done : err;
}

long ntty_read(struct tty *t, struct uio *u, bool nonblock)
{
	long n;

	if (!u->resid)
		return 0;
	mutex_lock(&t->lock);
	n = tty_lflag(t, ICANON) ? read_canonical(t, u, nonblock) : read_raw(t, u, nonblock);
	tty_input_consumed(t);
	mutex_unlock(&t->lock);
	return n;
}
