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

/* Called by arch on the boot CPU: physical map, GDT, IDT, per-CPU area and console work; interrupts off. */
__noreturn void kernel_main(void);

#endif
