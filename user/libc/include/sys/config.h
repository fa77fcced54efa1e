/* Choices that newlib leaves to its target; the rest of the file is newlib's own. */
#ifndef _QUIRE_SYS_CONFIG_H
#define _QUIRE_SYS_CONFIG_H

#define __DYNAMIC_REENT__			   /* _REENT is a call: a struct _reent per thread */
#define _READ_WRITE_RETURN_TYPE	 _ssize_t	   /* read() and write() as in POSIX */
#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__
#define FD_SETSIZE		 1024		   /* Linux's fd_set is 128 bytes */

#include_next <sys/config.h>

#endif
