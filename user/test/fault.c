/*
 * Faults as a program sees them: which signal, si_code, si_addr and error code each kind of access ends in,
 * stack growth, and that nothing of the kernel can be reached.
 */
#include "mm.h"
#include <sys/resource.h>

#define at(n)	((char *)ARENA + (n) * PAGE)

/* The CPU's error code: present, write, user, (reserved), instruction. */
#define PF_P	1
#define PF_W	2
#define PF_U	4
#define PF_I	16

test(null)
{
	check_maperr(fault_read(0), 0);
	check_maperr(fault_write(8), 8);
	check_maperr(fault_exec(0), 0);
}

test(unmapped)
{
	check_maperr(fault_read(at(0) + 123), at(0) + 123);
	check_maperr(fault_write(at(0) + 4095), at(0) + 4095);
	check_maperr(fault_exec(at(0)), at(0));
	check_maperr(fault_read(0x7fffffffe000), 0x7fffffffe000);
}

test(error_codes)
{
	char *r = arena_prot(0, 1, PROT_READ);
	struct fault f;

	check_eq(r[0], 0);
	f = fault_write(r);
	check_eq(f.trap, 14);
	check_eq(f.error, PF_P | PF_W | PF_U);
	f = fault_read(at(8));
	check_eq(f.error, PF_U);
	f = fault_write(at(8));
	check_eq(f.error, PF_U | PF_W);
	f = fault_exec(r);
	check_eq(f.error, PF_P | PF_U | PF_I);
}

test(kernel_addresses)
{
	static const unsigned long addr[] = {
		0xffffffff80000000, 0xffffffff81000000, 0xffff888000000000, 0xffff800000000000,
		0xffffffffff5ff000, 0xfffffffffffff000,
	};

	/* The kernel half is not there as far as user space can tell, mapped or not. */
	for (size_t i = 0; i < ARRAY_SIZE(addr); i++) {
		check_maperr(fault_read(addr[i]), addr[i]);
		check_maperr(fault_write(addr[i]), addr[i]);
		check_maperr(fault_exec(addr[i]), addr[i]);
	}
}

test(non_canonical)
{
	static const unsigned long addr[] = { 1UL << 47, 1UL << 62, 0xdead000000000000, 0xffff7ffffffff000 };

	for (size_t i = 0; i < ARRAY_SIZE(addr); i++) {
		/* A general protection fault: the CPU does not tell the address. */
		check_fault(fault_read(addr[i]), SIGSEGV, SI_KERNEL, 0);
		check_fault(fault_write(addr[i]), SIGSEGV, SI_KERNEL, 0);
	}
}

test(system_calls_refuse_kernel_addresses)
{
	static const unsigned long addr[] = {
		0xffffffff80000000, 0xffff888000000000, 1UL << 47, 1UL << 62, 0xfffffffffffff000, 0x7ffffffff000,
	};
	int fd[2];

	check_ok(pipe(fd));
	check_eq(write(fd[1], "abcd", 4), 4);
	for (size_t i = 0; i < ARRAY_SIZE(addr); i++) {
		check_err(write(fd[1], (void *)addr[i], 4), EFAULT);
		check_err(syscall(SYS_read, fd[0], addr[i], 4), EFAULT);
		check_err(syscall(SYS_stat, "/", addr[i]), EFAULT);
		check_err(syscall(SYS_open, addr[i], O_RDONLY), EFAULT);
		check_err(syscall(SYS_pipe, addr[i]), EFAULT);
	}
}

test(copies_across_an_edge)
{
	/* Half of the buffer is there: a write tells how much went, a structure is refused. */
	char *p = arena(0, 1), *edge = p + PAGE;
	int fd[2];

	check_ok(pipe(fd));
	memset(edge - 8, 'x', 8);
	check(write(fd[1], edge - 8, 16) <= 8);
	check_err(syscall(SYS_stat, "/", edge - 8), EFAULT);
	memset(edge - 8, 'x', 8);
	check_err(syscall(SYS_open, edge - 8, O_RDONLY), EFAULT);
	strcpy(edge - 2, "/");
	check_ok(syscall(SYS_open, edge - 2, O_RDONLY));
}

