/* PROCMAP_QUERY on /proc/<pid>/maps and PAGEMAP_SCAN on /proc/<pid>/pagemap. */
#include "mm.h"
#include <sys/ioctl.h>
#include "../../kernel/uapi/fs.h"

#define at(n)	((unsigned long)ARENA + (n) * PAGE)

static int maps_fd(void)
{
	return check_ok(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
}

static struct procmap_query query(unsigned long addr, unsigned long flags)
{
	return (struct procmap_query){ .size = sizeof(struct procmap_query), .query_addr = addr, .query_flags = flags };
}

static void need_query(int fd)
{
	struct procmap_query q = query((unsigned long)&q, 0);

	if (ioctl(fd, PROCMAP_QUERY, &q) && errno == ENOTTY && !on_quire())
		skip("Linux has PROCMAP_QUERY since 6.11");
}

test(query_covering)
{
	struct procmap_query q;
	int fd = maps_fd();

	arena(0, 4);
	need_query(fd);
	q = query(at(2) + 5, 0);
	check_ok(ioctl(fd, PROCMAP_QUERY, &q));
	check_eq(q.vma_start, at(0));
	check_eq(q.vma_end, at(4));
	check_eq(q.vma_flags, PROCMAP_QUERY_VMA_READABLE | PROCMAP_QUERY_VMA_WRITABLE);
	check_eq(q.vma_page_size, PAGE);
	check_eq(q.vma_offset, 0);
	check_eq(q.inode, 0);
	q = query(at(4), 0);
	check_err(ioctl(fd, PROCMAP_QUERY, &q), ENOENT);
}

test(query_next)
{
	struct procmap_query q;
	int fd = maps_fd();

	need_query(fd);
	arena(0, 1);
	arena_prot(4, 1, PROT_READ);
	arena(8, 1);
	q = query(at(1), PROCMAP_QUERY_COVERING_OR_NEXT_VMA);
	check_ok(ioctl(fd, PROCMAP_QUERY, &q));
	check_eq(q.vma_start, at(4));
	q = query(at(1), PROCMAP_QUERY_COVERING_OR_NEXT_VMA | PROCMAP_QUERY_VMA_WRITABLE);
	check_ok(ioctl(fd, PROCMAP_QUERY, &q));
	check_eq(q.vma_start, at(8));
	q = query(at(4), PROCMAP_QUERY_VMA_WRITABLE);
	check_err(ioctl(fd, PROCMAP_QUERY, &q), ENOENT);
}

test(query_file)
{
	int fd = maps_fd(), file = temp_file(3 * PAGE);
	struct procmap_query q;
	struct stat st;
	char name[300];

	need_query(fd);
	check_ok(fstat(file, &st));
	arena(0, 1);
	check_ok(sys_mmap((void *)at(2), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 2 * PAGE));
	q = query(at(0), PROCMAP_QUERY_COVERING_OR_NEXT_VMA | PROCMAP_QUERY_FILE_BACKED_VMA);
	q.vma_name_addr = (unsigned long)name;
	q.vma_name_size = sizeof(name);
	check_ok(ioctl(fd, PROCMAP_QUERY, &q));
	check_eq(q.vma_start, at(2));
	check_eq(q.vma_flags, PROCMAP_QUERY_VMA_READABLE | PROCMAP_QUERY_VMA_SHARED);
	check_eq(q.vma_offset, 2 * PAGE);
	check_eq(q.inode, st.st_ino);
	check_eq(q.vma_name_size, strlen(name) + 1);
	check_str(name + strlen(name) - 10, " (deleted)");
	q = query(at(2), 0);
	q.vma_name_addr = (unsigned long)name;
	q.vma_name_size = 5;
	check_err(ioctl(fd, PROCMAP_QUERY, &q), ENAMETOOLONG);
	q = query(at(0), 0);
	q.vma_name_addr = (unsigned long)name;
	q.vma_name_size = sizeof(name);
	check_ok(ioctl(fd, PROCMAP_QUERY, &q));
	check_eq(q.vma_name_size, 0);
}

test(query_errors)
{
	struct { struct procmap_query q; char more[16]; } big = { .more = "" };
	struct procmap_query q;
	int fd = maps_fd();

	arena(0, 1);
	need_query(fd);
	q = query(at(0), 0x40);
	check_err(ioctl(fd, PROCMAP_QUERY, &q), EINVAL);
	q = query(at(0), 0);
	q.size = 16;
	check_err(ioctl(fd, PROCMAP_QUERY, &q), EINVAL);
	q.size = 8192;
	check_err(ioctl(fd, PROCMAP_QUERY, &q), E2BIG);
	q = query(at(0), 0);
	q.vma_name_size = 5;
	check_err(ioctl(fd, PROCMAP_QUERY, &q), EINVAL);
	check_err(ioctl(fd, PROCMAP_QUERY, 8), EFAULT);
	big.q = query(at(0), 0);
	big.q.size = sizeof(big);
	check_ok(ioctl(fd, PROCMAP_QUERY, &big));
	check_eq(big.q.vma_start, at(0));
	big.q = query(at(0), 0);
	big.q.size = sizeof(big);
	big.more[3] = 1;
	check_err(ioctl(fd, PROCMAP_QUERY, &big), E2BIG);
	/* Only what was asked for is written. */
	q = query(at(0), 0);
	q.size = 32;
	q.vma_end = 77;
	check_ok(ioctl(fd, PROCMAP_QUERY, &q));
	check_eq(q.vma_start, at(0));
	check_eq(q.vma_end, 77);
	check_err(ioctl(fd, 0x1234, &q), ENOTTY);
}

static int pm;
static struct page_region region[300];

static long scan(unsigned long start, unsigned long end, size_t room, unsigned long any, unsigned long ret, struct pm_scan_arg *a)
{
	static struct pm_scan_arg mine;

	if (!a)
		a = &mine;
	*a = (struct pm_scan_arg){ .size = sizeof(*a), .start = start, .end = end, .vec = (unsigned long)region,
				   .vec_len = room, .category_anyof_mask = any, .return_mask = ret };
	return ioctl(pm, PAGEMAP_SCAN, a);
}

#define check_region(i, s, e, c) do {							\
	check_eq(region[i].start, s);							\
	check_eq(region[i].end, e);							\
	check_eq(region[i].categories, c);						\
} while (0)

