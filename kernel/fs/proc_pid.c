/*
 * /proc/<pid> and /proc/<pid>/task/<tid>: which files there are, and whom they are about.
 *
 *	/proc/7            the process; where one thread is meant, its leader
 *	/proc/7/task/9     one of its threads
 *	/proc/9            the same thread, found by name only: Linux does not list it either
 *
 * What others may see: names and numbers everybody; memory, descriptors and environment who could trace the process.
 *
 * Locks: pid_lock for "is it still there" and for a task's files and fs, which it gives up under that lock; what is
 * found is counted before the lock is let go of.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/pid.h"
#include "kernel/proc.h"
#include "kernel/uapi/dirent.h"
#include "mm/mm.h"
#include "mm/proc_mm.h"

#define POS_TIDS 2

/* ---- Whom ---- */

bool proc_gone(const struct proc_node *n)
{
	if (!n->process)
		return false;
	return READ_ONCE(n->process->reaped) || (n->task && READ_ONCE(n->task->exited));
}

/* => pid_lock held; no reference */
static struct task *node_task(const struct proc_node *n)
{
	if (proc_gone(n))
		return NULL;
	return n->task ? n->task : n->process->leader;
}

struct task *proc_task_get(const struct proc_node *n)
{
	struct task *t;

	spin_lock(&pid_lock);
	t = node_task(n);
	if (t)
		task_get(t);
	spin_unlock(&pid_lock);
	return t;
}

struct files *proc_files_get(const struct proc_node *n)
{
	struct files *files = NULL;
	struct task *t;

	spin_lock(&pid_lock);
	t = node_task(n);
	if (t && t->files)
		files = files_get(t->files);
	spin_unlock(&pid_lock);
	return files;
}

struct fs_context *proc_fs_get(const struct proc_node *n)
{
	struct fs_context *fs = NULL;
	struct task *t;

	spin_lock(&pid_lock);
	t = node_task(n);
	if (t && t->fs)
		fs = fs_get(t->fs);
	spin_unlock(&pid_lock);
	return fs;
}

bool proc_may_look(struct process *p)
{
	const struct process *me = current->process;

	if (!p || !me || p == me || caller_is_root())
		return true;
	return p->dumpable && me->fsuid == p->uid && me->fsuid == p->euid && me->fsuid == p->suid && me->fsgid == p->gid &&
	       me->fsgid == p->egid && me->fsgid == p->sgid;
}

/* ---- Links ---- */

static struct dentry *cwd_or_root(const struct proc_node *n, bool root)
{
	struct fs_context *fs = proc_fs_get(n);
	struct dentry *d;

	if (!fs)
		return ERR_PTR(-ENOENT);
	spin_lock(&fs->lock);
	d = dentry_get(root ? fs->root : fs->cwd);
	spin_unlock(&fs->lock);
	fs_put(fs);
	return d;
}

static struct dentry *cwd_target(const struct proc_node *n)
{
	return cwd_or_root(n, false);
}

static struct dentry *root_target(const struct proc_node *n)
{
	return cwd_or_root(n, true);
}

static struct dentry *exe_target(const struct proc_node *n)
{
	struct mm *mm = process_mm_get(n->process);
	struct dentry *d;

	if (!mm)
		return ERR_PTR(-ENOENT);
	d = mm->exe_file ? dentry_get(mm->exe_file->dentry) : ERR_PTR(-ENOENT);
	mm_put(mm);
	return d;
}

static struct dentry *link_jump(struct inode *inode)
{
	const struct proc_node *n = proc_node(inode);

	return proc_may_look(n->process) ? n->entry->target(n) : ERR_PTR(-EACCES);
}

static int link_readlink(struct inode *inode, char *buf, size_t size)
{
	struct dentry *d = link_jump(inode), *root;
	int len;

	if (IS_ERR(d))
		return PTR_ERR(d);
	root = fs_root();
	len = dentry_show(d, root, buf, size);
	dentry_put(root);
	dentry_put(d);
	return len;
}

const struct inode_ops proc_link_ops = { .jump = link_jump, .readlink = link_readlink, .free = proc_node_free };

/* ---- Files ---- */

static int statm(struct seq *s, struct proc_node *n)
{
	struct mm *mm = process_mm_get(n->process);
	int err = 0;

	if (!mm) {
		seq_puts(s, "0 0 0 0 0 0 0\n");
		return 0;
	}
	err = proc_statm(s, mm);
	mm_put(mm);
	return err;
}

/* Of one address space in one go. => 0, also without one: the file is empty then */
static int show_mm(struct seq *s, struct proc_node *n, int (*show)(struct seq *s, struct mm *mm))
{
	struct mm *mm = process_mm_get(n->process);
	int err;

	if (!mm)
		return 0;
	err = show(s, mm);
	mm_put(mm);
	return err;
}

static int smaps_rollup(struct seq *s, struct proc_node *n)
{
	return show_mm(s, n, proc_smaps_rollup);
}

static int ledger(struct seq *s, struct proc_node *n)
{
	return show_mm(s, n, proc_ledger);
}

#define RECORDS(n, m, fn, request) { .name = n, .mode = S_IFREG | (m), .guarded = true, .next = fn, .ioctl = request }
#define GUARDED(n, m, fn) { .name = n, .mode = S_IFREG | (m), .guarded = true, .show = fn }

static const struct proc_entry mm_table[] = {
	RECORDS("vmas", 0444, proc_vmas_next, NULL),
	GUARDED("ledger", 0444, ledger),
	RECORDS("frames", 0400, proc_frames_next, NULL),
};

