/*
 * vmas: the VMAs of processes with the state of their anonymous memory.
 *
 *	vmas [PID...]			default: the process that called
 *
 * The state is what the kernel keeps in one tagged word of each VMA:
 *
 *	NONE		no anonymous page yet, no marker in the page tables
 *	UNFAULTED	guard markers may be there, still no identity
 *	LAZY		pages that this process alone maps: identified by its lazy root
 *	PARENT		a forked child that shows its parent's pages and has none of its own
 *	REGULAR		an anon_vma of its own
 *
 * Identities are numbered in the order in which they appear, over all processes asked for: the same
 * number is the same object, so `vmas PARENT CHILD` shows what a fork shares. PAGE is the offset by which
 * a page is found in its identity; of a LAZY VMA it is the address itself.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "term.h"

enum { MAX_IDENTITIES = 4096 };

static unsigned long identities[MAX_IDENTITIES];
static int identity_count;

/* => 1 for the first identity seen, and so on; 0 for none */
static int identity_number(unsigned long identity)
{
	if (!identity)
		return 0;
	for (int i = 0; i < identity_count; i++) {
		if (identities[i] == identity)
			return i + 1;
	}
	if (identity_count < MAX_IDENTITIES)
		identities[identity_count++] = identity;
	return identity_count;
}

static enum colour state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} table[] = {
		{"NONE", FAINT},  {"UNFAULTED", YELLOW}, {"LAZY", GREEN},
		{"PARENT", CYAN}, {"REGULAR", MAGENTA},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!strcmp(state, table[i].state))
			return table[i].colour;
	}
	return PLAIN;
}

static void print_vma(const struct vma *vma)
{
	char number[16] = "-", page[24] = "-", name[256];
	int id = identity_number(vma->identity);

	if (id) {
		snprintf(number, sizeof(number), "#%d", id);
		snprintf(page, sizeof(page), "%lx", vma->pgoff);
	}
	snprintf(name, sizeof(name), "%s%s%s", vma->name,
		 *vma->name && strcmp(vma->flags, "-") ? " " : "",
		 strcmp(vma->flags, "-") ? vma->flags : "");
	printf("%12lx %8luK %s %s%-9s%s %5s %10s %.24s\n", vma->start,
	       (vma->end - vma->start) >> 10, vma->perms, colour(state_colour(vma->state)),
	       vma->state, colour(PLAIN), number, page, name);
}

static void print_ledger(pid_t pid)
{
	static const char *const kinds[] = {"vm_area_struct", "anon_vma", "anon_vma_chain",
					    "page_table"};
	const char *comma = " ";
	struct ledger entry;

	printf("kernel memory:");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!ledger(pid, kinds[i], &entry))
			continue;
		printf("%s%ld %s (%ld B)", comma, entry.objects, kinds[i], entry.bytes);
		comma = ", ";
		if (i == 1)
			comma = ",\n               ";
	}
	printf("\n");
}

/* => false when the process or the file is not there */
static bool print_process(pid_t pid)
{
	FILE *f = proc_open(pid, "mm/vmas");
	char command[60];
	struct vma vma;

	if (!f || !proc_command(pid, command, sizeof(command))) {
		fprintf(stderr, "vmas: %s\n",
			on_quire() ? "no such process"
				   : "this kernel is not Quire: it has no /proc/<pid>/mm/vmas");
		return false;
	}
	printf("%s%d: %s%s\n", colour(BOLD), pid, command, colour(PLAIN));
	printf("       START      SIZE PERM STATE        ID       PAGE NAME\n");
	while (vma_next(f, &vma))
		print_vma(&vma);
	fclose(f);
	print_ledger(pid);
	return true;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc > 1 && argv[1][0] == '-') {
		fprintf(stderr, "usage: vmas [PID...]\n");
		return 1;
	}
	if (argc == 1)
		return !print_process(getppid());
	for (int i = 1; i < argc; i++)
		status |= !print_process(atoi(argv[i]));
	return status;
}
