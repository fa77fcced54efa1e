/*
 * Exceptions: what the CPU could not do.
 *
 *   from user mode     a signal, with the number, code and address that Linux gives (each tried there), or, for a page
 *                      fault, mm_fault() first
 *   from the kernel    a page fault on a user address inside uaccess.S: mm_fault(), then the exception table
 *                      #GP in an instruction that has an exception-table entry: likewise
 *                      everything else is a bug of the kernel: panic, one sentence
 *
 * #DF, NMI and #MC have stacks of their own (gdt.c), everything else runs on the task's kernel stack. #DF is what a
 * kernel stack's overflow looks like: the page fault on the guard page cannot push its frame.
 *
 * #DB is not among them: the kernel sets no breakpoints, SYSCALL clears TF, user programs cannot reach the debug
 * registers. So none comes at the one place where stack and GS are the user's in kernel mode.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/uapi/signal.h"
#include "mm/mm.h"

struct idt_gate {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

#define GATE_INTERRUPT 0x8e /* present, interrupts off inside */
#define GATE_USER 0x60	    /* user programs may call it by INT n */

/* SDM vol. 3A, 4.7 */
#define PF_PRESENT BIT(0)
#define PF_WRITE BIT(1)
#define PF_USER BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH BIT(4)

#define DR6_STEP BIT(14)
#define DR6_INIT 0xffff0ff0UL

static struct idt_gate idt[256] __aligned(64);

typedef void entry_fn(void);
entry_fn entry_de, entry_db, entry_nmi, entry_bp, entry_of, entry_br, entry_ud, entry_nm, entry_df, entry_ts, entry_np,
	entry_ss, entry_gp, entry_pf, entry_mf, entry_ac, entry_mc, entry_xm, entry_cp, entry_timer, entry_call,
	entry_resched, entry_uart_even, entry_uart_odd, entry_spurious, entry_unexpected;

static const struct {
	u8 vector, flags;
	entry_fn *entry;
} gates[] = {
	{ TRAP_DE, 0, entry_de },	   { TRAP_DB, 0, entry_db },
	{ TRAP_NMI, 0, entry_nmi },	   { TRAP_BP, GATE_USER, entry_bp },
	{ TRAP_OF, GATE_USER, entry_of },  { TRAP_BR, 0, entry_br },
	{ TRAP_UD, 0, entry_ud },	   { TRAP_NM, 0, entry_nm },
	{ TRAP_DF, 0, entry_df },	   { TRAP_TS, 0, entry_ts },
	{ TRAP_NP, 0, entry_np },	   { TRAP_SS, 0, entry_ss },
	{ TRAP_GP, 0, entry_gp },	   { TRAP_PF, 0, entry_pf },
	{ TRAP_MF, 0, entry_mf },	   { TRAP_AC, 0, entry_ac },
	{ TRAP_MC, 0, entry_mc },	   { TRAP_XM, 0, entry_xm },
	{ TRAP_CP, 0, entry_cp },	   { IRQ_TIMER, 0, entry_timer },
	{ IRQ_CALL, 0, entry_call },	   { IRQ_RESCHED, 0, entry_resched },
	{ IRQ_UART_EVEN, 0, entry_uart_even }, { IRQ_UART_ODD, 0, entry_uart_odd },
	{ IRQ_SPURIOUS, 0, entry_spurious },
};

static void idt_set(unsigned int vector, entry_fn *entry, u8 flags)
{
	u64 addr = (u64)entry;

	idt[vector] = (struct idt_gate){
		.offset_low = addr,
		.selector = SEL_KERNEL_CS,
		.type = GATE_INTERRUPT | flags,
		.offset_mid = addr >> 16,
		.offset_high = addr >> 32,
	};
}

void idt_load(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed desc = { sizeof(idt) - 1, (u64)idt };

	lidt(&desc);
}

