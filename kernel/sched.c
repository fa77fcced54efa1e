/*
 * The scheduler: who runs where, for how long.
 *
 * Each CPU has a queue of tasks that are ready, ordered by rank: kernel threads first (what they do is short and waited
 * for), real-time tasks by their priority, then all others. Tasks of one rank run in turn, a slice of time each: SLICE_NS
 * for nice 0, up to twice that or down to one tick for others; SCHED_FIFO has no slices. Whoever becomes ready with a
 * higher rank than what runs takes its place. Real-time tasks that leave nothing to others for RT_MAX_NS stand aside for
 * RT_PAUSE_NS.
 *
 *	sched_wake()   to the CPU where the task ran last; if that one is busy, to one that is idle
 *	tick           end of the slice, when others wait; an idle CPU is told when work waits here
 *	idle           takes work from the other queues before it sleeps
 *
 *   S1  state, cpu and run_node of a task change under the lock of the queue of t->cpu; t->cpu itself under it too, and the
 *       new queue's lock is taken after the old one's is released. The exception: current sets its own state to a
 *       sleeping one without the lock, and looks afterwards whether it has anything to wait for.
 *   S2  A queue's lock is held from the choice of the next task until the next task has released it after the switch
 *       (sched_finish_switch). Hence whoever takes it finds no task half way off its CPU, and no stack in use twice.
 *   S3  A task is on its queue iff it is RUNNING and no CPU runs it. The idle tasks are on no queue.
 *   S4  A CPU in idle_cpus has looked at its queue after it set its bit; who adds work looks at idle_cpus after that, and
 *       sends an interrupt. So no work is left beside a sleeping CPU.
 *
 * Linux differs: fair shares by virtual deadlines (EEVDF), scheduling classes and domains; one list does for us.
 */
#include "kernel/log.h"
#include "kernel/printk.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "kernel/uapi/sched.h"
#include "mm/mm.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmu.h>

#define SLICE_NS 10000000UL /* at nice 0 */
#define TICK_NS (NSEC_PER_SEC / HZ)
#define RT_MAX_NS 950000000UL /* as Linux: 950 ms of each second */
#define RT_PAUSE_NS 50000000UL
#define RANK_KTHREAD 100 /* above all real-time priorities */

static struct runq {
	struct spinlock lock;
	unsigned int nr; /* on `ready` */
	struct list_head ready;
	struct task *running;
	u64 rt_since;	 /* when others ran last, or none waited */
	u64 rt_pause;	 /* end of the time in which real-time tasks stand aside; 0 none */
	struct task idle;
	struct cpu_usage usage;
} __aligned(64) runqs[CONFIG_MAX_CPUS];

static unsigned long idle_cpus; /* bit per CPU that sleeps or is about to */

static struct runq *this_runq(void)
{
	return &runqs[cpu_id()];
}

static bool is_idle_task(const struct runq *rq, const struct task *t)
{
	return t == &rq->idle;
}

static unsigned int rank_of(const struct task *t)
{
	return t->process ? t->rt_priority : RANK_KTHREAD;
}

static u64 slice_of(const struct task *t)
{
	return max(SLICE_NS * (u64)(20 - t->nice) / 20, TICK_NS);
}

u64 task_runtime(struct task *t)
{
	return t->runtime + (READ_ONCE(t->on_cpu) ? cpu_clock() - t->last_switch : 0);
}

unsigned int sched_nr_running(void)
{
	unsigned int n = 0;

	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++)
		n += READ_ONCE(runqs[cpu].nr) + !is_idle_task(&runqs[cpu], READ_ONCE(runqs[cpu].running));
	return n;
}

char task_state_letter(const struct task *t)
{
	switch (READ_ONCE(t->state)) {
	case TASK_RUNNING:
		return 'R';
	case TASK_INTERRUPTIBLE:
		return 'S';
	case TASK_UNINTERRUPTIBLE:
		return 'D';
	case TASK_STOPPED:
		return 'T';
	default:
		return 'Z';
	}
}

/* ---- The queue. => its lock is held ---- */

/* Behind those of its own rank, or with at_head before them. */
static void enqueue(struct runq *rq, struct task *t, bool at_head) REQUIRES(rq->lock)
{
	unsigned int rank = rank_of(t);
	struct task *other;

	rq->nr++;
	if (likely(!rank && !at_head)) {
		list_add_tail(&t->run_node, &rq->ready);
		return;
	}
	list_for_each_entry(other, &rq->ready, run_node)
		if (rank_of(other) < rank || (at_head && rank_of(other) == rank))
			break;
	list_add_tail(&t->run_node, &other->run_node);
}

