/* Colours, as https://no-color.org wants them: NO_COLOR, set and not empty, switches them off. */
#include "term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_ROWS 24 /* a serial line does not know */

bool term_colours(void)
{
	static int known;

	if (!known) {
		const char *off = getenv("NO_COLOR");
		const char *term = getenv("TERM");

		known = isatty(STDOUT_FILENO) && !(off && *off) && !(term && !strcmp(term, "dumb"))
				? 1
				: 2;
	}
	return known == 1;
}

const char *colour(enum colour c)
{
	static const char *const sequences[COLOURS] = {
		[PLAIN] = "\033[0m", [FAINT] = "\033[2m",    [BOLD] = "\033[1m",
		[RED] = "\033[31m",  [GREEN] = "\033[32m",   [YELLOW] = "\033[33m",
		[BLUE] = "\033[34m", [MAGENTA] = "\033[35m", [CYAN] = "\033[36m",
	};

	return term_colours() ? sequences[c] : "";
}

int term_rows(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		return DEFAULT_ROWS;
	return size.ws_row;
}
