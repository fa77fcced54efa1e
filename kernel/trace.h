/*
 * mm events. Every event of mm/ is recorded into a small per-CPU ring: id, time, up to four words.
 * A panic prints the last sixteen of all CPUs in order of time. Recording costs a few stores and
 * takes no lock; the text format of an event is kept apart, beside its name, in trace.c.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "kernel/types.h"

#define TRACE_EVENTS(E)                                                                            \
	E(fault, "mm=%lx addr=%lx access=%lx result=%ld")                                          \
	E(mmap, "mm=%lx start=%lx end=%lx flags=%lx")                                              \
	E(munmap, "mm=%lx start=%lx end=%lx vmas=%ld")                                             \
	E(mremap, "mm=%lx from=%lx to=%lx len=%lx")                                                \
	E(fork, "parent=%lx child=%lx vmas=%ld pages=%ld")                                         \
	E(mm_exit, "mm=%lx vmas=%ld")                                                              \
	E(vma_merge, "mm=%lx start=%lx end=%lx verdict=%ld")                                       \
	E(vma_split, "mm=%lx start=%lx end=%lx at=%lx")                                            \
	E(anon_upgrade, "vma=%lx from=%ld to=%ld anon_vma=%lx")                                    \
	E(anon_vma_alloc, "anon_vma=%lx root=%lx parent=%lx")                                      \
	E(anon_vma_free, "anon_vma=%lx root=%lx")                                                  \
	E(avc_link, "vma=%lx anon_vma=%lx")                                                        \
	E(avc_unlink, "vma=%lx anon_vma=%lx")                                                      \
	E(pgoff_relocate, "vma=%lx from=%lx to=%lx folios=%ld")                                    \
	E(guard_install, "mm=%lx start=%lx end=%lx entries=%ld")                                   \
	E(guard_remove, "mm=%lx start=%lx end=%lx entries=%ld")                                    \
	E(rmap_walk, "folio=%lx identity=%lx steps=%ld found=%ld")                                 \
	E(cow_copy, "mm=%lx addr=%lx from=%lx to=%lx")                                             \
	E(cow_reuse, "mm=%lx addr=%lx folio=%lx mapcount=%ld")

enum trace_event {
#define E(name, fmt) TRACE_##name,
	TRACE_EVENTS(E)
#undef E
	TRACE_EVENT_COUNT
};

void trace_record(enum trace_event ev, unsigned long a, unsigned long b, unsigned long c, unsigned long d);

/* trace(fork, parent, child, n, pages): words are cast here so that callers pass what they have. */
#define trace(ev, a, b, c, d)                                                                      \
	trace_record(TRACE_##ev, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d))

void trace_dump_last(unsigned int n); /* newest last; called by panic with every other CPU stopped */

#endif
