/*
 * /proc/sys: the sysctls as a tree. "vm.overcommit_memory" is the file overcommit_memory in the directory vm.
 *
 *	node of a directory   sysctl: any whose name begins with the directory's; number: length of that beginning
 *	vm.                   [vm.]overcommit_memory   3
 *	node of a file        sysctl: it
 *
 * A directory is there because a name has it. Entries are listed in the table's order, each component at its first.
 * A few texts that Linux has there are no switches: they stand in a table of their own, for kernel/.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/sysctl.h"
#include "kernel/uts.h"

#define POS_FIRST 2
#define POS_TEXTS (1UL << 20) /* behind all sysctls */
#define VALUE_MAX 64	      /* bytes of a value as text */

static const struct proc_entry dir_entry = PROC_DIR("", 0555, &proc_sys_ops, &proc_sys_fops);

/* ---- Texts ---- */

static int ostype(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_printf(s, "%s\n", uts_name.sysname);
	return 0;
}

static int osrelease(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_printf(s, "%s\n", uts_name.release);
	return 0;
}

static int version(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_printf(s, "%s\n", uts_name.version);
	return 0;
}

static int hostname(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_printf(s, "%s\n", uts_name.nodename);
	return 0;
}

static int domainname(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_printf(s, "%s\n", uts_name.domainname);
	return 0;
}

static const struct proc_entry kernel_texts[] = {
	PROC_TEXT("domainname", 0444, domainname), PROC_TEXT("hostname", 0444, hostname),
	PROC_TEXT("osrelease", 0444, osrelease),   PROC_TEXT("ostype", 0444, ostype),
	PROC_TEXT("version", 0444, version),
};

/* ---- Switches ---- */

static int value_show(struct seq *s, struct proc_node *n)
{
	char text[VALUE_MAX];

	sysctl_format(n->sysctl, text, sizeof(text));
	seq_puts(s, text);
	return 0;
}

/* The whole value comes in one write. */
static long value_write(struct file *f, struct uio *u, u64 *pos)
{
	const struct sysctl *sysctl = proc_node(f->inode)->sysctl;
	char text[VALUE_MAX];
	size_t n = u->resid;
	int err;

	(void)pos;
	if (!(sysctl->mode & 0222))
		return -EPERM;
	if (n >= sizeof(text))
		return -EINVAL;
	if (uio_read(u, text, n) != n)
		return -EFAULT;
	text[n] = '\0';
	err = sysctl_set(sysctl->name, text);
	return err ? err : (long)n;
}

static const struct file_ops value_fops = PROC_TEXT_FOPS(value_write);
static const struct proc_entry value_entry = { .mode = S_IFREG | 0444, .show = value_show, .fops = &value_fops };

/* ---- Directories ---- */

/* What follows the directory's name in c's, when c lies in it. => NULL: it does not */
static const char *below(const struct proc_node *dir, const struct sysctl *c)
{
	if (dir->number && strncmp(c->name, dir->sysctl->name, dir->number) != 0)
		return NULL;
	return c->name + dir->number;
}

static size_t component(const char *rest)
{
	const char *dot = strchr(rest, '.');

	return dot ? (size_t)(dot - rest) : strlen(rest);
}

static bool is_kernel_dir(const struct proc_node *dir)
{
	return dir->number == 7 && strncmp(dir->sysctl->name, "kernel.", 7) == 0;
}

/* The dentry for sysctl number i, or for the directory on the way to it. */
static struct dentry *make(struct dentry *dir, const char *name, size_t len, size_t i, const char *rest)
{
	const struct sysctl *c = sysctl_nth(i);
	bool leaf = !rest[len];
	struct dentry *d = proc_make(dir, name, len, leaf ? &value_entry : &dir_entry, NULL, NULL, i + 1);
	struct proc_node *n;

	if (IS_ERR(d))
		return d;
	n = proc_node(d->inode);
	n->sysctl = c;
	n->number = (u64)(rest - c->name) + len + 1;
	if (leaf)
		d->inode->mode = S_IFREG | c->mode;
	return d;
}

static struct dentry *sys_lookup(struct dentry *dir, const char *name, size_t len)
{
	const struct proc_node *n = proc_node(dir->inode);
	const struct sysctl *c;

	for (size_t i = 0; (c = sysctl_nth(i)); i++) {
		const char *rest = below(n, c);

		if (rest && component(rest) == len && memcmp(rest, name, len) == 0)
			return make(dir, name, len, i, rest);
	}
	if (is_kernel_dir(n))
		return proc_table_find(dir, kernel_texts, ARRAY_SIZE(kernel_texts), name, len);
	return ERR_PTR(-ENOENT);
}

/* Has an entry before number i the component `rest` begins with? */
static bool seen_before(const struct proc_node *n, size_t i, const char *rest)
{
	size_t len = component(rest);

	for (size_t j = 0; j < i; j++) {
		const char *other = below(n, sysctl_nth(j));

		if (other && component(other) == len && memcmp(other, rest, len) == 0)
			return true;
	}
	return false;
}

static int sys_iterate(struct file *f, struct dir_context *ctx)
{
	const struct proc_node *n = proc_node(f->inode);
	const struct sysctl *c;

	if (!dir_emit_dots(f, ctx))
		return 0;
	for (; ctx->pos < POS_TEXTS && (c = sysctl_nth(ctx->pos - POS_FIRST)); ctx->pos++) {
		size_t i = ctx->pos - POS_FIRST, len;
		const char *rest = below(n, c);
		const struct proc_entry *e;

		if (!rest || seen_before(n, i, rest))
			continue;
		len = component(rest);
		e = rest[len] ? &dir_entry : &value_entry;
		if (!ctx->emit(ctx, rest, len, proc_ino(e, 0, i + 1), e->mode >> 12, ctx->pos + 1))
			return 0;
	}
	ctx->pos = max(ctx->pos, POS_TEXTS);
	if (is_kernel_dir(n))
		proc_table_emit(f, ctx, kernel_texts, ARRAY_SIZE(kernel_texts), POS_TEXTS);
	return 0;
}

const struct inode_ops proc_sys_ops = { .lookup = sys_lookup, .free = proc_node_free };
const struct file_ops proc_sys_fops = { .iterate = sys_iterate, .lseek = generic_lseek };
