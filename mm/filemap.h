/*
 * Page cache: the pages of one object by page offset. For ramfs and shared anonymous memory they are the
 * object's only storage. Theory in filemap.c.
 */
#ifndef MM_FILEMAP_H
#define MM_FILEMAP_H

#include "kernel/lib/rbtree.h"
#include "kernel/lib/xarray.h"
#include "kernel/lock.h"
#include "mm/page.h"

struct address_space {
	struct xarray pages;	/* page offset -> struct folio *, each with one reference */
	struct spinlock lock;	/* pages, nr_pages (RANK_MAPPING) */
	unsigned long nr_pages;
	u64 size;		/* bytes; faults at or past ALIGN_UP(size) get SIGBUS. Changed under the inode's lock. */
	struct rb_root i_mmap;	/* VMAs that map it, by file page offset */
	struct mutex i_mmap_lock; /* i_mmap; RANK_I_MMAP is below ptl users: rank RANK_ANON_VMA's peer, see filemap.c */
	struct inode *host;	/* NULL: shared anonymous memory */
	bool shmem;		/* counted as Shmem, and charged */
	atomic_t writable_maps;
	atomic_t refs;		/* shmem objects; inodes embed theirs */
};

void mapping_init(struct address_space *m, struct inode *host);
void mapping_destroy(struct address_space *m); /* no VMA maps it any more; frees all pages */

/* The folio at page offset index. create: a zeroed one when missing. => a reference is taken; NULL or ERR_PTR(-ENOMEM) */
struct folio *mapping_get_folio(struct address_space *m, unsigned long index, bool create);

/* File contents <-> user or kernel memory, at byte offset pos. Holes read as zeroes. => bytes or -errno */
long mapping_read_user(struct address_space *m, void __user *buf, size_t n, u64 pos);
long mapping_write_user(struct address_space *m, const void __user *buf, size_t n, u64 pos); /* extends size */
long mapping_read(struct address_space *m, void *buf, size_t n, u64 pos);
long mapping_write(struct address_space *m, const void *buf, size_t n, u64 pos);
/* New size; pages beyond leave the cache and every map of them; the tail of the last page is cleared. */
void mapping_truncate(struct address_space *m, u64 size);

/* mmap and VMA life: links v into i_mmap. */
struct vma;
void filemap_link_vma(struct vma *v);
void filemap_unlink_vma(struct vma *v);
struct mm;
/* Fault on a file VMA at page offset pgoff. => a referenced folio, or NULL and *result FAULT_ADRERR or FAULT_OOM */
struct folio *filemap_fault(struct vma *v, unsigned long pgoff, int *result);

/* Shared anonymous memory: a nameless object. => a file with a reference, or ERR_PTR */
struct file *shmem_file_create(const char *name, u64 size);

#endif
