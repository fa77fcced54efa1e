/*
 * File systems and where they are mounted.
 *
 *	/ (ramfs "rootfs")           dentry "proc" --covered_by--> root of procfs
 *	|-- bin, etc ...                parent: /                    parent: /, name: "proc"
 *	|-- dev   <- devfs           The covering root takes over parent and name, so a walk up or a path
 *	|-- proc  <- procfs          never needs to know what is a mount.
 *	+-- sys   <- sysfs
 *
 * The four are there before the first process. mount(2) can add tmpfs on any directory (mount.c) and umount2(2)
 * takes it away when nobody uses it.
 *
 * mounts_lock protects the list and changes of covered_by; tree_lock lets walkers read that field.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/uapi/statfs.h"
#include "mm/slab.h"

#define PIPEFS_NAME "pipefs"

LIST_HEAD(mounts);
struct mutex mounts_lock;

static struct super *anonymous; /* pipes and other files without a place in the tree */
static u32 next_minor = 1, next_id = 1;

struct super *super_create(const char *type, const char *source, const char *options, u32 magic)
{
	struct super *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->type = type;
	strlcpy(s->source, source, sizeof(s->source));
	s->options = options;
	s->magic = magic;
	s->dev = __atomic_fetch_add(&next_minor, 1, __ATOMIC_RELAXED) & 0xff;
	s->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
	s->next_ino = 1;
	list_init(&s->node);
	return s;
}

u64 super_next_ino(struct super *s)
{
	return __atomic_fetch_add(&s->next_ino, 1, __ATOMIC_RELAXED);
}

struct super *anon_super(void)
{
	return anonymous;
}

/* The root gets the covered directory's name and parent, as readers of tree_lock see them. */
static int take_place(struct dentry *root, struct dentry *on)
{
	struct dentry *parent = dentry_up(on, NULL);
	char *room = dentry_name_room(root, on->len);

	if (!room) {
		dentry_put(parent);
		return -ENOMEM;
	}
	spin_lock(&tree_lock);
	memcpy(room, on->name, on->len + 1);
	root->name = room;
	root->len = on->len;
	root->parent = parent;
	on->covered_by = root;
	spin_unlock(&tree_lock);
	dentry_get(root);
	dentry_get(on);
	return 0;
}

int super_mount(struct super *s, struct dentry *on)
{
	int err = 0;

	mutex_lock(&mounts_lock);
	if (!dentry_is_dir(on))
		err = -ENOTDIR;
	else if (on->covered_by || (on->flags & (DENTRY_DELETED | DENTRY_DYNAMIC)))
		err = on->covered_by ? -EBUSY : -ENOENT;
	else
		err = take_place(s->root, on);
	if (!err) {
		s->covers = on;
		list_add_tail(&s->node, &mounts);
	}
	mutex_unlock(&mounts_lock);
	return err;
}

/* Forget a file system whose root nobody uses any more. => not mounted */
void super_destroy(struct super *s)
{
	assert(list_empty(&s->node));
	dentry_put(s->root);
	kfree(s);
}

/* ---- Building trees at boot ---- */

struct dentry *tree_add(struct dentry *dir, const char *name, struct inode *inode)
{
	size_t len = strlen(name);
	struct dentry *d;

	if (!inode)
		panic("no memory for the first files");
	mutex_lock(&dir->inode->lock);
	d = dentry_child(dir, name, len);
	if (d) {
		inode_put(inode);
	} else {
		d = dentry_create(dir, name, len, inode, 0);
		if (!d)
			panic("no memory for the first files");
		dentry_link(dir, d);
		if (S_ISDIR(inode->mode))
			dir->inode->nlink++;
		dentry_put(d); /* the tree has its own */
	}
	mutex_unlock(&dir->inode->lock);
	return d;
}

struct dentry *tree_mkdir(struct dentry *dir, const char *name, u32 mode)
{
	return tree_add(dir, name, ramfs_inode(dir->inode->super, S_IFDIR | mode, 0, NULL));
}

static void mount_at_boot(struct super *s, struct dentry *dir, const char *name)
{
	if (!s || super_mount(s, tree_mkdir(dir, name, 0755)))
		panic("no memory to mount /%s", name);
}

/* Where shm_open(3) puts its objects. */
static void mount_shm(struct super *dev)
{
	struct super *shm = ramfs_create("tmpfs", "tmpfs", ",relatime", TMPFS_MAGIC);

	if (shm)
		shm->root->inode->mode |= 01777;
	mount_at_boot(shm, dev->root, "shm");
}

void vfs_init(void)
{
	struct super *root, *dev;

	mutex_init(&mounts_lock, RANK_FILE_POS);
	inode_boot();
	dentry_boot();
	fd_boot();
	pipe_boot();
	locks_boot();
	fs_context_boot();
	file_boot();
	anonymous = super_create(PIPEFS_NAME, "none", "", PIPEFS_MAGIC);
	root = ramfs_create("rootfs", "rootfs", "", RAMFS_MAGIC);
	if (!root || !anonymous)
		panic("no memory for the root file system");
	root_dentry = dentry_get(root->root);
	list_add_tail(&root->node, &mounts);
	mount_at_boot(procfs_create(), root_dentry, "proc");
	mount_at_boot(sysfs_create(), root_dentry, "sys");
	dev = devfs_create();
	mount_at_boot(dev, root_dentry, "dev");
	mount_shm(dev);
}
