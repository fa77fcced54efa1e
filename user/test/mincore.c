/* mincore: which pages are in memory. */
#include "mm.h"

#define at(n)	((char *)ARENA + (n) * PAGE)

static int sys_mincore(void *p, size_t len, unsigned char *vec)
{
	return syscall(SYS_mincore, p, len, vec);
}

test(untouched)
{
	unsigned char vec[4] = { 9, 9, 9, 9 };
	char *p = arena(0, 4);

	check_ok(sys_mincore(p, 4 * PAGE, vec));
	for (int i = 0; i < 4; i++)
		check_eq(vec[i] & 1, 0);
}

test(touched)
{
	unsigned char vec[4];
	char *p = arena(0, 4);

	p[PAGE] = 1;
	p[3 * PAGE] = 1;
	check_ok(sys_mincore(p, 4 * PAGE, vec));
	check_eq(vec[0] & 1, 0);
	check_eq(vec[1] & 1, 1);
	check_eq(vec[2] & 1, 0);
	check_eq(vec[3] & 1, 1);
}

test(read_counts)
{
	unsigned char vec[1];
	char *p = arena(0, 1);

	check_eq(p[0], 0);
	check_ok(sys_mincore(p, PAGE, vec));
	check_eq(vec[0] & 1, 1);
}

test(after_dontneed)
{
	unsigned char vec[2];
	char *p = arena(0, 2);

	fill(p, 2, 1);
	check_ok(sys_madvise(p, PAGE, MADV_DONTNEED));
	check_ok(sys_mincore(p, 2 * PAGE, vec));
	check_eq(vec[0] & 1, 0);
	check_eq(vec[1] & 1, 1);
}

test(hole)
{
	unsigned char vec[3];

	arena(0, 1);
	arena(2, 1);
	check_err(sys_mincore(at(0), 3 * PAGE, vec), ENOMEM);
	check_err(sys_mincore(at(1), PAGE, vec), ENOMEM);
}

test(several_mappings)
{
	unsigned char vec[3];

	arena(0, 1)[0] = 1;
	arena_prot(1, 1, PROT_NONE);
	arena(2, 1)[0] = 1;
	check_ok(sys_mincore(at(0), 3 * PAGE, vec));
	check_eq(vec[0] & 1, 1);
	check_eq(vec[1] & 1, 0);
	check_eq(vec[2] & 1, 1);
}

test(errors)
{
	unsigned char vec[2];
	char *p = arena(0, 2);

	check_err(sys_mincore(p + 1, PAGE, vec), EINVAL);
	check_ok(sys_mincore(p, 0, NULL));
	check_err(sys_mincore(p, PAGE, NULL), EFAULT);
	check_err(sys_mincore((void *)-PAGE, PAGE, vec), ENOMEM);
	check_err(sys_mincore(p, -PAGE, vec), ENOMEM);
}

test(length_rounded_up)
{
	unsigned char vec[3] = { 0, 0, 0x55 };
	char *p = arena(0, 3);

	fill(p, 3, 1);
	check_ok(sys_mincore(p, PAGE + 1, vec));
	check_eq(vec[1] & 1, 1);
	check_eq(vec[2], 0x55);
}

test(file_pages)
{
	unsigned char vec[2];
	int fd = temp_file(2 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));

	/* Written a moment ago: in the page cache, mapped or not. */
	check_ok(sys_mincore(p, 2 * PAGE, vec));
	check_eq(vec[0] & vec[1] & 1, 1);
}

test(shared_pages)
{
	unsigned char vec[2];
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, SHANON, -1, 0));

	p[PAGE] = 1;
	check_ok(sys_mincore(p, 2 * PAGE, vec));
	check_eq(vec[0] & 1, 0);
	check_eq(vec[1] & 1, 1);
}

test(large_range)
{
	static unsigned char vec[2048];
	char *p = arena(0, 2048);
	int n = 0;

	for (int i = 0; i < 2048; i += 3)
		p[i * PAGE] = 1;
	check_ok(sys_mincore(p, 2048 * PAGE, vec));
	for (int i = 0; i < 2048; i++) {
		check_eq(vec[i] & 1, i % 3 == 0);
		n += vec[i] & 1;
	}
	check_eq(n, 683);
}
