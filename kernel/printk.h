/*
 * Messages, assertions and panic.
 *
 * panic() never returns and takes one sentence: what is wrong, not what was being done. It prints
 * the sentence, file and line, a symbolised backtrace and the last mm events (kernel/trace.h).
 * assert() stays in every build: it guards state that would corrupt memory when wrong and costs a
 * compare. debug_assert() disappears with CONFIG_DEBUG=n and may be expensive.
 */
#ifndef KERNEL_PRINTK_H
#define KERNEL_PRINTK_H

#include "kernel/types.h"

enum log_level { LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

void printk(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define pr_err(...) printk(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) printk(LOG_WARNING, __VA_ARGS__)
#define pr_info(...) printk(LOG_INFO, __VA_ARGS__)
#define pr_debug(...) printk(LOG_DEBUG, __VA_ARGS__)

__noreturn void panic_at(const char *file, int line, const char *fmt, ...) __printf(3, 4);
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

#define assert(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			panic("assertion failed: %s", #cond);                                      \
	} while (0)

#define debug_assert(cond)                                                                         \
	do {                                                                                       \
		if (IS_ENABLED(CONFIG_DEBUG))                                                      \
			assert(cond);                                                              \
	} while (0)

/* Formatting as in C99: %d %u %x %lx %lu %llu %zu %s %c %p %%, width, precision, flags `-0#+ `. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
