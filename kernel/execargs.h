/* Arguments and environment on their way from the old program to the new one's stack. Theory in execargs.c. */
#ifndef KERNEL_EXECARGS_H
#define KERNEL_EXECARGS_H

#include "kernel/types.h"

struct mm;

/* Strings, NUL-terminated, one after the other, in the order argv, envp, file name. */
struct exec_args {
	char **page;		/* pages of 4 KiB that hold them */
	size_t nr_pages;
	size_t used, limit;	/* bytes */
	unsigned int argc, envc;
	size_t arg_bytes, env_bytes;
};

/* Where the strings come from: the user's arrays, or the kernel's own (init). */
struct exec_strings {
	const char __user *const __user *user;
	char *const *kernel;
};

/* => 0, -E2BIG, -EFAULT, -ENOMEM. execargs_free() in every case */
int execargs_init(struct exec_args *a);
int execargs_add_all(struct exec_args *a, struct exec_strings from, bool environment);
int execargs_add(struct exec_args *a, const char *text);
void execargs_free(struct exec_args *a);
/* An interpreter's line takes the place of the first string: `words` before what remains. => as above */
int execargs_replace_first(struct exec_args *a, const char *const *words, unsigned int nr);
/* All bytes to `at` of the new mm. => 0 or -EFAULT */
int execargs_write(const struct exec_args *a, struct mm *mm, unsigned long at);
/* Length of the string at byte `pos`, NUL included. */
size_t execargs_length(const struct exec_args *a, size_t pos);

#endif
