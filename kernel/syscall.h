/*
 * System calls: Linux x86-64's numbers, arguments and errors.
 *
 * syscall_table.h lists them all, one line each: SYSCALL(number, name). Each names a function
 * sys_NAME, defined in the file of its family with plain typed parameters (each fits one register),
 * and declared here by hand so that definitions are checked. The table calls them through one type
 * with six words. A number that is not in the table gets ENOSYS and one log line naming it.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include "kernel/types.h"
#include "kernel/uapi/errno.h"
#include <arch/irq.h>

/* Internal results, never seen by users: restart rules after a signal (as in Linux). */
#define ERESTARTSYS 512		  /* restart if SA_RESTART or no handler, else EINTR */
#define ERESTARTNOINTR 513	  /* always restart */
#define ERESTARTNOHAND 514	  /* restart only if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* through restart_syscall */

typedef long syscall_fn(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long);

#endif
