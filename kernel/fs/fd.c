/*
 * Descriptor tables.
 *
 *	files --> slots[0..max)   struct file *, each a reference
 *	          open, cloexec   a bit per slot; a slot may be reserved: its open bit set, its file still NULL
 *
 * Only a task that shares the table changes it, so a task that has it for itself (refs == 1) looks a file up
 * without lock or reference: nobody can close it meanwhile. With other users a lookup takes the lock and a
 * reference. Others - /proc/<pid>/fd - only read, under the lock.
 *
 * files->lock is a leaf spinlock: files are released after it, and a larger table is made before it.
 *
 * Linux differs: tables are replaced under RCU and lookups are lock-free always.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "kernel/sysctl.h"
#include "kernel/task.h"
#include "kernel/uapi/resource.h"
#include "mm/slab.h"

static long nr_open = 1L << 20; /* descriptors of one process, whatever its limit says */
SYSCTL(sysctl_nr_open, .name = "fs.nr_open", .value = &nr_open, .min = 64, .max = 1L << 30, .mode = 0644);

static struct kmem_cache *files_cache;

void fd_boot(void)
{
	files_cache = kmem_cache_create("files_cache", sizeof(struct files), 8);
}

/* ---- Tables ---- */

static void use_inline(struct files *t)
{
	t->max = FILES_INLINE;
	t->slots = t->inline_slots;
	t->open = t->inline_open;
	t->cloexec = t->inline_cloexec;
}

struct files *files_create(void)
{
	struct files *t = kmem_cache_zalloc(files_cache);

	if (!t)
		return NULL;
	atomic_set(&t->refs, 1);
	spin_init(&t->lock, RANK_LEAF);
	use_inline(t);
	return t;
}

/* Slots and both bitmaps in one piece; copies what old has. */
struct fdtable {
	struct file **slots;
	unsigned long *open, *cloexec;
};

static bool table_alloc(struct fdtable *n, unsigned int max)
{
	size_t words = BITMAP_WORDS(max);
	char *mem = kzalloc(max * sizeof(struct file *) + 2 * words * sizeof(long));

	n->slots = (struct file **)mem;
	n->open = (unsigned long *)(mem + max * sizeof(struct file *));
	n->cloexec = n->open + words;
	return mem != NULL;
}

static void table_copy(struct fdtable *n, const struct files *t)
{
	memcpy(n->slots, t->slots, t->max * sizeof(struct file *));
	memcpy(n->open, t->open, t->max / 8);
	memcpy(n->cloexec, t->cloexec, t->max / 8);
}

/* Make room for descriptor fd. => 0 or -ENOMEM; lock not held */
static int files_grow(struct files *t, unsigned int fd)
{
	unsigned int max = FILES_INLINE;
	struct fdtable n;
	void *old = NULL;

	while (max <= fd)
		max *= 2;
	if (!table_alloc(&n, max))
		return -ENOMEM;
	spin_lock(&t->lock);
	if (t->max < max) {
		table_copy(&n, t);
		old = t->slots == t->inline_slots ? NULL : t->slots;
		t->slots = n.slots;
		t->open = n.open;
		t->cloexec = n.cloexec;
		t->max = max;
	} else {
		old = n.slots; /* somebody else was faster */
	}
	spin_unlock(&t->lock);
	kfree(old);
	return 0;
}

/* The copy keeps every descriptor that has a file; reserved slots are their maker's business. */
static void copy_slots(struct files *t, struct files *old)
{
	t->next_free = 0;
	for (unsigned int i = 0; i < old->max; i++) {
		struct file *f = old->slots[i];

		if (!f)
			continue;
		file_get(f);
		t->slots[i] = f;
		bitmap_set(t->open, i);
		if (bitmap_test(old->cloexec, i))
			bitmap_set(t->cloexec, i);
	}
}

struct files *files_copy(struct files *old)
{
	struct files *t = files_create();

	if (!t)
		return NULL;
	for (;;) {
		unsigned int need;

		spin_lock(&old->lock);
		need = old->max;
		if (need <= t->max) {
			copy_slots(t, old);
			spin_unlock(&old->lock);
			return t;
		}
		spin_unlock(&old->lock);
		if (files_grow(t, need - 1)) {
			files_put(t);
			return NULL;
		}
	}
}

