/*
 * Signal frames: what a handler finds on its stack, and what rt_sigreturn(2) reads back. Linux x86-64's layout:
 *
 *	old rsp        the interrupted code's stack; 128 bytes below it are its red zone and are left alone
 *	               FPU image, 64-byte aligned, arch_fpu_size() bytes
 *	               struct rt_sigframe:  siginfo
 *	                                    ucontext (registers, blocked set, alternative stack)
 *	new rsp  -->                        pretcode: the handler returns to sa_restorer, which calls rt_sigreturn
 *
 * At the handler's entry rsp + 8 is a multiple of 16, as after a CALL.
 *
 * rt_sigreturn believes nothing: selectors, privileged flags and the FPU's reserved parts are made harmless
 * (arch: exit_work, arch_fpu_from_user); a frame that cannot be read is a SIGSEGV.
 */
#include "kernel/lib/string.h"
#include "kernel/signal.h"
#include "kernel/sys_proc.h"
#include "kernel/syscall.h"
#include "kernel/uapi/ucontext.h"
#include <arch/irq.h>
#include <arch/uaccess.h>

#define RED_ZONE 128
#define FLAGS_FOR_HANDLERS_CLEARED (BIT(8) | BIT(10) | BIT(16)) /* TF, DF, RF */
#define FLAGS_OF_USER 0x0000000000054dd5UL /* what sigreturn may set: CF PF AF ZF SF TF DF OF RF AC */
#define SEL_USER_CS 0x33
#define SEL_USER_SS 0x2b

struct rt_sigframe {
	void *pretcode;
	struct ucontext uc;
	siginfo_t info;
};

bool altstack_on(unsigned long sp)
{
	struct task *t = current;

	if (t->altstack_flags & SS_AUTODISARM)
		return false;
	return sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size;
}

static int altstack_state(unsigned long sp)
{
	if (!current->altstack_size)
		return SS_DISABLE;
	return altstack_on(sp) ? SS_ONSTACK : 0;
}

static void altstack_get(stack_t *st, unsigned long sp)
{
	struct task *t = current;

	*st = (stack_t){
		.ss_sp = (void *)t->altstack_sp,
		.ss_flags = altstack_state(sp) | (int)(t->altstack_flags & SS_AUTODISARM),
		.ss_size = t->altstack_size,
	};
}

