/*
 * Who a process is: numbers, users, groups, capabilities.
 *
 * Credentials belong to the process; they change under sig_lock and are read without a lock: each is one word. Whoever
 * becomes uid 0 has all capabilities, whoever stops being it has none (unless PR_SET_KEEPCAPS).
 *
 * Linux differs: credentials per thread, in reference-counted objects; libc makes all threads change together.
 */
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "mm/slab.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

#define KEEP ((u32)-1) /* "leave this one as it is" */
#define NGROUPS_MAX 65536

long sys_getpid(void)
{
	return current->process->pid;
}

long sys_gettid(void)
{
	return current->tid;
}

long sys_getppid(void)
{
	return READ_ONCE(current->process->ppid);
}

long sys_getuid(void)
{
	return current->process->uid;
}

long sys_geteuid(void)
{
	return current->process->euid;
}

long sys_getgid(void)
{
	return current->process->gid;
}

long sys_getegid(void)
{
	return current->process->egid;
}

/* ---- Users ---- */

/* After a change of users: capabilities follow uid 0; a file system sees the effective one. => sig_lock held */
static void follow_users(struct process *p, bool had_root)
{
	bool has_root = p->uid == 0 || p->euid == 0 || p->suid == 0;

	p->fsuid = p->euid;
	if (had_root && !has_root && !p->keep_caps)
		p->caps_permitted = p->caps_effective = 0;
	if (p->euid == 0)
		p->caps_permitted = p->caps_effective = CAP_ALL;
	else if (had_root)
		p->caps_effective = 0;
}

static long set_users(u32 ruid, u32 euid, u32 suid)
{
	struct process *p = current->process;
	bool had_root = p->uid == 0 || p->euid == 0 || p->suid == 0;

	spin_lock(&p->sig_lock);
	if (ruid != KEEP)
		p->uid = ruid;
	if (euid != KEEP)
		p->euid = euid;
	if (suid != KEEP)
		p->suid = suid;
	follow_users(p, had_root);
	spin_unlock(&p->sig_lock);
	return 0;
}

static bool is_my_uid(u32 uid)
{
	const struct process *p = current->process;

	return uid == KEEP || uid == p->uid || uid == p->euid || uid == p->suid;
}

long sys_setuid(u32 uid)
{
	const struct process *p = current->process;

	if (uid == KEEP)
		return -EINVAL;
	if (capable(CAP_SETUID))
		return set_users(uid, uid, uid);
	if (uid != p->uid && uid != p->suid)
		return -EPERM;
	return set_users(KEEP, uid, KEEP);
}

long sys_setreuid(u32 ruid, u32 euid)
{
	const struct process *p = current->process;
	bool allowed = capable(CAP_SETUID);

	if (!allowed && ruid != KEEP && ruid != p->uid && ruid != p->euid)
		return -EPERM;
	if (!allowed && !is_my_uid(euid))
		return -EPERM;
	if (ruid != KEEP || (euid != KEEP && euid != p->uid))
		return set_users(ruid, euid, euid != KEEP ? euid : p->euid);
	return set_users(ruid, euid, KEEP);
}

long sys_setresuid(u32 ruid, u32 euid, u32 suid)
{
	if (!capable(CAP_SETUID) && !(is_my_uid(ruid) && is_my_uid(euid) && is_my_uid(suid)))
		return -EPERM;
	return set_users(ruid, euid, suid);
}

static long put_three(u32 a, u32 b, u32 c, u32 __user *pa, u32 __user *pb, u32 __user *pc)
{
	if (put_user(a, pa) || put_user(b, pb) || put_user(c, pc))
		return -EFAULT;
	return 0;
}

long sys_getresuid(u32 __user *ruid, u32 __user *euid, u32 __user *suid)
{
	const struct process *p = current->process;

	return put_three(p->uid, p->euid, p->suid, ruid, euid, suid);
}

long sys_setfsuid(u32 uid)
{
	struct process *p = current->process;
	u32 old = p->fsuid;

	if (uid != KEEP && (is_my_uid(uid) || uid == old || capable(CAP_SETUID)))
		p->fsuid = uid;
	return old;
}

/* ---- Groups ---- */

static long set_group_ids(u32 rgid, u32 egid, u32 sgid)
{
	struct process *p = current->process;

	spin_lock(&p->sig_lock);
	if (rgid != KEEP)
		p->gid = rgid;
	if (egid != KEEP)
		p->egid = egid;
	if (sgid != KEEP)
		p->sgid = sgid;
	p->fsgid = p->egid;
	spin_unlock(&p->sig_lock);
	return 0;
}

static bool is_my_gid(u32 gid)
{
	const struct process *p = current->process;

	return gid == KEEP || gid == p->gid || gid == p->egid || gid == p->sgid;
}

long sys_setgid(u32 gid)
{
	const struct process *p = current->process;

	if (gid == KEEP)
		return -EINVAL;
	if (capable(CAP_SETGID))
		return set_group_ids(gid, gid, gid);
	if (gid != p->gid && gid != p->sgid)
		return -EPERM;
	return set_group_ids(KEEP, gid, KEEP);
}

