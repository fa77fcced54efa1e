/*
 * Address spaces: birth and death.
 *
 *	mm_create            users 1, count 1
 *	mm_get / mm_put      users: threads, /proc readers. The last mm_put() unmaps everything, closes the lazy root
 *	                     (mm = NULL), frees the tables and drops the count that the users shared.
 *	mm_count_get / put   count: LAZY folios (A3), pinned identities. The last put frees the structure.
 *
 * A LAZY folio can outlive its address space only unmapped, held by a reference of somebody who looks at it; what it
 * names is then a root without an mm, in which a walk finds nothing.
 *
 * all_mms lists every address space that may still map something: for mm_check() and for totals.
 */
#include "kernel/fs/file.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "mm/account.h"
#include "mm/mm_list.h"
#include "mm/pgtable.h"
#include "mm/slab.h"
#include "mm/vma_ops.h"

static struct kmem_cache *mm_cache;
LIST_HEAD(all_mms);
struct mutex all_mms_lock;

void mm_list_boot(void)
{
	mutex_init(&all_mms_lock, RANK_KMUTEX);
	mm_cache = kmem_cache_create("mm_struct", sizeof(struct mm), 64);
}

struct mm *mm_create(void)
{
	struct mm *mm = kmem_cache_zalloc(mm_cache);

	if (!mm)
		return NULL;
	atomic_set(&mm->users, 1);
	atomic_set(&mm->count, 1);
	rwlock_init(&mm->mmap_lock, RANK_MMAP);
	rwlock_init(&mm->lazy_root.rmap_lock, RANK_MM_RMAP);
	mutex_init(&mm->anon_lock, RANK_ANON_PREPARE);
	spin_init(&mm->pt_lock, RANK_PT_UPPER);
	vma_tree_init(&mm->vmas);
	mm->lazy_root.mm = mm;
	mm->mmap_base = TASK_SIZE;
	if (pt_create(mm)) {
		kmem_cache_free(mm_cache, mm);
		return NULL;
	}
	mutex_lock(&all_mms_lock);
	list_add_tail(&mm->all_node, &all_mms);
	mutex_unlock(&all_mms_lock);
	return mm;
}

void mm_get(struct mm *mm)
{
	debug_assert(atomic_read(&mm->users) > 0);
	atomic_inc(&mm->users);
}

bool mm_get_not_zero(struct mm *mm)
{
	return atomic_inc_not_zero(&mm->users);
}

void mm_count_get(struct mm *mm)
{
	debug_assert(atomic_read(&mm->count) > 0);
	atomic_inc(&mm->count);
}

void mm_count_put(struct mm *mm)
{
	if (!atomic_dec_and_test(&mm->count))
		return;
	assert(!mm->top && !mm->lazy_root.mm);
	kmem_cache_free(mm_cache, mm);
}

/* Nobody uses the address space any more: every CPU has loaded another one before it dropped its use. */
static void mm_tear_down(struct mm *mm)
{
	unsigned int vmas = mm->vmas.count;

	write_lock(&mm->mmap_lock);
	vma_unmap_all(mm);
	write_lock(&mm->lazy_root.rmap_lock);
	mm->lazy_root.mm = NULL;
	vma_tree_destroy(&mm->vmas);
	pt_destroy(mm);
	mm->top = NULL;
	write_unlock(&mm->lazy_root.rmap_lock);
	write_unlock(&mm->mmap_lock);
	for (int i = 0; i < MM_COUNTERS; i++)
		assert(atomic_read(&mm->counters[i]) == 0);
	assert(mm->committed == 0 && mm->total_vm == 0);
	trace(mm_exit, mm, vmas, 0, 0);
}

void mm_put(struct mm *mm)
{
	if (!atomic_dec_and_test(&mm->users))
		return;
	mm_tear_down(mm);
	mutex_lock(&all_mms_lock);
	list_del(&mm->all_node);
	mutex_unlock(&all_mms_lock);
	if (mm->exe_file)
		file_put(mm->exe_file);
	mm_count_put(mm);
}
