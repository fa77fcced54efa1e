/*
 * procfs: what the kernel knows, as files.
 *
 *	/proc          table of proc_system.c, then a directory per process
 *	  <pid>        table of proc_pid.c, all entries about that process
 *	    task/<tid> the same for a thread
 *	  sys          the sysctls, a tree made of the dots in their names
 *
 * Nothing of it is kept: a lookup makes a dentry, an inode and a node, and they die with their last user. A node holds a
 * reference to its process, so what it asks about may have ended, but its memory is there (R1). A reaped process has no
 * files any more: lookups say ENOENT, reads ESRCH.
 *
 *   R1  node->process and node->task are counted references.
 *   R2  the inode number of a file depends on entry, process and number only: it is the same at each lookup.
 *
 * Linux differs: it caches these dentries and revalidates them.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/loadavg.h"
#include "kernel/uapi/dirent.h"
#include "kernel/uapi/statfs.h"
#include "mm/slab.h"

#define SYSTEM_INO 0xf0000000UL /* where Linux's numbers for files of the system begin */
#define POS_TABLE 2
#define POS_PIDS 256

static struct kmem_cache *node_cache;
static const struct inode_ops plain_ops = { .free = proc_node_free };

/* ---- Nodes ---- */

u64 proc_ino(const struct proc_entry *e, int id, u64 number)
{
	u64 kind = (uintptr_t)e / 8 & 0xfffff;

	return (id ? (u64)id << 40 : SYSTEM_INO) + (kind << 20) + number;
}

static struct proc_node *node_create(const struct proc_entry *e, struct process *p, struct task *t, u64 number)
{
	struct proc_node *n = kmem_cache_alloc(node_cache);

	if (!n)
		return NULL;
	*n = (struct proc_node){ .entry = e, .process = p, .task = t, .number = number };
	if (p)
		process_get(p);
	if (t)
		task_get(t);
	return n;
}

static void node_free(struct proc_node *n)
{
	if (n->process)
		process_put(n->process);
	if (n->task)
		task_put(n->task);
	kmem_cache_free(node_cache, n);
}

void proc_node_free(struct inode *inode)
{
	node_free(inode->private);
}

/* Files of a process belong to who runs it, those of one that may not be dumped to root. */
static void set_owner(struct inode *inode, const struct process *p)
{
	bool open_dir = inode->mode == (S_IFDIR | 0555);

	inode->uid = p && (p->dumpable || open_dir) ? p->euid : 0;
	inode->gid = p && (p->dumpable || open_dir) ? p->egid : 0;
}

static const struct file_ops *ops_of(const struct proc_entry *e)
{
	return e->fops ? e->fops : e->show || e->next ? &proc_text_fops : NULL;
}

static u32 count_directories(const struct proc_entry *e)
{
	u32 n = 0;

	for (unsigned int i = 0; i < e->nr; i++)
		n += S_ISDIR(e->table[i].mode);
	return n;
}

static struct inode *make_inode(struct super *s, const struct proc_entry *e, struct process *p, struct task *t, u64 number)
{
	struct proc_node *n = node_create(e, p, t, number);
	struct inode *inode = n ? inode_create(s, e->mode, proc_ino(e, proc_id(p, t), number)) : NULL;

	if (!inode) {
		if (n)
			node_free(n);
		return NULL;
	}
	inode->private = n;
	inode->ops = e->ops ? e->ops : &plain_ops;
	inode->fops = ops_of(e);
	inode->nlink += count_directories(e);
	set_owner(inode, p);
	return inode;
}

struct dentry *proc_make(struct dentry *dir, const char *name, size_t len, const struct proc_entry *e, struct process *p,
			 struct task *t, u64 number)
{
	struct proc_node *parent = proc_node(dir->inode);
	struct inode *inode;
	struct dentry *d;

	if (!p) {
		p = parent->process;
		t = parent->task;
	}
	inode = make_inode(dir->inode->super, e, p, t, number);
	d = inode ? dentry_create(dir, name, len, inode, DENTRY_DYNAMIC) : NULL;
	return d ? d : ERR_PTR(-ENOMEM);
}

