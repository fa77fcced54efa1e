/*
 * Page faults: what a touched address becomes.
 *
 *	                     private anonymous        private file             shared
 *	 entry     access    ----------------------------------------------------------------------
 *	 none      read      zero page, read-only     cache page, read-only    cache page
 *	 none      write     new zeroed page          copy of the cache page   cache page, writable
 *	 zero page write     new zeroed page          -                        -
 *	 read-only write     exclusive: made writable; otherwise copied        made writable
 *	 guard     any       SIGSEGV, SEGV_MAPERR, whatever the mapping
 *
 * A private page is exclusive when this table alone maps it (M2): from the moment it is made until a fork write-protects
 * it, and again when a write finds that no other entry and no reference is left. Otherwise the write copies it: that is
 * the whole of copy-on-write.
 *
 * Shape of every case: look at the entry under its table's lock; if something must be allocated, let go of the lock,
 * allocate, take it again, and do nothing if the entry has changed meanwhile (another thread was faster; the access is
 * simply repeated). The slot stays valid without the lock: tables are freed only under mmap_lock for writing (P2).
 *
 * Lock order: mmap_lock (read) -> anon_lock -> table lock.
 *
 * Linux differs: it enters through a vm_fault of 100 bytes and per-VMA locks; COW reuse renames the folio to the
 * faulting process's anon_vma, ours leaves the name: the ancestor's identity still leads here (A2).
 */
#include "kernel/fs/file.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/resource.h"
#include "mm/account.h"
#include "mm/buddy.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/proc_mm.h"
#include "mm/rmap.h"
#include "mm/vma_ops.h"

/* The zero page: one frame of zeroes that every read-only hole shows. Special: neither counted nor referenced. */
static u64 zero_pfn;

void fault_boot(void)
{
	struct page *p = page_alloc(0, PAGE_KERNEL, GFP_ZERO | GFP_NOFAIL_);

	page_set(p, PG_ZEROPAGE);
	zero_pfn = page_to_pfn(p);
}

/* A fault on its way: where, what for, and the entry found there. */
struct fault {
	struct mm *mm;
	struct vma *vma;
	unsigned long addr; /* of the page */
	bool write;
	pte_t *slot;
	struct spinlock *lock; /* of slot's table */
	pte_t pte;
	struct folio *cached; /* the cache's folio that this fault shows or copies; NULL none */
};

/* The entry again after the lock was let go of. => true: nothing has changed, lock held; false: lock not held */
static bool relock_unchanged(struct fault *f) TRY_ACQUIRES(true, *f->lock)
{
	spin_lock(f->lock);
	if (likely(READ_ONCE(*f->slot).val == f->pte.val &&
		   (!f->cached || filemap_still_cached(file_mapping(f->vma->file), f->cached))))
		return true;
	spin_unlock(f->lock);
	return false;
}

static pte_t writable_entry(const struct fault *f, u64 pfn)
{
	u64 write = vma_may_write_entry(f->vma) ? PTE_W : 0; /* none in a forced access */

	return pte_set(pte_make(pfn, vma_pgprot(f->vma), 1), write | PTE_D | PTE_A);
}

/* Count a page in and show it. => lock held; the caller's reference becomes the entry's */
static void map_folio(struct fault *f, struct folio *folio, pte_t entry)
{
	rmap_add(folio, &folio->page);
	atomic_long_add(&f->mm->counters[folio_counter(folio)], 1);
	pt_set(f->slot, entry);
}

/* ---- New anonymous pages ---- */

/* Replace the present entry by `entry` so that no CPU goes on with the old page: none, flush, new (P4). */
static void replace_present(struct fault *f, struct folio *folio, pte_t entry)
{
	struct page *old = pte_page(pt_xchg(f->slot, PTE_NONE));

	mmu_flush_range(f->mm, f->addr, f->addr + PAGE_SIZE, false);
	map_folio(f, folio, entry);
	if (!old)
		return;
	atomic_long_add(&f->mm->counters[folio_counter(page_folio(old))], -1);
	rmap_remove(page_folio(old), old);
}

/* A private page of our own with the contents of `src` (NULL: zeroes), in place of what f->pte was.
 * => lock not held; src referenced by the caller for the time of the call */
static enum fault_result make_private(struct fault *f, struct page *src)
{
	struct page *old = pte_present(f->pte) ? pte_page(f->pte) : NULL;
	struct folio *folio;

