/*
 * System calls on scheduling. SCHED_BATCH and SCHED_IDLE are told back as they were set, and run as SCHED_OTHER.
 */
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/sched.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

#define NICE_MIN (-20)
#define NICE_MAX 19
#define RT_PRIORITY_MAX 99
#define SLICE_NS 10000000L /* sched.c, nice 0 */

long sys_sched_yield(void)
{
	schedule();
	return 0;
}

/* The task with this number, 0 the caller. => pid_lock held */
static struct task *find(int tid)
{
	struct task *t = tid ? task_find(tid) : current;

	return t && !t->exited ? t : NULL;
}

static bool may_schedule(const struct process *p)
{
	const struct process *me = current->process;

	return me->euid == p->uid || me->euid == p->euid || capable(CAP_SYS_NICE);
}

/* ---- Affinity ---- */

static u64 all_cpus(void)
{
	return ~0UL >> (64 - cpu_count());
}

long sys_sched_setaffinity(int tid, unsigned int len, const unsigned long __user *user)
{
	u64 mask = 0;
	struct task *t;
	int err = 0;

	if (copy_from_user(&mask, user, min(len, (unsigned int)sizeof(mask))))
		return -EFAULT;
	mask &= all_cpus();
	spin_lock(&pid_lock);
	t = find(tid);
	if (!t)
		err = -ESRCH;
	else if (!may_schedule(t->process))
		err = -EPERM;
	else if (!mask)
		err = -EINVAL;
	else
		sched_set_affinity(t, mask);
	spin_unlock(&pid_lock);
	if (!err && !(mask & BIT(cpu_id())) && t == current)
		schedule();
	return err;
}

