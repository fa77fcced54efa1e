/*
 * Signals: sending, waiting, dropping.
 *
 *	sender --> ignored? stop / continue rules --> set + queue of a task or of a process --> wake a task
 *	                                                                                          |
 *	             handler's frame, default action (sigdeliver.c) <-- return_to_user() <--------+
 *
 * All signal state of a process is under one lock, process->sig_lock: the pending sets and queues of process and threads,
 * blocked sets, group exit, group stop. The table of actions has a lock of its own, innermost, for the rare case that two
 * processes share it.
 *
 *   G1  A signal's bit is set in a set iff it is pending there. Its siginfo may be missing: memory was short.
 *   G2  SIGCONT pending excludes stop signals pending, and the other way round.
 *   G3  Ignored signals are not queued, unless blocked: they may not be ignored any more when they are unblocked.
 *   G4  A signal that ends the process sets group_exit at once, at the sender, when some thread would take it.
 *   G5  Pid 1 does not see signals that other processes send it and for which it has no handler.
 *
 * Nothing here runs in interrupts: timers that signal do it through a kernel thread (itimer.c).
 *
 * Linux differs: G5 covers pid 1's own signals as well (there, a program is hardly ever pid 1; here scripts/exec makes it
 * so, and abort() must end it as SIGABRT).
 */
#include "kernel/signal.h"

#include "kernel/lib/string.h"
#include "kernel/printk.h"
#include "kernel/proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/resource.h"
#include "mm/slab.h"
#include <arch/cpu.h>
#include <arch/irq.h>

#define SIG_FAULTS                                                                                 \
	(SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGFPE) | SIG_BIT(SIGSYS))
#define SIG_DEFAULT_IGNORED (SIG_BIT(SIGCHLD) | SIG_BIT(SIGCONT) | SIG_BIT(SIGURG) | SIG_BIT(SIGWINCH))

static struct kmem_cache *pending_cache, *sighand_cache;
static atomic_t nr_pending; /* queued siginfos of all processes, against RLIMIT_SIGPENDING */

void signal_boot(void)
{
	pending_cache = kmem_cache_create("sigqueue", sizeof(struct pending_signal), 8);
	sighand_cache = kmem_cache_create("sighand_cache", sizeof(struct sighand), 64);
}

/* ---- Tables of actions ---- */

struct sighand *sighand_create(void)
{
	struct sighand *s = kmem_cache_zalloc(sighand_cache);

	if (!s)
		return NULL;
	atomic_set(&s->refs, 1);
	spin_init(&s->lock, RANK_LEAF);
	return s;
}

struct sighand *sighand_copy(struct process *p)
{
	struct sighand *s = kmem_cache_alloc(sighand_cache);

	if (!s)
		return NULL;
	atomic_set(&s->refs, 1);
	spin_init(&s->lock, RANK_LEAF);
	spin_lock(&p->sig_lock);
	memcpy(s->action, p->sighand->action, sizeof(s->action));
	spin_unlock(&p->sig_lock);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (atomic_dec_and_test(&s->refs))
		kmem_cache_free(sighand_cache, s);
}

void signal_exec_reset(struct process *p)
{
	struct sighand *s = p->sighand;

	for (int i = 0; i < SIGRTMAX; i++) {
		if (s->action[i].sa_handler != SIG_IGN)
			s->action[i].sa_handler = SIG_DFL;
		s->action[i].sa_flags = 0;
		s->action[i].sa_restorer = NULL;
		s->action[i].sa_mask = 0;
	}
}

bool signal_default_ignores(int sig)
{
	return SIG_BIT(sig) & SIG_DEFAULT_IGNORED;
}

bool process_ignores_children(struct process *p)
{
	bool ignores = false;

	spin_lock(&p->sig_lock);
	if (p->sighand) {
		const struct sigaction *sa = &p->sighand->action[SIGCHLD - 1];

		ignores = sa->sa_handler == SIG_IGN || (sa->sa_flags & SA_NOCLDWAIT);
	}
	spin_unlock(&p->sig_lock);
	return ignores;
}

/* ---- Queues. => sig_lock held ---- */

