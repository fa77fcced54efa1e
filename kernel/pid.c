/*
 * Numbers and what they name: tasks, processes, process groups, sessions.
 *
 *	tid_table    number -> task. A process's leader keeps its entry, dead or alive, until the process is reaped,
 *	             so pid_table needs not exist: the process with pid n is that of task n if task n is a leader.
 *	pgroups      number -> process group
 *
 * A number is free when none of the two has it. Numbers are given out in ascending order, and begin again at RESERVED
 * when PID_MAX is reached; until then a new number needs no check.
 *
 * Linux differs: struct pid, one object per number, that outlives what it names.
 */
#include "kernel/pid.h"

#include "kernel/lib/xarray.h"
#include "kernel/printk.h"
#include "kernel/sysctl.h"
#include "kernel/uapi/errno.h"
#include "mm/slab.h"

#define RESERVED_PIDS 300 /* as Linux: after a wrap the low ones stay with the daemons of the boot */

struct spinlock pid_lock = SPINLOCK_INIT(RANK_PID);
static struct xarray tid_table = XARRAY_INIT, pgroups = XARRAY_INIT;
static u64 total;
static long pid_max = 4194304; /* Linux's for 64-bit machines */
static int last_pid;
static bool wrapped;

SYSCTL(sysctl_pid_max, .name = "kernel.pid_max", .value = &pid_max, .min = 301, .max = 4194304, .mode = 0644);

static bool taken(int n)
{
	return xa_load(&tid_table, (unsigned long)n) || xa_load(&pgroups, (unsigned long)n);
}

/* The next free number. => pid_lock held; 0: there is none */
static int next_free(void)
{
	int n = last_pid;

	for (long tries = 0; tries < pid_max; tries++) {
		if (++n >= pid_max) {
			n = RESERVED_PIDS;
			wrapped = true;
		}
		if (!wrapped || !taken(n))
			return n;
	}
	return 0;
}

int tid_alloc(struct task *t)
{
	int n = next_free();

	assert_spin_held(&pid_lock);
	if (!n)
		return -EAGAIN;
	if (xa_store(&tid_table, (unsigned long)n, t))
		return -ENOMEM;
	last_pid = n;
	total++;
	t->tid = n;
	return 0;
}

void tid_free(int tid)
{
	assert_spin_held(&pid_lock);
	xa_erase(&tid_table, (unsigned long)tid);
}

void tid_replace(int tid, struct task *t)
{
	int err;

	assert_spin_held(&pid_lock);
	assert(xa_load(&tid_table, (unsigned long)tid));
	err = xa_store(&tid_table, (unsigned long)tid, t); /* over an entry: needs no memory */
	assert(!err);
}

struct task *task_find(int tid)
{
	assert_spin_held(&pid_lock);
	return tid > 0 ? xa_load(&tid_table, (unsigned long)tid) : NULL;
}

struct process *process_find_locked(int pid)
{
	struct task *t = task_find(pid);

	return t && t->process->pid == pid ? t->process : NULL;
}

struct process *process_find(int pid)
{
	struct process *p;

	spin_lock(&pid_lock);
	p = process_find_locked(pid);
	if (p)
		process_get(p);
	spin_unlock(&pid_lock);
	return p;
}

struct process *process_next_locked(int pid)
{
	unsigned long n = (unsigned long)max(pid, 1);
	struct task *t;

	for (; (t = xa_find(&tid_table, &n, ~0UL - 1)); n++)
		if (t->process->pid == (int)n)
			return t->process;
	return NULL;
}

struct task *task_next_locked(int tid)
{
	unsigned long n = (unsigned long)tid;

	assert_spin_held(&pid_lock);
	return xa_find(&tid_table, &n, ~0UL - 1);
}

struct process *process_next(int pid)
{
	struct process *p;

	spin_lock(&pid_lock);
	p = process_next_locked(pid);
	if (p)
		process_get(p);
	spin_unlock(&pid_lock);
	return p;
}

unsigned int task_count(void)
{
	return (unsigned int)tid_table.count;
}

u64 task_total(void)
{
	return total;
}

int pid_last(void)
{
	return last_pid;
}

/* ---- Process groups. => pid_lock held ---- */

struct pgroup *pgroup_find(int pgid)
{
	assert_spin_held(&pid_lock);
	return pgid > 0 ? xa_load(&pgroups, (unsigned long)pgid) : NULL;
}

static void pgroup_put(struct pgroup *g)
{
	struct pgroup *session = g->session;

	if (--g->refs)
		return;
	xa_erase(&pgroups, (unsigned long)g->id);
	kfree(g);
	if (session != g)
		pgroup_put(session);
}

struct pgroup *pgroup_create(int id, struct pgroup *session)
{
	struct pgroup *g = kzalloc(sizeof(*g));

	assert_spin_held(&pid_lock);
	if (!g)
		return NULL;
	g->id = id;
	g->session = session ? session : g;
	list_init(&g->members);
	if (xa_store(&pgroups, (unsigned long)id, g)) {
		kfree(g);
		return NULL;
	}
	if (session)
		session->refs++;
	return g;
}

void process_set_pgroup(struct process *p, struct pgroup *g)
{
	struct pgroup *old = p->pgroup;

	assert_spin_held(&pid_lock);
	if (g) {
		g->refs++;
		p->pgid = g->id;
		p->sid = g->session->id;
	}
	p->pgroup = g;
	if (old) {
		list_del(&p->pgroup_node);
		pgroup_put(old);
	}
	if (g)
		list_add_tail(&p->pgroup_node, &g->members);
}

/* Nobody outside the group but inside the session is parent of a member, so nobody would continue it when it stops
 * (POSIX, 3.264). Linux differs: pid 1 never counts as such a parent. */
bool pgroup_is_orphaned(struct pgroup *g, struct process *but)
{
	struct process *p;

	assert_spin_held(&pid_lock);
	list_for_each_entry(p, &g->members, pgroup_node) {
		if (p == but || p->zombie || !p->parent)
			continue;
		if (p->parent->pgroup != g && p->parent->sid == p->sid)
			return false;
	}
	return true;
}
