/*
 * Interrupt handlers, each with interrupts off: acknowledge, then act.
 *
 * Devices: the UARTs only, on ISA interrupts 4 (COM1, COM3) and 3 (COM2, COM4), through the I/O APIC to the boot CPU.
 * Edge-triggered and shared: a handler looks at both ports until neither has anything. Where there is no I/O APIC the boot
 * CPU's tick looks.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"

#define IOAPIC_REG_VERSION 1
#define IOAPIC_REG_ENTRY(n) (0x10 + 2 * (n))
#define ENTRY_LOW_ACTIVE BIT(13)
#define ENTRY_LEVEL BIT(15)

#define PIC1 0x20
#define PIC2 0xa0

static volatile u32 *ioapic; /* [0] selects a register, [4] is it */

static void ioapic_write(u32 reg, u32 val)
{
	ioapic[0] = reg;
	ioapic[4] = val;
}

/*
 * The 8259s: out of the exceptions' vectors, should one come all the same, and masked for good. The firmware's timer may
 * have an interrupt pending: it must be withdrawn here, while the local APIC still passes it on. Once LINT0 is masked the
 * withdrawal would not reach the CPU (seen in QEMU: the first STI ends in a #GP for vector -1).
 * => before lapic_setup()
 */
void pic_mask(void)
{
	static const u8 init[][2] = { { 0, 0x11 }, { 1, IRQ_BASE }, { 1, 4 }, { 1, 1 }, { 1, 0xff } };
	static const u8 init2[][2] = { { 0, 0x11 }, { 1, IRQ_BASE + 8 }, { 1, 2 }, { 1, 1 }, { 1, 0xff } };

	for (size_t i = 0; i < ARRAY_SIZE(init); i++) {
		outb(PIC1 + init[i][0], init[i][1]);
		outb(PIC2 + init2[i][0], init2[i][1]);
	}
}

static void ioapic_route(unsigned int isa_irq, u8 vector)
{
	u32 pin = acpi_info.isa[isa_irq].gsi - acpi_info.ioapic_gsi, last, flags = 0;

	ioapic[0] = IOAPIC_REG_VERSION;
	last = ioapic[4] >> 16 & 0xff;
	if (pin > last)
		return;
	if (acpi_info.isa[isa_irq].low)
		flags |= ENTRY_LOW_ACTIVE;
	if (acpi_info.isa[isa_irq].level)
		flags |= ENTRY_LEVEL;
	ioapic_write(IOAPIC_REG_ENTRY(pin) + 1, this_cpu()->apic_id << 24);
	ioapic_write(IOAPIC_REG_ENTRY(pin), flags | vector);
}

void ioapic_init(void)
{
	if (!acpi_info.ioapic_phys)
		return;
	ioapic = mem_mmio(acpi_info.ioapic_phys, PAGE_SIZE);
	ioapic_route(4, IRQ_UART_EVEN);
	ioapic_route(3, IRQ_UART_ODD);
}

bool ioapic_present(void)
{
	return ioapic;
}

static struct {
	u64 n;
} __aligned(64) counts[CONFIG_MAX_CPUS]; /* interrupts taken: /proc/stat */

u64 arch_irq_count(void)
{
	u64 n = 0;

	for (unsigned int cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		n += counts[cpu].n;
	return n;
}

static void acknowledge(void)
{
	counts[cpu_id()].n++;
	lapic_eoi();
}

void irq_timer(struct regs *r)
{
	acknowledge();
	if (unlikely(!ioapic) && cpu_id() == 0)
		uart_poll(0, 1);
	timer_tick(regs_from_user(r));
}

void irq_call(struct regs *r)
{
	(void)r;
	acknowledge();
	smp_call_interrupt();
}

/* That there was an interrupt is the message: the way back to user mode, and the idle loop, look at need_resched. */
void irq_resched(struct regs *r)
{
	(void)r;
	acknowledge();
}

void irq_uart_even(struct regs *r)
{
	(void)r;
	acknowledge();
	uart_poll(0, 2);
}

void irq_uart_odd(struct regs *r)
{
	(void)r;
	acknowledge();
	uart_poll(1, 2);
}

void irq_spurious(struct regs *r) /* SDM vol. 3A, 10.9: not to be acknowledged */
{
	(void)r;
}

void irq_unexpected(struct regs *r)
{
	(void)r;
	acknowledge();
	pr_warn("unexpected interrupt on CPU %u\n", cpu_id());
}

void arch_idle(void)
{
	sti_hlt();
}