long sys_sched_getaffinity(int tid, unsigned int len, unsigned long __user *user)
{
	struct task *t;
	u64 mask = 0;

	if (len % sizeof(unsigned long) || len * 8 < cpu_count())
		return -EINVAL;
	spin_lock(&pid_lock);
	t = find(tid);
	if (t)
		mask = t->affinity & all_cpus();
	spin_unlock(&pid_lock);
	if (!t)
		return -ESRCH;
	return copy_to_user(user, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

long sys_getcpu(u32 __user *cpu, u32 __user *node, void __user *unused)
{
	(void)unused;
	if (cpu && put_user((u32)cpu_id(), cpu))
		return -EFAULT;
	return node && put_user(0U, node) ? -EFAULT : 0;
}

/* ---- Policies ---- */

static bool policy_known(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_BATCH ||
	       policy == SCHED_IDLE;
}

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* => pid_lock held */
static int set_policy(struct task *t, int policy, int priority)
{
	if (policy < 0)
		policy = t->policy;
	if (!policy_known(policy) || priority < 0 || priority > RT_PRIORITY_MAX || (priority != 0) != is_realtime(policy))
		return -EINVAL;
	if (!may_schedule(t->process))
		return -EPERM;
	if (is_realtime(policy) && !capable(CAP_SYS_NICE) &&
	    (u64)priority > max(t->process->rlim[RLIMIT_RTPRIO].cur, (u64)t->rt_priority))
		return -EPERM;
	sched_set_policy(t, policy, priority);
	return 0;
}

/* policy -1: as it is */
static long change_policy(int tid, int policy, const struct sched_param __user *user)
{
	struct sched_param param;
	struct task *t;
	int err;

	if (!user || tid < 0)
		return -EINVAL;
	if (copy_from_user(&param, user, sizeof(param)))
		return -EFAULT;
	spin_lock(&pid_lock);
	t = find(tid);
	err = t ? set_policy(t, policy, param.sched_priority) : -ESRCH;
	spin_unlock(&pid_lock);
	sched_yield_point();
	return err;
}

long sys_sched_setscheduler(int tid, int policy, const struct sched_param __user *user)
{
	return policy < 0 ? -EINVAL : change_policy(tid, policy, user);
}

long sys_sched_setparam(int tid, const struct sched_param __user *user)
{
	return change_policy(tid, -1, user);
}

/* What a task has. => 0 or -errno */
static int get_policy(int tid, int *policy, int *priority)
{
	struct task *t;

	if (tid < 0)
		return -EINVAL;
	spin_lock(&pid_lock);
	t = find(tid);
	if (t) {
		*policy = t->policy;
		*priority = t->rt_priority;
	}
	spin_unlock(&pid_lock);
	return t ? 0 : -ESRCH;
}

long sys_sched_getscheduler(int tid)
{
	int policy, priority, err = get_policy(tid, &policy, &priority);

	return err ? err : policy;
}

long sys_sched_getparam(int tid, struct sched_param __user *user)
{
	struct sched_param param;
	int policy, err = user ? get_policy(tid, &policy, &param.sched_priority) : -EINVAL;

	return err ? err : copy_to_user(user, &param, sizeof(param)) ? -EFAULT : 0;
}

long sys_sched_get_priority_max(int policy)
{
	return !policy_known(policy) ? -EINVAL : is_realtime(policy) ? RT_PRIORITY_MAX : 0;
}

long sys_sched_get_priority_min(int policy)
{
	return !policy_known(policy) ? -EINVAL : is_realtime(policy) ? 1 : 0;
}

long sys_sched_rr_get_interval(int tid, struct timespec __user *user)
{
	int policy = 0, priority, err = get_policy(tid, &policy, &priority);
	struct timespec slice = { 0, policy == SCHED_FIFO ? 0 : SLICE_NS };

	return err ? err : copy_to_user(user, &slice, sizeof(slice)) ? -EFAULT : 0;
}

/* ---- Nice ---- */

/* One process that `which` and `who` name, the first at or after pid n. => pid_lock held */
static struct process *named(int which, int who, int n)
{
	const struct process *me = current->process;
	struct process *p;

	for (; (p = process_next_locked(n)); n = p->pid + 1) {
		if (which == PRIO_PROCESS && p->pid == (who ? who : me->pid))
			return p;
		if (which == PRIO_PGRP && p->pgid == (who ? who : me->pgid))
			return p;
		if (which == PRIO_USER && p->uid == (who ? (u32)who : me->uid))
			return p;
	}
	return NULL;
}

long sys_getpriority(int which, int who)
{
	struct process *p;
	long best = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	spin_lock(&pid_lock);
	if (which == PRIO_PROCESS) {
		struct task *t = find(who);

		if (t)
			best = 20 - t->nice;
	} else {
		for (int n = 1; (p = named(which, who, n)); n = p->pid + 1)
			best = max(best, 20L - p->leader->nice);
	}
	spin_unlock(&pid_lock);
	return best;
}

/* => pid_lock held */
static int set_nice(struct task *t, int nice)
{
	const struct process *p = t->process, *me = current->process;

	if (me->euid != p->uid && me->euid != p->euid && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (nice < t->nice && 20 - nice > (int)min(p->rlim[RLIMIT_NICE].cur, 40UL) && !capable(CAP_SYS_NICE))
		return -EACCES;
	t->nice = nice;
	return 0;
}

long sys_setpriority(int which, int who, int nice)
{
	struct process *p;
	int err = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = max(min(nice, NICE_MAX), NICE_MIN);
	spin_lock(&pid_lock);
	if (which == PRIO_PROCESS) {
		struct task *t = find(who);

		err = t ? set_nice(t, nice) : -ESRCH;
	} else {
		for (int n = 1; (p = named(which, who, n)); n = p->pid + 1) {
			struct task *t;
			int one = 0;

			list_for_each_entry(t, &p->threads, thread_node)
				one = set_nice(t, nice);
			err = one ? one : err == -ESRCH ? 0 : err;
		}
	}
	spin_unlock(&pid_lock);
	return err;
}
