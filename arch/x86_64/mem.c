/*
 * The kernel's own address space.
 *
 *   0xffff888000000000  physical map   rw-  all RAM (and ACPI tables), by the largest pages that fit;
 *                                           the image's text and rodata are r-- here, too
 *   0xffffc90000000000  kernel stacks  rw-  4 KiB pages between holes (kstack.c)
 *   0xffffe90000000000  registers      rw-  uncached
 *   0xffffffff80000000  image          r-x text, r-- rodata, rw- data
 *
 *   K1  No page is writable and executable, under any of its addresses.
 *   K2  Each of these areas has its level-3 table from the start, so that the level-4 entries never change: mmu_new_top()
 *       copies them once and is right for ever.
 *   K3  Nothing here has PTE_U, and everything has PTE_G.
 *
 * Tables and the boot CPU's stacks come from mem_boot_page(): a bump allocator in the largest free piece of RAM below
 * 4 GiB, the reach of the early tables. What it has handed out is one of boot_info.taken in the end.
 */
#include "arch/x86_64/x86.h"
#include "kernel/boot.h"
#include "kernel/lib/string.h"
#include "kernel/printk.h"

#define EARLY_REACH (1UL << 32)
#define PT_LEAF_LEVEL_KERNEL 3

#define PROT_TEXT (PTE_P | PTE_A | PTE_G)
#define PROT_RODATA (PTE_P | PTE_A | PTE_G | PTE_NX)
#define PROT_DATA (PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX | PTE_W)
#define PROT_MMIO (PROT_DATA | PTE_PCD | PTE_PWT)

static pte_t kernel_top[PT_ENTRIES] __aligned(PAGE_SIZE);
static u64 boot_pages_start, boot_pages_next, boot_pages_end;
static unsigned long mmio_next = MMIO_BASE;
static u64 physmap_end;

/* ---- Pages before there is an allocator ---- */

/* The first byte at or after `at`, within [at, end), that nobody has taken; *gap_end is where that ends. */
static u64 next_gap(const struct boot_info *b, u64 at, u64 end, u64 *gap_end)
{
	bool moved;

	do {
		moved = false;
		*gap_end = end;
		for (unsigned int i = 0; i < b->nr_taken; i++) {
			const struct mem_range *t = &b->taken[i];

			if (t->start <= at && at < t->end) {
				at = t->end;
				moved = true;
			} else if (t->start > at) {
				*gap_end = min(*gap_end, t->start);
			}
		}
	} while (moved);
	return at;
}

static void boot_pages_init(const struct boot_info *b)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		u64 end = min(b->ranges[i].end, EARLY_REACH), gap_end;

		if (b->ranges[i].kind != MEM_RAM)
			continue;
		for (u64 at = b->ranges[i].start; (at = next_gap(b, at, end, &gap_end)) < end; at = gap_end) {
			u64 lo = ALIGN_UP(at, PAGE_SIZE), hi = ALIGN_DOWN(gap_end, PAGE_SIZE);

			if (hi > lo && hi - lo > boot_pages_end - boot_pages_start) {
				boot_pages_start = boot_pages_next = lo;
				boot_pages_end = hi;
			}
		}
	}
}

u64 mem_boot_page(void)
{
	u64 phys = boot_pages_next;

	if (boot_pages_next == boot_pages_end)
		panic("too little memory to boot");
	boot_pages_next += PAGE_SIZE;
	clear_page(phys_to_virt(phys));
	return phys;
}

/* ---- Tables ---- */

/* The entry of `level` that translates addr; tables above it are made. NULL when new_table gave none. */
static pte_t *walk(unsigned long addr, int level, u64 (*new_table)(void))
{
	pte_t *table = kernel_top;

	for (int l = PT_LEVELS; l > level; l--) {
		pte_t *e = &table[pt_index(addr, l)];

		if (pte_none(*e)) {
			u64 phys = new_table();

			if (!phys)
				return NULL;
			*e = pte_of(phys | PTE_P | PTE_W | PTE_A);
		}
		assert(pte_is_table(*e, l));
		table = phys_to_virt(pte_pfn(*e) << PAGE_SHIFT);
	}
	return &table[pt_index(addr, level)];
}

pte_t *mem_kernel_pte(unsigned long addr, u64 (*new_table)(void))
{
	return walk(addr, 1, new_table);
}

static u64 no_table(void)
{
	return 0;
}

/* => the caller flushes on every CPU before the table is used for anything else */
u64 mem_kernel_drop_table(unsigned long addr)
{
	pte_t *e = walk(addr, 2, no_table);
	u64 phys;

	assert(e && pte_is_table(*e, 2));
	phys = pte_pfn(*e) << PAGE_SHIFT;
	*e = PTE_NONE;
	return phys;
}

