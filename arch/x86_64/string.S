/*
 * memcpy, memmove, memset: the compiler calls them too. A `rep` instruction moves whole words at the memory's speed and
 * is the shortest code there is; the last n % 8 bytes follow by a second one, which is free when there are none.
 * The direction flag is clear in the kernel, always: memmove goes backwards with plain moves, so that an interrupt never
 * finds it set.
 */
	.text

	.globl	memcpy
	.type	memcpy, @function
memcpy:					/* rdi dst, rsi src, rdx n */
	movq	%rdi, %rax
.Lforward:
	movq	%rdx, %rcx
	shrq	$3, %rcx
	rep movsq
	movl	%edx, %ecx
	andl	$7, %ecx
	rep movsb
	ret
	.size	memcpy, . - memcpy

	.globl	memmove
	.type	memmove, @function
memmove:
	movq	%rdi, %rax
	movq	%rdi, %rcx
	subq	%rsi, %rcx
	cmpq	%rdx, %rcx		/* unsigned: dst below src, or at least n above it */
	jae	.Lforward
	jmp	2f
1:	movq	-8(%rsi,%rdx), %rcx	/* each word is read before anything at or above it is written */
	movq	%rcx, -8(%rdi,%rdx)
	subq	$8, %rdx
2:	cmpq	$8, %rdx
	jae	1b
	jmp	4f
3:	movb	-1(%rsi,%rdx), %cl
	movb	%cl, -1(%rdi,%rdx)
	decq	%rdx
4:	testq	%rdx, %rdx
	jnz	3b
	ret
	.size	memmove, . - memmove

	.globl	memset
	.type	memset, @function
memset:					/* rdi dst, esi byte, rdx n */
	movq	%rdi, %r8
	movzbl	%sil, %eax
	movabsq	$0x0101010101010101, %rcx
	imulq	%rcx, %rax
	movq	%rdx, %rcx
	shrq	$3, %rcx
	rep stosq
	movl	%edx, %ecx
	andl	$7, %ecx
	rep stosb
	movq	%r8, %rax
	ret
	.size	memset, . - memset
