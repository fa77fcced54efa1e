/*
 * Other CPUs: starting them, asking them for something, stopping them.
 *
 * Starting: the ACPI tables list the CPUs. All get INIT together; then, one at a time, STARTUP with the page of the
 * trampoline, which brings the CPU into long mode on the early tables and to ap_main() with its own stack and struct
 * percpu. A CPU that does not answer is left out with a warning.
 *
 * Asking: smp_call() puts a function into this CPU's own slot and sends one interrupt to each CPU of a mask. Who is
 * interrupted looks at all slots, runs what names it and clears its bit; the asker waits until no bit is left. There is
 * no lock, so CPUs may ask each other at the same time: each answers while it waits, because it waits with interrupts on.
 * The kernel is not preempted, so the slot is the asker's until it returns.
 *
 * Stopping (panic): by NMI, which reaches CPUs that have interrupts off.
 */
#include "arch/x86_64/x86.h"
#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "kernel/task.h"

#define INIT_WAIT_US 10000    /* SDM vol. 3A, 8.4.4.1 */
#define STARTUP_WAIT_US 200
#define ANSWER_WAIT_US 500000 /* emulated CPUs share few real ones */
#define STOP_WAIT_US 100000
#define TRAMPOLINE_MAX 256

struct call_slot {
	void (*fn)(void *);
	void *arg;
	unsigned long pending; /* CPUs that have not answered yet */
} __aligned(64);

static struct call_slot slots[CONFIG_MAX_CPUS];
static unsigned int nr_running = 1;
static unsigned long running = 1; /* bit per CPU */

/* For ap_start64 in trampoline.S: one CPU at a time */
u64 ap_cr3;
void *ap_stack;
static unsigned int ap_cpu;
static bool ap_answered;

static bool stopping;
static unsigned long stopped;

unsigned int cpu_count(void)
{
	return nr_running;
}

unsigned long smp_others(void)
{
	return READ_ONCE(running) & ~BIT(cpu_id());
}

/* ---- Asking ---- */

void smp_call(unsigned long mask, void (*fn)(void *), void *arg)
{
	struct call_slot *s = &slots[cpu_id()];

	if (!mask)
		return;
	assert(irq_enabled() && !READ_ONCE(s->pending));
	s->fn = fn;
	s->arg = arg;
	__atomic_store_n(&s->pending, mask, __ATOMIC_SEQ_CST);
	for (unsigned long m = mask; m; m &= m - 1)
		lapic_ipi(__builtin_ctzl(m), IRQ_CALL);
	while (smp_load_acquire(&s->pending))
		cpu_relax();
}

void smp_call_interrupt(void)
{
	unsigned long me = BIT(cpu_id());

	for (struct call_slot *s = slots; s < slots + nr_running; s++) {
		if (!(smp_load_acquire(&s->pending) & me))
			continue;
		s->fn(s->arg);
		__atomic_fetch_and(&s->pending, ~me, __ATOMIC_SEQ_CST);
	}
}

void arch_call_others(void (*fn)(void *), void *arg)
{
	smp_call(smp_others(), fn, arg);
}

void arch_send_resched(unsigned int cpu)
{
	lapic_ipi(cpu, IRQ_RESCHED);
}

/* ---- Stopping ---- */

void arch_stop_others(void)
{
	unsigned long others = smp_others();

	WRITE_ONCE(stopping, true);
	smp_mb();
	if (!others)
		return;
	lapic_nmi_others();
	for (unsigned int us = 0; us < STOP_WAIT_US && (READ_ONCE(stopped) & others) != others; us += 10)
		tsc_delay_us(10);
}

void smp_nmi(void)
{
	if (!READ_ONCE(stopping)) {
		pr_warn("unexpected NMI on CPU %u\n", cpu_id());
		return;
	}
	__atomic_fetch_or(&stopped, BIT(cpu_id()), __ATOMIC_SEQ_CST);
	halt_forever();
}

/* ---- Starting ---- */

/* The first C of an AP, on the stack that becomes its idle loop's. */
__noreturn void ap_main(void)
{
	unsigned int cpu = ap_cpu;

	cpu_percpu_init(cpu, percpus[cpu].apic_id);
	gdt_load(cpu);
	idt_load();
	cpu_setup();
	fpu_setup();
	lapic_setup();
	__atomic_fetch_or(&running, BIT(cpu), __ATOMIC_SEQ_CST);
	smp_store_release(&nr_running, cpu + 1);
	smp_store_release(&ap_answered, true);
	sched_cpu_main();
}

static bool ap_prepare(unsigned int cpu, u32 apic_id)
{
	void *stacks[4];

	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		stacks[i] = mmu_kstack_alloc();
		if (!stacks[i]) {
			while (i--)
				mmu_kstack_free(stacks[i]);
			return false;
		}
	}
	gdt_set_ist(cpu, IST_DF, stacks[1]);
	gdt_set_ist(cpu, IST_NMI, stacks[2]);
	gdt_set_ist(cpu, IST_MC, stacks[3]);
	percpus[cpu].apic_id = apic_id;
	ap_cpu = cpu;
	ap_stack = stacks[0];
	ap_cr3 = mem_kernel_top();
	ap_answered = false;
	return true;
}

static bool ap_wait(unsigned int us)
{
	for (unsigned int t = 0; t < us; t += 10) {
		if (smp_load_acquire(&ap_answered))
			return true;
		tsc_delay_us(10);
	}
	return false;
}

/* => running as CPU number nr_running */
static void ap_start(u32 apic_id)
{
	unsigned int cpu = nr_running;

	if (!ap_prepare(cpu, apic_id)) {
		pr_warn("no memory for the stacks of CPU %u: it stays off\n", cpu);
		return;
	}
	lapic_startup_ipi(apic_id, TRAMPOLINE_PHYS >> PAGE_SHIFT);
	if (!ap_wait(STARTUP_WAIT_US)) {
		lapic_startup_ipi(apic_id, TRAMPOLINE_PHYS >> PAGE_SHIFT);
		if (!ap_wait(ANSWER_WAIT_US)) {
			lapic_init_ipi(apic_id); /* must not wake up on a stack that is another's by then */
			pr_warn("CPU %u (APIC id %u) does not answer: it stays off\n", cpu, apic_id);
		}
	}
}

void arch_start_aps(void)
{
	u32 me = this_cpu()->apic_id;
	size_t size = trampoline_end - trampoline_start;
	void *page = phys_to_virt(TRAMPOLINE_PHYS);
	u8 kept[TRAMPOLINE_MAX]; /* a loader may have put a small initrd there */

	assert(size <= sizeof(kept));
	if (acpi_info.nr_cpus_left_out)
		pr_warn("%u CPUs more than this kernel can use (CONFIG_MAX_CPUS) stay off\n",
			acpi_info.nr_cpus_left_out);
	if (acpi_info.nr_cpus < 2)
		return;
	memcpy(kept, page, size);
	memcpy(page, trampoline_start, size);
	for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
		if (acpi_info.apic_ids[i] != me)
			lapic_init_ipi(acpi_info.apic_ids[i]);
	tsc_delay_us(INIT_WAIT_US);
	for (unsigned int i = 0; i < acpi_info.nr_cpus && nr_running < CONFIG_MAX_CPUS; i++)
		if (acpi_info.apic_ids[i] != me)
			ap_start(acpi_info.apic_ids[i]);
	memcpy(page, kept, size);
}
