/*
 * execve: what the new program finds, what is kept and what is not, limits, and files that are no programs.
 * The programs are this one under --as, and ELF files that the cases put together byte by byte.
 */
#define KTAP_AS
#include "mm.h"
#include <elf.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/resource.h>

extern char **environ;

/* ---- this program as the one executed: argv[0] says what to look at ---- */

static int ktap_as(int argc, char **argv)
{
	if (!strcmp(argv[0], "args")) {
		int n = 0;

		for (char **e = environ; *e; e++)
			n++;
		if (argc > 2 && argv[argc])
			return 99;
		return argc * 16 + n;
	}
	if (!strcmp(argv[0], "length"))
		return strlen(argv[1]) == (size_t)atoi(argv[2]) ? 0 : 1;
	if (!strcmp(argv[0], "fd"))
		return fcntl(atoi(argv[1]), F_GETFD) < 0 ? 1 : 0;
	if (!strcmp(argv[0], "signals")) {
		struct sigaction a, b, c;
		sigset_t set;

		sigaction(SIGUSR1, NULL, &a);
		sigaction(SIGUSR2, NULL, &b);
		sigprocmask(SIG_BLOCK, NULL, &set);
		sigaction(SIGHUP, NULL, &c);
		return (a.sa_handler == SIG_DFL) | (b.sa_handler == SIG_IGN) << 1 |
		       sigismember(&set, SIGTERM) << 2 | (c.sa_handler == SIG_DFL) << 3;
	}
	if (!strcmp(argv[0], "altstack")) {
		stack_t ss;

		sigaltstack(NULL, &ss);
		return ss.ss_flags & SS_DISABLE ? 0 : 1;
	}
	if (!strcmp(argv[0], "pid"))
		return getpid() == atoi(argv[1]) ? 0 : 1;
	if (!strcmp(argv[0], "pending")) {
		sigset_t set;

		sigpending(&set);
		return sigismember(&set, SIGTERM);
	}
	if (!strcmp(argv[0], "unmapped")) {
		struct map m;

		return map_find(0, (void *)ARENA, &m);
	}
	if (!strcmp(argv[0], "comm")) {
		char comm[32] = "";
		int fd = open("/proc/self/comm", O_RDONLY);

		if (read(fd, comm, sizeof(comm) - 1) < 0)
			return 2;
		return strcmp(comm, argv[1]) ? 1 : 0;
	}
	if (!strcmp(argv[0], "timer")) {
		pause();
		return 1;
	}
	return 98;
}

/* Execute this program as WHAT in a child; its raw status. */
static int run(char *const argv[], char *const envp[])
{
	pid_t pid;

	child(pid) {
		execve(ktap_self, argv, envp);
		_exit(97);
	}
	return reap(pid);
}

#define run_as(...)	run((char *[]){ ktap_self, "--as", __VA_ARGS__, NULL }, (char *[]){ NULL })

/* ---- ELF files ---- */

/* exit(N) by system call. */
#define CODE_EXIT(n)	0xbf, (n), 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05

struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[4];
	unsigned char code[512];
};

static void elf_init(struct elf *e, int type, unsigned long base)
{
	static const unsigned char code[] = { CODE_EXIT(7) };

	memset(e, 0, sizeof(*e));
	memcpy(e->eh.e_ident, ELFMAG, SELFMAG);
	e->eh.e_ident[EI_CLASS] = ELFCLASS64;
	e->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	e->eh.e_ident[EI_VERSION] = EV_CURRENT;
	e->eh.e_type = type;
	e->eh.e_machine = EM_X86_64;
	e->eh.e_version = EV_CURRENT;
	e->eh.e_entry = base + offsetof(struct elf, code);
	e->eh.e_phoff = offsetof(struct elf, ph);
	e->eh.e_ehsize = sizeof(e->eh);
	e->eh.e_phentsize = sizeof(e->ph[0]);
	e->eh.e_phnum = 1;
	e->ph[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = base, .p_paddr = base,
		.p_filesz = sizeof(*e), .p_memsz = sizeof(*e), .p_align = PAGE,
	};
	memcpy(e->code, code, sizeof(code));
}

static const char *path_of_file(void)
{
	static char path[64];

	mkdir("/tmp", 01777);
	snprintf(path, sizeof(path), "/tmp/quire-exec-%d", (int)ktap_pid);
	return path;
}

