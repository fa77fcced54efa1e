/*
 * Signals: sending, and what tasks ask about their own. Theory in signal.c.
 *
 * A signal is sent to a task or to a process. It waits in a set (one bit a signal) with, where there is something to tell,
 * a queue of siginfos: one for each of the classic signals, any number for the real-time ones.
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include "kernel/task.h"
#include "kernel/uapi/signal.h"
#include <arch/cpu.h>

/* What is done on each signal. Shared by clone(CLONE_SIGHAND). */
struct sighand {
	atomic_t refs;
	struct spinlock lock; /* actions, where two processes share them; innermost */
	struct sigaction action[SIGRTMAX];
};

#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)
#define SIG_BIT(sig) BIT((sig) - 1)

struct pending_signal {
	struct list_head node;
	siginfo_t info;
};

/* => 0 or -EAGAIN (a real-time signal with a value, no room); no lock held; info NULL: from the kernel (SI_KERNEL) */
int signal_send_process(struct process *p, int sig, const siginfo_t *info);
int signal_send_task(struct task *t, int sig, const siginfo_t *info); /* t: current, or pid_lock is held */
/* To every process of a group. => 0, or -ESRCH: nobody is in it */
int signal_send_group(int pgid, int sig, const siginfo_t *info);
static inline int signal_send_self(int sig) /* SIGPIPE, SIGXFSZ: to the thread that called, as if by kill() */
{
	const siginfo_t info = { .si_signo = sig, .si_pid = current->process->pid };

	return signal_send_task(current, sig, &info);
}
/* A fault of the program itself: neither blocking nor ignoring it helps. */
void signal_force(int sig, const siginfo_t *info);

/* Of current: would this signal do nothing (ignored or blocked)? What a tty asks before it stops a reader. */
bool signal_ignored_or_blocked(int sig);
/* The process group of current has nobody who could continue it. */
bool current_pgroup_is_orphaned(void);

/* ---- for fork, exec, exit, wait ---- */
void signal_boot(void);
struct sighand *sighand_create(void); /* all default; NULL no memory */
struct sighand *sighand_copy(struct process *p);
void sighand_put(struct sighand *s);
void signal_exec_reset(struct process *p); /* handlers become default */
void signal_flush_queue(struct list_head *queue);
void signal_recheck(struct task *t);	/* sig_check anew. => t->process->sig_lock held, t is current or new */
void signal_set_blocked(u64 set);	/* of current */
void signal_wake(struct task *t, bool fatal); /* it must look. => sig_lock held */
void process_kill_others(struct process *p); /* wake all threads so that they see group_exit or exec_task. => sig_lock */
void process_stop_thread_gone(struct process *p); /* a thread left during a group stop. => pid_lock, sig_lock */
void notify_parent(struct process *p, int why); /* SIGCHLD and wake-up, CLD_*. => pid_lock held */
bool process_ignores_children(struct process *p); /* children need no wait. => sig_lock of p held or p is current's */

/* ---- frames: sigframe.c ---- */
struct regs;
/* Build the handler's frame on the user's stack and enter it. => 0 or -EFAULT, registers unchanged */
int sigframe_push(struct regs *r, int sig, const siginfo_t *info, const struct sigaction *sa, u64 oldmask);
bool altstack_on(unsigned long sp); /* current runs on its alternative stack */

#endif
