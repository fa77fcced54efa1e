/*
 * The first files: a cpio archive ("newc", as mkinitcpio and friends make it) is unpacked into the root.
 *
 *	header   110 bytes: magic "070701" (or "070702", with a checksum nobody uses), then 13 numbers of 8 hex digits
 *	name     with its NUL, header and name together padded to 4 bytes
 *	data     padded to 4 bytes
 *	...      the last name is "TRAILER!!!"; after zeroes another archive may follow
 *
 * Several names with one inode number and more than one link are hard links; the data is with the last of them, as
 * GNU cpio writes it. Directories that the archive does not mention are made.
 *
 * A damaged archive gets one sentence with the place, and what came before it stays.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/timer.h"
#include "mm/slab.h"

#define HEADER 110
#define TRAILER "TRAILER!!!"

struct cpio {
	const char *start;
	size_t size, at;
	u64 archive; /* which one of several: inode numbers are per archive */
};

struct entry {
	u64 ino, mode, uid, gid, nlink, mtime, size, rmajor, rminor, namesize;
	const char *name, *data;
};

/* Hard links seen so far, until their data comes. */
struct linked {
	struct list_head node;
	u64 archive, ino;
	struct inode *inode;
};

static LIST_HEAD(linked_files);

/* ---- Reading ---- */

