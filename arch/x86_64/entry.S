/*
 * Into the kernel and out of it.
 *
 * Every way in leaves a struct regs at the top of the task's kernel stack (from user mode) or on the stack in use
 * (from the kernel):
 *
 *	top of stack ->	ss rsp rflags cs rip | orig_rax | rdi rsi rdx rcx rax r8..r11 rbx rbp r12..r15  <- regs
 *
 * The two ways out:
 *
 *   short   task->return_work is 0: nothing has touched the frame but the system call's result. C has kept rbx, rbp and
 *           r12..r15; the others are loaded again. A system call leaves by SYSRET: its rip is the address after a SYSCALL
 *           instruction below TASK_SIZE, hence canonical (SYSRET to another one faults in the kernel with the user's
 *           stack: AMD and Intel differ there, and user programs have exploited it).
 *   long    exit_work() (trap.c) runs what is due and makes the frame harmless: canonical rip, user selectors, user
 *           flags. All registers are loaded, IRETQ leaves.
 *
 * GS is the kernel's in the kernel. Entries from user mode swap it, which the saved CS tells. NMI, #DF and #MC come
 * anywhere, also between SWAPGS and IRETQ: they believe nothing, find struct percpu through their own stack and put the
 * old base back.
 *
 * Stack alignment: a frame is 21 words below a 16-byte boundary, so that a CALL needs 8 more bytes.
 *
 * Direction flag and, for SMAP, AC are the user's on an interrupt; SYSCALL clears both (IA32_FMASK, cpu.c).
 */
#include "arch/x86_64/layout.h"

/* A 3-byte NOP that cpu.c turns into CLAC where the CPU has SMAP. */
.macro CLAC_IF_SMAP
661:	.byte	0x0f, 0x1f, 0x00
	.pushsection __smap_sites, "a"
	.balign	8
	.quad	661b
	.quad	0xca010f		/* CLAC: 0f 01 ca */
	.popsection
.endm

.macro PUSH_REGS rax=%rax
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	\rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro POP_CALLER_SAVED			/* and orig_rax */
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	addq	$8, %rsp
.endm

.macro POP_REGS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	POP_CALLER_SAVED
.endm

.macro FUNCTION name
	.balign	16
	.globl	\name
	.type	\name, @function
\name:
.endm

.macro END name
	.size	\name, . - \name
.endm

	.text

/* ---- System calls. rcx: return address, r11: flags; interrupts off, stack and GS still the user's ---- */
FUNCTION syscall_entry
	swapgs
	movq	%rsp, %gs:PERCPU_USER_SP
	movq	%gs:PERCPU_KERNEL_SP, %rsp
	pushq	$SEL_USER_DS
	pushq	%gs:PERCPU_USER_SP
	pushq	%r11
	pushq	$SEL_USER_CS
	pushq	%rcx
	pushq	%rax
	PUSH_REGS
	movq	%rsp, %rdi
	sti
	subq	$8, %rsp
	call	syscall_dispatch
	cli
	movq	%gs:PERCPU_WORK, %rcx
	cmpl	$0, (%rcx)
	jne	1f
	movq	8 + REGS_R10(%rsp), %r10
	movq	8 + REGS_R9(%rsp), %r9
	movq	8 + REGS_R8(%rsp), %r8
	movq	8 + REGS_RAX(%rsp), %rax
	movq	8 + REGS_RDX(%rsp), %rdx
	movq	8 + REGS_RSI(%rsp), %rsi
	movq	8 + REGS_RDI(%rsp), %rdi
	movq	8 + REGS_RIP(%rsp), %rcx
	movq	8 + REGS_RFLAGS(%rsp), %r11
	movq	8 + REGS_RSP(%rsp), %rsp
	swapgs
	sysretq
1:	addq	$8, %rsp
	jmp	exit_long
END syscall_entry

/* SYSCALL in compatibility mode, which no program can reach (gdt.c): were it reached, it would change nothing. */
FUNCTION syscall_entry_compat
	movl	$-38, %eax		/* -ENOSYS */
	sysretl
END syscall_entry_compat

/* ---- The long way out. rsp: regs; interrupts off ---- */
FUNCTION exit_long
	movq	%rsp, %rdi
	subq	$8, %rsp
	call	exit_work		/* interrupts off afterwards */
	addq	$8, %rsp
	POP_REGS
	swapgs
	iretq
END exit_long

/* ---- Where new tasks start: switch_stack() returns here with the task that ran before in rax ---- */
FUNCTION task_start_user		/* rsp: regs */
	movq	%rax, %rdi
	subq	$8, %rsp
	call	sched_finish_switch
	addq	$8, %rsp
	cli
	jmp	exit_long
END task_start_user