static void queue_free(struct pending_signal *q)
{
	atomic_dec(&nr_pending);
	kmem_cache_free(pending_cache, q);
}

void signal_flush_queue(struct list_head *queue)
{
	struct pending_signal *q, *tmp;

	list_for_each_entry_safe(q, tmp, queue, node) {
		list_del(&q->node);
		queue_free(q);
	}
}

/* => NULL: too many wait already, or no memory */
static struct pending_signal *queue_alloc(struct process *to)
{
	struct pending_signal *q;

	if ((u64)(unsigned int)atomic_read(&nr_pending) >= to->rlim[RLIMIT_SIGPENDING].cur)
		return NULL;
	q = kmem_cache_alloc(pending_cache);
	if (q)
		atomic_inc(&nr_pending);
	return q;
}

static void forget_in(struct list_head *queue, u64 *pending, u64 set)
{
	struct pending_signal *q, *tmp;

	if (!(*pending & set))
		return;
	*pending &= ~set;
	list_for_each_entry_safe(q, tmp, queue, node) {
		if (SIG_BIT(q->info.si_signo) & set) {
			list_del(&q->node);
			queue_free(q);
		}
	}
}

void signal_forget(struct process *p, u64 set)
{
	struct task *t;

	assert_spin_held(&p->sig_lock);
	forget_in(&p->pending, &p->pending_set, set);
	list_for_each_entry(t, &p->threads, thread_node)
		forget_in(&t->pending, &t->pending_set, set);
}

/* The first siginfo of sig; the bit goes unless there is another one. */
static void take(struct list_head *queue, u64 *pending, int sig, siginfo_t *info)
{
	struct pending_signal *q, *tmp, *found = NULL;

	list_for_each_entry_safe(q, tmp, queue, node) {
		if (q->info.si_signo != sig)
			continue;
		if (found) { /* one more of a real-time signal: the bit stays */
			*info = found->info;
			list_del(&found->node);
			queue_free(found);
			return;
		}
		found = q;
	}
	*pending &= ~SIG_BIT(sig);
	if (found) {
		*info = found->info;
		list_del(&found->node);
		queue_free(found);
	} else {
		*info = (siginfo_t){ .si_signo = sig, .si_code = SI_USER };
	}
}

int signal_dequeue(struct task *t, u64 not_these, siginfo_t *info)
{
	struct process *p = t->process;
	u64 mine = t->pending_set & ~not_these, shared = p->pending_set & ~not_these;
	int sig;

	assert_spin_held(&p->sig_lock);
	if (mine) {
		sig = __builtin_ctzl(mine & SIG_FAULTS ? mine & SIG_FAULTS : mine) + 1;
		take(&t->pending, &t->pending_set, sig, info);
		return sig;
	}
	if (!shared)
		return 0;
	sig = __builtin_ctzl(shared) + 1;
	take(&p->pending, &p->pending_set, sig, info);
	return sig;
}

/* ---- Waking. => sig_lock held ---- */

void signal_recheck(struct task *t)
{
	struct process *p = t->process;

	t->sig_check = ((t->pending_set | p->pending_set) & (~t->blocked | t->awaited)) || p->group_exit || p->stopping ||
		       p->notify_cont || (p->exec_task && p->exec_task != t);
}

void signal_wake(struct task *t, bool fatal)
{
	WRITE_ONCE(t->sig_check, true);
	smp_mb(); /* the flag before its state is looked at: it looks the other way round */
	if (!sched_wake_if(t, BIT(TASK_INTERRUPTIBLE) | (fatal ? BIT(TASK_STOPPED) : 0)) && t != current &&
	    READ_ONCE(t->on_cpu))
		arch_send_resched(t->cpu); /* it is in user mode, maybe for long */
}

void process_begin_exit(struct process *p, int code)
{
	struct task *t;

	assert_spin_held(&p->sig_lock);
	if (p->group_exit)
		return;
	p->group_exit = true;
	p->group_exit_code = code;
	p->stopping = false;
	list_for_each_entry(t, &p->threads, thread_node)
		signal_wake(t, true);
}

