/*
 * Questions about an address space, answered in binary: PROCMAP_QUERY on /proc/<pid>/maps (which VMA is at, or after,
 * this address) and PAGEMAP_SCAN on /proc/<pid>/pagemap (which ranges of pages are so and so).
 *
 * A scan sorts each page of the VMAs in a range into categories, drops what the caller's masks do not want, and joins
 * neighbours of equal categories into regions:
 *
 *	pages      P P P . . G P P       P present  G guard  . nothing
 *	regions    [ P   ]   [G][P ]     asked for: any of P, G
 *
 * Regions are gathered in a page of kernel memory under mmap_lock and copied out after it is let go of, because the
 * copy may fault in the very address space that is looked at.
 *
 * Linux differs: it can write-protect what it reports (userfaultfd); here PAGE_IS_WRITTEN is simply always so.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/fs.h"
#include "mm/anon.h"
#include "mm/pgtable.h"
#include "mm/proc_internal.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

/* ---- PROCMAP_QUERY ---- */

#define QUERY_PERMISSIONS                                                                          \
	(PROCMAP_QUERY_VMA_READABLE | PROCMAP_QUERY_VMA_WRITABLE | PROCMAP_QUERY_VMA_EXECUTABLE |  \
	 PROCMAP_QUERY_VMA_SHARED)
#define QUERY_FLAGS (QUERY_PERMISSIONS | PROCMAP_QUERY_COVERING_OR_NEXT_VMA | PROCMAP_QUERY_FILE_BACKED_VMA)
#define NAME_BYTES 4096

static unsigned long permissions_of(const struct vma *v)
{
	return (vma_test(v, VMA_READ) ? PROCMAP_QUERY_VMA_READABLE : 0) |
	       (vma_test(v, VMA_WRITE) ? PROCMAP_QUERY_VMA_WRITABLE : 0) |
	       (vma_test(v, VMA_EXEC) ? PROCMAP_QUERY_VMA_EXECUTABLE : 0) |
	       (vma_test(v, VMA_MAYSHARE) ? PROCMAP_QUERY_VMA_SHARED : 0);
}

static bool vma_answers(const struct vma *v, unsigned long flags)
{
	unsigned long want = flags & QUERY_PERMISSIONS;

	return (permissions_of(v) & want) == want && (v->file || !(flags & PROCMAP_QUERY_FILE_BACKED_VMA));
}

/* => mmap_lock held; NULL: there is none */
static struct vma *query_vma(struct mm *mm, unsigned long addr, unsigned long flags)
{
	struct vma *v;

	for (v = vma_tree_find(&mm->vmas, addr); v; v = vma_tree_next(&mm->vmas, v)) {
		if (v->start > addr && !(flags & PROCMAP_QUERY_COVERING_OR_NEXT_VMA))
			return NULL;
		if (vma_answers(v, flags))
			return v;
		if (!(flags & PROCMAP_QUERY_COVERING_OR_NEXT_VMA))
			return NULL;
	}
	return NULL;
}

static void answer_query(struct procmap_query *q, const struct vma *v)
{
	u32 dev = v->file ? file_dev(v->file) : 0;

	q->vma_start = v->start;
	q->vma_end = v->end;
	q->vma_flags = permissions_of(v);
	q->vma_page_size = PAGE_SIZE;
	q->vma_offset = v->file ? v->file_pgoff << PAGE_SHIFT : 0;
	q->inode = v->file ? file_ino(v->file) : 0;
	q->dev_major = dev >> 8;
	q->dev_minor = dev & 0xff;
	q->build_id_size = 0; /* not looked for */
}

/* The name into `name`, NAME_BYTES of room. => 0 or -errno */
static long answer_name(struct procmap_query *q, const struct vma *v, char *name)
{
	char *heap;
	const char *text = proc_vma_name(v, &heap);
	size_t len;

	if (!text)
		return -ENOMEM;
	len = *text ? strlcpy(name, text, NAME_BYTES) + 1 : 0;
	kfree(heap);
	if (len > min(q->vma_name_size, (u32)NAME_BYTES))
		return -ENAMETOOLONG;
	q->vma_name_size = len;
	return 0;
}

static long find_and_answer(struct mm *mm, struct procmap_query *q, char *name)
{
	long err = -ENOENT;
	struct vma *v;

	read_lock(&mm->mmap_lock);
	v = query_vma(mm, q->query_addr, q->query_flags);
	if (v) {
		answer_query(q, v);
		err = q->vma_name_size ? answer_name(q, v, name) : 0;
	}
	read_unlock(&mm->mmap_lock);
	return err;
}

