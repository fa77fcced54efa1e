/*
 * Terminals: the parts of one and what its three files know of each other.
 *
 *   UART interrupt -> raw ring -> ttyd (a kernel thread) -> line discipline -> input buffer -> read
 *                                        |  echo, signals
 *   write -> output processing ----------+-> UART
 *
 *   tty.c        files, reading and writing, the thread
 *   tty_ldisc.c  the line discipline: what a character does
 *   tty_job.c    sessions, foreground groups, ioctls
 *
 *   Y1  tail <= canon <= head: bytes [tail, canon) are complete lines, [canon, head) the line being edited;
 *       without ICANON canon means nothing.
 *   Y2  tty->session is 0, or the number of the one session whose processes have this ctty.
 *
 * Locks: lock protects settings, buffer and column; write_lock makes one write's output whole and is taken first;
 * raw_lock, a leaf with interrupts off, the raw ring; pid_lock protects session and pgrp.
 */
#ifndef KERNEL_FS_TTY_H
#define KERNEL_FS_TTY_H

#include "kernel/fs/vfs.h"
#include "kernel/lib/bitmap.h"
#include "kernel/uapi/termios.h"
#include <arch/irq.h>

#define TTY_BUF 4096 /* as Linux's N_TTY_BUF_SIZE: the longest line is one less */
#define TTY_RAW 1024 /* characters between two rounds of ttyd */
#define TTY_MAJOR 4
#define TTY_S0_MINOR 64

struct tty {
	unsigned int port;
	struct mutex lock, write_lock;
	struct termios termios;
	speed_t ispeed, ospeed;
	struct winsize winsize;
	/* input */
	u32 head, canon, tail; /* run on; the place is modulo TTY_BUF */
	char buf[TTY_BUF];
	DECLARE_BITMAP(ends, TTY_BUF); /* here a line ends */
	bool literal;		       /* VLNEXT came: the next character is itself */
	unsigned int canon_column;     /* where on the screen the line being edited began */
	struct waitq read_wait;
	/* output */
	unsigned int column;
	bool stopped; /* by VSTOP or TCOOFF */
	struct waitq write_wait;
	/* raw input */
	struct spinlock raw_lock;
	u32 raw_head, raw_tail;
	char raw[TTY_RAW];
	/* job control */
	int session, pgrp; /* pid_lock (Y2) */
	bool exclusive;
};

extern struct tty ttys[UART_COUNT];

/* tty_ldisc.c; => lock held */
void tty_settings_init(struct tty *t);
void tty_receive(struct tty *t, char c); /* may send signals: drops and retakes lock */
void tty_output(struct tty *t, const char *s, size_t n);
bool tty_has_room(const struct tty *t); /* may tty_receive() be called? no lock needed */
bool tty_input_ready(const struct tty *t, bool for_poll);
size_t tty_input_count(const struct tty *t); /* FIONREAD */
size_t tty_take_line(struct tty *t, char *to, size_t n, bool *eof);
size_t tty_take_raw(struct tty *t, char *to, size_t n);
void tty_flush_input(struct tty *t);
void tty_settings_change(struct tty *t, const struct termios *new);

/* tty_job.c */
long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
int tty_check_background(struct tty *t, int sig); /* 0, -EIO, -ERESTARTSYS after a signal to the group */
void tty_signal_foreground(struct tty *t, int sig);
void tty_acquire(struct tty *t); /* by open: becomes the ctty of a session leader without one */

#endif
