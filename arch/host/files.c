/* Files as far as mm/ uses them (kernel/fs/file.h): a page cache with a name and a count. No tree, no descriptors. */
#include "arch/host/host.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "mm/filemap.h"
#include "mm/slab.h"

struct host_file {
	struct file file; /* private: the mapping */
	char name[48];
	bool writable;
	u64 ino;
};

static u64 next_ino = 1;

static int may_map(struct file *f, bool shared, bool *anonymous)
{
	(void)f, (void)shared, (void)anonymous;
	return 0;
}

static const struct file_ops host_file_ops = { .mmap = may_map };

static struct host_file *host_file(struct file *f)
{
	return container_of(f, struct host_file, file);
}

struct file *file_anon_create(const char *name, struct address_space *mapping)
{
	struct host_file *h = kzalloc(sizeof(*h));

	if (!h)
		return NULL;
	atomic_set(&h->file.refs, 1);
	h->file.private = mapping;
	h->file.ops = &host_file_ops;
	h->writable = true;
	h->ino = next_ino++;
	strlcpy(h->name, name, sizeof(h->name));
	return &h->file;
}

struct file *host_file_create(const char *name, u64 size, bool writable)
{
	struct address_space *m = kmalloc(sizeof(*m));
	struct file *f;

	assert(m);
	mapping_init(m, NULL);
	m->size = size;
	f = file_anon_create(name, m);
	assert(f);
	host_file(f)->writable = writable;
	return f;
}

long host_file_write(struct file *f, const void *data, size_t n, u64 pos)
{
	return mapping_write(f->private, data, n, pos);
}

void host_file_truncate(struct file *f, u64 size)
{
	mapping_truncate(f->private, size);
}

void file_punch(struct file *f, unsigned long first, unsigned long last)
{
	mapping_punch(f->private, first, last);
}

void file_get(struct file *f)
{
	atomic_inc(&f->refs);
}

void file_put(struct file *f)
{
	if (!atomic_dec_and_test(&f->refs))
		return;
	mapping_put(f->private);
	kfree(host_file(f));
}

struct address_space *file_mapping(struct file *f)
{
	return f->private;
}

char *file_path(struct file *f, char *buf, size_t size)
{
	strlcpy(buf, host_file(f)->name, size);
	return buf;
}

u64 file_ino(struct file *f)
{
	return host_file(f)->ino;
}

u32 file_dev(struct file *f)
{
	(void)f;
	return 1;
}

bool file_readable(const struct file *f)
{
	(void)f;
	return true;
}

bool file_writable(const struct file *f)
{
	return container_of(f, const struct host_file, file)->writable;
}

bool file_map_writable(const struct file *f)
{
	return file_writable(f);
}

bool file_noexec(const struct file *f)
{
	(void)f;
	return false;
}