static int hex8(const char *s, u64 *value)
{
	*value = 0;
	for (int i = 0; i < 8; i++) {
		char c = s[i] | 0x20;

		if (is_digit(s[i]))
			*value = *value << 4 | (s[i] - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (c - 'a' + 10);
		else
			return -EINVAL;
	}
	return 0;
}

static int damaged(const struct cpio *c, const char *what)
{
	pr_err("initrd: %s at byte %zu of %zu", what, c->at, c->size);
	return -EINVAL;
}

static int parse_header(struct cpio *c, struct entry *e)
{
	const char *h = c->start + c->at;
	u64 f[13];

	if (c->size - c->at < HEADER)
		return damaged(c, "the archive ends inside a header");
	if (memcmp(h, "070701", 6) != 0 && memcmp(h, "070702", 6) != 0)
		return damaged(c, "no cpio header (\"newc\" is what this kernel reads, not compressed)");
	for (int i = 0; i < 13; i++)
		if (hex8(h + 6 + 8 * i, &f[i]))
			return damaged(c, "a header with something else than hexadecimal digits");
	*e = (struct entry){ .ino = f[0], .mode = f[1], .uid = f[2], .gid = f[3], .nlink = f[4], .mtime = f[5],
			     .size = f[6], .rmajor = f[9], .rminor = f[10], .namesize = f[11] };
	return 0;
}

/* The entry at c->at; moves behind it. */
static int next_entry(struct cpio *c, struct entry *e)
{
	size_t name_end, data_end;
	int err = parse_header(c, e);

	if (err)
		return err;
	name_end = ALIGN_UP(c->at + HEADER + e->namesize, 4UL);
	data_end = name_end + e->size;
	if (!e->namesize || e->namesize > PATH_MAX || name_end > c->size || c->start[c->at + HEADER + e->namesize - 1])
		return damaged(c, "a file name that does not end");
	if (data_end > c->size)
		return damaged(c, "a file longer than the archive");
	e->name = c->start + c->at + HEADER;
	e->data = c->start + name_end;
	c->at = min(ALIGN_UP(data_end, 4UL), c->size);
	return 0;
}

/* ---- Making files ---- */

/* The directory that the last component of *name lies in, made where missing; *name becomes the component. */
static struct dentry *directory_of(const char **name)
{
	struct dentry *dir = root_dentry;
	const char *slash;

	for (;;) {
		char part[NAME_MAX + 1];
		size_t len;

		while (**name == '/' || (**name == '.' && ((*name)[1] == '/' || !(*name)[1])))
			(*name)++;
		slash = strchr(*name, '/');
		if (!slash)
			return dir;
		len = slash - *name;
		if (len > NAME_MAX || (len == 2 && !memcmp(*name, "..", 2)))
			return NULL;
		memcpy(part, *name, len);
		part[len] = 0;
		dir = tree_mkdir(dir, part, 0755);
		if (!dentry_is_dir(dir))
			return NULL;
		if (dir->covered_by)
			dir = dir->covered_by;
		*name = slash;
	}
}

static void set_attributes(struct inode *inode, const struct entry *e)
{
	inode->mode = (inode->mode & S_IFMT) | (e->mode & 07777);
	inode->uid = e->uid;
	inode->gid = e->gid;
	inode->mtime = inode->atime = e->mtime * NSEC_PER_SEC;
}

static int fill_file(struct inode *inode, const struct entry *e)
{
	long n;

	if (!e->size)
		return 0;
	mutex_lock(&inode->lock);
	mapping_truncate(inode->mapping, 0);
	n = mapping_write(inode->mapping, e->data, e->size, 0);
	mutex_unlock(&inode->lock);
	return n == (long)e->size ? 0 : -ENOMEM;
}

static struct inode *find_linked(const struct cpio *c, const struct entry *e)
{
	struct linked *l;

	list_for_each_entry(l, &linked_files, node)
		if (l->archive == c->archive && l->ino == e->ino)
			return inode_get(l->inode);
	return NULL;
}

static void remember_linked(const struct cpio *c, const struct entry *e, struct inode *inode)
{
	struct linked *l = kmalloc(sizeof(*l));

	if (!l)
		return; /* the names become files of their own */
	*l = (struct linked){ .archive = c->archive, .ino = e->ino, .inode = inode_get(inode) };
	list_add(&l->node, &linked_files);
}

static void forget_linked(void)
{
	struct linked *l, *tmp;

	list_for_each_entry_safe(l, tmp, &linked_files, node) {
		inode_put(l->inode);
		kfree(l);
	}
	list_init(&linked_files);
}

/* What the entry names, new or a further name of something known. => NULL: no memory, or a kind we do not have */
static struct inode *entry_inode(const struct cpio *c, const struct entry *e)
{
	struct super *s = root_dentry->inode->super;
	struct inode *inode = NULL;
	char *target = NULL;

	if (!S_ISDIR(e->mode) && e->nlink > 1) {
		inode = find_linked(c, e);
		if (inode) {
			inode->nlink++;
			return inode;
		}
	}
	if (S_ISLNK(e->mode)) {
		target = kzalloc(e->size + 1);
		if (!target)
			return NULL;
		memcpy(target, e->data, e->size);
	}
	inode = ramfs_inode(s, e->mode & (S_IFMT | 07777), e->rmajor << 8 | e->rminor, target);
	kfree(target);
	if (inode && !S_ISDIR(e->mode) && e->nlink > 1)
		remember_linked(c, e, inode);
	return inode;
}

/* A name that is there already is replaced, unless it is a directory: archives may be appended to override files. */
static void remove_old(struct dentry *dir, const char *name, const struct entry *e)
{
	struct dentry *old;

	mutex_lock(&dir->inode->lock);
	old = dentry_child(dir, name, strlen(name));
	if (old && !(dentry_is_dir(old) && S_ISDIR(e->mode)) && (!dentry_is_dir(old) || rb_empty(&old->inode->children)) &&
	    !old->covered_by)
		perform_unlink(dir, old);
	mutex_unlock(&dir->inode->lock);
}

static int make_entry(const struct cpio *c, const struct entry *e)
{
	const char *name = e->name;
	struct dentry *dir = directory_of(&name), *d;
	struct inode *inode;

	if (!dir || strlen(name) > NAME_MAX || !strcmp(name, ".."))
		return damaged(c, "an impossible file name before the entry that ends");
	if (!*name || !strcmp(name, ".")) { /* the root itself */
		set_attributes(root_dentry->inode, e);
		return 0;
	}
	inode = entry_inode(c, e);
	if (!inode)
		return -ENOMEM;
	remove_old(dir, name, e);
	d = tree_add(dir, name, inode);
	if (d->covered_by)
		return 0; /* /dev, /proc, /sys: ours */
	set_attributes(d->inode, e);
	return S_ISREG(d->inode->mode) && S_ISREG(e->mode) ? fill_file(d->inode, e) : 0;
}

/* ---- The archive, or several behind each other ---- */

static int unpack(struct cpio *c)
{
	while (c->at < c->size) {
		struct entry e;
		int err;

		if (!c->start[c->at]) { /* padding between archives */
			c->at++;
			continue;
		}
		err = next_entry(c, &e);
		if (err)
			return err;
		if (!strcmp(e.name, TRAILER)) {
			c->archive++;
			continue;
		}
		err = make_entry(c, &e);
		if (err == -ENOMEM)
			pr_err("initrd: no memory left for %s", e.name);
		if (err)
			return err;
	}
	return c->archive ? 0 : damaged(c, "the archive has no end record: it was cut");
}

int initrd_unpack(const void *image, size_t size)
{
	struct cpio c = { .start = image, .size = size };
	int err = unpack(&c);

	forget_linked();
	return err;
}
