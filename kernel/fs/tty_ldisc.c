/*
 * The line discipline: what each character does on its way in and out.
 *
 *	in    ISTRIP, CR/NL mapping -> flow control (IXON) -> signals (ISIG) -> line editing (ICANON) -> buffer
 *	out   NL -> CR NL and the rest of OPOST -> UART
 *
 * In canonical mode a line can be edited until its end comes (NL, EOF, EOL): erase, word erase, kill, reprint, and
 * VLNEXT which takes any meaning away from the next character. Erasing on the screen needs to know how many columns
 * a character took: control characters are shown as ^X (ECHOCTL), tabs reach to the next multiple of 8.
 *
 * EOF is kept in the buffer as a NUL that ends a line: reading stops there without delivering it.
 *
 * Linux differs: echoes go through a buffer of their own; ours go straight out.
 */
#include "kernel/fs/tty.h"

#include "kernel/cmdline.h"
#include "kernel/lib/string.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include <arch/irq.h>

#define DISABLED 0 /* a c_cc entry of this value matches nothing */
#define CTRL(c) ((c) & 0x1f)
#define DEL 0x7f

static inline bool lflag(const struct tty *t, tcflag_t bit)
{
	return t->termios.c_lflag & bit;
}

static inline bool is_cc(const struct tty *t, char c, int index)
{
	cc_t cc = t->termios.c_cc[index];

	return cc != DISABLED && (cc_t)c == cc;
}

void tty_settings_init(struct tty *t)
{
	static const cc_t cc[NCCS] = {
		[VINTR] = CTRL('c'), [VQUIT] = CTRL('\\'), [VERASE] = DEL, [VKILL] = CTRL('u'), [VEOF] = CTRL('d'),
		[VMIN] = 1, [VSTART] = CTRL('q'), [VSTOP] = CTRL('s'), [VSUSP] = CTRL('z'), [VREPRINT] = CTRL('r'),
		[VDISCARD] = CTRL('o'), [VWERASE] = CTRL('w'), [VLNEXT] = CTRL('v'),
	};

	t->termios = (struct termios){
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	};
	memcpy(t->termios.c_cc, cc, sizeof(cc));
	t->ispeed = t->ospeed = 115200;
	t->winsize = (struct winsize){ .ws_row = console_rows, .ws_col = console_cols };
}

/* ---- Output ---- */

static void put_raw(struct tty *t, char c)
{
	uart_putc(t->port, c);
}

static void put_tab(struct tty *t)
{
	unsigned int spaces = 8 - t->column % 8;

	if ((t->termios.c_oflag & TABDLY) == XTABS)
		for (unsigned int i = 0; i < spaces; i++)
			put_raw(t, ' ');
	else
		put_raw(t, '\t');
	t->column += spaces;
}

static void put_newline(struct tty *t)
{
	if (t->termios.c_oflag & ONLCR)
		put_raw(t, '\r');
	if (t->termios.c_oflag & (ONLCR | ONLRET))
		t->column = 0;
	put_raw(t, '\n');
}

static void put_return(struct tty *t)
{
	if ((t->termios.c_oflag & ONOCR) && t->column == 0)
		return;
	if (t->termios.c_oflag & OCRNL) {
		put_newline(t);
		return;
	}
	t->column = 0;
	put_raw(t, '\r');
}

