/*
 * Random programs against a model. Several processes map, unmap, protect, guard, move, fork, exit and touch pages of
 * a small window; a flat table says what each page of each process holds and allows. Every result - errno, fault,
 * contents - must be the model's, and every invariant must hold after every step.
 *
 *	process -> page -> { mapped?, protection, private value | shared object's cell, guard, fork advice }
 *
 * A model's page is one page, or 512 KiB of which the first page is touched: then the window spans many page tables,
 * which come, go and move as wholes.
 *
 * In debug builds a fourth of the operations that promise to change nothing when they fail run with one allocation
 * failing (A6): if they say ENOMEM then, the model stays as it was.
 *
 * SEED=n repeats a run; the failing step is printed with the operations that led to it.
 */
#include "kernel/lib/string.h"
#include "kernel/sysctl.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include "mm/test/harness.h"

#define BASE 0x10000000UL
#define PAGES 96UL
#define PROCS 6
#define RW (PROT_READ | PROT_WRITE)

struct object { /* shared memory */
	unsigned int refs;
	u64 value[PAGES];
};

struct cell {
	bool mapped, guard, dontfork, wipe;
	u8 prot;
	u64 value;	       /* private */
	struct object *object; /* shared: object->value[index] */
	unsigned int index;
};

struct process {
	struct host_proc *proc; /* NULL: this one does not exist */
	struct cell page[PAGES];
};

static struct process procs[PROCS];
static u64 next_value = 1;
static unsigned long unit = PAGE_SIZE; /* bytes of a model's page */

/* ---- The last operations, for the report ---- */

#define HISTORY 40
static char history[HISTORY][120];
static unsigned int steps;

static void note(const char *fmt, ...) __printf(1, 2);
static void note(const char *fmt, ...)
{
	va_list ap;

	char *text = history[steps % HISTORY];
	size_t at = fmt[0] == ' ' ? strlen(text) : 0; /* more of the same line */

	va_start(ap, fmt);
	vsnprintf(text + at, sizeof(history[0]) - at, fmt, ap);
	va_end(ap);
}

static void print_history(void)
{
	unsigned int from = steps + 1 > HISTORY ? steps + 1 - HISTORY : 0;

	for (unsigned int i = from; i <= steps; i++)
		printk(LOG_ERR, "step %u: %s", i, history[i % HISTORY]);
}

/* ---- The model ---- */

static unsigned long addr_of(unsigned long page)
{
	return BASE + page * unit;
}

static void object_put(struct object *o)
{
	if (o && --o->refs == 0)
		kfree(o);
}

static void cell_clear(struct cell *c)
{
	object_put(c->object);
	*c = (struct cell){};
}

static void cell_copy(struct cell *to, const struct cell *from)
{
	struct object *o = from->object;

	if (o)
		o->refs++;
	cell_clear(to);
	*to = *from;
}

static u64 *cell_value(struct cell *c)
{
	return c->object ? &c->object->value[c->index] : &c->value;
}

static enum fault_result model_access(struct cell *c, unsigned int access)
{
	if (!c->mapped)
		return FAULT_MAPERR;
	if (access == FAULT_WRITE ? !(c->prot & PROT_WRITE) : !c->prot)
		return FAULT_ACCERR;
	return c->guard ? FAULT_MAPERR : FAULT_DONE;
}

static bool all_mapped(const struct process *p, unsigned long from, unsigned long to)
{
	for (; from < to; from++)
		if (!p->page[from].mapped)
			return false;
	return true;
}

/* ---- Failing allocations ---- */

static void maybe_arm(void)
{
	if (IS_ENABLED(CONFIG_DEBUG) && test_below(4) == 0)
		atomic_set(&alloc_fail_countdown, 1 + (int)test_below(12));
}

static bool armed;

/* What an operation that was armed returned. => whether it failed for that reason, and nothing is to be changed */
static bool failed_as_armed(long result)
{
	bool fired = armed && !atomic_read(&alloc_fail_countdown);

	atomic_set(&alloc_fail_countdown, 0);
	armed = false;
	return fired && result == -ENOMEM;
}

/* Run it, armed where it may be. => its result; *failed: it failed for that reason */
#define ATTEMPT(may, call, failed)                                                                 \
	({                                                                                         \
		long result_;                                                                      \
		if (may)                                                                           \
			maybe_arm();                                                               \
		armed = atomic_read(&alloc_fail_countdown);                                        \
		result_ = (call);                                                                  \
		*(failed) = failed_as_armed(result_);                                              \
		if (*(failed))                                                                     \
			note("  no memory");                                                       \
		result_;                                                                           \
	})

