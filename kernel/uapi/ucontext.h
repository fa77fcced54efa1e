#ifndef KERNEL_UAPI_UCONTEXT_H
#define KERNEL_UAPI_UCONTEXT_H

/*
 * What a signal handler's third argument points to: Linux x86-64. The order of the registers and
 * the gaps are the format; glibc, musl and debuggers read them.
 */

#include "signal.h"

struct sigcontext {
	union {
		struct {
			unsigned long r8, r9, r10, r11, r12, r13, r14, r15;
			unsigned long di, si, bp, bx, dx, ax, cx, sp, ip, flags;
			unsigned short cs, gs, fs, ss;
			unsigned long err;
			unsigned long trapno;
			unsigned long oldmask;
			unsigned long cr2;
		};
		unsigned long gregs[23]; /* the same, as user programs index them */
	};
	void *fpstate;		/* FXSAVE or XSAVE image in the frame, 64-byte aligned; 0 = none */
	unsigned long reserved1[8];
};

typedef struct ucontext {
	unsigned long uc_flags;
	struct ucontext *uc_link;
	stack_t uc_stack;
	struct sigcontext uc_mcontext;
	sigset_t uc_sigmask;
} ucontext_t;

#define REG_R8		0
#define REG_R9		1
#define REG_R10		2
#define REG_R11		3
#define REG_R12		4
#define REG_R13		5
#define REG_R14		6
#define REG_R15		7
#define REG_RDI		8
#define REG_RSI		9
#define REG_RBP		10
#define REG_RBX		11
#define REG_RDX		12
#define REG_RAX		13
#define REG_RCX		14
#define REG_RSP		15
#define REG_RIP		16
#define REG_EFL		17
#define REG_CSGSFS	18
#define REG_ERR		19
#define REG_TRAPNO	20
#define REG_OLDMASK	21
#define REG_CR2		22

#define UC_FP_XSTATE		1
#define UC_SIGCONTEXT_SS	2
#define UC_STRICT_RESTORE_SS	4

/* The last words of the 512-byte FXSAVE area say whether XSAVE data follow, and how many. */
struct fpx_sw_bytes {
	unsigned int magic1;
	unsigned int extended_size;
	unsigned long xfeatures;
	unsigned int xstate_size;
	unsigned int padding[7];
};

#define FP_XSTATE_MAGIC1	0x46505853U
#define FP_XSTATE_MAGIC2	0x46505845U
#define FP_XSTATE_MAGIC2_SIZE	4

#endif
