/*
 * The end of tasks and processes.
 *
 *	task_exit:   futexes, vfork, address space, files      what the thread shares or owns
 *	             leave the thread list                     times and faults are added to the process
 *	  the last one also:
 *	             timers, terminal, signal actions
 *	             children to pid 1 or a subreaper, orphaned groups told
 *	             zombie; the parent is told, or does not care: then it is reaped at once
 *	             dead: the stack is freed by whoever runs next (sched.c)
 *
 * A zombie is a struct process with its number, its exit code and its sums, and its leader's struct task.
 *
 *   X1  nr_threads is the length of `threads`; both change under pid_lock and sig_lock together.
 *   X2  A process is in its parent's children from link_process() until process_unlink(), which happens once.
 */
#include "kernel/fs/file.h"
#include "kernel/power.h"
#include "kernel/printk.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/wait.h"
#include "mm/mm.h"
#include "mm/proc_mm.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>

/* ---- What the thread has ---- */

void exit_clear_tid(struct task *t)
{
	u32 __user *where = t->clear_tid;

	futex_exit_robust(t);
	t->clear_tid = NULL;
	/* Only others can want to know. */
	if (where && atomic_read(&t->mm->users) > 1 && !put_user(0U, where))
		futex_wake_addr(where, 1);
}

void task_set_mm(struct mm *mm)
{
	spin_lock(&pid_lock); /* process_mm_get() looks from outside */
	irq_disable();
	current->mm = mm;
	mmu_load(mm);
	irq_enable();
	spin_unlock(&pid_lock);
}

struct mm *process_mm_get(struct process *p)
{
	struct mm *mm = NULL;
	struct task *t;

	spin_lock(&pid_lock);
	list_for_each_entry(t, &p->threads, thread_node) {
		if (t->mm && mm_get_not_zero(t->mm)) {
			mm = t->mm;
			break;
		}
	}
	spin_unlock(&pid_lock);
	return mm;
}

static void exit_mm(struct task *t)
{
	struct process *p = t->process;
	struct mm *mm = t->mm;
	struct mm_sizes sizes;

	if (!mm)
		return;
	exit_clear_tid(t);
	vfork_done(t);
	proc_mm_sizes(mm, &sizes);
	spin_lock(&p->sig_lock);
	p->maxrss = max(p->maxrss, sizes.peak_rss);
	spin_unlock(&p->sig_lock);
	task_set_mm(NULL);
	mm_put(mm);
}

static void exit_files(struct task *t)
{
	struct files *files = t->files;
	struct fs_context *fs = t->fs;

	spin_lock(&pid_lock); /* /proc/<pid>/fd looks at them from outside */
	t->files = NULL;
	t->fs = NULL;
	spin_unlock(&pid_lock);
	files_put(files);
	fs_put(fs);
}

/* The thread's share of the process's sums. => sig_lock held */
static void add_usage(struct process *p, struct task *t)
{
	p->utime += t->utime;
	p->stime += t->stime;
	p->runtime += task_runtime(t);
	p->min_flt += t->min_flt;
	p->maj_flt += t->maj_flt;
	p->nvcsw += t->nvcsw;
	p->nivcsw += t->nivcsw;
}

/* Leave the thread list. => whether the process has no other */
static bool leave_threads(struct task *t)
{
	struct process *p = t->process;
	bool last, stopped;

	spin_lock(&pid_lock);
	spin_lock(&p->sig_lock);
	t->exited = true;
	list_del(&t->thread_node);
	last = --p->nr_threads == 0;
	add_usage(p, t);
	signal_flush_queue(&t->pending);
	t->pending_set = 0;
	stopped = !last && stop_completed(p, p->nr_threads);
	if (t != p->leader)
		tid_free(t->tid);
	if (p->pending_set) { /* a signal that woke us may be for another thread as well */
		struct task *other;

		list_for_each_entry(other, &p->threads, thread_node)
			signal_wake(other, false);
	}
	if (p->exec_task)
		waitq_wake_all(&p->exit_wait);
	spin_unlock(&p->sig_lock);
	if (stopped)
		notify_parent(p, CLD_STOPPED);
	spin_unlock(&pid_lock);
	return last;
}

/* ---- What the process has ---- */

/* Who takes over the children of p: the nearest ancestor that asked for it, or pid 1. => pid_lock held */
static struct process *reaper_of(struct process *p)
{
	struct process *a;

	for (a = p->parent; a; a = a->parent)
		if (a->child_subreaper && !a->zombie && a->nr_threads)
			return a;
	return init_process;
}

static bool has_stopped_member(struct pgroup *g)
{
	struct process *p;

	list_for_each_entry(p, &g->members, pgroup_node)
		if (p->stopping)
			return true;
	return false;
}

