/* msync: flags, ranges, holes. */
#include "mm.h"

#define at(n)	((char *)ARENA + (n) * PAGE)

static int sys_msync(void *p, size_t len, int flags)
{
	return syscall(SYS_msync, p, len, flags);
}

test(accepted)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_ok(sys_msync(p, 4 * PAGE, MS_SYNC));
	check_ok(sys_msync(p, 4 * PAGE, MS_ASYNC));
	check_ok(sys_msync(p, 4 * PAGE, MS_INVALIDATE));
	check_ok(sys_msync(p, 4 * PAGE, 0));
	check_fill(p, 4, 1);
}

test(flags)
{
	char *p = arena(0, 1);

	check_err(sys_msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	check_err(sys_msync(p, PAGE, 8), EINVAL);
	check_err(sys_msync(p, 0, 8), EINVAL);
	check_err(sys_msync(p, 0, MS_SYNC | MS_ASYNC), EINVAL);
}

test(ranges)
{
	char *p = arena(0, 2);

	check_err(sys_msync(p + 1, PAGE, MS_SYNC), EINVAL);
	check_ok(sys_msync(p, 0, MS_SYNC));
	check_ok(sys_msync(at(1000), 0, MS_SYNC));
	check_ok(sys_msync(p, PAGE + 1, MS_SYNC));
	check_err(sys_msync(p, -PAGE, MS_SYNC), ENOMEM);
	check_err(sys_msync(at(1000), PAGE, MS_SYNC), ENOMEM);
	check_err(sys_msync((void *)-PAGE, PAGE, MS_SYNC), ENOMEM);
}

test(holes)
{
	arena(0, 2);
	arena(3, 1);
	check_err(sys_msync(at(0), 4 * PAGE, MS_SYNC), ENOMEM);
	check_err(sys_msync(at(0), 4 * PAGE, MS_ASYNC), ENOMEM);
	check_err(sys_msync(at(2), PAGE, MS_SYNC), ENOMEM);
}

test(invalidate_locked)
{
	char *p = arena(0, 2);

	check_ok(syscall(SYS_mlock, p, PAGE));
	check_err(sys_msync(p, PAGE, MS_INVALIDATE), EBUSY);
	check_ok(sys_msync(p, PAGE, MS_SYNC));
	check_ok(sys_msync(p + PAGE, PAGE, MS_INVALIDATE));
}

test(private_file)
{
	int fd = temp_file(PAGE);
	char *p = check_ok(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0)), c;

	p[0] = 'x';
	check_ok(sys_msync(p, PAGE, MS_SYNC));
	check_eq(pread(fd, &c, 1, 0), 1);
	check_eq(c, 1);
	check_eq(p[0], 'x');
}

test(any_protection)
{
	arena_prot(0, 1, PROT_NONE);
	arena_prot(1, 1, PROT_READ);
	check_ok(sys_msync(at(0), 2 * PAGE, MS_SYNC));
}
