/*
 * mmap and brk: where a mapping goes, whether it may be, what it is.
 *
 *	TASK_SIZE  +---------------------------+
 *	           | stack, grows down         |
 *	           |   . . .                   |
 *	mmap_base  +---------------------------+   RLIMIT_STACK and a random gap below the stack
 *	           | mappings, searched down   |
 *	           |   . . .                   |
 *	           |   . . .                   |
 *	           | heap, brk grows up        |
 *	           +---------------------------+
 *	           | program                   |
 *	           +---------------------------+
 *	           0
 *
 * Decode (every check, in Linux's order), prepare (charge, create the shared object, reserve a VMA and tree nodes,
 * unmap what MAP_FIXED replaces: the last thing that can fail), commit.
 *
 * Linux differs: a MAP_FIXED mapping that fails late has already lost what it replaces; ours has not.
 */
#include "kernel/fs/file.h"
#include "kernel/sysctl.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "kernel/uapi/resource.h"
#include "mm/account.h"
#include "mm/filemap.h"
#include "mm/vma_ops.h"

long sysctl_max_map_count = DEFAULT_MAX_MAP_COUNT;
long sysctl_mmap_min_addr = MMAP_MIN_ADDR_DEFAULT;
SYSCTL(sysctl_map_count, .name = "vm.max_map_count", .value = &sysctl_max_map_count, .min = 0, .max = 0x7fffffff,
       .mode = 0644);
SYSCTL(sysctl_min_addr, .name = "vm.mmap_min_addr", .value = &sysctl_mmap_min_addr, .min = 0, .max = 1L << 46,
       .mode = 0644);

/* Pages kept free below a stack, so that it cannot grow into its neighbour unseen (Linux's default). */
#define STACK_GUARD_GAP (256UL << PAGE_SHIFT)

/* ---- Where ---- */

/* Linux gives MAP_32BIT the second gigabyte: the first is left to programs. */
#define MAP_32BIT_START 0x40000000UL
#define MAP_32BIT_END 0x80000000UL

static bool range_free(const struct mm *mm, unsigned long addr, unsigned long len)
{
	const struct vma *next = vma_tree_find(&mm->vmas, addr);
	unsigned long gap = next && vma_test(next, VMA_GROWSDOWN) ? STACK_GUARD_GAP : 0;

	return !next || (next->start >= addr + len && next->start - (addr + len) >= gap);
}

static unsigned long round_hint_to_min(unsigned long hint)
{
	hint &= PAGE_MASK;
	if (hint && hint < (unsigned long)sysctl_mmap_min_addr)
		return ALIGN_UP((unsigned long)sysctl_mmap_min_addr, PAGE_SIZE);
	return hint;
}

unsigned long mm_unmapped_area(struct mm *mm, unsigned long hint, unsigned long len, unsigned int map_flags)
{
	unsigned long low = ALIGN_UP(max((unsigned long)sysctl_mmap_min_addr, PAGE_SIZE), PAGE_SIZE), addr;

	if (len > TASK_SIZE)
		return 0;
	if (map_flags & MAP_32BIT)
		return vma_tree_gap(&mm->vmas, MAP_32BIT_START, MAP_32BIT_END, len, STACK_GUARD_GAP, false);
	if (hint && hint <= TASK_SIZE - len && hint >= low && range_free(mm, hint, len))
		return hint;
	addr = vma_tree_gap(&mm->vmas, low, mm->mmap_base, len, STACK_GUARD_GAP, true);
	return addr ? addr : vma_tree_gap(&mm->vmas, mm->mmap_base, TASK_SIZE, len, STACK_GUARD_GAP, false);
}

unsigned long mm_free_area(struct mm *mm, unsigned long len)
{
	unsigned long addr;

	read_lock(&mm->mmap_lock);
	addr = mm_unmapped_area(mm, 0, len, 0);
	read_unlock(&mm->mmap_lock);
	return addr;
}

