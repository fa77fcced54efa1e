/*
 * Tasks, processes and what they share.
 *
 * A task is one thread of execution, a process is a thread group: one pid, one set of signal actions,
 * one parent. Kernel threads are tasks of no process. What clone() may share or copy are objects of
 * their own with a count each: mm (mm/mm.h), files and fs (kernel/fs/file.h), sighand (signal.h).
 *
 * Field locks:  [p] pid_lock   [s] process->sig_lock   [o] only the task itself   [r] run-queue lock
 *
 *   K1  A task in tid_table that has not exited has its process on its side: task->process never changes.
 *   K2  A process keeps its leader's struct task until it is reaped, so p->leader is never NULL.
 *   K3  sig_check is set whenever a signal or a stop, exit or exec request waits that the task does not block.
 *
 * Linux differs: signal_struct and the thread-group leader's task_struct together are our process.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include "kernel/lock.h"
#include "kernel/timer.h"
#include "kernel/types.h"
#include <arch/irq.h>

struct mm;
struct files;
struct fs_context;
struct process;
struct sighand;
struct tty;
struct groups;

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
			bool tick_work;	   /* [o] CPU-time timers and limits must be looked at */
		};
	};
	bool on_cpu;			/* [r] its stack is in use */
	u8 cpu;				/* [r] run queue it is or was on */
	u64 affinity;			/* CPUs it may run on, bit per CPU */
	int nice;
	u8 policy, rt_priority;		/* SCHED_*; 1..99 under FIFO and RR, else 0 [r] */
	u64 slice_end;			/* cpu_clock() */
	struct list_head run_node;	/* [r] */
	u64 utime, stime;		/* ns, by ticks: how runtime divides [o] */
	u64 runtime;			/* ns on a CPU up to last_switch [r] */
	u64 last_switch;
	u64 nvcsw, nivcsw, min_flt, maj_flt; /* [o] */
	struct arch_task arch;
	void *kstack;			/* top; NULL once it is freed */
	atomic_t refs;
	/* identity */
	int tid;
	bool exited;			/* [p] no longer counted in process->nr_threads */
	struct process *process;	/* NULL: a kernel thread */
	struct list_head thread_node;	/* process->threads [p] */
	char comm[TASK_COMM_LEN];
	/* shared or copied by clone() */
	struct mm *mm;			/* NULL: a kernel thread */
	struct files *files;
	struct fs_context *fs;
	/* signals */
	u64 blocked;			/* [s] bit n-1 is signal n */
	u64 awaited;			/* [s] sigtimedwait: these wake it although they are blocked */
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
	struct task *vfork_parent;	/* waits until we exec or exit [p] */
	struct waitq vfork_wait;
	int exit_code;			/* wait status form: (status << 8) | signal */
	void (*first_work)(struct regs *r); /* before its first return to user mode; NULL nothing */
	u32 __user *set_tid;		/* CLONE_CHILD_SETTID */
	long (*restart_fn)(struct task *t); /* restart_syscall: nanosleep and friends; NULL: EINTR */
	unsigned long restart_block[6];
	unsigned long trap_addr, trap_no, trap_error; /* of the last fault: signal frames */
	bool told_stuck;		/* debug builds: watchdog.c has complained */
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
	struct list_head threads;	/* those that have not exited [p] */
	int nr_threads;			/* [p] */
	struct task *leader;
	struct process *parent;		/* [p] */
	int ppid;			/* parent->pid, readable without a lock */
	struct list_head children;	/* [p] */
	struct list_head sibling;	/* [p] */
	int pgid, sid;			/* [p] */
	struct pgroup *pgroup;		/* [p] */
	struct list_head pgroup_node;	/* [p] */
	struct tty *ctty;		/* [p] */
	struct spinlock sig_lock;
	struct sighand *sighand;	/* [s]; NULL once all threads are gone */
	struct list_head pending;	/* process-wide [s] */
	u64 pending_set;		/* [s] */
	bool group_exit;		/* [s] every thread is to exit */
	int group_exit_code;		/* [s] */
	struct task *exec_task;		/* [s] replaces the program: every other thread is to exit */
	bool stopping;			/* [s] group stop: every thread is to stop */
	int nr_stopped;			/* [s] threads that have */
	bool notify_cont;		/* [s] continued: the parent is to be told */
	bool zombie;			/* [p] all threads gone, waits for its parent */
	bool reaped;			/* [p] somebody has waited for it */
	bool reported_stop, reported_cont; /* [s] what wait() may report: set, there is something */
	int stop_code;			/* [s] the signal */
	int exit_signal;		/* to the parent, 0 none */
	int exit_code;			/* wait status form, of a zombie */
	struct waitq wait_children;
	struct waitq exit_wait;		/* pidfd pollers, exec waiting for its threads to end */
	struct rlimit64 rlim[RLIM_NLIMITS]; /* [s] */
	u32 uid, euid, suid, gid, egid, sgid, fsuid, fsgid;
	struct groups *groups;		/* supplementary; NULL none [s] */
	u64 start_time;			/* ns since boot */
	u64 utime, stime, runtime;	/* of exited threads [s] */
	u64 cutime, cstime;		/* of reaped children [s] */
	u64 min_flt, maj_flt, cmin_flt, cmaj_flt, nvcsw, nivcsw, cnvcsw, cnivcsw; /* likewise */
	u64 maxrss, cmaxrss;		/* pages [s] */
	u64 shown_utime, shown_stime;	/* never run backwards [s] */
	struct itimer {
		u64 value, interval;	/* ns; value: REAL a time of cpu_clock(), others what remains; 0 off */
	} itimer[3];			/* ITIMER_REAL, VIRTUAL, PROF [s] */
	struct timer real_timer;
	struct list_head fired_node;	/* real_timer's: waits for timerd */
	bool dumpable, no_new_privs, execed, child_subreaper, keep_caps;
	u32 personality;
	u32 timer_slack;
	int oom_score_adj;
	int pdeath_signal;
	u64 caps_effective, caps_permitted, caps_inheritable;
	u64 auxv[48];			/* as given to the program: /proc/<pid>/auxv */
};

