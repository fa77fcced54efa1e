/*
 * New tasks: fork, vfork, clone, clone3, kernel threads and pid 1.
 *
 * Prepare: everything that needs memory is made - the task with its stack and FPU image, the process, what it shares or
 * copies (signal actions, descriptors, working directory, address space), a pidfd. Until then nobody can see it and any
 * failure frees what there is, in one place. Commit, under pid_lock: number, thread list, parent's children, process
 * group. A signal that is to end or stop the whole group either is seen by the parent before (it tries again afterwards)
 * or finds the child.
 *
 * Linux differs: namespaces, cgroups, ptrace; CLONE_ flags for these are refused with EINVAL, as a Linux built without
 * them refuses.
 */
#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/string.h"
#include "kernel/pidfd.h"
#include "kernel/printk.h"
#include "kernel/proc.h"
#include "kernel/syscall.h"
#include "kernel/sys_proc.h"
#include "kernel/sysctl.h"
#include "kernel/uapi/resource.h"
#include "kernel/uapi/sched.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>

struct process *init_process;
static struct kmem_cache *task_cache, *process_cache;
static long threads_max = 32768;

SYSCTL(sysctl_threads_max, .name = "kernel.threads-max", .value = &threads_max, .min = 20, .max = 4194304,
       .mode = 0644);

void fork_boot(void)
{
	task_cache = kmem_cache_create("task_struct", sizeof(struct task), 64);
	process_cache = kmem_cache_create("signal_cache", sizeof(struct process), 64);
}

/* ---- Pieces ---- */

void task_put(struct task *t)
{
	struct process *p = t->process;

	if (!atomic_dec_and_test(&t->refs))
		return;
	if (t->kstack) { /* it never ran */
		mmu_kstack_free(t->kstack);
		arch_task_free(t);
	}
	kmem_cache_free(task_cache, t);
	if (p)
		process_put(p);
}

/* A task that runs nowhere yet, with one reference. => NULL no memory */
static struct task *task_alloc(void)
{
	struct task *t = kmem_cache_zalloc(task_cache);

	if (!t)
		return NULL;
	t->state = TASK_UNINTERRUPTIBLE;
	atomic_set(&t->refs, 1);
	t->affinity = ~0UL >> (64 - CONFIG_MAX_CPUS);
	list_init(&t->run_node);
	list_init(&t->thread_node);
	list_init(&t->pending);
	waitq_init(&t->vfork_wait);
	t->kstack = mmu_kstack_alloc();
	if (!t->kstack) {
		kmem_cache_free(task_cache, t);
		return NULL;
	}
	return t;
}

void process_get(struct process *p)
{
	debug_assert(atomic_read(&p->refs) > 0);
	atomic_inc(&p->refs);
}

void process_put(struct process *p)
{
	if (!atomic_dec_and_test(&p->refs))
		return;
	debug_assert(!p->pgroup && list_empty(&p->children));
	signal_flush_queue(&p->pending);
	if (p->sighand)
		sighand_put(p->sighand);
	groups_put(p->groups);
	kmem_cache_free(process_cache, p);
}

static struct process *process_alloc(void)
{
	struct process *p = kmem_cache_zalloc(process_cache);

	if (!p)
		return NULL;
	atomic_set(&p->refs, 1);
	list_init(&p->threads);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->pgroup_node);
	list_init(&p->pending);
	list_init(&p->fired_node);
	spin_init(&p->sig_lock, RANK_SIGHAND);
	waitq_init(&p->wait_children);
	waitq_init(&p->exit_wait);
	p->real_timer.fn = itimer_fired;
	p->start_time = cpu_clock();
	return p;
}

struct groups *groups_get(struct groups *g)
{
	if (g)
		atomic_inc(&g->refs);
	return g;
}

void groups_put(struct groups *g)
{
	if (g && atomic_dec_and_test(&g->refs))
		kfree(g);
}

