/*
 * /proc/<pid>/mounts and mountinfo: the file systems that the process can reach from its root, in the order in which they
 * were mounted.
 *
 * mounts_lock keeps the list still. It has the rank of a file's position, which the reader may hold, and is taken inside
 * it: whoever holds mounts_lock takes no position.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "mm/slab.h"

/* A word of a line: what would end it is escaped. */
static void put_word(struct seq *s, const char *word)
{
	for (; *word; word++) {
		if (strchr(" \t\n\\", *word))
			seq_printf(s, "\\%03o", (unsigned char)*word);
		else
			seq_putc(s, *word);
	}
}

static void put_mount(struct seq *s, const struct super *m, const char *path)
{
	put_word(s, m->source[0] ? m->source : "none");
	seq_putc(s, ' ');
	put_word(s, path);
	seq_printf(s, " %s %s%s 0 0\n", m->type, m->readonly ? "ro" : "rw", m->options);
}

/* id parent device root place options - type source options-of-the-file-system */
static void put_mountinfo(struct seq *s, const struct super *m, const char *path)
{
	u32 parent = m->covers ? m->covers->inode->super->id : m->id;
	const char *access = m->readonly ? "ro" : "rw";

	seq_printf(s, "%u %u %u:%u / ", m->id, parent, m->dev >> 8, m->dev & 0xff);
	put_word(s, path);
	seq_printf(s, " %s%s - %s ", access, strstr(m->options, ",relatime") ? ",relatime" : "", m->type);
	put_word(s, m->source[0] ? m->source : "none");
	seq_printf(s, " %s\n", access);
}

static void put_all(struct seq *s, struct dentry *root, char *page,
		    void (*put)(struct seq *s, const struct super *m, const char *path))
{
	struct super *m;

	mutex_lock_nested(&mounts_lock);
	list_for_each_entry(m, &mounts, node) {
		bool unreachable = false;
		const char *path = dentry_path(m->root, root, page, PATH_MAX, &unreachable);

		if (!IS_ERR(path) && !unreachable)
			put(s, m, path);
	}
	mutex_unlock(&mounts_lock);
}

static int show(struct seq *s, struct proc_node *n,
		void (*put)(struct seq *s, const struct super *m, const char *path))
{
	struct fs_context *fs = proc_fs_get(n);
	char *page = kmalloc(PATH_MAX);
	struct dentry *root;

	if (fs && page) {
		spin_lock(&fs->lock);
		root = dentry_get(fs->root);
		spin_unlock(&fs->lock);
		put_all(s, root, page, put);
		dentry_put(root);
	}
	kfree(page);
	if (fs)
		fs_put(fs);
	return !fs ? -EINVAL : page ? 0 : -ENOMEM;
}

int proc_mounts(struct seq *s, struct proc_node *n)
{
	return show(s, n, put_mount);
}

int proc_mountinfo(struct seq *s, struct proc_node *n)
{
	return show(s, n, put_mountinfo);
}
