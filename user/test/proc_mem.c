/* What programs ask of /proc beyond text: PROCMAP_QUERY, PAGEMAP_SCAN, and /proc/<pid>/mem. */
#include "mm.h"
#include <sys/ioctl.h>

#define at(n)	((char *)ARENA + (n) * PAGE)

struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define PROCMAP_QUERY		_IOWR('f', 17, struct procmap_query)
#define QUERY_READABLE		0x01
#define QUERY_WRITABLE		0x02
#define QUERY_EXECUTABLE	0x04
#define QUERY_SHARED		0x08
#define QUERY_OR_NEXT		0x10
#define QUERY_FILE		0x20

struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

struct page_region {
	uint64_t start, end, categories;
};

#define PAGEMAP_SCAN		_IOWR('f', 16, struct pm_scan_arg)
#define IS_FILE			(1 << 2)
#define IS_PRESENT		(1 << 3)
#define IS_PFNZERO		(1 << 5)
#define IS_GUARD		(1 << 8)

static int query(struct procmap_query *q, const void *addr, uint64_t flags)
{
	static int fd = -1;
	int ret;

	if (fd < 0)
		fd = check_ok(open("/proc/self/maps", O_RDONLY));
	q->size = sizeof(*q);
	q->query_addr = (uintptr_t)addr;
	q->query_flags = flags;
	ret = ioctl(fd, PROCMAP_QUERY, q);
	if (ret && errno == ENOTTY)
		skip("no PROCMAP_QUERY");
	return ret;
}

test(query_covering)
{
	struct procmap_query q = { 0 };

	arena_prot(0, 4, PROT_READ);
	check_ok(query(&q, at(2), 0));
	check_eq(q.vma_start, ARENA);
	check_eq(q.vma_end, ARENA + 4 * PAGE);
	check_eq(q.vma_flags, QUERY_READABLE);
	check_eq(q.vma_page_size, PAGE);
	check_eq(q.inode, 0);
	check_err(query(&q, at(100), 0), ENOENT);
}

test(query_next)
{
	struct procmap_query q = { 0 };

	arena(10, 2);
	check_ok(query(&q, at(0), QUERY_OR_NEXT));
	check_eq(q.vma_start, ARENA + 10 * PAGE);
	check_ok(query(&q, at(10), QUERY_OR_NEXT));
	check_eq(q.vma_start, ARENA + 10 * PAGE);
	arena_prot(20, 1, PROT_READ | PROT_EXEC);
	check_ok(query(&q, at(0), QUERY_OR_NEXT | QUERY_EXECUTABLE));
	check_eq(q.vma_start, ARENA + 20 * PAGE);
	check_err(query(&q, at(10), QUERY_EXECUTABLE), ENOENT);
	check_err(query(&q, at(10), 0x1000), EINVAL);
}

test(query_name)
{
	struct procmap_query q = { 0 };
	char name[64] = "";
	char here = 0;

	q.vma_name_size = sizeof(name);
	q.vma_name_addr = (uintptr_t)name;
	check_ok(query(&q, &here, 0));
	check_str(name, "[stack]");
	check_eq(q.vma_name_size, 8);
	q.vma_name_size = 3;
	check_err(query(&q, &here, 0), ENAMETOOLONG);
	arena(0, 1);
	q.vma_name_size = sizeof(name);
	check_ok(query(&q, at(0), 0));
	check_eq(q.vma_name_size, 0);
}

test(query_file)
{
	struct procmap_query q = { 0 };
	struct stat st;
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE));

	check_ok(fstat(fd, &st));
	check_ok(query(&q, p, QUERY_FILE));
	check_eq(q.vma_offset, 2 * PAGE);
	check_eq(q.inode, st.st_ino);
	check_eq(q.vma_flags, QUERY_READABLE | QUERY_WRITABLE);
}

static int scan(struct pm_scan_arg *a, struct page_region *r, int n, char *from, size_t pages)
{
	int fd = check_ok(open("/proc/self/pagemap", O_RDONLY)), ret;

	a->size = sizeof(*a);
	a->start = (uintptr_t)from;
	a->end = a->start + pages * PAGE;
	a->vec = (uintptr_t)r;
	a->vec_len = n;
	ret = ioctl(fd, PAGEMAP_SCAN, a);
	if (ret < 0 && errno == ENOTTY)
		skip("no PAGEMAP_SCAN");
	close(fd);
	return ret;
}

