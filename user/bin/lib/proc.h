/*
 * Reading what the kernel says about a process, for the tools and the demos.
 *
 * The files are Linux's, but for those below /proc/<pid>/mm and /sys/kernel/mm/quire, which exist on
 * Quire only: on_quire() tells.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PAGE_SIZE     4096UL
#define PAGE_SHIFT    12
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* /proc/<pid>/pagemap, one of these 64-bit words a page */
#define PAGEMAP_PFN	  ((1UL << 55) - 1)
#define PAGEMAP_EXCLUSIVE (1UL << 56) /* this mapping is the page's only one */
#define PAGEMAP_GUARD	  (1UL << 58)
#define PAGEMAP_FILE	  (1UL << 61) /* of a file, or shared memory */
#define PAGEMAP_SWAPPED	  (1UL << 62)
#define PAGEMAP_PRESENT	  (1UL << 63)

/* One line of /proc/<pid>/maps. */
struct map {
	unsigned long start;
	unsigned long end;
	unsigned long offset;
	unsigned long inode;
	unsigned int major;
	unsigned int minor;
	char perms[5];
	char name[256];
};

/* One line of /proc/<pid>/mm/vmas. */
struct vma {
	unsigned long start;
	unsigned long end;
	unsigned long identity; /* 0: none */
	unsigned long pgoff; /* of anonymous pages */
	char perms[5];
	char state[12];
	char flags[80];
	char name[128];
};

/* One line of /proc/<pid>/mm/ledger: what a process costs the kernel in structures. */
struct ledger {
	long objects;
	long bytes;
};

bool on_quire(void);

/* Open /proc/<pid>/FILE, for reading by lines. => null and errno when there is none */
FILE *proc_open(pid_t pid, const char *file);

/* The first line of /proc/<pid>/FILE without its end. => false when there is none */
bool proc_line(pid_t pid, const char *file, char *line, size_t size);

/* The command line of a process, words parted by spaces, or [name] of one that has none. */
bool proc_command(pid_t pid, char *text, size_t size);

/* Read the next line of a maps file; smaps has others between, which are skipped. => false at its end */
bool map_next(FILE *maps, struct map *map);

/* The process's map that contains addr. => false when none does */
bool map_find(pid_t pid, unsigned long addr, struct map *map);

/* The number of maps that touch [start, end). */
int map_count(pid_t pid, unsigned long start, unsigned long end);

/* => false at the end of the file */
bool vma_next(FILE *vmas, struct vma *vma);
bool vma_find(pid_t pid, unsigned long addr, struct vma *vma);

/* The pagemap word of the page at addr; 0 when it cannot be read. */
uint64_t pagemap(pid_t pid, unsigned long addr);

/* The size in KiB behind a key of smaps ("Rss") for the map that contains addr; -1 when there is none. */
long smaps_kib(pid_t pid, unsigned long addr, const char *key);

/* A counter of /proc/vmstat, or objects in use of a cache of /proc/slabinfo; -1 when there is none. */
long vmstat(const char *name);
long slab_objects(const char *cache);

/* => false when this kernel keeps none */
bool ledger(pid_t pid, const char *kind, struct ledger *entry);

/* A number in a file such as a sysctl's; -1 when it cannot be read. */
long read_number(const char *path);
bool write_number(const char *path, long value);

#endif
