/*
 * Scheduler: per-CPU run queues, round robin, stealing.
 *
 *	          wake                        pick                       slice over, yield
 *	sleeping ------> run queue of a CPU ------> runs on that CPU ---------------------> back of its queue
 *	   ^                    | idle CPU finds its queue empty: steals from the longest      |
 *	   +--------------------+--------------------------------------------------------------+ sleeps, stops, exits
 *
 *   S1  a task is on at most one run queue, and only in state RUNNING and not current anywhere.
 *   S2  a task's state changes to RUNNING under the lock of the queue `task->cpu`; the task itself sets any other
 *       state, before it looks at what it waits for. So a wake-up either finds the state set and undoes it, or came
 *       before the look.
 *   S3  the queue's lock is held across the switch: nobody sees a task that has left the CPU but not yet its stack.
 *
 * Kernel code is not preempted: a tick in kernel mode only sets need_resched, which is looked at on the way to user
 * mode and at sched_yield_point(). User code is preempted by the same way out.
 *
 * Linux differs: fair shares by virtual run time; here every runnable task gets its slice in turn, whatever its nice.
 */
#include "kernel/sched.h"

#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/uapi/errno.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include <arch/cpu.h>
#include <arch/mmu.h>

#define SLICE_NS 10000000UL /* 10 ms: a few ticks, so that a pipeline of busy tasks still feels live */

struct runq {
	struct spinlock lock;
	struct list_head tasks; /* runnable, not running */
	unsigned int nr;
	struct task *curr, *idle;
	struct list_head dead; /* switched away from for good: to be freed where interrupts are on */
	u64 switches;
} __aligned(64);

static struct runq runqs[CONFIG_MAX_CPUS];
static struct task idle_tasks[CONFIG_MAX_CPUS];
static struct kmem_cache *task_cache;
static u64 cpu_ns[CONFIG_MAX_CPUS][3]; /* user, system, idle by tick: /proc/stat */

/* ---- Tasks as such ---- */

struct task *task_alloc(void)
{
	struct task *t = kmem_cache_zalloc(task_cache);

	if (!t)
		return NULL;
	t->kstack = mmu_kstack_alloc();
	if (!t->kstack) {
		kmem_cache_free(task_cache, t);
		return NULL;
	}
	list_init(&t->run_node);
	list_init(&t->thread_node);
	list_init(&t->pending);
	waitq_init(&t->vfork_wait);
	t->affinity = ~0UL;
	t->cpu = (u8)cpu_id();
	t->state = TASK_UNINTERRUPTIBLE; /* until sched_start() */
	return t;
}

void task_free(struct task *t)
{
	arch_task_free(t);
	mmu_kstack_free(t->kstack);
	kmem_cache_free(task_cache, t);
}

/* ---- Queues ---- */

static void enqueue(struct runq *rq, struct task *t)
{
	debug_assert(list_empty(&t->run_node) && t->state == TASK_RUNNING);
	t->cpu = (u8)(rq - runqs);
	list_add_tail(&t->run_node, &rq->tasks);
	rq->nr++;
}

static void dequeue(struct runq *rq, struct task *t)
{
	list_del(&t->run_node);
	rq->nr--;
}

static bool may_run_on(const struct task *t, unsigned int cpu)
{
	return t->affinity & BIT(cpu);
}

/* Where a woken task should go: its old CPU if that is idle or alone allowed, else an idle one, else its old one. */
static unsigned int choose_cpu(const struct task *t)
{
	unsigned int n = cpu_count(), best = t->cpu;

	if (!may_run_on(t, best))
		best = (unsigned int)__builtin_ctzl(t->affinity);
	if (READ_ONCE(runqs[best].curr) == runqs[best].idle && !READ_ONCE(runqs[best].nr))
		return best;
	for (unsigned int i = 0; i < n; i++)
		if (may_run_on(t, i) && runqs[i].idle && READ_ONCE(runqs[i].curr) == runqs[i].idle && !READ_ONCE(runqs[i].nr))
			return i;
	return best;
}

/* t is RUNNING, on no queue, on no CPU. */
static void place(struct task *t)
{
	unsigned int cpu = choose_cpu(t);
	struct runq *rq = &runqs[cpu];
	unsigned long flags = spin_lock_irqsave(&rq->lock);
	bool idle = rq->curr == rq->idle;

	enqueue(rq, t);
	if (idle && rq->curr)
		rq->curr->need_resched = true;
	spin_unlock_irqrestore(&rq->lock, flags);
	if (idle && cpu != cpu_id())
		arch_send_resched(cpu);
}

void sched_start(struct task *t)
{
	t->state = TASK_RUNNING;
	place(t);
}

static bool sleeping(enum task_state s)
{
	return s == TASK_INTERRUPTIBLE || s == TASK_UNINTERRUPTIBLE || s == TASK_STOPPED;
}

