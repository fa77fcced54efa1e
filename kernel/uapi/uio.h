#ifndef KERNEL_UAPI_UIO_H
#define KERNEL_UAPI_UIO_H

/* readv(2) and its family: Linux. */

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

#define UIO_MAXIOV	1024

#endif