/* ---- Sending. => sig_lock of the target held ---- */

/* Pid 1 is protected from other processes (G5): also from what their exit makes the kernel send. */
static bool shielded(const struct process *p)
{
	return p == init_process && current->process && current->process != p;
}

static bool ignored(struct process *p, struct task *t, int sig)
{
	void (*handler)(int) = p->sighand->action[sig - 1].sa_handler;

	if (handler == SIG_DFL && shielded(p))
		return true;
	if ((t ? t : p->leader)->blocked & SIG_BIT(sig))
		return false;
	return handler == SIG_IGN || (handler == SIG_DFL && signal_default_ignores(sig));
}

/* Let every stopped thread go on. */
static void continue_group(struct process *p)
{
	struct task *t;
	bool stopped = p->stopping;

	p->stopping = false;
	p->nr_stopped = 0;
	if (stopped) {
		p->reported_stop = false;
		p->reported_cont = true;
		p->notify_cont = true;
	}
	list_for_each_entry(t, &p->threads, thread_node) {
		if (stopped)
			WRITE_ONCE(t->sig_check, true);
		sched_wake_if(t, BIT(TASK_STOPPED));
	}
}

static void stop_and_continue_rules(struct process *p, int sig)
{
	if (SIG_BIT(sig) & SIG_STOPS) {
		signal_forget(p, SIG_BIT(SIGCONT));
	} else if (sig == SIGCONT) {
		signal_forget(p, SIG_STOPS);
		continue_group(p);
	}
}

static bool wants(const struct task *t, int sig)
{
	if (t->exited || (t->blocked & ~t->awaited & SIG_BIT(sig)))
		return false;
	return sig == SIGKILL || t->state != TASK_STOPPED;
}

/* Who takes a signal to the process: the leader when it can, else the first that can. */
static struct task *choose_thread(struct process *p, int sig)
{
	struct task *t;

	if (wants(p->leader, sig))
		return p->leader;
	list_for_each_entry(t, &p->threads, thread_node)
		if (wants(t, sig))
			return t;
	return NULL;
}

/* Would it end the process? */
static bool is_fatal(struct process *p, int sig)
{
	if (sig == SIGKILL)
		return true;
	return p->sighand->action[sig - 1].sa_handler == SIG_DFL && !signal_default_ignores(sig) &&
	       !(SIG_BIT(sig) & SIG_STOPS);
}

static void wake_receiver(struct process *p, struct task *only, int sig)
{
	struct task *t = only;

	if (!only)
		t = choose_thread(p, sig);
	else if (!wants(only, sig))
		t = NULL;
	if (!t)
		return;
	if (is_fatal(p, sig) && !(t->awaited & SIG_BIT(sig)))
		process_begin_exit(p, sig); /* G4 */
	else
		signal_wake(t, false);
}

/* Remember the siginfo. => 0, or -EAGAIN where it must not be lost */
static int enqueue(struct process *p, struct list_head *queue, int sig, const siginfo_t *info)
{
	struct pending_signal *q;

	if (sig == SIGKILL)
		return 0;
	q = queue_alloc(p);
	if (!q)
		return sig >= SIGRTMIN && info && info->si_code < 0 ? -EAGAIN : 0;
	if (info)
		q->info = *info;
	else
		q->info = (siginfo_t){ .si_code = SI_KERNEL };
	q->info.si_signo = sig;
	list_add_tail(&q->node, queue);
	return 0;
}

/* only: the one thread it is for; NULL: the process */
static int send(struct process *p, struct task *only, int sig, const siginfo_t *info)
{
	u64 *pending = only ? &only->pending_set : &p->pending_set;
	int err;

	assert_spin_held(&p->sig_lock);
	if (!p->sighand || (only && only->exited))
		return 0;
	if ((SIG_BIT(sig) & SIG_UNBLOCKABLE) && shielded(p))
		return 0;
	stop_and_continue_rules(p, sig);
	if (p->group_exit || ignored(p, only, sig))
		return 0;
	if (sig < SIGRTMIN && (*pending & SIG_BIT(sig)))
		return 0;
	err = enqueue(p, only ? &only->pending : &p->pending, sig, info);
	if (err)
		return err;
	*pending |= SIG_BIT(sig);
	wake_receiver(p, only, sig);
	return 0;
}

