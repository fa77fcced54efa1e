/*
 * slabtop: the kernel's object caches, in the format of procps' program of that name.
 *
 *	slabtop [-o] [-d SECONDS] [-s KEY]
 *
 * -o prints once, all of it; without it the screen is renewed every 3 seconds (-d) until `q`. -s sorts
 * by o objects (the default), a active, u use, c cache size, l slabs, n name, p pages per slab.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "proc.h"
#include "term.h"

#define HEAD_ROWS 8

struct cache {
	char name[64];
	unsigned long active;
	unsigned long objects;
	unsigned long size;
	unsigned long per_slab;
	unsigned long pages_per_slab;
	unsigned long active_slabs;
	unsigned long slabs;
};

static struct cache caches[512];
static size_t cache_count;
static char sort_key = 'o';

static unsigned long cache_kib(const struct cache *c)
{
	return c->slabs * c->pages_per_slab * (PAGE_SIZE / 1024);
}

static unsigned long cache_use(const struct cache *c)
{
	return c->objects ? 100 * c->active / c->objects : 0;
}

static unsigned long sort_value(const struct cache *c)
{
	switch (sort_key) {
	case 'a':
		return c->active;
	case 'u':
		return cache_use(c);
	case 'c':
		return cache_kib(c);
	case 'l':
		return c->slabs;
	case 'p':
		return c->pages_per_slab;
	default:
		return c->objects;
	}
}

static int by_key(const void *pa, const void *pb)
{
	const struct cache *a = pa, *b = pb;
	unsigned long va = sort_value(a), vb = sort_value(b);

	if (sort_key == 'n' || va == vb)
		return strcmp(a->name, b->name);
	return va < vb ? 1 : -1;
}

static bool read_caches(void)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[256];

	if (!f)
		return false;
	cache_count = 0;
	while (cache_count < ARRAY_SIZE(caches) && fgets(line, sizeof(line), f)) {
		struct cache *c = &caches[cache_count];

		if (sscanf(line,
			   "%63s %lu %lu %lu %lu %lu : tunables %*u %*u %*u : slabdata %lu %lu",
			   c->name, &c->active, &c->objects, &c->size, &c->per_slab,
			   &c->pages_per_slab, &c->active_slabs, &c->slabs) == 8)
			cache_count++;
	}
	fclose(f);
	qsort(caches, cache_count, sizeof(caches[0]), by_key);
	return true;
}

static double percent(double part, double whole)
{
	return whole ? 100 * part / whole : 0;
}

static void print_head(void)
{
	unsigned long active = 0, objects = 0, active_slabs = 0, slabs = 0, used_caches = 0;
	double active_kib = 0, kib = 0;
	double smallest = 0, largest = 0;

	for (size_t i = 0; i < cache_count; i++) {
		const struct cache *c = &caches[i];

		active += c->active;
		objects += c->objects;
		active_slabs += c->active_slabs;
		slabs += c->slabs;
		used_caches += c->objects != 0;
		active_kib += (double)c->active * (double)c->size / 1024;
		kib += (double)c->objects * (double)c->size / 1024;
		if (!smallest || (double)c->size < smallest)
			smallest = (double)c->size;
		if ((double)c->size > largest)
			largest = (double)c->size;
	}
	printf(" Active / Total Objects (%% used)    : %lu / %lu (%.1f%%)\n", active, objects,
	       percent((double)active, (double)objects));
	printf(" Active / Total Slabs (%% used)      : %lu / %lu (%.1f%%)\n", active_slabs, slabs,
	       percent((double)active_slabs, (double)slabs));
	printf(" Active / Total Caches (%% used)     : %lu / %zu (%.1f%%)\n", used_caches,
	       cache_count, percent((double)used_caches, (double)cache_count));
	printf(" Active / Total Size (%% used)       : %.2fK / %.2fK (%.1f%%)\n", active_kib, kib,
	       percent(active_kib, kib));
	printf(" Minimum / Average / Maximum Object : %.2fK / %.2fK / %.2fK\n\n", smallest / 1024,
	       objects ? kib / (double)objects : 0, largest / 1024);
}

static void print_caches(size_t rows)
{
	printf("%6s %6s %4s %8s %6s %8s %10s %-23s\n", "OBJS", "ACTIVE", "USE", "OBJ SIZE", "SLABS",
	       "OBJ/SLAB", "CACHE SIZE", "NAME");
	for (size_t i = 0; i < cache_count && i < rows; i++) {
		const struct cache *c = &caches[i];

		printf("%6lu %6lu %3lu%% %7.2fK %6lu %8lu %9luK %-23s\n", c->objects, c->active,
		       cache_use(c), (double)c->size / 1024, c->slabs, c->per_slab, cache_kib(c),
		       c->name);
	}
}

/* Wait for a key or the time. => true for one that ends the program */
static bool wait_key(int seconds)
{
	struct pollfd in = {STDIN_FILENO, POLLIN, 0};
	char key;

	if (poll(&in, 1, seconds * 1000) <= 0)
		return false;
	if (read(STDIN_FILENO, &key, 1) != 1)
		return true;
	if (strchr("aoucnlp", key))
		sort_key = key;
	return key == 'q';
}

static void run_screen(int seconds)
{
	struct termios old, raw;
	bool end = false;

	tcgetattr(STDIN_FILENO, &old);
	raw = old;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	while (!end && read_caches()) {
		printf("\033[H\033[J");
		print_head();
		print_caches((size_t)(term_rows() - HEAD_ROWS));
		fflush(stdout);
		end = wait_key(seconds);
	}
	tcsetattr(STDIN_FILENO, TCSANOW, &old);
}

int main(int argc, char **argv)
{
	bool once = !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
	int c, seconds = 3;

	while ((c = getopt(argc, argv, "od:s:")) != -1) {
		if (c == 'o')
			once = true;
		else if (c == 'd' && atoi(optarg) > 0)
			seconds = atoi(optarg);
		else if (c == 's' && strchr("aoucnlp", *optarg))
			sort_key = *optarg;
		else {
			fprintf(stderr, "usage: slabtop [-o] [-d SECONDS] [-s a|o|u|c|n|l|p]\n");
			return 1;
		}
	}
	if (!read_caches()) {
		perror("slabtop: /proc/slabinfo");
		return 1;
	}
	if (!once) {
		run_screen(seconds);
		return 0;
	}
	print_head();
	print_caches(cache_count);
	return 0;
}
