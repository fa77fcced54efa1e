/*
 * /proc/<pid>/status and stat: the same facts for people and for programs.
 *
 * Everything is collected into a struct first, each part under its own lock, and printed afterwards: printing needs no
 * lock, and the two files agree on what they say.
 *
 *   process tree, groups, terminal   pid_lock
 *   signals, limits                  process->sig_lock
 *   the rest                         single words, read as they are
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/signal.h"
#include "kernel/uapi/resource.h"
#include "mm/mm.h"
#include "mm/proc_mm.h"

#define TICK (NSEC_PER_SEC / USER_HZ)
#define PF_FORKNOEXEC 0x00000040 /* stat's `flags`, Linux's numbers */
#define PF_RANDOMIZE 0x00400000

struct facts {
	char letter;
	char comm[TASK_COMM_LEN];
	int pid, tid, ppid, pgid, sid, threads, exit_code;
	int tpgid;
	u32 tty_nr;
	u64 pending, shared_pending, blocked, ignored, caught, rss_limit, signal_limit;
	unsigned int queued;
};

/* ---- Collecting ---- */

/* => pid_lock held */
static void collect_tree(struct facts *f, const struct process *p, const struct task *t)
{
	f->letter = task_state_letter(t);
	memcpy(f->comm, t->comm, sizeof(f->comm));
	f->pid = p->pid;
	f->tid = t->tid;
	f->ppid = p->ppid;
	f->pgid = p->pgid;
	f->sid = p->sid;
	f->threads = p->nr_threads;
	f->exit_code = p->zombie ? p->exit_code : t->exit_code;
	f->tpgid = p->ctty ? tty_pgrp(p->ctty) : -1;
	f->tty_nr = p->ctty ? tty_dev(p->ctty) : 0;
	if (p->ctty && !f->tpgid)
		f->tpgid = -1;
}

static unsigned int queue_length(const struct list_head *queue)
{
	unsigned int n = 0;

	for (const struct list_head *at = queue->next; at != queue; at = at->next)
		n++;
	return n;
}

/* => sig_lock held; a process whose threads are all gone has no actions */
static void collect_actions(struct facts *f, const struct sighand *h)
{
	for (int sig = 1; h && sig <= SIGRTMAX; sig++) {
		if (h->action[sig - 1].sa_handler == SIG_IGN)
			f->ignored |= SIG_BIT(sig);
		else if (h->action[sig - 1].sa_handler != SIG_DFL)
			f->caught |= SIG_BIT(sig);
	}
}

static void collect_signals(struct facts *f, struct process *p, const struct task *t)
{
	spin_lock(&p->sig_lock);
	f->pending = t->pending_set;
	f->shared_pending = p->pending_set;
	f->blocked = t->blocked;
	f->rss_limit = p->rlim[RLIMIT_RSS].cur;
	f->signal_limit = p->rlim[RLIMIT_SIGPENDING].cur;
	f->queued = queue_length(&p->pending) + queue_length(&t->pending);
	collect_actions(f, p->sighand);
	spin_unlock(&p->sig_lock);
}

static void collect(struct facts *f, struct process *p, const struct task *t)
{
	memset(f, 0, sizeof(*f));
	spin_lock(&pid_lock);
	collect_tree(f, p, t);
	spin_unlock(&pid_lock);
	collect_signals(f, p, t);
}

/* ---- status ---- */

static const char *state_text(char letter)
{
	switch (letter) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	}
	return "X (dead)";
}

/* One line, whatever the name is made of. */
static void put_comm(struct seq *s, const char *comm)
{
	for (; *comm; comm++) {
		if (*comm == '\n')
			seq_puts(s, "\\n");
		else if (*comm == '\\')
			seq_puts(s, "\\\\");
		else
			seq_putc(s, *comm);
	}
}

