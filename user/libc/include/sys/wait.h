/* Waiting for children. */
#ifndef _SYS_WAIT_H
#define _SYS_WAIT_H

#include <_ansi.h>
#include <sys/types.h>
#include <sys/resource.h>
#include <kernel/uapi/wait.h>
#include <kernel/uapi/signal.h>

_BEGIN_STD_C

typedef int idtype_t;

pid_t wait(int *status);
pid_t waitpid(pid_t pid, int *status, int options);
pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage);
int waitid(idtype_t type, id_t id, siginfo_t *info, int options);

#ifdef _COMPILING_NEWLIB
pid_t _wait(int *status);
#endif

_END_STD_C

#endif
