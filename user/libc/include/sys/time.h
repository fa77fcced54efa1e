/* gettimeofday() and interval timers. */
#ifndef _SYS_TIME_H_
#define _SYS_TIME_H_

#include <_ansi.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/_timeval.h>
#include <sys/select.h>
#include <time.h>

_BEGIN_STD_C

#define timerclear(tv) ((tv)->tv_sec = (tv)->tv_usec = 0)
#define timerisset(tv) ((tv)->tv_sec || (tv)->tv_usec)
#define timercmp(a, b, op)                                                                         \
	((a)->tv_sec == (b)->tv_sec ? (a)->tv_usec op(b)->tv_usec : (a)->tv_sec op(b)->tv_sec)
#define timeradd(a, b, sum)                                                                        \
	do {                                                                                       \
		(sum)->tv_sec = (a)->tv_sec + (b)->tv_sec;                                         \
		(sum)->tv_usec = (a)->tv_usec + (b)->tv_usec;                                      \
		if ((sum)->tv_usec >= 1000000) {                                                   \
			(sum)->tv_sec++;                                                           \
			(sum)->tv_usec -= 1000000;                                                 \
		}                                                                                  \
	} while (0)
#define timersub(a, b, difference)                                                                 \
	do {                                                                                       \
		(difference)->tv_sec = (a)->tv_sec - (b)->tv_sec;                                  \
		(difference)->tv_usec = (a)->tv_usec - (b)->tv_usec;                               \
		if ((difference)->tv_usec < 0) {                                                   \
			(difference)->tv_sec--;                                                    \
			(difference)->tv_usec += 1000000;                                          \
		}                                                                                  \
	} while (0)

int gettimeofday(struct timeval *__restrict tv, void *__restrict tz);
int settimeofday(const struct timeval *tv, const struct timezone *tz);
int getitimer(int which, struct itimerval *value);
int setitimer(int which, const struct itimerval *__restrict value,
	      struct itimerval *__restrict old);
int utimes(const char *path, const struct timeval times[2]);

#ifdef _COMPILING_NEWLIB
int _gettimeofday(struct timeval *tv, void *tz);
#endif

_END_STD_C

#endif