struct files *files_get(struct files *t)
{
	atomic_inc(&t->refs);
	return t;
}

/* A file leaves the table of `t`. */
static void drop(struct files *t, struct file *f)
{
	if (f->ops->flush)
		f->ops->flush(f);
	locks_close(f, t);
	file_put(f);
}

void files_put(struct files *t)
{
	if (!atomic_dec_and_test(&t->refs))
		return;
	for (unsigned int i = 0; i < t->max; i++)
		if (t->slots[i])
			drop(t, t->slots[i]);
	if (t->slots != t->inline_slots)
		kfree(t->slots);
	kmem_cache_free(files_cache, t);
}

/* ---- Looking up ---- */

struct file *files_file(struct files *t, int fd)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if ((unsigned int)fd < t->max)
		f = t->slots[fd];
	if (f)
		file_get(f);
	spin_unlock(&t->lock);
	return f;
}

struct fdref fd_ref_any(int fd)
{
	struct files *t = current->files;

	if (unlikely(atomic_read(&t->refs) != 1)) {
		struct file *f = files_file(t, fd);

		return (struct fdref){ f, f != NULL };
	}
	return (struct fdref){ (unsigned int)fd < t->max ? t->slots[fd] : NULL, false };
}

struct file *fd_get(int fd)
{
	struct fdref r = fd_ref(fd);

	if (r.file && !r.counted)
		file_get(r.file);
	return r.file;
}

int files_next_open(struct files *t, int from)
{
	int fd = -1;

	spin_lock(&t->lock);
	for (unsigned int i = from; i < t->max; i++) {
		if (t->slots[i]) {
			fd = i;
			break;
		}
	}
	spin_unlock(&t->lock);
	return fd;
}

bool files_cloexec(struct files *t, int fd)
{
	bool set;

	spin_lock(&t->lock);
	set = (unsigned int)fd < t->max && bitmap_test(t->cloexec, fd);
	spin_unlock(&t->lock);
	return set;
}

/* ---- Taking and freeing descriptors ---- */

static u64 descriptor_limit(void)
{
	return min(rlimit_cur(RLIMIT_NOFILE), (u64)READ_ONCE(nr_open));
}

static void mark(struct files *t, unsigned int fd, bool cloexec)
{
	bitmap_set(t->open, fd);
	if (cloexec)
		bitmap_set(t->cloexec, fd);
	else
		bitmap_clear(t->cloexec, fd);
}

/* The lowest free slot >= from, marked as taken. => slot, or -EMFILE, -ENOMEM */
int fd_reserve(unsigned int from, bool cloexec)
{
	struct files *t = current->files;
	u64 limit = descriptor_limit();

	for (;;) {
		unsigned int fd, start;
		bool room;

		spin_lock(&t->lock);
		start = max(from, t->next_free);
		fd = start < t->max ? bitmap_next_clear(t->open, t->max, start) : start;
		room = fd < t->max;
		if (room && fd < limit) {
			mark(t, fd, cloexec);
			if (from <= t->next_free)
				t->next_free = fd + 1;
		}
		spin_unlock(&t->lock);
		if (fd >= limit)
			return -EMFILE;
		if (room)
			return fd;
		if (files_grow(t, fd))
			return -ENOMEM;
	}
}

/* => lock held */
static void release_slot(struct files *t, unsigned int fd)
{
	bitmap_clear(t->open, fd);
	bitmap_clear(t->cloexec, fd);
	if (fd < t->next_free)
		t->next_free = fd;
}

void fd_unreserve(int fd)
{
	struct files *t = current->files;

	spin_lock(&t->lock);
	release_slot(t, fd);
	spin_unlock(&t->lock);
}

void fd_fill(int fd, struct file *f)
{
	struct files *t = current->files;

	spin_lock(&t->lock);
	assert(!t->slots[fd]);
	t->slots[fd] = f;
	spin_unlock(&t->lock);
}

int fd_install(struct file *f, int from, bool cloexec)
{
	int fd = fd_reserve(from, cloexec);

	if (fd < 0)
		file_put(f);
	else
		fd_fill(fd, f);
	return fd;
}

