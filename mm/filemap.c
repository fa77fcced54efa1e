/*
 * The page cache.
 *
 *	inode or shmem object            VMAs (i_mmap.c)
 *	   |                                |
 *	struct address_space ---------------+
 *	   |  pages: 0 -> folio, 1 -> folio, 7 -> folio ...        what is not there reads as zeroes
 *	   |  size
 *
 * Who looks a page up takes a reference under m->lock and copies without any lock: contents are not
 * serialised here (two writers are the inode lock's business, two mappings the programs').
 *
 * A new page becomes visible complete: zeroed, or already holding what a write brings, so a read that races
 * with the write sees zeroes or data, never an old page's contents, and a copy from user space that fails
 * leaves no page behind.
 *
 * Truncation against faults. A fault looks the folio up, allocates tables, then locks the table and sets the
 * entry; a truncation may run in between. The fault asks filemap_still_cached() under the table lock:
 *
 *	truncate                             fault
 *	1 size = new                         a  folio = lookup (checks size)
 *	2 zap every VMA's entries            b  lock table
 *	  (each table locked in turn)        c  still_cached? else start over
 *	3 take folios out, mapping = 0       d  set entry, unlock
 *
 * If c comes before 2 reaches that table, 2 removes the entry; if after, c sees the new size - or, when the file
 * has grown again meanwhile, mapping == 0. Both sides order their store before their load by the locks between.
 *
 * Locks: m->lock (spinning) for pages; the folio lock around a change of a cached folio's mapping, so that an rmap
 * walker who holds it may follow mapping to the object (C1).
 *
 * Linux differs: lookups are lock-free under RCU, the fault keeps the folio locked until the entry is set,
 * folios of files are aged and written back. Ours leave only by truncation.
 */
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"
#include "mm/account.h"
#include "mm/anon.h"
#include "mm/buddy.h"
#include "mm/filemap_internal.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

static struct kmem_cache *xa_cache;
static atomic_long_t nr_cached, nr_shmem;

void filemap_boot(void)
{
	xa_cache = kmem_cache_create("radix_tree_node", sizeof(struct xa_node), 8);
}

struct xa_node *xa_node_alloc(void)
{
	return kmem_cache_zalloc(xa_cache);
}

void xa_node_free(struct xa_node *n)
{
	kmem_cache_free(xa_cache, n);
}

unsigned long filemap_nr_pages(void)
{
	return atomic_read(&nr_cached);
}

unsigned long filemap_nr_shmem(void)
{
	return atomic_read(&nr_shmem);
}

void mapping_init(struct address_space *m, struct inode *host)
{
	memset(m, 0, sizeof(*m));
	xa_init(&m->pages);
	spin_init(&m->lock, RANK_MAPPING);
	mutex_init(&m->i_mmap_lock, RANK_I_MMAP);
	m->host = host;
	atomic_set(&m->refs, 1);
}

/* ---- Looking up, adding ---- */

static struct folio *find_folio(struct address_space *m, unsigned long index)
{
	struct folio *f;

	spin_lock(&m->lock);
	f = xa_load(&m->pages, index);
	if (f)
		folio_get(f);
	spin_unlock(&m->lock);
	return f;
}

unsigned int mapping_get_batch(struct address_space *m, unsigned long first, unsigned long last, struct folio **out,
			       unsigned int max)
{
	unsigned int n = 0;
	struct folio *f;

	spin_lock(&m->lock);
	while (n < max && first <= last && (f = xa_find(&m->pages, &first, last))) {
		folio_get(f);
		out[n++] = f;
		first++;
	}
	spin_unlock(&m->lock);
	return n;
}

static inline unsigned long pages_of(u64 size)
{
	return DIV_ROUND_UP(size, PAGE_SIZE);
}

/* Where each page is charged by itself. => 0 or -ENOMEM */
static int charge_page(struct address_space *m)
{
	return m->shmem && !m->reserved ? account_commit(NULL, 1) : 0;
}

static void uncharge_page(struct address_space *m)
{
	if (m->shmem && !m->reserved)
		account_uncommit(NULL, 1);
}

