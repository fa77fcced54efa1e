/*
 * execve: a process gets another program.
 *
 *	decode    open the file, follow #! lines, copy arguments and environment out of the old memory
 *	prepare   a new address space: segments, stack with strings, auxiliary vector. All on an mm that is not ours yet;
 *	          any failure so far leaves the old program as it was, and is its errno
 *	commit    the other threads end, the new mm takes the old one's place, signals, descriptors, names, registers
 *
 * The new stack, from its top downwards:
 *
 *	8 bytes of zero | file name, environment strings, argument strings (execargs.c: upwards) | "x86_64" | 16 random bytes
 *	| auxv | envp[] NULL | argv[] NULL | argc   <- rsp, 16-byte aligned
 *
 * Linux differs: it writes the strings into the new stack while it reads them; past its point of no return a failure
 * kills the process. Ours has no failure there.
 */
#include "kernel/exec.h"

#include "kernel/cmdline.h"
#include "kernel/elf.h"
#include "kernel/execargs.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sysctl.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/auxv.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/fcntl.h"
#include "kernel/uapi/resource.h"
#include "kernel/uapi/stat.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>

static long randomize_va_space = 2;
SYSCTL(sysctl_randomize, .name = "kernel.randomize_va_space", .value = &randomize_va_space, .min = 0, .max = 2,
       .mode = 0644);

#define SCRIPT_DEPTH 5	     /* interpreters of interpreters, as in Linux */
#define SCRIPT_LINE 256	     /* BINPRM_BUF_SIZE */
#define PATH_BYTES 4096
#define STACK_START (128UL << 10) /* mapped at first beside the strings: it grows by faults */
#define ADDR_NO_RANDOMIZE 0x0040000

unsigned long exec_random_pages(unsigned int bits)
{
	if (!randomize_va_space || (current->process && (current->process->personality & ADDR_NO_RANDOMIZE)))
		return 0;
	return arch_random() & (BIT(bits) - 1);
}

/* Everything about one execve. */
struct exec {
	struct file *file;	/* the program to load, after #! */
	char *path;		/* as the caller named it: AT_EXECFN, comm */
	struct exec_args args;
	struct mm *mm;
	struct elf_image image;
	unsigned long sp;	/* the new stack pointer */
	u32 mode, uid, gid;	/* of the file that was named: set-id bits */
	u64 auxv[48];
	unsigned int nr_auxv;
};

/* ---- Scripts ---- */