/* Identity and limits a child process has from its parent. */
static void process_inherit(struct process *p, struct process *from)
{
	spin_lock(&from->sig_lock);
	memcpy(p->rlim, from->rlim, sizeof(p->rlim));
	p->groups = groups_get(from->groups);
	spin_unlock(&from->sig_lock);
	memcpy(p->auxv, from->auxv, sizeof(p->auxv));
	p->uid = from->uid;
	p->euid = from->euid;
	p->suid = from->suid;
	p->fsuid = from->fsuid;
	p->gid = from->gid;
	p->egid = from->egid;
	p->sgid = from->sgid;
	p->fsgid = from->fsgid;
	p->caps_effective = from->caps_effective;
	p->caps_permitted = from->caps_permitted;
	p->caps_inheritable = from->caps_inheritable;
	p->dumpable = from->dumpable;
	p->no_new_privs = from->no_new_privs;
	p->keep_caps = from->keep_caps;
	p->personality = from->personality;
	p->timer_slack = from->timer_slack;
	p->oom_score_adj = from->oom_score_adj;
}

/* ---- Kernel threads ---- */

struct task *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct task *t = task_alloc();

	if (!t)
		return NULL;
	strlcpy(t->comm, name, sizeof(t->comm));
	arch_task_init_kernel(t, fn, arg);
	sched_start(t);
	return t;
}

/* ---- clone ---- */

struct clone_request {
	u64 flags;
	int exit_signal;
	unsigned long stack; /* 0: the parent's */
	unsigned long tls;
	u32 __user *parent_tid, *child_tid;
	int __user *pidfd;
};

#define CLONE_UNSUPPORTED                                                                          \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static int clone_check(const struct clone_request *req)
{
	u64 flags = req->flags;

	if (flags & CLONE_UNSUPPORTED)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && current->process == init_process)
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_THREAD)))
		return -EINVAL;
	if ((flags & CLONE_SETTLS) && req->tls >= TASK_SIZE) /* loading a non-canonical base faults in the kernel */
		return -EPERM;
	return 0;
}

/* Signal state of the child's thread. */
static void clone_thread_signals(struct task *t, u64 flags)
{
	struct task *me = current;

	t->blocked = me->blocked;
	if (!(flags & CLONE_VM) || (flags & CLONE_VFORK)) {
		t->altstack_sp = me->altstack_sp;
		t->altstack_size = me->altstack_size;
		t->altstack_flags = me->altstack_flags;
	} else {
		t->altstack_flags = SS_DISABLE;
	}
}

static int clone_sighand(struct process *p, u64 flags)
{
	struct sighand *mine = current->process->sighand;

	if (flags & CLONE_SIGHAND) {
		atomic_inc(&mine->refs);
		p->sighand = mine;
		return 0;
	}
	p->sighand = sighand_copy(current->process);
	if (!p->sighand)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND)
		signal_exec_reset(p);
	return 0;
}

static int clone_files(struct task *t, u64 flags)
{
	t->files = flags & CLONE_FILES ? files_get(current->files) : files_copy(current->files);
	if (!t->files)
		return -ENOMEM;
	t->fs = flags & CLONE_FS ? fs_get(current->fs) : fs_copy(current->fs);
	return t->fs ? 0 : -ENOMEM;
}

static int clone_mm(struct task *t, u64 flags)
{
	struct mm *mm = current->mm;

	if (flags & CLONE_VM) {
		mm_get(mm);
	} else {
		mm = mm_fork(mm);
		if (IS_ERR(mm))
			return (int)PTR_ERR(mm);
	}
	t->mm = mm;
	return 0;
}

static void first_set_tid(struct regs *r)
{
	(void)r;
	if (put_user((u32)current->tid, current->set_tid))
		return; /* Linux does not tell anybody either */
}

