/* Colours and the size of the terminal. */
#ifndef TERM_H
#define TERM_H

#include <stdbool.h>

/* Colours of a 16-colour terminal, by what they mean here. */
enum colour {
	PLAIN,
	FAINT,
	BOLD,
	RED,
	GREEN,
	YELLOW,
	BLUE,
	MAGENTA,
	CYAN,
	COLOURS,
};

/* Whether standard output shows colours: a terminal, not a dumb one, and no NO_COLOR. */
bool term_colours(void);

/* The sequence that switches a colour on; the empty string where there are none. */
const char *colour(enum colour c);

/* Rows of the terminal on standard output; 0 when it is none. */
int term_rows(void);

#endif
