/*
 * Unmapping: pages, markers, VMAs and empty tables of a range go, in an order that no walker can see half done.
 *
 *	            start                          end
 *	   +----------+------+   +--------+   +-----+-------+
 *	   |  first   |//////|   |////////|   |/////| last  |
 *	   +----------+------+   +--------+   +-----+-------+
 *
 *	1  large markers across the edges are cut; a hole inside one VMA: split it at `end` (only this step allocates)
 *	2  zap every entry in the range, while the VMAs still lead other walkers there (A2)
 *	3  shrink first and last to what stays; take the VMAs between out of the anon_vma and file trees
 *	4  rmap_lock for writing: VMAs leave the mm's tree, empty tables are unhooked (A7)
 *	5  flush, free pages, tables, VMAs
 *
 * Locks: mmap_lock for writing throughout, so no fault puts anything back.
 */
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "mm/account.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/vma_ops.h"

bool range_sealed(const struct mm *mm, unsigned long start, unsigned long end)
{
	struct vma_iter it;

	for (const struct vma *v = vma_iter_first(&it, &mm->vmas, start); v && v->start < end; v = vma_iter_next(&it))
		if (vma_test(v, VMA_SEALED))
			return true;
	return false;
}

void vma_count(struct vma *v, long pages)
{
	struct mm *mm = v->mm;

	account_vm(mm, &v->flags, v->file, pages);
	if (vma_test(v, VMA_LOCKED))
		mm->locked_vm += pages;
	if (pages < 0 && vma_test(v, VMA_ACCOUNT))
		account_uncommit(mm, -pages);
}

/* Step 2. VMAs that touch are one walk of the tables. => how many VMAs meet the range */
static unsigned int zap_vmas(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end)
{
	struct vma_iter it;
	struct vma *v = vma_iter_first(&it, &mm->vmas, start);
	unsigned int n = 0;

	while (v && v->start < end) {
		unsigned long from = max(start, v->start), at = from;

		for (; v && v->start <= at && at < end; v = vma_iter_next(&it), n++) {
			unsigned long to = min(end, v->end);

			vma_count(v, -(long)((to - at) >> PAGE_SHIFT));
			at = to;
		}
		zap_unmapped(tlb, mm, from, at, start, end);
		sched_yield_point();
	}
	return n;
}

static void leave_indexes(struct vma *v)
{
	anon_vma_unlink(v);
	if (!v->file)
		return;
	filemap_lock_maps(v->file);
	filemap_unlink_vma(v);
	filemap_unlock_maps(v->file);
}

/* Step 3. Whole VMAs are gathered on `gone`, linked by the list head their chains no longer need. */
static void detach_vmas(struct mm *mm, unsigned long start, unsigned long end, struct list_head *gone)
{
	struct vma_iter it;
	struct vma *v = vma_iter_first(&it, &mm->vmas, start);

	if (v->start < start) {
		vma_resize(v, v->start, start);
		v = vma_iter_first(&it, &mm->vmas, start);
	}
	for (; v && v->start < end; v = vma_iter_next(&it)) {
		if (v->end > end) {
			vma_resize(v, end, v->end);
			break;
		}
		leave_indexes(v);
		list_add_tail(&v->anon_chain, gone);
	}
}

static void free_vmas(struct list_head *gone)
{
	struct vma *v, *next;

	list_for_each_entry_safe(v, next, gone, anon_chain) {
		list_del(&v->anon_chain);
		vma_free(v);
	}
}

/* Steps 2 to 5. => no VMA straddles both edges; something is mapped in the range */
static void unmap_commit(struct mm *mm, unsigned long start, unsigned long end)
{
	struct tlb_batch tlb;
	struct vma *prev, *next;
	unsigned int n;
	LIST_HEAD(gone);

	tlb_begin(&tlb, mm);
	n = zap_vmas(&tlb, mm, start, end);
	detach_vmas(mm, start, end, &gone);
	write_lock(&mm->lazy_root.rmap_lock);
	vma_tree_erase_range(&mm->vmas, start, end);
	prev = vma_tree_around(&mm->vmas, start, &next);
	pt_free_empty(&tlb, mm, start, end, prev ? prev->end : 0, next ? next->start : ALIGN_UP(TASK_SIZE, 1UL << 47));
	write_unlock(&mm->lazy_root.rmap_lock);
	tlb_end(&tlb);
	free_vmas(&gone);
	trace(munmap, mm, start, end, n);
}

/* Step 1: v sticks out at both ends. */
static int punch_prepare(struct vma *v, unsigned long end)
{
	struct vma_split cut;

	if (map_count_exceeded(v->mm, 1) || vma_split_prepare(&cut, v))
		return -ENOMEM;
	vma_split_commit(&cut, end);
	return 0;
}

int vma_unmap(struct mm *mm, unsigned long start, unsigned long end)
{
	struct vma *v = vma_tree_find(&mm->vmas, start);

	assert_write_held(&mm->mmap_lock);
	assert(start <= end && end <= TASK_SIZE); /* beyond lie the kernel's own tables */
	if (!v || v->start >= end)
		return 0;
	if (range_sealed(mm, start, end))
		return -EPERM;
	if (pt_split_at(mm, start) || pt_split_at(mm, end))
		return -ENOMEM;
	if (v->start < start && v->end > end) {
		int err = punch_prepare(v, end);

		if (err)
			return err;
	}
	unmap_commit(mm, start, end);
	return 0;
}

void vma_unmap_all(struct mm *mm)
{
	assert_write_held(&mm->mmap_lock);
	if (mm->vmas.count)
		unmap_commit(mm, 0, TASK_SIZE);
}

long mm_munmap(struct mm *mm, unsigned long addr, unsigned long len)
{
	unsigned long end;
	long err;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || addr > TASK_SIZE || len > TASK_SIZE - addr)
		return -EINVAL;
	end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (end == addr)
		return -EINVAL;
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	err = vma_unmap(mm, addr, end);
	write_unlock(&mm->mmap_lock);
	return err;
}
