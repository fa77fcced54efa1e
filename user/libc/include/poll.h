/* poll() with Linux's bits. */
#ifndef _POLL_H
#define _POLL_H

#include <sys/types.h>
#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <kernel/uapi/poll.h>

int poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	  const __sigset_t *mask);

#endif
