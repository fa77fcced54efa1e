/*
 * User copies: the only kernel code that touches user pages.
 *
 * All of it lies between uaccess_text_start and uaccess_text_end; a page fault of the kernel on a user address comes
 * from there or is a bug. Each instruction that may fault has a pair (instruction, continuation) in __ex_table; the
 * page-fault handler looks there only after mm_fault() has said no.
 *
 * With SMAP the CPU refuses user pages unless RFLAGS.AC is set: STAC before, CLAC after, both patched over 3-byte NOPs by
 * cpu.c where the CPU has them. An interrupt in between saves AC with RFLAGS and clears it (entry.S).
 *
 * Copies move words by `rep movsq`: shortest there is (a copy of 8n bytes is n iterations), restartable by design - after
 * a fault rcx says how many words are left - and at memory speed on every CPU with long mode. Sizes below 8 go by
 * bytes; fixed sizes 1, 2, 4, 8 have functions of their own, which the compiler picks (arch/uaccess.h).
 *
 * Addresses are checked against TASK_SIZE here, also when the caller has done so: cheap, and then nothing depends on it.
 */
#include "arch/x86_64/layout.h"

#define TASK_SIZE_MAX 0x7ffffffff000
#define EFAULT 14

.macro SMAP_SITE bytes
661:	.byte	0x0f, 0x1f, 0x00
	.pushsection __smap_sites, "a"
	.balign	8
	.quad	661b
	.quad	\bytes
	.popsection
.endm

.macro STAC
	SMAP_SITE 0xcb010f
.endm

.macro CLAC
	SMAP_SITE 0xca010f
.endm

/* The next instruction may fault: go on at \fixup then. */
.macro MAY_FAULT fixup
	.pushsection __ex_table, "a"
	.balign	8
	.quad	662f, \fixup
	.popsection
662:
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

	.section .text.uaccess, "ax"
	.globl	uaccess_text_start
uaccess_text_start:

/* rdi destination, rsi source, rdx bytes; \user is the register with the user's address. => rax: bytes not copied */
.macro COPY name, user
FUNCTION \name
	movabsq	$TASK_SIZE_MAX, %rcx
	movq	%rdx, %rax
	subq	\user, %rcx		/* room above the user's address */
	jb	9f
	cmpq	%rdx, %rcx
	jb	9f
	STAC
	movq	%rdx, %rcx
	shrq	$3, %rcx
	MAY_FAULT 7f
	rep movsq
	movl	%edx, %ecx
	andl	$7, %ecx
	MAY_FAULT 8f
	rep movsb
8:	CLAC				/* rcx: bytes left */
	movq	%rcx, %rax
9:	ret
7:	andl	$7, %edx		/* rcx words are left, and the tail; up to the faulting byte by bytes */
	leaq	(%rdx,%rcx,8), %rcx
	MAY_FAULT 8b
	rep movsb
	jmp	8b
END \name
.endm

	COPY	user_copy_from, %rsi
	COPY	user_copy_to, %rdi

/* rdi destination, rsi bytes. => rax: bytes not cleared */
FUNCTION clear_user
	movabsq	$TASK_SIZE_MAX, %rcx
	movq	%rsi, %rax
	subq	%rdi, %rcx
	jb	9f
	cmpq	%rsi, %rcx
	jb	9f
	movq	%rsi, %rdx
	xorl	%eax, %eax
	STAC
	movq	%rdx, %rcx
	shrq	$3, %rcx
	MAY_FAULT 7f
	rep stosq
	movl	%edx, %ecx
	andl	$7, %ecx
	MAY_FAULT 8f
	rep stosb
8:	CLAC
	movq	%rcx, %rax
9:	ret
7:	andl	$7, %edx
	leaq	(%rdx,%rcx,8), %rcx
	MAY_FAULT 8b
	rep stosb
	jmp	8b
END clear_user

/*
 * rdi destination, rsi source, rdx room. => rax: length without the NUL, which is copied; rdx when there is none within
 * rdx bytes; -EFAULT
 */
FUNCTION strncpy_from_user
	movabsq	$TASK_SIZE_MAX, %r8
	xorl	%eax, %eax
	STAC
1:	cmpq	%rdx, %rax
	je	9f
	cmpq	%r8, %rsi
	jae	8f
	MAY_FAULT 8f
	movb	(%rsi), %cl
	movb	%cl, (%rdi,%rax)
	testb	%cl, %cl
	jz	9f
	incq	%rsi
	incq	%rax
	jmp	1b
8:	movq	$-EFAULT, %rax
9:	CLAC
	ret
END strncpy_from_user

/* One value: user_load_N(dst, user source), user_store_N(user destination, value). => rax: 0, or N when not copied */
.macro LOAD_STORE size, mov, acc, value
FUNCTION user_load_\size
	movabsq	$TASK_SIZE_MAX - \size, %rcx
	cmpq	%rcx, %rsi
	ja	8f
	xorl	%eax, %eax
	STAC
	MAY_FAULT 7f
	\mov	(%rsi), \acc
	CLAC
	\mov	\acc, (%rdi)
	ret
7:	CLAC
8:	movl	$\size, %eax
	ret
END user_load_\size

FUNCTION user_store_\size
	movabsq	$TASK_SIZE_MAX - \size, %rcx
	cmpq	%rcx, %rdi
	ja	8f
	xorl	%eax, %eax
	STAC
	MAY_FAULT 7f
	\mov	\value, (%rdi)
	CLAC
	ret
7:	CLAC
8:	movl	$\size, %eax
	ret
END user_store_\size
.endm

	LOAD_STORE 1, movb, %dl, %sil
	LOAD_STORE 2, movw, %dx, %si
	LOAD_STORE 4, movl, %edx, %esi
	LOAD_STORE 8, movq, %rdx, %rsi

/* rdi user word, rsi old value (in and out), edx new value. => eax: 0 or -EFAULT */
FUNCTION user_cmpxchg_u32
	movabsq	$TASK_SIZE_MAX - 4, %rcx
	cmpq	%rcx, %rdi
	ja	8f
	movl	(%rsi), %eax
	STAC
	MAY_FAULT 7f
	lock cmpxchgl %edx, (%rdi)
	CLAC
	movl	%eax, (%rsi)
	xorl	%eax, %eax
	ret
7:	CLAC
8:	movl	$-EFAULT, %eax
	ret
END user_cmpxchg_u32

FUNCTION user_load_u32			/* rdi user word, rsi value out. => eax: 0 or -EFAULT */
	movabsq	$TASK_SIZE_MAX - 4, %rcx
	cmpq	%rcx, %rdi
	ja	8f
	STAC
	MAY_FAULT 7f
	movl	(%rdi), %eax
	CLAC
	movl	%eax, (%rsi)
	xorl	%eax, %eax
	ret
7:	CLAC
8:	movl	$-EFAULT, %eax
	ret
END user_load_u32

	.globl	uaccess_text_end
uaccess_text_end:

/* ---- FPU images that a user may have made up: the CPU refuses bad ones with #GP. rdi: image. => eax: 0 or -EFAULT ---- */
FUNCTION xrstor_checked
	movl	$-1, %eax
	movl	$-1, %edx
	MAY_FAULT 1f
	xrstor64 (%rdi)
	xorl	%eax, %eax
	ret
1:	movl	$-EFAULT, %eax
	ret
END xrstor_checked

FUNCTION fxrstor_checked
	xorl	%eax, %eax
	MAY_FAULT 1f
	fxrstor64 (%rdi)
	ret
1:	movl	$-EFAULT, %eax
	ret
END fxrstor_checked