/* A process group: its members, and the session it belongs to. Lives as long as it has members or, being a
 * session's first group, as other groups of the session do; so its number is not given to a new process. */
struct pgroup {
	int id;
	struct pgroup *session;		/* itself: id is the session's number */
	unsigned int refs;		/* members, and groups whose session it is */
	struct list_head members;	/* process->pgroup_node */
};

extern struct spinlock pid_lock;
extern struct process *init_process;

/* Lookup. => a reference is taken; NULL when there is none */
struct process *process_find(int pid);
struct task *task_find(int tid); /* pid_lock must be held; no reference; may have exited */
void process_get(struct process *p);
void process_put(struct process *p);
static inline void task_get(struct task *t)
{
	atomic_inc(&t->refs);
}
void task_put(struct task *t);
/* => pid_lock held */
struct pgroup *pgroup_find(int pgid); /* NULL: none */
bool pgroup_is_orphaned(struct pgroup *g, struct process *but); /* `but` does not count as a member */
void process_set_pgroup(struct process *p, struct pgroup *g);
/* CPU time and faults of all threads, exited ones included, as getrusage shows them. => no lock held */
struct process_usage {
	u64 utime, stime, runtime; /* ns */
	u64 min_flt, maj_flt, nvcsw, nivcsw;
};
void process_usage(struct process *p, struct process_usage *u);
char task_state_letter(const struct task *t); /* R S D T Z, as in /proc/<pid>/stat */
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
bool sched_wake_if(struct task *t, unsigned int states); /* only from one of these states (bits); => it was */
void sched_init(void);			/* boot CPU: its idle task is current afterwards */
void sched_start(struct task *t);	/* a new task's first time on a run queue */
void sched_set_affinity(struct task *t, u64 mask);
void sched_set_policy(struct task *t, int policy, int rt_priority);
u64 task_runtime(struct task *t);	/* ns on a CPU, up to now */
unsigned int sched_nr_running(void);
struct cpu_usage {			/* of one CPU since boot: ns by ticks, and task switches */
	u64 user, nice, system, idle, switches;
};
struct cpu_usage sched_cpu_usage(unsigned int cpu);
/* Of current: an unblocked signal waits. */
bool signal_pending(void);
bool fatal_signal_pending(void);	/* SIGKILL or group exit */

/* Rlimit of current's process; RLIM_INFINITY for a kernel thread. */
u64 rlimit_cur(unsigned int which);

#endif
