/*
 * Kernel arguments, in Linux's manner: words separated by blanks, quotes keep blanks, ` -- ` ends the kernel's own.
 *
 *	panic=exit         leave QEMU on a panic (seen by start.S already)
 *	log=ttyS<n>        where the log goes; console=ttyS<n> is accepted, the terminal is ttyS0
 *	loglevel=<0..7>    quiet      debug
 *	init=<path>
 *	<sysctl>=<value>   any name of /proc/sys, with dots
 *
 * What is none of these goes to init, as in Linux: name=value into its environment, other words to its arguments. A
 * value that a known name cannot take is told in one line and otherwise ignored: a typing mistake must not keep a
 * machine from booting.
 */
#include "kernel/cmdline.h"

#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/printk.h"
#include "kernel/sysctl.h"
#include "kernel/uapi/errno.h"
#include <arch/irq.h>

const char *init_path;
char *init_argv[INIT_ARGS_MAX + 2] = { "init" };
char *init_envp[INIT_ARGS_MAX + 3] = { "HOME=/", "TERM=linux" };
static unsigned int init_argc = 1, init_envc = 2;

long console_rows = 24, console_cols = 80;
SYSCTL(sysctl_rows, .name = "console.rows", .value = &console_rows, .min = 1, .max = 1000, .mode = 0444);
SYSCTL(sysctl_cols, .name = "console.cols", .value = &console_cols, .min = 1, .max = 1000, .mode = 0444);

static char words[2048]; /* the line, cut into words that stay */

/* The next word of *p, quotes removed, NUL-terminated in `to`. => NULL at the end; *to moves behind it */
static char *next_word(const char **p, char **to)
{
	char *word = *to, *out = word;
	bool quoted = false;

	while (is_space(**p))
		++*p;
	if (!**p)
		return NULL;
	for (; **p && (quoted || !is_space(**p)); ++*p) {
		if (**p == '"')
			quoted = !quoted;
		else
			*out++ = **p;
	}
	*out++ = '\0';
	*to = out;
	return word;
}

static void set_log(const char *value)
{
	unsigned int port = str_has_prefix(value, "ttyS") ? (unsigned int)(value[4] - '0') : UART_COUNT;

	if (port < UART_COUNT && !value[5])
		log_port = port;
	else
		pr_err("log=%s: not a serial port; use ttyS0 to ttyS%d", value, UART_COUNT - 1);
}

static void set_loglevel(const char *value)
{
	if (is_digit(value[0]) && value[0] < '8' && !value[1])
		log_level = (unsigned int)(value[0] - '0');
	else
		pr_err("loglevel=%s: must be 0 to 7", value);
}

static void early_word(const char *word)
{
	if (str_has_prefix(word, "log="))
		set_log(word + 4);
	else if (str_has_prefix(word, "loglevel="))
		set_loglevel(word + 9);
	else if (strcmp(word, "quiet") == 0)
		log_level = LOG_ERR;
	else if (strcmp(word, "debug") == 0)
		log_level = LOG_DEBUG;
}

void cmdline_parse_early(const char *line)
{
	char *to = words;

	for (char *w; (w = next_word(&line, &to)) && strcmp(w, "--") != 0;)
		early_word(w);
}

static void for_init(char *word, bool environment)
{
	if (environment && init_envc < ARRAY_SIZE(init_envp) - 1)
		init_envp[init_envc++] = word;
	else if (!environment && init_argc < ARRAY_SIZE(init_argv) - 1)
		init_argv[init_argc++] = word;
	else
		pr_err("too many arguments for init: %s is dropped", word);
}

/* => whether there is a sysctl of that name */
static bool sysctl_word(char *word, char *equals)
{
	int err;

	*equals = '\0';
	err = sysctl_set(word, equals + 1);
	if (err == -EINVAL)
		pr_err("%s=%s: not a value that %s can have", word, equals + 1, word);
	*equals = '=';
	return err != -ENOENT;
}

static void late_word(char *word)
{
	char *equals = strchr(word, '=');

	static const char *const done[] = { "log=", "loglevel=", "panic=", "console=", "BOOT_IMAGE=" };

	for (size_t i = 0; i < ARRAY_SIZE(done); i++)
		if (str_has_prefix(word, done[i]))
			return;
	if (strcmp(word, "quiet") == 0 || strcmp(word, "debug") == 0)
		return;
	if (str_has_prefix(word, "init="))
		init_path = word + 5;
	else if (!equals || !sysctl_word(word, equals)) {
		if (equals && (str_has_prefix(word, "quire.") || str_has_prefix(word, "vm.") || str_has_prefix(word, "kernel.")))
			pr_err("unknown kernel argument %s", word);
		else
			for_init(word, equals != NULL);
	}
}

void cmdline_parse(const char *line)
{
	char *to = words, *w;

	while ((w = next_word(&line, &to)) && strcmp(w, "--") != 0)
		late_word(w);
	while ((w = next_word(&line, &to)))
		for_init(w, false);
}
