/*
 * The first instructions, for both loaders.
 *
 * GRUB (multiboot2) and QEMU's -kernel (PVH) enter in 32-bit protected mode, flat segments, paging and interrupts
 * off, %ebx the physical address of what they have to tell. %eax tells them apart: multiboot2 defines it, the PVH
 * entry sets it. Both go on at start_common:
 *
 *   1. is the word panic=exit among the kernel arguments?  From here on every failure obeys it.
 *   2. has the CPU long mode and NX?  If not: one sentence on COM1, COM2 and the VGA screen.
 *   3. early page tables: the first 4 GiB by 2 MiB pages, three times:
 *
 *        0x0000000000000000   until we have left these addresses; APs start through it, too
 *        0xffff888000000000   the physical map (mem.c makes the final one)
 *        0xffffffff80000000   the image (first GiB)
 *
 *   4. long mode, high half, stack: boot_start(magic, info) in arch/x86_64/boot.c.
 *
 * Nothing here is mapped writable and executable for longer than mem.c needs to make its own tables.
 */
#include "arch/x86_64/layout.h"

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define PVH_MAGIC 0x336ec578		/* also the first word of its start info */
#define PVH_CMDLINE 24			/* offset of cmdline_paddr there */
#define MB2_TAG_CMDLINE 1
#define NOTE_PHYS32_ENTRY 18		/* XEN_ELFNOTE_PHYS32_ENTRY */

#define PHYS(sym) ((sym) - KERNEL_OFFSET)

#define COM1 0x3f8
#define COM2 0x2f8
#define DEBUG_EXIT 0xf4
#define EXIT_PANIC 0x20

	.section .text.boot, "ax"

/* ---- multiboot2 header: no tags; GRUB gives command line, modules, memory map and RSDP unasked ---- */
	.balign	8
header:
	.long	MULTIBOOT2_HEADER_MAGIC
	.long	0			/* i386 protected mode */
	.long	header_end - header
	.long	-(MULTIBOOT2_HEADER_MAGIC + (header_end - header))
	.word	6, 0			/* modules page aligned */
	.long	8
	.word	0, 0			/* end */
	.long	8
header_end:

	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	4, 4, NOTE_PHYS32_ENTRY	/* lengths of name and entry */
	.asciz	"Xen"
	.long	PHYS(start_pvh)
	.popsection

	.code32
	.globl	start_multiboot
start_pvh:
	movl	$PVH_MAGIC, %eax