/* What processes and threads both have, in Linux's order. */
#define COMMON_ENTRIES                                                                              \
	PROC_DIR("fd", 0500, &proc_fd_ops, &proc_fd_fops),                                          \
	PROC_DIR("fdinfo", 0555, &proc_fdinfo_ops, &proc_fdinfo_fops),                              \
	PROC_FILE("environ", 0400, &proc_environ_fops),                                             \
	PROC_FILE("auxv", 0400, &proc_auxv_fops),                                                   \
	PROC_TEXT("status", 0444, proc_status),                                                     \
	PROC_TEXT("limits", 0444, proc_limits),                                                     \
	PROC_WRITABLE("comm", 0644, proc_comm, &proc_comm_fops),                                    \
	PROC_FILE("cmdline", 0444, &proc_cmdline_fops),                                             \
	PROC_TEXT("stat", 0444, proc_stat),                                                         \
	PROC_TEXT("statm", 0444, statm),                                                            \
	RECORDS("maps", 0444, proc_maps_next, proc_maps_ioctl),                                     \
	PROC_FILE("mem", 0600, &proc_mem_fops),                                                     \
	PROC_LINK("cwd", cwd_target),                                                               \
	PROC_LINK("root", root_target),                                                             \
	PROC_LINK("exe", exe_target),                                                               \
	PROC_TEXT("mounts", 0444, proc_mounts),                                                     \
	PROC_TEXT("mountinfo", 0444, proc_mountinfo),                                               \
	RECORDS("smaps", 0444, proc_smaps_next, NULL),                                              \
	GUARDED("smaps_rollup", 0444, smaps_rollup),                                                \
	PROC_FILE("pagemap", 0400, &proc_pagemap_fops),                                             \
	PROC_TEXT("wchan", 0444, proc_wchan),                                                       \
	PROC_TEXT("oom_score", 0444, proc_oom_score),                                               \
	PROC_WRITABLE("oom_adj", 0644, proc_oom_adj, &proc_oom_adj_fops),                           \
	PROC_WRITABLE("oom_score_adj", 0644, proc_oom_score_adj, &proc_oom_score_adj_fops),         \
	PROC_TABLE("mm", 0555, mm_table)

static const struct proc_entry thread_table[] = { COMMON_ENTRIES };
static const struct proc_entry thread_entry = PROC_TABLE("", 0555, thread_table);

/* ---- task/ ---- */

static struct dentry *task_lookup(struct dentry *dir, const char *name, size_t len)
{
	struct process *p = proc_node(dir->inode)->process;
	struct dentry *d;
	struct task *t;
	u64 tid;

	if (!proc_parse_number(name, len, &tid))
		return ERR_PTR(-ENOENT);
	spin_lock(&pid_lock);
	t = task_find((int)tid);
	if (t && t->process == p && !t->exited)
		task_get(t);
	else
		t = NULL;
	spin_unlock(&pid_lock);
	if (!t)
		return ERR_PTR(-ENOENT);
	d = proc_make(dir, name, len, &thread_entry, p, t, 0);
	task_put(t);
	return d;
}

/* The smallest number of a living thread that is not below tid. => 0: none */
static int next_thread(struct process *p, int tid)
{
	struct task *t;
	int next = 0;

	spin_lock(&pid_lock);
	list_for_each_entry(t, &p->threads, thread_node)
		if (t->tid >= tid && (!next || t->tid < next))
			next = t->tid;
	spin_unlock(&pid_lock);
	return next;
}

static int task_iterate(struct file *f, struct dir_context *ctx)
{
	const struct proc_node *n = proc_node(f->inode);
	int tid;

	if (proc_gone(n))
		return -ENOENT;
	if (!dir_emit_dots(f, ctx))
		return 0;
	while ((tid = next_thread(n->process, (int)(ctx->pos - POS_TIDS)))) {
		u64 next = POS_TIDS + (u64)tid + 1;

		if (!proc_emit_number(ctx, (u64)tid, proc_ino(&thread_entry, tid, 0), DT_DIR, next))
			break;
		ctx->pos = next;
	}
	return 0;
}

static const struct inode_ops task_ops = { .lookup = task_lookup, .free = proc_node_free };
static const struct file_ops task_fops = { .iterate = task_iterate, .lseek = generic_lseek };

static const struct proc_entry pid_table[] = {
	PROC_DIR("task", 0555, &task_ops, &task_fops),
	COMMON_ENTRIES,
};
const struct proc_entry proc_pid_entry = PROC_TABLE("", 0555, pid_table);

/* ---- /proc/<pid> ---- */

/* => a reference to the process, and *t to the thread when the number is a thread's; NULL: no such number */
static struct process *find(int number, struct task **t)
{
	struct process *p = NULL;

	spin_lock(&pid_lock);
	*t = task_find(number);
	if (*t) {
		p = (*t)->process;
		process_get(p);
		if (number == p->pid)
			*t = NULL;
		else
			task_get(*t);
	}
	spin_unlock(&pid_lock);
	return p;
}

struct dentry *proc_pid_lookup(struct dentry *root, const char *name, size_t len)
{
	struct process *p;
	struct dentry *d;
	struct task *t;
	u64 number;

	if (!proc_parse_number(name, len, &number))
		return ERR_PTR(-ENOENT);
	p = find((int)number, &t);
	if (!p)
		return ERR_PTR(-ENOENT);
	d = proc_make(root, name, len, &proc_pid_entry, p, t, 0);
	process_put(p);
	if (t)
		task_put(t);
	return d;
}

int proc_pid_iterate(struct dir_context *ctx, u64 base)
{
	struct process *p;

	while ((p = process_next((int)(ctx->pos - base)))) {
		u64 next = base + (u64)p->pid + 1;
		bool room = proc_emit_number(ctx, (u64)p->pid, proc_ino(&proc_pid_entry, p->pid, 0), DT_DIR, next);

		process_put(p);
		if (!room)
			break;
		ctx->pos = next;
	}
	return 0;
}
