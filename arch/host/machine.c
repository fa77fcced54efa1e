/*
 * The simulated machine: RAM, CPUs, the log, and the end.
 */
#include "arch/host/host.h"
#include "arch/host/linux.h"
#include "kernel/boot.h"
#include "kernel/lib/string.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/uapi/resource.h"
#include "mm/buddy.h"
#include <arch/cpu.h>
#include <arch/shadow.h>

char *host_ram;
struct host_cpu host_cpus[CONFIG_MAX_CPUS];
unsigned int host_cpu;
u64 host_rlimits[16];
bool host_root = true;

static struct task boot_task;
static u64 now;

/* ---- Clock, CPUs, caller ---- */

unsigned int cpu_count(void)
{
	return 1;
}

u64 cpu_clock(void)
{
	return ++now;
}

void cpu_relax(void)
{
	panic("the only CPU spins: it waits for itself");
}

u64 rlimit_cur(unsigned int which)
{
	return host_rlimits[which];
}

bool caller_is_root(void)
{
	return host_root;
}

void shadow_hide(const void *p, size_t n)
{
	linux_shadow(p, n, true);
}

void shadow_show(const void *p, size_t n)
{
	linux_shadow(p, n, false);
}

/* ---- Scheduling: with one task, whoever sleeps sleeps for ever ---- */

void schedule(void)
{
	panic("the only task sleeps: nobody can wake it");
}

bool schedule_timeout(u64 deadline)
{
	now = max(now, deadline);
	current->state = TASK_RUNNING;
	return false;
}

void sched_wake(struct task *t)
{
	t->state = TASK_RUNNING;
}

void sched_yield_point(void)
{
	assert(lock_may_sleep());
}

bool signal_pending(void)
{
	return false;
}

bool fatal_signal_pending(void)
{
	return false;
}

/* ---- Log and end ---- */

void printk(enum log_level level, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	if (level > LOG_WARNING && !linux_env("HOST_LOG"))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	linux_write(2, text, min((size_t)n, sizeof(text) - 1));
	if (!n || text[min((size_t)n, sizeof(text) - 1) - 1] != '\n')
		linux_write(2, "\n", 1);
}

__noreturn void panic_at(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk(LOG_EMERG, "panic: %s (%s:%d)", text, file, line);
	trace_dump_last(16);
	linux_abort();
}

/* ---- Start ---- */

void host_boot(u64 ram)
{
	static struct boot_info b;
	const u64 low = 1UL << 20; /* as on a PC, the first MiB is not for us */

	assert(!host_ram && ram > low);
	host_cpus[0] = (struct host_cpu){ .task = &boot_task, .irq_on = true };
	strlcpy(boot_task.comm, "host", sizeof(boot_task.comm));
	for (unsigned int i = 0; i < ARRAY_SIZE(host_rlimits); i++)
		host_rlimits[i] = RLIM_INFINITY;
	host_rlimits[RLIMIT_STACK] = 8UL << 20;
	host_ram = linux_map(ram);
	b.loader = "host";
	b.ranges[b.nr_ranges++] = (struct mem_range){ low, ram, MEM_RAM };
	mm_boot_init(&b);
}

int host_check(void)
{
	const char *wrong[] = { host_tlb_check(), buddy_check() };
	int broken = mm_check(NULL);

	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (!wrong[i])
			continue;
		pr_err("%s", wrong[i]);
		broken++;
	}
	lock_assert_none_held();
	return broken;
}
