/*
 * Copy on write: what fork() copies, what it does not, and when a write pays for it.
 *
 *	before fork		after fork		after the child wrote page 1
 *
 *	parent  a b c d		parent  a b c d		parent  a b c d
 *	        | | | |		        | | | |		        | | | |
 *	frames  1 2 3 4		frames  1 2 3 4		frames  1 2 3 4   5
 *				        | | | |		        |   | |   |
 *				child   a b c d		child   a B c d  (B is in 5)
 *
 * The frame numbers come from /proc/<pid>/pagemap: the same number in two processes is one page of
 * memory. Its bit 56 says whether a page is mapped once only.
 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "step.h"

enum { PAGES = 4 };

static char *area;
static unsigned long frame[PAGES]; /* the parent's, from the first step on */

static char *page(int i)
{
	return area + (size_t)i * PAGE_SIZE;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void show_both(const struct child *child)
{
	show("%-8s %7s %7s %7s %7s", "", "page 0", "page 1", "page 2", "page 3");
	show_pages("parent", getpid(), area, PAGES);
	if (child)
		show_pages("child", child->pid, area, PAGES);
}

static void first_write(void)
{
	bool all_own = true;

	step("This process maps %d pages and writes to each. Every first write is a fault that "
	     "brings a "
	     "zeroed frame: four frames, each mapped here alone (marked !).",
	     PAGES);
	area = map_at(ARENA, PAGES);
	for (int i = 0; i < PAGES; i++)
		*page(i) = (char)('a' + i);
	show_both(NULL);
	for (int i = 0; i < PAGES; i++) {
		frame[i] = pfn(getpid(), page(i));
		all_own = all_own && frame[i] && page_is_own(getpid(), page(i));
	}
	check(all_own, "four frames, none of them shared");
}

static void fork_shares(struct child *child)
{
	bool same = true, shared = true;

	step("fork(). No page is copied: the child's page table names the same frames, and both "
	     "tables are made "
	     "read-only there. The frames are shared now (marked =).");
	child_start(child);
	show_both(child);
	for (int i = 0; i < PAGES; i++) {
		same = same && pfn(child->pid, page(i)) == frame[i] &&
		       pfn(getpid(), page(i)) == frame[i];
		shared = shared && !page_is_own(getpid(), page(i)) &&
			 !page_is_own(child->pid, page(i));
	}
	check(same, "parent and child have the same four frames");
	check(shared, "and each of them is mapped twice");
}

static void child_copies(struct child *child)
{
	step("The child writes to page 1. The write faults, the child gets a copy in a frame of "
	     "its own, and the "
	     "three other pages stay shared.");
	child_write(child, page(1), 'B');
	show_both(child);
	check(pfn(child->pid, page(1)) != frame[1] && page_is_own(child->pid, page(1)),
	      "page 1 of the child lies in another frame");
	check(pfn(getpid(), page(1)) == frame[1], "page 1 of the parent lies where it was");
	check(pfn(child->pid, page(0)) == frame[0] && pfn(child->pid, page(2)) == frame[2] &&
		      pfn(child->pid, page(3)) == frame[3],
	      "the others are shared still");
	check(*page(1) == 'b' && child_read(child, page(1)) == 'B',
	      "the parent reads b, the child reads B");
}

static void parent_reuses(struct child *child)
{
	long before, after;

	step("Now the parent writes to its page 1. Nobody else maps that frame any more, so there "
	     "is "
	     "nothing to copy: one fault, and the same frame, writable again.");
	before = faults();
	*page(1) = 'p';
	after = faults();
	show_both(child);
	show("faults: %ld", after - before);
	check(pfn(getpid(), page(1)) == frame[1], "the frame is the same");
	check(after - before == 1, "it took one fault");
}

static void child_exits(struct child *child)
{
	bool own = true;

	step("The child exits. Its copy is freed; every frame of the parent is mapped once again, "
	     "and writing to page "
	     "2 copies nothing.");
	child_end(child);
	*page(2) = 'q';
	show_both(NULL);
	for (int i = 0; i < PAGES; i++)
		own = own && page_is_own(getpid(), page(i));
	check(own, "four frames, none of them shared");
	check(pfn(getpid(), page(2)) == frame[2], "page 2 was written where it was");
}

static void zero_page(void)
{
	char *fresh = ARENA + 64 * PAGE_SIZE;
	char seen;

	step("Two new pages are only read. Both show the one frame of zeroes that all processes "
	     "share; the first "
	     "write to one of them brings a frame of its own.");
	map_at(fresh, 2);
	seen = *(volatile char *)fresh;
	seen |= *(volatile char *)(fresh + PAGE_SIZE);
	show_pages("read", getpid(), fresh, 2);
	check(!seen && pfn(getpid(), fresh) &&
		      pfn(getpid(), fresh) == pfn(getpid(), fresh + PAGE_SIZE),
	      "both pages are the same frame, full of zeroes");
	fresh[0] = 'w';
	show_pages("written", getpid(), fresh, 2);
	check(pfn(getpid(), fresh) != pfn(getpid(), fresh + PAGE_SIZE) &&
		      page_is_own(getpid(), fresh),
	      "the written page has a frame of its own");
}

static void run(void)
{
	struct child child;

	first_write();
	fork_shares(&child);
	child_copies(&child);
	parent_reuses(&child);
	child_exits(&child);
	zero_page();
}

const struct demo demo_cow = {"cow", "fork() copies no page until somebody writes", run, false};
