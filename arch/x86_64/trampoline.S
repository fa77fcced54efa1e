/*
 * Where an AP starts: real mode, at TRAMPOLINE_PHYS, to which smp.c copies this. Through protected mode into long mode on
 * the early tables (identity map), then to the high half and the kernel's own tables.
 */
#include "arch/x86_64/layout.h"

#define AT(label) (TRAMPOLINE_PHYS + (label) - trampoline_start)

	.section .rodata.trampoline, "a"
	.balign	16
	.globl	trampoline_start, trampoline_end
trampoline_start:
	.code16
	cli
	cld
	xorl	%eax, %eax
	movw	%ax, %ds
	lgdtl	AT(gdt_pointer)
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$0x08, $AT(1f)
	.code32
1:	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	$(boot_pml4 - KERNEL_OFFSET), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$0x900, %eax		/* LME, NXE */
	wrmsr
	movl	$0x80010033, %eax	/* PG WP NE ET MP PE; caches on, which INIT leaves off */
	movl	%eax, %cr0
	ljmp	$SEL_KERNEL_CS, $AT(2f)
	.code64
2:	movabsq	$ap_start64, %rax
	jmp	*%rax

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08 32-bit code */
	.quad	0x00af9b000000ffff	/* 0x10 64-bit code: SEL_KERNEL_CS */
	.quad	0x00cf93000000ffff	/* 0x18 data */
gdt_pointer:
	.word	. - gdt - 1
	.long	AT(gdt)
trampoline_end:

	.text
	.type	ap_start64, @function
ap_start64:
	movq	ap_cr3(%rip), %rax
	movq	%rax, %cr3
	movq	ap_stack(%rip), %rsp
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	xorl	%ebp, %ebp		/* backtraces end here */
	pushq	$0
	jmp	ap_main
	.size	ap_start64, . - ap_start64
