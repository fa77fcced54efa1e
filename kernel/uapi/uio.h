#pragma once

/* readv(2) and its family: Linux. */

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

#define UIO_MAXIOV	1024
