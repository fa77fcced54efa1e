/* process_vm_readv and process_vm_writev: another process's memory by address. */
#include "mm.h"

static long vm_readv(pid_t pid, const struct iovec *l, size_t nl, const struct iovec *r, size_t nr, unsigned long flags)
{
	return syscall(SYS_process_vm_readv, pid, l, nl, r, nr, flags);
}

static long vm_writev(pid_t pid, const struct iovec *l, size_t nl, const struct iovec *r, size_t nr, unsigned long flags)
{
	return syscall(SYS_process_vm_writev, pid, l, nl, r, nr, flags);
}

static char buf[4 * PAGE];

test(read_and_write_a_child)
{
	char *p = arena(0, 3);
	struct iovec l = { buf, 3 * PAGE }, r = { p, 3 * PAGE };
	int to[2];
	pid_t pid;
	char c = 0;

	fill(p, 3, 'a');
	check_ok(pipe(to));
	child(pid) {
		check_eq(read(to[0], &c, 1), 1);
		check_eq(p[PAGE], 'X');
		check_eq(p[0], 'a');
	}
	check_eq(vm_readv(pid, &l, 1, &r, 1, 0), 3 * PAGE);
	check_fill(buf, 3, 'a');
	l = (struct iovec){ "X", 1 };
	r = (struct iovec){ p + PAGE, 1 };
	check_eq(vm_writev(pid, &l, 1, &r, 1, 0), 1);
	check_eq(p[PAGE], 'b');
	check_eq(write(to[1], &c, 1), 1);
	check_exit(pid, 0);
}

test(pieces)
{
	char *p = arena(0, 2);
	struct iovec l[3] = { { buf, 3 }, { buf + 10, 0 }, { buf + 20, 100 } };
	struct iovec r[3] = { { p, 1 }, { p + PAGE - 2, 4 }, { p + 10, 5 } };

	memcpy(p, "0", 1);
	memcpy(p + PAGE - 2, "1234", 4);
	memcpy(p + 10, "56789", 5);
	check_eq(vm_readv(getpid(), l, 3, r, 3, 0), 10);
	check_eq(memcmp(buf, "012", 3), 0);
	check_eq(memcmp(buf + 20, "3456789", 7), 0);
}

test(partial)
{
	char *p = arena(0, 2);
	struct iovec l = { buf, 200 }, r[2] = { { p + 2 * PAGE - 50, 100 }, { p, 100 } };

	p[2 * PAGE - 1] = 'e';
	check_eq(vm_readv(getpid(), &l, 1, r, 2, 0), 50);
	check_eq(buf[49], 'e');
	r[0].iov_base = p + 2 * PAGE;
	check_err(vm_readv(getpid(), &l, 1, r, 2, 0), EFAULT);
}

test(protection)
{
	char *p = arena(0, 1);
	struct iovec l = { buf, 10 }, r = { p, 10 };

	p[0] = 1;
	check_ok(sys_mprotect(p, PAGE, PROT_READ));
	check_eq(vm_readv(getpid(), &l, 1, &r, 1, 0), 10);
	check_err(vm_writev(getpid(), &l, 1, &r, 1, 0), EFAULT);
	check_ok(sys_mprotect(p, PAGE, PROT_NONE));
	check_err(vm_readv(getpid(), &l, 1, &r, 1, 0), EFAULT);
	if (!sys_madvise(p, PAGE, MADV_GUARD_INSTALL)) {
		check_ok(sys_mprotect(p, PAGE, RW));
		check_err(vm_readv(getpid(), &l, 1, &r, 1, 0), EFAULT);
	}
}

test(errors)
{
	char *p = arena(0, 1);
	struct iovec l = { buf, 10 }, r = { p, 10 };

	check_err(vm_readv(getpid(), &l, 1, &r, 1, 1), EINVAL);
	check_err(vm_readv(0, &l, 1, &r, 1, 0), ESRCH);
	check_err(vm_readv(-1, &l, 1, &r, 1, 0), ESRCH);
	check_err(vm_readv(4000000, &l, 1, &r, 1, 0), ESRCH);
	check_eq(vm_readv(4000000, &l, 0, &r, 1, 0), 0);
	check_eq(vm_readv(4000000, &l, 1, &r, 0, 0), 0);
	check_err(vm_readv(getpid(), &l, 1025, &r, 1, 0), EINVAL);
	check_err(vm_readv(getpid(), &l, 1, &r, 1025, 0), EINVAL);
	check_err(vm_readv(getpid(), (void *)8, 1, &r, 1, 0), EFAULT);
	check_err(vm_readv(getpid(), &l, 1, (void *)8, 1, 0), EFAULT);
	l.iov_base = (void *)8;
	check_err(vm_readv(getpid(), &l, 1, &r, 1, 0), EFAULT);
	check_err(vm_writev(getpid(), &l, 1, &r, 1, 0), EFAULT);
	l.iov_base = buf;
	r.iov_len = -1;
	check_err(vm_readv(getpid(), &l, 1, &r, 1, 0), EINVAL);
}

test(not_of_other_users)
{
	char *p = arena(0, 1);
	struct iovec l = { buf, 10 }, r = { p, 10 };
	pid_t pid, parent = getpid();

	need_root();
	p[0] = 1;
	child(pid) {
		check_ok(setuid(1000));
		check_err(vm_readv(parent, &l, 1, &r, 1, 0), EPERM);
	}
	check_exit(pid, 0);
}