static int largest_level(unsigned long addr, u64 phys, u64 size)
{
	for (int level = PT_LEAF_LEVEL_KERNEL; level > 1; level--) {
		if (level == 3 && !cpu_has(CPU_PAGE1G))
			continue;
		if (IS_ALIGNED(addr | phys, PT_LEVEL_SIZE(level)) && size >= PT_LEVEL_SIZE(level))
			return level;
	}
	return 1;
}

static u64 direct_bytes[PT_LEAF_LEVEL_KERNEL + 1];

u64 mmu_direct_bytes(int level)
{
	return direct_bytes[level];
}

static void map(unsigned long addr, u64 phys, u64 size, u64 prot)
{
	while (size) {
		int level = largest_level(addr, phys, size);
		u64 step = PT_LEVEL_SIZE(level);
		pte_t *e = walk(addr, level, mem_boot_page);

		assert(pte_none(*e));
		*e = pte_make(phys >> PAGE_SHIFT, (pgprot_t){ prot }, level);
		if (addr >= PHYSMAP_BASE && addr < VMAP_BASE)
			direct_bytes[level] += step;
		addr += step;
		phys += step;
		size -= step;
	}
}

/* [start, end) of the physical map; what text and rodata occupy is not writable there either (K1). */
static void map_physical(u64 start, u64 end)
{
	u64 ro_start = image_phys(image_start), ro_end = image_phys(data_start);
	u64 cut[] = { start, max(start, min(end, ro_start)), max(start, min(end, ro_end)), end };

	for (int i = 0; i < 3; i++)
		map(PHYSMAP_BASE + cut[i], cut[i], cut[i + 1] - cut[i], i == 1 ? PROT_RODATA : PROT_DATA);
}

static void map_image(const char *start, const char *end, u64 prot)
{
	map((unsigned long)start, image_phys(start), end - start, prot);
}

/* Whole pages that belong to RAM. Neighbours that share a page (firmware does not promise otherwise) keep to theirs. */
static void map_ram(const struct boot_info *b)
{
	u64 done = 0;

	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		u64 start = max(ALIGN_UP(b->ranges[i].start, PAGE_SIZE), done);
		u64 end = ALIGN_DOWN(b->ranges[i].end, PAGE_SIZE);

		if ((b->ranges[i].kind != MEM_RAM && b->ranges[i].kind != MEM_ACPI) || start >= end)
			continue;
		map_physical(start, end);
		done = physmap_end = end;
	}
}

void mem_init(struct boot_info *b)
{
	boot_pages_init(b);
	walk(VMAP_BASE, 2, mem_boot_page); /* K2; kstack.c needs no more than this one level-2 table */
	walk(MMIO_BASE, 3, mem_boot_page);
	map_ram(b);
	map_image(image_start, rodata_start, PROT_TEXT);
	map_image(rodata_start, data_start, PROT_RODATA);
	map_image(data_start, image_end, PROT_DATA);
	write_cr3(mem_kernel_top());
}

/* boot_info.taken gets what mem_boot_page() has given: last of all. */
void mem_boot_done(struct boot_info *b)
{
	assert(b->nr_taken < BOOT_RANGES_MAX);
	b->taken[b->nr_taken++] = (struct mem_range){ boot_pages_start, boot_pages_next, MEM_KERNEL };
	boot_pages_end = boot_pages_next;
}

u64 mem_kernel_top(void)
{
	return image_phys(kernel_top);
}

void *mem_mmio(u64 phys, size_t size)
{
	u64 start = ALIGN_DOWN(phys, PAGE_SIZE), len = ALIGN_UP(phys + size, PAGE_SIZE) - start;
	unsigned long addr = mmio_next;

	map(addr, start, len, PROT_MMIO);
	mmio_next += len + PAGE_SIZE;
	return (void *)(addr + (phys - start));
}

/* The areas' level-4 entries, of which there are few: cheaper than 256 copies at every fork. */
void mmu_new_top(pte_t *top)
{
	static const unsigned long areas[] = { VMAP_BASE, MMIO_BASE, KERNEL_BASE };

	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		top[pt_index(areas[i], 4)] = kernel_top[pt_index(areas[i], 4)];
	for (u64 phys = 0; phys < physmap_end; phys += PT_LEVEL_SIZE(4))
		top[pt_index(PHYSMAP_BASE + phys, 4)] = kernel_top[pt_index(PHYSMAP_BASE + phys, 4)];
}