static const char *write_file(const void *data, size_t len, mode_t mode)
{
	const char *path = path_of_file();
	int fd;

	unlink(path);
	fd = check_ok(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
	check_eq(write(fd, data, len), len);
	close(fd);
	return path;
}

/* Execute a file of these bytes; its raw status, or -errno of execve(). */
static int run_bytes(const void *data, size_t len)
{
	const char *path = write_file(data, len, 0755);
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	int status;
	pid_t pid;

	child(pid) {
		execve(path, argv, envp);
		_exit(errno == ENOEXEC ? 101 : errno == EINVAL ? 102 : errno == ENOMEM ? 103 :
		      errno == EIO ? 104 : errno == EACCES ? 105 : errno == ENOENT ? 106 : 110);
	}
	status = reap(pid);
	unlink(path);
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 101)
		return -((int[]){ ENOEXEC, EINVAL, ENOMEM, EIO, EACCES, ENOENT, 1000, 1000, 1000, 1000 })
			[WEXITSTATUS(status) - 101];
	return status;
}

/* ---- arguments ---- */

test(arguments_and_environment)
{
	char *argv[] = { "name", "--as", "args", "b", "c", NULL };
	char *envp[] = { "A=1", "B=2", "C=3", NULL };

	check_eq(run(argv, envp), (3 * 16 + 3) << 8);
}

test(null_argv)
{
	/* Linux makes an empty first argument. */
	struct elf e;
	const char *path;
	pid_t pid;

	elf_init(&e, ET_EXEC, 0x400000);
	/* pop %rdi (argc); exit(argc) */
	memcpy(e.code, (unsigned char[]){ 0x5f, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 }, 8);
	path = write_file(&e, sizeof(e), 0755);
	child(pid) {
		syscall(SYS_execve, path, NULL, NULL);
	}
	check_exit(pid, 1);
	unlink(path);
}

test(long_argument)
{
	size_t n = 100000;
	char *s = anon(32);

	memset(s, 'a', n);
	check_eq(run_as("length", s, "100000"), 0);
}

test(argument_too_long)
{
	/* One string may be 32 pages with its end. */
	size_t n = 32 * PAGE - 1;
	char *s = anon(40), *argv[] = { "x", s, NULL }, *envp[] = { NULL };

	memset(s, 'a', n + 1);
	check_err(execve(ktap_self, argv, envp), E2BIG);
	s[n] = 0;
	argv[1] = "x";
	envp[0] = s;
	s[n] = 'a';
	check_err(execve(ktap_self, argv, (char *[]){ s, NULL }), E2BIG);
}

test(arguments_too_many)
{
	struct rlimit rl = { 1 << 20, 1 << 20 };
	char **argv = (char **)anon(64), *envp[] = { NULL };

	/* A quarter of the stack's limit, pointers included. */
	check_ok(setrlimit(RLIMIT_STACK, &rl));
	for (int i = 0; i < 30000; i++)
		argv[i] = "aaaaaaaaaaaaaaaa";
	check_err(execve(ktap_self, argv, envp), E2BIG);
}

test(bad_pointers)
{
	char *argv[] = { (char *)8, NULL }, *envp[] = { NULL };

	check_err(syscall(SYS_execve, 8, argv, envp), EFAULT);
	check_err(execve(ktap_self, argv, envp), EFAULT);
	check_err(syscall(SYS_execve, ktap_self, 8, envp), EFAULT);
	check_err(syscall(SYS_execve, ktap_self, envp, 0xffffffff80000000), EFAULT);
}

test(missing)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };

	check_err(execve("/nonexistent", argv, envp), ENOENT);
	check_err(execve("/nonexistent/x", argv, envp), ENOENT);
	check_err(execve("", argv, envp), ENOENT);
	check_err(execve("/proc/self/maps/x", argv, envp), ENOTDIR);
}

test(not_executable)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	const char *path = write_file("x", 1, 0644);

	check_err(execve(path, argv, envp), EACCES);
	check_err(execve("/", argv, envp), EACCES);
	check_err(execve("/dev/null", argv, envp), EACCES);
	unlink(path);
}

test(name_too_long)
{
	char *path = anon(2), *argv[] = { "x", NULL }, *envp[] = { NULL };

	memset(path, 'a', 5000);
	check_err(execve(path, argv, envp), ENAMETOOLONG);
	path[0] = '/';
	path[300] = 0;
	check_err(execve(path, argv, envp), ENAMETOOLONG);
}

/* ---- programs ---- */

test(minimal)
{
	struct elf e;

	elf_init(&e, ET_EXEC, 0x400000);
	check_eq(run_bytes(&e, sizeof(e)), 7 << 8);
}

test(position_independent)
{
	struct elf e;

	elf_init(&e, ET_DYN, 0);
	check_eq(run_bytes(&e, sizeof(e)), 7 << 8);
}

test(at_other_addresses)
{
	static const unsigned long base[] = { 0x10000, 0x10000000, 0x555555554000, 0x7f0000000000 };

	for (size_t i = 0; i < ARRAY_SIZE(base); i++) {
		struct elf e;

		elf_init(&e, ET_EXEC, base[i]);
		check_eq(run_bytes(&e, sizeof(e)), 7 << 8);
	}
}

