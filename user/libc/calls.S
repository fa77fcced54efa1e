/*
 * System calls that need no translation: a C function of up to six arguments is the kernel's call but for
 * the fourth register. They are weak, so that a program may have a function of its own by that name.
 */
#include <kernel/uapi/syscall.h>

	.macro	call_ name, nr
	.section .text.\name, "ax", @progbits
	.weak	\name
	.type	\name, @function
\name:
	mov	%rcx, %r10
	mov	$\nr, %eax
	syscall
	cmp	$-4095, %rax
	jae	__call_failed
	ret
	.size	\name, . - \name
	.endm

#define SAME(name) call_ name, __NR_##name
#define ALIAS(name, nr) call_ name, __NR_##nr

/* files */
SAME(open)
ALIAS(_open, open)
SAME(openat)
SAME(creat)
SAME(close)
ALIAS(_close, close)
SAME(read)
SAME(write)
ALIAS(pread, pread64)
ALIAS(pwrite, pwrite64)
SAME(readv)
SAME(writev)
SAME(lseek)
SAME(fcntl)
ALIAS(_fcntl, fcntl)
SAME(ioctl)
SAME(flock)
SAME(dup)
SAME(dup2)
SAME(dup3)
SAME(pipe)
SAME(pipe2)
SAME(poll)
SAME(select)
SAME(truncate)
SAME(ftruncate)
SAME(fallocate)
SAME(fsync)
SAME(fdatasync)
SAME(sync)
SAME(getdents64)
SAME(memfd_create)

/* names */
SAME(stat)
SAME(lstat)
SAME(fstat)
ALIAS(fstatat, newfstatat)
SAME(access)
SAME(chmod)
SAME(fchmod)
SAME(fchmodat)
SAME(chown)
SAME(fchown)
SAME(lchown)
SAME(mkdir)
SAME(mkdirat)
SAME(mknod)
SAME(rmdir)
SAME(link)
SAME(unlink)
SAME(unlinkat)
SAME(symlink)
SAME(readlink)
SAME(readlinkat)
SAME(rename)
ALIAS(_rename, rename)
SAME(chdir)
SAME(fchdir)
SAME(chroot)
SAME(umask)
SAME(utimensat)
SAME(utimes)

/* memory */
SAME(mmap)
SAME(munmap)
SAME(mprotect)
SAME(mremap)
SAME(madvise)
SAME(process_madvise)
SAME(mincore)
SAME(msync)
SAME(mlock)
SAME(mlock2)
SAME(munlock)
SAME(mlockall)
SAME(munlockall)
SAME(mseal)

/* processes */
SAME(execve)
ALIAS(_execve, execve)
ALIAS(_exit, exit_group)
SAME(wait4)
SAME(kill)
SAME(tgkill)
SAME(getpid)
SAME(getppid)
SAME(gettid)
SAME(getpgid)
SAME(setpgid)
SAME(getpgrp)
SAME(getsid)
SAME(setsid)
SAME(getuid)
SAME(geteuid)
SAME(getgid)
SAME(getegid)
SAME(setuid)
SAME(setgid)
SAME(setreuid)
SAME(setregid)
SAME(getgroups)
SAME(setgroups)
SAME(getrlimit)
SAME(setrlimit)
ALIAS(prlimit, prlimit64)
SAME(getrusage)
SAME(setpriority)
SAME(prctl)
SAME(sched_yield)
SAME(sched_getaffinity)
SAME(sched_setaffinity)
SAME(sched_setscheduler)
SAME(sched_getscheduler)
SAME(sched_setparam)
SAME(sched_getparam)
SAME(pause)
SAME(alarm)

/* time */
SAME(times)
SAME(gettimeofday)
SAME(settimeofday)
SAME(getitimer)
SAME(setitimer)
SAME(clock_gettime)
SAME(clock_settime)
SAME(clock_getres)
SAME(nanosleep)

/* system */
SAME(uname)
SAME(sysinfo)
SAME(getrandom)
SAME(sethostname)
SAME(sigaltstack)

/* long syscall(number, ...): every argument moves down by one. */
	.section .text.syscall, "ax", @progbits
	.weak	syscall
	.type	syscall, @function
syscall:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	cmp	$-4095, %rax
	jae	__call_failed
	ret

	.section .note.GNU-stack, "", @progbits
