/*
 * Numbers that assembly and C share: selectors, vectors, addresses, offsets. Defines only.
 *
 * gdt.c and trap.c assert that the offsets are those of the structures.
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

/* The image: physical address + KERNEL_OFFSET (KERNEL_BASE of arch/mmu.h). */
#define KERNEL_OFFSET 0xffffffff80000000

/*
 * Selectors, in Linux's places: user programs find the last two in signal frames. SYSCALL loads CS = base,
 * SS = base + 8; SYSRET loads SS = base + 8, CS = base + 16 (SDM vol. 2B, SYSCALL and SYSRET): hence the order.
 * The entry for 32-bit user code stays empty, so that no program can enter compatibility mode.
 */
#define SEL_KERNEL_CS 0x10
#define SEL_KERNEL_DS 0x18
#define SEL_USER32_CS 0x23
#define SEL_USER_DS 0x2b
#define SEL_USER_CS 0x33
#define SEL_TSS 0x40
#define GDT_WORDS 10

/* Vectors. Exceptions by their names in the SDM (vol. 3A, 6.3.1). */
#define TRAP_DE 0
#define TRAP_DB 1
#define TRAP_NMI 2
#define TRAP_BP 3
#define TRAP_OF 4
#define TRAP_BR 5
#define TRAP_UD 6
#define TRAP_NM 7
#define TRAP_DF 8
#define TRAP_TS 10
#define TRAP_NP 11
#define TRAP_SS 12
#define TRAP_GP 13
#define TRAP_PF 14
#define TRAP_MF 16
#define TRAP_AC 17
#define TRAP_MC 18
#define TRAP_XM 19
#define TRAP_CP 21
#define IRQ_BASE 0x20	  /* the 8259s are told so, and masked */
#define IRQ_UART_EVEN 0x34 /* COM1, COM3: ISA interrupt 4 */
#define IRQ_UART_ODD 0x33  /* COM2, COM4: ISA interrupt 3 */
#define IRQ_TIMER 0xf0
#define IRQ_CALL 0xf1
#define IRQ_RESCHED 0xf2
#define IRQ_SPURIOUS 0xff

/* Exceptions with a stack of their own: the number of it in the TSS. */
#define IST_DF 1
#define IST_NMI 2
#define IST_MC 3

/* struct percpu */
#define PERCPU_SELF 0
#define PERCPU_TASK 8
#define PERCPU_KERNEL_SP 16
#define PERCPU_USER_SP 24
#define PERCPU_WORK 32

/* struct regs */
#define REGS_R11 48
#define REGS_R10 56
#define REGS_R9 64
#define REGS_R8 72
#define REGS_RAX 80
#define REGS_RDX 96
#define REGS_RSI 104
#define REGS_RDI 112
#define REGS_ORIG_RAX 120
#define REGS_RIP 128
#define REGS_CS 136
#define REGS_RFLAGS 144
#define REGS_RSP 152
#define REGS_CALLEE_SAVED 48 /* r15 r14 r13 r12 rbp rbx: first in the frame */

#define MSR_GS_BASE 0xc0000101
#define MSR_EFER 0xc0000080

/* Stacks lie at the upper end of slots of this size, aligned to it; what is below in the slot is never mapped. */
#define KSTACK_SLOT 0x8000
/* An IST stack's highest word points to its CPU's struct percpu (entry.S). */
#define IST_PERCPU 8

/* Where an AP starts: real mode reaches only the first megabyte, and SIPI names a page. */
#define TRAMPOLINE_PHYS 0x8000

/* The user's RFLAGS that a program may set: CF PF AF ZF SF TF DF OF RF NT AC ID (Linux's FIX_EFLAGS and more). */
#define RFLAGS_USER 0x254dd5
#define RFLAGS_FIXED 0x2
#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_DF 0x400
#define RFLAGS_IOPL 0x3000
#define RFLAGS_NT 0x4000
#define RFLAGS_RF 0x10000
#define RFLAGS_AC 0x40000

#endif
