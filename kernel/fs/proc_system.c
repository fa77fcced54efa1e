/*
 * /proc itself: one table of files about the system.
 *
 * Memory's files come from mm/proc_*.c and their like, CPUs' from the port; what is left is here. All in Linux's format,
 * byte for byte, because programs parse them by position.
 */
#include "kernel/fs/procfs.h"

#include "kernel/boot.h"
#include "kernel/fs/devices.h"
#include "kernel/lib/string.h"
#include "kernel/loadavg.h"
#include "kernel/pid.h"
#include "kernel/time.h"
#include "kernel/uapi/resource.h"
#include "kernel/uts.h"
#include "mm/proc_mm.h"
#include <arch/irq.h>

#define TICK (NSEC_PER_SEC / USER_HZ)

/* ---- Memory ---- */

static int meminfo(struct seq *s, struct proc_node *n)
{
	(void)n;
	return proc_meminfo(s);
}

static int vmstat(struct seq *s, struct proc_node *n)
{
	(void)n;
	return proc_vmstat(s);
}

static int slabinfo(struct seq *s, struct proc_node *n)
{
	(void)n;
	return proc_slabinfo(s);
}

static int buddyinfo(struct seq *s, struct proc_node *n)
{
	(void)n;
	return proc_buddyinfo(s);
}

static int zoneinfo(struct seq *s, struct proc_node *n)
{
	(void)n;
	return proc_zoneinfo(s);
}

/* ---- CPUs and time ---- */

static int cpuinfo(struct seq *s, struct proc_node *n)
{
	(void)n;
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++)
		arch_show_cpuinfo(s, cpu);
	return 0;
}

static int uptime(struct seq *s, struct proc_node *n)
{
	u64 up = cpu_clock(), idle = 0;

	(void)n;
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++)
		idle += sched_cpu_usage(cpu).idle;
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", (unsigned long)(up / NSEC_PER_SEC), (unsigned long)(up / TICK % USER_HZ),
		   (unsigned long)(idle / NSEC_PER_SEC), (unsigned long)(idle / TICK % USER_HZ));
	return 0;
}

/* user nice system idle iowait irq softirq steal guest guest_nice: what follows idle does not happen here */
static void put_cpu(struct seq *s, const struct cpu_usage *u)
{
	seq_printf(s, " %lu %lu %lu %lu 0 0 0 0 0 0\n", (unsigned long)(u->user / TICK), (unsigned long)(u->nice / TICK),
		   (unsigned long)(u->system / TICK), (unsigned long)(u->idle / TICK));
}

static struct cpu_usage usage_sum(void)
{
	struct cpu_usage sum = { 0 };

	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		struct cpu_usage u = sched_cpu_usage(cpu);

		sum.user += u.user;
		sum.nice += u.nice;
		sum.system += u.system;
		sum.idle += u.idle;
		sum.switches += u.switches;
	}
	return sum;
}

static int stat(struct seq *s, struct proc_node *n)
{
	struct cpu_usage sum = usage_sum(), one;

	(void)n;
	seq_puts(s, "cpu ");
	put_cpu(s, &sum);
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		one = sched_cpu_usage(cpu);
		seq_printf(s, "cpu%u", cpu);
		put_cpu(s, &one);
	}
	seq_printf(s, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n",
		   (unsigned long)arch_irq_count(), (unsigned long)sum.switches,
		   (unsigned long)((time_real_ns() - cpu_clock()) / NSEC_PER_SEC), (unsigned long)task_total(),
		   sched_nr_running());
	seq_puts(s, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

static int loadavg(struct seq *s, struct proc_node *n)
{
	unsigned long load[3];

	(void)n;
	loadavg_get(load);
	for (int i = 0; i < 3; i++) {
		unsigned long rounded = load[i] + LOAD_ONE / 200;

		seq_printf(s, "%lu.%02lu ", rounded / LOAD_ONE, rounded % LOAD_ONE * 100 / LOAD_ONE);
	}
	seq_printf(s, "%u/%u %d\n", sched_nr_running(), task_count(), pid_last());
	return 0;
}

/* ---- Names ---- */

static int version(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_printf(s, "%s version %s (quire@quire) (compiler %s) %s\n", uts_name.sysname, uts_name.release, __VERSION__,
		   uts_name.version);
	return 0;
}

static int cmdline(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_puts(s, boot_info.cmdline);
	seq_putc(s, '\n');
	return 0;
}

static int filesystems(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_puts(s, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\nnodev\tramfs\n");
	return 0;
}

static int devices(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_puts(s, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n\nBlock devices:\n");
	return 0;
}

static int swaps(struct seq *s, struct proc_node *n)
{
	(void)n;
	seq_puts(s, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* ---- Links ---- */

static int self_readlink(struct inode *inode, char *buf, size_t size)
{
	(void)inode;
	return current->process ? snprintf(buf, size, "%d", current->process->pid) : -ENOENT;
}

static int thread_self_readlink(struct inode *inode, char *buf, size_t size)
{
	(void)inode;
	return current->process ? snprintf(buf, size, "%d/task/%d", current->process->pid, current->tid) : -ENOENT;
}

static int mounts_readlink(struct inode *inode, char *buf, size_t size)
{
	(void)inode;
	return snprintf(buf, size, "self/mounts");
}

static const struct inode_ops self_ops = { .readlink = self_readlink, .free = proc_node_free };
static const struct inode_ops thread_self_ops = { .readlink = thread_self_readlink, .free = proc_node_free };
static const struct inode_ops mounts_ops = { .readlink = mounts_readlink, .free = proc_node_free };

#define TEXT_LINK(n, o) { .name = n, .mode = S_IFLNK | 0777, .ops = o }

const struct proc_entry proc_root_table[] = {
	PROC_TEXT("buddyinfo", 0444, buddyinfo),
	PROC_TEXT("cmdline", 0444, cmdline),
	PROC_TEXT("cpuinfo", 0444, cpuinfo),
	PROC_TEXT("devices", 0444, devices),
	PROC_TEXT("filesystems", 0444, filesystems),
	PROC_FILE("kmsg", 0400, &proc_kmsg_ops),
	PROC_TEXT("loadavg", 0444, loadavg),
	PROC_TEXT("meminfo", 0444, meminfo),
	TEXT_LINK("mounts", &mounts_ops),
	TEXT_LINK("self", &self_ops),
	PROC_TEXT("slabinfo", 0400, slabinfo),
	PROC_TEXT("stat", 0444, stat),
	PROC_TEXT("swaps", 0444, swaps),
	PROC_DIR("sys", 0555, &proc_sys_ops, &proc_sys_fops),
	TEXT_LINK("thread-self", &thread_self_ops),
	PROC_TEXT("uptime", 0444, uptime),
	PROC_TEXT("version", 0444, version),
	PROC_TEXT("vmstat", 0444, vmstat),
	PROC_TEXT("zoneinfo", 0444, zoneinfo),
};
const unsigned int proc_root_nr = ARRAY_SIZE(proc_root_table);
