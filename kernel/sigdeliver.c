/*
 * Signals arrive: what happens on the way back to user mode.
 *
 *	return_to_user() --> deliver() --> next_signal() --> handler: frame on the user's stack
 *	                                        |      --> stop: sleep until SIGCONT or the end
 *	                                        |      --> end: every thread exits
 *	                                        +--> none: restart the interrupted system call
 *
 * A group stop: the thread that takes the stop signal sets `stopping`; each thread stops when it comes here; the last one
 * tells the parent. SIGCONT clears `stopping` (signal.c).
 *
 * Restarting (the numbers are in syscall.h):
 *
 *	result                   no handler runs     a handler runs
 *	-ERESTARTNOINTR          again               again
 *	-ERESTARTSYS             again               again with SA_RESTART, else EINTR
 *	-ERESTARTNOHAND          again               EINTR
 *	-ERESTART_RESTARTBLOCK   restart_syscall()   EINTR
 */
#include "kernel/printk.h"
#include "kernel/proc.h"
#include "kernel/syscall.h"
#include "kernel/uapi/syscall.h"
#include "kernel/uapi/wait.h"
#include "mm/mm.h"
#include <arch/cpu.h>
#include <arch/irq.h>

#define SYSCALL_BYTES 2 /* length of the SYSCALL instruction */

/* ---- Telling the parent ---- */

static void sigchld_info(siginfo_t *info, struct process *p, int why)
{
	struct process_usage u;
	int status = why == CLD_CONTINUED ? SIGCONT : why == CLD_STOPPED ? p->stop_code : p->exit_code;

	if (why == CLD_EXITED)
		status = WEXITSTATUS(p->exit_code);
	else if (why == CLD_KILLED)
		status = WTERMSIG(p->exit_code);
	process_usage(p, &u);
	*info = (siginfo_t){ .si_signo = SIGCHLD, .si_code = why };
	info->_sifields._sigchld._pid = p->pid;
	info->_sifields._sigchld._uid = p->uid;
	info->_sifields._sigchld._status = status;
	info->_sifields._sigchld._utime = (long)(u.utime / 10000000); /* 1/USER_HZ */
	info->_sifields._sigchld._stime = (long)(u.stime / 10000000);
}

void notify_parent(struct process *p, int why)
{
	struct process *parent = p->parent;
	bool exits = why == CLD_EXITED || why == CLD_KILLED;
	int sig = exits ? p->exit_signal : SIGCHLD;
	siginfo_t info;

	assert_spin_held(&pid_lock);
	if (!parent)
		return;
	sigchld_info(&info, p, why);
	spin_lock(&parent->sig_lock);
	if (parent->sighand && !exits && (parent->sighand->action[SIGCHLD - 1].sa_flags & SA_NOCLDSTOP))
		sig = 0;
	spin_unlock(&parent->sig_lock);
	if (sig) {
		info.si_signo = sig;
		signal_send_process(parent, sig, &info);
	}
	waitq_wake_all(&parent->wait_children);
}

static void tell(struct process *p, int why)
{
	spin_lock(&pid_lock);
	notify_parent(p, why);
	spin_unlock(&pid_lock);
}

/* ---- Stopping. => sig_lock held ---- */

bool stop_completed(struct process *p, int nr_threads)
{
	if (!p->stopping || p->reported_stop || p->nr_stopped < nr_threads)
		return false;
	p->reported_stop = true;
	p->reported_cont = false;
	return true;
}

static void begin_stop(struct process *p, int sig) REQUIRES(p->sig_lock)
{
	struct task *t;

	p->stopping = true;
	p->stop_code = sig;
	p->nr_stopped = 0;
	p->reported_stop = false;
	p->notify_cont = false;
	list_for_each_entry(t, &p->threads, thread_node)
		if (t != current)
			signal_wake(t, false);
}

/* Sleep while the group is stopped. Lets go of sig_lock meanwhile. */
static void stop_here(struct process *p) REQUIRES(p->sig_lock)
{
	bool last;

	p->nr_stopped++;
	WRITE_ONCE(current->state, TASK_STOPPED);
	spin_unlock(&p->sig_lock);
	/* Both locks: whoever waits for the stop finds it only together with the signal that tells of it. */
	spin_lock(&pid_lock);
	spin_lock(&p->sig_lock);
	last = stop_completed(p, p->nr_threads);
	spin_unlock(&p->sig_lock);
	if (last)
		notify_parent(p, CLD_STOPPED);
	spin_unlock(&pid_lock);
	schedule();
	spin_lock(&p->sig_lock);
}

/* The terminal's stop signals do not stop a group that nobody would continue. Lets go of sig_lock meanwhile.
 * => whether to stop */
static bool may_stop(struct process *p, int sig) REQUIRES(p->sig_lock)
{
	bool orphaned;

	if (sig == SIGSTOP)
		return true;
	spin_unlock(&p->sig_lock);
	orphaned = current_pgroup_is_orphaned();
	spin_lock(&p->sig_lock);
	return !orphaned && !p->group_exit && !((p->pending_set | current->pending_set) & SIG_BIT(SIGCONT));
}

/* ---- Taking signals ---- */

/* The default action, which is not to ignore. Lets go of sig_lock meanwhile. */
static void default_action(struct process *p, int sig) REQUIRES(p->sig_lock)
{
	if (!(SIG_BIT(sig) & SIG_STOPS))
		process_begin_exit(p, sig);
	else if (may_stop(p, sig))
		begin_stop(p, sig);
}

