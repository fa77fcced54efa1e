/*
 * The frame of a demo: numbered steps that say what will happen, do it, show it from /proc, and stop
 * with a non-zero status when what was said is not what is seen.
 *
 *	step("The child writes to page 1. It gets a frame of its own; the others stay shared.");
 *	child_write(child, page(1), 'C');
 *	show_pages("child", child->pid, area, 4);
 *	check(pfn(child->pid, page(1)) != before, "page 1 of the child has another frame");
 *
 * In interactive mode step() waits for Enter before its text comes true.
 */
#ifndef STEP_H
#define STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proc.h"

/* Where demos put their mappings: far from everything else, so that nothing merges with them by chance. */
#define ARENA ((char *)0x100000000000UL)

struct demo {
	const char *name;
	const char *about; /* one line for the list */
	void (*run)(void);
	bool only_quire;
};

extern const struct demo demo_cow, demo_guard, demo_mremap, demo_lazy;

/* The program that the lazy demo measures: does its work, writes a byte, sleeps. */
void lazy_work(void);

/* Begin: interactive mode waits for Enter at every step. */
void steps_begin(const struct demo *demo, bool interactive);

/* End: all that was said was seen. */
void steps_end(void);

/* Say what will happen next. Text is wrapped to the terminal's 80 columns. */
void step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Show evidence, one indented line. */
void show(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Compare what was said with what is seen. => does not return when they differ */
void check(bool seen, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A call that has to work for the demo to go on. */
void must(bool worked, const char *what);

/*
 * One line of frames, a column a page: 1a2b! is frame 0x1a2b mapped here alone, 1a2b= one that others map too,
 * ----- nothing, GUARD a guard marker.
 */
void show_pages(const char *who, pid_t pid, const char *addr, int pages);

/*
 * Mappings as boxes, a character a page: [ab__GG] is one mapping of six pages, the first two with contents,
 * two never touched, two guarded; dots are addresses without mapping.
 */
void show_boxes(const char *who, const char *addr, int pages);

/* The mapping at addr: a line of /proc/<pid>/maps, and its anonymous state where the kernel tells. */
void show_mapping(const char *who, pid_t pid, const char *addr);

/* Frame number of a page; 0 when none is mapped. => stops the demo when the kernel hides it */
unsigned long pfn(pid_t pid, const char *addr);
bool page_is_own(pid_t pid, const char *addr);
bool page_is_guard(pid_t pid, const char *addr);

/* Map private anonymous memory at an address of the arena. */
char *map_at(char *addr, int pages);

/* A forked process that does as it is told. It ends when this process does. */
struct child {
	pid_t pid;
	int orders;
	int answers;
};

void child_start(struct child *child);
void child_write(struct child *child, char *addr, char value);
char child_read(struct child *child, const char *addr);
void child_end(struct child *child);

/* The signal that touching addr raises here: 0 for none, si_code and si_addr through the pointers. */
int touch(const char *addr, int *code, const char **at);

/* The same in a child of its own. */
int touch_in_child(const char *addr);

#endif