test(copies_fault_pages_in)
{
	/* The kernel's own write to untouched, and to shared copy-on-write, memory. */
	char *p = arena(0, 2);
	int fd[2];
	pid_t pid;

	check_ok(pipe(fd));
	check_eq(write(fd[1], "abcdef", 6), 6);
	check_eq(read(fd[0], p + PAGE - 2, 4), 4);
	check_eq(memcmp(p + PAGE - 2, "abcd", 4), 0);
	child(pid) {
		check_eq(read(fd[0], p + PAGE - 1, 2), 2);
		check_eq(memcmp(p + PAGE - 2, "aefd", 4), 0);
	}
	check_exit(pid, 0);
	check_eq(memcmp(p + PAGE - 2, "abcd", 4), 0);
}

test(kills_without_handler)
{
	pid_t pid;

	child(pid) {
		*(volatile char *)at(0) = 1;
	}
	check_killed(pid, SIGSEGV);
}

test(blocked_segv_kills)
{
	pid_t pid;

	child(pid) {
		sigset_t set;

		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
		*(volatile char *)at(0) = 1;
	}
	check_killed(pid, SIGSEGV);
}

test(ignored_segv_kills)
{
	pid_t pid;

	child(pid) {
		signal(SIGSEGV, SIG_IGN);
		*(volatile char *)at(0) = 1;
	}
	check_killed(pid, SIGSEGV);
}

static void on_segv_map(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	(void)sig;
	sys_mmap((void *)((uintptr_t)si->si_addr & -PAGE), PAGE, RW, ANON | MAP_FIXED, -1, 0);
}

test(handler_repairs_and_returns)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	sa.sa_sigaction = on_segv_map;
	check_ok(sigaction(SIGSEGV, &sa, NULL));
	*(volatile char *)at(5) = 7;
	check_eq(*(volatile char *)at(5), 7);
	check_eq(*(volatile char *)at(9), 0);
}

static void divide(void *p)
{
	*(volatile int *)p = 1000 / *(volatile int *)p;
}

static void undefined(void *p)
{
	(void)p;
	__asm__ volatile("ud2");
}

static void breakpoint(void *p)
{
	(void)p;
	__asm__ volatile("int3");
}

static void privileged(void *p)
{
	(void)p;
	__asm__ volatile("hlt");
}

static void port(void *p)
{
	(void)p;
	__asm__ volatile("outb %%al, $0x80" : : "a"(0));
}

static void load_cr3(void *p)
{
	unsigned long v;

	(void)p;
	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
}

static void software_int(void *p)
{
	(void)p;
	__asm__ volatile("int $0x60");
}

test(other_exceptions)
{
	volatile int zero = 0;
	struct fault f;

	f = fault_call(divide, (void *)&zero);
	check_eq(f.signo, SIGFPE);
	check_eq(f.code, FPE_INTDIV);
	check(f.addr != 0);
	f = fault_call(undefined, NULL);
	check_eq(f.signo, SIGILL);
	check_eq(f.code, ILL_ILLOPN);
	check(f.addr != 0);
	f = fault_call(breakpoint, NULL);
	check_eq(f.signo, SIGTRAP);
	check_eq(f.code, SI_KERNEL);
}

test(privileged_instructions)
{
	check_fault(fault_call(privileged, NULL), SIGSEGV, SI_KERNEL, 0);
	check_fault(fault_call(port, NULL), SIGSEGV, SI_KERNEL, 0);
	check_fault(fault_call(load_cr3, NULL), SIGSEGV, SI_KERNEL, 0);
	check_fault(fault_call(software_int, NULL), SIGSEGV, SI_KERNEL, 0);
}

/* Use about DEPTH bytes of stack. */
static __attribute__((noinline)) int deep(size_t depth)
{
	volatile char frame[2048];

	frame[0] = (char)depth;
	if (depth < sizeof(frame))
		return frame[0];
	return deep(depth - sizeof(frame)) + frame[0];
}

test(stack_grows)
{
	char here;
	struct map before, after;

	check(map_find(0, &here, &before));
	check_str(before.name, "[stack]");
	deep(1 << 20);
	check(map_find(0, &here, &after));
	check(after.start <= before.start - (1 << 19));
	check_eq(after.end, before.end);
}

test(stack_grows_by_a_far_touch)
{
	/* The distance from the stack pointer does not matter. */
	char here;
	uintptr_t far = (uintptr_t)&here - (512 << 10);
	struct map m;

	check_nofault(fault_write(far));
	check(map_find(0, (void *)far, &m));
	check_str(m.name, "[stack]");
}

