/*
 * Tasks as the machine sees them: a kernel stack, FPU registers, FS and GS base.
 *
 * A task that does not run has its callee-saved registers on its kernel stack and the stack pointer in arch.sp. A new
 * one gets a stack that looks as if it had just called switch_stack() from entry.S's start routines:
 *
 *	user task:    regs | task_start_user   | rbx rbp r12..r15  <- sp
 *	kernel one:          task_start_kernel | rbx = fn  r12 = arg ...  <- sp
 *
 * FPU registers are switched eagerly: XSAVE and XRSTOR cost less than the exception that a lazy switch ends in, and
 * leave nothing of another process in the registers for a speculating CPU. Kernel threads have none (arch.fpu NULL);
 * the kernel is compiled without.
 *
 * FS and GS selectors are not switched, only the bases: 64-bit programs have no use for the selectors. Linux differs:
 * it preserves them too.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"
#include "kernel/task.h"

#define MSR_FS_BASE 0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102 /* the user's, while the kernel runs */

/* What switch_stack() pops, lowest address first. */
struct switch_frame {
	u64 r15, r14, r13, r12, rbp, rbx, rip;
};

static_assert(offsetof(struct regs, r11) == REGS_R11, "entry.S");
static_assert(offsetof(struct regs, r10) == REGS_R10, "entry.S");
static_assert(offsetof(struct regs, r9) == REGS_R9, "entry.S");
static_assert(offsetof(struct regs, r8) == REGS_R8, "entry.S");
static_assert(offsetof(struct regs, rax) == REGS_RAX, "entry.S");
static_assert(offsetof(struct regs, rdx) == REGS_RDX, "entry.S");
static_assert(offsetof(struct regs, rsi) == REGS_RSI, "entry.S");
static_assert(offsetof(struct regs, rdi) == REGS_RDI, "entry.S");
static_assert(offsetof(struct regs, orig_rax) == REGS_ORIG_RAX, "entry.S");
static_assert(offsetof(struct regs, rip) == REGS_RIP, "entry.S");
static_assert(offsetof(struct regs, cs) == REGS_CS, "entry.S");
static_assert(offsetof(struct regs, rflags) == REGS_RFLAGS, "entry.S");
static_assert(offsetof(struct regs, rsp) == REGS_RSP, "entry.S");

/* Where entry.S builds the frame of an entry from user mode. */
struct regs *task_regs(struct task *t)
{
	return (struct regs *)t->kstack - 1;
}

/* The running task's bases. Without FSGSBASE only the kernel sets them, and arch_task has them already. */
static void bases_save(struct arch_task *a)
{
	if (cpu_has(CPU_FSGSBASE)) {
		a->fs_base = rdfsbase();
		a->gs_base = rdgsbase_user();
	}
}

static void bases_load(const struct arch_task *a)
{
	if (cpu_has(CPU_FSGSBASE)) {
		wrfsbase(a->fs_base);
		wrgsbase_user(a->gs_base);
	} else {
		wrmsr(MSR_FS_BASE, a->fs_base);
		wrmsr(MSR_KERNEL_GS_BASE, a->gs_base);
	}
}

/* From here on this CPU's entries from user mode land on t's stack. => interrupts off */
static void percpu_set_task(struct percpu *cpu, struct task *t)
{
	cpu->task = t;
	cpu->work = &t->return_work;
	cpu->kernel_sp = (unsigned long)t->kstack;
	gdt_set_rsp0(cpu->id, cpu->kernel_sp);
}

void set_current(struct task *t)
{
	unsigned long flags = irq_save();

	percpu_set_task(this_cpu(), t);
	irq_restore(flags);
}

struct task *arch_switch(struct task *prev, struct task *next)
{
	debug_assert(!irq_enabled());
	if (prev->arch.fpu) {
		fpu_save(prev->arch.fpu);
		bases_save(&prev->arch);
	}
	percpu_set_task(this_cpu(), next);
	if (next->arch.fpu) {
		fpu_load(next->arch.fpu);
		bases_load(&next->arch);
	}
	return switch_stack(&prev->arch.sp, next->arch.sp, prev);
}

void arch_backtrace_task(const struct task *t)
{
	const struct switch_frame *f = (const struct switch_frame *)t->arch.sp;
	const struct regs r = { .rip = f->rip, .rbp = f->rbp };

	arch_backtrace(&r);
}

void arch_task_init_user(struct task *t, const struct regs *regs)
{
	struct regs *r = task_regs(t);
	struct switch_frame *f = (struct switch_frame *)r - 1;

	*r = *regs;
	*f = (struct switch_frame){ .rip = (u64)task_start_user };
	t->arch.sp = (unsigned long)f;
}

/* 16 bytes stay free above, so that the start routine's stack is aligned as for a call. */
void arch_task_init_kernel(struct task *t, void (*fn)(void *), void *arg)
{
	struct switch_frame *f = (struct switch_frame *)((char *)t->kstack - 16) - 1;

	*f = (struct switch_frame){ .rip = (u64)task_start_kernel, .rbx = (u64)fn, .r12 = (u64)arg };
	t->arch.sp = (unsigned long)f;
}

void arch_fpu_copy(struct task *to, struct task *from)
{
	assert(from == current);
	fpu_save(to->arch.fpu);
	to->arch.fs_base = from->arch.fs_base;
	to->arch.gs_base = from->arch.gs_base;
	unsigned long flags = irq_save();

	bases_save(&to->arch);
	irq_restore(flags);
}

void arch_set_fs_base(unsigned long base)
{
	current->arch.fs_base = base;
	if (cpu_has(CPU_FSGSBASE))
		wrfsbase(base);
	else
		wrmsr(MSR_FS_BASE, base);
}

void arch_set_gs_base(unsigned long base)
{
	current->arch.gs_base = base;
	wrmsr(MSR_KERNEL_GS_BASE, base);
}

/* A program may have changed them by WRFSBASE and WRGSBASE. */
unsigned long arch_get_fs_base(void)
{
	return cpu_has(CPU_FSGSBASE) ? rdfsbase() : current->arch.fs_base;
}

unsigned long arch_get_gs_base(void)
{
	unsigned long flags, base;

	if (!cpu_has(CPU_FSGSBASE))
		return current->arch.gs_base;
	flags = irq_save();
	base = rdgsbase_user();
	irq_restore(flags);
	return base;
}
