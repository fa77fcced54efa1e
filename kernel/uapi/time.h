#ifndef KERNEL_UAPI_TIME_H
#define KERNEL_UAPI_TIME_H

/* Time structures: Linux x86-64. The clocks' numbers are in clock.h. */

struct timespec {
	long tv_sec;
	long tv_nsec;
};

struct timeval {
	long tv_sec;
	long tv_usec;
};

struct timezone {
	int tz_minuteswest;
	int tz_dsttime;
};

struct itimerval {
	struct timeval it_interval;
	struct timeval it_value;
};

struct itimerspec {
	struct timespec it_interval;
	struct timespec it_value;
};

struct tms {
	long tms_utime;		/* in ticks of USER_HZ */
	long tms_stime;
	long tms_cutime;
	long tms_cstime;
};

#define ITIMER_REAL	0
#define ITIMER_VIRTUAL	1
#define ITIMER_PROF	2

#define USER_HZ		100	/* unit of times(2), of /proc/<pid>/stat and of sysconf(_SC_CLK_TCK) */

#endif
