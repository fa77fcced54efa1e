/*
 * Tasks, processes and what they share.
 *
 * A task is one thread of execution, a process is a thread group: one pid, one set of signal actions,
 * one parent. Kernel threads are tasks of no process. What clone() may share or copy are objects of
 * their own with a count each: mm (mm/mm.h), files and fs (kernel/fs/file.h), sighand (signal.h).
 *
 * Field locks:  [p] pid_lock   [s] process->sighand->lock   [o] only the task itself   [r] run-queue lock
 *
 * Linux differs: signal_struct and the thread-group leader's task_struct together are our process.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include "kernel/lock.h"
#include "kernel/types.h"
#include <arch/irq.h>

struct mm;
struct files;
struct fs_context;
struct process;
struct sighand;
struct tty;

enum task_state {
	TASK_RUNNING,	      /* runs or is on a run queue */
	TASK_INTERRUPTIBLE,   /* sleeps; any signal wakes it */
	TASK_UNINTERRUPTIBLE, /* sleeps; only its event wakes it */
	TASK_STOPPED,	      /* job control; SIGCONT and SIGKILL wake it */
	TASK_ZOMBIE,	      /* exited; not yet reaped */
	TASK_DEAD,	      /* its stack may be freed once it is switched away from */
};

#define TASK_COMM_LEN 16

struct task {
	/* scheduling */
	enum task_state state;		/* [r] */
	union {				/* any non-zero: back to user mode only through return_to_user() (entry.S) */
		u32 return_work;
		struct {
			bool need_resched; /* a reschedule is due */
			bool sig_check;	   /* signals must be looked at */
			bool regs_changed; /* [o] a system call changed more of task_regs() than rax: execve, sigreturn */
		};
	};
	bool on_cpu;			/* [r] its stack is in use */
	u8 cpu;				/* [r] run queue it is or was on */
	u64 affinity;			/* CPUs it may run on, bit per CPU */
	int nice;
	u64 slice_end;			/* cpu_clock() */
	struct list_head run_node;	/* [r] */
	u64 utime, stime;		/* ns [o] */
	u64 last_switch;
	u64 nvcsw, nivcsw, min_flt, maj_flt; /* [o] */
	struct arch_task arch;
	void *kstack;			/* top */
	/* identity */
	int tid;
	struct process *process;	/* NULL: a kernel thread */
	struct list_head thread_node;	/* process->threads [p] */
	char comm[TASK_COMM_LEN];
	/* shared or copied by clone() */
	struct mm *mm;			/* NULL: a kernel thread */
	struct files *files;
	struct fs_context *fs;
	/* signals */
	u64 blocked;			/* [s] bit n-1 is signal n */
	u64 saved_blocked;		/* sigsuspend: restored after the handler's frame is made */
	bool restore_blocked;
	struct list_head pending;	/* queued siginfos for this task [s] */
	u64 pending_set;		/* [s] */
	unsigned long altstack_sp, altstack_size;
	int altstack_flags;
	/* threads */
	u32 __user *clear_tid;		/* CLONE_CHILD_CLEARTID */
	void __user *robust_list;
	size_t robust_len;
	struct task *vfork_parent;	/* waits until we exec or exit */
	struct waitq vfork_wait;
	int exit_code;			/* wait status form: (status << 8) | signal */
	unsigned long restart_block[4]; /* restart_syscall: nanosleep and friends */
	/* debug builds: what is held (lock.c) */
	u8 held_rank[16];
	const void *held_lock[16];
	u8 nr_held;
};

/* Resource limits: Linux's RLIMIT_ numbers. */
struct rlimit64 {
	u64 cur, max;
};
#define RLIM_NLIMITS 16

struct process {
	atomic_t refs;
	int pid;
	struct list_head hash_node;	/* pid table [p] */
	struct list_head threads;	/* [p] */
	int nr_threads;			/* live ones [p] */
	struct task *leader;
	struct process *parent;		/* [p] */
	struct list_head children;	/* [p] */
	struct list_head sibling;	/* [p] */
	int pgid, sid;			/* [p] */
	struct tty *ctty;		/* [p] */
	struct sighand *sighand;
	struct list_head pending;	/* process-wide [s] */
	u64 pending_set;		/* [s] */
	bool group_exit;		/* [s] */
	int group_exit_code;		/* [s] */
	bool zombie;			/* [p] all threads gone, waits for its parent */
	bool reported_stop, reported_cont; /* [s] what wait() may report */
	int stop_code;			/* [s] */
	int exit_signal;
	struct waitq wait_children;
	struct rlimit64 rlim[RLIM_NLIMITS]; /* [s] */
	u32 uid, euid, suid, gid, egid, sgid;
	u64 start_time;			/* ns since boot */
	u64 utime, stime, cutime, cstime; /* of exited threads; of reaped children [s] */
	u64 min_flt, maj_flt, cmin_flt, cmaj_flt;
	struct { u64 value, interval; } itimer[3]; /* ITIMER_REAL in ns of cpu_clock(), VIRTUAL, PROF [s] */
	bool dumpable, no_new_privs, execed;
	int oom_score_adj;
	int pdeath_signal;
	u64 auxv[48];			/* as given to the program: /proc/<pid>/auxv */
};

extern struct spinlock pid_lock;
extern struct process *init_process;

/* Lookup. => a reference is taken; NULL when there is none */
struct process *process_find(int pid);
struct task *task_find(int tid); /* pid_lock must be held; no reference */
void process_get(struct process *p);
void process_put(struct process *p);
/* Its address space, with a reference (mm_get). => NULL: it has none (any more) */
struct mm *process_mm_get(struct process *p);
/* The process a pidfd of current stands for, with a reference. => ERR_PTR(-EBADF); NULL: it is gone */
struct process *pidfd_process(int fd);
/* Iterate for /proc: the live process with the smallest pid >= pid; a reference is taken. */
struct process *process_next(int pid);

struct task *kthread_create(const char *name, void (*fn)(void *), void *arg); /* runnable; NULL no memory */

/* Scheduler (sched.c). */
void schedule(void);			/* give up the CPU in the state current has set */
bool schedule_timeout(u64 deadline_ns);	/* as schedule(), at most until cpu_clock() == deadline; false: time is up */
void sched_wake(struct task *t);	/* make runnable; nothing happens when it is */
void sched_yield_point(void);		/* marked points of long kernel work: reschedules when it is time */
__noreturn void sched_cpu_main(void);	/* where an AP ends: the idle loop */
struct task *sched_finish_switch(struct task *prev);
bool signal_pending(void);		/* of current: an unblocked signal waits */
bool fatal_signal_pending(void);	/* SIGKILL or group exit */

/* Rlimit of current's process; RLIM_INFINITY for a kernel thread. */
u64 rlimit_cur(unsigned int which);

#endif
