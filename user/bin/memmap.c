/*
 * memmap: physical memory, one character a page, coloured by owner.
 *
 *	memmap [-a] [PID...]	-a: all lines; without it a run of lines that are alike is one
 *
 *	.  free		T  page table	S  kernel objects (slab)	F  file pages
 *	K  kernel image	k  other kernel pages	Z  the zero page	-  no memory
 *	1-9 a-z	anonymous, of the process with that sign	*  anonymous, of several processes
 *
 * The picture is two views laid over each other: the kernel's of every page frame, and each process's list
 * of the frames it maps. They are read one after the other, so a busy machine's picture is
 * blurred: an anonymous page whose owner is gone meanwhile stays A or B (several mappings).
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "term.h"

#define MEMMAP "/sys/kernel/mm/quire/memmap"

enum { LINE = 64, MAX_OWNERS = 34 };

struct owner {
	pid_t pid;
	long pages;
	char name[20];
};

static const char signs[MAX_OWNERS + 1] = "123456789abcdefghijlmnopqrstuvwxyz";
static struct owner owners[MAX_OWNERS];
static int owner_count;

static char *frames;
static unsigned long frame_count;

static enum colour sign_colour(char c)
{
	static const enum colour of_owner[] = {GREEN, CYAN, YELLOW, MAGENTA, BLUE, RED};
	const char *sign = strchr(signs, c);

	if (c == 'A' || c == 'B' || c == '*')
		return BOLD;
	if (c == '.' || c == '-')
		return FAINT;
	if (sign && *sign && c != 'k')
		return of_owner[(size_t)(sign - signs) % ARRAY_SIZE(of_owner)];
	return c == 'K' || c == 'k' ? RED : c == 'S' ? MAGENTA : c == 'T' ? YELLOW : BLUE;
}

/* Read the kernel's view. => false when there is none */
static bool read_frames(void)
{
	FILE *f = fopen(MEMMAP, "re");
	unsigned long n = 0;
	int c;

	if (!f)
		return false;
	if (fscanf(f, "pages %lu", &frame_count) != 1) {
		fclose(f);
		return false;
	}
	frames = malloc(frame_count + 1);
	while (frames && n < frame_count && (c = getc(f)) != EOF) {
		if (!isspace(c))
			frames[n++] = (char)c;
	}
	fclose(f);
	frame_count = n;
	return frames;
}

/* Mark the anonymous pages of one process with its sign. */
static void add_owner(pid_t pid)
{
	unsigned long pfn, address;
	struct owner *owner;
	char sign;
	FILE *f;

	if (owner_count == MAX_OWNERS)
		return;
	f = proc_open(pid, "mm/frames");
	if (!f)
		return;
	owner = &owners[owner_count];
	sign = signs[owner_count];
	owner->pid = pid;
	while (fscanf(f, "%lx %lx", &pfn, &address) == 2) {
		if (pfn >= frame_count)
			continue;
		if (frames[pfn] == 'A' || frames[pfn] == 'B')
			frames[pfn] = sign;
		else if (frames[pfn] != sign && frames[pfn] != 'k' && strchr(signs, frames[pfn]))
			frames[pfn] = '*';
		owner->pages += frames[pfn] == sign || frames[pfn] == '*';
	}
	fclose(f);
	if (owner->pages && proc_line(pid, "comm", owner->name, sizeof(owner->name)))
		owner_count++;
}

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

static void add_all_owners(void)
{
	pid_t pids[1024];
	size_t count = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && count < ARRAY_SIZE(pids) && (entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			pids[count++] = atoi(entry->d_name);
	}
	if (proc)
		closedir(proc);
	qsort(pids, count, sizeof(pids[0]), by_number);
	for (size_t i = 0; i < count; i++)
		add_owner(pids[i]);
}

static void print_line(unsigned long first, unsigned long count)
{
	enum colour now = PLAIN;

	printf("%9lx ", first * PAGE_SIZE);
	for (unsigned long i = first; i < first + count; i++) {
		enum colour wanted = sign_colour(frames[i]);

		if (wanted != now)
			printf("%s%s", colour(PLAIN), colour(wanted));
		now = wanted;
		putchar(frames[i]);
	}
	printf("%s\n", colour(PLAIN));
}

static bool same_line(unsigned long a, unsigned long b)
{
	return b + LINE <= frame_count && !memcmp(frames + a, frames + b, LINE);
}

static void print_frames(bool all)
{
	for (unsigned long i = 0; i < frame_count; i += LINE) {
		unsigned long run = 0;

		print_line(i, frame_count - i < LINE ? frame_count - i : LINE);
		while (!all && same_line(i, i + (run + 1) * LINE))
			run++;
		if (run > 1)
			printf("          %s(%lu more such lines)%s\n", colour(FAINT), run,
			       colour(PLAIN));
		if (run > 1)
			i += run * LINE;
	}
}

static long count_of(const char *kinds)
{
	long count = 0;

	for (unsigned long i = 0; i < frame_count; i++)
		count += strchr(kinds, frames[i]) != NULL;
	return count;
}

static void print_legend(void)
{
	long memory = (long)frame_count - count_of("-");

	printf("%ld pages: %ld free (.), %ld kernel (K k), %ld slab (S), %ld page tables (T),\n",
	       memory, count_of("."), count_of("Kk"), count_of("S"), count_of("T"));
	printf("%ld file (F), %ld anonymous: of one process (its sign), of several (*), of none (A "
	       "B)\n",
	       count_of("F"), memory - count_of(".KkSTFZ"));
	for (int i = 0; i < owner_count; i++)
		printf("  %s%c%s %5d %-16s %6ld pages\n", colour(sign_colour(signs[i])), signs[i],
		       colour(PLAIN), owners[i].pid, owners[i].name, owners[i].pages);
}

int main(int argc, char **argv)
{
	bool all = false;
	int c;

	while ((c = getopt(argc, argv, "a")) != -1) {
		if (c != 'a') {
			fprintf(stderr, "usage: memmap [-a] [PID...]\n");
			return 1;
		}
		all = true;
	}
	if (!read_frames()) {
		fprintf(stderr, "memmap: cannot read %s%s\n", MEMMAP,
			on_quire() ? "" : ": this kernel is not Quire");
		return 1;
	}
	if (optind == argc)
		add_all_owners();
	for (; optind < argc; optind++)
		add_owner(atoi(argv[optind]));
	print_frames(all);
	print_legend();
	return 0;
}