static int altstack_set(const stack_t *st, unsigned long sp)
{
	struct task *t = current;
	int mode = st->ss_flags & ~(int)SS_AUTODISARM;

	if (altstack_on(sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		t->altstack_sp = t->altstack_size = 0;
	} else {
		if (st->ss_size < MINSIGSTKSZ)
			return -ENOMEM;
		t->altstack_sp = (unsigned long)st->ss_sp;
		t->altstack_size = st->ss_size;
	}
	t->altstack_flags = st->ss_flags;
	return 0;
}

static void altstack_disarm(void)
{
	current->altstack_sp = current->altstack_size = 0;
	current->altstack_flags = SS_DISABLE;
}

/* Where the frame goes. *fpu: where the FPU image goes. => 0: it would leave the alternative stack */
static unsigned long place_frame(const struct regs *r, const struct sigaction *sa, unsigned long *fpu)
{
	unsigned long sp = r->rsp - RED_ZONE, frame;
	bool on = altstack_on(r->rsp);

	if ((sa->sa_flags & SA_ONSTACK) && altstack_state(r->rsp) == 0) {
		sp = current->altstack_sp + current->altstack_size;
		on = true;
	}
	*fpu = ALIGN_DOWN(sp - arch_fpu_size(), 64);
	frame = ALIGN_DOWN(*fpu - sizeof(struct rt_sigframe), 16) - 8;
	if (on && frame - current->altstack_sp - 1 >= current->altstack_size)
		return 0;
	return frame;
}

static void save_regs(struct sigcontext *c, const struct regs *r, u64 oldmask, unsigned long fpu)
{
	struct task *t = current;

	c->r8 = r->r8;
	c->r9 = r->r9;
	c->r10 = r->r10;
	c->r11 = r->r11;
	c->r12 = r->r12;
	c->r13 = r->r13;
	c->r14 = r->r14;
	c->r15 = r->r15;
	c->di = r->rdi;
	c->si = r->rsi;
	c->bp = r->rbp;
	c->bx = r->rbx;
	c->dx = r->rdx;
	c->ax = r->rax;
	c->cx = r->rcx;
	c->sp = r->rsp;
	c->ip = r->rip;
	c->flags = r->rflags;
	c->cs = SEL_USER_CS;
	c->ss = SEL_USER_SS;
	c->err = t->trap_error;
	c->trapno = t->trap_no;
	c->oldmask = oldmask;
	c->cr2 = t->trap_addr;
	c->fpstate = (void *)fpu;
}

static void load_regs(struct regs *r, const struct sigcontext *c)
{
	r->r8 = c->r8;
	r->r9 = c->r9;
	r->r10 = c->r10;
	r->r11 = c->r11;
	r->r12 = c->r12;
	r->r13 = c->r13;
	r->r14 = c->r14;
	r->r15 = c->r15;
	r->rdi = c->di;
	r->rsi = c->si;
	r->rbp = c->bp;
	r->rbx = c->bx;
	r->rdx = c->dx;
	r->rax = c->ax;
	r->rcx = c->cx;
	r->rsp = c->sp;
	r->rip = c->ip;
	r->rflags = (r->rflags & ~FLAGS_OF_USER) | (c->flags & FLAGS_OF_USER);
	r->orig_rax = ~0UL;
}

int sigframe_push(struct regs *r, int sig, const siginfo_t *info, const struct sigaction *sa, u64 oldmask)
{
	unsigned long fpu, at = place_frame(r, sa, &fpu);
	struct rt_sigframe f = {
		.pretcode = (void *)sa->sa_restorer,
		.uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
		.uc.uc_sigmask = oldmask,
		.info = *info,
	};

	if (!at || !(sa->sa_flags & SA_RESTORER))
		return -EFAULT;
	if (arch_fpu_size() > 512)
		f.uc.uc_flags |= UC_FP_XSTATE;
	altstack_get(&f.uc.uc_stack, r->rsp);
	save_regs(&f.uc.uc_mcontext, r, oldmask, fpu);
	if (arch_fpu_to_user((void __user *)fpu) || copy_to_user((void __user *)at, &f, sizeof(f)))
		return -EFAULT;
	if (current->altstack_flags & SS_AUTODISARM)
		altstack_disarm();
	r->rdi = (u64)sig;
	r->rsi = at + offsetof(struct rt_sigframe, info);
	r->rdx = at + offsetof(struct rt_sigframe, uc);
	r->rax = 0;
	r->rip = (u64)sa->sa_handler;
	r->rsp = at;
	r->rflags &= ~FLAGS_FOR_HANDLERS_CLEARED;
	r->orig_rax = ~0UL;
	return 0;
}

long sys_rt_sigreturn(void)
{
	struct regs *r = task_regs(current);
	const struct rt_sigframe __user *frame = (void __user *)(r->rsp - 8);
	struct ucontext uc;

	current->restart_fn = NULL;
	if (copy_from_user(&uc, &frame->uc, sizeof(uc)) || arch_fpu_from_user((void __user *)uc.uc_mcontext.fpstate)) {
		signal_force(SIGSEGV, NULL);
		return 0;
	}
	signal_set_blocked(uc.uc_sigmask);
	load_regs(r, &uc.uc_mcontext);
	altstack_set(&uc.uc_stack, r->rsp); /* in vain when it runs on it still: as Linux */
	current->regs_changed = true;
	return (long)r->rax;
}

long sys_sigaltstack(const stack_t __user *user_new, stack_t __user *user_old)
{
	unsigned long sp = task_regs(current)->rsp;
	stack_t new, old;
	int err = 0;

	altstack_get(&old, sp);
	if (user_new) {
		if (copy_from_user(&new, user_new, sizeof(new)))
			return -EFAULT;
		err = altstack_set(&new, sp);
	}
	if (!err && user_old && copy_to_user(user_old, &old, sizeof(old)))
		return -EFAULT;
	return err;
}
