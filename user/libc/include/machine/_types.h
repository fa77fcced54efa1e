/*
 * Widths of the types that system calls see, as on Linux x86-64. newlib's defaults are those of
 * small machines (16-bit uid_t, dev_t and ino_t); a type defined here replaces its default.
 */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

typedef unsigned long __dev_t;
#define __machine_dev_t_defined

typedef unsigned long __ino_t;
#define __machine_ino_t_defined

typedef unsigned int __uid_t;
#define __machine_uid_t_defined

typedef unsigned int __gid_t;
#define __machine_gid_t_defined

typedef unsigned int __mode_t;
#define __machine_mode_t_defined

typedef unsigned long __fsfilcnt_t;
#define __machine_fsfilcnt_t_defined

typedef int __key_t;
#define __machine_key_t_defined

#define _CLOCK_T_ long
#define __machine_clock_t_defined

#define _CLOCKID_T_ int
#define __machine_clockid_t_defined

/* newlib has no hook for this one but the guard of the public name. */
typedef unsigned long nlink_t;
#define _NLINK_T_DECLARED

#endif