FUNCTION task_start_kernel		/* rbx: function, r12: argument */
	movq	%rax, %rdi
	call	sched_finish_switch
	sti
	movq	%r12, %rdi
	call	*%rbx
	call	kthread_returned
END task_start_kernel

/* ---- Task switch. rdi: where to keep the stack pointer, rsi: the new one, rdx: handed on in rax ---- */
FUNCTION switch_stack
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	movq	%rdx, %rax
	ret
END switch_stack

FUNCTION call_on_stack			/* rdi: top, rsi: function, which does not return */
	movq	%rdi, %rsp
	xorl	%ebp, %ebp		/* backtraces end here */
	pushq	$0
	jmp	*%rsi
END call_on_stack

/*
 * ---- Exceptions and interrupts: handler(regs, error code) with interrupts off ----
 * has_error: the CPU has pushed an error code where orig_rax belongs.
 */
.macro ENTRY name, handler, has_error=0
FUNCTION \name
	.if	!\has_error
	pushq	$-1
	.endif
	testb	$3, 16(%rsp)		/* CS */
	jz	1f
	swapgs
1:	PUSH_REGS
	CLAC_IF_SMAP
	cld
	movq	%rsp, %rdi
	.if	\has_error
	movq	REGS_ORIG_RAX(%rsp), %rsi
	movq	$-1, REGS_ORIG_RAX(%rsp)
	.else
	xorl	%esi, %esi
	.endif
	subq	$8, %rsp
	call	\handler
	addq	$8, %rsp
	testb	$3, REGS_CS(%rsp)
	jz	2f
	cli
	movq	%gs:PERCPU_WORK, %rcx
	cmpl	$0, (%rcx)
	jne	exit_long
	addq	$REGS_CALLEE_SAVED, %rsp
	POP_CALLER_SAVED
	swapgs
	iretq
2:	addq	$REGS_CALLEE_SAVED, %rsp	/* a handler enables interrupts only if they were; IRETQ restores */
	POP_CALLER_SAVED
	iretq
END \name
.endm

/* ---- NMI, #DF, #MC: on a stack of their own, whatever GS is ---- */
.macro ENTRY_ANYWHERE name, handler, has_error=0
FUNCTION \name
	.if	!\has_error
	pushq	$-1
	.endif
	PUSH_REGS
	CLAC_IF_SMAP
	cld
	movl	$MSR_GS_BASE, %ecx
	rdmsr
	movl	%eax, %ebx
	movl	%edx, %ebp
	movq	%rsp, %rdi
	orq	$(KSTACK_SLOT - 1), %rdi
	movq	1 - IST_PERCPU(%rdi), %rdi
	movq	%rdi, %rax
	movq	%rdi, %rdx
	shrq	$32, %rdx
	wrmsr
	movq	%rsp, %rdi
	movq	REGS_ORIG_RAX(%rsp), %rsi
	movq	$-1, REGS_ORIG_RAX(%rsp)
	subq	$8, %rsp
	call	\handler
	addq	$8, %rsp
	movl	$MSR_GS_BASE, %ecx
	movl	%ebx, %eax
	movl	%ebp, %edx
	wrmsr
	POP_REGS
	iretq
END \name
.endm

	.globl	entries_start, entries_end
entries_start:
	ENTRY	entry_de, trap_divide
	ENTRY	entry_db, trap_debug
	ENTRY_ANYWHERE entry_nmi, trap_nmi
	ENTRY	entry_bp, trap_breakpoint
	ENTRY	entry_of, trap_overflow
	ENTRY	entry_br, trap_bound
	ENTRY	entry_ud, trap_invalid_opcode
	ENTRY	entry_nm, trap_no_fpu
	ENTRY_ANYWHERE entry_df, trap_double_fault, 1
	ENTRY	entry_ts, trap_invalid_tss, 1
	ENTRY	entry_np, trap_not_present, 1
	ENTRY	entry_ss, trap_stack, 1
	ENTRY	entry_gp, trap_protection, 1
	ENTRY	entry_pf, trap_page_fault, 1
	ENTRY	entry_mf, trap_x87
	ENTRY	entry_ac, trap_alignment, 1
	ENTRY_ANYWHERE entry_mc, trap_machine_check
	ENTRY	entry_xm, trap_simd
	ENTRY	entry_cp, trap_control, 1

	ENTRY	entry_timer, irq_timer
	ENTRY	entry_call, irq_call
	ENTRY	entry_resched, irq_resched
	ENTRY	entry_uart_even, irq_uart_even
	ENTRY	entry_uart_odd, irq_uart_odd
	ENTRY	entry_spurious, irq_spurious
	ENTRY	entry_unexpected, irq_unexpected
entries_end:
