/*
 * System calls of memory management: what belongs to the call and not to the operation - descriptors, other
 * processes, vectors, flag words. mm/ validates everything else, in Linux's order.
 *
 * With quire.check=1 every call that can change an address space ends with mm_check(): an operation that broke an
 * invariant is caught at its own end, with its trace.
 *
 * Linux differs: protection keys; here, as on a CPU without them, none can be allocated.
 */
#include "kernel/sys_mm.h"

#include "kernel/fs/vfs.h"
#include "kernel/proc.h"
#include "kernel/syscall.h"
#include "kernel/uapi/mman.h"
#include "kernel/uapi/uio.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define IOV_FAST 8 /* vectors up to this length live on the stack, as in Linux (UIO_FASTIOV) */

/* quire.check=1 */
static inline long checked(long result)
{
	if (unlikely(mm_check_always))
		mm_check(NULL);
	return result;
}

bool caller_is_root(void)
{
	return capable(CAP_SYS_ADMIN);
}

/* ---- One's own address space ---- */

/* Large pages from a pool: there is none, which is to say that it is empty. The size is in bits 26..31 of flags. */
static long mmap_hugetlb(unsigned long flags)
{
	unsigned int shift = (flags >> 26) & 0x3f;

	return shift == 0 || shift == 21 || shift == 30 ? -ENOMEM : -EINVAL;
}

long sys_mmap(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags, int fd, unsigned long off)
{
	struct mmap_request req = {
		.addr = addr, .len = len, .prot = prot, .flags = flags, .pgoff = off >> PAGE_SHIFT,
	};
	struct fdref ref;
	long ret;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (flags & MAP_ANONYMOUS)
		return flags & MAP_HUGETLB ? mmap_hugetlb(flags) : checked(mm_mmap(current->mm, &req));
	ref = fd_ref(fd);
	if (!ref.file)
		return -EBADF;
	req.file = ref.file;
	ret = flags & MAP_HUGETLB ? -EINVAL : mm_mmap(current->mm, &req);
	fdref_put(ref);
	return checked(ret);
}

long sys_munmap(unsigned long addr, size_t len)
{
	return checked(mm_munmap(current->mm, addr, len));
}

long sys_mprotect(unsigned long addr, size_t len, unsigned long prot)
{
	return checked(mm_mprotect(current->mm, addr, len, prot));
}

long sys_brk(unsigned long brk)
{
	return checked(mm_brk(current->mm, brk));
}

long sys_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len, unsigned long flags,
		unsigned long new_addr)
{
	return checked(mm_mremap(current->mm, addr, old_len, new_len, flags, new_addr));
}

long sys_madvise(unsigned long addr, size_t len, int advice)
{
	return checked(mm_madvise(current->mm, addr, len, advice));
}

long sys_mincore(unsigned long addr, size_t len, unsigned char __user *vec)
{
	return mm_mincore(current->mm, addr, len, vec);
}

long sys_mlock(unsigned long addr, size_t len)
{
	return checked(mm_mlock(current->mm, addr, len, false));
}

long sys_mlock2(unsigned long addr, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return checked(mm_mlock(current->mm, addr, len, flags & MLOCK_ONFAULT));
}

long sys_munlock(unsigned long addr, size_t len)
{
	return checked(mm_munlock(current->mm, addr, len));
}

long sys_mlockall(int flags)
{
	return checked(mm_mlockall(current->mm, flags));
}

long sys_munlockall(void)
{
	return checked(mm_munlockall(current->mm));
}

long sys_msync(unsigned long addr, size_t len, int flags)
{
	return mm_msync(current->mm, addr, len, flags);
}

long sys_mseal(unsigned long addr, size_t len, unsigned long flags)
{
	if (flags)
		return -EINVAL;
	return checked(mm_mseal(current->mm, addr, len));
}

/* Without keys only -1, "as mprotect", is one. */
long sys_pkey_mprotect(unsigned long addr, size_t len, unsigned long prot, int pkey)
{
	return pkey == -1 ? sys_mprotect(addr, len, prot) : -EINVAL;
}

long sys_pkey_alloc(unsigned long flags __unused, unsigned long rights __unused)
{
	return -EINVAL;
}

long sys_pkey_free(int pkey __unused)
{
	return -EINVAL;
}

/* ---- Somebody else's ---- */

/* May current look into p's memory? Linux's ptrace rule without capabilities: root, or all ids the same. */
static bool may_access(const struct process *p)
{
	const struct process *me = current->process;

	if (p == me || caller_is_root())
		return true;
	return p->dumpable && me->uid == p->uid && me->uid == p->euid && me->uid == p->suid && me->gid == p->gid &&
	       me->gid == p->egid && me->gid == p->sgid;
}

/* => its mm with a reference (mm_put), ERR_PTR(-ESRCH) none any more, -EPERM. Consumes the process reference */
static struct mm *mm_of_process(struct process *p)
{
	struct mm *mm = ERR_PTR(-ESRCH);

	if (!p)
		return mm;
	if (!may_access(p)) {
		mm = ERR_PTR(-EPERM);
	} else {
		mm = process_mm_get(p);
		if (!mm)
			mm = ERR_PTR(-ESRCH);
	}
	process_put(p);
	return mm;
}