/* Wake t if its state is one of `states` (bits by enum task_state). */
static bool wake_if(struct task *t, unsigned int states)
{
	struct runq *rq;
	unsigned long flags;
	bool woken = false, on_cpu;

	for (;;) { /* t may be stolen to another queue before its lock is ours; only a runnable task is */
		rq = &runqs[READ_ONCE(t->cpu)];
		flags = spin_lock_irqsave(&rq->lock);
		if (rq == &runqs[t->cpu])
			break;
		spin_unlock_irqrestore(&rq->lock, flags);
	}
	on_cpu = t->on_cpu;
	if (sleeping(t->state) && (states & BIT(t->state))) {
		t->state = TASK_RUNNING;
		woken = true;
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	if (woken && !on_cpu) /* else it has not switched away yet and finds itself RUNNING (S2, S3) */
		place(t);
	return woken;
}

void sched_wake(struct task *t)
{
	wake_if(t, BIT(TASK_INTERRUPTIBLE) | BIT(TASK_UNINTERRUPTIBLE) | BIT(TASK_STOPPED));
}

bool sched_wake_state(struct task *t, unsigned int states)
{
	return wake_if(t, states);
}

/* ---- Picking ---- */

/* A task from the longest other queue. => rq locked; trylocks others, so no order between them is needed */
static struct task *steal(struct runq *rq)
{
	unsigned int self = (unsigned int)(rq - runqs), n = cpu_count(), most = 0;
	struct runq *victim = NULL;
	struct task *t, *found = NULL;

	for (unsigned int i = 0; i < n; i++)
		if (i != self && READ_ONCE(runqs[i].nr) > most) {
			most = runqs[i].nr;
			victim = &runqs[i];
		}
	if (!victim || !spin_trylock(&victim->lock))
		return NULL;
	list_for_each_entry(t, &victim->tasks, run_node) {
		if (!may_run_on(t, self))
			continue;
		dequeue(victim, t);
		t->cpu = (u8)self;
		found = t;
		break;
	}
	spin_unlock(&victim->lock);
	return found;
}

static struct task *pick(struct runq *rq)
{
	struct task *t;

	if (!list_empty(&rq->tasks)) {
		t = list_first_entry(&rq->tasks, struct task, run_node);
		dequeue(rq, t);
		return t;
	}
	t = steal(rq);
	return t ? t : rq->idle;
}

/* ---- Switching ---- */

/* In the context of the task that goes on, or begins (entry.S). => interrupts off; they stay so */
struct task *sched_finish_switch(struct task *prev)
{
	struct runq *rq = &runqs[cpu_id()];

	if (unlikely(prev->state == TASK_DEAD))
		list_add_tail(&prev->run_node, &rq->dead);
	prev->on_cpu = false;
	spin_unlock(&rq->lock);
	return prev;
}

/* Freeing a stack flushes translations on other CPUs, so it waits until interrupts are on (lock.h, L3). */
static void free_dead(void)
{
	struct runq *rq;
	struct task *t;

	while (!list_empty(&(rq = &runqs[cpu_id()])->dead) && lock_may_sleep()) {
		unsigned long flags = spin_lock_irqsave(&rq->lock);

		t = list_empty(&rq->dead) ? NULL : list_first_entry(&rq->dead, struct task, run_node);
		if (t)
			list_del(&t->run_node);
		spin_unlock_irqrestore(&rq->lock, flags);
		if (t)
			task_free(t);
	}
}

static void switch_to(struct runq *rq, struct task *prev, struct task *next)
{
	u64 now = cpu_clock();

	next->slice_end = now + SLICE_NS;
	next->on_cpu = true;
	rq->curr = next;
	rq->switches++;
	if (prev->state == TASK_RUNNING)
		prev->nivcsw++;
	else
		prev->nvcsw++;
	mmu_load(next->mm);
	sched_finish_switch(arch_switch(prev, next));
}

void schedule(void)
{
	unsigned long flags = irq_save();
	struct runq *rq = &runqs[cpu_id()];
	struct task *prev = current, *next;

	spin_lock(&rq->lock);
	prev->need_resched = false;
	if (prev->state == TASK_RUNNING && prev != rq->idle && !may_run_on(prev, cpu_id())) {
		/* Its affinity was taken away: any allowed CPU may steal it, this one may not pick it again. */
		enqueue(rq, prev);
		next = rq->idle;
	} else {
		if (prev->state == TASK_RUNNING && prev != rq->idle)
			enqueue(rq, prev);
		next = pick(rq);
	}
	if (next == prev) {
		prev->slice_end = cpu_clock() + SLICE_NS;
		spin_unlock(&rq->lock);
		irq_restore(flags);
		return;
	}
	switch_to(rq, prev, next);
	irq_restore(flags);
	free_dead();
}

void sched_yield_point(void)
{
	if (unlikely(current->need_resched) && lock_may_sleep())
		schedule();
}

/* ---- Sleeping until a time ---- */

struct sleeper {
	struct timer timer;
	struct task *task;
	bool expired;
};

static void sleeper_wake(struct timer *t)
{
	struct sleeper *s = container_of(t, struct sleeper, timer);

	WRITE_ONCE(s->expired, true);
	sched_wake(s->task);
}

bool schedule_timeout(u64 deadline)
{
	struct sleeper s = { .task = current };

	if (deadline == ~0UL) {
		schedule();
		return true;
	}
	timer_init(&s.timer, sleeper_wake);
	timer_start(&s.timer, deadline);
	schedule();
	timer_stop(&s.timer);
	return !READ_ONCE(s.expired);
}

void sched_sleep_until(u64 deadline)
{
	while (cpu_clock() < deadline) {
		current->state = TASK_UNINTERRUPTIBLE;
		schedule_timeout(deadline);
	}
}

/* ---- The tick ---- */

static void account_tick(struct task *t, bool from_user)
{
	const u64 ns = 1000000000UL / HZ;
	unsigned int cpu = cpu_id();

	if (t == runqs[cpu].idle) {
		cpu_ns[cpu][2] += ns;
	} else if (from_user) {
		t->utime += ns;
		cpu_ns[cpu][0] += ns;
	} else {
		t->stime += ns;
		cpu_ns[cpu][1] += ns;
	}
}

void timer_tick(bool from_user)
{
	struct task *t = current;

	account_tick(t, from_user);
	itimer_tick(t, from_user);
	timer_run_expired();
	if (cpu_clock() >= t->slice_end && runqs[cpu_id()].nr)
		t->need_resched = true;
}

void sched_cpu_times(unsigned int cpu, u64 *user, u64 *system, u64 *idle)
{
	*user = cpu_ns[cpu][0];
	*system = cpu_ns[cpu][1];
	*idle = cpu_ns[cpu][2];
}

u64 sched_switches(void)
{
	u64 n = 0;

	for (unsigned int i = 0; i < CONFIG_MAX_CPUS; i++)
		n += runqs[i].switches;
	return n;
}

unsigned int sched_nr_running(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < cpu_count(); i++)
		n += runqs[i].nr + (runqs[i].curr != runqs[i].idle);
	return n;
}

