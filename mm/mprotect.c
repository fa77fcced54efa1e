/*
 * mprotect and the mlock family: changes of what a range may do, VMA by VMA.
 *
 *	range      |---------------------------|
 *	VMAs    [     a     ][    b    ]   [    c    ]
 *	                                ^ hole: -ENOMEM; what came before stays done, as in Linux
 *
 * Each VMA's change is all or nothing: vma_modify() allocates its splits first. Entries follow the flags:
 * permission is taken away at once, together with one flush at the end (P4); write permission comes back to an
 * entry only where its page may be written without a copy (M2), the rest is left to faults.
 *
 * Linux differs: it visits VMAs of a range in which nothing changes as well.
 */
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "kernel/uapi/resource.h"
#include "mm/account.h"
#include "mm/pgtable.h"
#include "mm/vma_ops.h"

/* ---- Entries ---- */

/* May this entry be writable at once? (M2) */
static bool may_stay_writable(const struct vma *v, pte_t old)
{
	struct page *page = pte_page(old);

	if (!vma_may_write_entry(v))
		return false;
	if (vma_test(v, VMA_SHARED))
		return true;
	return page && folio_is_anon(page_folio(page)) && page_test(page, PG_EXCLUSIVE) && pte_dirty(old);
}

static void change_entries(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end)
{
	pgprot_t prot = vma_pgprot(v);
	struct pt_iter it;

	pt_for_each(&it, v->mm, start, end) {
		pte_t old, new_entry;

		if (!pte_present(it.pte))
			continue;
		old = pt_xchg(it.slot, PTE_NONE); /* the hardware sets A and D in nothing that is not present */
		new_entry = pte_modify(old, prot);
		if (may_stay_writable(v, old))
			new_entry = pte_set(new_entry, PTE_W);
		pt_set(it.slot, new_entry);
		tlb_note(tlb, it.addr, it.level);
	}
}

/* ---- mprotect ---- */

static const enum vma_flag prot_bits[] = { VMA_READ, VMA_WRITE, VMA_EXEC };
static const enum vma_flag may_bits[] = { VMA_MAYREAD, VMA_MAYWRITE, VMA_MAYEXEC };

/* v's flags with other permissions. => 0 or -EACCES */
static int new_protection(const struct vma *v, unsigned int prot, vma_flags_t *out)
{
	*out = v->flags;
	for (int i = 0; i < 3; i++) { /* PROT_READ, PROT_WRITE, PROT_EXEC are bits 0, 1, 2 */
		vma_flags_clear(out, prot_bits[i]);
		if (!(prot & (1U << i)))
			continue;
		if (!vma_test(v, may_bits[i]))
			return -EACCES;
		vma_flags_set(out, prot_bits[i]);
	}
	return 0;
}

/* A private mapping that becomes writable must be paid for from now on. => 0 or -ENOMEM; *charged pages */
static int charge_writable(struct vma *v, vma_flags_t *flags, unsigned long pages, unsigned long *charged)
{
	*charged = 0;
	if (!vma_flags_test(flags, VMA_WRITE) || vma_test(v, VMA_WRITE))
		return 0;
	if (!account_may_expand(v->mm, flags, pages) && account_may_expand(v->mm, &v->flags, pages))
		return -ENOMEM;
	if (vma_test(v, VMA_ACCOUNT) || vma_test(v, VMA_NORESERVE) || vma_test(v, VMA_SHARED))
		return 0;
	if (account_commit(v->mm, pages))
		return -ENOMEM;
	*charged = pages;
	vma_flags_set(flags, VMA_ACCOUNT);
	return 0;
}

/* One VMA's part. => the VMA that covers it, or ERR_PTR */
static struct vma *protect_vma(struct tlb_batch *tlb, struct vma *v, unsigned long start, unsigned long end,
			       unsigned int prot)
{
	unsigned long pages = (end - start) >> PAGE_SHIFT, charged;
	struct mm *mm = v->mm;
	vma_flags_t flags, old = v->flags;
	int err = new_protection(v, prot, &flags);

	if (err)
		return ERR_PTR(err);
	if (vma_flags_equal(&flags, &old))
		return v;
	if (charge_writable(v, &flags, pages, &charged))
		return ERR_PTR(-ENOMEM);
	if (pt_split_at(mm, start) || pt_split_at(mm, end))
		v = ERR_PTR(-ENOMEM);
	else
		v = vma_modify(v, start, end, &flags);
	if (IS_ERR(v)) {
		account_uncommit(mm, charged);
		return v;
	}
	account_vm(mm, &old, v->file, -(long)pages);
	account_vm(mm, &flags, v->file, pages);
	change_entries(tlb, v, start, end);
	return v;
}

static int protect_range(struct tlb_batch *tlb, struct mm *mm, unsigned long start, unsigned long end, unsigned int prot)
{
	struct vma *v;

	while (start < end) {
		unsigned long to;

		v = vma_tree_find(&mm->vmas, start);
		if (!v || v->start > start)
			return -ENOMEM;
		if (vma_test(v, VMA_SEALED))
			return -EPERM;
		to = min(end, v->end);
		v = protect_vma(tlb, v, start, to, prot);
		if (IS_ERR(v))
			return PTR_ERR(v);
		start = to;
	}
	return 0;
}

/* PROT_GROWSDOWN: the range begins where the growing VMA begins. */
static int extend_to_growing(struct mm *mm, unsigned long *start, unsigned int grows)
{
	const struct vma *v;

	if (!grows)
		return 0;
	v = vma_tree_find(&mm->vmas, *start);
	if (!v)
		return -ENOMEM;
	if (grows & PROT_GROWSUP)
		return -EINVAL; /* nothing grows up on x86 */
	if (v->start > *start)
		return -ENOMEM;
	if (!vma_test(v, VMA_GROWSDOWN))
		return -EINVAL;
	*start = v->start;
	return 0;
}

