/*
 * The machine's orderly end: pid 1 is gone, or reboot(2).
 *
 * Whoever runs the machine learns how pid 1 ended from a line on ttyS1, always, and from QEMU's exit status (33 for an
 * orderly end).
 */
#include "kernel/power.h"

#include "kernel/printk.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/reboot.h"
#include "kernel/uapi/wait.h"
#include <arch/irq.h>

#define RESULTS_PORT 1
#define EXIT_ORDERLY 0x10 /* QEMU's status becomes (0x10 << 1) | 1 = 33 */

static void results_line(const char *text)
{
	while (*text)
		uart_putc(RESULTS_PORT, *text++);
	uart_putc(RESULTS_PORT, '\n');
}

__noreturn void init_gone(int code)
{
	char line[64];

	if (WIFEXITED(code))
		snprintf(line, sizeof(line), "quire: init exited with status %d", WEXITSTATUS(code));
	else
		snprintf(line, sizeof(line), "quire: init killed by signal %d", WTERMSIG(code));
	results_line(line);
	arch_power_off(EXIT_ORDERLY);
}

long sys_reboot(u32 magic, u32 magic2, u32 cmd, void __user *arg)
{
	(void)arg;
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (magic != LINUX_REBOOT_MAGIC1 || (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
					     magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	switch (cmd) {
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;
	case LINUX_REBOOT_CMD_RESTART:
		arch_reboot();
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		arch_power_off(EXIT_ORDERLY);
	default:
		return -EINVAL;
	}
}
