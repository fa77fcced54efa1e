/*
 * /proc/sys: the sysctls as a tree. "vm.overcommit_memory" is the file overcommit_memory in the directory vm.
 *
 *	node of a directory   sysctl: any whose name begins with the directory's; number: length of that beginning
 *	vm.                   [vm.]overcommit_memory   3
 *	node of a file        sysctl: it
 *
 * A directory is there because a name has it. Entries are listed in the table's order, each component at its first.
 * A few texts that Linux has there are no switches: they are sysctls with a function instead of a value.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/random.h"
#include "kernel/sysctl.h"
#include "kernel/uts.h"

#define POS_FIRST 2
#define VALUE_MAX 128 /* bytes of a value as text */

static const struct proc_entry dir_entry = PROC_DIR("", 0555, &proc_sys_ops, &proc_sys_fops);

/* ---- Texts that Linux has here ---- */

#define TEXT(ident, name_, value_)                                                                 \
	static int ident##_text(char *buf, size_t size)                                            \
	{                                                                                          \
		return snprintf(buf, size, "%s\n", value_);                                        \
	}                                                                                          \
	SYSCTL(ident, .name = name_, .text = ident##_text, .mode = 0444)

TEXT(ostype, "kernel.ostype", uts_name.sysname);
TEXT(osrelease, "kernel.osrelease", uts_name.release);
TEXT(version, "kernel.version", uts_name.version);
TEXT(hostname, "kernel.hostname", uts_name.nodename);
TEXT(domainname, "kernel.domainname", uts_name.domainname);
/* Limits of the interface, the same on every Linux. */
TEXT(cap_last_cap, "kernel.cap_last_cap", "40");
TEXT(ngroups_max, "kernel.ngroups_max", "65536");
TEXT(overflowuid, "kernel.overflowuid", "65534");
TEXT(overflowgid, "kernel.overflowgid", "65534");
/* There is no System V shared memory, but programs that ask how much of it there may be. */
TEXT(shmmax, "kernel.shmmax", "18446744073692774399");
TEXT(shmall, "kernel.shmall", "18446744073692774399");
TEXT(shmmni, "kernel.shmmni", "4096");
TEXT(entropy_avail, "kernel.random.entropy_avail", "256");
TEXT(poolsize, "kernel.random.poolsize", "256");

struct uuid {
	u8 b[16];
};

/* Version 4, variant 1: random but for six bits (RFC 9562, 5.4). */
static void make_uuid(struct uuid *id)
{
	random_bytes(id->b, sizeof(id->b));
	id->b[6] = (id->b[6] & 0x0f) | 0x40;
	id->b[8] = (id->b[8] & 0x3f) | 0x80;
}

static int print_uuid(char *buf, size_t size, const struct uuid *id)
{
	const u8 *b = id->b;

	return snprintf(buf, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0], b[1],
			b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static int uuid_text(char *buf, size_t size)
{
	struct uuid id;

	make_uuid(&id);
	return print_uuid(buf, size, &id);
}
SYSCTL(uuid, .name = "kernel.random.uuid", .text = uuid_text, .mode = 0444);

static int boot_id_text(char *buf, size_t size)
{
	static struct spinlock lock = SPINLOCK_INIT(RANK_LEAF);
	static struct uuid boot_id;
	struct uuid id;

	make_uuid(&id);
	spin_lock(&lock);
	if (!boot_id.b[6])
		boot_id = id;
	id = boot_id;
	spin_unlock(&lock);
	return print_uuid(buf, size, &id);
}
SYSCTL(boot_id, .name = "kernel.random.boot_id", .text = boot_id_text, .mode = 0444);

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
	for (; (c = sysctl_nth(ctx->pos - POS_FIRST)); ctx->pos++) {
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
	return 0;
}

const struct inode_ops proc_sys_ops = { .lookup = sys_lookup, .free = proc_node_free };
const struct file_ops proc_sys_fops = { .iterate = sys_iterate, .lseek = generic_lseek };
