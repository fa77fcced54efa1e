/*
 * The local APIC: interrupts between CPUs, and each CPU's timer. SDM vol. 3A, chapter 10.
 *
 * Registers are memory, or, where the firmware has switched x2APIC mode on (it cannot be switched off without a reset),
 * MSRs: 0x800 + offset / 16.
 */
#include "arch/x86_64/x86.h"
#include "kernel/task.h"

#define LAPIC_ID 0x20
#define LAPIC_TPR 0x80
#define LAPIC_EOI 0xb0
#define LAPIC_SVR 0xf0
#define LAPIC_ESR 0x280
#define LAPIC_ICR 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_THERMAL 0x330
#define LAPIC_LVT_PERF 0x340
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_LVT_ERROR 0x370
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_COUNT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0

#define SVR_ENABLE BIT(8)
#define LVT_MASKED BIT(16)
#define LVT_NMI (4U << 8)
#define LVT_EXTINT (7U << 8)
#define LVT_PERIODIC BIT(17)
#define DIVIDE_BY_16 3

#define ICR_NMI (4U << 8)
#define ICR_INIT (5U << 8)
#define ICR_STARTUP (6U << 8)
#define ICR_BUSY BIT(12)
#define ICR_ASSERT BIT(14)
#define ICR_OTHERS (3U << 18)

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800
#define LAPIC_PHYS_DEFAULT 0xfee00000UL

static volatile u32 *lapic;
static u64 timer_hz; /* after the divider */

static u32 lapic_read(u32 reg)
{
	return cpu_has(CPU_X2APIC_ON) ? (u32)rdmsr(MSR_X2APIC + (reg >> 4)) : lapic[reg / 4];
}

static void lapic_write(u32 reg, u32 val)
{
	if (cpu_has(CPU_X2APIC_ON))
		wrmsr(MSR_X2APIC + (reg >> 4), val);
	else
		lapic[reg / 4] = val;
}

void lapic_init(void)
{
	u64 phys = acpi_info.lapic_phys ? acpi_info.lapic_phys : LAPIC_PHYS_DEFAULT;

	if (!cpu_has(CPU_X2APIC_ON))
		lapic = mem_mmio(phys, PAGE_SIZE);
}

void lapic_setup(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(11)); /* globally enabled */
	lapic_write(LAPIC_SVR, SVR_ENABLE | IRQ_SPURIOUS);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT); /* the 8259s */
	lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	lapic_write(LAPIC_ESR, 0);
	lapic_write(LAPIC_TPR, 0);
	lapic_eoi();
}

u32 lapic_id(void)
{
	u32 id = lapic_read(LAPIC_ID);

	return cpu_has(CPU_X2APIC_ON) ? id : id >> 24;
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/* ---- Interrupts for others ---- */

static void icr_send(u32 apic_id, u32 command)
{
	unsigned long flags;

	if (cpu_has(CPU_X2APIC_ON)) {
		wrmsr(MSR_X2APIC + (LAPIC_ICR >> 4), (u64)apic_id << 32 | command);
		return;
	}
	flags = irq_save(); /* two registers: an interrupt handler must not send in between */
	while (lapic_read(LAPIC_ICR) & ICR_BUSY)
		cpu_relax();
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR, command);
	irq_restore(flags);
}

void lapic_ipi(unsigned int cpu, u8 vector)
{
	icr_send(percpus[cpu].apic_id, ICR_ASSERT | vector);
}

void lapic_nmi_others(void)
{
	icr_send(0, ICR_OTHERS | ICR_ASSERT | ICR_NMI);
}

void lapic_init_ipi(u32 apic_id)
{
	icr_send(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_startup_ipi(u32 apic_id, u8 page)
{
	icr_send(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

/* ---- The timer ---- */

u32 lapic_timer_count(void)
{
	return lapic_read(LAPIC_TIMER_COUNT);
}

void lapic_timer_oneshot(u32 count)
{
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | IRQ_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, count);
}

void lapic_timer_set_rate(u64 hz)
{
	timer_hz = hz;
}

void arch_timer_start(void)
{
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | IRQ_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, timer_hz / HZ);
}