/* What only the machine knows: registers, FPU, thread pointer. */
static int clone_machine(struct task *t, const struct clone_request *req)
{
	struct regs r = *task_regs(current);

	if (arch_task_alloc(t))
		return -ENOMEM;
	arch_fpu_copy(t, current);
	if (req->flags & CLONE_SETTLS)
		t->arch.fs_base = req->tls;
	r.rax = 0;
	if (req->stack)
		r.rsp = req->stack;
	arch_task_init_user(t, &r);
	return 0;
}

/* The thread's own words. */
static void clone_task_fields(struct task *t, const struct clone_request *req)
{
	struct task *me = current;

	t->affinity = me->affinity;
	t->nice = me->nice;
	t->policy = me->policy;
	t->rt_priority = me->rt_priority;
	memcpy(t->comm, me->comm, sizeof(t->comm));
	if (req->flags & CLONE_CHILD_CLEARTID)
		t->clear_tid = req->child_tid;
	if (req->flags & CLONE_CHILD_SETTID) {
		t->set_tid = req->child_tid;
		t->first_work = first_set_tid;
	}
	if (req->flags & CLONE_VFORK)
		t->vfork_parent = me;
}

/* The process of the new task: a new one, or the caller's. => t->process set, one reference is t's */
static int clone_process(struct task *t, const struct clone_request *req)
{
	struct process *p = current->process;

	if (req->flags & CLONE_THREAD) {
		process_get(p);
		t->process = p;
		return 0;
	}
	p = process_alloc();
	if (!p)
		return -ENOMEM;
	t->process = p;
	p->exit_signal = req->exit_signal;
	process_inherit(p, current->process);
	return clone_sighand(p, req->flags);
}

/* Drop what a task that never ran holds. */
static void clone_undo(struct task *t)
{
	if (t->mm)
		mm_put(t->mm);
	if (t->fs)
		fs_put(t->fs);
	if (t->files)
		files_put(t->files);
	task_put(t);
}

static int clone_prepare(struct task *t, const struct clone_request *req)
{
	int err = clone_process(t, req);

	if (!err)
		err = clone_machine(t, req);
	if (!err)
		err = clone_files(t, req->flags);
	if (!err)
		err = clone_mm(t, req->flags);
	if (err)
		return err;
	clone_thread_signals(t, req->flags);
	clone_task_fields(t, req);
	return 0;
}

/* A new process takes its place in the tree. => pid_lock held */
static void link_process(struct task *t, u64 flags)
{
	struct process *p = t->process, *me = current->process;
	struct process *parent = flags & CLONE_PARENT ? me->parent : me;

	p->pid = t->tid;
	p->leader = t;
	task_get(t);
	process_get(p); /* the tree's */
	if (flags & CLONE_PARENT)
		p->exit_signal = me->exit_signal;
	p->parent = parent;
	p->ppid = parent->pid;
	p->ctty = me->ctty;
	list_add_tail(&p->sibling, &parent->children);
	process_set_pgroup(p, me->pgroup);
}

/* Would the group's end or stop pass the child by? => pid_lock held */
static bool group_in_trouble(struct process *me, u64 flags)
{
	if (flags & CLONE_THREAD)
		return me->group_exit || me->exec_task || me->stopping;
	return fatal_signal_pending() || (me->stopping && current->sig_check);
}

static int clone_commit(struct task *t, u64 flags)
{
	struct process *p = t->process, *me = current->process;
	int err;

	spin_lock(&pid_lock);
	if ((long)task_count() >= threads_max) {
		spin_unlock(&pid_lock);
		return -EAGAIN;
	}
	err = tid_alloc(t);
	if (err) {
		spin_unlock(&pid_lock);
		return err;
	}
	spin_lock(&me->sig_lock);
	if (group_in_trouble(me, flags)) {
		tid_free(t->tid);
		spin_unlock(&me->sig_lock);
		spin_unlock(&pid_lock);
		return -ERESTARTNOINTR;
	}
	if (!(flags & CLONE_THREAD))
		link_process(t, flags);
	list_add_tail(&t->thread_node, &p->threads);
	p->nr_threads++;
	spin_unlock(&me->sig_lock);
	spin_unlock(&pid_lock);
	return 0;
}

