/* A folder for a test's files. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* Make a folder of this test's own. => its path, to be given to scratch_remove() */
static inline char *scratch_dir(void)
{
	char *dir = mkdtemp(strdup("/tmp/libc.XXXXXX"));

	check(dir);
	return dir;
}

/* Remove the named files of a scratch folder, which is the working folder, and the folder. */
static inline void scratch_remove(char *dir, ...)
{
	const char *name;
	va_list ap;

	va_start(ap, dir);
	while ((name = va_arg(ap, const char *)))
		check_eq(unlink(name), 0);
	va_end(ap);
	check_eq(chdir("/"), 0);
	check_eq(rmdir(dir), 0);
	free(dir);
}

#endif