test(bss_is_zero)
{
	/* The bytes of the file after filesz in its last page must not be seen. */
	struct elf e;
	static const unsigned char code[] = {
		0x31, 0xdb,				/* xor %ebx, %ebx */
		0x48, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0,	/* mov $start, %rsi */
		0xb9, 0, 0x20, 0, 0,			/* mov $0x2000, %ecx */
		0x0a, 0x3e,				/* 1: or (%rsi), %bh */
		0x48, 0xff, 0xc6,			/* inc %rsi */
		0xff, 0xc9,				/* dec %ecx */
		0x75, 0xf7,				/* jnz 1b */
		0x0f, 0xb6, 0xff,			/* movzx %bh, %edi */
		0xb8, 60, 0, 0, 0, 0x0f, 0x05,		/* exit(%edi) */
	};
	unsigned long start = 0x600000 + offsetof(struct elf, code) + 256;

	elf_init(&e, ET_EXEC, 0x400000);
	memset(e.code, 0xaa, sizeof(e.code));
	memcpy(e.code, code, sizeof(code));
	memcpy(e.code + 4, &start, 8);
	e.eh.e_phnum = 2;
	e.ph[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x600000,
		.p_filesz = offsetof(struct elf, code) + 256, .p_memsz = 0x8000, .p_align = PAGE,
	};
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

test(pure_bss_segment)
{
	struct elf e;
	/* mov 0x700000, %edi by absolute address, exit */
	static const unsigned char code[] = { 0x8b, 0x3c, 0x25, 0, 0, 0x70, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	e.eh.e_phnum = 2;
	e.ph[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x700000,
		.p_filesz = 0, .p_memsz = 0x4000, .p_align = PAGE,
	};
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

test(text_is_not_writable)
{
	struct elf e;
	/* movb $1, 0x400000; exit */
	static const unsigned char code[] = { 0xc6, 0x04, 0x25, 0, 0, 0x40, 0, 1, CODE_EXIT(0) };

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	check_eq(run_bytes(&e, sizeof(e)), SIGSEGV);
}

test(stack_is_not_executable)
{
	struct elf e;
	/* push $0xc3 (a ret); call *%rsp; exit(0) */
	static const unsigned char code[] = { 0x68, 0xc3, 0, 0, 0, 0xff, 0xd4, CODE_EXIT(0) };

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	e.eh.e_phnum = 2;
	e.ph[1] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	check_eq(run_bytes(&e, sizeof(e)), SIGSEGV);
	e.ph[1].p_flags |= PF_X;
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

test(entry_state)
{
	/* rsp is 16-byte aligned, argc on top, flags and rdx clear. */
	struct elf e;
	static const unsigned char code[] = {
		0x48, 0x89, 0xe7,		/* mov %rsp, %rdi */
		0x83, 0xe7, 0x0f,		/* and $15, %edi */
		0x09, 0xd7,			/* or %edx, %edi */
		0xb8, 60, 0, 0, 0, 0x0f, 0x05,
	};

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

/* ---- files that are no programs ---- */

test(no_elf)
{
	check_eq(run_bytes("", 0), -ENOEXEC);
	check_eq(run_bytes("\n", 1), -ENOEXEC);
	check_eq(run_bytes("hello world, this is text\n", 26), -ENOEXEC);
	check_eq(run_bytes("\177ELF", 4), -ENOEXEC);
}

test(bad_headers)
{
	struct elf e;

#define bad(want, change) do {								\
		elf_init(&e, ET_EXEC, 0x400000);					\
		change;									\
		int got = run_bytes(&e, sizeof(e));					\
		if (got != -(want))							\
			fail("%s got %d, want %d", #change, got, -(want));		\
	} while (0)

	bad(ENOEXEC, e.eh.e_ident[0] = 0);
	bad(ENOEXEC, e.eh.e_machine = EM_AARCH64);
	bad(ENOEXEC, e.eh.e_type = ET_REL);
	bad(ENOEXEC, e.eh.e_type = ET_CORE);
	bad(ENOEXEC, e.eh.e_phentsize = 32);
	bad(ENOEXEC, e.eh.e_phnum = 0);
	bad(ENOEXEC, e.eh.e_phnum = 65535);
#undef bad
}

test(truncated_program_headers)
{
	struct elf e;

	elf_init(&e, ET_EXEC, 0x400000);
	check(run_bytes(&e, sizeof(e.eh)) < 0);
	check(run_bytes(&e, sizeof(e.eh) + 20) < 0);
	check(run_bytes(&e, 20) < 0);
}

test(wild_segments)
{
	/* Refused or killed, whichever; nothing worse. */
	struct elf e;

#define wild(change) do {								\
		elf_init(&e, ET_EXEC, 0x400000);					\
		change;									\
		int got = run_bytes(&e, sizeof(e));					\
		if (got == 0 || got == (7 << 8))					\
			fail("%s got %d", #change, got);				\
	} while (0)

	wild(e.ph[0].p_vaddr = 0xffffffff80000000);
	wild(e.ph[0].p_vaddr = 1UL << 47);
	wild(e.ph[0].p_memsz = 1UL << 60);
	wild((e.ph[0].p_filesz = 1UL << 60, e.ph[0].p_memsz = 1UL << 60));
	wild(e.ph[0].p_filesz = e.ph[0].p_memsz + 1);
	wild(e.ph[0].p_offset = 1);
	wild(e.eh.e_entry = 0);
	wild(e.eh.e_entry = 0xffffffff80000000);
	wild(e.eh.e_entry = 1UL << 62);
	wild(e.ph[0].p_type = PT_NULL);
#undef wild
}

test(missing_interpreter)
{
	struct elf e;

	elf_init(&e, ET_EXEC, 0x400000);
	strcpy((char *)e.code + 100, "/nonexistent/ld.so");
	e.eh.e_phnum = 2;
	e.ph[1] = e.ph[0];
	e.ph[0] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = offsetof(struct elf, code) + 100,
		.p_filesz = 19, .p_memsz = 19, .p_vaddr = e.eh.e_entry + 100,
	};
	check_eq(run_bytes(&e, sizeof(e)), -ENOENT);
}

test(script)
{
	char script[300];
	int n = snprintf(script, sizeof(script), "#!%s --as\nx\n", ktap_self);
	const char *path = write_file(script, n, 0755);
	char *argv[] = { "zero", "b", NULL }, *envp[] = { NULL };
	pid_t pid;

	/* The program gets: itself, "--as", the script's path, "b". */
	child(pid) {
		execve(path, argv, envp);
		_exit(97);
	}
	check_exit(pid, 98);
	n = snprintf(script, sizeof(script), "#!/nonexistent/interpreter\n");
	check_eq(run_bytes(script, n), -ENOENT);
	check(run_bytes("#!", 2) < 0);
	check_eq(run_bytes("#!\n", 3), -ENOEXEC);
	unlink(path);
}

/* ---- what is kept ---- */

test(descriptors)
{
	char number[16];
	int keep = check_ok(dup(1)), drop = check_ok(fcntl(1, F_DUPFD_CLOEXEC, 0));

	snprintf(number, sizeof(number), "%d", keep);
	check_eq(run_as("fd", number), 0);
	snprintf(number, sizeof(number), "%d", drop);
	check_eq(run_as("fd", number), 1 << 8);
}

static void nothing(int sig)
{
	(void)sig;
}

test(signals)
{
	sigset_t set;

	signal(SIGUSR1, nothing);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	check_eq(run_as("signals"), 15 << 8);
}

test(pending_signals_stay)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child(pid) {
		char *argv[] = { ktap_self, "--as", "pending", NULL }, *envp[] = { NULL };

		raise(SIGTERM);
		execve(ktap_self, argv, envp);
	}
	check_exit(pid, 1);
}

test(altstack_is_gone)
{
	stack_t ss = { .ss_sp = anon(4), .ss_size = 4 * PAGE };

	check_ok(sigaltstack(&ss, NULL));
	check_eq(run_as("altstack"), 0);
}

test(pid_stays)
{
	char number[16];
	pid_t pid;

	child(pid) {
		char *argv[] = { ktap_self, "--as", "pid", number, NULL }, *envp[] = { NULL };

		snprintf(number, sizeof(number), "%d", getpid());
		execve(ktap_self, argv, envp);
	}
	check_exit(pid, 0);
}

test(memory_is_gone)
{
	arena(0, 4);
	check_eq(run_as("unmapped"), 0);
}

test(comm_is_the_file_name)
{
	char *base = strrchr(ktap_self, '/'), want[32];

	snprintf(want, sizeof(want), "%.15s\n", base ? base + 1 : ktap_self);
	check_eq(run_as("comm", want), 0);
}

test(alarm_stays)
{
	pid_t pid;

	child(pid) {
		char *argv[] = { ktap_self, "--as", "timer", NULL }, *envp[] = { NULL };

		alarm(1);
		execve(ktap_self, argv, envp);
	}
	check_killed(pid, SIGALRM);
}

test(failure_leaves_everything)
{
	char *p = arena(0, 2), *argv[] = { "x", NULL }, *envp[] = { NULL };
	const char *path = write_file("no program\n", 11, 0755);
	int fd = check_ok(fcntl(1, F_DUPFD_CLOEXEC, 0));

	fill(p, 2, 1);
	signal(SIGUSR1, nothing);
	check_err(execve(path, argv, envp), ENOEXEC);
	check_fill(p, 2, 1);
	check(fcntl(fd, F_GETFD) >= 0);
	check(signal(SIGUSR1, SIG_DFL) == nothing);
	unlink(path);
}