static void dequeue(struct runq *rq, struct task *t) REQUIRES(rq->lock)
{
	list_del(&t->run_node);
	rq->nr--;
}

static struct task *pick(struct runq *rq) REQUIRES(rq->lock)
{
	struct task *t;

	if (!rq->nr)
		return &rq->idle;
	t = list_first_entry(&rq->ready, struct task, run_node);
	if (unlikely(rq->rt_pause) && t->rt_priority) {
		struct task *last = list_last_entry(&rq->ready, struct task, run_node);

		t = last->rt_priority ? t : last;
	}
	dequeue(rq, t);
	return t;
}

/* Work has come to a CPU: when it is idle it must look. A higher rank does not wait for the end of a slice. */
static void kick(unsigned int cpu, bool at_once)
{
	smp_mb(); /* S4 */
	if (cpu != cpu_id() && (at_once || (READ_ONCE(idle_cpus) & BIT(cpu))))
		arch_send_resched(cpu);
}

/* t is RUNNING and on no queue; rq is its CPU's, its lock is held and released. => interrupts off */
static void enqueue_and_unlock(struct runq *rq, struct task *t) RELEASES(rq->lock)
{
	bool urgent = rq->running && rank_of(t) && rank_of(t) > rank_of(rq->running);

	enqueue(rq, t, false);
	if (unlikely(urgent))
		rq->running->need_resched = true;
	spin_unlock(&rq->lock);
	kick((unsigned int)(rq - runqs), urgent);
}

static void put_on_queue(struct task *t)
{
	struct runq *rq = &runqs[t->cpu];

	spin_lock(&rq->lock);
	enqueue_and_unlock(rq, t);
}

static bool may_run_here(const struct task *t)
{
	return t->affinity & BIT(cpu_id());
}

/* ---- Switching ---- */

/* Task state, run time and slice as `prev` leaves and `next` comes. => rq->lock held */
static void account_switch(struct runq *rq, struct task *prev, struct task *next) REQUIRES(rq->lock)
{
	u64 now = cpu_clock();

	prev->runtime += now - prev->last_switch;
	prev->on_cpu = false;
	next->last_switch = now;
	next->slice_end = now + slice_of(next);
	next->on_cpu = true;
	next->need_resched = false;
	rq->running = next;
	rq->usage.switches++;
}

/* Called in the next task's context, on the stack it will use. A task that may no longer run here goes elsewhere now that
 * nobody uses its stack. */
struct task *sched_finish_switch(struct task *prev) NO_THREAD_SAFETY
{
	struct runq *rq = this_runq();
	bool dead = prev->state == TASK_DEAD, leaves = prev->state == TASK_RUNNING && !may_run_here(prev);

	if (unlikely(leaves))
		prev->cpu = (u8)__builtin_ctzl(prev->affinity);
	spin_unlock(&rq->lock);
	if (unlikely(leaves))
		put_on_queue(prev);
	irq_enable();
	if (unlikely(dead)) {
		mmu_kstack_free(prev->kstack);
		prev->kstack = NULL;
		arch_task_free(prev);
		task_put(prev);
	}
	return prev;
}

/* => interrupts off, rq->lock held; both are undone when it returns: the next task unlocks it (S2) */
static void switch_to(struct runq *rq, struct task *prev, struct task *next) RELEASES(rq->lock) NO_THREAD_SAFETY
{
	account_switch(rq, prev, next);
	mmu_load(next->mm);
	sched_finish_switch(arch_switch(prev, next));
}

void schedule(void)
{
	struct task *prev = current, *next;
	struct runq *rq;
	bool preempted;

	debug_assert(lock_may_sleep());
	irq_disable();
	preempted = prev->need_resched && prev->policy == SCHED_FIFO;
	rq = this_runq();
	spin_lock(&rq->lock);
	prev->need_resched = false;
	if (prev->state == TASK_RUNNING) {
		if (!is_idle_task(rq, prev) && likely(may_run_here(prev)))
			enqueue(rq, prev, preempted);
		prev->nivcsw++;
	} else {
		prev->nvcsw++;
	}
	next = pick(rq);
	if (next == prev) {
		prev->slice_end = cpu_clock() + slice_of(prev);
		prev->nivcsw--;
		spin_unlock(&rq->lock);
		irq_enable();
		return;
	}
	switch_to(rq, prev, next);
}

void sched_yield_point(void)
{
	if (unlikely(current && current->need_resched))
		schedule();
}

/* ---- Waking ---- */

