/*
 * What a process has used: CPU time, faults, switches. getrusage(2), times(2), CPU clocks, /proc/<pid>/stat.
 *
 * Run time is measured at each switch, to the nanosecond; how it divides into user and system time is sampled by ticks.
 * What is shown is the measured time in the sampled proportion, and never less than what was shown before.
 */
#include "kernel/lib/string.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "mm/mm.h"
#include "mm/proc_mm.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/uaccess.h>

#define TICK_NS (NSEC_PER_SEC / HZ)
#define USER_TICK_NS (NSEC_PER_SEC / USER_HZ)

/* System time out of `runtime`, where sampling found utime and stime. Shifted so that 2^27 ticks times days fit. */
static u64 scale(u64 runtime, u64 utime, u64 stime)
{
	if (!stime)
		return 0;
	if (!utime)
		return runtime;
	utime /= TICK_NS;
	stime /= TICK_NS;
	return ((runtime >> 14) * stime / (utime + stime)) << 14;
}

void process_usage(struct process *p, struct process_usage *u)
{
	struct task *t;

	spin_lock(&p->sig_lock);
	*u = (struct process_usage){
		.utime = p->utime,
		.stime = p->stime,
		.runtime = p->runtime,
		.min_flt = p->min_flt,
		.maj_flt = p->maj_flt,
		.nvcsw = p->nvcsw,
		.nivcsw = p->nivcsw,
	};
	list_for_each_entry(t, &p->threads, thread_node) {
		u->utime += t->utime;
		u->stime += t->stime;
		u->runtime += task_runtime(t);
		u->min_flt += t->min_flt;
		u->maj_flt += t->maj_flt;
		u->nvcsw += t->nvcsw;
		u->nivcsw += t->nivcsw;
	}
	u->stime = max(scale(u->runtime, u->utime, u->stime), p->shown_stime);
	u->utime = max(u->runtime - min(u->stime, u->runtime), p->shown_utime);
	p->shown_stime = u->stime;
	p->shown_utime = u->utime;
	spin_unlock(&p->sig_lock);
}

static struct timeval timeval_of(u64 ns)
{
	return (struct timeval){ (long)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

/* Peak resident pages of a process that may still live. */
static u64 peak_rss(struct process *p)
{
	struct mm *mm = process_mm_get(p);
	struct mm_sizes sizes;
	u64 peak = p->maxrss;

	if (!mm)
		return peak;
	proc_mm_sizes(mm, &sizes);
	mm_put(mm);
	return max(peak, sizes.peak_rss);
}

void process_rusage(struct process *p, struct rusage *r, bool children, bool alive)
{
	struct process_usage u;
	u64 pages = alive ? peak_rss(p) : p->maxrss;

	process_usage(p, &u);
	memset(r, 0, sizeof(*r));
	if (children) {
		u.utime += p->cutime;
		u.stime += p->cstime;
		u.min_flt += p->cmin_flt;
		u.maj_flt += p->cmaj_flt;
		u.nvcsw += p->cnvcsw;
		u.nivcsw += p->cnivcsw;
		pages = max(pages, p->cmaxrss);
	}
	r->ru_utime = timeval_of(u.utime);
	r->ru_stime = timeval_of(u.stime);
	r->ru_maxrss = (long)(pages << (PAGE_SHIFT - 10));
	r->ru_minflt = (long)u.min_flt;
	r->ru_majflt = (long)u.maj_flt;
	r->ru_nvcsw = (long)u.nvcsw;
	r->ru_nivcsw = (long)u.nivcsw;
}

static void children_rusage(struct process *p, struct rusage *r)
{
	memset(r, 0, sizeof(*r));
	r->ru_utime = timeval_of(p->cutime);
	r->ru_stime = timeval_of(p->cstime);
	r->ru_maxrss = (long)(p->cmaxrss << (PAGE_SHIFT - 10));
	r->ru_minflt = (long)p->cmin_flt;
	r->ru_majflt = (long)p->cmaj_flt;
	r->ru_nvcsw = (long)p->cnvcsw;
	r->ru_nivcsw = (long)p->cnivcsw;
}

static void thread_rusage(struct task *t, struct rusage *r)
{
	u64 runtime = task_runtime(t), stime = scale(runtime, t->utime, t->stime);

	memset(r, 0, sizeof(*r));
	r->ru_stime = timeval_of(stime);
	r->ru_utime = timeval_of(runtime - stime);
	r->ru_maxrss = (long)(peak_rss(t->process) << (PAGE_SHIFT - 10));
	r->ru_minflt = (long)t->min_flt;
	r->ru_majflt = (long)t->maj_flt;
	r->ru_nvcsw = (long)t->nvcsw;
	r->ru_nivcsw = (long)t->nivcsw;
}

long sys_getrusage(int who, struct rusage __user *user)
{
	struct rusage r;

	if (who == RUSAGE_SELF)
		process_rusage(current->process, &r, false, true);
	else if (who == RUSAGE_CHILDREN)
		children_rusage(current->process, &r);
	else if (who == RUSAGE_THREAD)
		thread_rusage(current, &r);
	else
		return -EINVAL;
	return copy_to_user(user, &r, sizeof(r)) ? -EFAULT : 0;
}

long sys_times(struct tms __user *user)
{
	struct process *p = current->process;
	struct process_usage u;
	struct tms t;

	process_usage(p, &u);
	t = (struct tms){
		.tms_utime = (long)(u.utime / USER_TICK_NS),
		.tms_stime = (long)(u.stime / USER_TICK_NS),
		.tms_cutime = (long)(p->cutime / USER_TICK_NS),
		.tms_cstime = (long)(p->cstime / USER_TICK_NS),
	};
	if (user && copy_to_user(user, &t, sizeof(t)))
		return -EFAULT;
	return (long)(cpu_clock() / USER_TICK_NS);
}
