/*
 * mremap: moving pages without copying them, and what it does to the mappings.
 *
 * An anonymous page is found by (identity, page offset). A mapping says which offsets it shows, and two
 * neighbours can only be one mapping when their offsets continue each other:
 *
 *	[abcdefghijkl]			offsets 0..11
 *	[abcd]....[ijkl]   [efgh]	moved away: efgh keeps offsets 4..7
 *	[abcdefghijkl]			moved back: 4..7 lie between 3 and 8 again
 *
 *	[abcdefghijkl][xy]		xy was faulted elsewhere: its offsets do not continue, two mappings
 *	[abcdefghijkl__]		a mapping never touched has no page to find: it takes the new offsets
 */
#include <sys/mman.h>
#include <unistd.h>

#include "step.h"

enum { PAGES = 12, THIRD = 4 };

static char *const home = ARENA;
static char *const away = ARENA + 256 * PAGE_SIZE;
static char *const origin = ARENA + 512 * PAGE_SIZE; /* where the neighbours come from */
static unsigned long frame[PAGES];

static char *page(int i)
{
	return home + (size_t)i * PAGE_SIZE;
}

static void move(char *from, int pages, char *to)
{
	size_t len = (size_t)pages * PAGE_SIZE;

	must(mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "mremap");
}

static int mappings_at_home(void)
{
	return map_count(getpid(), (unsigned long)home, (unsigned long)page(PAGES + THIRD));
}

static void show_homes(void)
{
	show_boxes("home", home, PAGES + THIRD);
	show_boxes("away", away, THIRD + 2);
}

/* => whether every page has the contents and the frame it was born with */
static bool all_in_place(void)
{
	bool same = true;

	for (int i = 0; i < PAGES; i++)
		same = same && *page(i) == 'a' + i && pfn(getpid(), page(i)) == frame[i];
	return same;
}

static void begin(void)
{
	step("This process maps %d pages and writes a to l into them: one mapping.", PAGES);
	map_at(home, PAGES);
	for (int i = 0; i < PAGES; i++) {
		*page(i) = (char)('a' + i);
		frame[i] = pfn(getpid(), page(i));
	}
	show_homes();
	check(mappings_at_home() == 1, "one mapping");
}

static void move_away(void)
{
	bool same = true;
	struct vma vma;

	step("The middle third moves away. The mapping splits in three, one of them elsewhere. No "
	     "page is copied: "
	     "the entries of the page table move, the frames stay.");
	move(page(THIRD), THIRD, away);
	show_homes();
	show_mapping("left", getpid(), page(0));
	show_mapping("moved", getpid(), away);
	for (int i = 0; i < THIRD; i++)
		same = same && pfn(getpid(), away + (size_t)i * PAGE_SIZE) == frame[THIRD + i];
	check(mappings_at_home() == 2, "two mappings at home, with a hole between");
	check(map_count(getpid(), (unsigned long)away, (unsigned long)away + THIRD * PAGE_SIZE) ==
		      1,
	      "and one away");
	check(same, "the moved pages lie in the frames they had");
	if (vma_find(getpid(), (unsigned long)away, &vma) &&
	    read_number("/proc/sys/vm/mremap_relocate") != 1)
		check(vma.pgoff == (unsigned long)page(THIRD) >> PAGE_SHIFT,
		      "and are found by the page offset they had at home: %lx", vma.pgoff);
}

static void move_back(void)
{
	step("It moves back. Offsets 4 to 7 lie between 3 and 8 again, so the three mappings "
	     "become one.");
	move(away, THIRD, page(THIRD));
	show_homes();
	show_mapping("home", getpid(), page(0));
	check(mappings_at_home() == 1, "one mapping again");
	check(all_in_place(), "with the contents and the frames of the beginning");
}

static void untouched_neighbour(void)
{
	step("A mapping that was never touched is moved behind the last page. It has no page that "
	     "could be looked for "
	     "by an old offset, so it simply becomes part of its neighbour.");
	map_at(origin, 2);
	move(origin, 2, page(PAGES));
	show_homes();
	check(mappings_at_home() == 1, "one mapping, two pages larger");
	must(!munmap(page(PAGES), 2 * PAGE_SIZE), "munmap");
}

/* Linux's rule: pages keep the offset of their birth. With vm.mremap_relocate they take the new one. */
static void touched_neighbour(void)
{
	bool relocates = read_number("/proc/sys/vm/mremap_relocate") == 1;
	int wanted = relocates ? 1 : 2;

	step("The same with a mapping whose two pages were written before: %s",
	     relocates ? "vm.mremap_relocate is on, their offsets are rewritten, and it merges too."
		       : "they keep the offsets of the place where they were born, those do not "
			 "continue the "
			 "neighbour's, and the two stay apart.");
	map_at(origin, 2);
	origin[0] = 'x';
	origin[PAGE_SIZE] = 'y';
	move(origin, 2, page(PAGES));
	show_homes();
	show_mapping("home", getpid(), page(0));
	show_mapping("behind", getpid(), page(PAGES));
	check(mappings_at_home() == wanted,
	      wanted == 1 ? "one mapping" : "two mappings side by side");
	check(*page(PAGES) == 'x' && *page(PAGES + 1) == 'y' && all_in_place(),
	      "all contents are right");
}

static void run(void)
{
	begin();
	move_away();
	move_back();
	untouched_neighbour();
	touched_neighbour();
}

const struct demo demo_mremap = {"mremap", "mappings split by moving, and merged by moving back",
				 run, false};
