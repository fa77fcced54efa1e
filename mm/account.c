/*
 * Overcommit: how much memory may be promised.
 *
 * Private writable mappings and shared anonymous memory may one day need a page for every page of address space.
 * The account is the sum of these promises, Committed_AS. What it may reach is vm.overcommit_memory's choice:
 *
 *	0  guess   a single promise larger than all of RAM is refused, nothing else
 *	1  always  nothing is refused
 *	2  never   the sum stays below CommitLimit = overcommit_ratio percent of RAM (or overcommit_kbytes, when not 0),
 *	           less a reserve that only root may use, less a reserve for each process that grows, so that
 *	           somebody can still log in and kill it
 *
 * Apart from the account, each address space is held to RLIMIT_AS and RLIMIT_DATA, for which total_vm and its parts
 * are kept: a mapping is data (private, writable), exec (executable, not writable), stack (grows down), or none.
 *
 *   O1  the account equals the sum of mm->committed over all mms plus what shared memory objects charged.
 *
 * Locks: none; the account is one atomic word, an mm's numbers are under its mmap_lock for writing.
 *
 * Linux differs: per-CPU batches make its account approximate; capabilities instead of uid 0.
 */
#include "mm/account.h"

#include "kernel/sysctl.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/resource.h"
#include "mm/buddy.h"

enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

long sysctl_overcommit_memory = OVERCOMMIT_GUESS;
long sysctl_overcommit_ratio = 50;
static long sysctl_overcommit_kbytes;
static long sysctl_admin_reserve_kbytes = 8192;
static long sysctl_user_reserve_kbytes = 131072; /* at most 1/32 of memory: see reserve_of() */

SYSCTL(overcommit_memory, .name = "vm.overcommit_memory", .value = &sysctl_overcommit_memory, .min = 0, .max = 2,
       .mode = 0644);
SYSCTL(overcommit_ratio, .name = "vm.overcommit_ratio", .value = &sysctl_overcommit_ratio, .min = 0, .max = 0x7fffffff,
       .mode = 0644);
SYSCTL(overcommit_kbytes, .name = "vm.overcommit_kbytes", .value = &sysctl_overcommit_kbytes, .min = 0,
       .max = __LONG_MAX__, .mode = 0644);
SYSCTL(admin_reserve, .name = "vm.admin_reserve_kbytes", .value = &sysctl_admin_reserve_kbytes, .min = 0,
       .max = __LONG_MAX__, .mode = 0644);
SYSCTL(user_reserve, .name = "vm.user_reserve_kbytes", .value = &sysctl_user_reserve_kbytes, .min = 0,
       .max = __LONG_MAX__, .mode = 0644);

static atomic_long_t committed;

static inline unsigned long kbytes_to_pages(long kbytes)
{
	return (unsigned long)kbytes >> (PAGE_SHIFT - 10);
}

/* All RAM that is managed; does not change after boot. */
static unsigned long total_pages(void)
{
	static unsigned long total;

	if (!READ_ONCE(total)) {
		struct buddy_stats s;

		buddy_stats(&s);
		WRITE_ONCE(total, s.total);
	}
	return total;
}

unsigned long account_committed(void)
{
	long n = atomic_read(&committed);

	return n > 0 ? n : 0;
}

unsigned long account_limit(void)
{
	if (sysctl_overcommit_kbytes)
		return kbytes_to_pages(sysctl_overcommit_kbytes);
	return total_pages() * sysctl_overcommit_ratio / 100;
}

/* What this address space must leave free in mode 2. */
static unsigned long reserve_of(const struct mm *mm)
{
	unsigned long reserve = caller_is_root() ? 0 : kbytes_to_pages(sysctl_admin_reserve_kbytes);

	if (mm)
		reserve += min(mm->total_vm / 32, kbytes_to_pages(sysctl_user_reserve_kbytes));
	return reserve;
}

static bool enough(const struct mm *mm, unsigned long pages)
{
	unsigned long limit, reserve;

	switch (sysctl_overcommit_memory) {
	case OVERCOMMIT_ALWAYS:
		return true;
	case OVERCOMMIT_GUESS:
		return pages <= total_pages();
	}
	limit = account_limit();
	reserve = reserve_of(mm);
	return reserve < limit && account_committed() < limit - reserve; /* the new pages are counted already */
}

int account_commit(struct mm *mm, unsigned long pages)
{
	atomic_add(&committed, (long)pages);
	if (!enough(mm, pages)) {
		atomic_sub(&committed, (long)pages);
		return -ENOMEM;
	}
	if (mm)
		mm->committed += pages;
	return 0;
}

void account_uncommit(struct mm *mm, unsigned long pages)
{
	atomic_sub(&committed, (long)pages);
	if (mm) {
		debug_assert(mm->committed >= pages);
		mm->committed -= pages;
	}
}

void account_recommit(struct mm *mm, unsigned long pages)
{
	atomic_add(&committed, (long)pages);
	mm->committed += pages;
}

/* ---- Sizes of an address space ---- */

static inline bool is_stack(const vma_flags_t *f)
{
	return vma_flags_test(f, VMA_GROWSDOWN);
}

static inline bool is_exec(const vma_flags_t *f)
{
	return vma_flags_test(f, VMA_EXEC) && !vma_flags_test(f, VMA_WRITE) && !is_stack(f);
}

static inline bool is_data(const vma_flags_t *f)
{
	return vma_flags_test(f, VMA_WRITE) && !vma_flags_test(f, VMA_SHARED) && !is_stack(f);
}

bool account_may_expand(struct mm *mm, const vma_flags_t *flags, unsigned long pages)
{
	if (mm->total_vm + pages > rlimit_cur(RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	return !is_data(flags) || mm->data_vm + pages <= rlimit_cur(RLIMIT_DATA) >> PAGE_SHIFT;
}

void account_vm(struct mm *mm, const vma_flags_t *flags, struct file *file __unused, long pages)
{
	mm->total_vm += pages;
	if (is_exec(flags))
		mm->exec_vm += pages;
	else if (is_stack(flags))
		mm->stack_vm += pages;
	else if (is_data(flags))
		mm->data_vm += pages;
	if (mm->total_vm > mm->hiwater_vm)
		mm->hiwater_vm = mm->total_vm;
}