/* ---- Operations, each on both ---- */

struct range {
	unsigned long from, to;
};

static struct range random_range(void)
{
	unsigned long from = test_below(PAGES), most = test_below(4) ? 8 : PAGES;

	return (struct range){ from, min(from + 1 + test_below(most), PAGES) };
}

static int random_prot(void)
{
	static const int prots[] = { RW, RW, RW, PROT_READ, PROT_NONE, RW | PROT_EXEC };

	return prots[test_below(ARRAY_SIZE(prots))];
}

static void op_map(struct process *p)
{
	struct range r = random_range();
	bool shared = test_below(4) == 0;
	int prot = random_prot();
	struct object *o = shared ? kzalloc(sizeof(*o)) : NULL;
	struct mmap_request req = { .addr = addr_of(r.from), .len = (r.to - r.from) * unit, .prot = prot,
				    .flags = MAP_FIXED | MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE) };

	bool failed;
	long got;

	note("mmap [%lu, %lu) prot %d %s", r.from, r.to, prot, shared ? "shared" : "private");
	if (o)
		o->refs = 1;
	got = ATTEMPT(true, mm_mmap(p->proc->mm, &req), &failed);
	if (failed) {
		object_put(o);
		return;
	}
	CHECK_EQ(got, req.addr);
	for (unsigned long i = r.from; i < r.to; i++) {
		struct cell *c = &p->page[i];

		cell_clear(c);
		c->mapped = true;
		c->prot = (u8)prot;
		c->object = o;
		if (o)
			o->refs++;
		c->index = (unsigned int)(i - r.from);
	}
	object_put(o);
}

static void op_unmap(struct process *p)
{
	struct range r = random_range();
	bool failed;
	long got;

	note("munmap [%lu, %lu)", r.from, r.to);
	got = ATTEMPT(true, mm_munmap(p->proc->mm, addr_of(r.from), (r.to - r.from) * unit), &failed);
	if (failed)
		return;
	CHECK_EQ(got, 0);
	for (unsigned long i = r.from; i < r.to; i++)
		cell_clear(&p->page[i]);
}

static void op_protect(struct process *p)
{
	struct range r = random_range();
	int prot = random_prot();
	bool whole = all_mapped(p, r.from, r.to);

	note("mprotect [%lu, %lu) prot %d", r.from, r.to, prot);
	CHECK_EQ(mm_mprotect(p->proc->mm, addr_of(r.from), (r.to - r.from) * unit, (unsigned int)prot),
		 whole ? 0 : -ENOMEM);
	/* up to the first hole it is done */
	for (unsigned long i = r.from; i < r.to && p->page[i].mapped; i++)
		p->page[i].prot = (u8)prot;
}

static void model_advise(struct cell *c, int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
		if (!c->object)
			c->value = 0;
		break;
	case MADV_GUARD_INSTALL:
		if (!c->object)
			c->value = 0;
		c->guard = true;
		break;
	case MADV_GUARD_REMOVE:
		c->guard = false;
		break;
	case MADV_DONTFORK:
		c->dontfork = true;
		break;
	case MADV_DOFORK:
		c->dontfork = false;
		break;
	case MADV_WIPEONFORK:
		c->wipe = true;
		break;
	case MADV_KEEPONFORK:
		c->wipe = false;
		break;
	}
}

static void op_advise(struct process *p)
{
	static const int advices[] = { MADV_DONTNEED, MADV_DONTNEED, MADV_GUARD_INSTALL, MADV_GUARD_INSTALL,
				       MADV_GUARD_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK };
	int advice = advices[test_below(ARRAY_SIZE(advices))];
	struct range r = random_range();
	long want = all_mapped(p, r.from, r.to) ? 0 : -ENOMEM;

	note("madvise [%lu, %lu) advice %d", r.from, r.to, advice);
	for (unsigned long i = r.from; i < r.to; i++) {
		if (advice == MADV_WIPEONFORK && p->page[i].object) {
			want = -EINVAL; /* shared: refused there, what came before is done */
			break;
		}
		if (p->page[i].mapped)
			model_advise(&p->page[i], advice);
	}
	CHECK_EQ(mm_madvise(p->proc->mm, addr_of(r.from), (r.to - r.from) * unit, advice), want);
}