int fd_install_pair(struct file *a, struct file *b, bool cloexec, int fds[2])
{
	int first = fd_reserve(0, cloexec), second = first < 0 ? first : fd_reserve(0, cloexec);

	if (second < 0) {
		if (first >= 0)
			fd_unreserve(first);
		file_put(a);
		file_put(b);
		return second;
	}
	fd_fill(first, a);
	fd_fill(second, b);
	fds[0] = first;
	fds[1] = second;
	return 0;
}

/* => the file that was there (its reference passes on), or NULL */
static struct file *take_out(struct files *t, unsigned int fd)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if (fd < t->max)
		f = t->slots[fd];
	if (f) {
		t->slots[fd] = NULL;
		release_slot(t, fd);
	}
	spin_unlock(&t->lock);
	return f;
}

int fd_close(int fd)
{
	struct file *f = take_out(current->files, fd);

	if (!f)
		return -EBADF;
	drop(current->files, f);
	return 0;
}

void files_close_on_exec(struct files *t)
{
	for (unsigned int fd = 0; (fd = bitmap_next_set(t->cloexec, t->max, fd)) < t->max; fd++) {
		struct file *f = take_out(t, fd);

		if (f)
			drop(t, f);
	}
}

/* Put f, whose reference is consumed, at descriptor fd in place of what is there.
 * => fd; -EBADF out of range, -EBUSY fd is reserved by an open under way, -ENOMEM: f is dropped */
static int replace(struct file *f, unsigned int fd, bool cloexec)
{
	struct files *t = current->files;
	struct file *old;
	int err = 0;

	if (fd >= descriptor_limit())
		err = -EBADF;
	else if (fd >= t->max)
		err = files_grow(t, fd);
	if (err) {
		file_put(f);
		return err;
	}
	spin_lock(&t->lock);
	old = t->slots[fd];
	if (!old && bitmap_test(t->open, fd)) {
		spin_unlock(&t->lock);
		file_put(f);
		return -EBUSY;
	}
	t->slots[fd] = f;
	mark(t, fd, cloexec);
	spin_unlock(&t->lock);
	if (old)
		drop(t, old);
	return fd;
}

/* ---- System calls ---- */

static struct file *get_any(int fd)
{
	struct fdref r = fd_ref_any(fd);

	if (r.file && !r.counted)
		file_get(r.file);
	return r.file;
}

long sys_close(int fd)
{
	return fd_close(fd);
}

long sys_dup(int fd)
{
	struct file *f = get_any(fd);

	return f ? fd_install(f, 0, false) : -EBADF;
}

long sys_dup2(int from, int to)
{
	struct file *f;

	if (from == to) {
		f = get_any(from);
		if (f)
			file_put(f);
		return f ? to : -EBADF;
	}
	return sys_dup3(from, to, 0);
}

long sys_dup3(int from, int to, int flags)
{
	struct file *f;

	if (flags & ~O_CLOEXEC || from == to)
		return -EINVAL;
	if ((unsigned int)to >= descriptor_limit())
		return -EBADF;
	f = get_any(from);
	return f ? replace(f, to, flags & O_CLOEXEC) : -EBADF;
}

long fd_duplicate(int fd, unsigned long from, bool cloexec)
{
	struct file *f = get_any(fd);

	if (!f)
		return -EBADF;
	if (from >= descriptor_limit()) {
		file_put(f);
		return -EINVAL;
	}
	return fd_install(f, from, cloexec);
}

int fd_flags(int fd, int set)
{
	struct files *t = current->files;
	int flags = -EBADF;

	spin_lock(&t->lock);
	if ((unsigned int)fd < t->max && t->slots[fd]) {
		if (set >= 0)
			mark(t, fd, set & FD_CLOEXEC);
		flags = bitmap_test(t->cloexec, fd) ? FD_CLOEXEC : 0;
	}
	spin_unlock(&t->lock);
	return flags;
}

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

long sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	struct files *t = current->files;

	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) && atomic_read(&t->refs) > 1) {
		struct files *own = files_copy(t);

		if (!own)
			return -ENOMEM;
		current->files = own;
		files_put(t);
		t = own;
	}
	for (int fd = first; first < t->max && (fd = files_next_open(t, fd)) >= 0 && (unsigned int)fd <= last; fd++) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_flags(fd, FD_CLOEXEC);
		else
			fd_close(fd);
	}
	return 0;
}
