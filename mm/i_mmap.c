/*
 * Which VMAs map an object: an interval tree by file page offset (kernel/lib/interval.h).
 *
 *	             [0,99]  max 120             key: file_pgoff, then age
 *	            /               \            max: largest last page in the subtree
 *	     [0,9] max 40       [100,120] max 120
 *	        \
 *	       [3,40] max 40
 *
 * Equal keys keep the order in which they were linked: fork and mremap link the copy after its source, so a
 * truncation that walks the tree finds an entry in one of the two whichever way a concurrent copy went (C5).
 *
 * Locks: address_space->i_mmap_lock, a mutex because who holds it walks page tables and flushes TLBs.
 *
 * Linux differs: its lock is a read/write semaphore, which rmap walkers of different folios share.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/interval.h"
#include "mm/filemap.h"
#include "mm/vma.h"

static inline unsigned long first_page(const struct vma *v)
{
	return v->file_pgoff;
}

static inline unsigned long last_page(const struct vma *v)
{
	return v->file_pgoff + vma_pages(v) - 1;
}

INTERVAL_TREE(maps, struct vma, i_mmap_node, i_mmap_last, first_page, last_page)

struct vma *mapping_vma_first(struct address_space *m, unsigned long first, unsigned long last)
{
	assert_mutex_held(&m->i_mmap_lock);
	return maps_first(&m->i_mmap, first, last);
}

struct vma *mapping_vma_next(struct vma *v, unsigned long first, unsigned long last)
{
	return maps_next(v, first, last);
}

void filemap_lock_maps(struct file *f) NO_THREAD_SAFETY
{
	mutex_lock(&file_mapping(f)->i_mmap_lock);
}

void filemap_unlock_maps(struct file *f) NO_THREAD_SAFETY
{
	mutex_unlock(&file_mapping(f)->i_mmap_lock);
}

static inline bool counts_as_writer(const struct vma *v)
{
	return vma_test(v, VMA_SHARED) && vma_test(v, VMA_MAYWRITE);
}

void filemap_link_vma(struct vma *v)
{
	struct address_space *m = file_mapping(v->file);

	assert_mutex_held(&m->i_mmap_lock);
	maps_insert(&m->i_mmap, v);
	if (counts_as_writer(v))
		atomic_inc(&m->writable_maps);
}

void filemap_unlink_vma(struct vma *v)
{
	struct address_space *m = file_mapping(v->file);

	assert_mutex_held(&m->i_mmap_lock);
	maps_remove(&m->i_mmap, v);
	if (counts_as_writer(v))
		atomic_dec(&m->writable_maps);
}
