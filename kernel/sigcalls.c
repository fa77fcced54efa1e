/* System calls on signals. Permissions and orders of checks are Linux's; the machinery is in signal.c. */
#include "kernel/lib/string.h"
#include "kernel/pidfd.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/syscall.h"
#include "kernel/uapi/time.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

static bool sig_valid(int sig)
{
	return sig >= 1 && sig <= SIGRTMAX;
}

/* ---- Actions and masks ---- */

/* A signal that is ignored from now on is not pending any more. => sig_lock held */
static void forget_if_ignored(struct process *p, int sig, const struct sigaction *sa)
{
	if (sa->sa_handler == SIG_IGN || (sa->sa_handler == SIG_DFL && signal_default_ignores(sig)))
		signal_forget(p, SIG_BIT(sig));
}

static int set_action(int sig, const struct sigaction *new, struct sigaction *old)
{
	struct process *p = current->process;
	struct sigaction *sa = &p->sighand->action[sig - 1];

	if (new && (SIG_BIT(sig) & SIG_UNBLOCKABLE))
		return -EINVAL;
	spin_lock(&p->sig_lock);
	spin_lock(&p->sighand->lock);
	*old = *sa;
	if (new) {
		*sa = *new;
		sa->sa_mask &= ~SIG_UNBLOCKABLE;
	}
	spin_unlock(&p->sighand->lock);
	if (new)
		forget_if_ignored(p, sig, new);
	spin_unlock(&p->sig_lock);
	return 0;
}

