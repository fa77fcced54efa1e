/* Descriptors that stand for processes. */
#ifndef KERNEL_PIDFD_H
#define KERNEL_PIDFD_H

struct process;
/* => descriptor, close-on-exec as on Linux, or -errno. flags: O_NONBLOCK */
int pidfd_create(struct process *p, unsigned int flags);

#endif
