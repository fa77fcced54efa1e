/* Kernel arguments. */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include "kernel/types.h"

void cmdline_parse_early(const char *line); /* where the log goes: before the first message */
void cmdline_parse(const char *line);	    /* all others; needs the sysctls, allocates nothing */

/* What is for init. NULL-terminated; argv[0] is set by who starts it. */
#define INIT_ARGS_MAX 128 /* a line of 2048 characters holds hardly more words of use */
extern const char *init_path; /* init=; NULL: the usual places */
extern char *init_argv[INIT_ARGS_MAX + 2], *init_envp[INIT_ARGS_MAX + 3];

/* Console window as given by console.rows= and console.cols=, else 24 and 80. */
extern long console_rows, console_cols;

#endif
