/* What the loader told us, in one form for multiboot2 and PVH. Filled by arch, consumed by main.c. */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include "kernel/types.h"

struct mem_range {
	u64 start, end; /* bytes, half open */
	enum mem_kind { MEM_RAM, MEM_RESERVED, MEM_ACPI, MEM_KERNEL, MEM_INITRD } kind;
};

#define BOOT_RANGES_MAX 64

struct boot_info {
	const char *loader; /* "multiboot2" or "PVH" */
	char cmdline[2048];
	struct mem_range ranges[BOOT_RANGES_MAX]; /* the firmware's RAM and reserved ranges */
	unsigned int nr_ranges;
	struct mem_range taken[BOOT_RANGES_MAX]; /* in use before the allocator: image, initrd, early tables */
	unsigned int nr_taken;
	u64 initrd_start, initrd_end; /* physical; equal when none */
	u64 rsdp;		      /* physical, 0 when the loader gave none */
};
extern struct boot_info boot_info;

/* `panic=exit` is among the arguments: start.S looks for it before anything else can fail. */
extern bool boot_panic_exit;

/* Called by arch on the boot CPU: physical map, GDT, IDT, per-CPU area, clock and UARTs work; interrupts off, current is
 * NULL (set_current() names the idle task). The stack is a kernel stack like others; it is never freed. */
__noreturn void kernel_main(void);

#endif
