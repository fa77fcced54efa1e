/*
 * What /proc tells about memory, read without allocating: a test that looks at its own address space must
 * not change it by looking.
 */
#ifndef MM_H
#define MM_H

#include "sys.h"

/* ---- lines of a /proc file, by a buffer that is not on the heap ---- */

struct lines {
	int fd;
	size_t at, end;
	char buf[4096];
	char line[512];
};

static inline void lines_open(struct lines *l, const char *path)
{
	l->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0)
		fail("open(%s) got %s", path, errname(errno));
	l->at = l->end = 0;
}

/* The next line without its newline; NULL at the end, the file closed. */
static inline char *lines_next(struct lines *l)
{
	size_t n = 0;

	for (;;) {
		if (l->at == l->end) {
			ssize_t got = read(l->fd, l->buf, sizeof(l->buf));

			if (got <= 0)
				break;
			l->at = 0;
			l->end = got;
		}
		char c = l->buf[l->at++];

		if (c == '\n') {
			l->line[n] = 0;
			return l->line;
		}
		if (n < sizeof(l->line) - 1)
			l->line[n++] = c;
	}
	close(l->fd);
	return NULL;
}

static inline void lines_close(struct lines *l)
{
	close(l->fd);
}

/* ---- maps ---- */

struct map {
	unsigned long start, end, offset, inode;
	unsigned int major, minor;
	char perm[8];
	char name[256];
};

/* Parse a line of maps (or the head of a block of smaps); 0 where it is none. */
static inline int map_parse(const char *line, struct map *m)
{
	int at = 0;

	m->name[0] = 0;
	if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu%n", &m->start, &m->end, m->perm, &m->offset,
		   &m->major, &m->minor, &m->inode, &at) != 7)
		return 0;
	while (line[at] == ' ')
		at++;
	snprintf(m->name, sizeof(m->name), "%s", line + at);
	return 1;
}

static inline const char *proc_path(pid_t pid, const char *file)
{
	static char path[80];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", file);
	return path;
}

/* The VMA that holds ADDR; 0 where there is none. */
static inline int map_find(pid_t pid, const void *addr, struct map *m)
{
	unsigned long a = (unsigned long)addr;
	struct lines l;
	int found = 0;

	lines_open(&l, proc_path(pid, "maps"));
	while (!found && lines_next(&l))
		found = map_parse(l.line, m) && m->start <= a && a < m->end;
	if (found)
		lines_close(&l);
	return found;
}

/* How many VMAs have a page in [ADDR, ADDR + LEN). */
static inline int map_count(const void *addr, size_t len)
{
	unsigned long a = (unsigned long)addr;
	struct lines l;
	struct map m;
	int n = 0;

	lines_open(&l, "/proc/self/maps");
	while (lines_next(&l))
		n += map_parse(l.line, &m) && m.start < a + len && m.end > a;
	return n;
}

/* All VMAs of the process. */
static inline int map_total(void)
{
	struct lines l;
	int n = 0;

	lines_open(&l, "/proc/self/maps");
	while (lines_next(&l))
		n++;
	return n;
}

/* One VMA exactly [ADDR, ADDR + PAGES) with permissions PERM. */
#define check_map(addr, pages, want) do {						\
	struct map m_;									\
	unsigned long a_ = (unsigned long)(addr), e_ = a_ + (pages) * PAGE;		\
	if (!map_find(0, (void *)a_, &m_))						\
		fail("no mapping at 0x%lx", a_);					\
	if (m_.start != a_ || m_.end != e_ || strcmp(m_.perm, want))			\
		fail("mapping %lx-%lx %s, want %lx-%lx %s", m_.start, m_.end, m_.perm,	\
		     a_, e_, want);							\
} while (0)

#define check_unmapped(addr) do {							\
	struct map m_;									\
	if (map_find(0, (void *)(uintptr_t)(addr), &m_))				\
		fail("%s: mapped by %lx-%lx %s", #addr, m_.start, m_.end, m_.perm);	\
} while (0)

/* ---- smaps ---- */

/* The value of KEY (without the colon) in the block of the VMA that holds ADDR; -1 without. */
static inline long smaps_kb(const void *addr, const char *key)
{
	unsigned long a = (unsigned long)addr;
	size_t len = strlen(key);
	struct lines l;
	struct map m;
	int here = 0;

	lines_open(&l, "/proc/self/smaps");
	while (lines_next(&l)) {
		if (map_parse(l.line, &m)) {
			here = m.start <= a && a < m.end;
		} else if (here && !strncmp(l.line, key, len) && l.line[len] == ':') {
			lines_close(&l);
			return atol(l.line + len + 1);
		}
	}
	return -1;
}

/* Whether VmFlags of the VMA that holds ADDR has the two letters CODE. */
static inline int smaps_flag(const void *addr, const char *code)
{
	unsigned long a = (unsigned long)addr;
	struct lines l;
	struct map m;
	int here = 0, found = 0;

	lines_open(&l, "/proc/self/smaps");
	while (lines_next(&l)) {
		if (map_parse(l.line, &m)) {
			here = m.start <= a && a < m.end;
		} else if (here && !strncmp(l.line, "VmFlags:", 8)) {
			for (char *w = l.line + 9; w[0] && w[1]; w += 3)
				found |= w[0] == code[0] && w[1] == code[1];
			lines_close(&l);
			return found;
		}
	}
	fail("no VmFlags for %p", addr);
}

/* ---- "Key:  value" files and "key value" files ---- */

/* The number behind KEY in a file of "KEY: n" or "KEY n" lines; -1 without. */
static inline long file_value(const char *path, const char *key)
{
	size_t len = strlen(key);
	struct lines l;

	lines_open(&l, path);
	while (lines_next(&l)) {
		if (!strncmp(l.line, key, len) && (l.line[len] == ':' || l.line[len] == ' ')) {
			lines_close(&l);
			return atol(l.line + len + 1);
		}
	}
	return -1;
}

#define status_kb(key)	file_value("/proc/self/status", key)
#define meminfo_kb(key)	file_value("/proc/meminfo", key)

/* A /proc/sys file that holds one number. */
static inline long sysctl_get(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return atol(text);
}

static inline int sysctl_set(const char *path, long value)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, snprintf(text, sizeof(text), "%ld\n", value));
	close(fd);
	return n > 0 ? 0 : -1;
}

/* ---- pagemap ---- */

#define PM_PRESENT	(1UL << 63)
#define PM_SWAP		(1UL << 62)
#define PM_FILE		(1UL << 61)
#define PM_GUARD	(1UL << 58)
#define PM_EXCLUSIVE	(1UL << 56)
#define PM_PFN		((1UL << 55) - 1)

static inline uint64_t pagemap_of(pid_t pid, const void *addr)
{
	uint64_t entry = 0;
	int fd = open(proc_path(pid, "pagemap"), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("open(pagemap) got %s", errname(errno));
	if (pread(fd, &entry, 8, (uintptr_t)addr / PAGE * 8) != 8)
		fail("pread(pagemap) got %s", errname(errno));
	close(fd);
	return entry;
}

#define pagemap(addr)	pagemap_of(0, addr)

static inline int present(const void *addr)
{
	return pagemap(addr) >> 63;
}

static inline size_t present_count(char *p, size_t pages)
{
	size_t n = 0;

	for (size_t i = 0; i < pages; i++)
		n += present(p + i * PAGE);
	return n;
}

#endif
