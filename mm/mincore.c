/*
 * mincore, msync, mseal: a range is asked about, or marked, VMA by VMA.
 *
 * mincore tells for each page whether a touch would find it in memory: an entry that maps a page, or a page of the
 * file in the cache. msync has nothing to write back to - files live in the page cache - so it is its checks. mseal
 * forbids for good that the range is unmapped, moved, or given other permissions (Linux 6.10).
 *
 * Locks: mmap_lock, for reading but in mseal.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/vma_ops.h"
#include <arch/uaccess.h>

/* ---- mincore ---- */

/* Pages answered per hold of mmap_lock; the answers go to the user between two holds. */
#define MINCORE_CHUNK 512

static void note_cached(struct vma *v, unsigned long start, unsigned long end, unsigned char *vec)
{
	struct address_space *m = v->file ? file_mapping(v->file) : NULL;
	unsigned long pgoff;

	if (!m)
		return;
	pgoff = v->file_pgoff + ((start - v->start) >> PAGE_SHIFT);
	for (unsigned long i = 0; i < (end - start) >> PAGE_SHIFT; i++) {
		struct folio *f = mapping_get_folio(m, pgoff + i, false);

		if (!f)
			continue;
		vec[i] = 1;
		folio_put(f);
	}
}

static void note_mapped(struct vma *v, unsigned long start, unsigned long end, unsigned char *vec)
{
	struct pt_iter it;

	pt_for_each(&it, v->mm, start, end) {
		unsigned long from = max(it.addr, start), to = min(it.addr + PT_LEVEL_SIZE(it.level), end);

		if (pte_is_leaf(it.pte, it.level))
			memset(vec + ((from - start) >> PAGE_SHIFT), 1, (to - from) >> PAGE_SHIFT);
	}
}

/* => 0 or -ENOMEM: a hole */
static int mincore_chunk(struct mm *mm, unsigned long start, unsigned long end, unsigned char *vec)
{
	memset(vec, 0, (end - start) >> PAGE_SHIFT);
	for (unsigned long at = start; at < end;) {
		struct vma *v = vma_tree_find(&mm->vmas, at);
		unsigned long to;

		if (!v || v->start > at)
			return -ENOMEM;
		to = min(end, v->end);
		note_cached(v, at, to, vec + ((at - start) >> PAGE_SHIFT));
		note_mapped(v, at, to, vec + ((at - start) >> PAGE_SHIFT));
		at = to;
	}
	return 0;
}

long mm_mincore(struct mm *mm, unsigned long addr, unsigned long len, unsigned char __user *vec)
{
	unsigned long pages = DIV_ROUND_UP(len, PAGE_SIZE);
	unsigned char answer[MINCORE_CHUNK];

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!access_ok((void __user *)addr, len))
		return -ENOMEM;
	if (!access_ok(vec, pages))
		return -EFAULT;
	while (pages) {
		unsigned long n = min(pages, (unsigned long)MINCORE_CHUNK);
		int err;

		read_lock(&mm->mmap_lock);
		err = mincore_chunk(mm, addr, addr + (n << PAGE_SHIFT), answer);
		read_unlock(&mm->mmap_lock);
		if (err)
			return err;
		if (copy_to_user(vec, answer, n))
			return -EFAULT;
		addr += n << PAGE_SHIFT;
		vec += n;
		pages -= n;
		sched_yield_point();
	}
	return 0;
}

/* ---- msync ---- */

long mm_msync(struct mm *mm, unsigned long addr, unsigned long len, int flags)
{
	unsigned long end;
	const struct vma *v;
	long err = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if ((flags & MS_ASYNC) && (flags & MS_SYNC))
		return -EINVAL;
	end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (end < addr)
		return -ENOMEM;
	read_lock(&mm->mmap_lock);
	for (unsigned long at = addr; at < end; at = v->end) {
		v = vma_tree_find(&mm->vmas, at);
		if (!v || v->start > at)
			err = -ENOMEM; /* told at the end: what is mapped is synchronised all the same */
		if (!v)
			break;
		if (v->start < end && (flags & MS_INVALIDATE) && vma_test(v, VMA_LOCKED)) {
			err = -EBUSY;
			break;
		}
	}
	read_unlock(&mm->mmap_lock);
	return err;
}

/* ---- mseal ---- */

static bool all_mapped(const struct mm *mm, unsigned long start, unsigned long end)
{
	while (start < end) {
		const struct vma *v = vma_tree_find(&mm->vmas, start);

		if (!v || v->start > start)
			return false;
		start = v->end;
	}
	return true;
}

static long seal_range(struct mm *mm, unsigned long start, unsigned long end)
{
	while (start < end) {
		struct vma *v = vma_tree_find(&mm->vmas, start);
		unsigned long to = min(end, v->end);
		vma_flags_t flags = v->flags;

		vma_flags_set(&flags, VMA_SEALED);
		v = vma_modify(v, start, to, &flags);
		if (IS_ERR(v))
			return PTR_ERR(v);
		start = to;
	}
	return 0;
}

long mm_mseal(struct mm *mm, unsigned long addr, unsigned long len)
{
	unsigned long size = ALIGN_UP(len, PAGE_SIZE), end = addr + size;
	long err;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || (len && !size) || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	err = all_mapped(mm, addr, end) ? seal_range(mm, addr, end) : -ENOMEM;
	write_unlock(&mm->mmap_lock);
	return err;
}
