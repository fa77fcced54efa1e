/* /dev/null, zero, full, random, urandom; uname, sysinfo and other calls that ask about the machine. */
#include "mm.h"
#include <poll.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

static int dev(const char *path, int flags)
{
	return check_ok(open(path, flags));
}

test(null)
{
	char c;
	int fd = dev("/dev/null", O_RDWR);

	check_eq(write(fd, "hello", 5), 5);
	check_eq(read(fd, &c, 1), 0);
	check_eq(lseek(fd, 100, SEEK_SET), 0);
	check_eq(write(fd, (void *)8, 5), 5);
	check_err(sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
}

test(zero)
{
	char buf[PAGE];
	int fd = dev("/dev/zero", O_RDWR);

	memset(buf, 1, sizeof(buf));
	check_eq(read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		check_eq(buf[i], 0);
	check_eq(write(fd, "hello", 5), 5);
	check_err(read(fd, (void *)8, 1), EFAULT);
}

test(full)
{
	char c = 1;
	int fd = dev("/dev/full", O_RDWR);

	check_eq(read(fd, &c, 1), 1);
	check_eq(c, 0);
	check_err(write(fd, "x", 1), ENOSPC);
}

test(random_bytes)
{
	static const char *const path[] = { "/dev/random", "/dev/urandom" };

	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		unsigned char a[64], b[64];
		int fd = dev(path[i], O_RDONLY), same = 0;

		check_eq(read(fd, a, 64), 64);
		check_eq(read(fd, b, 64), 64);
		for (int j = 0; j < 64; j++)
			same += a[j] == b[j];
		check(same < 16);
		check_eq(write(dev(path[i], O_WRONLY), "x", 1), 1);
	}
}

test(getrandom_call)
{
	unsigned char a[256], b[256];
	int count[256] = { 0 }, most = 0;

	check_eq(getrandom(a, sizeof(a), 0), sizeof(a));
	check_eq(getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
	check(memcmp(a, b, sizeof(a)) != 0);
	check_eq(syscall(SYS_getrandom, NULL, 0, 0), 0);
	check_err(syscall(SYS_getrandom, 8, 16, 0), EFAULT);
	check_err(syscall(SYS_getrandom, a, 16, 0x77), EINVAL);
	for (int i = 0; i < 256; i++)
		count[a[i]]++;
	for (int i = 0; i < 256; i++)
		if (count[i] > most)
			most = count[i];
	check(most < 20);
}

test(numbers)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} t[] = {
		{ "/dev/null", 1, 3 }, { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 }, { "/dev/random", 1, 8 },
		{ "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 }, { "/dev/console", 5, 1 },
	};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		check_ok(stat(t[i].path, &st));
		check(S_ISCHR(st.st_mode));
		check_eq(major(st.st_rdev), t[i].major);
		check_eq(minor(st.st_rdev), t[i].minor);
	}
}

test(poll_is_always_ready)
{
	static const char *const path[] = { "/dev/null", "/dev/zero", "/dev/full" };

	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		struct pollfd p = { dev(path[i], O_RDWR), POLLIN | POLLOUT, 0 };

		check_eq(poll(&p, 1, 0), 1);
		check_eq(p.revents, POLLIN | POLLOUT);
	}
}

test(large_reads_of_zero)
{
	char *p = anon(256);
	int fd = dev("/dev/zero", O_RDONLY);

	fill(p, 256, 1);
	check_eq(read(fd, p, 256 * PAGE), 256 * PAGE);
	check_zero(p, 256);
}

test(uname_call)
{
	struct utsname u;

	check_ok(uname(&u));
	check_str(u.machine, "x86_64");
	check(u.sysname[0] && u.release[0] && u.version[0]);
	/* Programs compare the release: three numbers that a current Linux would have. */
	check(atoi(u.release) >= 5);
	check_err(syscall(SYS_uname, 8), EFAULT);
}

test(sysinfo_call)
{
	struct sysinfo si;

	check_ok(sysinfo(&si));
	check_eq((long)(si.totalram / 1024 * si.mem_unit), meminfo_kb("MemTotal"));
	check(si.freeram <= si.totalram);
	check(si.procs >= 1);
	check(si.mem_unit >= 1);
}

test(affinity)
{
	unsigned long mask[16] = { 0 };
	long n = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	unsigned int cpu = 99;

	check(n > 0 && n % 8 == 0);
	check(mask[0] & 1);
	check_ok(syscall(SYS_getcpu, &cpu, NULL, NULL));
	check(mask[0] >> cpu & 1);
	check_err(syscall(SYS_sched_getaffinity, 0, 1, mask), EINVAL);
	check_ok(sched_yield());
}

test(limits)
{
	struct rlimit rl;

	for (int i = 0; i < 16; i++) {
		check_ok(getrlimit(i, &rl));
		check(rl.rlim_cur <= rl.rlim_max);
	}
	check_err(getrlimit(16, &rl), EINVAL);
	check_ok(getrlimit(RLIMIT_STACK, &rl));
	rl.rlim_cur = rl.rlim_max;
	rl.rlim_max = 0;
	if (rl.rlim_cur)
		check_err(setrlimit(RLIMIT_STACK, &rl), EINVAL);
}

test(identity)
{
	uid_t r, e, s;
	pid_t pid;

	check_ok(getresuid(&r, &e, &s));
	check_eq(r, getuid());
	check_eq(e, geteuid());
	need_root();
	child(pid) {
		check_ok(setgid(77));
		check_ok(setuid(1000));
		check_eq(getuid(), 1000);
		check_eq(geteuid(), 1000);
		check_eq(getgid(), 77);
		check_err(setuid(0), EPERM);
		check_err(setgid(0), EPERM);
	}
	check_exit(pid, 0);
	check_eq(getuid(), 0);
}

test(unknown_calls)
{
	check_err(syscall(100000), ENOSYS);
	check_err(syscall(-1L), ENOSYS);
	check_eq(syscall(1L << 40 | SYS_getpid), getpid());	/* the number is an int */
	check_err(syscall(SYS_prctl, 12345678, 0, 0, 0, 0), EINVAL);
}

test(arch_prctl_call)
{
	unsigned long fs = 0, gs = 1;

	check_ok(syscall(SYS_arch_prctl, 0x1003, &fs));	/* ARCH_GET_FS */
	check(fs != 0);
	check_ok(syscall(SYS_arch_prctl, 0x1004, &gs));	/* ARCH_GET_GS */
	check_err(syscall(SYS_arch_prctl, 0x1002, 1UL << 63), EPERM);	/* ARCH_SET_FS */
	check_err(syscall(SYS_arch_prctl, 0x7777, 0), EINVAL);
}