static void put_groups(struct seq *s, struct process *p)
{
	struct groups *g;

	spin_lock(&p->sig_lock);
	g = groups_get(p->groups);
	spin_unlock(&p->sig_lock);
	seq_puts(s, "Groups:\t");
	for (unsigned int i = 0; g && i < g->nr; i++)
		seq_printf(s, "%s%u", i ? " " : "", g->gid[i]);
	seq_puts(s, " \n");
	groups_put(g);
}

static void put_umask(struct seq *s, const struct proc_node *n)
{
	struct fs_context *fs = proc_fs_get(n);

	if (!fs)
		return;
	seq_printf(s, "Umask:\t%04o\n", READ_ONCE(fs->umask));
	fs_put(fs);
}

static void put_identity(struct seq *s, const struct proc_node *n, const struct facts *f)
{
	struct process *p = n->process;
	struct files *files = proc_files_get(n);

	seq_printf(s, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", state_text(f->letter), f->pid,
		   f->tid, f->ppid);
	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\n", p->uid, p->euid, p->suid, p->fsuid);
	seq_printf(s, "Gid:\t%u\t%u\t%u\t%u\n", p->gid, p->egid, p->sgid, p->fsgid);
	seq_printf(s, "FDSize:\t%u\n", files ? files->max : 0);
	if (files)
		files_put(files);
	put_groups(s, p);
	seq_printf(s, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", f->pid, f->tid, f->pgid, f->sid);
}

static void put_mm(struct seq *s, struct process *p)
{
	struct mm *mm = process_mm_get(p);

	if (!mm)
		return;
	proc_status_mm(s, mm);
	mm_put(mm);
	seq_puts(s, "CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n");
}

static void put_signals(struct seq *s, const struct facts *f)
{
	seq_printf(s, "SigQ:\t%u/%lu\n", f->queued, (unsigned long)f->signal_limit);
	seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		   (unsigned long)f->pending, (unsigned long)f->shared_pending, (unsigned long)f->blocked,
		   (unsigned long)f->ignored, (unsigned long)f->caught);
}

static void put_capabilities(struct seq *s, const struct process *p)
{
	seq_printf(s, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
		   (unsigned long)p->caps_inheritable, (unsigned long)p->caps_permitted, (unsigned long)p->caps_effective,
		   CAP_ALL, 0UL);
	seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", p->no_new_privs);
}

/* "0-2,5" */
static void put_list(struct seq *s, unsigned long mask)
{
	const char *comma = "";

	for (unsigned int i = 0; i < BITS_PER_LONG; i++) {
		unsigned int first = i;

		if (!(mask >> i & 1))
			continue;
		while (i + 1 < BITS_PER_LONG && (mask >> (i + 1) & 1))
			i++;
		seq_printf(s, first == i ? "%s%u" : "%s%u-%u", comma, first, i);
		comma = ",";
	}
}

