/*
 * From the loader to kernel_main().
 *
 * start.S leaves us in the high half on the early tables and the boot stack. First what a failure needs (GS, UARTs,
 * exceptions), then the loader's information, which is copied before anything may overwrite it, then the machine in the
 * order of dependence: CPU features, ACPI (early tables reach it), final tables, stacks of exceptions, interrupt
 * controllers, clocks. kernel_main() gets a stack with a hole below it.
 *
 *   multiboot2   Multiboot2 specification 2.0, section 3.6: tags in any order
 *   PVH          Xen's public/arch-x86/hvm/start_info.h: one structure, version 1 with the memory map
 */
#include "arch/x86_64/x86.h"
#include "kernel/boot.h"
#include "kernel/lib/string.h"
#include "kernel/printk.h"

#define LOW_MEMORY_END 0x100000UL /* firmware's data, AP trampoline, VGA: left alone altogether */

/* ---- multiboot2 ---- */
#define MB2_MAGIC 0x36d76289

enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MMAP = 6, MB2_RSDP_OLD = 14, MB2_RSDP_NEW = 15 };

struct mb2_tag {
	u32 type, size;
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
	char args[];
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
	u8 entries[];
};

struct mb2_mmap_entry {
	u64 addr, size;
	u32 type, reserved;
};

/* ---- PVH ---- */
#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp;
	u64 memmap; /* version 1 */
	u32 nr_memmap, reserved;
};

struct pvh_module {
	u64 start, size, cmdline, reserved;
};

struct pvh_memmap_entry {
	u64 addr, size;
	u32 type, reserved;
};

struct boot_info boot_info;

/* ---- Ranges ---- */

/* The types of a BIOS memory map, which both loaders hand on. */
static enum mem_kind kind_of(u32 type)
{
	return type == 1 ? MEM_RAM : type == 3 ? MEM_ACPI : MEM_RESERVED;
}

/* Kept in order of addresses; a neighbour of the same kind grows. */
static void add_range(u64 start, u64 size, u32 type)
{
	struct mem_range *r = boot_info.ranges, new = { start, start + size, kind_of(type) };
	unsigned int i = boot_info.nr_ranges;

	if (!size)
		return;
	while (i && r[i - 1].start > start)
		i--;
	if (i && r[i - 1].kind == new.kind && r[i - 1].end == start) {
		r[i - 1].end = new.end;
		return;
	}
	if (i < boot_info.nr_ranges && r[i].kind == new.kind && r[i].start == new.end) {
		r[i].start = start;
		return;
	}
	if (boot_info.nr_ranges == BOOT_RANGES_MAX) {
		pr_warn("memory map too long: %lx..%lx is not used\n", new.start, new.end);
		return;
	}
	memmove(&r[i + 1], &r[i], (boot_info.nr_ranges - i) * sizeof(*r));
	r[i] = new;
	boot_info.nr_ranges++;
}

static void take(u64 start, u64 end, enum mem_kind kind)
{
	if (start < end)
		boot_info.taken[boot_info.nr_taken++] = (struct mem_range){ start, end, kind };
}

static void set_cmdline(const char *text)
{
	strlcpy(boot_info.cmdline, text, sizeof(boot_info.cmdline));
}

/* ---- What the loaders tell ---- */

static void parse_mb2_mmap(const struct mb2_mmap *m)
{
	const u8 *end = (const u8 *)m + m->tag.size;

	for (const u8 *p = m->entries; p + m->entry_size <= end; p += m->entry_size) {
		const struct mb2_mmap_entry *e = (const struct mb2_mmap_entry *)p;

		add_range(e->addr, e->size, e->type);
	}
}

static void parse_mb2_tag(const struct mb2_tag *t)
{
	const struct mb2_module *mod = (const struct mb2_module *)t;

	switch (t->type) {
	case MB2_CMDLINE:
		set_cmdline((const char *)(t + 1));
		break;
	case MB2_MODULE:
		if (!boot_info.initrd_end) {
			boot_info.initrd_start = mod->start;
			boot_info.initrd_end = mod->end;
		}
		break;
	case MB2_MMAP:
		parse_mb2_mmap((const struct mb2_mmap *)t);
		break;
	case MB2_RSDP_OLD:
		if (!boot_info.rsdp)
			boot_info.rsdp = virt_to_phys(t + 1);
		break;
	case MB2_RSDP_NEW:
		boot_info.rsdp = virt_to_phys(t + 1);
		break;
	}
}

static void parse_mb2(u64 phys)
{
	const u8 *p = phys_to_virt(phys);
	const u8 *end = p + *(const u32 *)p;
	const struct mb2_tag *t;

	boot_info.loader = "multiboot2";
	for (p += 8; p + sizeof(*t) <= end; p += ALIGN_UP(t->size, 8)) {
		t = (const struct mb2_tag *)p;
		if (t->type == MB2_END || t->size < sizeof(*t))
			break;
		parse_mb2_tag(t);
	}
}

static void parse_pvh(u64 phys)
{
	const struct pvh_start_info *s = phys_to_virt(phys);
	const struct pvh_memmap_entry *e;

	boot_info.loader = "PVH";
	boot_info.rsdp = s->rsdp;
	if (s->cmdline)
		set_cmdline(phys_to_virt(s->cmdline));
	if (s->nr_modules) {
		const struct pvh_module *mod = phys_to_virt(s->modules);

		boot_info.initrd_start = mod->start;
		boot_info.initrd_end = mod->start + mod->size;
	}
	if (s->version < 1 || !s->memmap)
		return;
	e = phys_to_virt(s->memmap);
	for (u32 i = 0; i < s->nr_memmap; i++)
		add_range(e[i].addr, e[i].size, e[i].type);
}

static void parse(u32 magic, u64 info)
{
	if (magic == MB2_MAGIC)
		parse_mb2(info);
	else if (magic == PVH_MAGIC)
		parse_pvh(info);
	else
		panic("not started by a multiboot2 or PVH loader (magic %x)", magic);
	if (!boot_info.nr_ranges)
		panic("the loader gave no memory map");
	take(0, LOW_MEMORY_END, MEM_RESERVED);
	take(LOW_MEMORY_END, image_phys(image_end), MEM_KERNEL);
	take(boot_info.initrd_start, boot_info.initrd_end, MEM_INITRD);
}

/* ---- In order ---- */

static void setup_ists(void)
{
	gdt_set_ist(0, IST_DF, kstack_boot_alloc());
	gdt_set_ist(0, IST_NMI, kstack_boot_alloc());
	gdt_set_ist(0, IST_MC, kstack_boot_alloc());
	idt_use_ists();
}

static void setup_interrupts(void)
{
	pic_mask();
	lapic_init();
	lapic_setup();
	this_cpu()->apic_id = lapic_id();
	ioapic_init();
}

__noreturn void boot_start(u32 magic, u64 info)
{
	void *stack;

	tsc_init();
	cpu_percpu_init(0, 0);
	*(struct percpu **)(boot_stack_top + 16 - IST_PERCPU) = this_cpu();
	uart_init();
	gdt_load(0);
	idt_init();
	parse(magic, info);
	cpu_detect();
	acpi_init(boot_info.rsdp);
	mem_init(&boot_info);
	cpu_setup();
	fpu_init();
	setup_ists();
	setup_interrupts();
	tsc_calibrate();
	stack = kstack_boot_alloc();
	mem_boot_done(&boot_info);
	call_on_stack(stack, kernel_main);
}