long sys_setregid(u32 rgid, u32 egid)
{
	const struct process *p = current->process;
	bool allowed = capable(CAP_SETGID);

	if (!allowed && rgid != KEEP && rgid != p->gid && rgid != p->egid)
		return -EPERM;
	if (!allowed && !is_my_gid(egid))
		return -EPERM;
	if (rgid != KEEP || (egid != KEEP && egid != p->gid))
		return set_group_ids(rgid, egid, egid != KEEP ? egid : p->egid);
	return set_group_ids(rgid, egid, KEEP);
}

long sys_setresgid(u32 rgid, u32 egid, u32 sgid)
{
	if (!capable(CAP_SETGID) && !(is_my_gid(rgid) && is_my_gid(egid) && is_my_gid(sgid)))
		return -EPERM;
	return set_group_ids(rgid, egid, sgid);
}

long sys_getresgid(u32 __user *rgid, u32 __user *egid, u32 __user *sgid)
{
	const struct process *p = current->process;

	return put_three(p->gid, p->egid, p->sgid, rgid, egid, sgid);
}

long sys_setfsgid(u32 gid)
{
	struct process *p = current->process;
	u32 old = p->fsgid;

	if (gid != KEEP && (is_my_gid(gid) || gid == old || capable(CAP_SETGID)))
		p->fsgid = gid;
	return old;
}

static struct groups *my_groups(void)
{
	struct process *p = current->process;
	struct groups *g;

	spin_lock(&p->sig_lock);
	g = groups_get(p->groups);
	spin_unlock(&p->sig_lock);
	return g;
}

long sys_getgroups(int n, u32 __user *list)
{
	struct groups *g = my_groups();
	long ret = g ? (long)g->nr : 0;

	if (n < 0 || (n && n < ret))
		ret = -EINVAL;
	else if (n && ret && copy_to_user(list, g->gid, (size_t)ret * sizeof(u32)))
		ret = -EFAULT;
	groups_put(g);
	return ret;
}

long sys_setgroups(int n, const u32 __user *list)
{
	struct process *p = current->process;
	struct groups *g, *old;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (n < 0 || n > NGROUPS_MAX)
		return -EINVAL;
	g = kmalloc(sizeof(*g) + (size_t)n * sizeof(u32));
	if (!g)
		return -ENOMEM;
	atomic_set(&g->refs, 1);
	g->nr = (unsigned int)n;
	if (copy_from_user(g->gid, list, (size_t)n * sizeof(u32))) {
		kfree(g);
		return -EFAULT;
	}
	spin_lock(&p->sig_lock);
	old = p->groups;
	p->groups = g;
	spin_unlock(&p->sig_lock);
	groups_put(old);
	return 0;
}

/* ---- Capabilities ---- */

#define CAP_VERSION_1 0x19980330U
#define CAP_VERSION_2 0x20071026U
#define CAP_VERSION_3 0x20080522U

struct cap_header {
	u32 version;
	int pid;
};
struct cap_data {
	u32 effective, permitted, inheritable;
};

/* => words per set, or -errno after the version we like best was told */
static int cap_words(struct cap_header *h, void __user *user)
{
	if (copy_from_user(h, user, sizeof(*h)))
		return -EFAULT;
	if (h->version == CAP_VERSION_1)
		return 1;
	if (h->version == CAP_VERSION_2 || h->version == CAP_VERSION_3)
		return 2;
	h->version = CAP_VERSION_3;
	return put_user(h->version, (u32 __user *)user) ? -EFAULT : -EINVAL;
}

long sys_capget(void __user *user, void __user *data)
{
	struct cap_header h;
	struct cap_data d[2];
	int words = cap_words(&h, user);
	struct process *p;

	if (words == -EINVAL && !data)
		return 0; /* only asked for the version */
	if (words < 0)
		return words;
	if (h.pid < 0)
		return -EINVAL;
	p = process_find(h.pid ? h.pid : current->process->pid);
	if (!p)
		return -ESRCH;
	for (int i = 0; i < 2; i++)
		d[i] = (struct cap_data){ (u32)(p->caps_effective >> (32 * i)), (u32)(p->caps_permitted >> (32 * i)),
					  (u32)(p->caps_inheritable >> (32 * i)) };
	process_put(p);
	return copy_to_user(data, d, (size_t)words * sizeof(d[0])) ? -EFAULT : 0;
}

long sys_capset(void __user *user, const void __user *data)
{
	struct process *p = current->process;
	struct cap_header h;
	struct cap_data d[2] = {};
	u64 effective, permitted, inheritable;
	int words = cap_words(&h, user);

	if (words < 0)
		return words;
	if (h.pid != 0 && h.pid != p->pid)
		return -EPERM;
	if (copy_from_user(d, data, (size_t)words * sizeof(d[0])))
		return -EFAULT;
	effective = (d[0].effective | (u64)d[1].effective << 32) & CAP_ALL;
	permitted = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_ALL;
	inheritable = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_ALL;
	if ((permitted & ~p->caps_permitted) || (effective & ~permitted) ||
	    (inheritable & ~(p->caps_inheritable | p->caps_permitted)))
		return -EPERM;
	p->caps_effective = effective;
	p->caps_permitted = permitted;
	p->caps_inheritable = inheritable;
	return 0;
}
