/*
 * The machine's ends. QEMU first: isa-debug-exit carries a status out; without that device the write does nothing.
 * Then the places where QEMU's chip sets have ACPI's power button register, then nothing more than a halt.
 */
#include "arch/x86_64/x86.h"

#define DEBUG_EXIT_PORT 0xf4
#define ACPI_PM1A_PORT 0x604 /* q35, and i440fx since QEMU 2.0; older: 0xb004 */
#define ACPI_PM1A_OLD_PORT 0xb004
#define ACPI_SLEEP_S5 0x2000
#define KEYBOARD_PORT 0x64
#define KEYBOARD_RESET 0xfe
#define PCI_RESET_PORT 0xcf9

__noreturn void arch_power_off(u8 exit_code)
{
	outb(DEBUG_EXIT_PORT, exit_code);
	outw(ACPI_PM1A_PORT, ACPI_SLEEP_S5);
	outw(ACPI_PM1A_OLD_PORT, ACPI_SLEEP_S5);
	halt_forever();
}

__noreturn void arch_reboot(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed no_idt;

	irq_disable();
	outb(PCI_RESET_PORT, 2);
	outb(PCI_RESET_PORT, 6);
	outb(KEYBOARD_PORT, KEYBOARD_RESET);
	tsc_delay_us(100000);
	lidt(&no_idt); /* an exception without a table shuts the CPU down, which resets */
	*(volatile char *)0 = 0;
	halt_forever();
}
