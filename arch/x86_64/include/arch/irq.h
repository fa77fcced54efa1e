/* Traps, interrupts, IPIs, the timer, and the machine's ends. For kernel/ only. */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include "kernel/types.h"

struct task;

/* User registers as entry.S saves them, lowest address first (Linux's pt_regs order). */
struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 orig_rax; /* system-call number; -1 when not in a system call */
	u64 rip, cs, rflags, rsp, ss;
};

static inline bool regs_from_user(const struct regs *r)
{
	return (r->cs & 3) == 3;
}

#define HZ 250 /* ticks a second; Linux's default */

/* Kernel side of a task switch: stack pointer; callee-saved registers are on the stack. */
struct arch_task {
	unsigned long sp;	 /* while not running */
	unsigned long fs_base, gs_base; /* user's, while not running */
	void *fpu;		 /* XSAVE or FXSAVE area, 64-byte aligned, arch_fpu_size() bytes */
};

/* Switch stacks, FPU, FS/GS bases, kernel_sp from prev to next; returns in next's context, giving the task
 * that ran before it. => interrupts off, run-queue lock held */
struct task *arch_switch(struct task *prev, struct task *next);

/* Prepare a new kernel stack. For a user task: it will return to user mode with `regs` (copied to the top of
 * its stack) after calling sched_finish_switch(); for a kernel thread: it will call fn(arg). */
void arch_task_init_user(struct task *t, const struct regs *regs);
void arch_task_init_kernel(struct task *t, void (*fn)(void *), void *arg);
struct regs *task_regs(struct task *t); /* user registers at the top of t's kernel stack */
int arch_task_alloc(struct task *t);	/* FPU area; 0 or -ENOMEM */
void arch_task_free(struct task *t);
/* fork: FPU, FS and GS base of `to` are those of `from`, which is current: its live state. */
void arch_fpu_copy(struct task *to, struct task *from);
void arch_fpu_reset(struct task *t);			/* exec */
size_t arch_fpu_size(void); /* bytes of the image that signal frames carry, Linux's trailing magic word included */
/* Signal frames: user's FPU image <-> current. => 0 or -EFAULT */
int arch_fpu_to_user(void __user *dst);
int arch_fpu_from_user(const void __user *src);
void arch_set_fs_base(unsigned long base); /* of current */
void arch_set_gs_base(unsigned long base);
unsigned long arch_get_fs_base(void);
unsigned long arch_get_gs_base(void);

/* Ask another CPU to reschedule; run fn(arg) on all other CPUs and wait (interrupts on). */
void arch_send_resched(unsigned int cpu);
void arch_call_others(void (*fn)(void *), void *arg); /* fn: interrupts off, in interrupt context */
void arch_start_aps(void); /* every other CPU ends in sched_cpu_main() */
void arch_timer_start(void); /* this CPU's periodic tick, HZ a second: calls timer_tick() */
u64 arch_wallclock(void); /* seconds since 1970, from the CMOS clock, read once */
u64 arch_irq_count(void); /* since boot, all CPUs */
void arch_idle(void); /* => interrupts off in; waits for one; they are on afterwards */

/* Called by entry.S / trap.c, supplied by kernel/: */
struct regs;
void syscall_dispatch(struct regs *r);	     /* interrupts on; result goes to r->rax */
/* Signals, reschedule: before a return to user mode with task->return_work set, again until it is 0. => interrupts on */
void return_to_user(struct regs *r);
void timer_tick(bool from_user);	     /* interrupts off */
void trap_to_signal(int sig, int si_code, unsigned long addr, int trapno, u64 error, struct regs *r);
void uart_interrupt(unsigned int port);      /* ttyS<port> has input */

/* UARTs, ttyS0..3, 16550. Output is polled. */
#define UART_COUNT 4
bool uart_present(unsigned int port);
void uart_putc(unsigned int port, char c);
int uart_getc(unsigned int port); /* -1: nothing there */
void uart_irq_enable(void);	  /* input calls uart_interrupt() from now on */

/* The end. Both never return. exit_code: the byte for isa-debug-exit. */
__noreturn void arch_power_off(u8 exit_code);
__noreturn void arch_reboot(void);
void arch_stop_others(void); /* by NMI: panic */
void arch_backtrace(const struct regs *from); /* symbolised, through printk; NULL: from the caller */
void arch_backtrace_task(const struct task *t); /* where a task that does not run sleeps */
/* nearest symbol at or below addr: name and offset; NULL when outside the text */
const char *ksym_lookup(unsigned long addr, unsigned long *offset);

/* Random words: RDRAND when there, otherwise timer jitter. */
u64 arch_random(void);
const char *arch_cpu_vendor(void);
const char *arch_cpu_model(void);
struct seq;
void arch_show_cpuinfo(struct seq *s, unsigned int cpu); /* one block of /proc/cpuinfo, Linux's keys */
u64 arch_hwcap(void); /* CPUID.1:EDX, for AT_HWCAP */

#endif
