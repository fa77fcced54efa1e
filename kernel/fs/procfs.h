/*
 * What the files of procfs share: entries are constant tables, nodes are what a lookup makes of them.
 *
 *	entry   "maps", 0444, how to show it        one for all processes
 *	node    entry + process (+ thread, + number)    one per lookup; lives in inode->private
 */
#ifndef KERNEL_FS_PROCFS_H
#define KERNEL_FS_PROCFS_H

#include "kernel/fs/vfs.h"
#include "kernel/seq.h"
#include "kernel/task.h"

struct mm;
struct proc_node;
struct sysctl;

struct proc_entry {
	const char *name;
	u32 mode;
	bool guarded; /* open(2) asks proc_may_look() */
	/* A regular file is one of: a text shown at once, records of the process's address space, operations. */
	int (*show)(struct seq *s, struct proc_node *node); /* => 0 or -errno */
	int (*next)(struct seq *s, struct mm *mm, u64 *cookie);
	long (*ioctl)(struct mm *mm, unsigned int cmd, unsigned long arg); /* with next */
	const struct file_ops *fops; /* also of directories that are no table, and of texts that can be written */
	struct dentry *(*target)(const struct proc_node *node); /* of a link: where it leads, a reference or ERR_PTR */
	const struct inode_ops *ops;
	/* A directory that is a table. */
	const struct proc_entry *table;
	unsigned int nr;
};

struct proc_node {
	const struct proc_entry *entry;
	struct process *process; /* a reference; NULL: about the system */
	struct task *task;	 /* a reference; NULL: the process as a whole, its leader where one thread is meant */
	u64 number;		 /* a descriptor; of a sysctl's directory: see proc_sys.c */
	const struct sysctl *sysctl;
};

#define PROC_TEXT(n, m, fn) { .name = n, .mode = S_IFREG | (m), .show = fn }
#define PROC_WRITABLE(n, m, fn, f) { .name = n, .mode = S_IFREG | (m), .show = fn, .fops = f }
#define PROC_FILE(n, m, f) { .name = n, .mode = S_IFREG | (m), .fops = f }
#define PROC_LINK(n, fn) { .name = n, .mode = S_IFLNK | 0777, .ops = &proc_link_ops, .target = fn }
#define PROC_DIR(n, m, o, f) { .name = n, .mode = S_IFDIR | (m), .ops = o, .fops = f }
#define PROC_TABLE(n, m, t) \
	{ .name = n, .mode = S_IFDIR | (m), .ops = &proc_table_ops, .fops = &proc_table_fops, .table = t, .nr = ARRAY_SIZE(t) }

static inline struct proc_node *proc_node(const struct inode *inode)
{
	return inode->private;
}

/* procfs.c */
extern const struct inode_ops proc_table_ops;
extern const struct file_ops proc_table_fops;
/* A fresh dentry in dir for entry under `name`; about the same process as dir unless p is given (t with it). Takes references
 * of its own. => ERR_PTR(-ENOMEM) */
struct dentry *proc_make(struct dentry *dir, const char *name, size_t len, const struct proc_entry *e, struct process *p,
			 struct task *t, u64 number);
struct dentry *proc_table_find(struct dentry *dir, const struct proc_entry *table, unsigned int nr, const char *name,
			       size_t len);
/* Entries of a table at positions base, base + 1 ... => false: no room */
bool proc_table_emit(struct file *f, struct dir_context *ctx, const struct proc_entry *table, unsigned int nr, u64 base);
u64 proc_ino(const struct proc_entry *e, int id, u64 number);
static inline int proc_id(const struct process *p, const struct task *t) /* 0: the system */
{
	return t ? t->tid : p ? p->pid : 0;
}
bool proc_parse_number(const char *name, size_t len, u64 *number); /* decimal, no leading zeros, below 2^31 */
void proc_node_free(struct inode *inode); /* every inode_ops of a node has it */
bool proc_emit_number(struct dir_context *ctx, u64 number, u64 ino, unsigned int type, u64 next);

/* proc_seq.c: texts. Another file system's too: it gives a producer and what to give it. */
typedef int text_fn(struct seq *s, void *obj, u64 *cookie); /* => 1 a record (the whole text is one), 0 end, -errno */
int text_open(struct file *f, text_fn *fn, void *obj);
long text_read(struct file *f, struct uio *u, u64 *pos);
s64 text_lseek(struct file *f, s64 off, int whence);
void text_release(struct file *f);
int proc_text_open(struct inode *inode, struct file *f); /* entry->show or entry->next */
extern const struct file_ops proc_text_fops;
/* A text with a write operation. */
#define PROC_TEXT_FOPS(writer) \
	{ .open = proc_text_open, .read = text_read, .write = writer, .lseek = text_lseek, .release = text_release }

/* proc_pid.c */
extern const struct proc_entry proc_pid_entry; /* /proc/<pid> */
struct dentry *proc_pid_lookup(struct dentry *root, const char *name, size_t len);
int proc_pid_iterate(struct dir_context *ctx, u64 base); /* positions base + pid */
bool proc_gone(const struct proc_node *n);		  /* reaped, or the thread has ended */
struct task *proc_task_get(const struct proc_node *n);	  /* => NULL: gone; else a reference */
/* May current look inside: memory, descriptors, environment? As Linux's ptrace check. */
bool proc_may_look(struct process *p);
struct files *proc_files_get(const struct proc_node *n); /* => NULL: none any more */
struct fs_context *proc_fs_get(const struct proc_node *n);

/* proc_fd.c */
extern const struct inode_ops proc_link_ops;
extern const struct inode_ops proc_fd_ops, proc_fdinfo_ops;
extern const struct file_ops proc_fd_fops, proc_fdinfo_fops;

/* proc_status.c: /proc/<pid>/ */
int proc_status(struct seq *s, struct proc_node *n);
int proc_stat(struct seq *s, struct proc_node *n);

/* proc_knobs.c: /proc/<pid>/, small files, most of which can be written */
int proc_limits(struct seq *s, struct proc_node *n);
int proc_comm(struct seq *s, struct proc_node *n);
int proc_wchan(struct seq *s, struct proc_node *n);
int proc_oom_score(struct seq *s, struct proc_node *n);
int proc_oom_score_adj(struct seq *s, struct proc_node *n);
int proc_oom_adj(struct seq *s, struct proc_node *n);
extern const struct file_ops proc_comm_fops, proc_oom_score_adj_fops, proc_oom_adj_fops;

/* proc_mem.c: /proc/<pid>/, not text */
extern const struct file_ops proc_mem_fops, proc_pagemap_fops, proc_auxv_fops, proc_environ_fops, proc_cmdline_fops;

/* proc_system.c and proc_mounts.c: /proc, /proc/<pid>/mounts */
extern const struct proc_entry proc_root_table[];
extern const unsigned int proc_root_nr;
int proc_mounts(struct seq *s, struct proc_node *n);
int proc_mountinfo(struct seq *s, struct proc_node *n);

/* proc_sys.c */
extern const struct inode_ops proc_sys_ops;
extern const struct file_ops proc_sys_fops;

#endif
