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

/* Another blocked set until the call ends: ppoll, pselect, epoll_pwait. interrupted: the call returns -EINTR or
 * -ERESTARTNOHAND because of a signal, which is then taken before the old set comes back */
void signal_call_mask(u64 set);
void signal_call_unmask(bool interrupted);

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
/* A thread has left p during a group stop: did it complete the stop? The caller must notify_parent(). => sig_lock held */
bool stop_completed(struct process *p, int nr_threads);
void notify_parent(struct process *p, int why); /* SIGCHLD and wake-up, CLD_*. => pid_lock held */
bool process_ignores_children(struct process *p); /* its zombies need no wait. => pid_lock held */

/* ---- between signal.c, sigdeliver.c and sigcalls.c. => sig_lock held ---- */
bool signal_default_ignores(int sig);
int signal_dequeue(struct task *t, u64 not_these, siginfo_t *info); /* 0: none. Task's first, faults before all */
void signal_forget(struct process *p, u64 set);			     /* drop what is pending of these signals */
#define SIG_STOPS (SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define SIG_UNBLOCKABLE (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))

/* ---- frames: sigframe.c ---- */
struct regs;
/* Build the handler's frame on the user's stack and enter it. => 0 or -EFAULT, registers unchanged */
int sigframe_push(struct regs *r, int sig, const siginfo_t *info, const struct sigaction *sa, u64 oldmask);
bool altstack_on(unsigned long sp); /* current runs on its alternative stack */

#endif