static void need_scan(void)
{
	struct pm_scan_arg a = { .size = sizeof(a) };

	pm = check_ok(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	if (ioctl(pm, PAGEMAP_SCAN, &a) && errno == ENOTTY && !on_quire())
		skip("Linux has PAGEMAP_SCAN since 6.7");
}

test(scan_present)
{
	char *p = arena(0, 10);
	struct pm_scan_arg a;

	need_scan();
	p[2 * PAGE] = p[3 * PAGE] = p[7 * PAGE] = 1;
	check_eq(scan(at(0), at(10), 300, PAGE_IS_PRESENT, PAGE_IS_PRESENT, &a), 2);
	check_region(0, at(2), at(4), PAGE_IS_PRESENT);
	check_region(1, at(7), at(8), PAGE_IS_PRESENT);
	check_eq(a.walk_end, at(10));
	check_eq(scan(at(3), at(7), 300, PAGE_IS_PRESENT, PAGE_IS_PRESENT, &a), 1);
	check_region(0, at(3), at(4), PAGE_IS_PRESENT);
}

test(scan_kinds)
{
	char *p = arena(0, 4);
	int file = temp_file(PAGE);
	unsigned long all = PAGE_IS_PRESENT | PAGE_IS_FILE | PAGE_IS_PFNZERO | PAGE_IS_SWAPPED | PAGE_IS_GUARD;

	need_scan();
	p[0] = 1;
	check_eq(p[PAGE], 0);
	check_ok(sys_mmap((void *)at(4), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0));
	check_eq(*(char *)at(4), 1);
	check_eq(scan(at(0), at(5), 300, 0, all, NULL), 4);
	check_region(0, at(0), at(1), PAGE_IS_PRESENT);
	check_region(1, at(1), at(2), PAGE_IS_PRESENT | PAGE_IS_PFNZERO);
	check_region(2, at(2), at(4), 0);
	check_region(3, at(4), at(5), PAGE_IS_PRESENT | PAGE_IS_FILE);
}

test(scan_guards)
{
	char *p = arena(0, 4);

	need_scan();
	if (sys_madvise(p + PAGE, 2 * PAGE, MADV_GUARD_INSTALL))
		skip("Linux has guards since 6.13");
	if (scan(at(0), at(4), 300, PAGE_IS_GUARD, PAGE_IS_GUARD, NULL) < 0 && !on_quire())
		skip("Linux reports guards since 6.15");
	check_eq(scan(at(0), at(4), 300, PAGE_IS_GUARD, PAGE_IS_GUARD | PAGE_IS_PRESENT, NULL), 1);
	check_region(0, at(1), at(3), PAGE_IS_GUARD);
}

test(scan_masks)
{
	char *p = arena(0, 6);
	struct pm_scan_arg a = { .size = sizeof(a), .start = at(0), .end = at(6), .vec = (unsigned long)region,
				 .vec_len = 300, .return_mask = PAGE_IS_PRESENT };

	need_scan();
	p[1 * PAGE] = p[4 * PAGE] = 1;
	/* Inverted and required: what is not present. */
	a.category_inverted = a.category_mask = PAGE_IS_PRESENT;
	check_eq(ioctl(pm, PAGEMAP_SCAN, &a), 3);
	check_region(0, at(0), at(1), 0);
	check_region(1, at(2), at(4), 0);
	check_region(2, at(5), at(6), 0);
}

test(scan_limits)
{
	char *p = arena(0, 100);
	struct pm_scan_arg a;

	need_scan();
	for (int i = 0; i < 100; i += 2)
		p[i * PAGE] = 1;
	check_eq(scan(at(0), at(100), 3, PAGE_IS_PRESENT, PAGE_IS_PRESENT, &a), 3);
	check_region(2, at(4), at(5), PAGE_IS_PRESENT);
	check(a.walk_end >= at(5) && a.walk_end <= at(6));
	check_eq(scan(a.walk_end, at(100), 300, PAGE_IS_PRESENT, PAGE_IS_PRESENT, &a), 47);
	check_region(0, at(6), at(7), PAGE_IS_PRESENT);
	fill(p, 100, 1);
	a = (struct pm_scan_arg){ .size = sizeof(a), .start = at(0), .end = at(100), .vec = (unsigned long)region,
				  .vec_len = 300, .max_pages = 7, .category_mask = PAGE_IS_PRESENT,
				  .return_mask = PAGE_IS_PRESENT };
	check_eq(ioctl(pm, PAGEMAP_SCAN, &a), 1);
	check_region(0, at(0), at(7), PAGE_IS_PRESENT);
	check_eq(a.walk_end, at(7));
}

test(scan_many_regions)
{
	/* More than one buffer's worth, across tables, mappings and holes. */
	char *p = arena(0, 1200);
	long n;

	need_scan();
	for (int i = 0; i < 1200; i += 5)
		p[i * PAGE] = 1;
	check_ok(sys_mprotect(p + 300 * PAGE, 10 * PAGE, PROT_READ));
	check_ok(sys_munmap(p + 601 * PAGE, 20 * PAGE));
	n = scan(at(0), at(1200), 300, PAGE_IS_PRESENT, PAGE_IS_PRESENT, NULL);
	check_eq(n, 240 - 4);
	for (long i = 0; i < n; i++) {
		check_eq(region[i].end - region[i].start, PAGE);
		check_eq((region[i].start - at(0)) / PAGE % 5, 0);
		check(i == 0 || region[i].start > region[i - 1].start);
	}
}

test(scan_joins_across_mappings)
{
	char *p = arena(0, 1024);

	need_scan();
	fill(p, 1024, 1);
	check_ok(sys_mprotect(p + 300 * PAGE, 10 * PAGE, PROT_READ));
	check_eq(scan(at(0), at(1024), 300, PAGE_IS_PRESENT, PAGE_IS_PRESENT, NULL), 1);
	check_region(0, at(0), at(1024), PAGE_IS_PRESENT);
}

test(scan_errors)
{
	struct pm_scan_arg a = { .size = sizeof(a), .start = at(0), .end = at(4), .vec = (unsigned long)region,
				 .vec_len = 300 };

	need_scan();
	arena(0, 4);
	check_ok(ioctl(pm, PAGEMAP_SCAN, &a));
	a.size = 8;
	check_err(ioctl(pm, PAGEMAP_SCAN, &a), EINVAL);
	a.size = sizeof(a);
	a.flags = 8;
	check_err(ioctl(pm, PAGEMAP_SCAN, &a), EINVAL);
	a.flags = 0;
	a.start = at(0) + 1;
	check_err(ioctl(pm, PAGEMAP_SCAN, &a), EINVAL);
	a.start = at(0);
	a.return_mask = 1UL << 40;
	check_err(ioctl(pm, PAGEMAP_SCAN, &a), EINVAL);
	a.return_mask = 0;
	a.vec = 0;
	check_err(ioctl(pm, PAGEMAP_SCAN, &a), EINVAL);
	check_err(ioctl(pm, PAGEMAP_SCAN, 8), EFAULT);
	check_err(ioctl(pm, 0x1234, &a), EINVAL);
	a.vec = -4096UL;
	check_err(ioctl(pm, PAGEMAP_SCAN, &a), EFAULT);
}
