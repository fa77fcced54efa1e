/*
 * Where we are and how we got here: symbols and return addresses.
 *
 * The symbol table is made from the first link and linked in by the second (scripts/mksyms): offsets of code symbols from
 * KERNEL_BASE in ascending order, and their names. The empty tables here are the first link's.
 *
 * Every function keeps a frame pointer. A frame is believed when it lies in a kernel stack or the boot stack; the
 * chain ends at a 0, at anything else, or after MAX_FRAMES. An entry from an interrupt has no frame of its own, but its
 * struct regs lies at a fixed place above its handler's frame, and tells what was interrupted.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"

#define MAX_FRAMES 32

__attribute__((weak)) const u32 ksyms_count = 0;
__attribute__((weak)) const u32 ksyms_addrs[1] = { 0 };
__attribute__((weak)) const u32 ksyms_names[1] = { 0 };
__attribute__((weak)) const char ksyms_strings[1] = "";

struct frame {
	struct frame *caller;
	unsigned long rip;
};

static bool in_text(unsigned long addr)
{
	return addr >= (unsigned long)image_start && addr < (unsigned long)text_end;
}

/* Read through a pointer that hides its constness: the first link's values are not the last ones. */
const char *ksym_lookup(unsigned long addr, unsigned long *offset)
{
	u32 lo = 0, hi = *(const volatile u32 *)&ksyms_count, target = addr - KERNEL_BASE;

	if (!in_text(addr))
		return NULL;
	while (lo < hi) { /* the first symbol above addr */
		u32 mid = lo + (hi - lo) / 2;

		if (ksyms_addrs[mid] <= target)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	*offset = target - ksyms_addrs[lo - 1];
	return &ksyms_strings[ksyms_names[lo - 1]];
}

static bool frame_ok(const struct frame *f)
{
	unsigned long a = (unsigned long)f, end = a + sizeof(*f) - 1;
	bool boot_stack = a >= (unsigned long)image_start && end < (unsigned long)image_end;

	return IS_ALIGNED(a, 8) && (boot_stack || (kstack_contains(a) && kstack_contains(end)));
}

extern char entries_start[], entries_end[]; /* entry.S */

/* The registers that an entry saved, whose handler has frame f; NULL when f's caller is no entry, or came from a user. */
static const struct regs *entry_regs(const struct frame *f)
{
	const struct regs *r = (const struct regs *)((const u64 *)(f + 1) + 1); /* a word keeps the stack aligned */

	if (f->rip < (unsigned long)entries_start || f->rip >= (unsigned long)entries_end)
		return NULL;
	return regs_from_user(r) ? NULL : r;
}

static void print_line(unsigned long rip)
{
	unsigned long off = 0;
	const char *name = ksym_lookup(rip, &off);

	if (name)
		printk(LOG_EMERG, "  [%016lx] %s+0x%lx\n", rip, name, off);
	else
		printk(LOG_EMERG, "  [%016lx]\n", rip);
}

void arch_backtrace(const struct regs *from)
{
	const struct frame *f = from ? (const struct frame *)from->rbp : (const struct frame *)read_rbp();

	printk(LOG_EMERG, "CPU %u, backtrace:\n", cpu_id());
	if (from)
		print_line(from->rip);
	for (int i = 0; i < MAX_FRAMES && frame_ok(f) && in_text(f->rip); i++) {
		print_line(f->rip);
		if (entry_regs(f))
			print_line(entry_regs(f)->rip);
		f = f->caller;
	}
}
