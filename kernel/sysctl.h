/*
 * Run-time switches: one declaration makes /proc/sys/<a>/<b>, and the kernel argument `a.b=VALUE`.
 *
 * The table is the linker's: each SYSCTL() puts one record into the section "sysctls".
 */
#ifndef KERNEL_SYSCTL_H
#define KERNEL_SYSCTL_H

#include "kernel/types.h"

struct sysctl {
	const char *name; /* "vm.overcommit_memory" */
	long *value;
	long min, max;
	u16 mode; /* as in /proc/sys: 0644, 0444 */
	/* Words instead of numbers, NULL-terminated; value is then the index. NULL: a number. */
	const char *const *words;
	/* A text that cannot be set, instead of all that: as snprintf(), with '\n'. */
	int (*text)(char *buf, size_t size);
	/* Called after a successful write, may be NULL. */
	void (*changed)(void);
};

#define SYSCTL(ident, ...)                                                                         \
	static const struct sysctl ident __attribute__((used, section("sysctls"), aligned(8))) = { __VA_ARGS__ }

/* => 0, -ENOENT unknown name, -EINVAL not a number or out of range. Text may end in '\n'. */
int sysctl_set(const char *name, const char *text);
const struct sysctl *sysctl_find(const char *name);
const struct sysctl *sysctl_nth(size_t n); /* NULL past the end: procfs lists them */
int sysctl_format(const struct sysctl *s, char *buf, size_t size); /* as read from /proc/sys, with '\n' */

#endif