start_multiboot:
	cli
	cld
	movl	%eax, PHYS(boot_magic)
	movl	%ebx, PHYS(boot_info_phys)
	movl	$PHYS(boot_stack_top), %esp
	call	find_arguments
	call	find_panic_exit
	call	check_cpu
	call	make_tables

	/* SDM vol. 3A, 9.8.5: PAE, CR3, EFER.LME, then paging. NX must be valid before a table says it. */
	movl	%cr4, %eax
	orl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	$PHYS(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$0x900, %eax		/* LME, NXE */
	wrmsr
	movl	$0x80010033, %eax	/* PG WP NE ET MP PE; caches on */
	movl	%eax, %cr0
	lgdt	PHYS(boot_gdt_pointer)
	ljmp	$SEL_KERNEL_CS, $PHYS(start64)

/* => esi: the command line's physical address, 0 when there is none. ebx: the loader's information */
find_arguments:
	cmpl	$PVH_MAGIC, PHYS(boot_magic)
	jne	1f
	movl	PVH_CMDLINE(%ebx), %esi
	ret
1:	leal	8(%ebx), %edx		/* tags: type, size, data; each 8-byte aligned */
2:	movl	(%edx), %eax
	xorl	%esi, %esi
	testl	%eax, %eax		/* the end */
	jz	3f
	leal	8(%edx), %esi
	cmpl	$MB2_TAG_CMDLINE, %eax
	je	3f
	movl	4(%edx), %eax
	addl	$7, %eax
	andl	$~7, %eax
	addl	%eax, %edx
	jmp	2b
3:	ret

/* Is one of the words at esi `panic=exit`? */
find_panic_exit:
	testl	%esi, %esi
	jz	9f
1:	movl	$PHYS(panic_word), %edi	/* esi is at the start of a word */
	movl	%esi, %edx
2:	movb	(%edi), %al
	testb	%al, %al
	jz	3f
	cmpb	(%edx), %al
	jne	4f
	incl	%edi
	incl	%edx
	jmp	2b
3:	movb	(%edx), %al		/* the word must end here */
	testb	%al, %al
	jz	8f
	cmpb	$' ', %al
	je	8f
4:	lodsb				/* on to the next word */
	testb	%al, %al
	jz	9f
	cmpb	$' ', %al
	jne	4b
	jmp	1b
8:	movb	$1, PHYS(boot_panic_exit)
9:	ret

check_cpu:
	movl	$PHYS(no_long_mode), %esi
	pushfl				/* CPUID is there when RFLAGS.ID can be changed */
	popl	%eax
	movl	%eax, %ecx
	xorl	$0x200000, %eax
	pushl	%eax
	popfl
	pushfl
	popl	%eax
	xorl	%ecx, %eax
	testl	$0x200000, %eax
	jz	fail
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	fail
	movl	$0x80000001, %eax
	cpuid
	testl	$0x20000000, %edx	/* LM */
	jz	fail
	movl	$PHYS(no_nx), %esi
	testl	$0x100000, %edx		/* NX */
	jz	fail
	ret

/* One sentence on COM1, COM2 and the screen, then the end. esi: the sentence */
fail:
	movw	$COM1, %dx
	call	serial_init
	movw	$COM2, %dx
	call	serial_init
	movl	$0xb8000, %edi
	movl	%esi, %ebp
	movl	$PHYS(panic_prefix), %esi
	call	print
	movl	%ebp, %esi
	call	print
	movl	$PHYS(newline), %esi
	call	print
	cmpb	$0, PHYS(boot_panic_exit)
	je	1f
	movb	$EXIT_PANIC, %al
	outb	%al, $DEBUG_EXIT
1:	hlt
	jmp	1b

/* 115200 baud, 8 bits, no parity. dx: the port */
serial_init:
	addw	$3, %dx			/* line control: divisor latch */
	movb	$0x80, %al
	outb	%al, %dx
	subw	$3, %dx
	movb	$1, %al
	outb	%al, %dx
	incw	%dx
	xorb	%al, %al
	outb	%al, %dx
	addw	$2, %dx
	movb	$3, %al
	outb	%al, %dx
	ret

/* The string at esi; the screen's cursor is edi. */
print:
	lodsb
	testb	%al, %al
	jz	1f
	movw	$COM1, %dx
	call	serial_putc
	movw	$COM2, %dx
	call	serial_putc
	movb	$0x4f, %ah		/* white on red */
	stosw
	jmp	print
1:	ret

/* Waits for the transmitter, but not for ever: the port may not exist. dx: the port, al: the character */
serial_putc:
	movb	%al, %bl
	addw	$5, %dx
	movl	$100000, %ecx
1:	inb	%dx, %al
	testb	$0x20, %al
	loopz	1b
	subw	$5, %dx
	movb	%bl, %al
	outb	%al, %dx
	ret

make_tables:
	movl	$PHYS(boot_pd), %edi	/* 4 tables of 512 leaves of 2 MiB: all that 32 bits reach */
	movl	$0x83, %eax		/* P W PS */
	movl	$(4 * 512), %ecx
1:	movl	%eax, (%edi)
	movl	$0, 4(%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b
	movl	$PHYS(boot_pdpt), %edi
	movl	$(PHYS(boot_pd) + 3), %eax
	movl	$4, %ecx
2:	movl	%eax, (%edi)
	addl	$0x1000, %eax
	addl	$8, %edi
	loop	2b
	movl	$(PHYS(boot_pd) + 3), PHYS(boot_pdpt_image) + 510 * 8
	movl	$(PHYS(boot_pdpt) + 3), PHYS(boot_pml4)
	movl	$(PHYS(boot_pdpt) + 3), PHYS(boot_pml4) + 273 * 8
	movl	$(PHYS(boot_pdpt_image) + 3), PHYS(boot_pml4) + 511 * 8
	ret

	.code64
start64:
	movabsq	$1f, %rax		/* leave the low addresses */
	jmp	*%rax
1:	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movq	$boot_stack_top, %rsp
	xorl	%ebp, %ebp		/* backtraces end here */
	movl	boot_magic(%rip), %edi
	movl	boot_info_phys(%rip), %esi
	pushq	$0
	jmp	boot_start

panic_word:
	.asciz	"panic=exit"
panic_prefix:
	.asciz	"quire: panic: "
no_long_mode:
	.asciz	"this CPU has no 64-bit mode (long mode), which Quire needs"
no_nx:
	.asciz	"this CPU cannot forbid executing data (NX), which Quire needs"
newline:
	.asciz	"\r\n"

	.balign	8
boot_gdt:				/* the selectors of gdt.c, as far as they are needed */
	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data */
boot_gdt_pointer:
	.word	. - boot_gdt - 1
	.quad	PHYS(boot_gdt)

/* Written before the image's segments are, in any sense, ours: in .data, because a loader clears .bss. */
	.data
	.balign	4
boot_magic:
	.long	0
boot_info_phys:
	.long	0
	.globl	boot_panic_exit
boot_panic_exit:
	.byte	0

/*
 * The boot stack ends where a slot of KSTACK_SLOT bytes does, like every other one, and the word above it names the
 * boot CPU: until exceptions have stacks of their own, entry.S finds it there.
 */
	.section .bss.page_aligned, "aw", @nobits
	.balign	KSTACK_SLOT
boot_pd:
	.skip	4 * 4096
boot_stack:
	.skip	4 * 4096 - 16
	.globl	boot_stack_top
boot_stack_top:
	.skip	16
	.globl	boot_pml4
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pdpt_image:
	.skip	4096
