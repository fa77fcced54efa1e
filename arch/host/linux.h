/* What the simulated machine wants from the Linux it runs on. linux.c alone includes the C library's headers: they and
 * the kernel's do not mix. */
#ifndef HOST_LINUX_H
#define HOST_LINUX_H

#include <stddef.h>

void *linux_map(size_t n);		     /* zeroed, sparse memory; ends the program when there is none */
void linux_unmap(void *p, size_t n);
void linux_write(int fd, const char *text, size_t n);
void linux_shadow(const void *p, size_t n, int hide); /* for the address sanitizer, where the build has one */
const char *linux_env(const char *name);
void linux_exit(int status) __attribute__((noreturn));
void linux_abort(void) __attribute__((noreturn)); /* with a backtrace where a sanitizer is there to print it */

#endif
