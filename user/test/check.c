/* mm_check() by /sys/kernel/mm/quire/check after scenarios that leave every kind of state behind.  Quire only. */
#include "mm.h"

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)
#define CHECK	"/sys/kernel/mm/quire/check"

static void check_now(const char *what)
{
	const char *broken = ktap_mm_check();

	if (broken)
		fail("%s: %s", what, broken);
}

static pid_t waiting_child(void)
{
	pid_t pid;

	child(pid) {
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	check_killed(pid, SIGKILL);
}

test(answers_ok)
{
	char text[16] = "";
	int fd;

	need_quire();
	fd = check_ok(open(CHECK, O_WRONLY));
	check_eq(write(fd, "1\n", 2), 2);
	close(fd);
	fd = check_ok(open(CHECK, O_RDONLY));
	check(read(fd, text, sizeof(text) - 1) > 0);
	check_str(text, "ok\n");
}

test(faults_and_unmaps)
{
	need_quire();
	fill(arena(0, 600), 600, 1);
	check_now("touched");
	check_eq(arena(700, 10)[0], 0);
	check_ok(sys_madvise(at(100), 100 * PAGE, MADV_DONTNEED));
	check_now("emptied");
	check_ok(sys_munmap(at(50), 500 * PAGE));
	check_now("unmapped");
}

test(while_forked)
{
	pid_t a, b;

	need_quire();
	fill(arena(0, 64), 64, 1);
	a = waiting_child();
	check_now("forked");
	fill(at(0), 16, 1);
	check_now("parent wrote");
	b = waiting_child();
	check_now("forked again");
	end(a);
	check_now("first child gone");
	fill(at(0), 64, 9);
	check_now("parent wrote all");
	end(b);
	check_now("alone");
}

test(while_split_and_merged)
{
	need_quire();
	fill(arena(0, 64), 64, 1);
	for (int i = 0; i < 64; i += 3)
		check_ok(sys_mprotect(at(i), PAGE, PROT_READ));
	check_now("split");
	check_ok(sys_mprotect(at(0), 64 * PAGE, RW));
	check_now("merged");
	fill(arena(70, 4), 4, 1);
	fill(arena(78, 4), 4, 1);
	arena(74, 4);
	check_now("gap filled");
}

test(while_moved)
{
	pid_t pid;

	need_quire();
	fill(arena(0, 16), 16, 1);
	check_eq(sys_mremap(at(4), 4 * PAGE, 4 * PAGE, FIX, at(1000)), at(1000));
	check_now("moved");
	pid = waiting_child();
	check_now("forked");
	check_eq(sys_mremap(at(1000), 4 * PAGE, 4 * PAGE, FIX, at(4)), at(4));
	check_now("moved back while shared");
	check_eq(sys_mremap(at(8), 4 * PAGE, 4 * PAGE, FIX | MREMAP_DONTUNMAP, at(2000)), at(2000));
	check_now("copied by DONTUNMAP");
	end(pid);
	check_now("alone");
	check_eq(sys_mremap(at(0), 4 * PAGE, 9 * PAGE, MREMAP_MAYMOVE, NULL) != MAP_FAILED, 1);
	check_now("grown");
}

test(with_guards)
{
	pid_t pid;

	need_quire();
	arena(0, 2048);
	check_ok(sys_madvise(at(100), 1500 * PAGE, MADV_GUARD_INSTALL));
	check_now("installed");
	pid = waiting_child();
	check_now("forked");
	at(0)[0] = 1;
	check_ok(sys_madvise(at(200), 100 * PAGE, MADV_GUARD_REMOVE));
	check_now("partly removed");
	check_eq(sys_mremap(at(0), 1024 * PAGE, 1024 * PAGE, FIX, at(8192)), at(8192));
	check_now("moved");
	check_ok(sys_madvise(at(1024), 1024 * PAGE, MADV_GUARD_REMOVE));
	check_now("removed");
	end(pid);
}

test(with_files_and_shared_memory)
{
	int fd = temp_file(16 * PAGE);
	pid_t pid;

	need_quire();
	check_ok(sys_mmap(at(0), 16 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	check_ok(sys_mmap(at(100), 16 * PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	check_fill(at(0), 16, 1);
	fill(at(4), 4, 1);
	fill(at(100), 8, 1);
	check_now("touched");
	pid = waiting_child();
	check_now("forked");
	fill(at(0), 8, 50);
	check_ok(ftruncate(fd, 2 * PAGE));
	check_now("truncated");
	end(pid);
	check_ok(sys_munmap(at(100), 3 * PAGE));
	check_now("alone");
}

test(with_locks_and_advice)
{
	need_quire();
	fill(arena(0, 32), 32, 1);
	check_ok(syscall(SYS_mlock, at(4), 4 * PAGE));
	check_ok(sys_madvise(at(10), 4 * PAGE, MADV_DONTFORK));
	check_ok(sys_madvise(at(16), 4 * PAGE, MADV_WIPEONFORK));
	check_ok(sys_madvise(at(20), 4 * PAGE, MADV_FREE));
	check_now("advised");
	end(waiting_child());
	check_now("forked");
}

test(of_several_generations)
{
	pid_t pid[4];

	need_quire();
	fill(arena(0, 8), 8, 1);
	for (int g = 0; g < 4; g++) {
		pid[g] = waiting_child();
		at(g)[0] = 100 + g;
		check_now("a child more");
	}
	for (int g = 3; g >= 0; g--) {
		end(pid[g]);
		check_now("a child less");
	}
}

test(bad_writes_are_refused)
{
	need_quire();
	need_root();
	check_err(open(CHECK "x", O_RDONLY), ENOENT);
	check_err(write(check_ok(open(CHECK, O_WRONLY)), (void *)8, 1), EFAULT);
}