/* Is the range one VMA to the model's knowledge? Moves of several VMAs are for scenarios. */
static bool uniform(const struct process *p, struct range r)
{
	for (unsigned long i = r.from; i < r.to; i++) {
		const struct cell *a = &p->page[r.from], *b = &p->page[i];

		if (!b->mapped || a->prot != b->prot || a->object != b->object || a->dontfork != b->dontfork ||
		    a->wipe != b->wipe || (b->object && b->index != a->index + (i - r.from)))
			return false;
	}
	return true;
}

static bool one_vma(const struct process *p, struct range r)
{
	const struct vma *v = vma_tree_find(&p->proc->mm->vmas, addr_of(r.from));

	return v && v->start <= addr_of(r.from) && v->end >= addr_of(r.to);
}

static void op_move(struct process *p)
{
	struct range r = random_range();
	unsigned long n = r.to - r.from, to = test_below(PAGES - n + 1);
	bool keep = test_below(4) == 0, failed;
	unsigned int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
	long got;

	if (!uniform(p, r) || (to < r.to && r.from < to + n) || (keep && p->page[r.from].object))
		return;
	note("mremap [%lu, %lu) to %lu%s", r.from, r.to, to, keep ? " dontunmap" : "");
	got = ATTEMPT(one_vma(p, r), mm_mremap(p->proc->mm, addr_of(r.from), n * unit, n * unit, flags, addr_of(to)),
		      &failed);
	if (failed) { /* the destination may be gone, as in Linux: now it is */
		CHECK_EQ(mm_munmap(p->proc->mm, addr_of(to), n * unit), 0);
		for (unsigned long i = 0; i < n; i++)
			cell_clear(&p->page[to + i]);
		return;
	}
	CHECK_EQ(got, addr_of(to));
	if (got != (long)addr_of(to))
		return;
	for (unsigned long i = 0; i < n; i++) {
		struct cell *from = &p->page[r.from + i];

		cell_copy(&p->page[to + i], from);
		if (keep) {
			from->value = 0;
			from->guard = false;
		} else {
			cell_clear(from);
		}
	}
}

static void op_shrink(struct process *p)
{
	struct range r = random_range();
	unsigned long keep = 1 + test_below(r.to - r.from);
	bool failed;
	long got;

	if (!uniform(p, r))
		return;
	note("mremap [%lu, %lu) shrinks to %lu", r.from, r.to, keep);
	got = ATTEMPT(true, mm_mremap(p->proc->mm, addr_of(r.from), (r.to - r.from) * unit, keep * unit, 0, 0), &failed);
	if (failed)
		return;
	CHECK_EQ(got, addr_of(r.from));
	for (unsigned long i = r.from + keep; i < r.to; i++)
		cell_clear(&p->page[i]);
}

static long model_populate(const struct process *p, struct range r)
{
	for (unsigned long i = r.from; i < r.to; i++) {
		const struct cell *c = &p->page[i];

		if (!c->mapped)
			return -ENOMEM;
		if (!(c->prot & PROT_WRITE))
			return -EINVAL;
		if (c->guard)
			return -EFAULT;
	}
	return 0;
}

static void op_populate(struct process *p)
{
	struct range r = random_range();

	if (unit > PAGE_SIZE)
		r.to = r.from + 1; /* every page of it becomes real */
	note("populate [%lu, %lu)", r.from, r.to);
	CHECK_EQ(mm_madvise(p->proc->mm, addr_of(r.from), (r.to - r.from) * unit, MADV_POPULATE_WRITE),
		 model_populate(p, r));
}

static void op_store(struct process *p)
{
	unsigned long i = test_below(PAGES);
	u64 value = next_value++;
	enum fault_result want = model_access(&p->page[i], FAULT_WRITE);

	note("store %lu to %lu", (unsigned long)value, i);
	CHECK_EQ(host_store(p->proc, addr_of(i) + 8, 8, value), want);
	if (want == FAULT_DONE)
		*cell_value(&p->page[i]) = value;
}

static void check_page(struct process *p, unsigned long i)
{
	enum fault_result want = model_access(&p->page[i], FAULT_READ);
	u64 value = 0, expected = want == FAULT_DONE ? *cell_value(&p->page[i]) : 0;

	CHECK_EQ(host_load(p->proc, addr_of(i) + 8, 8, &value), want);
	if (value != expected)
		test_failed(__FILE__, __LINE__, "process %ld page %lu holds %lu, not %lu", (long)(p - procs), i,
			    (unsigned long)value, (unsigned long)expected);
}

