#ifndef KERNEL_UAPI_IOCTL_H
#define KERNEL_UAPI_IOCTL_H

/* ioctl(2) requests: Linux x86-64. New ones encode direction, size, type and number; old ones do not. */

#define _IOC_NONE	0U
#define _IOC_WRITE	1U
#define _IOC_READ	2U
#define _IOC(dir, type, nr, size) \
	(((dir) << 30) | ((unsigned int)(size) << 16) | ((unsigned int)(type) << 8) | (unsigned int)(nr))
#define _IO(type, nr)		_IOC(_IOC_NONE, type, nr, 0)
#define _IOR(type, nr, arg)	_IOC(_IOC_READ, type, nr, sizeof(arg))
#define _IOW(type, nr, arg)	_IOC(_IOC_WRITE, type, nr, sizeof(arg))
#define _IOWR(type, nr, arg)	_IOC(_IOC_READ | _IOC_WRITE, type, nr, sizeof(arg))
#define _IOC_DIR(request)	((request) >> 30)
#define _IOC_TYPE(request)	(((request) >> 8) & 0xff)
#define _IOC_NR(request)	((request) & 0xff)
#define _IOC_SIZE(request)	(((request) >> 16) & 0x3fff)

#define TCGETS		0x5401
#define TCSETS		0x5402
#define TCSETSW		0x5403
#define TCSETSF		0x5404
#define TCGETA		0x5405
#define TCSETA		0x5406
#define TCSETAW		0x5407
#define TCSETAF		0x5408
#define TCSBRK		0x5409
#define TCXONC		0x540a
#define TCFLSH		0x540b
#define TIOCEXCL	0x540c
#define TIOCNXCL	0x540d
#define TIOCSCTTY	0x540e
#define TIOCGPGRP	0x540f
#define TIOCSPGRP	0x5410
#define TIOCOUTQ	0x5411
#define TIOCSTI		0x5412
#define TIOCGWINSZ	0x5413
#define TIOCSWINSZ	0x5414
#define TIOCCONS	0x541d
#define FIONREAD	0x541b
#define TIOCINQ		FIONREAD
#define FIONBIO		0x5421
#define TIOCNOTTY	0x5422
#define TIOCSETD	0x5423
#define TIOCGETD	0x5424
#define TCSBRKP		0x5425
#define TIOCSBRK	0x5427
#define TIOCCBRK	0x5428
#define TIOCGSID	0x5429
#define TCGETS2		_IOC(_IOC_READ, 'T', 0x2a, 44)
#define TCSETS2		_IOC(_IOC_WRITE, 'T', 0x2b, 44)
#define TCSETSW2	_IOC(_IOC_WRITE, 'T', 0x2c, 44)
#define TCSETSF2	_IOC(_IOC_WRITE, 'T', 0x2d, 44)
#define FIONCLEX	0x5450
#define FIOCLEX		0x5451
#define FIOASYNC	0x5452
#define FIOQSIZE	0x5460
#define TIOCPKT		0x5420

#endif