/* The user's structure may be shorter, or longer with zeroes behind. => 0 or -errno */
static long import_query(struct procmap_query *q, const char __user *user, u64 size)
{
	memset(q, 0, sizeof(*q));
	if (copy_from_user(q, user, min(size, sizeof(*q))))
		return -EFAULT;
	for (u64 i = sizeof(*q); i < size; i++) {
		char c;

		if (copy_from_user(&c, user + i, 1))
			return -EFAULT;
		if (c)
			return -E2BIG;
	}
	if (q->query_flags & ~(unsigned long)QUERY_FLAGS)
		return -EINVAL;
	return !q->vma_name_size != !q->vma_name_addr || !q->build_id_size != !q->build_id_addr ? -EINVAL : 0;
}

static long procmap_query(struct mm *mm, char __user *user)
{
	struct procmap_query q;
	char *name;
	u64 size;
	long err;

	if (copy_from_user(&size, user, sizeof(size)))
		return -EFAULT;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < offsetof(struct procmap_query, vma_start))
		return -EINVAL;
	err = import_query(&q, user, size);
	if (err)
		return err;
	name = kmalloc(NAME_BYTES);
	if (!name)
		return -ENOMEM;
	err = find_and_answer(mm, &q, name);
	if (!err && q.vma_name_size && copy_to_user((void __user *)q.vma_name_addr, name, q.vma_name_size))
		err = -EFAULT;
	kfree(name);
	if (!err && copy_to_user(user, &q, min(size, sizeof(q))))
		err = -EFAULT;
	return err;
}

long proc_maps_ioctl(struct mm *mm, unsigned int cmd, unsigned long arg)
{
	return cmd == PROCMAP_QUERY ? procmap_query(mm, (char __user *)arg) : -ENOTTY;
}

/* ---- PAGEMAP_SCAN ---- */

#define SCAN_CATEGORIES                                                                            \
	(PAGE_IS_WPALLOWED | PAGE_IS_WRITTEN | PAGE_IS_FILE | PAGE_IS_PRESENT | PAGE_IS_SWAPPED |  \
	 PAGE_IS_PFNZERO | PAGE_IS_HUGE | PAGE_IS_SOFT_DIRTY | PAGE_IS_GUARD)
#define SCAN_REGIONS (PAGE_SIZE / sizeof(struct page_region))

struct scan {
	struct pm_scan_arg arg;
	unsigned long at;    /* not looked at yet */
	unsigned long pages; /* reported so far */
	unsigned long copied; /* regions that are in the user's array */
	struct page_region *regions; /* gathered; the last one may still grow */
	unsigned int nr;
	bool full; /* of regions, or max_pages reached */
};

static long check_scan(const struct pm_scan_arg *a)
{
	unsigned long masks = a->category_inverted | a->category_mask | a->category_anyof_mask | a->return_mask;

	if (a->size != sizeof(*a) || (a->flags & ~(unsigned long)(PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC)))
		return -EINVAL;
	if ((masks & ~(unsigned long)SCAN_CATEGORIES) || !IS_ALIGNED(a->start, PAGE_SIZE))
		return -EINVAL;
	if (!access_ok((void __user *)a->start, a->end - a->start))
		return -EFAULT;
	if (!a->vec && a->vec_len)
		return -EINVAL;
	if (a->vec && (a->vec_len > TASK_SIZE / sizeof(struct page_region) ||
		       !access_ok((void __user *)a->vec, a->vec_len * sizeof(struct page_region))))
		return -EFAULT;
	return a->flags ? -EPERM : 0; /* no mapping here can be write-protected for its owner to watch */
}

static unsigned long categories_of(pte_t e, int level)
{
	unsigned long c = PAGE_IS_WRITTEN;
	struct page *page;

	if (!pte_present(e))
		return c | PAGE_IS_SWAPPED | (pte_is_guard(e) ? PAGE_IS_GUARD : 0);
	page = pte_page(e);
	c |= PAGE_IS_PRESENT | (page ? 0 : PAGE_IS_PFNZERO) | (level > 1 ? PAGE_IS_HUGE : 0);
	return page && !folio_is_anon(page_folio(page)) ? c | PAGE_IS_FILE : c;
}

static bool wanted(const struct pm_scan_arg *a, unsigned long categories)
{
	categories ^= a->category_inverted;
	if ((categories & a->category_mask) != a->category_mask)
		return false;
	return !a->category_anyof_mask || (categories & a->category_anyof_mask);
}

