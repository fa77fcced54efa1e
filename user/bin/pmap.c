/*
 * pmap: the memory map of a process, in the format of procps' program of that name.
 *
 *	pmap [-x] [-p] [-q] PID...
 *
 * -x adds what is resident and dirty, from smaps; -p shows whole paths; -q omits the first and last lines.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

struct totals {
	unsigned long size; /* all in KiB */
	unsigned long rss;
	unsigned long dirty;
};

static bool extended, whole_paths, quiet;

/* procps' last column: a file's last word, the stack, or anonymous, which everything else counts as. */
static const char *map_label(const struct map *map)
{
	const char *slash = strrchr(map->name, '/');

	if (map->name[0] == '/')
		return whole_paths || !slash ? map->name : slash + 1;
	return strncmp(map->name, "[stack", 6) ? "  [ anon ]" : "  [ stack ]";
}

static const char *map_mode(const struct map *map)
{
	static char mode[6];

	snprintf(mode, sizeof(mode), "%.3s%c-", map->perms, map->perms[3] == 's' ? 's' : '-');
	return mode;
}

static void print_map(const struct map *map, const struct totals *t)
{
	if (extended)
		printf("%016lx %7lu %7lu %7lu %s %s\n", map->start, t->size, t->rss, t->dirty,
		       map_mode(map), map_label(map));
	else
		printf("%016lx %6luK %s %s\n", map->start, t->size, map_mode(map), map_label(map));
}

/* Add up the lines of smaps that follow a map's first. => false at the end of the file */
static bool smaps_rest(FILE *f, struct totals *t)
{
	unsigned long value;
	char key[40];
	char line[512];

	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmFlags:", 8))
			return true;
		if (sscanf(line, "%39[^:]: %lu kB", key, &value) != 2)
			continue;
		if (!strcmp(key, "Rss"))
			t->rss = value;
		else if (!strcmp(key, "Shared_Dirty") || !strcmp(key, "Private_Dirty"))
			t->dirty += value;
	}
	return false;
}

static void print_footer(const struct totals *all)
{
	if (!extended) {
		printf(" total %16luK\n", all->size);
		return;
	}
	printf("---------------- ------- ------- ------- \n");
	printf("total kB %15lu %7lu %7lu\n", all->size, all->rss, all->dirty);
}

/* => false when there is no such process */
static bool print_process(pid_t pid)
{
	struct totals all = {0};
	char command[256];
	struct map map;
	FILE *f;

	if (!proc_command(pid, command, sizeof(command)))
		return false;
	printf("%d:   %s\n", pid, command);
	f = proc_open(pid, extended ? "smaps" : "maps");
	if (!f)
		return false;
	if (extended && !quiet)
		printf("Address           Kbytes     RSS   Dirty Mode  Mapping\n");
	while (map_next(f, &map)) {
		struct totals t = {.size = (map.end - map.start) >> 10};

		if (extended)
			smaps_rest(f, &t);
		print_map(&map, &t);
		all.size += t.size;
		all.rss += t.rss;
		all.dirty += t.dirty;
	}
	fclose(f);
	if (!quiet)
		print_footer(&all);
	return true;
}

int main(int argc, char **argv)
{
	int c, status = 0;

	while ((c = getopt(argc, argv, "xpq")) != -1) {
		if (c == 'x')
			extended = true;
		else if (c == 'p')
			whole_paths = true;
		else if (c == 'q')
			quiet = true;
		else
			argc = 0;
	}
	if (argc <= optind) {
		fprintf(stderr, "usage: pmap [-x] [-p] [-q] PID...\n");
		return 1;
	}
	for (; optind < argc; optind++) {
		if (!print_process(atoi(argv[optind])))
			status = 42; /* as procps */
	}
	return status;
}
