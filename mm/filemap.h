/*
 * Page cache: the pages of one object by page offset. For ramfs and shared anonymous memory they are the
 * object's only storage. Theory in filemap.c; the VMAs of an object in i_mmap.c.
 *
 *   C1  a folio is in at most one cache; mapping and index of a cached folio say where. They change only under
 *       the folio lock and m->lock. mapping is 0 only when no entry maps the folio any more.
 *   C2  each cached folio carries one reference of the cache.
 *   C3  no cached folio lies wholly beyond size, except while a write that extends the file is under way.
 *   C4  a file VMA is in its object's i_mmap from before its first page-table entry until after its last.
 *   C5  when mapping_truncate() returns, no entry of any VMA maps a page beyond the new end.
 */
#ifndef MM_FILEMAP_H
#define MM_FILEMAP_H

#include "kernel/lib/rbtree.h"
#include "kernel/lib/xarray.h"
#include "kernel/lock.h"
#include "mm/page.h"

struct address_space {
	struct xarray pages;	/* page offset -> struct folio * (C1, C2); lock */
	struct spinlock lock;	/* RANK_MAPPING */
	u64 size;		/* bytes; faults at or past ALIGN_UP(size) get SIGBUS. Changed under the inode's lock and lock. */
	struct rb_root i_mmap;	/* VMAs that map it, by file page offset; i_mmap_lock */
	struct mutex i_mmap_lock; /* sleeping, RANK_I_MMAP: after the folio lock, before the identities' locks */
	struct inode *host;	/* NULL: shared anonymous memory */
	bool shmem;		/* counted as Shmem, and charged to the overcommit account */
	unsigned long reserved; /* shmem: pages charged in advance. 0: each page is charged when it comes */
	atomic_t writable_maps; /* shared VMAs that are or may become writable */
	atomic_t refs;		/* shmem objects; inodes embed theirs */
};

void filemap_boot(void);
void mapping_init(struct address_space *m, struct inode *host);
void mapping_destroy(struct address_space *m); /* no VMA maps it any more; frees all pages */
void mapping_put(struct address_space *m);     /* of a shmem object: the last one frees it */

static inline unsigned long mapping_nr_pages(const struct address_space *m) /* cached */
{
	return READ_ONCE(m->pages.count);
}

/* The folio at page offset index. create: a zeroed one when missing. => a reference is taken; NULL or ERR_PTR(-ENOMEM) */
struct folio *mapping_get_folio(struct address_space *m, unsigned long index, bool create);
/* Cached folios at offsets [first, last], at most max, in order. => how many; a reference each, index tells where */
unsigned int mapping_get_batch(struct address_space *m, unsigned long first, unsigned long last, struct folio **out,
			       unsigned int max);

/* File contents <-> user or kernel memory, at byte offset pos. Holes read as zeroes. => bytes or -errno */
long mapping_read_user(struct address_space *m, void __user *buf, size_t n, u64 pos);
long mapping_write_user(struct address_space *m, const void __user *buf, size_t n, u64 pos); /* extends size */
long mapping_read(struct address_space *m, void *buf, size_t n, u64 pos);
long mapping_write(struct address_space *m, const void *buf, size_t n, u64 pos);
/* New size; pages beyond leave the cache and every map of them; the tail of the last page is cleared.
 * => the inode's lock held (two truncations of one object exclude each other) */
void mapping_truncate(struct address_space *m, u64 size);
/* Pages [first, last] leave the cache and every map of them: holes (MADV_REMOVE, fallocate). => as above */
void mapping_punch(struct address_space *m, unsigned long first, unsigned long last);

/* ---- VMAs of an object: i_mmap.c ---- */
struct file;
struct vma;
void filemap_lock_maps(struct file *f); /* its mapping's i_mmap_lock */
void filemap_unlock_maps(struct file *f);
/* C4. A change of start, end or file_pgoff is: lock, unlink, change, link, unlock, so that a truncation cannot miss the
 * VMA in between. => file VMAs only, filemap_lock_maps() */
void filemap_link_vma(struct vma *v);
void filemap_unlink_vma(struct vma *v);
/* VMAs that map any page of [first, last], in order of file_pgoff, those linked later after their equals (so a walk
 * meets fork's source before its copy). => i_mmap_lock held */
struct vma *mapping_vma_first(struct address_space *m, unsigned long first, unsigned long last);
struct vma *mapping_vma_next(struct vma *v, unsigned long first, unsigned long last);
#define mapping_for_each_vma(v, m, first, last)                                                    \
	for (v = mapping_vma_first(m, first, last); v; v = mapping_vma_next(v, first, last))

/* Fault on a file VMA at page offset pgoff. => a referenced folio, or NULL and *result FAULT_ADRERR or FAULT_OOM */
struct folio *filemap_fault(struct vma *v, unsigned long pgoff, int *result);
/* Does m still have this folio at this place? Asked with the table locked, before the entry is set: a truncation that
 * began earlier is seen here, one that begins later finds the entry (C5). */
static inline bool filemap_still_cached(const struct address_space *m, const struct folio *f)
{
	return READ_ONCE(f->page.mapping.word) == (unsigned long)m &&
	       READ_ONCE(f->page.index) < DIV_ROUND_UP(READ_ONCE(m->size), PAGE_SIZE);
}

/* ---- Shared anonymous memory: a nameless object. => a file with a reference, or ERR_PTR ---- */
struct file *shmem_file_create(const char *name, u64 size);
struct file *shmem_file_create_noreserve(const char *name, u64 size); /* pages are charged as they come */

/* Pages in all caches; of them shared anonymous: Cached and Shmem of /proc/meminfo. */
unsigned long filemap_nr_pages(void);
unsigned long filemap_nr_shmem(void);

#endif