long mm_mprotect(struct mm *mm, unsigned long addr, unsigned long len, unsigned long prot)
{
	unsigned long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	unsigned long end;
	struct tlb_batch tlb;
	long err;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	end = addr + ALIGN_UP(len, PAGE_SIZE);
	if (end <= addr)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	err = extend_to_growing(mm, &addr, grows);
	if (!err) {
		tlb_begin(&tlb, mm);
		err = protect_range(&tlb, mm, addr, end, prot);
		tlb_end(&tlb);
	}
	write_unlock(&mm->mmap_lock);
	return err;
}

/* ---- mlock ---- */

static void locked_flags(vma_flags_t *f, bool lock, bool onfault)
{
	vma_flags_clear(f, VMA_LOCKED);
	vma_flags_clear(f, VMA_LOCKONFAULT);
	if (lock)
		vma_flags_set(f, VMA_LOCKED);
	if (lock && onfault)
		vma_flags_set(f, VMA_LOCKONFAULT);
}

/* One VMA's part gets, or loses, the lock. => 0 or -ENOMEM */
static int lock_vma(struct vma *v, unsigned long start, unsigned long end, bool lock, bool onfault)
{
	long pages = (end - start) >> PAGE_SHIFT;
	bool was = vma_test(v, VMA_LOCKED);
	struct mm *mm = v->mm;
	vma_flags_t flags = v->flags;

	locked_flags(&flags, lock, onfault);
	v = vma_modify(v, start, end, &flags);
	if (IS_ERR(v))
		return PTR_ERR(v);
	mm->locked_vm += lock && !was ? pages : !lock && was ? -pages : 0;
	return 0;
}

static int lock_range(struct mm *mm, unsigned long start, unsigned long end, bool lock, bool onfault)
{
	while (start < end) {
		struct vma *v = vma_tree_find(&mm->vmas, start);
		unsigned long to;
		int err;

		if (!v || v->start > start)
			return -ENOMEM;
		to = min(end, v->end);
		err = lock_vma(v, start, to, lock, onfault);
		if (err)
			return err;
		start = to;
	}
	return 0;
}

/* Pages of the range that are locked already: they do not count twice against the limit. */
static unsigned long locked_pages(struct mm *mm, unsigned long start, unsigned long end)
{
	unsigned long n = 0;
	struct vma *v;

	vma_tree_for_each_range(v, &mm->vmas, start, end)
		if (vma_test(v, VMA_LOCKED))
			n += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	return n;
}

/* The pages that an mlock-like call covers. => 0, or -EINVAL when the end wraps */
static int lock_bounds(unsigned long addr, unsigned long len, unsigned long *start, unsigned long *end)
{
	len = ALIGN_UP(len + (addr & ~PAGE_MASK), PAGE_SIZE);
	*start = addr & PAGE_MASK;
	*end = *start + len;
	return *end < *start ? -EINVAL : 0;
}

/* POSIX's errors for pages that could not be made resident. */
static long lock_error(long err)
{
	return err == -EFAULT ? -ENOMEM : err == -ENOMEM ? -EAGAIN : err;
}

long mm_mlock(struct mm *mm, unsigned long addr, unsigned long len, bool onfault)
{
	unsigned long start, end, limit = rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long err;

	if (!caller_is_root() && limit == 0)
		return -EPERM;
	err = lock_bounds(addr, len, &start, &end);
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	if (!err && !caller_is_root() &&
	    mm->locked_vm + ((end - start) >> PAGE_SHIFT) - locked_pages(mm, start, end) > limit)
		err = -ENOMEM;
	if (!err)
		err = lock_range(mm, start, end, true, onfault);
	write_unlock(&mm->mmap_lock);
	if (err || onfault)
		return err;
	return lock_error(mm_populate_locked(mm, start, end));
}

long mm_munlock(struct mm *mm, unsigned long addr, unsigned long len)
{
	unsigned long start, end;
	long err = lock_bounds(addr, len, &start, &end);

	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	if (!err)
		err = lock_range(mm, start, end, false, false);
	write_unlock(&mm->mmap_lock);
	return err;
}

static void lock_all(struct mm *mm, bool lock, bool onfault)
{
	struct vma *v;

	/* A VMA that cannot get the flag for want of memory keeps what it had, as in Linux. */
	for (unsigned long start = 0; (v = vma_tree_find(&mm->vmas, start)) != NULL;) {
		start = v->end;
		(void)lock_vma(v, v->start, v->end, lock, onfault);
	}
}

long mm_mlockall(struct mm *mm, int flags)
{
	bool onfault = flags & MCL_ONFAULT;
	u64 limit = rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long err = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!caller_is_root() && limit == 0)
		return -EPERM;
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	if ((flags & MCL_CURRENT) && !caller_is_root() && mm->total_vm > limit) {
		err = -ENOMEM;
	} else {
		mm->lock_future = flags & MCL_FUTURE;
		mm->lock_future_onfault = mm->lock_future && onfault;
		if (flags & MCL_CURRENT)
			lock_all(mm, true, onfault);
	}
	write_unlock(&mm->mmap_lock);
	if (!err && (flags & MCL_CURRENT) && !onfault)
		(void)mm_populate_locked(mm, 0, TASK_SIZE);
	return err;
}

long mm_munlockall(struct mm *mm)
{
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	mm->lock_future = mm->lock_future_onfault = false;
	lock_all(mm, false, false);
	write_unlock(&mm->mmap_lock);
	return 0;
}