/* Root and who may exceed limits are not counted against theirs. */
static bool too_many_processes(void)
{
	struct process *p = current->process;

	return p->uid != 0 && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN) &&
	       task_count() >= rlimit_cur(RLIMIT_NPROC);
}

/* Sleep until the child has a program of its own or has ended; a fatal signal ends the wait. */
static void vfork_wait(struct task *child)
{
	struct waiter w = {};

	for (;;) {
		waitq_prepare(&current->vfork_wait, &w, true);
		if (!READ_ONCE(child->vfork_parent) || fatal_signal_pending())
			break;
		schedule();
	}
	waitq_finish(&current->vfork_wait, &w);
	spin_lock(&pid_lock);
	child->vfork_parent = NULL;
	spin_unlock(&pid_lock);
	task_put(child);
}

void vfork_done(struct task *t)
{
	if (!READ_ONCE(t->vfork_parent))
		return;
	spin_lock(&pid_lock);
	if (t->vfork_parent) {
		struct task *parent = t->vfork_parent;

		WRITE_ONCE(t->vfork_parent, NULL);
		waitq_wake_all(&parent->vfork_wait);
	}
	spin_unlock(&pid_lock);
}

/* A pidfd for p, told to the user. => descriptor or -errno */
static int clone_pidfd(struct process *p, int __user *where)
{
	int fd = pidfd_create(p, 0);

	if (fd >= 0 && put_user(fd, where)) {
		fd_close(fd);
		return -EFAULT;
	}
	return fd;
}

static long do_clone(const struct clone_request *req)
{
	int err = clone_check(req), pidfd = -1;
	struct task *t;
	long tid;

	if (err)
		return err;
	if (signal_pending() && !(req->flags & CLONE_THREAD))
		return -ERESTARTNOINTR; /* group signals go to the parent alone or to both, not in between */
	if (too_many_processes())
		return -EAGAIN;
	t = task_alloc();
	if (!t)
		return -ENOMEM;
	err = clone_prepare(t, req);
	if (!err && (req->flags & CLONE_PIDFD)) {
		pidfd = clone_pidfd(t->process, req->pidfd);
		err = min(pidfd, 0);
	}
	if (!err)
		err = clone_commit(t, req->flags);
	if (err) {
		if (pidfd >= 0)
			fd_close(pidfd);
		clone_undo(t);
		return err;
	}
	tid = t->tid;
	if ((req->flags & CLONE_PARENT_SETTID) && put_user((u32)tid, req->parent_tid))
		tid = t->tid; /* not told: as Linux */
	if (req->flags & CLONE_VFORK)
		task_get(t);
	sched_start(t);
	if (req->flags & CLONE_VFORK)
		vfork_wait(t);
	return tid;
}

long sys_fork(void)
{
	return do_clone(&(struct clone_request){ .exit_signal = SIGCHLD });
}

long sys_vfork(void)
{
	return do_clone(&(struct clone_request){ .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD });
}

long sys_clone(unsigned long flags, unsigned long stack, u32 __user *parent_tid, u32 __user *child_tid,
	       unsigned long tls)
{
	struct clone_request req = {
		.flags = (u32)flags & ~(u64)CSIGNAL,
		.exit_signal = (int)(flags & CSIGNAL),
		.stack = stack,
		.tls = tls,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.pidfd = (int __user *)parent_tid,
	};

	if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(&req);
}

