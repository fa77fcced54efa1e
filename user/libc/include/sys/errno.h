/* errno and Linux's numbers. newlib's strerror() is compiled against them. */
#ifndef _SYS_ERRNO_H_
#define _SYS_ERRNO_H_

#include <sys/reent.h>
#include <kernel/uapi/errno.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef _REENT_ONLY
#define errno (*__errno())
extern int *__errno(void);
#endif

#define __errno_r(ptr) ((ptr)->_errno)

extern const char *const _sys_errlist[];
extern int _sys_nerr;

#define EFTYPE	     200 /* of newlib alone: a hash database file that is none */
#define __ELASTERROR 201 /* the first number an application may add */

#ifdef __cplusplus
}
#endif

#endif