int signal_send_process(struct process *p, int sig, const siginfo_t *info)
{
	int err;

	spin_lock(&p->sig_lock);
	err = send(p, NULL, sig, info);
	spin_unlock(&p->sig_lock);
	return err;
}

int signal_send_task(struct task *t, int sig, const siginfo_t *info)
{
	struct process *p = t->process;
	int err;

	spin_lock(&p->sig_lock);
	err = send(p, t, sig, info);
	spin_unlock(&p->sig_lock);
	return err;
}

int signal_send_group(int pgid, int sig, const siginfo_t *info)
{
	struct pgroup *g;
	struct process *p;
	int ret = -ESRCH;

	spin_lock(&pid_lock);
	g = pgroup_find(pgid);
	if (g) {
		list_for_each_entry(p, &g->members, pgroup_node) {
			signal_send_process(p, sig, info);
			ret = 0;
		}
	}
	spin_unlock(&pid_lock);
	return ret;
}

void signal_force(int sig, const siginfo_t *info)
{
	struct task *t = current;
	struct process *p = t->process;
	struct sigaction *sa;
	bool blocked;

	spin_lock(&p->sig_lock);
	sa = &p->sighand->action[sig - 1];
	blocked = t->blocked & SIG_BIT(sig);
	if (blocked || sa->sa_handler == SIG_IGN) {
		spin_lock(&p->sighand->lock);
		sa->sa_handler = SIG_DFL;
		spin_unlock(&p->sighand->lock);
		t->blocked &= ~SIG_BIT(sig);
	}
	send(p, t, sig, info);
	signal_recheck(t);
	spin_unlock(&p->sig_lock);
}

/* ---- Questions ---- */

bool signal_pending(void)
{
	return READ_ONCE(current->sig_check);
}

bool fatal_signal_pending(void)
{
	struct task *t = current;
	struct process *p = t->process;

	if (!p)
		return false;
	return READ_ONCE(p->group_exit) || (READ_ONCE(p->exec_task) && p->exec_task != t);
}

bool signal_ignored_or_blocked(int sig)
{
	struct process *p = current->process;
	bool yes;

	spin_lock(&p->sig_lock);
	yes = (current->blocked & SIG_BIT(sig)) || p->sighand->action[sig - 1].sa_handler == SIG_IGN;
	spin_unlock(&p->sig_lock);
	return yes;
}

bool current_pgroup_is_orphaned(void)
{
	bool yes;

	spin_lock(&pid_lock);
	yes = pgroup_is_orphaned(current->process->pgroup, NULL);
	spin_unlock(&pid_lock);
	return yes;
}

/* Wake those who may receive what the caller no longer will. => sig_lock held */
static void retarget(struct process *p, struct task *t, u64 set)
{
	struct task *other;

	set &= p->pending_set;
	if (!set)
		return;
	list_for_each_entry(other, &p->threads, thread_node)
		if (other != t && (set & ~other->blocked))
			signal_wake(other, false);
}

void signal_set_blocked(u64 set)
{
	struct task *t = current;
	struct process *p = t->process;

	set &= ~SIG_UNBLOCKABLE;
	if (set == t->blocked)
		return;
	spin_lock(&p->sig_lock);
	retarget(p, t, set & ~t->blocked);
	t->blocked = set;
	signal_recheck(t);
	spin_unlock(&p->sig_lock);
}

/* ---- A blocked set for the time of one system call: ppoll, pselect ---- */

void signal_call_mask(u64 set)
{
	struct task *t = current;

	t->saved_blocked = t->blocked;
	t->restore_blocked = true;
	signal_set_blocked(set);
}

void signal_call_unmask(bool interrupted)
{
	struct task *t = current;

	if (interrupted && t->sig_check) /* the handler runs with the call's set; deliver() brings the old one back */
		return;
	t->restore_blocked = false;
	signal_set_blocked(t->saved_blocked);
}
