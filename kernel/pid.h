/* Numbers of tasks and groups, as fork, exit and their relatives use them. Everybody else: task.h. */
#ifndef KERNEL_PID_H
#define KERNEL_PID_H

#include "kernel/task.h"

/* Give t a number and enter it. => pid_lock held; 0, -EAGAIN none free, -ENOMEM */
int tid_alloc(struct task *t);
void tid_free(int tid);			      /* => pid_lock held */
void tid_replace(int tid, struct task *t);    /* the entry now names t. => pid_lock held */
struct process *process_find_locked(int pid); /* => pid_lock held; no reference */
struct process *process_next_locked(int pid);
struct task *task_next_locked(int tid); /* the first with a number >= tid, dead leaders included */
/* A new group, of a new session when session is NULL, without members. => pid_lock held; NULL no memory */
struct pgroup *pgroup_create(int id, struct pgroup *session);
unsigned int task_count(void);
u64 task_total(void); /* ever made */
int pid_last(void);

#endif