test(stack_limit)
{
	struct rlimit rl = { 256 << 10, 256 << 10 };
	pid_t pid;

	check_ok(setrlimit(RLIMIT_STACK, &rl));
	child(pid) {
		deep(4 << 20);
	}
	check_killed(pid, SIGSEGV);
	child(pid) {
		deep(64 << 10);
	}
	check_exit(pid, 0);
}

static void overflow(void *p)
{
	(void)p;
	deep(4 << 20);
}

test(stack_overflow_is_caught_on_altstack)
{
	struct rlimit rl = { 256 << 10, 256 << 10 };
	struct fault f;

	check_ok(setrlimit(RLIMIT_STACK, &rl));
	f = fault_call(overflow, NULL);
	check_eq(f.signo, SIGSEGV);
	check_eq(f.code, SEGV_MAPERR);
}

test(stack_overflow_without_altstack_kills)
{
	struct rlimit rl = { 256 << 10, 256 << 10 };
	struct sigaction sa = { .sa_flags = SA_SIGINFO };
	pid_t pid;

	check_ok(setrlimit(RLIMIT_STACK, &rl));
	sa.sa_sigaction = on_segv_map;
	check_ok(sigaction(SIGSEGV, &sa, NULL));
	child(pid) {
		deep(4 << 20);
	}
	check_killed(pid, SIGSEGV);
}

test(growsdown_grows)
{
	char *p = check_ok(sys_mmap(at(1024), 2 * PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	struct map m;

	for (int i = 1; i <= 64; i++)
		check_nofault(fault_write(p - i * PAGE));
	check(map_find(0, p, &m));
	check_eq(m.start, p - 64 * PAGE);
	check_eq((p - 63 * PAGE)[1], 0);
}

test(growsdown_keeps_its_gap)
{
	/* Growth stops 256 pages above the next mapping below. */
	char *low = arena(0, 1), *p;
	size_t reached = 0;

	p = check_ok(sys_mmap(at(512), PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	low[0] = 1;
	for (size_t i = 1; i < 512; i++) {
		struct fault f = fault_write(p - i * PAGE);

		if (f.signo) {
			check_eq(f.signo, SIGSEGV);
			check_eq(f.code, SEGV_MAPERR);
			break;
		}
		reached = i;
	}
	check_eq(reached, 512 - 1 - 256);
}

test(growsdown_next_to_prot_none)
{
	/* A mapping without access is no neighbour to keep away from. */
	char *p;

	arena_prot(0, 1, PROT_NONE);
	p = check_ok(sys_mmap(at(16), PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	for (int i = 1; i < 16; i++)
		check_nofault(fault_write(p - i * PAGE));
	check_accerr(fault_write(at(0)), at(0));
}

test(placement_keeps_the_gap_of_a_stack)
{
	/* A mapping without a place is not put into the gap below a growing one. */
	char *p = check_ok(sys_mmap(at(4096), PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0)), *q;

	q = check_ok(sys_mmap(p - 16 * PAGE, PAGE, RW, ANON, -1, 0));
	check(q >= p || q < p - 16 * PAGE);
}

test(bus_error_past_the_end)
{
	int fd = temp_file(2 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0));
	int out[2];

	check_fault(fault_read(p + 3 * PAGE), SIGBUS, BUS_ADRERR, p + 3 * PAGE);
	check_ok(pipe(out));
	check_err(write(out[1], p + 2 * PAGE, 1), EFAULT);
}

test(bus_error_after_truncation)
{
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0));

	check_fill(p, 4, 1);
	p[3 * PAGE] = 9;
	check_ok(ftruncate(fd, PAGE));
	check_eq(p[0], 1);
	check_fault(fault_read(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	/* Copies go too. */
	check_fault(fault_read(p + 3 * PAGE), SIGBUS, BUS_ADRERR, p + 3 * PAGE);
	check_ok(ftruncate(fd, 4 * PAGE));
	check_eq(p[PAGE], 0);
}

test(counts)
{
	struct rusage a, b;
	char *p = arena(0, 64);

	check_ok(getrusage(RUSAGE_SELF, &a));
	fill(p, 64, 1);
	check_ok(getrusage(RUSAGE_SELF, &b));
	check(b.ru_minflt - a.ru_minflt >= 64);
	check(b.ru_minflt - a.ru_minflt < 96);
}