/* Where a task that becomes ready should run: where it was, unless that CPU is busy and another one idle. */
static unsigned int choose_cpu(const struct task *t)
{
	unsigned long idle = READ_ONCE(idle_cpus) & t->affinity;

	if (!(t->affinity & BIT(t->cpu)))
		return idle ? (unsigned int)__builtin_ctzl(idle) : (unsigned int)__builtin_ctzl(t->affinity);
	if (!idle || (idle & BIT(t->cpu)))
		return t->cpu;
	return (unsigned int)__builtin_ctzl(idle);
}

/* => its lock is held */
static struct runq *lock_task_runq(struct task *t) NO_THREAD_SAFETY
{
	for (;;) {
		struct runq *rq = &runqs[READ_ONCE(t->cpu)];

		spin_lock(&rq->lock);
		if (likely(rq == &runqs[t->cpu]))
			return rq;
		spin_unlock(&rq->lock);
	}
}

bool sched_wake_if(struct task *t, unsigned int states)
{
	unsigned long flags = irq_save();
	struct runq *rq = lock_task_runq(t);
	bool woken = BIT(t->state) & states;

	assert_spin_held(&rq->lock);
	if (woken)
		t->state = TASK_RUNNING;
	if (!woken || rq->running == t) { /* it has not left its CPU yet, and will not */
		spin_unlock(&rq->lock);
	} else {
		t->cpu = (u8)choose_cpu(t);
		if (rq == &runqs[t->cpu]) {
			enqueue_and_unlock(rq, t);
		} else {
			spin_unlock(&rq->lock);
			put_on_queue(t);
		}
	}
	irq_restore(flags);
	return woken;
}

void sched_wake(struct task *t)
{
	sched_wake_if(t, BIT(TASK_INTERRUPTIBLE) | BIT(TASK_UNINTERRUPTIBLE));
}

void sched_start(struct task *t)
{
	unsigned long flags = irq_save();

	t->state = TASK_RUNNING;
	t->cpu = (u8)cpu_id();
	t->cpu = (u8)choose_cpu(t);
	put_on_queue(t);
	irq_restore(flags);
}

/* ---- Sleeping with a limit ---- */

struct sleeper {
	struct timer timer;
	struct task *task;
};

static void sleeper_wake(struct timer *timer)
{
	sched_wake(container_of(timer, struct sleeper, timer)->task);
}

bool schedule_timeout(u64 deadline_ns)
{
	struct sleeper s = { .timer = { .fn = sleeper_wake }, .task = current };

	if (deadline_ns <= cpu_clock()) {
		WRITE_ONCE(current->state, TASK_RUNNING);
		return false;
	}
	timer_start(&s.timer, deadline_ns);
	schedule();
	timer_cancel(&s.timer);
	return cpu_clock() < deadline_ns;
}

/* ---- Moving tasks between CPUs ---- */

/* The last ready task of rq that may run on `cpu`. => rq->lock held; it is off the queue; NULL none */
static struct task *take_for(struct runq *rq, unsigned int cpu) REQUIRES(rq->lock)
{
	for (struct list_head *n = rq->ready.prev; n != &rq->ready; n = n->prev) {
		struct task *t = list_entry(n, struct task, run_node);

		if (t->affinity & BIT(cpu)) {
			dequeue(rq, t);
			t->cpu = (u8)cpu;
			return t;
		}
	}
	return NULL;
}

/* Get work from another CPU's queue. => interrupts off; whether some came */
static bool steal(void)
{
	unsigned int me = cpu_id(), n = cpu_count();

	for (unsigned int i = 1; i < n; i++) {
		struct runq *rq = &runqs[(me + i) % n];
		struct task *t;

		if (!READ_ONCE(rq->nr))
			continue;
		spin_lock(&rq->lock);
		t = take_for(rq, me);
		spin_unlock(&rq->lock);
		if (!t)
			continue;
		put_on_queue(t);
		return true;
	}
	return false;
}

/* Work waits here while a CPU that may do it sleeps: wake that one to steal it. => interrupts off */
static void offer_work(struct runq *rq)
{
	unsigned long idle = READ_ONCE(idle_cpus);

	if (rq->nr && idle)
		arch_send_resched((unsigned int)__builtin_ctzl(idle));
}

/* => when t is current, it must call schedule() to get away; another task that runs leaves at its next tick */
void sched_set_affinity(struct task *t, u64 mask)
{
	unsigned long flags = irq_save();
	struct runq *rq = lock_task_runq(t);

	assert_spin_held(&rq->lock);
	t->affinity = mask;
	if (!(mask & BIT(t->cpu)) && !list_empty(&t->run_node)) {
		dequeue(rq, t);
		t->cpu = (u8)__builtin_ctzl(mask);
		spin_unlock(&rq->lock);
		put_on_queue(t);
	} else {
		spin_unlock(&rq->lock);
	}
	irq_restore(flags);
}