static void op_load(struct process *p)
{
	unsigned long i = test_below(PAGES);

	note("load %lu", i);
	check_page(p, i);
}

static void check_all_pages(void)
{
	note("compare everything");
	for (unsigned int n = 0; n < PROCS; n++)
		for (unsigned long i = 0; procs[n].proc && i < PAGES; i++)
			check_page(&procs[n], i);
}

static struct process *free_process(void)
{
	for (unsigned int n = 0; n < PROCS; n++)
		if (!procs[n].proc)
			return &procs[n];
	return NULL;
}

static void op_fork(struct process *p)
{
	struct process *child = free_process();
	bool failed;

	if (!child)
		return;
	note("fork: %ld", (long)(child - procs));
	CHECK_EQ(ATTEMPT(true, (child->proc = host_proc_fork(p->proc)) ? 0 : -ENOMEM, &failed), failed ? -ENOMEM : 0);
	if (!child->proc)
		return;
	for (unsigned long i = 0; i < PAGES; i++) {
		struct cell *c = &child->page[i];

		if (p->page[i].dontfork)
			continue;
		cell_copy(c, &p->page[i]);
		if (c->wipe) {
			c->value = 0;
			c->guard = false;
		}
	}
}

static void op_exit(struct process *p)
{
	note("exit");
	host_proc_exit(p->proc);
	p->proc = NULL;
	for (unsigned long i = 0; i < PAGES; i++)
		cell_clear(&p->page[i]);
}

static void op_full_range_forks_again(struct process *p)
{
	note("madvise dofork everywhere");
	for (unsigned long i = 0; i < PAGES; i++)
		if (p->page[i].mapped) {
			CHECK_EQ(mm_madvise(p->proc->mm, addr_of(i), unit, MADV_DOFORK), 0);
			p->page[i].dontfork = false;
		}
}

/* ---- Runs ---- */

static const struct {
	unsigned int weight;
	void (*run)(struct process *p);
} ops[] = {
	{ 6, op_map },	 { 5, op_unmap }, { 8, op_protect }, { 12, op_advise }, { 8, op_move },
	{ 3, op_shrink }, { 3, op_populate },
	{ 30, op_store }, { 12, op_load }, { 5, op_fork },	  { 3, op_exit },   { 1, op_full_range_forks_again },
};

static void random_op(struct process *p)
{
	unsigned int total = 0, choice;

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++)
		total += ops[i].weight;
	choice = (unsigned int)test_below(total);
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		if (choice < ops[i].weight) {
			ops[i].run(p);
			return;
		}
		choice -= ops[i].weight;
	}
}

static struct process *random_process(void)
{
	struct process *p = &procs[test_below(PROCS)];

	if (p->proc)
		return p;
	for (unsigned int n = 0; n < PROCS; n++)
		if (procs[n].proc)
			return &procs[n];
	p->proc = host_proc_create();
	note("a new process");
	return p;
}

static void run_random(unsigned int count)
{
	for (steps = 0; steps < count && !test_has_failed(); steps++) {
		struct process *p = random_process();

		note("-");
		random_op(p);
		note("  by %ld", (long)(p - procs));
		CHECK_EQ(host_check(), 0);
		if (steps % 64 == 0 && !test_has_failed())
			check_all_pages();
		if (test_has_failed())
			print_history();
	}
	for (unsigned int n = 0; n < PROCS; n++)
		if (procs[n].proc)
			op_exit(&procs[n]);
}

static void run_mode(const char *lazy, unsigned long bytes, unsigned int count)
{
	unit = bytes;
	if (sysctl_set("vm.anon_vma_lazy", lazy))
		test_failed(__FILE__, __LINE__, "vm.anon_vma_lazy cannot be set to %s", lazy);
	else
		run_random(count);
	sysctl_set("vm.anon_vma_lazy", "1");
}

TEST(lazy_mode)
{
	run_mode("1", PAGE_SIZE, 6000);
}

TEST(classic_mode)
{
	run_mode("0", PAGE_SIZE, 6000);
}

TEST(lazy_mode_over_many_tables)
{
	run_mode("1", PT_LEVEL_SIZE(2) / 4, 4000);
}

TEST(classic_mode_over_many_tables)
{
	run_mode("0", PT_LEVEL_SIZE(2) / 4, 4000);
}