long sys_rt_sigaction(int sig, const struct sigaction __user *user_new, struct sigaction __user *user_old, size_t size)
{
	struct sigaction new, old;
	int err;

	if (size != sizeof(sigset_t))
		return -EINVAL;
	if (user_new && copy_from_user(&new, user_new, sizeof(new)))
		return -EFAULT;
	if (!sig_valid(sig))
		return -EINVAL;
	err = set_action(sig, user_new ? &new : NULL, &old);
	if (!err && user_old && copy_to_user(user_old, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

long sys_rt_sigprocmask(int how, const u64 __user *user_new, u64 __user *user_old, size_t size)
{
	u64 old = current->blocked, set;

	if (size != sizeof(sigset_t))
		return -EINVAL;
	if (user_new) {
		if (get_user(set, user_new))
			return -EFAULT;
		if (how == SIG_BLOCK)
			set = old | set;
		else if (how == SIG_UNBLOCK)
			set = old & ~set;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_set_blocked(set);
	}
	return user_old ? put_user(old, user_old) : 0;
}

long sys_rt_sigpending(u64 __user *user, size_t size)
{
	struct task *t = current;
	u64 set;

	if (size > sizeof(sigset_t))
		return -EINVAL;
	spin_lock(&t->process->sig_lock);
	set = (t->pending_set | t->process->pending_set) & t->blocked;
	spin_unlock(&t->process->sig_lock);
	return copy_to_user(user, &set, size) ? -EFAULT : 0;
}

/* ---- Waiting ---- */

static long sleep_for_signal(void)
{
	for (;;) {
		WRITE_ONCE(current->state, TASK_INTERRUPTIBLE);
		smp_mb();
		if (signal_pending())
			break;
		schedule();
	}
	WRITE_ONCE(current->state, TASK_RUNNING);
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	return sleep_for_signal();
}


long sys_rt_sigsuspend(const u64 __user *user, size_t size)
{
	u64 set;

	if (size != sizeof(sigset_t))
		return -EINVAL;
	if (get_user(set, user))
		return -EFAULT;
	signal_call_mask(set);
	return sleep_for_signal();
}

/* One pending signal of the set; `awaited` is what wakes from now on. => 0 none */
static int take_of(u64 set, u64 awaited, siginfo_t *info)
{
	struct task *t = current;
	int sig;

	spin_lock(&t->process->sig_lock);
	sig = signal_dequeue(t, ~set, info);
	t->awaited = sig ? 0 : awaited;
	signal_recheck(t);
	spin_unlock(&t->process->sig_lock);
	return sig;
}

static int wait_for(u64 set, u64 deadline, siginfo_t *info)
{
	int sig = take_of(set, deadline ? set : 0, info);

	if (sig || !deadline)
		return sig ? sig : -EAGAIN;
	for (;;) {
		WRITE_ONCE(current->state, TASK_INTERRUPTIBLE);
		smp_mb();
		if (signal_pending() || !schedule_timeout(deadline))
			break;
	}
	WRITE_ONCE(current->state, TASK_RUNNING);
	sig = take_of(set, 0, info);
	if (sig)
		return sig;
	return signal_pending() ? -EINTR : -EAGAIN;
}

long sys_rt_sigtimedwait(const u64 __user *user_set, siginfo_t __user *user_info,
			 const struct timespec __user *user_timeout, size_t size)
{
	u64 set, deadline = ~0UL;
	struct timespec ts;
	siginfo_t info;
	int sig;

	if (size != sizeof(sigset_t))
		return -EINVAL;
	if (get_user(set, user_set))
		return -EFAULT;
	if (user_timeout) {
		if (copy_from_user(&ts, user_timeout, sizeof(ts)))
			return -EFAULT;
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = ts.tv_sec || ts.tv_nsec ? deadline_after(&ts) : 0;
	}
	sig = wait_for(set & ~SIG_UNBLOCKABLE, deadline, &info);
	if (sig > 0 && user_info && copy_to_user(user_info, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* ---- Sending ---- */

static bool may_signal(const struct process *p, int sig)
{
	const struct process *me = current->process;

	if (me->euid == p->suid || me->euid == p->uid || me->uid == p->suid || me->uid == p->uid || capable(CAP_KILL))
		return true;
	return sig == SIGCONT && p->sid == me->sid;
}

static siginfo_t info_from_me(int sig, int code)
{
	siginfo_t info = { .si_signo = sig, .si_code = code };

	info.si_pid = current->process->pid;
	info.si_uid = current->process->uid;
	return info;
}

/* Check and send; signal 0 only checks. => pid_lock held */
static int signal_checked(struct process *p, int sig, const siginfo_t *info)
{
	if (!may_signal(p, sig))
		return -EPERM;
	return sig ? signal_send_process(p, sig, info) : 0;
}

static int kill_group(struct pgroup *g, int sig, const siginfo_t *info)
{
	struct process *p;
	int ret = -ESRCH;
	bool sent = false;

	list_for_each_entry(p, &g->members, pgroup_node) {
		int err = signal_checked(p, sig, info);

		sent |= err == 0;
		ret = err;
	}
	return sent ? 0 : ret;
}

/* Everybody but pid 1 and the caller. */
static int kill_all(int sig, const siginfo_t *info)
{
	struct process *p;
	int ret = 0, count = 0;

	for (int pid = 2; (p = process_next_locked(pid)); pid = p->pid + 1) {
		int err;

		if (p == current->process)
			continue;
		err = signal_checked(p, sig, info);
		count++;
		if (err != -EPERM)
			ret = err;
	}
	return count ? ret : -ESRCH;
}

/* => pid_lock held */
static int kill_one(int pid, int sig, const siginfo_t *info)
{
	struct process *p = process_find_locked(pid);

	return p ? signal_checked(p, sig, info) : -ESRCH;
}

static int kill_some(int pid, int sig, const siginfo_t *info)
{
	struct pgroup *g;

	if (pid > 0)
		return kill_one(pid, sig, info);
	if (pid == -1)
		return kill_all(sig, info);
	if (pid == INT32_MIN)
		return -ESRCH;
	g = pid ? pgroup_find(-pid) : current->process->pgroup;
	return g ? kill_group(g, sig, info) : -ESRCH;
}

long sys_kill(int pid, int sig)
{
	siginfo_t info = info_from_me(sig, SI_USER);
	int err;

	if (sig && !sig_valid(sig))
		return -EINVAL;
	spin_lock(&pid_lock);
	err = kill_some(pid, sig, &info);
	spin_unlock(&pid_lock);
	return err;
}

/* To one thread; tgid 0: of any process. */
static int kill_thread(int tgid, int tid, int sig, const siginfo_t *info)
{
	struct task *t;
	int err = -ESRCH;

	spin_lock(&pid_lock);
	t = task_find(tid);
	if (t && !t->exited && (!tgid || t->process->pid == tgid)) {
		err = may_signal(t->process, sig) ? 0 : -EPERM;
		if (!err && sig)
			err = signal_send_task(t, sig, info);
	}
	spin_unlock(&pid_lock);
	return err;
}

long sys_tgkill(int tgid, int tid, int sig)
{
	siginfo_t info = info_from_me(sig, SI_TKILL);

	if (tgid <= 0 || tid <= 0 || (sig && !sig_valid(sig)))
		return -EINVAL;
	return kill_thread(tgid, tid, sig, &info);
}

long sys_tkill(int tid, int sig)
{
	siginfo_t info = info_from_me(sig, SI_TKILL);

	if (tid <= 0 || (sig && !sig_valid(sig)))
		return -EINVAL;
	return kill_thread(0, tid, sig, &info);
}

/* A siginfo of the user's own making: it may not pretend to be the kernel's or kill()'s, except to itself. */
static int user_info(siginfo_t *info, int sig, int pid, const siginfo_t __user *user)
{
	if (copy_from_user(info, user, sizeof(*info)))
		return -EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && pid != current->process->pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(int pid, int sig, const siginfo_t __user *user)
{
	siginfo_t info;
	int err = user_info(&info, sig, pid, user);

	if (err)
		return err;
	if (sig && !sig_valid(sig))
		return -EINVAL;
	spin_lock(&pid_lock);
	err = kill_one(pid, sig, &info);
	spin_unlock(&pid_lock);
	return err;
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, const siginfo_t __user *user)
{
	siginfo_t info;
	int err;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	err = user_info(&info, sig, tgid, user);
	if (err)
		return err;
	if (sig && !sig_valid(sig))
		return -EINVAL;
	return kill_thread(tgid, tid, sig, &info);
}

long sys_pidfd_send_signal(int fd, int sig, const siginfo_t __user *user, unsigned int flags)
{
	siginfo_t info = info_from_me(sig, SI_USER);
	struct process *p;
	int err = 0;

	if (flags)
		return -EINVAL;
	p = pidfd_process(fd);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (!p)
		return -ESRCH;
	if (user) {
		err = user_info(&info, sig, p->pid, user);
		if (!err && info.si_signo != sig)
			err = -EINVAL;
	}
	if (!err && sig && !sig_valid(sig))
		err = -EINVAL;
	if (!err) {
		spin_lock(&pid_lock);
		err = p->reaped ? -ESRCH : signal_checked(p, sig, &info);
		spin_unlock(&pid_lock);
	}
	process_put(p);
	return err;
}

long sys_restart_syscall(void)
{
	return current->restart_fn ? current->restart_fn(current) : -EINTR;
}
