/* Types of pthread.h; the algorithms behind them are in user/libc/sync.c. */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

typedef struct __pthread *pthread_t;
typedef unsigned int pthread_key_t;

typedef struct {
	int __detached;
	__SIZE_TYPE__ __stack_size;
	__SIZE_TYPE__ __guard_size;
} pthread_attr_t;

typedef struct {
	int __type;
} pthread_mutexattr_t;

typedef struct {
	int __word; /* 0 free, 1 held, 2 held and perhaps waited for */
	int __type;
	int __depth; /* of a recursive one, above the first */
	struct __pthread *__owner;
} pthread_mutex_t;

typedef struct {
	int __clock;
} pthread_condattr_t;

typedef struct {
	int __sequence; /* changes with every signal and broadcast */
	int __clock;
} pthread_cond_t;

typedef struct {
	int __state; /* 0 not yet, 1 running, 2 running and waited for, 3 done */
} pthread_once_t;

#endif
