/*
 * Waiting for children: wait4(2) and waitid(2) are two ways to say the same.
 *
 * A look goes through the caller's children, under pid_lock, for one that the request names and that has something to
 * tell: it is a zombie, has stopped, has been continued. Zombies stand in front (exit.c). Without WNOWAIT what has been
 * told is taken: a zombie is unlinked under the lock, so that only one waiter gets it, and freed after it.
 *
 * Linux differs: children belong to threads, which __WNOTHREAD asks for.
 */
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/syscall.h"
#include "kernel/uapi/wait.h"
#include "mm/mm.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

struct wait_request {
	enum { WAIT_ANY, WAIT_PID, WAIT_GROUP, WAIT_PROCESS } which;
	int id;			 /* WAIT_PID, WAIT_GROUP */
	struct process *process; /* WAIT_PROCESS: compared only */
	unsigned int options;
	/* the answer */
	int pid; /* 0: none */
	int status; /* wait status form */
	siginfo_t info;
	struct rusage usage;
};

static bool names(const struct wait_request *req, const struct process *p)
{
	if (req->which == WAIT_PID && p->pid != req->id)
		return false;
	if (req->which == WAIT_GROUP && p->pgid != req->id)
		return false;
	if (req->which == WAIT_PROCESS && p != req->process)
		return false;
	/* "Clone" children are those that do not end with SIGCHLD. */
	if (req->options & __WALL)
		return true;
	return (p->exit_signal != SIGCHLD) == !!(req->options & __WCLONE);
}

static void answer(struct wait_request *req, struct process *p, int why, int status, int detail)
{
	req->pid = p->pid;
	req->status = status;
	req->info = (siginfo_t){ .si_signo = SIGCHLD, .si_code = why };
	req->info._sifields._sigchld._pid = p->pid;
	req->info._sifields._sigchld._uid = p->uid;
	req->info._sifields._sigchld._status = detail;
	process_rusage(p, &req->usage, true, false);
}

/* Its sums go to the parent. => pid_lock held */
static void inherit_sums(struct process *parent, struct process *p)
{
	struct process_usage u;

	process_usage(p, &u);
	spin_lock(&parent->sig_lock);
	parent->cutime += u.utime + p->cutime;
	parent->cstime += u.stime + p->cstime;
	parent->cmin_flt += u.min_flt + p->cmin_flt;
	parent->cmaj_flt += u.maj_flt + p->cmaj_flt;
	parent->cnvcsw += u.nvcsw + p->cnvcsw;
	parent->cnivcsw += u.nivcsw + p->cnivcsw;
	parent->cmaxrss = max(parent->cmaxrss, max(p->maxrss, p->cmaxrss));
	spin_unlock(&parent->sig_lock);
}

/* => pid_lock held; the zombie that is the caller's to reap, NULL none */
static struct process *take_zombie(struct wait_request *req, struct process *p)
{
	if (WIFEXITED(p->exit_code))
		answer(req, p, CLD_EXITED, p->exit_code, WEXITSTATUS(p->exit_code));
	else
		answer(req, p, CLD_KILLED, p->exit_code, WTERMSIG(p->exit_code));
	if (req->options & WNOWAIT)
		return NULL;
	inherit_sums(current->process, p);
	process_unlink(p);
	return p;
}

/* => pid_lock held; whether p has stopped or been continued and the request asks for that */
static bool take_change(struct wait_request *req, struct process *p)
{
	bool keep = req->options & WNOWAIT;
	int why = 0, code = 0;

	spin_lock(&p->sig_lock);
	if (p->reported_stop && (req->options & WUNTRACED)) {
		why = CLD_STOPPED;
		code = p->stop_code;
		p->reported_stop = keep;
	} else if (p->reported_cont && (req->options & WCONTINUED)) {
		why = CLD_CONTINUED;
		p->reported_cont = keep;
	}
	spin_unlock(&p->sig_lock);
	if (why == CLD_STOPPED)
		answer(req, p, why, code << 8 | 0x7f, code);
	else if (why)
		answer(req, p, why, 0xffff, SIGCONT);
	return why;
}

