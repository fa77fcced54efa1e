/*
 * From the boot CPU's first C function to the first process.
 *
 *	arguments -> memory -> scheduler -> other CPUs -> file systems, initrd -> init
 *
 * Each step says in one sentence what is missing when it cannot go on. Arguments are Linux's: names that the kernel
 * knows, sysctls by name (vm.anon_vma_lazy=0), and the rest, which goes to init: words as arguments, name=value into its
 * environment, everything after ` -- ` as arguments.
 */
#include "kernel/boot.h"
#include "kernel/cmdline.h"
#include "kernel/exec.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/proc.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/uapi/errno.h"
#include "mm/buddy.h"
#include "mm/mm.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmu.h>

static void start_others(void)
{
	arch_start_aps();
	pr_info("%u CPU%s, %s", cpu_count(), cpu_count() == 1 ? "" : "s", arch_cpu_model());
}

static void load_initrd(void)
{
	size_t size = boot_info.initrd_end - boot_info.initrd_start;
	int err;

	if (!size)
		panic("no initrd: there is no init to start; give the loader one (qemu -initrd FILE, GRUB module2)");
	err = initrd_unpack(phys_to_virt(boot_info.initrd_start), size);
	if (err == -ENOMEM)
		panic("too little memory to unpack the initrd of %lu MiB; give the machine more (qemu -m)", size >> 20);
	if (err)
		panic("the initrd could not be unpacked (error %d)", -err);
}

/* Its files have been copied: the archive's own memory, whole pages of it, is free from now on. */
static void free_initrd(void)
{
	u64 first = DIV_ROUND_UP(boot_info.initrd_start, PAGE_SIZE), end = boot_info.initrd_end >> PAGE_SHIFT;

	if (first < end)
		buddy_add(first, end - first);
}

/* Pid 1's way to its program: everything that may sleep happens here, not in the boot context, which is an idle task. */
static void first_work(struct regs *r)
{
	tty_init();
	load_initrd();
	free_initrd();
	if (files_init_console())
		panic("/dev/console could not be opened for init");
	exec_init_program(r);
}

void kernel_main(void)
{
	struct buddy_stats memory;

	cmdline_parse_early(boot_info.cmdline);
	pr_info("Quire, booted by %s: %s", boot_info.loader, boot_info.cmdline[0] ? boot_info.cmdline : "no arguments");
	mm_boot_init(&boot_info);
	sched_init();
	fork_boot();
	signal_boot();
	futex_boot();
	time_init();
	cmdline_parse(boot_info.cmdline);
	buddy_stats(&memory);
	pr_info("%lu MiB of memory, %lu MiB free", memory.total >> 8, memory.free >> 8);
	irq_enable();
	start_others();
	itimer_boot();
	watchdog_boot();
	vfs_init();
	init_create(first_work);
	sched_cpu_main();
}
