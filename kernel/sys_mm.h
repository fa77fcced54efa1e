/* System calls of memory management: sys_mm.c. */
#ifndef KERNEL_SYS_MM_H
#define KERNEL_SYS_MM_H

#include "kernel/types.h"

struct iovec;

long sys_mmap(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags, int fd, unsigned long off);
long sys_munmap(unsigned long addr, size_t len);
long sys_mprotect(unsigned long addr, size_t len, unsigned long prot);
long sys_brk(unsigned long brk);
long sys_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len, unsigned long flags,
		unsigned long new_addr);
long sys_madvise(unsigned long addr, size_t len, int advice);
long sys_process_madvise(int pidfd, const struct iovec __user *vec, size_t vlen, int advice, unsigned int flags);
long sys_mincore(unsigned long addr, size_t len, unsigned char __user *vec);
long sys_mlock(unsigned long addr, size_t len);
long sys_mlock2(unsigned long addr, size_t len, int flags);
long sys_munlock(unsigned long addr, size_t len);
long sys_mlockall(int flags);
long sys_munlockall(void);
long sys_msync(unsigned long addr, size_t len, int flags);
long sys_mseal(unsigned long addr, size_t len, unsigned long flags);
long sys_pkey_mprotect(unsigned long addr, size_t len, unsigned long prot, int pkey);
long sys_pkey_alloc(unsigned long flags, unsigned long rights);
long sys_pkey_free(int pkey);
long sys_process_vm_readv(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			  const struct iovec __user *rvec, unsigned long riovcnt, unsigned long flags);
long sys_process_vm_writev(int pid, const struct iovec __user *lvec, unsigned long liovcnt,
			   const struct iovec __user *rvec, unsigned long riovcnt, unsigned long flags);

#endif
