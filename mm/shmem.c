/*
 * Shared anonymous memory: a page cache without an inode.
 *
 *	vma ---> struct file "/dev/zero" ---> struct address_space (host NULL, shmem)
 *	vma' -->   (every process that inherited the mapping)
 *
 * The object lives as long as files and VMAs refer to its file; the file's release calls mapping_put(). Its pages
 * are storage, not cache: they are charged to the overcommit account, all at once when the object is made or - for
 * MAP_NORESERVE and memfd, whose size says little - one by one as they come.
 *
 * Linux differs: these objects are inodes of an internal tmpfs, and can be swapped.
 */
#include "kernel/uapi/errno.h"
#include "mm/account.h"
#include "mm/filemap_internal.h"
#include "mm/slab.h"

/* => one reference; ERR_PTR(-ENOMEM) */
static struct address_space *shmem_create(u64 size, bool reserve)
{
	unsigned long pages = DIV_ROUND_UP(size, PAGE_SIZE);
	struct address_space *m;

	if (reserve && account_commit(NULL, pages))
		return ERR_PTR(-ENOMEM);
	m = kmalloc(sizeof(*m));
	if (!m) {
		if (reserve)
			account_uncommit(NULL, pages);
		return ERR_PTR(-ENOMEM);
	}
	mapping_init(m, NULL);
	m->shmem = true;
	m->size = size;
	m->reserved = reserve ? pages : 0;
	return m;
}

void mapping_put(struct address_space *m)
{
	if (!atomic_dec_and_test(&m->refs))
		return;
	mapping_destroy(m);
	account_uncommit(NULL, m->reserved);
	kfree(m);
}

static struct file *create_file(const char *name, u64 size, bool reserve)
{
	struct address_space *m = shmem_create(size, reserve);
	struct file *f;

	if (IS_ERR(m))
		return (struct file *)m;
	f = file_anon_create(name, m);
	if (!f || IS_ERR(f)) {
		mapping_put(m);
		return ERR_PTR(-ENOMEM);
	}
	return f;
}

struct file *shmem_file_create(const char *name, u64 size)
{
	return create_file(name, size, true);
}

struct file *shmem_file_create_noreserve(const char *name, u64 size)
{
	return create_file(name, size, false);
}