/* Reserved exception vectors stay empty: one of them becomes #GP and tells its number there. */
void idt_init(void)
{
	for (unsigned int v = IRQ_BASE; v < ARRAY_SIZE(idt); v++)
		idt_set(v, entry_unexpected, 0);
	for (size_t i = 0; i < ARRAY_SIZE(gates); i++)
		idt_set(gates[i].vector, gates[i].entry, gates[i].flags);
	idt_load();
}

void idt_use_ists(void)
{
	idt[TRAP_DF].ist = IST_DF;
	idt[TRAP_NMI].ist = IST_NMI;
	idt[TRAP_MC].ist = IST_MC;
}

/* ---- Out of luck ---- */

static void show_regs(const struct regs *r)
{
	unsigned long off = 0;
	const char *name = ksym_lookup(r->rip, &off);

	printk(LOG_EMERG, "rip %016lx %s+0x%lx  cs %04lx ss %04lx flags %06lx\n", r->rip, name ? name : "?", off,
	       r->cs, r->ss, r->rflags);
	printk(LOG_EMERG, "rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk(LOG_EMERG, "rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", r->rsi, r->rdi, r->rbp, r->rsp);
	printk(LOG_EMERG, "r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", r->r8, r->r9, r->r10, r->r11);
	printk(LOG_EMERG, "r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", r->r12, r->r13, r->r14, r->r15);
}

static __noreturn void die(const struct regs *r, const char *what, u64 error)
{
	unsigned long off = 0;
	const char *name = ksym_lookup(r->rip, &off);

	show_regs(r);
	panic("%s in the kernel at %s+0x%lx (error code %lx)", what, name ? name : "?", off, error);
}

/* ---- Exceptions that are signals ---- */

static void trap_user(struct regs *r, const char *what, int trapno, u64 error, int sig, int code, unsigned long addr)
{
	if (!regs_from_user(r))
		die(r, what, error);
	irq_enable();
	trap_to_signal(sig, code, addr, trapno, error, r);
}

void trap_divide(struct regs *r)
{
	trap_user(r, "division error", TRAP_DE, 0, SIGFPE, FPE_INTDIV, r->rip);
}

void trap_debug(struct regs *r)
{
	u64 dr6 = read_dr6();

	write_dr6(DR6_INIT);
	trap_user(r, "debug exception", TRAP_DB, 0, SIGTRAP, (dr6 & DR6_STEP) ? TRAP_TRACE : TRAP_BRKPT, r->rip);
}

void trap_breakpoint(struct regs *r)
{
	trap_user(r, "breakpoint", TRAP_BP, 0, SIGTRAP, SI_KERNEL, 0);
}

void trap_overflow(struct regs *r)
{
	trap_user(r, "overflow", TRAP_OF, 0, SIGSEGV, SI_KERNEL, 0);
}

void trap_bound(struct regs *r)
{
	trap_user(r, "bound range exceeded", TRAP_BR, 0, SIGSEGV, SI_KERNEL, 0);
}

void trap_invalid_opcode(struct regs *r)
{
	trap_user(r, "invalid opcode", TRAP_UD, 0, SIGILL, ILL_ILLOPN, r->rip);
}

void trap_no_fpu(struct regs *r) /* CR0.TS and CR0.EM are clear: it cannot be */
{
	die(r, "device not available", 0);
}

void trap_invalid_tss(struct regs *r, u64 error)
{
	trap_user(r, "invalid TSS", TRAP_TS, error, SIGSEGV, SI_KERNEL, 0);
}

void trap_not_present(struct regs *r, u64 error)
{
	trap_user(r, "segment not present", TRAP_NP, error, SIGBUS, SI_KERNEL, 0);
}

void trap_stack(struct regs *r, u64 error)
{
	trap_user(r, "stack fault", TRAP_SS, error, SIGBUS, SI_KERNEL, 0);
}

void trap_protection(struct regs *r, u64 error)
{
	unsigned long next = regs_from_user(r) ? 0 : ex_table_find(r->rip);

	if (next)
		r->rip = next;
	else
		trap_user(r, "general protection fault", TRAP_GP, error, SIGSEGV, SI_KERNEL, 0);
}

void trap_alignment(struct regs *r, u64 error)
{
	trap_user(r, "alignment check", TRAP_AC, error, SIGBUS, BUS_ADRALN, 0);
}

void trap_control(struct regs *r, u64 error)
{
	trap_user(r, "control protection", TRAP_CP, error, SIGSEGV, SI_KERNEL, 0);
}

/* The exception flags that are not masked, in the order in which Linux reports them (x87 and MXCSR share the bits). */
static int fpe_code(unsigned int raised)
{
	if (raised & 0x01)
		return FPE_FLTINV;
	if (raised & 0x04)
		return FPE_FLTDIV;
	if (raised & 0x08)
		return FPE_FLTOVF;
	if (raised & 0x12) /* underflow, denormal */
		return FPE_FLTUND;
	if (raised & 0x20)
		return FPE_FLTRES;
	return 0;
}

static void trap_fpu(struct regs *r, const char *what, int trapno)
{
	const u8 *image;
	unsigned int raised;

	if (!regs_from_user(r))
		die(r, what, 0);
	image = current->arch.fpu;
	fpu_save(current->arch.fpu);
	if (trapno == TRAP_MF) { /* status word at 2, control word at 0 */
		raised = (image[2] & ~image[0]) & 0x3f;
	} else { /* MXCSR at 24: flags 0..5, masks 7..12 */
		u32 mxcsr = *(const u32 *)(image + 24);

		raised = mxcsr & ~(mxcsr >> 7) & 0x3f;
	}
	if (fpe_code(raised)) /* else a spurious one: Linux ignores it too */
		trap_user(r, what, trapno, 0, SIGFPE, fpe_code(raised), r->rip);
}

void trap_x87(struct regs *r)
{
	trap_fpu(r, "x87 exception", TRAP_MF);
}

void trap_simd(struct regs *r)
{
	trap_fpu(r, "SIMD exception", TRAP_XM);
}

/* ---- Page faults ---- */

static unsigned int fault_access(u64 error)
{
	return (error & PF_WRITE ? FAULT_WRITE : error & PF_FETCH ? FAULT_EXEC : FAULT_READ) |
	       (error & PF_USER ? FAULT_USER : 0);
}

static void out_of_memory(unsigned long addr, struct regs *r)
{
	pr_err("out of memory: killed process %d (%s), which touched %lx\n", current->tid, current->comm, addr);
	trap_to_signal(SIGKILL, SI_KERNEL, 0, TRAP_PF, 0, r);
}

static void fault_signal(struct regs *r, unsigned long addr, u64 error, enum fault_result res)
{
	if (res == FAULT_OOM)
		out_of_memory(addr, r);
	else if (res == FAULT_ADRERR)
		trap_to_signal(SIGBUS, BUS_ADRERR, addr, TRAP_PF, error, r);
	else
		trap_to_signal(SIGSEGV, res == FAULT_ACCERR ? SEGV_ACCERR : SEGV_MAPERR, addr, TRAP_PF, error, r);
}

/*
 * A fault in user mode without PF_USER is the CPU's own access on the program's behalf (a descriptor, or, in QEMU's
 * emulation, the stack of a far return): were it only retried, it would fault for ever.
 */
static void user_fault(struct regs *r, unsigned long addr, u64 error)
{
	enum fault_result res;

	if (unlikely(error & PF_RESERVED))
		panic("page table entry for user address %lx is corrupt (error code %lx)", addr, error);
	if (unlikely(!(error & PF_USER) && (error & PF_PRESENT))) { /* not the program's access: SMAP said no */
		fault_signal(r, addr, error, FAULT_ACCERR);
		return;
	}
	if (unlikely(addr >= TASK_SIZE)) { /* Linux hides whether the kernel has something there */
		fault_signal(r, addr, error | PF_PRESENT, FAULT_MAPERR);
		return;
	}
	res = mm_fault(current->mm, addr, fault_access(error));
	if (likely(res == FAULT_DONE))
		current->min_flt++;
	else
		fault_signal(r, addr, error, res);
}

/* A user copy faulted. Where mm_fault() cannot help it returns short. */
static void uaccess_fault(struct regs *r, unsigned long addr, u64 error)
{
	enum fault_result res = FAULT_MAPERR;

	if (!(r->rflags & RFLAGS_IF))
		panic("user memory at %lx touched with interrupts off", addr);
	irq_enable();
	if (current->mm)
		res = mm_fault(current->mm, addr, fault_access(error));
	if (likely(res == FAULT_DONE)) {
		current->min_flt++;
		return;
	}
	if (res == FAULT_OOM)
		out_of_memory(addr, task_regs(current));
	r->rip = ex_table_find(r->rip);
	assert(r->rip);
}

static void kernel_fault(struct regs *r, unsigned long addr, u64 error)
{
	bool in_uaccess = r->rip >= (u64)uaccess_text_start && r->rip < (u64)uaccess_text_end;

	if (likely(addr < TASK_SIZE && in_uaccess && !(error & PF_RESERVED))) {
		uaccess_fault(r, addr, error);
		return;
	}
	show_regs(r);
	if (kstack_is_guard(addr))
		panic("kernel stack overflow");
	if (addr < PAGE_SIZE)
		panic("null pointer used in the kernel (address %lx)", addr);
	if (addr <= TASK_SIZE)
		panic("the kernel touched user address %lx outside the user copies", addr);
	panic("page fault in the kernel: cannot %s %lx (error code %lx)",
	      error & PF_FETCH ? "execute" : error & PF_WRITE ? "write" : "read", addr, error);
}

void trap_page_fault(struct regs *r, u64 error)
{
	unsigned long addr = read_cr2();

	if (likely(regs_from_user(r))) {
		irq_enable();
		user_fault(r, addr, error);
	} else {
		kernel_fault(r, addr, error);
	}
}

/* ---- On stacks of their own ---- */

void trap_double_fault(struct regs *r, u64 error)
{
	unsigned long addr = read_cr2();

	show_regs(r);
	if (kstack_is_guard(addr) || kstack_is_guard(r->rsp))
		panic("kernel stack overflow");
	panic("double fault (error code %lx, last page fault at %lx)", error, addr);
}

void trap_nmi(struct regs *r)
{
	(void)r;
	this_cpu()->nmi_count++;
	smp_nmi();
}

void trap_machine_check(struct regs *r)
{
	show_regs(r);
	panic("machine check: the hardware reports an error");
}

/* ---- The long way back to user mode ---- */

static bool canonical(unsigned long addr)
{
	return (unsigned long)((long)(addr << 16) >> 16) == addr;
}

/* Whatever a signal frame or a system call has put there, IRETQ must not fault and the user must stay a user. */
static void make_harmless(struct regs *r)
{
	r->cs = SEL_USER_CS;
	r->ss = SEL_USER_DS;
	r->rflags = (r->rflags & RFLAGS_USER) | RFLAGS_FIXED | RFLAGS_IF;
	if (unlikely(!canonical(r->rip)))
		trap_to_signal(SIGSEGV, SI_KERNEL, 0, TRAP_GP, 0, r);
}

/* => called by entry.S; interrupts off afterwards, and nothing is left to do */
void exit_work(struct regs *r)
{
	struct task *t = current;

	do {
		irq_enable();
		t->regs_changed = false;
		return_to_user(r);
		make_harmless(r);
		irq_disable();
	} while (unlikely(READ_ONCE(t->return_work)));
}

void kthread_returned(void)
{
	panic("the function of kernel thread %s returned", current->comm);
}
