/* What the terminal's two halves share: tty.c (device, sessions, requests) and n_tty.c (line discipline). */
#ifndef KERNEL_FS_TTY_H
#define KERNEL_FS_TTY_H

#include "kernel/fs/vfs.h"
#include "kernel/lib/bitmap.h"
#include "kernel/uapi/termios.h"
#include <arch/irq.h>

#define ASCII_DELETE 0177
#define TTY_BUF 4096U /* Linux's N_TTY_BUF_SIZE: also the longest line */
#define TTY_RING 512U /* bytes between interrupt and thread; a power of two */

/* Fields are protected by lock unless marked: [w] write_lock  [r] ring_lock  [p] pid_lock */
struct tty {
	unsigned int port;
	struct mutex write_lock; /* one write(2) at a time; before lock */
	struct mutex lock;
	struct termios termios;
	struct winsize winsize;
	/* The line discipline's buffer: positions only grow, modulo TTY_BUF in buf. tail <= line <= head */
	u8 buf[TTY_BUF];
	DECLARE_BITMAP(delimiter, TTY_BUF); /* this byte ends a line; a zero byte with it is an end of file */
	unsigned int tail; /* first byte not read */
	unsigned int line; /* canonical: end of the last complete line */
	unsigned int head; /* end of input */
	bool literal;	   /* the next byte was announced by VLNEXT */
	bool stopped;	   /* output, by VSTOP */
	bool exclusive;	   /* TIOCEXCL */
	unsigned int column, line_column; /* of the cursor; where the line being edited began */
	struct waitq read_wait, write_wait;
	/* bytes from the device */
	struct spinlock ring_lock;
	u8 ring[TTY_RING];
	unsigned int ring_head, ring_tail; /* [r] */
	/* job control */
	int session, pgrp; /* [p] 0: none. pgrp is read without it */
};

static inline bool tty_iflag(const struct tty *t, tcflag_t bits)
{
	return t->termios.c_iflag & bits;
}

static inline bool tty_lflag(const struct tty *t, tcflag_t bits)
{
	return READ_ONCE(t->termios.c_lflag) & bits;
}

static inline bool tty_is_control(u8 c)
{
	return c < ' ' || c == ASCII_DELETE;
}

/* Second and further bytes of a UTF-8 character take no column. */
static inline bool tty_is_continuation(const struct tty *t, u8 c)
{
	return tty_iflag(t, IUTF8) && (c & 0xc0) == 0x80;
}

static inline u8 ascii_upper(u8 c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* tty_out.c */
void tty_output(struct tty *t, u8 c);
void tty_echo(struct tty *t, u8 c);
long ntty_write(struct tty *t, struct uio *u, bool nonblock); /* => no lock held */

/* n_tty.c. => lock held, but for ntty_read() */
void ntty_init(struct tty *t);
bool ntty_has_room(const struct tty *t); /* may ntty_receive() be called? */
void ntty_receive(struct tty *t, u8 c);
void ntty_flush_input(struct tty *t);
void ntty_termios_changed(struct tty *t, const struct termios *old);
unsigned int ntty_available(const struct tty *t); /* bytes that a read would get; no lock needed */
void ntty_set_stopped(struct tty *t, bool stopped);
long ntty_read(struct tty *t, struct uio *u, bool nonblock);

/* tty.c */
extern const struct file_ops tty_ops;
void tty_signal_foreground(struct tty *t, int sig);
void tty_input_consumed(struct tty *t); /* bytes that wait in the ring may find room now */

#endif