/* Report [start, end), all of which has these categories, as far as there is room: sets `full` where there is not. */
static void report(struct scan *s, unsigned long start, unsigned long end, unsigned long categories)
{
	struct page_region *last = s->nr ? &s->regions[s->nr - 1] : NULL;

	s->at = end;
	if (!wanted(&s->arg, categories))
		return;
	categories &= s->arg.return_mask;
	if ((end - start) >> PAGE_SHIFT > s->arg.max_pages - s->pages)
		end = start + ((s->arg.max_pages - s->pages) << PAGE_SHIFT);
	if (s->arg.vec) {
		if (last && last->end == start && last->categories == categories) {
			last->end = end;
		} else if (s->nr < SCAN_REGIONS && s->copied + s->nr < s->arg.vec_len) {
			s->regions[s->nr++] = (struct page_region){ start, end, categories };
		} else {
			end = start;
		}
	}
	s->pages += (end - start) >> PAGE_SHIFT;
	s->full = end < s->at || s->pages == s->arg.max_pages;
	s->at = end;
}

/* One VMA's part, entry by entry; between entries there is nothing, which is a category too (none). */
static void scan_vma(struct scan *s, const struct vma *v, unsigned long end)
{
	struct pt_iter it;

	pt_for_each(&it, v->mm, s->at, end) {
		unsigned long from = max(it.addr, s->at), to = min(it.addr + PT_LEVEL_SIZE(it.level), end);

		if (from > s->at)
			report(s, s->at, from, 0);
		if (!s->full)
			report(s, from, to, categories_of(it.pte, it.level));
		if (s->full) {
			pt_iter_end(&it);
			return;
		}
	}
	if (s->at < end)
		report(s, s->at, end, 0);
}

static void scan_some(struct scan *s, struct mm *mm)
{
	struct vma *v;

	read_lock(&mm->mmap_lock);
	vma_tree_for_each_range(v, &mm->vmas, s->at, s->arg.end) {
		s->at = max(s->at, v->start);
		scan_vma(s, v, min(v->end, s->arg.end));
		if (s->full)
			break;
	}
	if (!s->full)
		s->at = s->arg.end;
	read_unlock(&mm->mmap_lock);
}

/* Give the user what was gathered. A last region that reaches the place where the walk goes on might still grow: it
 * stays, unless it is the only one or the walk is over. => 0 or -EFAULT */
static long deliver(struct scan *s, bool over)
{
	unsigned int n = s->nr, keep = !over && n > 1 && s->regions[n - 1].end == s->at;
	struct page_region *to = (struct page_region *)s->arg.vec + s->copied;

	n -= keep;
	if (n && copy_to_user((void __user *)to, s->regions, n * sizeof(*to)))
		return -EFAULT;
	if (keep)
		s->regions[0] = s->regions[n];
	s->copied += n;
	s->nr = keep;
	return 0;
}

/* => 0 or -EFAULT */
static long scan_all(struct scan *s, struct mm *mm)
{
	bool over;
	long err;

	do {
		s->full = false;
		scan_some(s, mm);
		over = s->at >= s->arg.end || s->pages == s->arg.max_pages ||
		       (s->arg.vec && s->copied + s->nr == s->arg.vec_len && s->full);
		err = deliver(s, over);
		sched_yield_point();
	} while (!err && !over);
	return err;
}

static long pagemap_scan(struct mm *mm, struct pm_scan_arg __user *user)
{
	struct scan s = { 0 };
	long err;

	if (copy_from_user(&s.arg, user, sizeof(s.arg)))
		return -EFAULT;
	err = check_scan(&s.arg);
	if (err)
		return err;
	s.arg.end = ALIGN_UP(s.arg.end, PAGE_SIZE);
	s.at = s.arg.start;
	if (!s.arg.max_pages)
		s.arg.max_pages = ~0UL;
	s.regions = kmalloc(PAGE_SIZE);
	if (!s.regions)
		return -ENOMEM;
	err = s.at < s.arg.end ? scan_all(&s, mm) : 0;
	kfree(s.regions);
	if (copy_to_user(&user->walk_end, &s.at, sizeof(s.at)))
		err = -EFAULT;
	return err ? err : (long)s.copied;
}

long proc_pagemap_ioctl(struct mm *mm, unsigned int cmd, unsigned long arg)
{
	return cmd == PAGEMAP_SCAN ? pagemap_scan(mm, (struct pm_scan_arg __user *)arg) : -EINVAL;
}