static void put_processed(struct tty *t, char c)
{
	switch (c) {
	case '\n':
		put_newline(t);
		return;
	case '\r':
		put_return(t);
		return;
	case '\t':
		put_tab(t);
		return;
	case '\b':
		if (t->column)
			t->column--;
		break;
	default:
		if ((t->termios.c_oflag & OLCUC) && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		/* bytes 10xxxxxx continue a UTF-8 character: no column of their own */
		if ((unsigned char)c >= ' ' && c != DEL && (c & 0xc0) != 0x80)
			t->column++;
	}
	put_raw(t, c);
}

void tty_output(struct tty *t, const char *s, size_t n)
{
	assert_mutex_held(&t->lock);
	for (size_t i = 0; i < n; i++) {
		if (t->termios.c_oflag & OPOST)
			put_processed(t, s[i]);
		else
			put_raw(t, s[i]);
	}
}

static void echo_text(struct tty *t, const char *s)
{
	tty_output(t, s, strlen(s));
}

static bool shown_as_caret(const struct tty *t, char c)
{
	return ((unsigned char)c < ' ' || c == DEL) && c != '\t' && lflag(t, ECHOCTL);
}

static void echo(struct tty *t, char c)
{
	char caret[3] = { '^', c ^ 0x40, 0 };

	if (shown_as_caret(t, c) && c != '\n')
		echo_text(t, caret);
	else
		tty_output(t, &c, 1);
}

/* ---- The buffer ---- */

static inline char *at(struct tty *t, u32 i)
{
	return &t->buf[i % TTY_BUF];
}

static inline bool full(const struct tty *t)
{
	return READ_ONCE(t->head) - READ_ONCE(t->tail) >= TTY_BUF - 1; /* the last place is for a line's end */
}

/* A full buffer holds input back, unless the reader waits for a line that has no end in it: then characters are dropped
 * until the end comes, as Linux does. */
bool tty_has_room(const struct tty *t)
{
	return !full(t) || (lflag(t, ICANON) && READ_ONCE(t->canon) == READ_ONCE(t->tail));
}

static void put_char(struct tty *t, char c)
{
	bitmap_clear(t->ends, t->head % TTY_BUF);
	*at(t, t->head) = c;
	WRITE_ONCE(t->head, t->head + 1);
}

static void end_line(struct tty *t, char c)
{
	put_char(t, c);
	bitmap_set(t->ends, (t->head - 1) % TTY_BUF);
	WRITE_ONCE(t->canon, t->head);
	waitq_wake_all(&t->read_wait);
}

void tty_flush_input(struct tty *t)
{
	t->tail = t->canon = t->head;
	t->literal = false;
	bitmap_clear_range(t->ends, 0, TTY_BUF);
}

size_t tty_input_count(const struct tty *t)
{
	return lflag(t, ICANON) ? READ_ONCE(t->canon) - READ_ONCE(t->tail) : READ_ONCE(t->head) - READ_ONCE(t->tail);
}

bool tty_input_ready(const struct tty *t, bool for_poll)
{
	size_t n = tty_input_count(t), need = 1;

	if (!lflag(t, ICANON) && for_poll && !t->termios.c_cc[VTIME] && t->termios.c_cc[VMIN])
		need = t->termios.c_cc[VMIN];
	return n >= need;
}

/* One line or a part of it. *eof: an end of file was met. => bytes */
size_t tty_take_line(struct tty *t, char *to, size_t n, bool *eof)
{
	size_t done = 0;

	*eof = false;
	while (t->tail != t->canon) {
		bool end = bitmap_test(t->ends, t->tail % TTY_BUF);
		char c = *at(t, t->tail);

		if (end && !c) {
			t->tail++;
			*eof = true;
			break;
		}
		if (done == n)
			break;
		to[done++] = c;
		t->tail++;
		if (end)
			break;
	}
	return done;
}

size_t tty_take_raw(struct tty *t, char *to, size_t n)
{
	size_t done = 0;

	while (done < n && t->tail != t->head)
		to[done++] = *at(t, t->tail++);
	return done;
}

/* New settings. What was typed stays: as one line when line editing begins, as plain bytes when it ends. */
void tty_settings_change(struct tty *t, const struct termios *new)
{
	bool canon = new->c_lflag & ICANON;

	if (canon != lflag(t, ICANON)) {
		bitmap_clear_range(t->ends, 0, TTY_BUF);
		t->canon = t->head;
		if (canon && t->head != t->tail)
			bitmap_set(t->ends, (t->head - 1) % TTY_BUF);
		t->canon_column = t->column;
		t->literal = false;
		waitq_wake_all(&t->read_wait);
	}
	t->termios = *new;
	if (!(new->c_iflag & IXON) && t->stopped) {
		t->stopped = false;
		waitq_wake_all(&t->write_wait);
	}
}

/* ---- Editing ---- */

/* Columns that the line [canon, end) takes on the screen. */
static unsigned int line_columns(struct tty *t, u32 end)
{
	unsigned int column = t->canon_column;

	for (u32 i = t->canon; i != end; i++) {
		char c = *at(t, i);

		if (c == '\t')
			column = (column | 7) + 1;
		else if (shown_as_caret(t, c))
			column += 2;
		else if ((c & 0xc0) != 0x80 && (unsigned char)c >= ' ' && c != DEL)
			column++;
	}
	return column;
}

/* Take the last character away, all its bytes, here and on the screen. => the character's first byte */
static char erase_one(struct tty *t, bool show)
{
	unsigned int before = line_columns(t, t->head), after;
	char c;

	do {
		c = *at(t, --t->head);
	} while ((t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80 && t->head != t->canon);
	after = line_columns(t, t->head);
	for (; show && before > after; before--)
		echo_text(t, c == '\t' ? "\b" : "\b \b");
	return c;
}

static void erase_char(struct tty *t, char c)
{
	if (t->head == t->canon)
		return;
	erase_one(t, lflag(t, ECHO) && lflag(t, ECHOE));
	if (lflag(t, ECHO) && !lflag(t, ECHOE))
		echo(t, c);
}

static bool word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || (c & 0x80);
}

static void erase_word(struct tty *t)
{
	bool show = lflag(t, ECHO) && lflag(t, ECHOE);

	while (t->head != t->canon && !word_char(*at(t, t->head - 1)))
		erase_one(t, show);
	while (t->head != t->canon && word_char(*at(t, t->head - 1)))
		erase_one(t, show);
}

static void kill_line(struct tty *t, char c)
{
	bool show = lflag(t, ECHO) && lflag(t, ECHOE) && lflag(t, ECHOK) && lflag(t, ECHOKE);

	if (show) {
		while (t->head != t->canon)
			erase_one(t, true);
		return;
	}
	t->head = t->canon;
	if (lflag(t, ECHO)) {
		echo(t, c);
		if (lflag(t, ECHOK))
			echo_text(t, "\n");
	}
}

static void reprint(struct tty *t, char c)
{
	echo(t, c);
	echo_text(t, "\n");
	t->canon_column = 0;
	for (u32 i = t->canon; i != t->head; i++)
		echo(t, *at(t, i));
}

/* Editing characters. => true: c was one */
static bool edit(struct tty *t, char c)
{
	if (is_cc(t, c, VERASE))
		erase_char(t, c);
	else if (is_cc(t, c, VKILL))
		kill_line(t, c);
	else if (lflag(t, IEXTEN) && is_cc(t, c, VWERASE))
		erase_word(t);
	else if (lflag(t, IEXTEN) && lflag(t, ECHO) && is_cc(t, c, VREPRINT))
		reprint(t, c);
	else
		return false;
	return true;
}

/* Characters that end a line. => true: c was one */
static bool end_by(struct tty *t, char c)
{
	if (c == '\n') {
		if (lflag(t, ECHO) || lflag(t, ECHONL))
			echo_text(t, "\n");
		end_line(t, c);
	} else if (is_cc(t, c, VEOF)) {
		end_line(t, 0);
	} else if (is_cc(t, c, VEOL) || (lflag(t, IEXTEN) && is_cc(t, c, VEOL2))) {
		if (lflag(t, ECHO))
			echo(t, c);
		end_line(t, c);
	} else {
		return false;
	}
	t->canon_column = t->column;
	return true;
}

/* ---- Input ---- */

static void start_output(struct tty *t, bool start)
{
	t->stopped = !start;
	if (start)
		waitq_wake_all(&t->write_wait);
}

/* Flow control. => true: c was for it */
static bool flow(struct tty *t, char c)
{
	if (!(t->termios.c_iflag & IXON))
		return false;
	if (is_cc(t, c, VSTART)) {
		start_output(t, true);
		return true;
	}
	if (is_cc(t, c, VSTOP)) {
		start_output(t, false);
		return true;
	}
	return false;
}

/* => the signal that c sends, 0: none */
static int signal_of(const struct tty *t, char c)
{
	if (!lflag(t, ISIG))
		return 0;
	return is_cc(t, c, VINTR) ? SIGINT : is_cc(t, c, VQUIT) ? SIGQUIT : is_cc(t, c, VSUSP) ? SIGTSTP : 0;
}

static void send_signal(struct tty *t, char c, int sig) REQUIRES(t->lock)
{
	if (!lflag(t, NOFLSH)) {
		tty_flush_input(t);
		waitq_wake_all(&t->read_wait);
	}
	start_output(t, true);
	if (lflag(t, ECHO))
		echo(t, c);
	t->canon_column = t->column;
	mutex_unlock(&t->lock); /* signals wake and walk process lists */
	tty_signal_foreground(t, sig);
	mutex_lock(&t->lock);
}

static void store(struct tty *t, char c)
{
	if (full(t)) {
		if (t->termios.c_iflag & IMAXBEL)
			put_raw(t, '\a');
		return;
	}
	if (lflag(t, ECHO)) {
		if (t->head == t->canon)
			t->canon_column = t->column;
		echo(t, c);
	}
	put_char(t, c);
	if (!lflag(t, ICANON))
		waitq_wake_all(&t->read_wait);
}

/* CR and NL as c_iflag wants them. => false: c is dropped */
static bool map_newlines(const struct tty *t, char *c)
{
	tcflag_t flags = t->termios.c_iflag;

	if (*c == '\r') {
		if (flags & IGNCR)
			return false;
		if (flags & ICRNL)
			*c = '\n';
	} else if (*c == '\n' && (flags & INLCR)) {
		*c = '\r';
	}
	return true;
}

static void receive_canonical(struct tty *t, char c)
{
	if (edit(t, c))
		return;
	if (lflag(t, IEXTEN) && is_cc(t, c, VLNEXT)) {
		t->literal = true;
		if (lflag(t, ECHO) && lflag(t, ECHOCTL))
			echo_text(t, "^\b");
		return;
	}
	if (!end_by(t, c))
		store(t, c);
}

void tty_receive(struct tty *t, char c)
{
	int sig;

	assert_mutex_held(&t->lock);
	if (t->termios.c_iflag & ISTRIP)
		c &= 0x7f;
	if (t->literal) {
		t->literal = false;
		store(t, c);
		return;
	}
	if (flow(t, c))
		return;
	if (t->stopped && (t->termios.c_iflag & IXON) && (t->termios.c_iflag & IXANY))
		start_output(t, true);
	sig = signal_of(t, c);
	if (sig) {
		send_signal(t, c, sig);
		return;
	}
	if (!map_newlines(t, &c))
		return;
	if (lflag(t, ICANON))
		receive_canonical(t, c);
	else
		store(t, c);
}
