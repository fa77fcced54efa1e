/* mmap: placement, flags, errors and their order, contents. */
#include "mm.h"
#include <sys/resource.h>

test(anonymous_is_zero)
{
	char *p = anon(4);

	check_zero(p, 4);
	fill(p, 4, 1);
	check_fill(p, 4, 1);
}

test(length_zero)
{
	check_err(sys_mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
}

test(length_is_rounded_up)
{
	char *p = check_ok(sys_mmap((void *)ARENA, PAGE + 1, RW, ANON | MAP_FIXED, -1, 0));

	check_map(p, 2, "rw-p");
	p[2 * PAGE - 1] = 1;
}

test(length_too_large)
{
	check_err(sys_mmap(NULL, ~0UL, RW, ANON, -1, 0), ENOMEM);
	check_err(sys_mmap(NULL, ~0UL - PAGE, RW, ANON, -1, 0), ENOMEM);
	check_err(sys_mmap(NULL, 1UL << 47, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	check_err(sys_mmap(NULL, 1UL << 63, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
}

test(neither_private_nor_shared)
{
	check_err(sys_mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	check_err(sys_mmap(NULL, PAGE, RW, 0, temp_file(PAGE), 0), EINVAL);
}

test(shared_validate_anonymous)
{
	check_err(sys_mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
}

test(offset_unaligned)
{
	check_err(sys_mmap(NULL, PAGE, RW, ANON, -1, 1), EINVAL);
	check_err(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, temp_file(PAGE), 512), EINVAL);
	/* The offset is looked at before the length and before the descriptor. */
	check_err(sys_mmap(NULL, 0, RW, MAP_PRIVATE, -1, 1), EINVAL);
	check_err(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 1), EINVAL);
}

test(bad_descriptor)
{
	check_err(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	check_err(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0), EBADF);
	/* The descriptor comes before length and address. */
	check_err(sys_mmap(NULL, 0, RW, MAP_PRIVATE, -1, 0), EBADF);
	check_err(sys_mmap((void *)1, PAGE, RW, MAP_PRIVATE | MAP_FIXED, -1, 0), EBADF);
	/* Anonymous mappings do not look at it. */
	check_ok(sys_mmap(NULL, PAGE, RW, ANON, 99, 0));
}

test(offset_overflow)
{
	int fd = temp_file(PAGE);

	check_err(sys_mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE), EOVERFLOW);
	check_ok(sys_mmap(NULL, 2 * PAGE, RW, ANON, -1, 0x7fffffffffff000));
}

test(pipe_and_directory)
{
	int fd[2], dir;

	check_ok(pipe(fd));
	check_err(sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd[0], 0), ENODEV);
	dir = check_ok(open("/", O_RDONLY | O_DIRECTORY));
	check_err(sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
}

test(fixed_replaces)
{
	char *p = arena(0, 4);

	fill(p, 4, 1);
	check_eq(sys_mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), p + PAGE);
	check_eq(p[0], 1);
	check_zero(p + PAGE, 2);
	check_eq(p[3 * PAGE], 4);
}

test(fixed_unaligned)
{
	check_err(sys_mmap((void *)(ARENA + 1), PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
}

test(fixed_out_of_space)
{
	check_err(sys_mmap((void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_err(sys_mmap((void *)0x7fffffffe000, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_err(sys_mmap((void *)(1UL << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_err(sys_mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check_err(sys_mmap((void *)0xffffffff80000000, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
}

test(fixed_last_page)
{
	char *p = (char *)0x7fffffffe000;
	struct map m;

	if (map_find(0, p, &m))
		skip("something lies there");
	check_eq(sys_mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0), p);
	p[PAGE - 1] = 1;
}

test(fixed_below_min_addr)
{
	need_root();
	/* Root may map there on Linux; nobody may map page 0 with a hint. */
	check(sys_mmap(NULL, PAGE, RW, ANON, -1, 0) != NULL);
	check(sys_mmap((void *)PAGE, PAGE, RW, ANON, -1, 0) != MAP_FAILED);
}

test(noreplace)
{
	char *p = (char *)ARENA;

	check_eq(sys_mmap(p, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), p);
	fill(p, 2, 1);
	check_err(sys_mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	check_err(sys_mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	check_err(sys_mmap(p - PAGE, 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	check_fill(p, 2, 1);
	check_eq(sys_mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), p + 2 * PAGE);
	check_err(sys_mmap(p + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EINVAL);
}

test(hint_is_taken_when_free)
{
	char *p = (char *)ARENA;

	check_eq(sys_mmap(p, PAGE, RW, ANON, -1, 0), p);
	/* ... rounded down to a page, ... */
	check_eq(sys_mmap(p + 5 * PAGE + 123, PAGE, RW, ANON, -1, 0), p + 5 * PAGE);
	/* ... and not when anything is in the way. */
	check(sys_mmap(p, PAGE, RW, ANON, -1, 0) != p);
	check(sys_mmap(p - PAGE, 2 * PAGE, RW, ANON, -1, 0) != p - PAGE);
	/* A hint out of the address space is ignored. */
	check_ok(sys_mmap((void *)(1UL << 50), PAGE, RW, ANON, -1, 0));
}

test(placement_is_top_down)
{
	char *a = anon(16), *b = anon(16);
	char *stack = (char *)&a;

	check(b < a);
	check_eq(b + 16 * PAGE, a);
	check(a < stack);
}

test(first_fit_from_the_top)
{
	char *a = anon(64), *hole = a + 16 * PAGE, *b;

	check_ok(sys_munmap(hole, 8 * PAGE));
	b = anon(8);
	check_eq(b, hole);
	check_ok(sys_munmap(hole, 8 * PAGE));
	b = check_ok(sys_mmap(NULL, 4 * PAGE, RW, ANON, -1, 0));
	check_eq(b, hole + 4 * PAGE);
	b = check_ok(sys_mmap(NULL, 5 * PAGE, RW, ANON, -1, 0));
	check(b < hole || b >= hole + 8 * PAGE);
}

test(protections)
{
	static const struct {
		int prot;
		const char *perm;
	} t[] = {
		{ PROT_NONE, "---p" }, { PROT_READ, "r--p" }, { PROT_WRITE, "-w-p" }, { RW, "rw-p" },
		{ PROT_EXEC, "--xp" }, { PROT_READ | PROT_EXEC, "r-xp" }, { RWX, "rwxp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		check_map(arena_prot(4 * i, 1, t[i].prot), 1, t[i].perm);
}

test(access_follows_protection)
{
	char *none = arena_prot(0, 1, PROT_NONE), *r = arena_prot(2, 1, PROT_READ);
	char *w = arena_prot(4, 1, PROT_WRITE), *x = arena_prot(6, 1, PROT_EXEC | PROT_READ);

	check_accerr(fault_read(none), none);
	check_accerr(fault_write(none), none);
	check_nofault(fault_read(r));
	check_accerr(fault_write(r), r);
	check_accerr(fault_exec(r), r);
	check_nofault(fault_write(w));
	check_nofault(fault_read(w));	/* x86: writable implies readable */
	check_accerr(fault_write(x), x);
}

test(exec_runs)
{
	char *p = anon(1);

	p[0] = (char)0xc3;	/* ret */
	check_accerr(fault_exec(p), p);
	check_ok(sys_mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	check_nofault(fault_exec(p));
}

test(unknown_protection_bits)
{
	/* mmap ignores them, mprotect does not. */
	check_ok(sys_mmap(NULL, PAGE, RW | 0x100, ANON, -1, 0));
}

test(unknown_flags_ignored)
{
	check_ok(sys_mmap(NULL, PAGE, RW, ANON | MAP_DENYWRITE | MAP_EXECUTABLE | 0x8000000, -1, 0));
}

test(populate)
{
	char *p = check_ok(sys_mmap((void *)ARENA, 8 * PAGE, RW, ANON | MAP_POPULATE | MAP_FIXED, -1, 0));

	check_eq(present_count(p, 8), 8);
	p = check_ok(sys_mmap((void *)ARENA, 8 * PAGE, PROT_READ, ANON | MAP_POPULATE | MAP_FIXED, -1, 0));
	check_eq(present_count(p, 8), 8);
	p = check_ok(sys_mmap((void *)ARENA, 8 * PAGE, PROT_NONE, ANON | MAP_POPULATE | MAP_FIXED, -1, 0));
	check_eq(present_count(p, 8), 0);
	p = check_ok(sys_mmap((void *)ARENA, 8 * PAGE, RW, ANON | MAP_POPULATE | MAP_NONBLOCK | MAP_FIXED, -1, 0));
	check_eq(present_count(p, 8), 0);
}

test(populate_file)
{
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0));

	check_eq(present_count(p, 4), 4);
	check(pagemap(p) & PM_FILE);
	p = check_ok(sys_mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_POPULATE, fd, 0));
	check_eq(present_count(p, 4), 4);
	check(!(pagemap(p) & PM_FILE));		/* populating for writing makes the copies */
	check_fill(p, 4, 1);
}

test(demand_only)
{
	char *p = anon(8);

	check_eq(present_count(p, 8), 0);
	p[3 * PAGE] = 1;
	check_eq(present_count(p, 8), 1);
	check(present(p + 3 * PAGE));
}

test(zero_page_is_shared)
{
	char *p = anon(2);
	uint64_t a, b;

	(void)*(volatile char *)p;
	(void)*(volatile char *)(p + PAGE);
	a = pagemap(p) & PM_PFN;
	b = pagemap(p + PAGE) & PM_PFN;
	check_eq(a, b);
	p[0] = 1;
	check(geteuid() || (pagemap(p) & PM_PFN) != b);
	check_eq(p[PAGE], 0);
}

test(shared_anonymous)
{
	char *p = check_ok(sys_mmap(NULL, 4 * PAGE, RW, SHANON, -1, 0));
	struct map m;
	pid_t pid;

	check_zero(p, 4);
	check(map_find(0, p, &m));
	check_str(m.perm, "rw-s");
	check_str(m.name, "/dev/zero (deleted)");
	p[0] = 1;
	child(pid) {
		check_eq(p[0], 1);
		p[0] = 2;
		p[PAGE] = 3;
	}
	check_exit(pid, 0);
	check_eq(p[0], 2);
	check_eq(p[PAGE], 3);
	check(pagemap(p) & PM_FILE);
}

test(private_file)
{
	int fd = temp_file(2 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0)), c;

	check_eq(p[0], 1);
	check_eq(p[PAGE + 5], 2);
	p[0] = 'x';
	check_eq(pread(fd, &c, 1, 0), 1);
	check_eq(c, 1);
	/* What is not copied yet still shows the file. */
	check_eq(pwrite(fd, "y", 1, PAGE), 1);
	check_eq(p[PAGE], 'y');
	check_eq(p[0], 'x');
}

test(private_file_offset)
{
	int fd = temp_file(4 * PAGE);
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE));
	struct map m;

	check_fill(p, 2, 3);
	check(map_find(0, p, &m));
	check_eq(m.offset, 2 * PAGE);
	check(m.inode != 0);
}

test(file_tail_is_zero)
{
	int fd = temp_file(100);
	char *p = check_ok(sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));

	check_eq(p[99], 1);
	for (size_t i = 100; i < PAGE; i++)
		check_eq(p[i], 0);
}

test(file_past_end)
{
	int fd = temp_file(PAGE + 1);
	char *p = check_ok(sys_mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0));

	check_nofault(fault_read(p + PAGE));
	check_fault(fault_read(p + 2 * PAGE), SIGBUS, BUS_ADRERR, p + 2 * PAGE);
	check_fault(fault_write(p + 3 * PAGE + 7), SIGBUS, BUS_ADRERR, p + 3 * PAGE + 7);
}

test(file_write_only_descriptor)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/quire-wo-%d", (int)getpid());
	fd = check_ok(open(path, O_WRONLY | O_CREAT, 0600));
	check_err(sys_mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, fd, 0), EACCES);
	check_err(sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
	close(fd);
	fd = check_ok(open(path, O_RDONLY));
	check_ok(sys_mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	check_err(sys_mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	check_ok(unlink(path));
}

test(mapping_outlives_descriptor)
{
	int fd = temp_file(PAGE);
	char *p = check_ok(sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));

	close(fd);
	check_eq(p[0], 1);
}

test(dev_zero)
{
	int fd = check_ok(open("/dev/zero", O_RDWR));
	char *p = check_ok(sys_mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0));

	check_zero(p, 2);
	p[PAGE] = 1;
	check_eq(p[0], 0);
}

test(stack_and_growsdown_flags)
{
	char *p = check_ok(sys_mmap((void *)ARENA, PAGE, RW, ANON | MAP_STACK | MAP_FIXED, -1, 0));

	check(!smaps_flag(p, "gd"));
	p = check_ok(sys_mmap((void *)(ARENA + 16 * PAGE), PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	check(smaps_flag(p, "gd"));
	check_err(sys_mmap(NULL, PAGE, RW, SHANON | MAP_GROWSDOWN, -1, 0), EINVAL);
}

test(noreserve_flag)
{
	char *p = check_ok(sys_mmap(NULL, 1UL << 40, RW, ANON | MAP_NORESERVE, -1, 0));

	check(smaps_flag(p, "nr"));
	p[1UL << 39] = 1;
	check_eq(p[1UL << 39], 1);
	check_ok(sys_munmap(p, 1UL << 40));
}

test(locked_flag)
{
	char *p = check_ok(sys_mmap(NULL, 4 * PAGE, RW, ANON | MAP_LOCKED, -1, 0));

	check_eq(present_count(p, 4), 4);
	check(smaps_flag(p, "lo"));
	check_eq(status_kb("VmLck"), 16);
}

test(locked_over_rlimit)
{
	struct rlimit rl = { 4 * PAGE, 4 * PAGE };
	pid_t pid;

	need_root();
	check_ok(setrlimit(RLIMIT_MEMLOCK, &rl));
	child(pid) {
		/* Root may exceed it; others may not. */
		check_ok(sys_mmap(NULL, 5 * PAGE, RW, ANON | MAP_LOCKED, -1, 0));
		check_ok(setuid(1000));
		check_err(sys_mmap(NULL, 5 * PAGE, RW, ANON | MAP_LOCKED, -1, 0), EAGAIN);
	}
	check_exit(pid, 0);
}

test(merges_with_neighbours)
{
	char *p = arena(0, 1);

	arena(2, 1);
	check_eq(map_count(p, 3 * PAGE), 2);
	arena(1, 1);
	check_eq(map_count(p, 3 * PAGE), 1);
}

test(many_pages)
{
	size_t pages = 2048;
	char *p = anon(pages);

	fill(p, pages, 0);
	check_fill(p, pages, 0);
	check_eq(smaps_kb(p, "Rss") >= (long)(pages * 4), 1);
	check_ok(sys_munmap(p, pages * PAGE));
}
