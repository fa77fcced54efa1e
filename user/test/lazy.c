/*
 * The anonymous state behind mappings, as /proc/<pid>/mm/vmas and ledger tell it: what a process pays for, and when.
 * Quire only.  Cases that must know a process's whole history are fresh_test()s: they come from execve().
 */
#include "mm.h"

#define FIX	(MREMAP_MAYMOVE | MREMAP_FIXED)
#define at(n)	((char *)ARENA + (n) * PAGE)

/* ---- the two files ---- */

struct state {
	unsigned long start, end;
	char perm[8], state[16], identity[32];
};

/* The state of the VMA that holds ADDR in process PID (0: this one). */
static struct state state_of(pid_t pid, const void *addr)
{
	unsigned long a = (unsigned long)addr;
	struct state s;
	struct lines l;

	lines_open(&l, proc_path(pid, "mm/vmas"));
	lines_next(&l);		/* the header */
	while (lines_next(&l))
		if (sscanf(l.line, "%lx-%lx %7s %15s %31s", &s.start, &s.end, s.perm, s.state, s.identity) == 5 &&
		    s.start <= a && a < s.end) {
			lines_close(&l);
			return s;
		}
	fail("no VMA at %p", addr);
}

static int count_state(pid_t pid, const char *want)
{
	struct state s;
	struct lines l;
	int n = 0;

	lines_open(&l, proc_path(pid, "mm/vmas"));
	lines_next(&l);
	while (lines_next(&l))
		n += sscanf(l.line, "%lx-%lx %7s %15s", &s.start, &s.end, s.perm, s.state) == 4 &&
		     !strcmp(s.state, want);
	return n;
}

static long ledger(pid_t pid, const char *kind)
{
	struct lines l;
	char name[64];
	long objects, bytes;

	lines_open(&l, proc_path(pid, "mm/ledger"));
	while (lines_next(&l))
		if (sscanf(l.line, "%63s %ld %ld", name, &objects, &bytes) == 3 && !strcmp(name, kind)) {
			lines_close(&l);
			check((objects == 0) == (bytes == 0));
			return objects;
		}
	fail("the ledger has no %s", kind);
}

#define check_state(addr, want)	check_str(state_of(0, addr).state, want)

static void need_lazy(void)
{
	need_quire();
	if (sysctl_get("/proc/sys/vm/anon_vma_lazy") != 1)
		skip("classic mode");
}

/* A process that waits for the end of its parent's case; and what the parent sees there. */
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

/* ---- formats ---- */

fresh_test(files)
{
	struct lines l;
	int vmas = 0;

	need_quire();
	lines_open(&l, "/proc/self/mm/vmas");
	check(lines_next(&l) != NULL);
	while (lines_next(&l)) {
		unsigned long start, end, pgoff;
		char perm[8], state[16], identity[32], flags[128];

		check(sscanf(l.line, "%lx-%lx %7s %15s %31s %lx %127s", &start, &end, perm, state, identity,
			     &pgoff, flags) >= 6);
		check(strstr("NONE UNFAULTED LAZY PARENT REGULAR", state) != NULL);
		vmas++;
	}
	check_eq(vmas, map_total() - (on_quire() ? 0 : 1));
	check_eq(ledger(0, "vm_area_struct"), vmas);
	check(ledger(0, "vma_tree_node") >= 1);
	check(ledger(0, "page_table") >= 4);
}

/* ---- one process (7.2) ---- */

fresh_test(never_forked_has_nothing)
{
	need_lazy();
	check_eq(ledger(0, "anon_vma"), 0);
	check_eq(ledger(0, "anon_vma_chain"), 0);
	check_eq(count_state(0, "REGULAR"), 0);
	check_eq(count_state(0, "PARENT"), 0);
	check(count_state(0, "LAZY") >= 1);	/* its stack, at least */
}

fresh_test(first_fault_makes_lazy)
{
	char *p = at(0);

	need_lazy();
	arena(0, 4);
	check_state(p, "NONE");
	check_eq(p[0], 0);
	check_state(p, "NONE");			/* the zero page is nobody's */
	p[0] = 1;
	check_state(p, "LAZY");
	check_eq(ledger(0, "anon_vma"), 0);
	check_eq(ledger(0, "anon_vma_chain"), 0);
}