/* ---- Kernel threads ---- */

struct kthread_start {
	void (*fn)(void *);
	void *arg;
};

static void kthread_main(void *arg)
{
	struct kthread_start s = *(struct kthread_start *)arg;

	kfree(arg);
	s.fn(s.arg);
	current->state = TASK_DEAD;
	schedule();
	panic("a kernel thread runs after its end");
}

struct task *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct kthread_start *start = kmalloc(sizeof(*start));
	struct task *t = start ? task_alloc() : NULL;

	if (!t) {
		kfree(start);
		return NULL;
	}
	start->fn = fn;
	start->arg = arg;
	strlcpy(t->comm, name, sizeof(t->comm));
	arch_task_init_kernel(t, kthread_main, start);
	sched_start(t);
	return t;
}

/* ---- CPUs ---- */

/* Is there anything to steal? Looked at once a tick by an idle CPU. */
static bool others_busy(void)
{
	for (unsigned int i = 0; i < cpu_count(); i++)
		if (i != cpu_id() && READ_ONCE(runqs[i].nr))
			return true;
	return false;
}

/* This CPU's boot context becomes its idle task. */
void sched_init_cpu(void)
{
	unsigned int cpu = cpu_id();
	struct task *idle = &idle_tasks[cpu];
	struct runq *rq = &runqs[cpu];

	snprintf(idle->comm, sizeof(idle->comm), "idle/%u", cpu);
	idle->cpu = (u8)cpu;
	idle->affinity = BIT(cpu);
	idle->on_cpu = true;
	idle->slice_end = ~0UL;
	list_init(&idle->run_node);
	list_init(&idle->pending);
	waitq_init(&idle->vfork_wait);
	spin_init(&rq->lock, RANK_RUNQUEUE);
	list_init(&rq->tasks);
	list_init(&rq->dead);
	rq->curr = idle;
	set_current(idle);
	WRITE_ONCE(rq->idle, idle);
}

void sched_init(void)
{
	task_cache = kmem_cache_create("task_struct", sizeof(struct task), 64);
}

void sched_cpu_main(void)
{
	if (!runqs[cpu_id()].idle)
		sched_init_cpu();
	arch_timer_start();
	for (;;) {
		irq_disable();
		if (runqs[cpu_id()].nr || current->need_resched || others_busy())
			schedule();
		irq_enable();
		free_dead();
		irq_disable();
		if (!runqs[cpu_id()].nr)
			arch_idle();
		irq_enable();
	}
}
