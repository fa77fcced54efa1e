/*
 * Populate, and access from outside: fault pages in before anybody touches them, and reach a foreign address space's
 * memory from the kernel.
 *
 * Populating is faulting, page by page, through the same door as the hardware's faults; so it obeys every rule there
 * is. mmap_lock is let go of between pages: an munmap need not wait for a gigabyte to be filled.
 */
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "mm/pgtable.h"
#include "mm/vma_ops.h"

static long fault_error(enum fault_result r)
{
	switch (r) {
	case FAULT_DONE:
		return 0;
	case FAULT_OOM:
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}

static long fault_in(struct mm *mm, unsigned long start, unsigned long end, unsigned int access)
{
	for (unsigned long addr = start; addr < end; addr += PAGE_SIZE) {
		long err = fault_error(mm_fault(mm, addr, access));

		if (err)
			return err;
		if (fatal_signal_pending())
			return -EINTR;
		sched_yield_point();
	}
	return 0;
}

/* The part of [start, end) that the VMA at start covers, if the access is allowed there. => its end, or -errno */
static long part_for_access(struct mm *mm, unsigned long start, unsigned long end, bool write)
{
	const struct vma *v;
	long part;

	read_lock(&mm->mmap_lock);
	v = vma_tree_find(&mm->vmas, start);
	if (!v || v->start > start)
		part = -ENOMEM;
	else if (write ? !vma_test(v, VMA_WRITE) : !(vma_test(v, VMA_READ) || vma_test(v, VMA_WRITE) || vma_test(v, VMA_EXEC)))
		part = -EINVAL;
	else
		part = min(end, v->end);
	read_unlock(&mm->mmap_lock);
	return part;
}

long mm_populate(struct mm *mm, unsigned long start, unsigned long end, bool write)
{
	while (start < end) {
		long part = part_for_access(mm, start, end, write);
		long err = part < 0 ? part : fault_in(mm, start, part, write ? FAULT_WRITE : FAULT_READ);

		if (err)
			return err;
		start = part;
	}
	return 0;
}

struct locked_part {
	unsigned long start, end;
	unsigned int access;
	bool allowed;
};

/* The first locked part at or after start. => false: none */
static bool find_locked(struct mm *mm, unsigned long start, unsigned long end, struct locked_part *part)
{
	const struct vma *v;
	bool found = false;

	read_lock(&mm->mmap_lock);
	vma_tree_for_each_range(v, &mm->vmas, start, end) {
		bool write = vma_test(v, VMA_WRITE) && !vma_test(v, VMA_SHARED);

		if (!vma_test(v, VMA_LOCKED) || vma_test(v, VMA_LOCKONFAULT))
			continue;
		*part = (struct locked_part){ .start = max(start, v->start), .end = min(end, v->end),
					      .access = write ? FAULT_WRITE : FAULT_READ,
					      .allowed = write || vma_test(v, VMA_READ) || vma_test(v, VMA_WRITE) ||
							 vma_test(v, VMA_EXEC) };
		found = true;
		break;
	}
	read_unlock(&mm->mmap_lock);
	return found;
}

long mm_populate_locked(struct mm *mm, unsigned long start, unsigned long end)
{
	struct locked_part part;

	if (!READ_ONCE(mm->locked_vm))
		return 0;
	while (start < end && find_locked(mm, start, end, &part)) {
		long err = part.allowed ? fault_in(mm, part.start, part.end, part.access) : -EFAULT;

		if (err)
			return err;
		start = part.end;
	}
	return 0;
}

/* ---- Foreign access ---- */

/* May who asks copy from, or into, what the entry maps? Forced writes go to pages that are this table's alone (M2). */
static bool entry_serves(pte_t e, unsigned int access)
{
	struct page *page;

	if (!pte_present(e))
		return false;
	if (!(access & FAULT_FORCE))
		return !pte_protnone(e) && (!(access & FAULT_WRITE) || pte_write(e));
	if (!(access & FAULT_WRITE) || pte_write(e))
		return true;
	page = pte_page(e);
	return page && folio_is_anon(page_folio(page)) && page_test(page, PG_EXCLUSIVE);
}

/* Copy within one page while mmap_lock (read) keeps fork from sharing the page under our hands.
 * => true: done; false: not mapped as needed */
static bool copy_mapped(struct mm *mm, unsigned long addr, void *buf, size_t n, unsigned int access)
{
	struct spinlock *lock;
	char *at;
	pte_t *slot;
	bool done;
	u8 level;

	slot = pt_slot_find(mm, addr, &lock, &level);
	if (!slot)
		return false;
	done = entry_serves(*slot, access);
	if (done) {
		at = (char *)phys_to_virt(pte_pfn(*slot) << PAGE_SHIFT) + (addr & (PT_LEVEL_SIZE(level) - 1));
		if (access & FAULT_WRITE)
			memcpy(at, buf, n);
		else
			memcpy(buf, at, n);
	}
	spin_unlock(lock);
	return done;
}

static bool copy_page_part(struct mm *mm, unsigned long addr, void *buf, size_t n, unsigned int access)
{
	/* A page may be taken away again between its fault and the copy; twice is bad luck, many times is a refusal. */
	for (int tries = 0; tries < 16; tries++) {
		bool done;

		read_lock(&mm->mmap_lock);
		done = copy_mapped(mm, addr, buf, n, access);
		read_unlock(&mm->mmap_lock);
		if (done)
			return true;
		if (mm_fault(mm, addr, access) != FAULT_DONE)
			return false;
	}
	return false;
}

size_t mm_access(struct mm *mm, unsigned long addr, void *buf, size_t n, bool write, bool force)
{
	unsigned int access = (write ? FAULT_WRITE : FAULT_READ) | (force ? FAULT_FORCE : 0);
	size_t done = 0;

	while (done < n && addr + done < TASK_SIZE) {
		size_t part = min(n - done, (size_t)(PAGE_SIZE - ((addr + done) & ~PAGE_MASK)));

		if (!copy_page_part(mm, addr + done, (char *)buf + done, part, access))
			break;
		done += part;
	}
	return done;
}