/* A stopped group that lost the last one who could continue it is hung up and continued (POSIX, _exit). */
static void hang_up_if_orphaned(struct pgroup *g, struct process *leaving)
{
	struct process *p;

	if (!has_stopped_member(g) || !pgroup_is_orphaned(g, leaving))
		return;
	list_for_each_entry(p, &g->members, pgroup_node) {
		signal_send_process(p, SIGHUP, NULL);
		signal_send_process(p, SIGCONT, NULL);
	}
}

/* => pid_lock held; whether p is to be reaped at once */
static bool tell_exit(struct process *p)
{
	bool forget = p->exit_signal == SIGCHLD && process_ignores_children(p->parent);

	notify_parent(p, WIFEXITED(p->exit_code) ? CLD_EXITED : CLD_KILLED);
	return forget;
}

/* The children of p get another parent. Zombies nobody waits for are moved to `dead`. => pid_lock held */
static void give_away_children(struct process *p, struct list_head *dead)
{
	struct process *reaper = reaper_of(p), *child, *tmp;

	list_for_each_entry_safe(child, tmp, &p->children, sibling) {
		struct pgroup *g = child->pgroup;

		child->parent = reaper;
		child->ppid = reaper->pid;
		list_move_tail(&child->sibling, &reaper->children);
		child->exit_signal = SIGCHLD;
		if (child->pdeath_signal)
			signal_send_process(child, child->pdeath_signal, NULL);
		if (child->zombie && tell_exit(child)) {
			process_unlink(child);
			list_add_tail(&child->sibling, dead);
		} else if (g != p->pgroup && g->session == p->pgroup->session) {
			hang_up_if_orphaned(g, NULL);
		}
	}
}

static void reap_list(struct list_head *dead)
{
	struct process *p, *tmp;

	list_for_each_entry_safe(p, tmp, dead, sibling) {
		list_del(&p->sibling);
		process_reap(p);
	}
}

/* => pid_lock held; whether p is to be reaped at once */
static bool become_zombie(struct process *p, struct list_head *dead)
{
	give_away_children(p, dead);
	hang_up_if_orphaned(p->pgroup, p);
	p->exit_code = p->group_exit ? p->group_exit_code : p->leader->exit_code;
	p->zombie = true;
	list_del(&p->sibling); /* to the front: who waits for any child finds it first */
	list_add(&p->sibling, &p->parent->children);
	waitq_wake_all(&p->exit_wait);
	if (!tell_exit(p))
		return false;
	process_unlink(p);
	return true;
}

static void drop_sighand(struct process *p)
{
	struct sighand *s;

	spin_lock(&p->sig_lock);
	s = p->sighand;
	p->sighand = NULL;
	signal_flush_queue(&p->pending);
	p->pending_set = 0;
	spin_unlock(&p->sig_lock);
	sighand_put(s);
}

static void process_end(struct process *p)
{
	LIST_HEAD(dead);
	bool reap;

	if (p == init_process)
		init_gone(p->group_exit ? p->group_exit_code : p->leader->exit_code);
	itimer_exit(p);
	if (p->sid == p->pid)
		tty_session_end(p);
	drop_sighand(p);
	spin_lock(&pid_lock);
	reap = become_zombie(p, &dead);
	spin_unlock(&pid_lock);
	reap_list(&dead);
	if (reap)
		process_reap(p);
}

void process_unlink(struct process *p)
{
	assert_spin_held(&pid_lock);
	assert(p->zombie && !p->reaped);
	p->reaped = true;
	tid_free(p->pid);
	list_del(&p->sibling);
	process_set_pgroup(p, NULL);
}

void process_reap(struct process *p)
{
	task_put(p->leader);
	process_put(p);
}

__noreturn void task_exit(int code)
{
	struct task *t = current;

	assert(t->process);
	t->exit_code = code;
	exit_mm(t);
	exit_files(t);
	if (leave_threads(t))
		process_end(t->process);
	WRITE_ONCE(t->state, TASK_DEAD);
	schedule();
	panic("a dead task runs");
}

__noreturn void process_exit(int code)
{
	struct process *p = current->process;

	spin_lock(&p->sig_lock);
	process_begin_exit(p, code);
	code = p->group_exit_code;
	spin_unlock(&p->sig_lock);
	task_exit(code);
}

long sys_exit(int status)
{
	task_exit((status & 0xff) << 8);
}

long sys_exit_group(int status)
{
	process_exit((status & 0xff) << 8);
}

long sys_set_tid_address(u32 __user *where)
{
	current->clear_tid = where;
	return current->tid;
}
