/*
 * Lazy identity: what the kernel keeps for anonymous memory, and when it has to.
 *
 * To find who maps a page the kernel needs an identity behind it. Linux makes one, an anon_vma with a chain, at
 * the first write to every mapping. Most processes never fork, so most of these are never
 * used. Here a page points at one small root of its process until a fork shares it:
 *
 *	         map         write              fork               child writes
 *	parent   NONE  --->  LAZY        --->   REGULAR
 *	child                            --->   PARENT      --->   REGULAR
 *	allocated            0                  1 anon_vma,        1 anon_vma,
 *	                                        2 chains           1 chain more
 *
 * vm.anon_vma_lazy = 0 switches to Linux's way; the last step counts both.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "step.h"

#define LAZY_SYSCTL "/proc/sys/vm/anon_vma_lazy"

enum { PAGES = 4, WORK_MAPPINGS = 200 };

struct cost {
	struct ledger anon_vma;
	struct ledger chain;
};

static char *area;
static long lazy_before;

static struct cost cost_of(pid_t pid)
{
	struct cost cost = {0};

	must(ledger(pid, "anon_vma", &cost.anon_vma) && ledger(pid, "anon_vma_chain", &cost.chain),
	     "/proc/<pid>/mm/ledger");
	return cost;
}

static void show_cost(const char *who, const struct cost *c)
{
	show("%-8s %3ld anon_vma (%ld bytes), %3ld anon_vma_chain (%ld bytes)", who,
	     c->anon_vma.objects, c->anon_vma.bytes, c->chain.objects, c->chain.bytes);
}

static void check_state(const char *who, pid_t pid, const char *wanted)
{
	struct vma vma;

	must(vma_find(pid, (unsigned long)area, &vma), "/proc/<pid>/mm/vmas");
	check(!strcmp(vma.state, wanted), "the mapping of %s is %s", who, vma.state);
}

static void before_first_write(void)
{
	struct cost cost;

	step("This process maps %d pages and touches none: there is nothing to find, so no state.",
	     PAGES);
	area = map_at(ARENA, PAGES);
	cost = cost_of(getpid());
	show_mapping("process", getpid(), area);
	show_cost("process", &cost);
	check_state("the process", getpid(), "NONE");
	check(!cost.anon_vma.objects && !cost.chain.objects,
	      "and the whole process, stack and heap included, has cost no anon_vma and no chain "
	      "so far");
}

static void first_write(void)
{
	struct cost cost;

	step("It writes to every page. They are its own, and its mapping says so with one tagged "
	     "pointer to "
	     "the process's lazy root. Nothing is allocated but the pages.");
	for (int i = 0; i < PAGES; i++)
		area[(size_t)i * PAGE_SIZE] = 'x';
	cost = cost_of(getpid());
	show_mapping("process", getpid(), area);
	show_cost("process", &cost);
	check_state("the process", getpid(), "LAZY");
	check(!cost.anon_vma.objects && !cost.chain.objects, "still no anon_vma and no chain");
}

static void fork_upgrades(struct child *child)
{
	struct vma parent, shared;

	step("fork(). Now two processes map the pages, so the parent's mapping gets an anon_vma of "
	     "its own. The child's "
	     "is only linked to it: it has no page of its own yet.");
	child_start(child);
	show_mapping("parent", getpid(), area);
	show_mapping("child", child->pid, area);
	check_state("the parent", getpid(), "REGULAR");
	check_state("the child", child->pid, "PARENT");
	must(vma_find(getpid(), (unsigned long)area, &parent) &&
		     vma_find(child->pid, (unsigned long)area, &shared),
	     "/proc/<pid>/mm/vmas");
	check(parent.identity && parent.identity == shared.identity,
	      "and both name the same anon_vma");
}

static void child_writes(struct child *child)
{
	struct cost before, after;

	step("The child writes to one page. That copy is a page of its own, which the parent's "
	     "anon_vma must not "
	     "find: the child's mapping gets an anon_vma too, a child of the parent's.");
	child_read(child, area); /* what obeying touches besides is behind it then */
	before = cost_of(child->pid);
	child_write(child, area, 'c');
	after = cost_of(child->pid);
	show_mapping("parent", getpid(), area);
	show_mapping("child", child->pid, area);
	show_cost("before", &before);
	show_cost("after", &after);
	check_state("the child", child->pid, "REGULAR");
	check(after.anon_vma.objects - before.anon_vma.objects == 1 &&
		      after.chain.objects - before.chain.objects == 1,
	      "it cost one anon_vma and one chain");
	child_end(child);
}

/* ---- lazy against classic ---- */

/* What a program without fork does: many mappings, each written to. A hole after each keeps them apart. */
static void work(void)
{
	for (int i = 0; i < WORK_MAPPINGS; i++) {
		char *p = map_at(ARENA + (size_t)(1024 + 2 * i) * PAGE_SIZE, 1);

		*p = 'w';
	}
}

/* Let a fresh program do the work, and read what it costs before it ends. */
static struct cost measure(long lazy)
{
	struct cost cost;
	int ready[2];
	pid_t pid;
	char c;

	must(write_number(LAZY_SYSCTL, lazy), LAZY_SYSCTL);
	must(!pipe(ready), "pipe");
	fflush(stdout);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) {
		dup2(ready[1], 1);
		execl("/proc/self/exe", "demo", "--work", NULL);
		_exit(127);
	}
	close(ready[1]);
	must(read(ready[0], &c, 1) == 1, "the measured program");
	cost = cost_of(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	return cost;
}

void lazy_work(void)
{
	work();
	if (write(1, "!", 1) == 1)
		pause();
}

static void restore(void)
{
	write_number(LAZY_SYSCTL, lazy_before);
}

static void compare(void)
{
	struct cost lazy, classic;

	step("A program that writes to %d mappings and never forks runs twice: with "
	     "vm.anon_vma_lazy = 1, and "
	     "with 0, Linux's way. Lazy, it costs no anon_vma; the classic way costs one and a "
	     "chain for each "
	     "mapping.",
	     WORK_MAPPINGS);
	lazy_before = read_number(LAZY_SYSCTL);
	must(lazy_before >= 0, LAZY_SYSCTL);
	atexit(restore);
	lazy = measure(1);
	classic = measure(0);
	restore();
	show_cost("lazy", &lazy);
	show_cost("classic", &classic);
	check(!lazy.anon_vma.objects && !lazy.chain.objects, "lazy: nothing");
	check(classic.anon_vma.objects >= WORK_MAPPINGS && classic.chain.objects >= WORK_MAPPINGS,
	      "classic: %ld bytes", classic.anon_vma.bytes + classic.chain.bytes);
}

static void run(void)
{
	struct child child;

	if (read_number(LAZY_SYSCTL) != 1) {
		fprintf(stderr, "demo lazy: vm.anon_vma_lazy is 0; `echo 1 >%s` first\n",
			LAZY_SYSCTL);
		exit(2);
	}
	before_first_write();
	first_write();
	fork_upgrades(&child);
	child_writes(&child);
	compare();
}

const struct demo demo_lazy = {
	"lazy", "what anonymous memory costs the kernel: lazy against classic", run, true};