	if (unlikely(anon_vma_prepare(f->vma)))
		return FAULT_OOM;
	folio = folio_alloc(0, src ? GFP_USER : GFP_USER | GFP_ZERO);
	if (unlikely(!folio))
		return FAULT_OOM;
	if (src)
		copy_page(page_to_virt(&folio->page), page_to_virt(src));
	folio_set_anon(folio, f->vma, f->addr);
	if (!relock_unchanged(f)) {
		folio_put(folio);
		return FAULT_DONE;
	}
	if (pte_present(f->pte))
		replace_present(f, folio, writable_entry(f, folio_pfn(folio)));
	else
		map_folio(f, folio, writable_entry(f, folio_pfn(folio)));
	spin_unlock(f->lock);
	if (old)
		folio_put(page_folio(old)); /* the old entry's reference */
	return FAULT_DONE;
}

/* ---- None ---- */

static void show_zero_page(struct fault *f)
{
	pt_set(f->slot, pte_set(pte_make(zero_pfn, vma_pgprot(f->vma), 1), PTE_SOFT_SPECIAL));
}

/* => lock held on entry, not on return */
static enum fault_result fault_anon_none(struct fault *f) RELEASES(*f->lock)
{
	if (f->write) {
		spin_unlock(f->lock);
		return make_private(f, NULL);
	}
	show_zero_page(f);
	spin_unlock(f->lock);
	return FAULT_DONE;
}

/* Show the cache's page itself: shared mappings, and reads of private ones. */
static enum fault_result show_cache_folio(struct fault *f, struct folio *folio)
{
	pte_t entry = pte_make(folio_pfn(folio), vma_pgprot(f->vma), 1);

	if (vma_test(f->vma, VMA_SHARED) && vma_may_write_entry(f->vma))
		entry = pte_set(entry, PTE_W | (f->write ? PTE_D : 0));
	if (!relock_unchanged(f)) {
		folio_put(folio);
		return FAULT_DONE;
	}
	map_folio(f, folio, entry);
	spin_unlock(f->lock);
	return FAULT_DONE;
}

static enum fault_result fault_file_none(struct fault *f) RELEASES(*f->lock)
{
	unsigned long pgoff = f->vma->file_pgoff + ((f->addr - f->vma->start) >> PAGE_SHIFT);
	int result = FAULT_DONE;
	struct folio *folio;

	spin_unlock(f->lock);
	folio = filemap_fault(f->vma, pgoff, &result);
	if (!folio)
		return (enum fault_result)result;
	f->cached = folio;
	if (!f->write || vma_test(f->vma, VMA_SHARED))
		return show_cache_folio(f, folio);
	result = make_private(f, &folio->page);
	folio_put(folio);
	return (enum fault_result)result;
}

/* ---- Present ---- */

/* M2: this table alone maps the page. => lock held */
static bool exclusive(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_is_anon(folio))
		return false;
	if (page_test(page, PG_EXCLUSIVE))
		return true;
	/* No fork can add an entry while mmap_lock is held for reading, nobody else has one to add from. */
	if (atomic_read(&page->mapcount) != 1 || atomic_read(&folio->page.refcount) != 1)
		return false;
	page_set(page, PG_EXCLUSIVE);
	return true;
}

static void make_writable(struct fault *f)
{
	if (unlikely(!vma_may_write_entry(f->vma)))
		return; /* forced: who forces writes through the frame */
	pt_set(f->slot, pte_set(f->pte, PTE_W | PTE_D | PTE_A));
	mmu_flush_local(f->addr); /* others find out by a spurious fault: more permissive needs no shootdown */
}

/* => lock held on entry, not on return */
static enum fault_result fault_write_protected(struct fault *f) RELEASES(*f->lock)
{
	struct page *page = pte_page(f->pte);
	enum fault_result result;

	if (vma_test(f->vma, VMA_SHARED) || (page && exclusive(page))) {
		make_writable(f);
		trace(cow_reuse, f->mm, f->addr, page_to_pfn(page), 1);
		spin_unlock(f->lock);
		vm_event_add(VM_PGREUSE, 1);
		return FAULT_DONE;
	}
	if (page)
		folio_get(page_folio(page)); /* our copy's source must stay while the lock is not held */
	spin_unlock(f->lock);
	trace(cow_copy, f->mm, f->addr, page ? page_to_pfn(page) : 0, 0);
	vm_event_add(VM_COW_COPY, 1);
	result = make_private(f, page);
	if (page)
		folio_put(page_folio(page));
	return result;
}

