/*
 * Names: the tree of dentries (F1..F3 in vfs.h).
 *
 *	parent <------ dentry ------> inode
 *	  |  children: by name            a dentry in the tree: the tree holds one reference,
 *	  +-- order: by age               each user one, each child one
 *
 * A directory lists its names by age, and a name's cookie - its number in that order - is the position that
 * getdents reports. Removing names while listing therefore neither repeats nor skips others.
 *
 * Going up (paths, "..") reads parent and name under tree_lock, going down needs the directory's inode lock.
 * rename changes both, holding both.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "mm/slab.h"

struct spinlock tree_lock = SPINLOCK_INIT(RANK_LEAF);
struct mutex rename_mutex;
struct dentry *root_dentry;

static struct kmem_cache *dentry_cache;

void dentry_boot(void)
{
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 8);
	mutex_init(&rename_mutex, RANK_FILE_POS);
}

/* ---- Lifetime ---- */

static char *set_name(struct dentry *d, const char *name, size_t len)
{
	char *text = len < DENTRY_INLINE ? d->inline_name : kmalloc(len + 1);

	if (!text)
		return NULL;
	memcpy(text, name, len);
	text[len] = 0;
	d->name = text;
	d->len = len;
	return text;
}

struct dentry *dentry_create(struct dentry *parent, const char *name, size_t len, struct inode *inode, u32 flags)
{
	struct dentry *d = kmem_cache_alloc(dentry_cache);

	if (!d || !set_name(d, name, len)) {
		if (d)
			kmem_cache_free(dentry_cache, d);
		inode_put(inode);
		return NULL;
	}
	atomic_set(&d->refs, 1);
	d->flags = flags;
	d->inode = inode;
	d->parent = parent ? dentry_get(parent) : d;
	d->covered_by = NULL;
	d->cookie = 0;
	list_init(&d->entry);
	return d;
}

struct dentry *dentry_get(struct dentry *d)
{
	assert(atomic_read(&d->refs) > 0);
	atomic_inc(&d->refs);
	return d;
}

/* A chain of parents may go with the last child: a loop, not recursion. */
void dentry_put(struct dentry *d)
{
	while (d) {
		struct dentry *parent;

		assert(atomic_read(&d->refs) > 0);
		if (!atomic_dec_and_test(&d->refs))
			return;
		parent = d->parent;
		assert(list_empty(&d->entry) && !d->covered_by);
		inode_put(d->inode);
		if (d->name != d->inline_name)
			kfree((char *)d->name);
		kmem_cache_free(dentry_cache, d);
		d = parent == d ? NULL : parent;
	}
}

/* ---- Children ---- */

static int compare(const char *name, size_t len, const struct dentry *d)
{
	int c = memcmp(name, d->name, min(len, (size_t)d->len));

	return c ? c : (int)len - (int)d->len;
}

struct dentry *dentry_child(struct dentry *dir, const char *name, size_t len)
{
	struct rb_node *n = dir->inode->children.node;