/* Look once. => pid_lock held; 0 and req->pid set or not, or -ECHILD; *dead: to be reaped */
static int look(struct wait_request *req, struct process **dead)
{
	struct process *p;
	int ret = -ECHILD;

	list_for_each_entry(p, &current->process->children, sibling) {
		if (!names(req, p))
			continue;
		ret = 0;
		if (p->zombie && (req->options & WEXITED)) {
			*dead = take_zombie(req, p);
			break;
		}
		if (!p->zombie && take_change(req, p))
			break;
	}
	return ret;
}

static int look_and_reap(struct wait_request *req)
{
	struct process *dead = NULL;
	int err;

	spin_lock(&pid_lock);
	err = look(req, &dead);
	spin_unlock(&pid_lock);
	if (dead)
		process_reap(dead);
	return err;
}

/* => 0 with req->pid set, or not set under WNOHANG; -ECHILD; -ERESTARTSYS */
static int do_wait(struct wait_request *req)
{
	struct waitq *wq = &current->process->wait_children;
	struct waiter w = {};
	int err = look_and_reap(req);

	if (err || req->pid || (req->options & WNOHANG))
		return err;
	for (;;) {
		struct process *dead = NULL;

		waitq_prepare(wq, &w, true);
		spin_lock(&pid_lock);
		err = look(req, &dead);
		spin_unlock(&pid_lock);
		if (!err && !req->pid && !signal_pending()) {
			schedule();
			continue;
		}
		waitq_finish(wq, &w);
		if (dead)
			process_reap(dead);
		return !err && !req->pid ? -ERESTARTSYS : err;
	}
}

long sys_wait4(int pid, int __user *user_status, int options, struct rusage __user *user_usage)
{
	const int known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL;
	struct wait_request req = { .which = WAIT_ANY };
	int err;

	if (options & ~known)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid > 0)
		req.which = WAIT_PID;
	else if (pid != -1)
		req.which = WAIT_GROUP;
	req.id = pid > 0 ? pid : pid ? -pid : current->process->pgid;
	req.options = (unsigned int)options | WEXITED;
	err = do_wait(&req);
	if (err)
		return err;
	if (req.pid && user_status && put_user(req.status, user_status))
		return -EFAULT;
	if (req.pid && user_usage && copy_to_user(user_usage, &req.usage, sizeof(req.usage)))
		return -EFAULT;
	return req.pid;
}

/* Whom waitid() means. *p: to be put afterwards */
static int waitid_target(struct wait_request *req, int type, int id, struct process **p)
{
	switch (type) {
	case P_ALL:
		req->which = WAIT_ANY;
		return 0;
	case P_PID:
		req->which = WAIT_PID;
		req->id = id;
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		req->which = WAIT_GROUP;
		req->id = id ? id : current->process->pgid;
		return id >= 0 ? 0 : -EINVAL;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		req->which = WAIT_PROCESS;
		*p = pidfd_process(id);
		if (!*p)
			return -ECHILD;
		if (IS_ERR(*p)) {
			int err = (int)PTR_ERR(*p);

			*p = NULL;
			return err;
		}
		req->process = *p;
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_waitid(int type, int id, siginfo_t __user *user_info, int options, struct rusage __user *user_usage)
{
	const int known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL;
	struct wait_request req = { .options = (unsigned int)options };
	struct process *p = NULL;
	int err;

	if (options & ~known)
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	err = waitid_target(&req, type, id, &p);
	if (!err)
		err = do_wait(&req);
	if (p)
		process_put(p);
	if (err)
		return err;
	if (req.pid && user_usage && copy_to_user(user_usage, &req.usage, sizeof(req.usage)))
		return -EFAULT;
	if (user_info && copy_to_user(user_info, &req.info, sizeof(req.info)))
		return -EFAULT;
	return 0;
}
