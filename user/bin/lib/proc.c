/* Reading /proc: see proc.h. Every file is read line by line through stdio, in Linux's format. */
#include "proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool on_quire(void)
{
	return access("/sys/kernel/mm/quire", F_OK) == 0;
}

FILE *proc_open(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return fopen(path, "re");
}

bool proc_line(pid_t pid, const char *file, char *line, size_t size)
{
	FILE *f = proc_open(pid, file);
	bool got;

	if (!f)
		return false;
	got = fgets(line, (int)size, f);
	fclose(f);
	if (got)
		line[strcspn(line, "\n")] = 0;
	return got;
}

bool proc_command(pid_t pid, char *text, size_t size)
{
	FILE *f = proc_open(pid, "cmdline");
	size_t got;
	char name[64];

	if (!f)
		return false;
	got = fread(text, 1, size - 1, f);
	fclose(f);
	text[got] = 0;
	if (!got) {
		if (!proc_line(pid, "comm", name, sizeof(name)))
			return false;
		snprintf(text, size, "[%s]", name);
		return true;
	}
	for (size_t i = 0; i + 1 < got; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	return true;
}

bool map_next(FILE *maps, struct map *map)
{
	char line[512];
	int name;

	while (fgets(line, sizeof(line), maps)) {
		name = 0;
		if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &map->start, &map->end, map->perms,
			   &map->offset, &map->major, &map->minor, &map->inode, &name) < 7)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(map->name, sizeof(map->name), "%s", name ? line + name : "");
		return true;
	}
	return false;
}

bool map_find(pid_t pid, unsigned long addr, struct map *map)
{
	FILE *maps = proc_open(pid, "maps");
	bool found = false;

	while (maps && !found && map_next(maps, map))
		found = addr >= map->start && addr < map->end;
	if (maps)
		fclose(maps);
	return found;
}

int map_count(pid_t pid, unsigned long start, unsigned long end)
{
	FILE *maps = proc_open(pid, "maps");
	struct map map;
	int count = 0;

	while (maps && map_next(maps, &map))
		count += map.start < end && map.end > start;
	if (maps)
		fclose(maps);
	return count;
}

bool vma_next(FILE *vmas, struct vma *vma)
{
	char line[512], identity[24];
	int name;

	while (fgets(line, sizeof(line), vmas)) {
		name = 0;
		if (sscanf(line, "%lx-%lx %4s %11s %23s %lx %79s %n", &vma->start, &vma->end,
			   vma->perms, vma->state, identity, &vma->pgoff, vma->flags, &name) < 7)
			continue;
		line[strcspn(line, "\n")] = 0;
		vma->identity = strtoul(identity, NULL, 16);
		snprintf(vma->name, sizeof(vma->name), "%s", name ? line + name : "");
		return true;
	}
	return false;
}

bool vma_find(pid_t pid, unsigned long addr, struct vma *vma)
{
	FILE *vmas = proc_open(pid, "mm/vmas");
	bool found = false;

	while (vmas && !found && vma_next(vmas, vma))
		found = addr >= vma->start && addr < vma->end;
	if (vmas)
		fclose(vmas);
	return found;
}

uint64_t pagemap(pid_t pid, unsigned long addr)
{
	char path[32];
	uint64_t word = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &word, sizeof(word), (off_t)(addr / PAGE_SIZE * sizeof(word))) !=
	    sizeof(word))
		word = 0;
	close(fd);
	return word;
}

/* The number behind a key at a line's start, whatever parts the two. */
static bool line_value(const char *line, const char *key, long *value)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) || (line[len] != ':' && line[len] != ' ' && line[len] != '\t'))
		return false;
	*value = strtol(line + len + 1, NULL, 10);
	return true;
}

long smaps_kib(pid_t pid, unsigned long addr, const char *key)
{
	FILE *smaps = proc_open(pid, "smaps");
	unsigned long start, end;
	bool inside = false;
	long value = -1;
	char line[512];

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = addr >= start && addr < end;
		else if (inside && line_value(line, key, &value))
			break;
	}
	if (smaps)
		fclose(smaps);
	return value;
}

static long file_value(FILE *f, const char *key)
{
	long value = -1;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (line_value(line, key, &value))
			break;
	}
	if (f)
		fclose(f);
	return value;
}

long vmstat(const char *name)
{
	return file_value(fopen("/proc/vmstat", "re"), name);
}

long slab_objects(const char *cache)
{
	return file_value(fopen("/proc/slabinfo", "re"), cache);
}

bool ledger(pid_t pid, const char *kind, struct ledger *entry)
{
	FILE *f = proc_open(pid, "mm/ledger");
	bool found = false;
	char line[128], name[64];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%63s %ld %ld", name, &entry->objects, &entry->bytes) == 3 &&
			!strcmp(name, kind);
	if (f)
		fclose(f);
	return found;
}

long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

bool write_number(const char *path, long value)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return false;
	fprintf(f, "%ld\n", value);
	return fclose(f) == 0;
}
