/* The exception table of uaccess.S: which instructions may fault, and where to go on then. A dozen or two entries, read
 * only after a fault that cannot be helped: a linear search. */
#include "arch/x86_64/x86.h"

struct ex_entry {
	u64 insn, fixup;
};
extern const struct ex_entry ex_table_start[], ex_table_end[];

unsigned long ex_table_find(unsigned long rip)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++)
		if (e->insn == rip)
			return e->fixup;
	return 0;
}