static void put_affinity(struct seq *s, const struct task *t)
{
	unsigned int cpus = cpu_count();
	unsigned long mask = READ_ONCE(t->affinity) & (BIT(cpus) - 1);

	seq_printf(s, "Cpus_allowed:\t%0*lx\nCpus_allowed_list:\t", (int)DIV_ROUND_UP(cpus, 4), mask);
	put_list(s, mask);
	seq_puts(s, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

int proc_status(struct seq *s, struct proc_node *n)
{
	struct task *t = proc_task_get(n);
	struct facts f;

	if (!t)
		return -ESRCH;
	collect(&f, n->process, t);
	seq_puts(s, "Name:\t");
	put_comm(s, f.comm);
	seq_putc(s, '\n');
	put_umask(s, n);
	put_identity(s, n, &f);
	put_mm(s, n->process);
	seq_printf(s, "Threads:\t%d\n", f.threads);
	put_signals(s, &f);
	put_capabilities(s, n->process);
	put_affinity(s, t);
	seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", (unsigned long)t->nvcsw,
		   (unsigned long)t->nivcsw);
	task_put(t);
	return 0;
}

/* ---- stat ---- */

/* What an address space adds; zeroes without one. */
struct layout {
	struct mm_sizes sizes;
	unsigned long code_start, code_end, stack, data_start, data_end, brk, arg_start, arg_end, env_start, env_end;
};

static void collect_layout(struct layout *l, struct process *p)
{
	struct mm *mm = process_mm_get(p);

	memset(l, 0, sizeof(*l));
	if (!mm)
		return;
	proc_mm_sizes(mm, &l->sizes);
	if (proc_may_look(p)) {
		l->code_start = mm->code_start;
		l->code_end = mm->code_end;
		l->stack = mm->stack_top;
		l->data_start = mm->data_start;
		l->data_end = mm->data_end;
		l->brk = mm->brk_start;
		l->arg_start = mm->arg_start;
		l->arg_end = mm->arg_end;
		l->env_start = mm->env_start;
		l->env_end = mm->env_end;
	}
	mm_put(mm);
}

static void put_usage(struct seq *s, const struct proc_node *n, const struct task *t)
{
	struct process *p = n->process;
	struct process_usage u = { .utime = t->utime, .stime = t->stime, .min_flt = t->min_flt, .maj_flt = t->maj_flt };

	if (!n->task)
		process_usage(p, &u);
	seq_printf(s, " %lu %lu %lu %lu", (unsigned long)u.min_flt, (unsigned long)p->cmin_flt, (unsigned long)u.maj_flt,
		   (unsigned long)p->cmaj_flt);
	seq_printf(s, " %lu %lu %lu %lu", (unsigned long)(u.utime / TICK), (unsigned long)(u.stime / TICK),
		   (unsigned long)(p->cutime / TICK), (unsigned long)(p->cstime / TICK));
}

/* Fields 26 to 30, and 31 to 35 of signals, where only the lower 31 bits are shown. */
static void put_code_and_signals(struct seq *s, const struct layout *l, const struct facts *f)
{
	const u64 low = 0x7fffffff;

	seq_printf(s, " %lu %lu %lu 0 0", l->code_start, l->code_end, l->stack);
	seq_printf(s, " %lu %lu %lu %lu", (unsigned long)(f->pending & low), (unsigned long)(f->blocked & low),
		   (unsigned long)(f->ignored & low), (unsigned long)(f->caught & low));
}

static void put_tail(struct seq *s, const struct layout *l, int exit_code)
{
	seq_printf(s, " 0 0 0 0 0 %lu %lu %lu %lu %lu %lu %lu %d\n", l->data_start, l->data_end, l->brk, l->arg_start,
		   l->arg_end, l->env_start, l->env_end, exit_code);
}

int proc_stat(struct seq *s, struct proc_node *n)
{
	struct task *t = proc_task_get(n);
	struct process *p = n->process;
	struct layout l;
	struct facts f;
	bool look;

	if (!t)
		return -ESRCH;
	look = proc_may_look(p);
	collect(&f, p, t);
	collect_layout(&l, p);
	seq_printf(s, "%d (", f.tid);
	put_comm(s, f.comm);
	seq_printf(s, ") %c %d %d %d %u %d %d", f.letter, f.ppid, f.pgid, f.sid, f.tty_nr, f.tpgid,
		   PF_RANDOMIZE | (p->execed ? 0 : PF_FORKNOEXEC));
	put_usage(s, n, t);
	seq_printf(s, " %d %d %d 0 %lu %lu %lu %lu", 20 + t->nice, t->nice, f.threads, (unsigned long)(p->start_time / TICK),
		   l.sizes.vsize, l.sizes.rss, (unsigned long)f.rss_limit);
	put_code_and_signals(s, &l, &f);
	seq_printf(s, " %d 0 0 %d %u", look && f.letter != 'R', n->task ? -1 : p->exit_signal, t->cpu);
	put_tail(s, &l, look ? f.exit_code : 0);
	task_put(t);
	return 0;
}
