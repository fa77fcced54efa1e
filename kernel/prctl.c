/* prctl(2), arch_prctl(2), personality(2): what a process says about itself. An option that is not there is EINVAL, as in
 * a Linux that was built without it. */
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/prctl.h"
#include "mm/mm.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/uaccess.h>

#define PR_GET_KEEPCAPS 7
#define PR_SET_KEEPCAPS 8
#define PR_GET_TIMING 13
#define PR_GET_TSC 25
#define PR_TSC_ENABLE 1
#define PR_GET_TID_ADDRESS 40
#define TIMER_SLACK_DEFAULT 50000

static long set_name(const char __user *user)
{
	char name[TASK_COMM_LEN];
	long n = strncpy_from_user(name, user, sizeof(name) - 1);

	if (n < 0)
		return n;
	name[n] = '\0';
	spin_lock(&pid_lock); /* /proc/<pid>/comm reads it */
	strlcpy(current->comm, name, sizeof(current->comm));
	spin_unlock(&pid_lock);
	return 0;
}

static long get_name(char __user *user)
{
	char name[TASK_COMM_LEN] = "";

	strlcpy(name, current->comm, sizeof(name));
	return copy_to_user(user, name, sizeof(name)) ? -EFAULT : 0;
}

static long set_flag(bool *flag, unsigned long value)
{
	if (value > 1)
		return -EINVAL;
	*flag = value;
	return 0;
}

static long put_int(int value, unsigned long user)
{
	return put_user(value, (int __user *)user);
}

long sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct process *p = current->process;

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (a > SIGRTMAX)
			return -EINVAL;
		p->pdeath_signal = (int)a;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_int(p->pdeath_signal, a);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_DUMPABLE:
		return set_flag(&p->dumpable, a);
	case PR_GET_KEEPCAPS:
		return p->keep_caps;
	case PR_SET_KEEPCAPS:
		return set_flag(&p->keep_caps, a);
	case PR_GET_TIMING: /* PR_TIMING_STATISTICAL */
	case PR_GET_SECCOMP:
		return 0;
	case PR_GET_TSC:
		return put_int(PR_TSC_ENABLE, a);
	case PR_SET_NAME:
		return set_name((const char __user *)a);
	case PR_GET_NAME:
		return get_name((char __user *)a);
	case PR_CAPBSET_READ:
		return a <= CAP_LAST_CAP ? 1 : -EINVAL;
	case PR_SET_TIMERSLACK:
		p->timer_slack = a ? (u32)a : TIMER_SLACK_DEFAULT;
		return 0;
	case PR_GET_TIMERSLACK:
		return p->timer_slack;
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = a;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_int(p->child_subreaper, a);
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b || c || d)
			return -EINVAL;
		p->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a || b || c || d ? -EINVAL : p->no_new_privs;
	case PR_GET_THP_DISABLE:
		return a || b || c || d ? -EINVAL : 0;
	case PR_GET_TID_ADDRESS:
		return put_user((unsigned long)current->clear_tid, (unsigned long __user *)a);
	default:
		return -EINVAL;
	}
}

long sys_arch_prctl(int option, unsigned long addr)
{
	unsigned long base;

	switch (option) {
	case ARCH_SET_FS:
		if (addr >= TASK_SIZE)
			return -EPERM;
		arch_set_fs_base(addr);
		return 0;
	case ARCH_SET_GS:
		if (addr >= TASK_SIZE)
			return -EPERM;
		arch_set_gs_base(addr);
		return 0;
	case ARCH_GET_FS:
		base = arch_get_fs_base();
		return put_user(base, (unsigned long __user *)addr);
	case ARCH_GET_GS:
		base = arch_get_gs_base();
		return put_user(base, (unsigned long __user *)addr);
	default:
		return -EINVAL;
	}
}

long sys_personality(unsigned int persona)
{
	struct process *p = current->process;
	u32 old = p->personality;

	if (persona != 0xffffffff)
		p->personality = persona;
	return old;
}

/* Restartable sequences are not there. glibc asks at every start and does without: not worth a line in the log. */
long sys_rseq(void __user *area, u32 len, int flags, u32 signature)
{
	(void)area, (void)len, (void)flags, (void)signature;
	return -ENOSYS;
}
