/*
 * Guard regions: pages that kill whoever touches them, and cost neither a mapping nor memory.
 *
 *	mprotect(PROT_NONE)	[aa][GG][aaaa]	three mappings for one hole
 *	MADV_GUARD_INSTALL	[aaGGaaaa]	one mapping; the hole is a mark in its page table
 *
 * The marks live in the page table alone, so the mapping must remember that there may be some, or fork would
 * not copy them. Linux does so by giving the mapping an anon_vma, though it has no page yet; here one bit
 * in the VMA's anonymous state does (UNFAULTED), and nothing is allocated.
 */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "step.h"

enum { PAGES = 8, FIRST = 2, GUARDED = 2 };

static char *area;
static long anon_vmas; /* of this process, before the first guard */

static char *page(int i)
{
	return area + (size_t)i * PAGE_SIZE;
}

static void show_area(const char *who)
{
	show_boxes(who, area, PAGES);
	show_mapping("", getpid(), page(FIRST));
}

/* => how many of the area's pages have a mark in this process's page table */
static int marks(void)
{
	int count = 0;

	for (int i = 0; i < PAGES; i++)
		count += page_is_guard(getpid(), page(i));
	return count;
}

/* The mapping must have no identity: no page, so nothing to find. Only Quire tells. */
static void check_no_identity(pid_t pid, const char *whose)
{
	struct vma vma;

	if (!on_quire())
		return;
	must(vma_find(pid, (unsigned long)page(FIRST), &vma), "/proc/<pid>/mm/vmas");
	check(!vma.identity, "%s mapping is %s: 0 anon_vma, 0 chains", whose, vma.state);
}

static void install(void)
{
	struct ledger entry = {0};

	step("This process maps %d pages, touches none, and asks for a guard on pages 2 and 3. The "
	     "mapping "
	     "is not split.",
	     PAGES);
	area = map_at(ARENA, PAGES);
	if (ledger(getpid(), "anon_vma", &entry))
		anon_vmas = entry.objects;
	show_area("before");
	must(!madvise(page(FIRST), GUARDED * PAGE_SIZE, MADV_GUARD_INSTALL),
	     "madvise(MADV_GUARD_INSTALL)");
	show_area("after");
	check(map_count(getpid(), (unsigned long)area, (unsigned long)page(PAGES)) == 1,
	      "it is one mapping still");
	check(marks() == GUARDED && page_is_guard(getpid(), page(2)) &&
		      page_is_guard(getpid(), page(3)),
	      "pages 2 and 3 are marked in the page table (pagemap, bit 58)");
	check_no_identity(getpid(), "the");
	if (ledger(getpid(), "anon_vma", &entry))
		check(entry.objects == anon_vmas, "this process had %ld anon_vmas and has %ld",
		      anon_vmas, entry.objects);
}

static void fault(void)
{
	const char *at = NULL;
	int code = 0, sig;

	step("It reads page 2. That is a SIGSEGV, as if nothing were mapped there, at the address "
	     "that was "
	     "touched. A system call that touches it would get EFAULT.");
	sig = touch(page(2) + 100, &code, &at);
	show("signal %d, code %d, address %p", sig, code, (const void *)at);
	check(sig == SIGSEGV && code == SEGV_MAPERR, "SIGSEGV with code SEGV_MAPERR");
	check(at == page(2) + 100, "at the address that was read");
	check(write(1, page(2), 1) == -1, "write() from there fails too");
}

static void survive_fork(void)
{
	struct child child;
	int sig;

	step("fork(). The child inherits the guards, though the mapping has no page: the bit in "
	     "its state "
	     "said that the table is worth copying.");
	child_start(&child);
	show_pages("parent", getpid(), area, PAGES);
	show_pages("child", child.pid, area, PAGES);
	check(page_is_guard(child.pid, page(2)) && page_is_guard(child.pid, page(3)),
	      "the child has the same two marks");
	check_no_identity(getpid(), "the parent's");
	check_no_identity(child.pid, "the child's");
	child_end(&child);
	sig = touch_in_child(page(3));
	show("a child that reads page 3: signal %d", sig);
	check(sig == SIGSEGV, "a child that touches one gets SIGSEGV");
}

static void survive_split(void)
{
	step("Pages 0 to 2 are made read-only: the mapping splits through the middle of the "
	     "guards. Both halves "
	     "keep theirs. Made writable again, the halves merge.");
	must(!mprotect(area, 3 * PAGE_SIZE, PROT_READ), "mprotect");
	show_area("split");
	check(map_count(getpid(), (unsigned long)area, (unsigned long)page(PAGES)) == 2 &&
		      marks() == GUARDED,
	      "two mappings, two guards");
	check(touch(page(2), NULL, NULL) == SIGSEGV && touch(page(3), NULL, NULL) == SIGSEGV,
	      "on either side of the split");
	must(!mprotect(area, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect");
	show_area("merged");
	check(map_count(getpid(), (unsigned long)area, (unsigned long)page(PAGES)) == 1 &&
		      marks() == GUARDED,
	      "one mapping, two guards");
	check_no_identity(getpid(), "the");
}

static void survive_dontneed(void)
{
	step("The pages around are written, then everything is thrown away with MADV_DONTNEED. The "
	     "contents "
	     "are gone, the guards are not.");
	*page(1) = 'b';
	*page(4) = 'e';
	show_area("written");
	check(touch(page(2), NULL, NULL) == SIGSEGV,
	      "the neighbours can be written, the guards not touched");
	must(!madvise(area, PAGES * PAGE_SIZE, MADV_DONTNEED), "madvise(MADV_DONTNEED)");
	show_area("dropped");
	check(marks() == GUARDED && !*page(1) && !*page(4), "two guards, and zeroes around them");
}

static void remove_guards(void)
{
	step("MADV_GUARD_REMOVE takes the marks away. The pages are what they were before: zeroes "
	     "on demand.");
	must(!madvise(page(FIRST), GUARDED * PAGE_SIZE, MADV_GUARD_REMOVE),
	     "madvise(MADV_GUARD_REMOVE)");
	check(marks() == 0 && touch(page(2), NULL, NULL) == 0 && *page(2) == 0,
	      "page 2 reads as zero");
	show_area("removed");
}

static void run(void)
{
	install();
	fault();
	survive_fork();
	survive_split();
	survive_dontneed();
	remove_guards();
}

const struct demo demo_guard = {"guard", "guard pages that cost no mapping and no anon_vma", run,
				false};