static char *skip_blanks(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static char *skip_word(char *p)
{
	while (*p && *p != ' ' && *p != '\t' && *p != '\n')
		p++;
	return p;
}

/* Cut "#! interpreter [one argument]" into its words. => 0 or -ENOEXEC */
static int parse_script_line(char *line, char **interp, char **arg)
{
	char *end = strchr(line, '\n'), *p = skip_blanks(line + 2), *q = skip_word(p);

	/* A line cut short could name a wrong interpreter: only a whole first word will do. */
	if (p == q || (!end && !*q && strlen(line) == SCRIPT_LINE))
		return -ENOEXEC;
	end = end ? end : line + strlen(line);
	while (end > q && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	*interp = p;
	*arg = NULL;
	if (q < end) {
		*q = '\0';
		*arg = skip_blanks(q + 1);
	}
	return 0;
}

/* The file is a script: its interpreter becomes the file, the script's name an argument, the interpreter's name `name`.
 * => 0 or -errno */
static int enter_script(struct exec *x, char *line, char *name)
{
	const char *words[3];
	unsigned int nr = 0;
	char *interp, *arg;
	struct file *f;
	int err = parse_script_line(line, &interp, &arg);

	if (err)
		return err;
	words[nr++] = interp;
	if (arg)
		words[nr++] = arg;
	words[nr++] = name;
	err = execargs_replace_first(&x->args, words, nr);
	if (err)
		return err;
	f = file_open_exec(interp, &err);
	if (!f)
		return err;
	file_put(x->file);
	x->file = f;
	strlcpy(name, interp, PATH_BYTES);
	return 0;
}

static int follow_scripts(struct exec *x)
{
	char *line = kmalloc(SCRIPT_LINE + 1), *name = kmalloc(PATH_BYTES);
	int err = line && name ? 0 : -ENOMEM;

	if (!err)
		strlcpy(name, x->path, PATH_BYTES);
	for (int depth = 0; !err; depth++) {
		long n = file_read_kernel(x->file, line, SCRIPT_LINE, 0);

		if (n < 2 || line[0] != '#' || line[1] != '!') {
			err = n < 0 ? (int)n : 0;
			break;
		}
		line[n] = '\0';
		err = depth < SCRIPT_DEPTH ? enter_script(x, line, name) : -ELOOP;
	}
	kfree(line);
	kfree(name);
	return err;
}

/* ---- The new address space ---- */

/* mmap area below the stack: its limit (between 128 MiB and 5/6 of all), the guard gap and the random part above. */
static unsigned long mmap_base_for(unsigned long stack_limit)
{
	const unsigned long stack_random = 0x3fffffUL << PAGE_SHIFT, guard = 256UL << PAGE_SHIFT;
	unsigned long gap = min(max(stack_limit, 128UL << 20), TASK_SIZE / 6 * 5);

	if (gap + guard + stack_random > gap)
		gap += guard + (randomize_va_space ? stack_random : 0);
	return ALIGN_DOWN(TASK_SIZE - gap - (exec_random_pages(28) << PAGE_SHIFT), PAGE_SIZE);
}

static void add_aux(struct exec *x, u64 key, u64 value)
{
	x->auxv[x->nr_auxv++] = key;
	x->auxv[x->nr_auxv++] = value;
}

static void build_auxv(struct exec *x, const struct process *p, bool secure, u32 euid, u32 egid, unsigned long random,
		       unsigned long execfn, unsigned long platform)
{
	add_aux(x, AT_MINSIGSTKSZ, arch_fpu_size() + 1024);
	add_aux(x, AT_HWCAP, arch_hwcap());
	add_aux(x, AT_PAGESZ, PAGE_SIZE);
	add_aux(x, AT_CLKTCK, 100);
	add_aux(x, AT_PHDR, x->image.phdr);
	add_aux(x, AT_PHENT, 56);
	add_aux(x, AT_PHNUM, x->image.phnum);
	add_aux(x, AT_BASE, x->image.base);
	add_aux(x, AT_FLAGS, 0);
	add_aux(x, AT_ENTRY, x->image.own_entry);
	add_aux(x, AT_UID, p->uid);
	add_aux(x, AT_EUID, euid);
	add_aux(x, AT_GID, p->gid);
	add_aux(x, AT_EGID, egid);
	add_aux(x, AT_SECURE, secure);
	add_aux(x, AT_RANDOM, random);
	add_aux(x, AT_HWCAP2, 0);
	add_aux(x, AT_EXECFN, execfn);
	add_aux(x, AT_PLATFORM, platform);
	add_aux(x, AT_NULL, 0);
}

/* Pointers to `n` strings that begin at byte pos of the strings, which stand at `base`; then NULL. => next free slot */
static u64 *put_pointers(const struct exec_args *a, u64 *slot, unsigned int n, size_t *pos, unsigned long base)
{
	while (n--) {
		*slot++ = base + *pos;
		*pos += execargs_length(a, *pos);
	}
	*slot++ = 0;
	return slot;
}

/* argc, argv, envp, auxv as one block at the new sp. => 0 or -errno */
static int write_vectors(struct exec *x, unsigned long strings)
{
	size_t words = 1 + x->args.argc + 1 + x->args.envc + 1 + x->nr_auxv, bytes = words * sizeof(u64), pos = 0;
	u64 *block = kmalloc(bytes), *slot = block;
	int err = 0;

	if (!block)
		return -ENOMEM;
	x->sp = ALIGN_DOWN(x->sp - bytes, 16);
	*slot++ = x->args.argc;
	slot = put_pointers(&x->args, slot, x->args.argc, &pos, strings);
	slot = put_pointers(&x->args, slot, x->args.envc, &pos, strings);
	memcpy(slot, x->auxv, x->nr_auxv * sizeof(u64));
	if (mm_access(x->mm, x->sp, block, bytes, true, true) != bytes)
		err = -EFAULT;
	kfree(block);
	return err;
}

static void set_ids(const struct exec *x, const struct process *p, u32 *euid, u32 *egid)
{
	*euid = x->mode & S_ISUID && !p->no_new_privs ? x->uid : p->euid;
	*egid = (x->mode & (S_ISGID | 0010)) == (S_ISGID | 0010) && !p->no_new_privs ? x->gid : p->egid;
}

static int build_stack(struct exec *x, unsigned long top)
{
	static const char platform[] = "x86_64";
	struct process *p = current->process;
	unsigned long strings = ALIGN_DOWN(top - 8 - x->args.used, 16), platform_at, random_at;
	u64 random[2] = { arch_random(), arch_random() };
	u32 euid, egid;

	if (execargs_write(&x->args, x->mm, strings))
		return -EFAULT;
	platform_at = strings - 16;
	random_at = platform_at - 16;
	if (mm_access(x->mm, platform_at, (void *)platform, sizeof(platform), true, true) != sizeof(platform) ||
	    mm_access(x->mm, random_at, random, sizeof(random), true, true) != sizeof(random))
		return -EFAULT;
	x->mm->arg_start = strings;
	x->mm->arg_end = x->mm->env_start = strings + x->args.arg_bytes;
	x->mm->env_end = x->mm->env_start + x->args.env_bytes;
	set_ids(x, p, &euid, &egid);
	build_auxv(x, p, euid != p->uid || egid != p->gid, euid, egid, random_at, x->mm->env_end, platform_at);
	x->sp = random_at;
	return write_vectors(x, strings);
}

static int build_mm(struct exec *x)
{
	unsigned long top = TASK_SIZE - (exec_random_pages(22) << PAGE_SHIFT), limit = rlimit_cur(RLIMIT_STACK);
	size_t vectors = (x->args.argc + x->args.envc + 64) * sizeof(u64);
	int err;

	x->mm = mm_create();
	if (!x->mm)
		return -ENOMEM;
	x->mm->owner = current->process;
	x->mm->mmap_base = mmap_base_for(limit);
	err = elf_load(x->mm, x->file, &x->image);
	if (err)
		return err;
	err = mm_setup_stack(x->mm, top, ALIGN_UP(x->args.used + vectors, PAGE_SIZE) + STACK_START, x->image.exec_stack);
	if (err)
		return err;
	mm_set_brk(x->mm, x->image.end + (randomize_va_space == 2 ? exec_random_pages(13) << PAGE_SHIFT : 0));
	x->mm->exe_file = x->file;
	file_get(x->file);
	return build_stack(x, top);
}

/* ---- The change ---- */

/* The process's number is its leader's: a thread that outlives the leader takes its place and its number. */
static void become_leader(void)
{
	struct process *p = current->process;
	struct task *old;

	spin_lock(&pid_lock);
	old = p->leader;
	if (old != current) {
		tid_free(current->tid);
		current->tid = p->pid;
		tid_replace(p->pid, current);
		p->leader = current;
		task_get(current);
	}
	spin_unlock(&pid_lock);
	if (old != current)
		task_put(old);
}

/* Every other thread of the process ends; current is its leader afterwards. => 0, -EAGAIN: the process is ending anyway,
 * or another thread was faster */
static int end_other_threads(void)
{
	struct process *p = current->process;
	struct task *t;
	unsigned long flags;
	bool refused;

	spin_lock(&pid_lock);
	flags = spin_lock_irqsave(&p->sig_lock);
	refused = p->group_exit || p->exec_task;
	if (!refused) {
		p->exec_task = current;
		list_for_each_entry(t, &p->threads, thread_node)
			if (t != current)
				signal_wake(t, true);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	spin_unlock(&pid_lock);
	if (refused)
		return -EAGAIN;
	wait_event(&p->exit_wait, READ_ONCE(p->nr_threads) == 1);
	become_leader();
	flags = spin_lock_irqsave(&p->sig_lock);
	p->exec_task = NULL;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return 0;
}

static void switch_mm(struct mm *mm)
{
	struct task *t = current;
	struct mm *old;
	unsigned long flags;

	exit_clear_tid(t);
	spin_lock(&pid_lock);
	old = t->mm;
	t->mm = mm;
	spin_unlock(&pid_lock);
	flags = irq_save();
	mmu_load(mm);
	irq_restore(flags);
	vfork_done(t);
	if (old)
		mm_put(old);
}

static void set_comm(const char *path)
{
	const char *slash = strrchr(path, '/');

	spin_lock(&pid_lock);
	strlcpy(current->comm, slash ? slash + 1 : path, TASK_COMM_LEN);
	spin_unlock(&pid_lock);
}

/* Own tables where clone() shared them, then what a new program may not inherit. */
static void renew_process(struct exec *x)
{
	struct process *p = current->process;
	unsigned long flags;
	u32 euid, egid;

	set_ids(x, p, &euid, &egid);
	files_close_on_exec(current->files);
	signal_exec_reset(p);
	current->altstack_sp = current->altstack_size = 0;
	current->altstack_flags = 0;
	current->robust_list = NULL;
	current->clear_tid = NULL;
	flags = spin_lock_irqsave(&p->sig_lock);
	p->dumpable = euid == p->uid && egid == p->gid;
	p->pdeath_signal = p->dumpable ? p->pdeath_signal : 0;
	p->euid = p->suid = p->fsuid = euid;
	p->egid = p->sgid = p->fsgid = egid;
	p->caps_effective = p->caps_permitted = euid == 0 ? CAP_ALL : 0;
	p->execed = true;
	memset(p->auxv, 0, sizeof(p->auxv));
	memcpy(p->auxv, x->auxv, x->nr_auxv * sizeof(u64));
	spin_unlock_irqrestore(&p->sig_lock, flags);
	set_comm(x->path);
}

static void start_registers(const struct exec *x, struct regs *r)
{
	arch_fpu_reset(current);
	*r = (struct regs){ .rip = x->image.entry, .rsp = x->sp, .orig_rax = ~0UL }; /* cs, ss, flags: on the way out */
	current->regs_changed = true;
}

/* A descriptor table of our own: another process may share it (clone(CLONE_FILES)). => 0 or -ENOMEM */
static int unshare_files(void)
{
	struct files *own, *old = current->files;

	own = files_copy(old);
	if (!own)
		return -ENOMEM;
	spin_lock(&pid_lock);
	current->files = own;
	spin_unlock(&pid_lock);
	files_put(old);
	return 0;
}

static int exec_file(struct exec *x, struct exec_strings argv, struct exec_strings envp, struct regs *r)
{
	int err = execargs_init(&x->args);

	if (!err)
		err = execargs_add_all(&x->args, argv, false);
	if (!err && !x->args.argc) { /* programs may rely on argv[0]: an empty one takes its place, as in Linux */
		err = execargs_add(&x->args, "");
		x->args.argc = 1;
		x->args.arg_bytes = 1;
	}
	if (!err)
		err = execargs_add_all(&x->args, envp, true);
	if (!err)
		err = execargs_add(&x->args, x->path);
	if (!err)
		err = follow_scripts(x);
	if (!err)
		err = build_mm(x);
	if (!err)
		err = unshare_files();
	if (!err)
		err = end_other_threads();
	if (err)
		return err;
	switch_mm(x->mm);
	x->mm = NULL;
	renew_process(x);
	start_registers(x, r);
	return 0;
}

static void exec_done(struct exec *x)
{
	execargs_free(&x->args);
	if (x->mm)
		mm_put(x->mm);
	if (x->file)
		file_put(x->file);
}

static int exec_path(int dfd, char *path, int flags, struct exec_strings argv, struct exec_strings envp, struct regs *r)
{
	struct exec x = { .path = path };
	int err = 0;

	x.file = flags || dfd != AT_FDCWD ? file_open_exec_at(dfd, path, flags, &err) : file_open_exec(path, &err);
	if (x.file) {
		x.mode = file_mode(x.file);
		x.uid = file_uid(x.file);
		x.gid = file_gid(x.file);
		err = exec_file(&x, argv, envp, r);
	}
	exec_done(&x);
	return err;
}

static long exec_user(int dfd, const char __user *upath, const char __user *const __user *argv,
		      const char __user *const __user *envp, int flags)
{
	char *path = kmalloc(PATH_BYTES);
	long n = path ? strncpy_from_user(path, upath, PATH_BYTES) : -ENOMEM;

	if (n == PATH_BYTES)
		n = -ENAMETOOLONG;
	if (n >= 0)
		n = exec_path(dfd, path, flags, (struct exec_strings){ .user = argv }, (struct exec_strings){ .user = envp },
			      task_regs(current));
	kfree(path);
	return n;
}

long sys_execve(const char __user *path, const char __user *const __user *argv, const char __user *const __user *envp)
{
	return exec_user(AT_FDCWD, path, argv, envp, 0);
}

long sys_execveat(int dfd, const char __user *path, const char __user *const __user *argv,
		  const char __user *const __user *envp, int flags)
{
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec_user(dfd, path, argv, envp, flags);
}

/* ---- The first program ---- */

static int try_init(const char *path, struct regs *r)
{
	char *copy = kmalloc(strlen(path) + 1);
	int err;

	if (!copy)
		return -ENOMEM;
	strlcpy(copy, path, strlen(path) + 1);
	init_argv[0] = copy;
	err = exec_path(AT_FDCWD, copy, 0, (struct exec_strings){ .kernel = init_argv },
			(struct exec_strings){ .kernel = init_envp }, r);
	kfree(copy);
	return err;
}

void exec_init_program(struct regs *r)
{
	static const char *const places[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	int err;

	if (init_path) {
		err = try_init(init_path, r);
		if (err)
			panic("init %s could not be started (error %d)", init_path, -err);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (try_init(places[i], r) == 0)
			return;
	panic("no init found: /sbin/init, /etc/init, /bin/init, /bin/sh; name one with init=");
}
