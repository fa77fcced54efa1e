/* Simulated processes: an address space and what a program can do to it. */
#include "arch/host/host.h"
#include "kernel/printk.h"
#include <arch/cpu.h>

#define PROCS_MAX 1024

static struct host_proc procs[PROCS_MAX]; /* not the kernel's memory: making one never fails */

static struct host_proc *proc_of(struct mm *mm)
{
	for (unsigned int i = 0; i < PROCS_MAX; i++) {
		if (!procs[i].mm) {
			procs[i].mm = mm;
			return &procs[i];
		}
	}
	panic("more than %d simulated processes", PROCS_MAX);
}

struct host_proc *host_proc_create(void)
{
	struct mm *mm = mm_create();

	assert(mm);
	mm->mmap_base = 0x7ffff7fff000UL; /* what a program's loader would choose: Linux's, without randomisation */
	mm->stack_top = 0x7ffffffff000UL;
	return proc_of(mm);
}

struct host_proc *host_proc_fork(struct host_proc *parent)
{
	struct mm *mm = mm_fork(parent->mm);

	return IS_ERR(mm) ? NULL : proc_of(mm);
}

void host_run(struct host_proc *p)
{
	irq_disable();
	mmu_load(p ? p->mm : NULL);
	irq_enable();
}

void host_proc_exit(struct host_proc *p)
{
	if (host_cpus[cpu_id()].mm == p->mm)
		host_run(NULL);
	mm_put(p->mm);
	p->mm = NULL;
}

enum fault_result host_load(struct host_proc *p, unsigned long addr, unsigned int size, u64 *value)
{
	host_run(p);
	*value = 0;
	return host_access(addr, value, size, FAULT_READ | FAULT_USER, NULL);
}

enum fault_result host_store(struct host_proc *p, unsigned long addr, unsigned int size, u64 value)
{
	host_run(p);
	return host_access(addr, &value, size, FAULT_WRITE | FAULT_USER, NULL);
}

enum fault_result host_exec(struct host_proc *p, unsigned long addr)
{
	char byte;

	host_run(p);
	return host_access(addr, &byte, 1, FAULT_EXEC | FAULT_USER, NULL);
}
