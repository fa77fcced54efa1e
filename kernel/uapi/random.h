#ifndef KERNEL_UAPI_RANDOM_H
#define KERNEL_UAPI_RANDOM_H

/* getrandom(2): Linux. */

#define GRND_NONBLOCK	1
#define GRND_RANDOM	2
#define GRND_INSECURE	4

#endif