test(scan_present)
{
	struct pm_scan_arg a = { .category_mask = IS_PRESENT, .return_mask = IS_PRESENT };
	struct page_region r[8];

	arena(0, 64);
	fill(at(3), 4, 1);
	fill(at(20), 1, 1);
	fill(at(40), 24, 1);
	check_eq(scan(&a, r, 8, at(0), 64), 3);
	check_eq(r[0].start, ARENA + 3 * PAGE);
	check_eq(r[0].end, ARENA + 7 * PAGE);
	check_eq(r[0].categories, IS_PRESENT);
	check_eq(r[1].start, ARENA + 20 * PAGE);
	check_eq(r[2].end, ARENA + 64 * PAGE);
	check_eq(a.walk_end, ARENA + 64 * PAGE);
	a.max_pages = 2;
	check_eq(scan(&a, r, 8, at(0), 64), 1);
	check_eq(r[0].end - r[0].start, 2 * PAGE);
}

test(scan_kinds)
{
	struct pm_scan_arg a = { .category_mask = IS_PRESENT, .return_mask = IS_PRESENT | IS_FILE | IS_PFNZERO };
	struct page_region r[8];
	char *s;

	arena(0, 2);
	check_eq(at(0)[0], 0);
	at(1)[0] = 1;
	s = check_ok(sys_mmap(at(2), PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	s[0] = 1;
	check_eq(scan(&a, r, 8, at(0), 3), 3);
	check_eq(r[0].categories, IS_PRESENT | IS_PFNZERO);
	check_eq(r[1].categories, IS_PRESENT);
	check_eq(r[2].categories, IS_PRESENT | IS_FILE);
}

test(scan_guards)
{
	struct pm_scan_arg a = { .category_mask = IS_GUARD, .return_mask = IS_GUARD };
	struct page_region r[4];
	int n;

	arena(0, 16);
	if (sys_madvise(at(4), 3 * PAGE, MADV_GUARD_INSTALL))
		skip("no guards");
	n = scan(&a, r, 4, at(0), 16);
	if (n < 0 && errno == EINVAL && !on_quire())
		skip("Linux tells guards since 6.16");
	check_eq(n, 1);
	check_eq(r[0].start, ARENA + 4 * PAGE);
	check_eq(r[0].end, ARENA + 7 * PAGE);
}

static int mem(void)
{
	int fd = open("/proc/self/mem", O_RDWR);

	if (fd < 0 && errno == ENOENT && on_quire())
		skip("no /proc/<pid>/mem");
	return check_ok(fd);
}

test(mem_reads_and_writes)
{
	int fd = mem();
	char buf[8];

	fill(arena(0, 3), 3, 1);
	check_eq(pread(fd, buf, 8, ARENA + PAGE), 8);
	check_eq(buf[0], 2);
	check_eq(pwrite(fd, "xy", 2, ARENA + 2 * PAGE - 1), 2);
	check_eq(at(1)[PAGE - 1], 'x');
	check_eq(at(2)[0], 'y');
	check_err(pread(fd, buf, 8, ARENA + 100 * PAGE), EIO);
	check_eq(pread(fd, buf, 8, ARENA + 3 * PAGE - 4), 4);
}

test(mem_of_a_guard)
{
	int fd = mem();
	char c;

	arena(0, 2);
	if (sys_madvise(at(0), PAGE, MADV_GUARD_INSTALL))
		skip("no guards");
	check_err(pread(fd, &c, 1, ARENA), EIO);
	check_err(pwrite(fd, "x", 1, ARENA), EIO);
	check_maperr(fault_read(at(0)), at(0));
}

test(mem_of_a_forked_page)
{
	int fd;
	char c;
	pid_t pid;

	fill(arena(0, 1), 1, 1);
	fd = mem();
	child(pid) {
		/* The descriptor still names the parent's memory. */
		check_eq(pwrite(fd, "p", 1, ARENA), 1);
		check_eq(at(0)[0], 1);
		check_eq(pread(fd, &c, 1, ARENA), 1);
		check_eq(c, 'p');
	}
	check_exit(pid, 0);
	check_eq(at(0)[0], 'p');
}

test(mem_forces_into_private_memory)
{
	/* A debugger's breakpoint: into a page that may not be written, which becomes a copy and stays read-only. */
	char *p = arena(0, 2), c = 9;
	pid_t pid;

	fill(p, 2, 1);
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_ok(sys_mprotect(p + PAGE, PAGE, PROT_NONE));
	child(pid) {
		int fd = mem();

		check_eq(pwrite(fd, &c, 1, (long)p), 1);
		check_eq(p[0], 9);
		check_accerr(fault_write(p), p);
		check_eq(pread(fd, &c, 1, (long)(p + PAGE)), 1);
		check_eq(c, 2);
		check_accerr(fault_read(p + PAGE), p + PAGE);
	}
	check_exit(pid, 0);
	check_eq(p[0], 1);
}
