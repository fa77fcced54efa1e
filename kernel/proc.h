/* Making and ending tasks and processes: what fork.c, exit.c, exec.c, wait.c and main.c know of each other. */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include "kernel/pid.h"
#include "kernel/signal.h"
#include "kernel/task.h"

void fork_boot(void);
/* Pid 1, which runs start() in its own context and then goes to user mode with its task_regs(). => panics without memory */
void init_create(void (*start)(struct regs *r));

/* The calling task ends; its process does when it is the last one. code: wait status form */
__noreturn void task_exit(int code);
__noreturn void process_exit(int code); /* all threads of the process */
/* Ask every thread of p to exit with code, unless that has happened already. => p->sig_lock held */
void process_begin_exit(struct process *p, int code);
/* Forget a zombie, whose exit has been told or need not be. => pid_lock held; it is not linked any more */
void process_unlink(struct process *p);
void process_reap(struct process *p); /* after process_unlink(), without locks */
void exit_clear_tid(struct task *t);  /* CLONE_CHILD_CLEARTID and the robust list, before the mm goes */
void vfork_done(struct task *t);      /* the mm is no longer borrowed */
void task_set_mm(struct mm *mm);      /* current uses it, and the reference, from now on; NULL none */
struct rusage;
/* children: those waited for are included. alive: it may still have an address space. => alive: no lock held */
void process_rusage(struct process *p, struct rusage *r, bool children, bool alive);

struct groups {
	atomic_t refs;
	unsigned int nr;
	u32 gid[];
};
struct groups *groups_get(struct groups *g); /* NULL is fine for both */
void groups_put(struct groups *g);

/* Linux's capability sets, kept per process: all for uid 0, else none. */
#define CAP_LAST_CAP 40
#define CAP_ALL (BIT(CAP_LAST_CAP + 1) - 1)
#define CAP_SETGID 6
#define CAP_SETUID 7
#define CAP_SYS_BOOT 22
#define CAP_SYS_NICE 23
#define CAP_SYS_RESOURCE 24
#define CAP_SYS_TIME 25
#define CAP_KILL 5
#define CAP_SYS_ADMIN 21
static inline bool capable(unsigned int cap)
{
	return !current->process || (current->process->caps_effective >> cap & 1);
}

/* itimer.c */
void itimer_boot(void); /* timerd */
void itimer_fired(struct timer *t); /* process->real_timer.fn */
void itimer_exit(struct process *p);
void itimer_tick_work(struct task *t);

void watchdog_boot(void); /* watchdog.c */

/* futex.c */
int futex_wake_addr(u32 __user *uaddr, unsigned int nr);
void futex_exit_robust(struct task *t);
void futex_boot(void);

#endif