/* => m->lock held */
static int store_folio(struct address_space *m, struct folio *f, unsigned long index, bool extending)
{
	int err;

	if (xa_load(&m->pages, index))
		return -EEXIST;
	if (!extending && index >= pages_of(m->size))
		return -ERANGE;
	err = xa_store(&m->pages, index, f);
	if (err)
		return err;
	folio_get(f); /* C2 */
	f->page.index = index;
	if (m->shmem)
		page_set(&f->page, PG_SHMEM);
	smp_store_release(&f->page.mapping.word, (unsigned long)m);
	return 0;
}

/* Publish a fresh folio whose contents are complete.
 * => 0; -EEXIST a folio is there already; -ERANGE the file ends before index (unless extending); -ENOMEM */
static int add_folio(struct address_space *m, struct folio *f, unsigned long index, bool extending)
{
	int err = charge_page(m);

	if (err)
		return err;
	page_set(&f->page, PG_UPTODATE);
	spin_lock(&m->lock);
	err = store_folio(m, f, index, extending);
	spin_unlock(&m->lock);
	if (err) {
		uncharge_page(m);
		return err;
	}
	atomic_inc(&nr_cached);
	if (m->shmem)
		atomic_inc(&nr_shmem);
	return 0;
}

/* The folio at index, made when missing. => referenced, or ERR_PTR(-ENOMEM, -ERANGE) */
static struct folio *get_or_make(struct address_space *m, unsigned long index, bool extending)
{
	for (;;) {
		struct folio *f = find_folio(m, index);
		int err;

		if (f)
			return f;
		f = folio_alloc(0, GFP_USER | GFP_ZERO);
		if (!f)
			return ERR_PTR(-ENOMEM);
		err = add_folio(m, f, index, extending);
		if (!err)
			return f;
		folio_put(f);
		if (err != -EEXIST)
			return ERR_PTR(err);
	}
}

struct folio *mapping_get_folio(struct address_space *m, unsigned long index, bool create)
{
	return create ? get_or_make(m, index, true) : find_folio(m, index);
}

struct folio *filemap_fault(struct vma *v, unsigned long pgoff, int *result)
{
	struct address_space *m = file_mapping(v->file);
	struct folio *f;

	if (pgoff >= pages_of(READ_ONCE(m->size))) {
		*result = FAULT_ADRERR;
		return NULL;
	}
	f = get_or_make(m, pgoff, false);
	if (!IS_ERR(f))
		return f;
	*result = PTR_ERR(f) == -ERANGE ? FAULT_ADRERR : FAULT_OOM;
	return NULL;
}

/* ---- Reading and writing ---- */

/* One side of a transfer: kernel memory, or the user's. */
struct transfer {
	char *kernel; /* NULL: user */
	char __user *user;
};

static inline void advance(struct transfer *t, size_t n)
{
	if (t->kernel)
		t->kernel += n;
	else
		t->user += n;
}

/* => bytes NOT copied */
static size_t transfer_out(struct transfer *t, const void *src, size_t n)
{
	if (!t->kernel)
		return src ? copy_to_user(t->user, src, n) : clear_user(t->user, n);
	if (src)
		memcpy(t->kernel, src, n);
	else
		memset(t->kernel, 0, n);
	return 0;
}

static size_t transfer_in(struct transfer *t, void *dst, size_t n)
{
	if (!t->kernel)
		return copy_from_user(dst, t->user, n);
	memcpy(dst, t->kernel, n);
	return 0;
}

static long do_read(struct address_space *m, struct transfer t, size_t n, u64 pos)
{
	u64 size = READ_ONCE(m->size);
	size_t done = 0;

	if (pos >= size)
		return 0;
	n = min((u64)n, size - pos);
	while (done < n) {
		size_t off = (pos + done) % PAGE_SIZE, part = min(PAGE_SIZE - off, n - done), left;
		struct folio *f = find_folio(m, (pos + done) / PAGE_SIZE);

		left = transfer_out(&t, f ? (char *)page_to_virt(&f->page) + off : NULL, part);
		if (f)
			folio_put(f);
		done += part - left;
		if (left)
			return done ? (long)done : -EFAULT;
		advance(&t, part);
		sched_yield_point();
	}
	return (long)done;
}

