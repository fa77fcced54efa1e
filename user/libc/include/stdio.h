/* newlib's stdio.h; getline() and getdelim() are there under reserved names only. */
#ifndef _QUIRE_STDIO_H
#define _QUIRE_STDIO_H

#include_next <stdio.h>

#ifndef _COMPILING_NEWLIB
#define getline	 __getline
#define getdelim __getdelim
#endif

#endif
