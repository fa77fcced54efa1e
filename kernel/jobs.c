/* Process groups and sessions: who belongs together on a terminal. Rules and errors are POSIX's, in Linux's order. */
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include <arch/cpu.h>

/* The caller, or a child of its that has not called execve() yet. => pid_lock held */
static int setpgid_allowed(const struct process *p, const struct process *me)
{
	if (p != me) {
		if (p->parent != me)
			return -ESRCH;
		if (p->sid != me->sid)
			return -EPERM;
		if (p->execed)
			return -EACCES;
	}
	return p->sid == p->pid ? -EPERM : 0; /* a session's leader stays */
}

/* The group pgid, made if p founds it. => ERR_PTR */
static struct pgroup *target_group(const struct process *p, int pgid)
{
	struct pgroup *g = pgroup_find(pgid);

	if (g)
		return g->session == p->pgroup->session ? g : ERR_PTR(-EPERM);
	if (pgid != p->pid)
		return ERR_PTR(-EPERM);
	g = pgroup_create(pgid, p->pgroup->session);
	return g ? g : ERR_PTR(-ENOMEM);
}

static int do_setpgid(int pid, int pgid)
{
	struct process *me = current->process, *p = process_find_locked(pid);
	struct pgroup *g;
	int err;

	if (!p)
		return -ESRCH;
	err = setpgid_allowed(p, me);
	if (err)
		return err;
	g = target_group(p, pgid);
	if (IS_ERR(g))
		return (int)PTR_ERR(g);
	if (g != p->pgroup)
		process_set_pgroup(p, g);
	return 0;
}

long sys_setpgid(int pid, int pgid)
{
	int err;

	if (!pid)
		pid = current->process->pid;
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	spin_lock(&pid_lock);
	err = do_setpgid(pid, pgid);
	spin_unlock(&pid_lock);
	return err;
}

/* A number of some process, 0 being the caller. */
static long ask(int pid, bool session)
{
	struct process *p;
	long ret = -ESRCH;

	spin_lock(&pid_lock);
	p = pid ? process_find_locked(pid) : current->process;
	if (p)
		ret = session ? p->sid : p->pgid;
	spin_unlock(&pid_lock);
	return ret;
}

long sys_getpgid(int pid)
{
	return ask(pid, false);
}

long sys_getpgrp(void)
{
	return ask(0, false);
}

long sys_getsid(int pid)
{
	return ask(pid, true);
}

long sys_setsid(void)
{
	struct process *me = current->process;
	struct pgroup *g;
	long ret = -EPERM;

	spin_lock(&pid_lock);
	if (!pgroup_find(me->pid)) { /* it leads no group, and nobody is left in one it once led */
		g = pgroup_create(me->pid, NULL);
		ret = g ? me->pid : -ENOMEM;
		if (g) {
			process_set_pgroup(me, g);
			me->ctty = NULL;
		}
	}
	spin_unlock(&pid_lock);
	return ret;
}