/* A page that is not there yet, filled before it is seen. => bytes copied; -EFAULT, -ENOMEM, -EEXIST */
static long write_new_page(struct address_space *m, struct transfer *t, u64 pos, size_t n)
{
	struct folio *f = folio_alloc(0, n == PAGE_SIZE ? GFP_USER : GFP_USER | GFP_ZERO);
	char *page;
	size_t left;
	int err;

	if (!f)
		return -ENOMEM;
	page = page_to_virt(&f->page);
	left = transfer_in(t, page + pos % PAGE_SIZE, n);
	if (left && n == PAGE_SIZE)
		memset(page + n - left, 0, left);
	page_set(&f->page, PG_DIRTY);
	err = left == n ? -EFAULT : add_folio(m, f, pos / PAGE_SIZE, true);
	folio_put(f);
	return err ? err : (long)(n - left);
}

static long write_page(struct address_space *m, struct transfer *t, u64 pos, size_t n)
{
	for (;;) {
		struct folio *f = find_folio(m, pos / PAGE_SIZE);
		long ret;

		if (f) {
			size_t left = transfer_in(t, (char *)page_to_virt(&f->page) + pos % PAGE_SIZE, n);

			page_set(&f->page, PG_DIRTY);
			folio_put(f);
			return left == n ? -EFAULT : (long)(n - left);
		}
		ret = write_new_page(m, t, pos, n);
		if (ret != -EEXIST)
			return ret;
	}
}

static void extend(struct address_space *m, u64 size)
{
	spin_lock(&m->lock);
	if (size > m->size)
		WRITE_ONCE(m->size, size);
	spin_unlock(&m->lock);
}

static long do_write(struct address_space *m, struct transfer t, size_t n, u64 pos)
{
	size_t done = 0;

	while (done < n) {
		size_t part = min(PAGE_SIZE - (pos + done) % PAGE_SIZE, n - done);
		long ret = write_page(m, &t, pos + done, part);

		if (ret < 0)
			return done ? (long)done : ret == -ENOMEM ? -ENOSPC : ret;
		done += ret;
		extend(m, pos + done);
		if ((size_t)ret < part)
			break;
		advance(&t, part);
		sched_yield_point();
	}
	return (long)done;
}

long mapping_read_user(struct address_space *m, void __user *buf, size_t n, u64 pos)
{
	return do_read(m, (struct transfer){ .user = buf }, n, pos);
}

long mapping_read(struct address_space *m, void *buf, size_t n, u64 pos)
{
	return do_read(m, (struct transfer){ .kernel = buf }, n, pos);
}

long mapping_write_user(struct address_space *m, const void __user *buf, size_t n, u64 pos)
{
	return do_write(m, (struct transfer){ .user = (char __user *)buf }, n, pos);
}

long mapping_write(struct address_space *m, const void *buf, size_t n, u64 pos)
{
	return do_write(m, (struct transfer){ .kernel = (char *)buf }, n, pos);
}

/* ---- Leaving ---- */

unsigned long filemap_detach_folio(struct address_space *m, struct folio *f)
{
	unsigned long index;

	folio_lock(f);
	spin_lock(&m->lock);
	index = f->page.index;
	xa_erase(&m->pages, index);
	WRITE_ONCE(f->page.index, ~0UL);
	spin_unlock(&m->lock);
	folio_unlock(f);
	uncharge_page(m);
	atomic_dec(&nr_cached);
	if (m->shmem)
		atomic_dec(&nr_shmem);
	return index;
}

/* Who holds a reference keeps the contents. */
void filemap_release_folio(struct folio *f)
{
	folio_lock(f);
	smp_store_release(&f->page.mapping.word, 0UL);
	folio_unlock(f);
	folio_put(f); /* the cache's reference: C2 */
}

#define REMOVE_BATCH 32 /* references held at a time: what fits on the stack */

void filemap_remove_range(struct address_space *m, unsigned long first, unsigned long last)
{
	struct folio *batch[REMOVE_BATCH];
	unsigned int n;

	do {
		n = mapping_get_batch(m, first, last, batch, REMOVE_BATCH);
		for (unsigned int i = 0; i < n; i++) {
			filemap_detach_folio(m, batch[i]);
			filemap_release_folio(batch[i]);
			folio_put(batch[i]);
		}
		sched_yield_point();
	} while (n == REMOVE_BATCH);
}

void mapping_destroy(struct address_space *m)
{
	assert(rb_empty(&m->i_mmap));
	filemap_remove_range(m, 0, FILE_PAGES_MAX);
	assert(xa_empty(&m->pages));
	xa_destroy(&m->pages);
}