fresh_test(any_history_without_fork)
{
	int fd = temp_file(8 * PAGE);

	need_lazy();
	fill(arena(0, 32), 32, 1);
	for (int i = 0; i < 32; i += 4)
		check_ok(sys_mprotect(at(i), PAGE, PROT_READ));
	check_ok(sys_munmap(at(9), 3 * PAGE));
	check_ok(sys_mprotect(at(0), 9 * PAGE, RW));
	fill(arena(100, 4), 4, 1);
	arena(104, 4);
	check_ok(sys_madvise(at(100), 8 * PAGE, MADV_DONTNEED));
	check_ok(sys_madvise(at(102), PAGE, MADV_GUARD_INSTALL));
	check_ok(sys_mmap(at(200), 8 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	fill(at(200), 4, 1);
	check_ok(sys_mprotect(at(202), PAGE, PROT_READ));
	check_state(at(200), "LAZY");
	check_ok(syscall(SYS_mlock, at(104), PAGE));
	check_eq(ledger(0, "anon_vma"), 0);
	check_eq(ledger(0, "anon_vma_chain"), 0);
	check_eq(count_state(0, "REGULAR"), 0);
}

fresh_test(lazy_neighbours_merge)
{
	need_lazy();
	fill(arena(0, 1), 1, 1);
	fill(arena(2, 1), 1, 3);
	arena(1, 1);
	check_map(at(0), 3, "rw-p");
	check_state(at(0), "LAZY");
	at(1)[0] = 2;
	check_fill(at(0), 3, 1);
	check_eq(ledger(0, "anon_vma"), 0);
}

fresh_test(split_costs_nothing)
{
	need_lazy();
	fill(arena(0, 64), 64, 1);
	for (int i = 0; i < 64; i += 2)
		check_ok(sys_mprotect(at(i), PAGE, PROT_READ));
	check_eq(ledger(0, "anon_vma"), 0);
	check_eq(ledger(0, "anon_vma_chain"), 0);
	for (int i = 0; i < 64; i++)
		check_state(at(i), "LAZY");
	/* (7.6) What faulted first goes; the others are still found. */
	check_ok(sys_munmap(at(0), 32 * PAGE));
	check_fill(at(32), 32, 33);
}

fresh_test(moves)
{
	need_lazy();
	fill(arena(0, 6), 6, 1);
	check_eq(sys_mremap(at(2), 2 * PAGE, 2 * PAGE, FIX, at(100)), at(100));
	/* A1: LAZY only where page offset and address agree. */
	if (sysctl_get("/proc/sys/vm/mremap_relocate") != 1)
		check_state(at(100), "REGULAR");
	else
		check_state(at(100), "LAZY");
	check_eq(sys_mremap(at(100), 2 * PAGE, 2 * PAGE, FIX, at(2)), at(2));
	check_fill(at(0), 6, 1);
	/* Untouched ones stay without state wherever they go. */
	arena(200, 2);
	check_eq(sys_mremap(at(200), 2 * PAGE, 2 * PAGE, FIX, at(300)), at(300));
	check_state(at(300), "NONE");
}

/* ---- fork (7.2) ---- */

fresh_test(one_fork)
{
	long before, faulted;
	pid_t pid;

	need_lazy();
	fill(arena(0, 4), 4, 1);
	arena(10, 4);
	faulted = count_state(0, "LAZY");
	check_eq(ledger(0, "anon_vma"), 0);
	before = ledger(0, "vm_area_struct");
	pid = waiting_child();
	/* One for each faulted VMA of the parent; the child has none. */
	check_eq(ledger(0, "vm_area_struct"), before);
	check(ledger(0, "anon_vma") >= faulted);
	check(ledger(0, "anon_vma") <= faulted + 1);	/* the stack may fault meanwhile */
	check_state(at(0), "REGULAR");
	check_state(at(10), "NONE");
	check_str(state_of(pid, at(0)).state, "PARENT");
	check_str(state_of(pid, at(10)).state, "NONE");
	check_str(state_of(pid, at(0)).identity, state_of(0, at(0)).identity);
	end(pid);
	check_fill(at(0), 4, 1);
}

fresh_test(child_gets_its_own_at_its_first_write)
{
	pid_t pid;
	int go[2];
	char c;

	need_lazy();
	check_ok(pipe(go));
	fill(arena(0, 4), 4, 1);
	fill(arena(10, 4), 4, 1);
	child(pid) {
		check_str(state_of(0, at(0)).state, "PARENT");
		check_eq(at(0)[0], 1);
		check_str(state_of(0, at(0)).state, "PARENT");
		at(0)[0] = 9;
		check_str(state_of(0, at(0)).state, "REGULAR");
		check_str(state_of(0, at(10)).state, "PARENT");
		check_eq(write(go[1], "x", 1), 1);
		for (;;)
			pause();
	}
	check_eq(read(go[0], &c, 1), 1);
	check(strcmp(state_of(pid, at(0)).identity, state_of(0, at(0)).identity));
	check_str(state_of(pid, at(10)).identity, state_of(0, at(10)).identity);
	end(pid);
}

fresh_test(new_after_fork_is_lazy_again)
{
	pid_t pid;

	need_lazy();
	fill(arena(0, 1), 1, 1);
	pid = waiting_child();
	fill(arena(100, 2), 2, 1);
	check_state(at(100), "LAZY");
	check_state(at(0), "REGULAR");
	end(pid);
}

fresh_test(exec_starts_anew)
{
	need_lazy();
	/* This process came from a fork that called execve(): nothing of its parent's is left. */
	check_eq(ledger(0, "anon_vma"), 0);
	check_eq(ledger(0, "anon_vma_chain"), 0);
}

fresh_test(generations_are_bounded)
{
	/* A5: each generation writes the same page, then forks the next and leaves. */
	need_quire();
	fill(arena(0, 1), 1, 1);
	for (int g = 0; g < 60; g++) {
		pid_t pid = check_ok(fork());

		if (pid) {
			int status = reap(pid);

			if (g)
				_exit(WEXITSTATUS(status));
			check_eq(status, 0);
			return;
		}
		at(0)[0] = g;
		check_eq(at(0)[0], g);
		check(ledger(0, "anon_vma_chain") < 64 * 20);
	}
	_exit(0);
}

/* ---- guards (7.1) ---- */

fresh_test(guard_needs_no_identity)
{
	pid_t pid, inner;

	need_lazy();
	arena(0, 8);
	check_ok(sys_madvise(at(0), 4 * PAGE, MADV_GUARD_INSTALL));
	check_state(at(0), "UNFAULTED");
	check_eq(ledger(0, "anon_vma"), 0);
	check_eq(ledger(0, "anon_vma_chain"), 0);
	child(pid) {
		check_state(at(0), "UNFAULTED");
		check_maperr(fault_read(at(0)), at(0));
		child(inner) {
			check_state(at(0), "UNFAULTED");
			check_maperr(fault_write(at(3)), at(3));
		}
		check_exit(inner, 0);
	}
	check_exit(pid, 0);
	check_state(at(0), "UNFAULTED");
	/* A first page takes the flag's place. */
	at(5)[0] = 1;
	check(strcmp(state_of(0, at(0)).state, "UNFAULTED"));
	check_maperr(fault_read(at(0)), at(0));
}

fresh_test(guard_split_and_removed)
{
	need_lazy();
	arena(0, 8);
	check_ok(sys_madvise(at(2), PAGE, MADV_GUARD_INSTALL));
	check_ok(sys_mprotect(at(4), 4 * PAGE, PROT_READ));
	check_state(at(0), "UNFAULTED");
	check_state(at(4), "UNFAULTED");
	check_ok(sys_mprotect(at(4), 4 * PAGE, RW));
	check_map(at(0), 8, "rw-p");
	check_state(at(0), "UNFAULTED");
	/* G2: a part removed clears nothing, the whole may. */
	check_ok(sys_madvise(at(0), 4 * PAGE, MADV_GUARD_REMOVE));
	check_state(at(0), "UNFAULTED");
	check_ok(sys_madvise(at(0), 8 * PAGE, MADV_GUARD_REMOVE));
	check_state(at(0), "NONE");
	check_zero(at(0), 8);
}

fresh_test(guard_merges)
{
	/* G3: flag on the first, the middle, the last, the removed one: the survivor has it. */
	need_lazy();
	for (int where = 0; where < 8; where++) {
		int b = 100 * where;

		arena(b, 2);
		arena_prot(b + 2, 2, PROT_READ);
		arena(b + 4, 2);
		for (int part = 0; part < 3; part++)
			if (where >> part & 1)
				check_ok(sys_madvise(at(b + 2 * part), PAGE, MADV_GUARD_INSTALL));
		check_ok(sys_mprotect(at(b + 2), 2 * PAGE, RW));
		check_map(at(b), 6, "rw-p");
		check_state(at(b), where ? "UNFAULTED" : "NONE");
		for (int part = 0; part < 3; part++)
			if (where >> part & 1)
				check_maperr(fault_read(at(b + 2 * part)), at(b + 2 * part));
	}
	check_eq(ledger(0, "anon_vma"), 0);
}

fresh_test(guard_moves)
{
	need_lazy();
	arena(0, 4);
	check_ok(sys_madvise(at(0), 4 * PAGE, MADV_GUARD_INSTALL));
	check_eq(sys_mremap(at(0), 4 * PAGE, 4 * PAGE, FIX, at(100)), at(100));
	check_state(at(100), "UNFAULTED");
	/* Into an untouched neighbour. */
	arena(200, 2);
	check_eq(sys_mremap(at(100), 4 * PAGE, 4 * PAGE, FIX, at(202)), at(202));
	check_map(at(200), 6, "rw-p");
	check_state(at(200), "UNFAULTED");
	check_maperr(fault_read(at(203)), at(203));
	check_eq(ledger(0, "anon_vma"), 0);
	/* DONTUNMAP: the copy has it. */
	check_eq(sys_mremap(at(202), 4 * PAGE, 4 * PAGE, FIX | MREMAP_DONTUNMAP, at(300)), at(300));
	check_state(at(300), "UNFAULTED");
	check_maperr(fault_read(at(300)), at(300));
	check_zero(at(202), 4);
}

fresh_test(guard_wiped_child)
{
	pid_t pid;

	need_lazy();
	arena(0, 4);
	check_ok(sys_madvise(at(0), 4 * PAGE, MADV_WIPEONFORK));
	check_ok(sys_madvise(at(0), 2 * PAGE, MADV_GUARD_INSTALL));
	pid = waiting_child();
	check_str(state_of(pid, at(0)).state, "NONE");
	check_state(at(0), "UNFAULTED");
	end(pid);
}

/* ---- files (7.11) ---- */

fresh_test(private_file_keeps_two_offsets)
{
	int fd = temp_file(8 * PAGE);
	char *p = check_ok(sys_mmap(at(0), 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 2 * PAGE));
	pid_t pid;

	need_lazy();
	check_state(p, "NONE");
	fill(p, 2, 60);
	check_state(p, "LAZY");
	check_fill(p + 2 * PAGE, 2, 5);
	pid = waiting_child();
	check_state(p, "REGULAR");
	check_str(state_of(pid, p).state, "PARENT");
	end(pid);
	check_fill(p, 2, 60);
}

fresh_test(private_file_dontunmap_into_a_neighbour)
{
	int fd = temp_file(8 * PAGE);

	need_lazy();
	check_ok(sys_mmap(at(0), 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	check_ok(sys_mmap(at(100), 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 2 * PAGE));
	fill(at(100), 2, 60);
	check_eq(sys_mremap(at(100), 2 * PAGE, 2 * PAGE, FIX | MREMAP_DONTUNMAP, at(2)), at(2));
	check(strcmp(state_of(0, at(2)).state, "NONE"));
	check_fill(at(2), 2, 60);
	check_fill(at(100), 2, 3);
	check_ok(sys_munmap(at(100), 2 * PAGE));
	check_ok(sys_munmap(at(0), 2 * PAGE));
	check_fill(at(2), 2, 60);
}

/* ---- classic mode ---- */

static void classic(void)
{
	fill(arena(0, 4), 4, 1);
	check_state(at(0), "REGULAR");
	check(ledger(0, "anon_vma") >= 1);
	check_ok(sys_mprotect(at(1), PAGE, PROT_READ));
	check_ok(sys_mprotect(at(1), PAGE, RW));
	check_map(at(0), 4, "rw-p");
	check_fill(at(0), 4, 1);
}

fresh_test(classic_mode)
{
	long old = sysctl_get("/proc/sys/vm/anon_vma_lazy");
	int status;
	pid_t pid;

	need_quire();
	fill(arena(100, 1), 1, 1);
	check_ok(sysctl_set("/proc/sys/vm/anon_vma_lazy", 0));
	child(pid) {
		classic();
	}
	status = reap(pid);
	check_ok(sysctl_set("/proc/sys/vm/anon_vma_lazy", old));
	check_eq(status, 0);
}

fresh_test(kinds_side_by_side)
{
	/* The switch decides only what a new first fault makes. */
	long old = sysctl_get("/proc/sys/vm/anon_vma_lazy");

	need_quire();
	check_ok(sysctl_set("/proc/sys/vm/anon_vma_lazy", 1));
	fill(arena(0, 2), 2, 1);
	check_ok(sysctl_set("/proc/sys/vm/anon_vma_lazy", 0));
	fill(arena(4, 2), 2, 5);
	check_ok(sysctl_set("/proc/sys/vm/anon_vma_lazy", old));
	check_state(at(0), "LAZY");
	check_state(at(4), "REGULAR");
	arena(2, 2);
	check_fill(at(0), 2, 1);
	check_fill(at(4), 2, 5);
	fill(at(2), 2, 3);
	check_fill(at(0), 6, 1);
}