#define PIDFD_SELF_THREAD (-10000)	  /* Linux 6.14: no descriptor needed for oneself */
#define PIDFD_SELF_THREAD_GROUP (-10001)

static struct mm *mm_of_pidfd(int fd)
{
	struct process *p = current->process;

	if (fd == PIDFD_SELF_THREAD || fd == PIDFD_SELF_THREAD_GROUP)
		process_get(p);
	else
		p = pidfd_process(fd);
	return IS_ERR(p) ? (struct mm *)p : mm_of_process(p);
}

/* Advice that does not change what the other process sees in its memory. */
static bool advice_for_others(int advice)
{
	return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED || advice == MADV_COLLAPSE;
}

/* => bytes advised; the first error when that is none */
static long advise_pieces(struct mm *mm, const struct uio *u, int advice)
{
	long done = 0, err = 0;

	for (unsigned int i = 0; i < u->nr && !err; i++) {
		err = mm_madvise(mm, (unsigned long)u->iov[i].iov_base, u->iov[i].iov_len, advice);
		if (!err)
			done += u->iov[i].iov_len;
	}
	return done ? done : err;
}

static long process_advise(int pidfd, const struct uio *u, int advice)
{
	struct mm *mm = mm_of_pidfd(pidfd);
	bool own = mm == current->mm;
	long ret;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	if (!own && !advice_for_others(advice))
		ret = -EINVAL;
	else if (!own && !caller_is_root())
		ret = -EPERM;
	else
		ret = advise_pieces(mm, u, advice);
	mm_put(mm);
	return checked(ret);
}

long sys_process_madvise(int pidfd, const struct iovec __user *vec, size_t vlen, int advice, unsigned int flags)
{
	struct iovec fast[IOV_FAST], *heap = NULL;
	struct uio u;
	long ret;

	if (flags)
		return -EINVAL;
	ret = uio_import(&u, vec, vlen, fast, IOV_FAST, &heap);
	if (ret >= 0)
		ret = process_advise(pidfd, &u, advice);
	kfree(heap);
	return ret;
}

/* One piece of the other process, through a page of ours. => bytes; fewer than len: a fault, or `local` is used up */
static size_t vm_rw_piece(struct mm *mm, unsigned long addr, size_t len, struct uio *local, char *page, bool write)
{
	size_t done = 0;

	while (done < len && local->resid) {
		size_t part = min(min(len - done, PAGE_SIZE - (addr + done) % PAGE_SIZE), local->resid), n;

		if (write) {
			n = uio_read(local, page, part);
			n = mm_access(mm, addr + done, page, n, true, false);
		} else {
			n = mm_access(mm, addr + done, page, part, false, false);
			n = uio_write(local, page, n);
		}
		done += n;
		if (n < part)
			break;
		sched_yield_point();
	}
	return done;
}

/* => bytes, -EFAULT when that is none, -ENOMEM */
static long vm_rw(struct mm *mm, struct uio *local, const struct uio *remote, bool write)
{
	char *page = kmalloc(PAGE_SIZE);
	long done = 0;

	if (!page)
		return -ENOMEM;
	for (unsigned int i = 0; i < remote->nr && local->resid; i++) {
		const struct iovec *piece = &remote->iov[i];
		size_t want = min((size_t)piece->iov_len, local->resid);
		size_t n = vm_rw_piece(mm, (unsigned long)piece->iov_base, want, local, page, write);

		done += n;
		if (n < want) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	kfree(page);
	return done;
}

static long vm_rw_remote(int pid, struct uio *local, const struct iovec __user *rvec, unsigned long riovcnt, bool write)
{
	struct iovec fast[IOV_FAST], *heap = NULL;
	struct uio remote;
	struct mm *mm;
	long ret = uio_import(&remote, rvec, riovcnt, fast, IOV_FAST, &heap);

	if (ret >= 0 && remote.resid) {
		mm = mm_of_process(process_find(pid));
		if (IS_ERR(mm)) {
			ret = PTR_ERR(mm);
		} else {
			ret = vm_rw(mm, local, &remote, write);
			mm_put(mm);
		}
	}
	kfree(heap);
	return ret;
}

static long process_vm_rw(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			  const struct iovec __user *rvec, unsigned long riovcnt, unsigned long flags, bool write)
{
	struct iovec fast[IOV_FAST], *heap = NULL;
	struct uio local;
	long ret;

	if (flags)
		return -EINVAL;
	ret = uio_import(&local, lvec, liovcnt, fast, IOV_FAST, &heap);
	if (ret >= 0)
		ret = local.resid ? vm_rw_remote(pid, &local, rvec, riovcnt, write) : 0;
	kfree(heap);
	return ret;
}

long sys_process_vm_readv(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			  const struct iovec __user *rvec, unsigned long riovcnt, unsigned long flags)
{
	return process_vm_rw(pid, lvec, liovcnt, rvec, riovcnt, flags, false);
}

long sys_process_vm_writev(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			   const struct iovec __user *rvec, unsigned long riovcnt, unsigned long flags)
{
	return process_vm_rw(pid, lvec, liovcnt, rvec, riovcnt, flags, true);
}