/* The user's structure: as large as its author's kernel knew; what is beyond ours must be zero. */
static int clone_args_get(struct clone_args *args, const void __user *user, size_t size)
{
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	for (size_t i = sizeof(*args); i < size; i++) {
		u8 byte;

		if (get_user(byte, (const u8 __user *)user + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return copy_from_user(args, user, min(size, sizeof(*args))) ? -EFAULT : 0;
}

static int clone_args_check(const struct clone_args *a)
{
	if (a->set_tid || a->set_tid_size)
		return -EINVAL; /* choosing one's own pid is a checkpointer's business */
	if ((a->exit_signal & ~(u64)CSIGNAL) || a->exit_signal > SIGRTMAX)
		return -EINVAL;
	if ((a->flags & ~(0xffffffffUL | CLONE_CLEAR_SIGHAND)) || (a->flags & (CLONE_DETACHED | CSIGNAL)))
		return -EINVAL;
	if ((a->flags & (CLONE_THREAD | CLONE_PARENT)) && a->exit_signal)
		return -EINVAL;
	if (a->stack ? !a->stack_size : a->stack_size)
		return -EINVAL;
	if (a->stack && !access_ok((void __user *)a->stack, a->stack_size))
		return -EINVAL;
	return 0;
}

long sys_clone3(const void __user *user, size_t size)
{
	struct clone_args a = {};
	int err = clone_args_get(&a, user, size);

	if (!err)
		err = clone_args_check(&a);
	if (err)
		return err;
	return do_clone(&(struct clone_request){
		.flags = a.flags,
		.exit_signal = (int)a.exit_signal,
		.stack = a.stack ? a.stack + a.stack_size : 0,
		.tls = a.tls,
		.parent_tid = (u32 __user *)a.parent_tid,
		.child_tid = (u32 __user *)a.child_tid,
		.pidfd = (int __user *)a.pidfd,
	});
}

/* ---- Pid 1 ---- */

static void default_limits(struct process *p)
{
	const u64 many = (u64)threads_max / 2;

	for (unsigned int i = 0; i < RLIM_NLIMITS; i++)
		p->rlim[i] = (struct rlimit64){ RLIM_INFINITY, RLIM_INFINITY };
	p->rlim[RLIMIT_STACK].cur = 8UL << 20;
	p->rlim[RLIMIT_CORE].cur = 0;
	p->rlim[RLIMIT_NPROC] = (struct rlimit64){ many, many };
	p->rlim[RLIMIT_NOFILE] = (struct rlimit64){ 1024, 4096 };
	p->rlim[RLIMIT_MEMLOCK] = (struct rlimit64){ 8UL << 20, 8UL << 20 };
	p->rlim[RLIMIT_SIGPENDING] = (struct rlimit64){ many, many };
	p->rlim[RLIMIT_MSGQUEUE] = (struct rlimit64){ 819200, 819200 };
	p->rlim[RLIMIT_NICE] = (struct rlimit64){ 0, 0 };
	p->rlim[RLIMIT_RTPRIO] = (struct rlimit64){ 0, 0 };
}

/* Group and session 0, which pid 1 starts in as on Linux. */
static void link_init(struct task *t, struct process *p)
{
	struct pgroup *g;

	spin_lock(&pid_lock);
	g = pgroup_create(0, NULL);
	if (!g || tid_alloc(t))
		panic("no memory for the first process");
	p->pid = t->tid;
	assert(p->pid == 1);
	p->leader = t;
	task_get(t);
	process_get(p);
	process_set_pgroup(p, g);
	list_add_tail(&t->thread_node, &p->threads);
	p->nr_threads = 1;
	spin_unlock(&pid_lock);
}

void init_create(void (*start)(struct regs *r))
{
	struct task *t = task_alloc();
	struct process *p = process_alloc();
	const struct regs none = { .orig_rax = ~0UL };

	if (!t || !p || arch_task_alloc(t) || !(p->sighand = sighand_create()) || !(t->files = files_create()) ||
	    !(t->fs = fs_create()))
		panic("no memory for the first process");
	t->process = p;
	t->altstack_flags = SS_DISABLE;
	t->first_work = start;
	strlcpy(t->comm, "init", sizeof(t->comm));
	p->caps_effective = p->caps_permitted = CAP_ALL;
	p->dumpable = true;
	p->timer_slack = 50000;
	default_limits(p);
	arch_task_init_user(t, &none);
	init_process = p;
	link_init(t, p);
	sched_start(t);
}
