/*
 * The end, told clearly: one sentence, where, how it came there, the last mm events. Then the machine stops, or with
 * panic=exit leaves QEMU, so that a test run ends at once.
 */
#include "kernel/boot.h"
#include "kernel/log.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include <arch/cpu.h>
#include <arch/irq.h>

#define EXIT_PANIC 0x20 /* QEMU's status becomes (0x20 << 1) | 1 = 65 */
#define RESULTS_PORT 1	/* ttyS1: whoever runs the machine reads it there */

static atomic_t panicking;

static void results_puts(const char *s)
{
	while (*s)
		uart_putc(RESULTS_PORT, *s++);
}

void panic_at(const char *file, int line, const char *fmt, ...)
{
	char sentence[256];
	va_list ap;

	irq_disable();
	if (atomic_xchg(&panicking, 1)) /* a second one, here or on another CPU, has nothing to add */
		for (;;)
			cpu_relax();
	arch_stop_others();
	log_break_lock();
	log_to_console = true;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	results_puts("quire: panic: ");
	results_puts(sentence);
	results_puts("\n");
	printk(LOG_EMERG, "panic: %s", sentence);
	printk(LOG_EMERG, "  at %s:%d, CPU %u, task %s", file, line, cpu_id(), current ? current->comm : "none");
	arch_backtrace(NULL);
	trace_dump_last(16);
	if (boot_panic_exit)
		arch_power_off(EXIT_PANIC);
	printk(LOG_EMERG, "The machine has stopped. Leave QEMU with Ctrl-A X.");
	for (;;)
		cpu_relax();
}