	assert_mutex_held(&dir->inode->lock);
	while (n) {
		struct dentry *d = rb_entry(n, struct dentry, node);
		int c = compare(name, len, d);

		if (!c)
			return d;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

static void insert_child(struct inode *dir, struct dentry *d)
{
	struct rb_node **link = &dir->children.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = compare(d->name, d->len, rb_entry(parent, struct dentry, node)) < 0 ? &parent->left :
											    &parent->right;
	}
	rb_insert(&dir->children, &d->node, parent, link, NULL);
	d->cookie = dir->next_cookie++;
	list_add_tail(&d->entry, &dir->order);
}

void dentry_link(struct dentry *dir, struct dentry *d)
{
	assert_mutex_held(&dir->inode->lock);
	assert(d->parent == dir && list_empty(&d->entry));
	insert_child(dir->inode, dentry_get(d));
	d->flags &= ~DENTRY_DELETED;
}

static void remove_child(struct inode *dir, struct dentry *d)
{
	rb_erase(&dir->children, &d->node, NULL);
	list_del(&d->entry);
}

void dentry_unlink(struct dentry *d)
{
	assert_mutex_held(&d->parent->inode->lock);
	remove_child(d->parent->inode, d);
	spin_lock(&tree_lock);
	d->flags |= DENTRY_DELETED;
	spin_unlock(&tree_lock);
	dentry_put(d);
}

/* Make room for a name that d is to get. => NULL: no memory; d->inline_name means: fits inside */
char *dentry_name_room(struct dentry *d, size_t len)
{
	return len < DENTRY_INLINE ? d->inline_name : kmalloc(len + 1);
}

/* d, in no directory's children now, gets another parent and name, in room from dentry_name_room(). */
static void set_place(struct dentry *d, struct dentry *dir, const char *name, size_t len, char *room)
{
	struct dentry *old_parent = d->parent;
	const char *old_name = d->name;

	dentry_get(dir);
	spin_lock(&tree_lock);
	memmove(room, name, len);
	room[len] = 0;
	d->name = room;
	d->len = len;
	d->parent = dir;
	spin_unlock(&tree_lock);
	if (old_name != d->inline_name && old_name != room)
		kfree((char *)old_name);
	dentry_put(old_parent);
}

/* d, in the tree, goes to another directory and gets another name. Cannot fail.
 * => both directories locked, rename_mutex held */
void dentry_move(struct dentry *d, struct dentry *dir, const char *name, size_t len, char *room)
{
	remove_child(d->parent->inode, d);
	set_place(d, dir, name, len, room);
	insert_child(dir->inode, d);
}

/* Two dentries in the tree take each other's place. => as above */
void dentry_swap(struct dentry *a, struct dentry *b, char *a_room, char *b_room)
{
	struct dentry *a_dir = a->parent, *b_dir = b->parent;
	char a_name[NAME_MAX + 1], b_name[NAME_MAX + 1];
	size_t a_len = a->len, b_len = b->len;

	memcpy(a_name, a->name, a_len);
	memcpy(b_name, b->name, b_len);
	remove_child(a_dir->inode, a);
	remove_child(b_dir->inode, b);
	set_place(a, b_dir, b_name, b_len, a_room);
	set_place(b, a_dir, a_name, a_len, b_room);
	insert_child(b_dir->inode, a);
	insert_child(a_dir->inode, b);
}

struct dentry *dentry_lookup(struct dentry *dir, const char *name, size_t len)
{
	struct inode *inode = dir->inode;
	struct dentry *d;

	if (inode->ops && inode->ops->lookup)
		return inode->ops->lookup(dir, name, len);
	mutex_lock(&inode->lock);
	d = dentry_child(dir, name, len);
	if (d)
		dentry_get(d);
	mutex_unlock(&inode->lock);
	return d ? d : ERR_PTR(-ENOENT);
}

/* ---- Upwards ---- */

struct dentry *dentry_up(struct dentry *d, struct dentry *root)
{
	struct dentry *up;

	spin_lock(&tree_lock);
	up = dentry_get(d == root ? d : d->parent);
	spin_unlock(&tree_lock);
	return up;
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
	assert_spin_held(&tree_lock);
	while (d != ancestor && d->parent != d)
		d = d->parent;
	return d == ancestor;
}

/* Writes "/name" in front of *at. => false: no room */
static bool prepend(char *buf, char **at, const char *name, size_t len)
{
	if ((size_t)(*at - buf) < len + 1)
		return false;
	*at -= len;
	memcpy(*at, name, len);
	*--*at = '/';
	return true;
}

char *dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t size, bool *unreachable)
{
	char *at = buf + size - 1;
	bool fits = true;

	*at = 0;
	spin_lock(&tree_lock);
	for (; fits && d != root && d->parent != d; d = d->parent)
		fits = prepend(buf, &at, d->name, d->len);
	spin_unlock(&tree_lock);
	if (!fits || at == buf)
		return ERR_PTR(-ENAMETOOLONG);
	*unreachable = d != root;
	if (!*at)
		*--at = '/';
	return at;
}
