/* Signal frames: what survives, what a handler sees and may change, hostile ones, alternate stacks. */
#include "sig.h"


test(registers_survive)
{
	unsigned long b = 1, r12 = 2, r13 = 3, r14 = 4, r15 = 5, xmm = 0x1234567890abcdef, out = 0, flags = 0;
	long pid = getpid(), nr = SYS_kill, sig = SIGUSR1;

	/* A signal at a known place: every register comes back as it was. */
	handle(SIGUSR1, count, 0);
	__asm__ volatile(
		"movq %[xmm], %%xmm7\n\t"
		"mov %[b], %%rbx; mov %[r12], %%r12; mov %[r13], %%r13; mov %[r14], %%r14; mov %[r15], %%r15\n\t"
		"stc\n\t"
		"syscall\n\t"
		"pushfq; pop %[flags]\n\t"
		"add %%r12, %%rbx; add %%r13, %%rbx; add %%r14, %%rbx; add %%r15, %%rbx\n\t"
		"mov %%rbx, %[b]\n\t"
		"movq %%xmm7, %[out]\n\t"
		: [b] "+m"(b), [out] "=m"(out), [flags] "=m"(flags), "+a"(nr)
		: "D"(pid), "S"(sig), [r12] "m"(r12), [r13] "m"(r13), [r14] "m"(r14), [r15] "m"(r15), [xmm] "m"(xmm)
		: "rbx", "rcx", "r11", "r12", "r13", "r14", "r15", "xmm7", "memory", "cc");
	check_eq(nr, 0);
	check_eq(hits, 1);
	check_eq(b, 15);
	check_eq(out, xmm);
	check_eq(flags & 1, 1);
}

static void clobber(int sig)
{
	hits = sig;
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pxor %%xmm15, %%xmm15; fninit; std; cld"
			 : : : "xmm0", "xmm1", "xmm15", "st", "memory");
}

test(floating_point_survives)
{
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } };
	volatile double x = 1.0;
	long double y = 1.0L;

	handle(SIGALRM, clobber, 0);
	check_ok(setitimer(ITIMER_REAL, &it, NULL));
	for (int i = 0; i < 200000; i++) {
		double before = x * 3.0 + 1.0;
		long double l = y * 3.0L;

		if (x * 3.0 + 1.0 != before || l != 3.0L)
			fail("lost at %d", i);
	}
	while (!hits)
		pause();
}

test(context_tells)
{
	handle_info(SIGUSR1, SA_ONSTACK);
	block(SIGUSR2);
	check_ok(kill(getpid(), SIGUSR1));
	check(frame.uc_mcontext.gregs[REG_RIP] != 0);
	check(sigismember(&frame.uc_sigmask, SIGUSR2));
	check(!sigismember(&frame.uc_sigmask, SIGUSR1));
	check_eq(frame.uc_mcontext.gregs[REG_RAX], 0);
	check_eq(frame.uc_link, 0);
	check_eq(frame.uc_mcontext.gregs[REG_CSGSFS] & 0xffff, 0x33);
}

static void skip_ud2(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	check_eq(si->si_addr, uc->uc_mcontext.gregs[REG_RIP]);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_R12] = 4711;
	hits++;
}

test(context_can_be_changed)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };
	long r12;

	sa.sa_sigaction = skip_ud2;
	check_ok(sigaction(SIGILL, &sa, NULL));
	__asm__ volatile("xor %%r12, %%r12; ud2; mov %%r12, %0" : "=r"(r12) : : "r12", "memory");
	check_eq(hits, 1);
	check_eq(r12, 4711);
}

static void wild_rip(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	uc->uc_mcontext.gregs[REG_RIP] = (long)(1UL << 62);
}

static void kernel_selectors(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	uc->uc_mcontext.gregs[REG_CSGSFS] = 0x2b0000000008;
	uc->uc_mcontext.gregs[REG_RIP] = (long)0xffffffff80000000;
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3000;
}

static void wild_rsp(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	uc->uc_mcontext.gregs[REG_RSP] = (long)(1UL << 63);
}

test(hostile_contexts)
{
	/* sigreturn to nowhere, to the kernel, with its selectors: the process dies, nothing else. */
	static const struct {
		void (*change)(int, siginfo_t *, void *);
		int sig;
	} bad[] = { { wild_rip, SIGSEGV }, { kernel_selectors, SIGSEGV }, { wild_rsp, SIGBUS } };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sigaction sa = { .sa_flags = SA_SIGINFO };
		pid_t pid;

		sa.sa_sigaction = bad[i].change;
		child(pid) {
			check_ok(sigaction(SIGUSR1, &sa, NULL));
			raise(SIGUSR1);
		}
		/* QEMU's translator answers a stack outside the address space with #GP, processors with #SS. */
		check_killed(pid, bad[i].sig == SIGBUS && on_quire() ? SIGSEGV : bad[i].sig);
	}
}

