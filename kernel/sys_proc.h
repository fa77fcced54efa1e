/* System calls on processes, signals and time: fork.c, exit.c, wait.c, exec.c, ids.c, limits.c, prctl.c, sigcalls.c,
 * time.c, itimer.c, futex.c, random.c, uts.c, schedcalls.c. */
#ifndef KERNEL_SYS_PROC_H
#define KERNEL_SYS_PROC_H

#include "kernel/types.h"
#include "kernel/uapi/resource.h"
#include "kernel/uapi/signal.h"
#include "kernel/uapi/time.h"

struct robust_list_head;
struct sched_param;
struct sysinfo;
struct utsname;

/* fork.c exit.c wait.c exec.c */
long sys_fork(void);
long sys_vfork(void);
long sys_clone(unsigned long flags, unsigned long stack, u32 __user *parent_tid, u32 __user *child_tid,
	       unsigned long tls);
long sys_clone3(const void __user *args, size_t size);
long sys_exit(int status);
long sys_exit_group(int status);
long sys_set_tid_address(u32 __user *where);
long sys_wait4(int pid, int __user *status, int options, struct rusage __user *usage);
long sys_waitid(int type, int id, siginfo_t __user *info, int options, struct rusage __user *usage);
long sys_execve(const char __user *path, const char __user *const __user *argv, const char __user *const __user *envp);
long sys_execveat(int dfd, const char __user *path, const char __user *const __user *argv,
		  const char __user *const __user *envp, int flags);
/* usage.c */
long sys_getrusage(int who, struct rusage __user *usage);
long sys_times(struct tms __user *t);
/* ids.c groups.c */
long sys_getpid(void);
long sys_gettid(void);
long sys_getppid(void);
long sys_getuid(void);
long sys_geteuid(void);
long sys_getgid(void);
long sys_getegid(void);
long sys_setuid(u32 uid);
long sys_setgid(u32 gid);
long sys_setreuid(u32 ruid, u32 euid);
long sys_setregid(u32 rgid, u32 egid);
long sys_setresuid(u32 ruid, u32 euid, u32 suid);
long sys_setresgid(u32 rgid, u32 egid, u32 sgid);
long sys_getresuid(u32 __user *ruid, u32 __user *euid, u32 __user *suid);
long sys_getresgid(u32 __user *rgid, u32 __user *egid, u32 __user *sgid);
long sys_setfsuid(u32 uid);
long sys_setfsgid(u32 gid);
long sys_getgroups(int n, u32 __user *list);
long sys_setgroups(int n, const u32 __user *list);
long sys_capget(void __user *header, void __user *data);
long sys_capset(void __user *header, const void __user *data);
long sys_setpgid(int pid, int pgid);
long sys_getpgid(int pid);
long sys_getpgrp(void);
long sys_setsid(void);
long sys_getsid(int pid);
/* prctl.c limits.c uts.c */
long sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
long sys_arch_prctl(int option, unsigned long addr);
long sys_rseq(void __user *area, u32 len, int flags, u32 signature);
long sys_personality(unsigned int persona);
long sys_getrlimit(unsigned int which, struct rlimit __user *r);
long sys_setrlimit(unsigned int which, const struct rlimit __user *r);
long sys_prlimit64(int pid, unsigned int which, const struct rlimit __user *new, struct rlimit __user *old);
long sys_uname(struct utsname __user *u);
long sys_sysinfo(struct sysinfo __user *s);
long sys_sethostname(const char __user *name, int len);
long sys_setdomainname(const char __user *name, int len);
long sys_reboot(u32 magic, u32 magic2, u32 cmd, void __user *arg);
long sys_syslog(int type, char __user *buf, int len);
long sys_getrandom(void __user *buf, size_t n, unsigned int flags);
/* schedcalls.c */
long sys_sched_yield(void);
long sys_sched_setaffinity(int pid, unsigned int len, const unsigned long __user *mask);
long sys_sched_getaffinity(int pid, unsigned int len, unsigned long __user *mask);
long sys_sched_setscheduler(int pid, int policy, const struct sched_param __user *param);
long sys_sched_getscheduler(int pid);
long sys_sched_setparam(int pid, const struct sched_param __user *param);
long sys_sched_getparam(int pid, struct sched_param __user *param);
long sys_sched_get_priority_max(int policy);
long sys_sched_get_priority_min(int policy);
long sys_sched_rr_get_interval(int pid, struct timespec __user *interval);
long sys_getpriority(int which, int who);
long sys_setpriority(int which, int who, int nice);
long sys_getcpu(u32 __user *cpu, u32 __user *node, void __user *unused);
/* sigcalls.c sigframe.c */
long sys_rt_sigaction(int sig, const struct sigaction __user *new, struct sigaction __user *old, size_t size);
long sys_rt_sigprocmask(int how, const u64 __user *new, u64 __user *old, size_t size);
long sys_rt_sigpending(u64 __user *set, size_t size);
long sys_rt_sigsuspend(const u64 __user *set, size_t size);
long sys_rt_sigtimedwait(const u64 __user *set, siginfo_t __user *info, const struct timespec __user *timeout,
			 size_t size);
long sys_rt_sigqueueinfo(int pid, int sig, const siginfo_t __user *info);
long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, const siginfo_t __user *info);
long sys_rt_sigreturn(void);
long sys_sigaltstack(const stack_t __user *new, stack_t __user *old);
long sys_pause(void);
long sys_kill(int pid, int sig);
long sys_tkill(int tid, int sig);
long sys_tgkill(int tgid, int tid, int sig);
long sys_restart_syscall(void);
/* pidfd.c */
long sys_pidfd_open(int pid, unsigned int flags);
long sys_pidfd_send_signal(int fd, int sig, const siginfo_t __user *info, unsigned int flags);
/* time.c itimer.c */
long sys_nanosleep(const struct timespec __user *want, struct timespec __user *left);
long sys_clock_nanosleep(int clock, int flags, const struct timespec __user *want, struct timespec __user *left);
long sys_clock_gettime(int clock, struct timespec __user *ts);
long sys_clock_settime(int clock, const struct timespec __user *ts);
long sys_clock_getres(int clock, struct timespec __user *ts);
long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz);
long sys_settimeofday(const struct timeval __user *tv, const struct timezone __user *tz);
long sys_time(long __user *t);
long sys_alarm(unsigned int seconds);
long sys_getitimer(int which, struct itimerval __user *value);
long sys_setitimer(int which, const struct itimerval __user *new, struct itimerval __user *old);
/* futex.c */
long sys_futex(u32 __user *uaddr, int op, u32 val, const struct timespec __user *timeout, u32 __user *uaddr2, u32 val3);
long sys_set_robust_list(struct robust_list_head __user *head, size_t len);
long sys_get_robust_list(int pid, struct robust_list_head __user **head, size_t __user *len);

/* ---- helpers they share ---- */
bool timespec_valid(const struct timespec *ts);
u64 timespec_ns(const struct timespec *ts);   /* saturates */
u64 deadline_after(const struct timespec *ts); /* cpu_clock() + ts; ~0 when too far */
struct timespec timespec_of(u64 ns);

#endif