/* => address, or -errno in *err */
static unsigned long choose_address(struct mm *mm, const struct mmap_request *req, unsigned long len, int *err)
{
	unsigned long addr;

	*err = 0;
	if (len > TASK_SIZE) {
		*err = -ENOMEM;
		return 0;
	}
	if (!(req->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		addr = mm_unmapped_area(mm, round_hint_to_min(req->addr), len, req->flags);
		*err = addr ? 0 : -ENOMEM;
		return addr;
	}
	addr = req->addr;
	if (addr > TASK_SIZE - len)
		*err = -ENOMEM;
	else if (!IS_ALIGNED(addr, PAGE_SIZE))
		*err = -EINVAL;
	else if (addr < (unsigned long)sysctl_mmap_min_addr && !caller_is_root())
		*err = -EPERM;
	else if ((req->flags & MAP_FIXED_NOREPLACE) && !range_free(mm, addr, len)) {
		const struct vma *v = vma_tree_find(&mm->vmas, addr);

		*err = v->start < addr + len ? -EEXIST : 0;
	}
	return addr;
}

/* ---- What ---- */

static void set_if(vma_flags_t *f, bool cond, enum vma_flag bit)
{
	if (cond)
		vma_flags_set(f, bit);
}

static void prot_to_flags(vma_flags_t *f, unsigned int prot)
{
	set_if(f, prot & PROT_READ, VMA_READ);
	set_if(f, prot & PROT_WRITE, VMA_WRITE);
	set_if(f, prot & PROT_EXEC, VMA_EXEC);
}

/* RLIMIT_MEMLOCK; root is free of it. */
bool mm_mlock_future_ok(struct mm *mm, unsigned long pages)
{
	return caller_is_root() || mm->locked_vm + pages <= rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

static bool shared_type(unsigned int flags)
{
	return (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
}

static int check_anonymous_type(const struct mmap_request *req)
{
	switch (req->flags & MAP_TYPE) {
	case MAP_SHARED:
		return req->flags & MAP_GROWSDOWN ? -EINVAL : 0;
	case MAP_PRIVATE:
	case MAP_DROPPABLE: /* no reclaim that could drop it: plain private memory */
		return 0;
	default:
		return -EINVAL;
	}
}

/* Flags a MAP_SHARED_VALIDATE mapping of a file may carry: those this kernel knows. */
#define MAP_KNOWN_FLAGS                                                                            \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | \
	 MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_FIXED_NOREPLACE)

/* A file has 2^63 - 1 bytes at most. */
#define FILE_BYTES_MAX (~0UL >> 1)

static int check_file_type(const struct mmap_request *req, unsigned long len)
{
	if (len > FILE_BYTES_MAX || req->pgoff > (FILE_BYTES_MAX - len) >> PAGE_SHIFT)
		return -EOVERFLOW;
	switch (req->flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (req->flags & ~MAP_KNOWN_FLAGS)
			return -EOPNOTSUPP;
		/* fallthrough */
	case MAP_SHARED:
		if ((req->prot & PROT_WRITE) && !file_writable(req->file))
			return -EACCES;
		if ((req->prot & PROT_WRITE) && !file_map_writable(req->file))
			return -EPERM;
		/* fallthrough */
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!file_readable(req->file))
		return -EACCES;
	if (file_noexec(req->file) && (req->prot & PROT_EXEC))
		return -EPERM;
	if (!req->file->ops->mmap)
		return -ENODEV;
	return req->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

/* Flags of the VMA to be. */
static void request_to_flags(struct mm *mm, const struct mmap_request *req, vma_flags_t *f)
{
	bool shared = shared_type(req->flags);
	bool noreserve = (req->flags & MAP_NORESERVE) && sysctl_overcommit_memory != 2;
	bool locked = (req->flags & MAP_LOCKED) || mm->lock_future;

	*f = (vma_flags_t){};
	prot_to_flags(f, req->prot);
	vma_flags_set(f, VMA_MAYREAD);
	set_if(f, !shared || !req->file || file_map_writable(req->file), VMA_MAYWRITE);
	set_if(f, !req->file || !file_noexec(req->file), VMA_MAYEXEC);
	/* What can never be written through is not shared in Linux's sense: VMA_SHARED is about writes. */
	set_if(f, shared && (!req->file || file_map_writable(req->file)), VMA_SHARED);
	set_if(f, shared, VMA_MAYSHARE);
	set_if(f, req->flags & MAP_GROWSDOWN, VMA_GROWSDOWN);
	set_if(f, req->flags & MAP_STACK, VMA_NOHUGEPAGE); /* a large page of stack would be mostly waste */
	set_if(f, locked, VMA_LOCKED);
	set_if(f, locked && !(req->flags & MAP_LOCKED) && mm->lock_future_onfault, VMA_LOCKONFAULT);
	set_if(f, noreserve, VMA_NORESERVE);
	set_if(f, !shared && (req->prot & PROT_WRITE) && !noreserve, VMA_ACCOUNT);
}

/* ---- The mapping itself ---- */

/* The object behind a shared or file mapping, with a reference; NULL: private anonymous; ERR_PTR. */
static struct file *mapping_object(const struct mmap_request *req, unsigned long len)
{
	bool shared = shared_type(req->flags), anonymous = !req->file;
	int err;

	if (req->file) {
		err = req->file->ops->mmap(req->file, shared, &anonymous);
		if (err)
			return ERR_PTR(err);
		if (!anonymous) {
			file_get(req->file);
			return req->file;
		}
	}
	if (!shared)
		return NULL;
	return req->flags & MAP_NORESERVE && sysctl_overcommit_memory != 2 ?
		       shmem_file_create_noreserve("/dev/zero", len) :
		       shmem_file_create("/dev/zero", len);
}

/* What a new mapping of the range replaces. */
static unsigned long pages_mapped(const struct mm *mm, unsigned long start, unsigned long end)
{
	const struct vma *v;
	unsigned long pages = 0;

	vma_tree_for_each_range(v, &mm->vmas, start, end)
		pages += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	return pages;
}

/* Charge, reserve, unmap what was there, insert. => mmap_lock for writing; p filled but for offsets; 0 or -errno */
static long map_region(struct mm *mm, struct vma *p)
{
	unsigned long pages = vma_pages(p);
	struct vma_insert ins;
	long err;

	if (unlikely(!account_may_expand(mm, &p->flags, pages)) &&
	    !account_may_expand(mm, &p->flags, pages - pages_mapped(mm, p->start, p->end)))
		return -ENOMEM;
	if (vma_test(p, VMA_ACCOUNT) && account_commit(mm, pages))
		return -ENOMEM;
	if (likely(range_free(mm, p->start, p->end - p->start))) {
		err = vma_insert_prepare(&ins, p);
	} else {
		err = vma_insert_reserve(&ins, p);
		if (!err)
			err = vma_unmap(mm, p->start, p->end);
		if (err)
			vma_insert_abort(&ins);
		else
			vma_insert_decide(&ins);
	}
	if (err) {
		if (vma_test(p, VMA_ACCOUNT))
			account_uncommit(mm, pages);
		return err;
	}
	vma_count(p, pages);
	vma_insert_commit(&ins);
	return 0;
}

static void init_proposal(struct vma *p, struct mm *mm, unsigned long start, unsigned long len)
{
	*p = (struct vma){ .start = start, .end = start + len, .mm = mm, .anon_pgoff = start >> PAGE_SHIFT };
	list_init(&p->anon_chain);
}

/* => mmap_lock for writing; address or -errno */
static long mmap_locked(struct mm *mm, const struct mmap_request *req, unsigned long len)
{
	struct vma p;
	struct file *file;
	unsigned long addr;
	long err;
	int e;

	if ((long)mm->vmas.count > sysctl_max_map_count)
		return -ENOMEM;
	addr = choose_address(mm, req, len, &e);
	if (e)
		return e;
	init_proposal(&p, mm, addr, len);
	request_to_flags(mm, req, &p.flags);
	if (vma_test(&p, VMA_LOCKED) && !mm_mlock_future_ok(mm, len >> PAGE_SHIFT))
		return -EAGAIN;
	e = req->file ? check_file_type(req, len) : check_anonymous_type(req);
	if (e)
		return e;
	file = mapping_object(req, len);
	if (IS_ERR(file))
		return PTR_ERR(file);
	p.file = file;
	p.file_pgoff = file && req->file == file ? req->pgoff : 0;
	err = map_region(mm, &p);
	if (file)
		file_put(file); /* the VMA has its own */
	trace(mmap, mm, addr, addr + len, p.flags.bits[0]);
	return err ? err : (long)addr;
}

static bool wants_populate(struct mm *mm, const struct mmap_request *req)
{
	if ((req->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE || (req->flags & MAP_LOCKED))
		return true;
	return mm->lock_future && !mm->lock_future_onfault;
}

long mm_mmap(struct mm *mm, const struct mmap_request *req)
{
	unsigned long len = ALIGN_UP(req->len, PAGE_SIZE);
	bool populate;
	long addr;

	if (!req->len)
		return -EINVAL;
	if (!len)
		return -ENOMEM;
	if (req->pgoff + (len >> PAGE_SHIFT) < req->pgoff)
		return -EOVERFLOW;
	if (write_lock_killable(&mm->mmap_lock))
		return -EINTR;
	addr = mmap_locked(mm, req, len);
	populate = addr >= 0 && wants_populate(mm, req);
	write_unlock(&mm->mmap_lock);
	if (populate) /* as far as it goes: the mapping stands whatever comes of it */
		(void)mm_populate(mm, addr, addr + len, req->prot & PROT_WRITE && !shared_type(req->flags));
	return addr;
}

/* ---- brk ---- */

static void brk_flags(struct mm *mm, vma_flags_t *f)
{
	*f = (vma_flags_t){};
	prot_to_flags(f, PROT_READ | PROT_WRITE);
	vma_flags_set(f, VMA_MAYREAD);
	vma_flags_set(f, VMA_MAYWRITE);
	vma_flags_set(f, VMA_MAYEXEC);
	vma_flags_set(f, VMA_ACCOUNT);
	set_if(f, mm->lock_future, VMA_LOCKED);
	set_if(f, mm->lock_future && mm->lock_future_onfault, VMA_LOCKONFAULT);
}

static long brk_grow(struct mm *mm, unsigned long from, unsigned long to)
{
	struct vma p;

	/* A page of room to the next mapping, as Linux keeps. */
	if (to > TASK_SIZE - PAGE_SIZE || !range_free(mm, from, to - from + PAGE_SIZE))
		return -ENOMEM;
	init_proposal(&p, mm, from, to - from);
	brk_flags(mm, &p.flags);
	if (vma_test(&p, VMA_LOCKED) && !mm_mlock_future_ok(mm, vma_pages(&p)))
		return -EAGAIN;
	return map_region(mm, &p);
}

/* RLIMIT_DATA covers the heap and the program's data together. */
static bool data_limit_ok(const struct mm *mm, unsigned long brk)
{
	u64 limit = rlimit_cur(RLIMIT_DATA);

	return limit == RLIM_INFINITY || (brk - mm->brk_start) + (mm->data_end - mm->data_start) <= limit;
}

static long brk_locked(struct mm *mm, unsigned long brk)
{
	unsigned long from = ALIGN_UP(mm->brk, PAGE_SIZE), to = ALIGN_UP(brk, PAGE_SIZE);
	long err = 0;

	if (brk < mm->brk_start || brk > TASK_SIZE || !data_limit_ok(mm, brk))
		return -ENOMEM;
	if (to > from)
		err = brk_grow(mm, from, to);
	else if (to < from)
		err = vma_unmap(mm, to, from);
	if (!err)
		mm->brk = brk;
	return err;
}

long mm_brk(struct mm *mm, unsigned long brk)
{
	unsigned long old, now;
	bool populate;

	write_lock(&mm->mmap_lock);
	old = mm->brk;
	(void)brk_locked(mm, brk); /* failure is told by the break that did not move */
	now = mm->brk;
	populate = now > old && mm->lock_future && !mm->lock_future_onfault;
	write_unlock(&mm->mmap_lock);
	if (populate)
		(void)mm_populate(mm, ALIGN_UP(old, PAGE_SIZE), ALIGN_UP(now, PAGE_SIZE), true);
	return now;
}

void mm_set_brk(struct mm *mm, unsigned long start)
{
	mm->brk_start = mm->brk = ALIGN_UP(start, PAGE_SIZE);
}

/* ---- Stack ---- */

int mm_setup_stack(struct mm *mm, unsigned long top, unsigned long size, bool exec)
{
	struct vma p;
	long err;

	init_proposal(&p, mm, ALIGN_DOWN(top - size, PAGE_SIZE), 0);
	p.end = top;
	brk_flags(mm, &p.flags);
	set_if(&p.flags, exec, VMA_EXEC);
	vma_flags_set(&p.flags, VMA_GROWSDOWN);
	vma_flags_set(&p.flags, VMA_STACK);
	write_lock(&mm->mmap_lock);
	err = map_region(mm, &p);
	if (!err)
		mm->stack_top = top;
	write_unlock(&mm->mmap_lock);
	return err;
}

/* May the stack reach down to `start`? */
static bool stack_room(const struct vma *v, unsigned long start)
{
	const struct vma *prev = vma_tree_prev(&v->mm->vmas, v->start);
	bool touchable = prev && (vma_test(prev, VMA_READ) || vma_test(prev, VMA_WRITE) || vma_test(prev, VMA_EXEC));

	if (start < (unsigned long)sysctl_mmap_min_addr || v->end - start > rlimit_cur(RLIMIT_STACK))
		return false;
	if (prev && prev->end > start)
		return false;
	/* Another stack keeps its own gap; what cannot be touched is as good as a gap. */
	return !touchable || vma_test(prev, VMA_GROWSDOWN) || start - prev->end >= STACK_GUARD_GAP;
}

int stack_grow(struct vma *v, unsigned long addr)
{
	unsigned long start = addr & PAGE_MASK, pages = (v->start - start) >> PAGE_SHIFT;

	assert_write_held(&v->mm->mmap_lock);
	if (!stack_room(v, start) || !account_may_expand(v->mm, &v->flags, pages))
		return -ENOMEM;
	if (vma_test(v, VMA_LOCKED) && !mm_mlock_future_ok(v->mm, pages))
		return -ENOMEM;
	if (vma_test(v, VMA_ACCOUNT) && account_commit(v->mm, pages))
		return -ENOMEM;
	vma_count(v, pages);
	vma_resize(v, start, v->end);
	return 0;
}