void sched_set_policy(struct task *t, int policy, int rt_priority) NO_THREAD_SAFETY
{
	unsigned long flags = irq_save();
	struct runq *rq = lock_task_runq(t);
	bool queued = !list_empty(&t->run_node);

	if (queued)
		dequeue(rq, t);
	t->policy = (u8)policy;
	t->rt_priority = (u8)rt_priority;
	if (queued)
		enqueue(rq, t, false);
	rq->running->need_resched = true; /* it may be the lesser one now */
	spin_unlock(&rq->lock);
	irq_restore(flags);
}

/* ---- Ticks and the idle loop ---- */

/* What this CPU did in the tick that ends. => interrupts off */
static void account_cpu(struct runq *rq, const struct task *t, bool from_user)
{
	if (is_idle_task(rq, t))
		rq->usage.idle += TICK_NS;
	else if (!from_user)
		rq->usage.system += TICK_NS;
	else if (t->nice > 0)
		rq->usage.nice += TICK_NS;
	else
		rq->usage.user += TICK_NS;
}

struct cpu_usage sched_cpu_usage(unsigned int cpu)
{
	return runqs[cpu].usage;
}

/* => interrupts off */
static void account_tick(struct task *t, bool from_user)
{
	struct process *p = t->process;

	if (from_user)
		t->utime += TICK_NS;
	else
		t->stime += TICK_NS;
	if (p && ((from_user && p->itimer[1].value) || p->itimer[2].value || p->rlim[0].cur != ~0UL))
		t->tick_work = true;
}

/* Real-time tasks must leave something to the others that wait. => interrupts off */
static void limit_rt(struct runq *rq, struct task *t, u64 now)
{
	if (rq->rt_pause && now >= rq->rt_pause) {
		rq->rt_pause = 0;
		rq->rt_since = now;
		t->need_resched = true;
	} else if (!rq->rt_pause && rq->nr && now - rq->rt_since > RT_MAX_NS) {
		rq->rt_pause = now + RT_PAUSE_NS;
		t->need_resched = true;
	}
}

void timer_tick(bool from_user)
{
	struct runq *rq = this_runq();
	struct task *t = current;
	u64 now = cpu_clock();

	timer_run(now);
	if (cpu_id() == 0)
		log_wake_readers();
	account_cpu(rq, t, from_user);
	if (is_idle_task(rq, t))
		return;
	account_tick(t, from_user);
	if ((rq->nr && now >= t->slice_end && t->policy != SCHED_FIFO) || !may_run_here(t))
		t->need_resched = true;
	if (unlikely(t->rt_priority || rq->rt_pause))
		limit_rt(rq, t, now);
	else
		rq->rt_since = now;
	offer_work(rq);
}

/* Interrupts are off. Sleep until there may be work. */
static void idle_once(struct runq *rq)
{
	unsigned long me = BIT(cpu_id());

	__atomic_fetch_or(&idle_cpus, me, __ATOMIC_SEQ_CST);
	if (!READ_ONCE(rq->nr) && !steal()) {
		arch_idle();
		irq_disable();
	}
	__atomic_fetch_and(&idle_cpus, ~me, __ATOMIC_SEQ_CST);
}

static __noreturn void idle_loop(void)
{
	struct runq *rq = this_runq();

	for (;;) {
		irq_disable();
		idle_once(rq);
		irq_enable();
		if (READ_ONCE(rq->nr))
			schedule();
	}
}

/* The stack this CPU runs on becomes its idle task's. => interrupts off */
static void idle_adopt(unsigned int cpu)
{
	struct runq *rq = &runqs[cpu];
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	spin_init(&rq->lock, RANK_RUNQUEUE);
	list_init(&rq->ready);
	rq->idle = (struct task){
		.state = TASK_RUNNING,
		.on_cpu = true,
		.cpu = (u8)cpu,
		.affinity = BIT(cpu),
		.kstack = (void *)ALIGN_UP(here, KSTACK_SIZE),
		.refs = ATOMIC_INIT(1),
	};
	list_init(&rq->idle.pending);
	list_init(&rq->idle.run_node);
	snprintf(rq->idle.comm, sizeof(rq->idle.comm), "idle/%u", cpu);
	rq->running = &rq->idle;
	set_current(&rq->idle);
}

void sched_init(void)
{
	idle_adopt(0);
}

__noreturn void sched_cpu_main(void)
{
	if (cpu_id() != 0)
		idle_adopt(cpu_id());
	arch_timer_start();
	idle_loop();
}
