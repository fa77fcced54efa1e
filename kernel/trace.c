/*
 * mm events: a small ring per CPU, written without a lock, read when everything else has stopped.
 *
 * Only its own CPU writes a ring; an interrupt in the middle of a record may write one of its own into the next slot.
 * What is read in a panic may hold one half-written record a CPU: good enough to see what happened.
 */
#include "kernel/trace.h"

#include "kernel/printk.h"
#include <arch/cpu.h>

#define RING 64 /* records a CPU: four times what a panic prints, as all CPUs are merged */

struct record {
	u64 ticks;
	unsigned long word[4];
	enum trace_event event;
};

static struct ring {
	unsigned int next;
	struct record record[RING];
} __aligned(64) rings[CONFIG_MAX_CPUS];

static const struct {
	const char *name, *format;
} events[TRACE_EVENT_COUNT] = {
#define E(name, fmt) { #name, fmt },
	TRACE_EVENTS(E)
#undef E
};

void trace_record(enum trace_event ev, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct ring *r = opaque_pointer(&rings[cpu_id()]);
	struct record *rec = &r->record[r->next++ % RING];

	rec->ticks = cpu_ticks();
	rec->event = ev;
	rec->word[0] = a;
	rec->word[1] = b;
	rec->word[2] = c;
	rec->word[3] = d;
}

/* The newest record of all rings that is older than `before`. => NULL: none */
static const struct record *newest_before(u64 before, unsigned int *cpu)
{
	const struct record *best = NULL;

	for (unsigned int i = 0; i < CONFIG_MAX_CPUS; i++)
		for (unsigned int j = 0; j < RING; j++) {
			const struct record *r = &rings[i].record[j];

			if (r->ticks && r->ticks < before && (!best || r->ticks > best->ticks)) {
				best = r;
				*cpu = i;
			}
		}
	return best;
}

static void print_record(const struct record *r, unsigned int cpu)
{
	char text[160];
	const unsigned long *w = r->word;
	u64 time = cpu_ticks_ns(r->ticks);

	/* The formats are the constants of trace.h. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), events[r->event].format, w[0], w[1], w[2], w[3]);
#pragma GCC diagnostic pop
	printk(LOG_EMERG, "  [%5lu.%06lu] CPU%u %s: %s", (unsigned long)(time / 1000000000),
	       (unsigned long)(time / 1000 % 1000000), cpu, events[r->event].name, text);
}

void trace_dump_last(unsigned int n)
{
	const struct record *last[16];
	unsigned int cpu[16] = {}, found = 0;
	u64 before = ~0UL;

	for (; found < min(n, 16U); found++) {
		last[found] = newest_before(before, &cpu[found]);
		if (!last[found])
			break;
		before = last[found]->ticks;
	}
	printk(LOG_EMERG, "Last %u mm events:", found);
	while (found--)
		print_record(last[found], cpu[found]);
}