/* The entry allows the access by now: another CPU was faster, or this CPU's copy of it was stale. => as above */
static enum fault_result fault_spurious(struct fault *f) RELEASES(*f->lock)
{
	mmu_flush_local(f->addr);
	spin_unlock(f->lock);
	return FAULT_DONE;
}

static enum fault_result fault_present(struct fault *f) RELEASES(*f->lock)
{
	if (f->write && !pte_write(f->pte))
		return fault_write_protected(f);
	return fault_spurious(f);
}

/* ---- The way in ---- */

/* A large leaf or marker covers the address: a marker refuses, a leaf is cut to pages and looked at again. */
static enum fault_result fault_large(struct fault *f, bool *again)
{
	u8 level;
	pte_t *slot = pt_slot_find(f->mm, f->addr, &f->lock, &level), entry;

	if (!slot) {
		*again = true;
		return FAULT_DONE;
	}
	entry = *slot;
	spin_unlock(f->lock);
	if (pte_is_guard(entry))
		return FAULT_MAPERR;
	*again = true;
	return level > 1 && pt_split_leaf(f->mm, f->addr) ? FAULT_OOM : FAULT_DONE;
}

static enum fault_result handle(struct fault *f)
{
	int err = 0;
	pte_t *slot = pt_slot_alloc(f->mm, f->addr, &f->lock, &err);

	if (unlikely(!slot)) {
		bool again = false;
		enum fault_result r = err == -EEXIST ? fault_large(f, &again) : FAULT_OOM;

		return again && r == FAULT_DONE ? handle(f) : r;
	}
	f->slot = slot;
	f->pte = READ_ONCE(*slot);
	if (pte_none(f->pte))
		return vma_is_anonymous(f->vma) ? fault_anon_none(f) : fault_file_none(f);
	if (pte_present(f->pte))
		return fault_present(f);
	spin_unlock(f->lock);
	debug_assert(pte_is_guard(f->pte));
	return FAULT_MAPERR;
}

static bool access_allowed(const struct vma *v, unsigned int access)
{
	if (unlikely(access & FAULT_FORCE))
		return access & FAULT_WRITE ? vma_is_cow(v) || vma_test(v, VMA_WRITE) : vma_test(v, VMA_MAYREAD);
	if (access & FAULT_WRITE)
		return vma_test(v, VMA_WRITE);
	if (access & FAULT_EXEC)
		return vma_test(v, VMA_EXEC);
	return vma_test(v, VMA_READ) || vma_test(v, VMA_WRITE) || vma_test(v, VMA_EXEC);
}

/* The VMA for addr, a stack grown to it where that is what it takes. => mmap_lock held for reading in and out */
static struct vma *find_or_grow(struct mm *mm, unsigned long addr) REQUIRES_SHARED(mm->mmap_lock)
{
	struct vma *v = vma_tree_find(&mm->vmas, addr);

	if (likely(v && addr >= v->start))
		return v;
	if (!v || !vma_test(v, VMA_GROWSDOWN))
		return NULL;
	read_unlock(&mm->mmap_lock);
	write_lock(&mm->mmap_lock);
	v = vma_tree_find(&mm->vmas, addr);
	if (v && addr < v->start && (!vma_test(v, VMA_GROWSDOWN) || stack_grow(v, addr)))
		v = NULL;
	write_downgrade(&mm->mmap_lock);
	return v;
}

enum fault_result mm_fault(struct mm *mm, unsigned long addr, unsigned int access)
{
	struct fault f = { .mm = mm, .addr = addr & PAGE_MASK, .write = access & FAULT_WRITE };
	enum fault_result result = FAULT_MAPERR;

	vm_event_add(VM_PGFAULT, 1);
	read_lock(&mm->mmap_lock);
	f.vma = find_or_grow(mm, addr);
	if (f.vma)
		result = access_allowed(f.vma, access) ? handle(&f) : FAULT_ACCERR;
	read_unlock(&mm->mmap_lock);
	trace(fault, mm, addr, access, result);
	return result;
}
