/*
 * /proc/<pid>: limits, comm, wchan, and the three faces of the memory killer's choice.
 *
 *	oom_score_adj   -1000 .. 1000    what counts
 *	oom_adj         -17 .. 15        the same on the old scale; both can be written
 *	oom_score       0 .. 2000        what follows from memory use and the above
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/uapi/resource.h"
#include "mm/buddy.h"
#include "mm/mm.h"
#include "mm/proc_mm.h"

#define ADJ_MAX 1000
#define OLD_DISABLE (-17)
#define OLD_MAX 15

/* ---- limits ---- */

static const struct limit_row {
	const char *name, *unit;
} rows[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", NULL },
	[RLIMIT_RTPRIO] = { "Max realtime priority", NULL },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void put_limit(struct seq *s, u64 value)
{
	if (value == RLIM_INFINITY)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", (unsigned long)value);
}

int proc_limits(struct seq *s, struct proc_node *n)
{
	struct rlimit64 rlim[RLIM_NLIMITS];

	spin_lock(&n->process->sig_lock);
	memcpy(rlim, n->process->rlim, sizeof(rlim));
	spin_unlock(&n->process->sig_lock);
	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned int i = 0; i < RLIM_NLIMITS; i++) {
		seq_printf(s, "%-25s ", rows[i].name);
		put_limit(s, rlim[i].cur);
		put_limit(s, rlim[i].max);
		if (rows[i].unit)
			seq_printf(s, "%-10s", rows[i].unit);
		seq_putc(s, '\n');
	}
	return 0;
}

/* ---- comm ---- */

int proc_comm(struct seq *s, struct proc_node *n)
{
	struct task *t = proc_task_get(n);

	if (!t)
		return -ESRCH;
	seq_puts(s, t->comm);
	seq_putc(s, '\n');
	task_put(t);
	return 0;
}

/* A thread may be named by its own process only. */
static long comm_write(struct file *f, struct uio *u, u64 *pos)
{
	struct proc_node *n = proc_node(f->inode);
	char name[TASK_COMM_LEN] = "";
	size_t count = u->resid, len = min(count, sizeof(name) - 1);
	struct task *t;

	(void)pos;
	if (uio_read(u, name, len) != len)
		return -EFAULT;
	if (n->process != current->process)
		return -EINVAL;
	t = proc_task_get(n);
	if (!t)
		return -ESRCH;
	memcpy(t->comm, name, sizeof(name));
	task_put(t);
	return (long)count;
}

const struct file_ops proc_comm_fops = PROC_TEXT_FOPS(comm_write);

/* ---- The memory killer ---- */

/* A short number with blanks around it. => 0, -EFAULT, -EINVAL */
static int read_number(struct uio *u, s64 *value)
{
	char text[24] = "";
	size_t n = min(u->resid, sizeof(text) - 1);
	const char *end;

	if (uio_read(u, text, n) != n)
		return -EFAULT;
	if (parse_s64(text, &end, value))
		return -EINVAL;
	while (is_space(*end))
		end++;
	return *end ? -EINVAL : 0;
}

/* Making the killer spare a process is a privilege. */
static long set_adjustment(struct process *p, s64 adj, long written)
{
	if (adj < READ_ONCE(p->oom_score_adj) && !capable(CAP_SYS_RESOURCE))
		return -EACCES;
	WRITE_ONCE(p->oom_score_adj, (int)adj);
	return written;
}

int proc_oom_score_adj(struct seq *s, struct proc_node *n)
{
	seq_printf(s, "%d\n", READ_ONCE(n->process->oom_score_adj));
	return 0;
}

static long score_adj_write(struct file *f, struct uio *u, u64 *pos)
{
	size_t count = u->resid;
	s64 adj;
	int err = read_number(u, &adj);

	(void)pos;
	if (err)
		return err;
	if (adj < -ADJ_MAX || adj > ADJ_MAX)
		return -EINVAL;
	return set_adjustment(proc_node(f->inode)->process, adj, (long)count);
}

const struct file_ops proc_oom_score_adj_fops = PROC_TEXT_FOPS(score_adj_write);

int proc_oom_adj(struct seq *s, struct proc_node *n)
{
	int adj = READ_ONCE(n->process->oom_score_adj);

	seq_printf(s, "%d\n", adj == ADJ_MAX ? OLD_MAX : adj * -OLD_DISABLE / ADJ_MAX);
	return 0;
}

static long adj_write(struct file *f, struct uio *u, u64 *pos)
{
	size_t count = u->resid;
	s64 old;
	int err = read_number(u, &old);

	(void)pos;
	if (err)
		return err;
	if (old < OLD_DISABLE || old > OLD_MAX)
		return -EINVAL;
	return set_adjustment(proc_node(f->inode)->process, old == OLD_MAX ? ADJ_MAX : old * ADJ_MAX / -OLD_DISABLE,
			      (long)count);
}

const struct file_ops proc_oom_adj_fops = PROC_TEXT_FOPS(adj_write);

/* Linux's scale: 667 for a process that uses nothing, more by the share of memory that it uses. */
int proc_oom_score(struct seq *s, struct proc_node *n)
{
	struct mm *mm = process_mm_get(n->process);
	int adj = READ_ONCE(n->process->oom_score_adj);
	long total, used, score = 0;
	struct buddy_stats memory;
	struct mm_sizes sizes;

	buddy_stats(&memory);
	total = (long)memory.total;
	if (mm && adj != -ADJ_MAX) {
		proc_mm_sizes(mm, &sizes);
		used = (long)sizes.rss + atomic_read(&mm->table_pages);
		score = (ADJ_MAX + (used + adj * total / ADJ_MAX) * ADJ_MAX / total) * 2 / 3;
	}
	if (mm)
		mm_put(mm);
	seq_printf(s, "%ld\n", score);
	return 0;
}

/* ---- wchan ---- */

/* The name of the function that a task sleeps in, or 0, also where the kernel does not tell: ours never does. */
int proc_wchan(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_putc(s, '0');
	return 0;
}