/* What concerns the whole process comes first. Lets go of sig_lock. => whether there was something */
static bool group_work(struct process *p) REQUIRES(p->sig_lock)
{
	struct task *t = current;

	if (p->group_exit || (p->exec_task && p->exec_task != t)) {
		int code = p->group_exit ? p->group_exit_code : 0;

		spin_unlock(&p->sig_lock);
		task_exit(code);
	}
	if (p->notify_cont) {
		p->notify_cont = false;
		spin_unlock(&p->sig_lock);
		tell(p, CLD_CONTINUED);
		spin_lock(&p->sig_lock);
		return true;
	}
	if (p->stopping) {
		stop_here(p);
		return true;
	}
	return false;
}

/* The action for sig, as it is now; a one-shot handler is used up. */
static struct sigaction take_action(struct process *p, int sig)
{
	struct sighand *s = p->sighand;
	struct sigaction sa;

	spin_lock(&s->lock);
	sa = s->action[sig - 1];
	if (sa.sa_handler != SIG_IGN && sa.sa_handler != SIG_DFL && (sa.sa_flags & SA_RESETHAND))
		s->action[sig - 1].sa_handler = SIG_DFL;
	spin_unlock(&s->lock);
	return sa;
}

/* The next signal that has a handler; all others take effect here. => 0: none is left */
static int next_signal(siginfo_t *info, struct sigaction *sa)
{
	struct task *t = current;
	struct process *p = t->process;
	int sig;

	spin_lock(&p->sig_lock);
	for (;;) {
		if (unlikely(group_work(p)))
			continue;
		sig = signal_dequeue(t, t->blocked, info);
		if (!sig)
			break;
		*sa = take_action(p, sig);
		if (sa->sa_handler == SIG_IGN || (sa->sa_handler == SIG_DFL && signal_default_ignores(sig)))
			continue;
		if (sa->sa_handler != SIG_DFL)
			break;
		default_action(p, sig);
	}
	signal_recheck(t);
	spin_unlock(&p->sig_lock);
	return sig;
}

/* ---- System calls that were interrupted ---- */

static void restart(struct regs *r, u64 nr)
{
	r->rax = nr;
	r->rip -= SYSCALL_BYTES;
}

/* sa: of the handler that is about to run; NULL: none is */
static void fix_syscall(struct regs *r, const struct sigaction *sa)
{
	if (r->orig_rax == ~0UL)
		return;
	switch (-(long)r->rax) {
	case ERESTARTNOINTR:
		restart(r, r->orig_rax);
		break;
	case ERESTARTSYS:
		if (sa && !(sa->sa_flags & SA_RESTART))
			r->rax = (u64)-EINTR;
		else
			restart(r, r->orig_rax);
		break;
	case ERESTARTNOHAND:
		if (sa)
			r->rax = (u64)-EINTR;
		else
			restart(r, r->orig_rax);
		break;
	case ERESTART_RESTARTBLOCK:
		if (sa)
			r->rax = (u64)-EINTR;
		else
			restart(r, __NR_restart_syscall);
		break;
	default:
		return;
	}
	r->orig_rax = ~0UL; /* once */
}

/* ---- Handlers ---- */

static void force_segv(int sig)
{
	struct process *p = current->process;

	if (sig == SIGSEGV) { /* its own handler cannot be entered */
		spin_lock(&p->sig_lock);
		p->sighand->action[SIGSEGV - 1].sa_handler = SIG_DFL;
		spin_unlock(&p->sig_lock);
	}
	signal_force(SIGSEGV, NULL);
}

static void run_handler(struct regs *r, int sig, const siginfo_t *info, const struct sigaction *sa)
{
	struct task *t = current;
	u64 old = t->restore_blocked ? t->saved_blocked : t->blocked, blocked = t->blocked | sa->sa_mask;

	fix_syscall(r, sa);
	if (sigframe_push(r, sig, info, sa, old)) {
		force_segv(sig);
		return;
	}
	t->restore_blocked = false;
	if (!(sa->sa_flags & SA_NODEFER))
		blocked |= SIG_BIT(sig);
	signal_set_blocked(blocked);
}

static void deliver(struct regs *r)
{
	struct task *t = current;
	struct sigaction sa;
	siginfo_t info;
	int sig = next_signal(&info, &sa);

	if (sig) {
		run_handler(r, sig, &info, &sa);
		return;
	}
	fix_syscall(r, NULL);
	if (t->restore_blocked) {
		t->restore_blocked = false;
		signal_set_blocked(t->saved_blocked);
	}
}

void return_to_user(struct regs *r)
{
	struct task *t = current;

	if (unlikely(t->first_work)) {
		void (*work)(struct regs *) = t->first_work;

		t->first_work = NULL;
		work(r);
	}
	if (unlikely(t->tick_work))
		itimer_tick_work(t);
	if (t->need_resched)
		schedule();
	if (t->sig_check)
		deliver(r);
	lock_assert_none_held();
}

/* ---- Faults ---- */

void trap_to_signal(int sig, int si_code, unsigned long addr, int trapno, u64 error, struct regs *r)
{
	struct task *t = current;
	siginfo_t info = { .si_signo = sig, .si_code = si_code };

	(void)r;
	info.si_addr = (void *)addr;
	t->trap_addr = addr;
	t->trap_no = (unsigned long)trapno;
	t->trap_error = error;
	signal_force(sig, &info);
}
