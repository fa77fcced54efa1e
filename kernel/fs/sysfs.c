/*
 * sysfs: a fixed tree of small texts.
 *
 *	/sys/kernel/mm/quire/check      a write runs mm_check(), a read tells what the last run found
 *	                     memmap     physical memory, one character a frame
 *	                     ledger     what all address spaces cost the kernel
 *	/sys/devices/system/cpu/online, possible, present, cpu<n>/
 *
 * The directories are a tree like ramfs's, made at boot and never changed. What is Linux's is complete or absent:
 * programs do not expect half a directory.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/uapi/statfs.h"
#include "mm/proc_mm.h"

struct attribute {
	const char *name;
	u32 mode;
	text_fn *text;
	void (*written)(void); /* NULL: read only */
};

/* ---- Texts ---- */

/* A text that is made at once. => 1, or 0 when it has been */
static int whole(struct seq *s, u64 *cookie, int (*show)(struct seq *s))
{
	int err;

	if (*cookie)
		return 0;
	*cookie = 1;
	err = show(s);
	return err ? err : 1;
}

static int cpu_range(struct seq *s)
{
	unsigned int last = cpu_count() - 1;

	if (last)
		seq_printf(s, "0-%u\n", last);
	else
		seq_puts(s, "0\n");
	return 0;
}

static int cpus(struct seq *s, void *obj, u64 *cookie)
{
	(void)obj;
	return whole(s, cookie, cpu_range);
}

static int check(struct seq *s, void *obj, u64 *cookie)
{
	(void)obj;
	return whole(s, cookie, sys_check_show);
}

static int ledger(struct seq *s, void *obj, u64 *cookie)
{
	(void)obj;
	return whole(s, cookie, sys_ledger);
}

static int memmap(struct seq *s, void *obj, u64 *cookie)
{
	(void)obj;
	return sys_memmap_next(s, cookie);
}

static const struct attribute cpu_attributes[] = {
	{ "online", 0444, cpus, NULL },
	{ "possible", 0444, cpus, NULL },
	{ "present", 0444, cpus, NULL },
};

static const struct attribute quire_attributes[] = {
	{ "check", 0644, check, sys_check_run },
	{ "ledger", 0444, ledger, NULL },
	{ "memmap", 0444, memmap, NULL },
};

/* ---- Files ---- */

static int attribute_open(struct inode *inode, struct file *f)
{
	const struct attribute *a = inode->private;

	return text_open(f, a->text, NULL);
}

static long attribute_write(struct file *f, struct uio *u, u64 *pos)
{
	const struct attribute *a = f->inode->private;
	size_t n = u->resid;
	char value[64];

	(void)pos;
	if (!a->written)
		return -EIO;
	if (n > sizeof(value))
		return -EINVAL;
	if (uio_read(u, value, n) != n) /* what is written means nothing, but it must be there */
		return -EFAULT;
	a->written();
	return (long)n;
}

static const struct file_ops attribute_fops = {
	.open = attribute_open,
	.read = text_read,
	.write = attribute_write,
	.lseek = text_lseek,
	.release = text_release,
};

static void add_attributes(struct dentry *dir, const struct attribute *a, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct inode *inode = ramfs_inode(dir->inode->super, S_IFREG | a[i].mode, 0, NULL);

		if (inode) {
			inode->fops = &attribute_fops;
			inode->private = (void *)&a[i];
		}
		tree_add(dir, a[i].name, inode);
	}
}

/* ---- The tree ---- */

static struct dentry *make_path(struct dentry *at, const char *const *names)
{
	for (; *names; names++)
		at = tree_mkdir(at, *names, 0755);
	return at;
}

static void add_cpus(struct dentry *dir)
{
	char name[16];

	add_attributes(dir, cpu_attributes, ARRAY_SIZE(cpu_attributes));
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		snprintf(name, sizeof(name), "cpu%u", cpu);
		tree_mkdir(dir, name, 0755);
	}
}

struct super *sysfs_create(void)
{
	static const char *const quire[] = { "kernel", "mm", "quire", NULL };
	static const char *const cpu[] = { "devices", "system", "cpu", NULL };
	struct super *s = ramfs_create("sysfs", "sysfs", ",relatime", SYSFS_MAGIC);
	struct dentry *dir;

	if (!s)
		return NULL;
	dir = make_path(s->root, quire);
	add_attributes(dir, quire_attributes, ARRAY_SIZE(quire_attributes));
	add_cpus(make_path(s->root, cpu));
	s->dynamic = true; /* from now on it cannot be changed */
	return s;
}