/* ---- Names ---- */

bool proc_parse_number(const char *name, size_t len, u64 *number)
{
	*number = 0;
	if (!len || len > 10 || (name[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(name[i]))
			return false;
		*number = *number * 10 + (u64)(name[i] - '0');
	}
	return *number < 1UL << 31;
}

bool proc_emit_number(struct dir_context *ctx, u64 number, u64 ino, unsigned int type, u64 next)
{
	char name[24];
	int len = snprintf(name, sizeof(name), "%lu", (unsigned long)number);

	return ctx->emit(ctx, name, len, ino, type, next);
}

/* ---- Directories that are tables ---- */

struct dentry *proc_table_find(struct dentry *dir, const struct proc_entry *table, unsigned int nr, const char *name,
			       size_t len)
{
	for (unsigned int i = 0; i < nr; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return proc_make(dir, name, len, &table[i], NULL, NULL, 0);
	return ERR_PTR(-ENOENT);
}

bool proc_table_emit(struct file *f, struct dir_context *ctx, const struct proc_entry *table, unsigned int nr, u64 base)
{
	const struct proc_node *n = proc_node(f->inode);

	while (ctx->pos >= base && ctx->pos < base + nr) {
		const struct proc_entry *e = &table[ctx->pos - base];
		u64 ino = proc_ino(e, proc_id(n->process, n->task), 0);

		if (!ctx->emit(ctx, e->name, strlen(e->name), ino, e->mode >> 12, ctx->pos + 1))
			return false;
		ctx->pos++;
	}
	return true;
}

static struct dentry *table_lookup(struct dentry *dir, const char *name, size_t len)
{
	const struct proc_node *n = proc_node(dir->inode);

	if (proc_gone(n))
		return ERR_PTR(-ENOENT);
	return proc_table_find(dir, n->entry->table, n->entry->nr, name, len);
}

static int table_iterate(struct file *f, struct dir_context *ctx)
{
	const struct proc_node *n = proc_node(f->inode);

	if (proc_gone(n))
		return -ENOENT;
	if (dir_emit_dots(f, ctx))
		proc_table_emit(f, ctx, n->entry->table, n->entry->nr, POS_TABLE);
	return 0;
}

const struct inode_ops proc_table_ops = { .lookup = table_lookup, .free = proc_node_free };
const struct file_ops proc_table_fops = { .iterate = table_iterate, .lseek = generic_lseek };

/* ---- /proc ---- */

static struct dentry *root_lookup(struct dentry *dir, const char *name, size_t len)
{
	struct dentry *d = proc_table_find(dir, proc_root_table, proc_root_nr, name, len);

	return d == ERR_PTR(-ENOENT) ? proc_pid_lookup(dir, name, len) : d;
}

static int root_iterate(struct file *f, struct dir_context *ctx)
{
	if (!dir_emit_dots(f, ctx) || !proc_table_emit(f, ctx, proc_root_table, proc_root_nr, POS_TABLE))
		return 0;
	ctx->pos = max(ctx->pos, (u64)POS_PIDS);
	return proc_pid_iterate(ctx, POS_PIDS);
}

static const struct inode_ops root_ops = { .lookup = root_lookup, .free = proc_node_free };
static const struct file_ops root_fops = { .iterate = root_iterate, .lseek = generic_lseek };
static const struct proc_entry root_entry = PROC_DIR("", 0555, &root_ops, &root_fops);

struct super *procfs_create(void)
{
	struct super *s = super_create("proc", "proc", ",relatime", PROC_SUPER_MAGIC);
	struct inode *inode;

	node_cache = kmem_cache_create("proc_node", sizeof(struct proc_node), 8);
	if (!s)
		return NULL;
	s->dynamic = true;
	loadavg_start();
	inode = make_inode(s, &root_entry, NULL, NULL, 0);
	s->root = inode ? dentry_create(NULL, "", 0, inode, 0) : NULL;
	if (!s->root)
		return NULL;
	return s;
}
