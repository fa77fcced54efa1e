/* Resource limits. Who reads one under no lock sees the old or the new number. */
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

#define NOFILE_MAX (1024UL * 1024) /* fs.nr_open */

u64 rlimit_cur(unsigned int which)
{
	struct process *p = current->process;

	return p ? READ_ONCE(p->rlim[which].cur) : RLIM_INFINITY;
}

/* new, old: may be NULL */
static int change_limit(struct process *p, unsigned int which, const struct rlimit *new, struct rlimit *old)
{
	struct rlimit64 *r;
	int err = 0;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (new && new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (new && which == RLIMIT_NOFILE && new->rlim_max > NOFILE_MAX)
		return -EPERM;
	r = &p->rlim[which];
	spin_lock(&p->sig_lock);
	if (old)
		*old = (struct rlimit){ r->cur, r->max };
	if (new && new->rlim_max > r->max && !capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	else if (new)
		*r = (struct rlimit64){ new->rlim_cur, new->rlim_max };
	spin_unlock(&p->sig_lock);
	return err;
}

long sys_getrlimit(unsigned int which, struct rlimit __user *user)
{
	struct rlimit r;
	int err = change_limit(current->process, which, NULL, &r);

	return err ? err : copy_to_user(user, &r, sizeof(r)) ? -EFAULT : 0;
}

long sys_setrlimit(unsigned int which, const struct rlimit __user *user)
{
	struct rlimit r;

	if (copy_from_user(&r, user, sizeof(r)))
		return -EFAULT;
	return change_limit(current->process, which, &r, NULL);
}

static bool may_change(const struct process *p)
{
	const struct process *me = current->process;

	if (p == me || capable(CAP_SYS_RESOURCE))
		return true;
	return me->uid == p->euid && me->uid == p->suid && me->uid == p->uid && me->gid == p->egid &&
	       me->gid == p->sgid && me->gid == p->gid;
}

long sys_prlimit64(int pid, unsigned int which, const struct rlimit __user *user_new, struct rlimit __user *user_old)
{
	struct rlimit new, old;
	struct process *p;
	int err;

	if (user_new && copy_from_user(&new, user_new, sizeof(new)))
		return -EFAULT;
	p = process_find(pid ? pid : current->process->pid);
	if (!p)
		return -ESRCH;
	err = may_change(p) ? change_limit(p, which, user_new ? &new : NULL, &old) : -EPERM;
	process_put(p);
	if (!err && user_old && copy_to_user(user_old, &old, sizeof(old)))
		return -EFAULT;
	return err;
}
