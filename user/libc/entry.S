/*
 * The places where C cannot be: the program's first instruction, a new thread's, a signal handler's
 * last, and a thread that gives its own stack away.
 */
#include <kernel/uapi/syscall.h>

	.section .text.entry, "ax", @progbits

/* execve() leaves argc, argv, environment and auxiliary vector at %rsp, aligned to 16. */
	.globl	_start
	.type	_start, @function
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	__libc_start
	hlt

/* rt_sigreturn finds the frame at %rsp, which is where a handler's `ret` left it. */
	.globl	__signal_return
	.type	__signal_return, @function
	nop			/* unwinders look up the address before the return address */
__signal_return:
	mov	$__NR_rt_sigreturn, %eax
	syscall
	hlt

/*
 * long __thread_clone(flags, stack, ptid, ctid, tls): the parent gets the new thread's id; the new thread
 * starts on an empty stack in __thread_main().
 */
	.globl	__thread_clone
	.type	__thread_clone, @function
__thread_clone:
	mov	%rcx, %r10
	mov	$__NR_clone, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	xor	%ebp, %ebp
	call	__thread_main
	hlt

/* void __thread_unmap_exit(map, size): nothing may touch the stack after the first call. */
	.globl	__thread_unmap_exit
	.type	__thread_unmap_exit, @function
__thread_unmap_exit:
	mov	$__NR_munmap, %eax
	syscall
	xor	%edi, %edi
	mov	$__NR_exit, %eax
	syscall
	hlt

/* A stub of calls.S got -errno in %rax: store it, return -1. */
	.globl	__call_failed
	.type	__call_failed, @function
__call_failed:
	mov	%eax, %edi
	neg	%edi
	jmp	__set_errno

/* The child runs on its parent's stack and would overwrite the return address: keep it in a register. */
	.weak	vfork
	.type	vfork, @function
vfork:
	pop	%rdx
	mov	$__NR_vfork, %eax
	syscall
	push	%rdx
	cmp	$-4095, %rax
	jae	__call_failed
	ret

	.section .note.GNU-stack, "", @progbits