static void escalate(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3200 | 1 << 14 | 1 << 17;	/* IOPL, NT, VM */
	hits++;
}

test(flags_are_filtered)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };
	unsigned long flags;

	sa.sa_sigaction = escalate;
	check_ok(sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	check_eq(hits, 1);
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	check_eq(flags & (0x3000 | 1 << 17), 0);
	check(flags & 0x200);
}

test(bare_sigreturn)
{
	/* rt_sigreturn without a frame: garbage from the stack, a signal at worst. */
	pid_t pid;

	child(pid) {
		char *p = (char *)((uintptr_t)anon(4) + 2 * PAGE);

		__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall" : : "r"(p) : "rax", "memory");
	}
	check_killed(pid, SIGSEGV);
}

test(no_room_for_a_frame)
{
	pid_t pid;

	child(pid) {
		handle(SIGUSR1, count, 0);
		/* The stack pointer lies in nowhere when the signal comes. */
		__asm__ volatile("mov $0x100000000800, %%rsp; mov $62, %%eax; syscall"
				 : : "D"(getpid()), "S"(SIGUSR1) : "rax", "memory");
	}
	check_killed(pid, SIGSEGV);
}

test(direction_flag_is_clear)
{
	handle(SIGUSR1, count, 0);
	__asm__ volatile("std; mov $62, %%eax; syscall; cld"
			 : : "D"(getpid()), "S"(SIGUSR1) : "rax", "rcx", "r11", "memory", "cc");
	check_eq(hits, 1);
}

/* ---- alternate stacks ---- */

static volatile uintptr_t stack_in_handler;
static stack_t ss_in_handler;

static void where(int sig)
{
	char here;

	hits = sig;
	stack_in_handler = (uintptr_t)&here;
	sigaltstack(NULL, &ss_in_handler);
}

test(altstack_is_used)
{
	stack_t ss = { .ss_sp = anon(8), .ss_size = 8 * PAGE };
	uintptr_t low = (uintptr_t)ss.ss_sp;

	check_ok(sigaltstack(&ss, NULL));
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
	check(stack_in_handler >= low && stack_in_handler < low + 8 * PAGE);
	check(ss_in_handler.ss_flags & SS_ONSTACK);
	handle(SIGUSR1, where, 0);
	raise(SIGUSR1);
	check(stack_in_handler < low || stack_in_handler >= low + 8 * PAGE);
	check_eq(ss_in_handler.ss_flags & SS_ONSTACK, 0);
}

static void change_altstack(int sig)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	(void)sig;
	hits = sigaltstack(&ss, NULL) == -1 && errno == EPERM;
}

test(altstack_calls)
{
	stack_t ss = { .ss_sp = anon(8), .ss_size = 8 * PAGE }, old;

	check_ok(sigaltstack(NULL, &old));
	check_eq(old.ss_flags, SS_DISABLE);
	check_ok(sigaltstack(&ss, NULL));
	check_ok(sigaltstack(NULL, &old));
	check_eq(old.ss_sp, ss.ss_sp);
	check_eq(old.ss_size, ss.ss_size);
	check_eq(old.ss_flags, 0);
	handle(SIGUSR1, change_altstack, SA_ONSTACK);
	raise(SIGUSR1);
	check_eq(hits, 1);
	ss.ss_size = 1024;
	check_err(syscall(SYS_sigaltstack, &ss, NULL), ENOMEM);
	ss.ss_flags = 77;
	check_err(syscall(SYS_sigaltstack, &ss, NULL), EINVAL);
	ss.ss_flags = SS_DISABLE;
	check_ok(sigaltstack(&ss, NULL));
	check_err(syscall(SYS_sigaltstack, 8, NULL), EFAULT);
}

test(altstack_too_small_for_the_frame)
{
	pid_t pid;

	child(pid) {
		char *p = anon(8);
		stack_t ss = { .ss_sp = p + 4 * PAGE, .ss_size = 4 * PAGE };

		check_ok(sigaltstack(&ss, NULL));
		check_ok(sys_mprotect(p + 4 * PAGE, 4 * PAGE, PROT_NONE));
		handle(SIGUSR1, where, SA_ONSTACK);
		raise(SIGUSR1);
	}
	check_killed(pid, SIGSEGV);
}

test(longjmp_out)
{
	sigset_t now;

	for (int i = 0; i < 3; i++)
		check_maperr(fault_read(8), 8);
	sigprocmask(SIG_BLOCK, NULL, &now);
	check(!sigismember(&now, SIGSEGV));
}
