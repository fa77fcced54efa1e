#ifndef KERNEL_UAPI_ERRNO_H
#define KERNEL_UAPI_ERRNO_H

/*
 * Error numbers of system calls: Linux x86-64. A call returns them negated; 1..4095 is the range
 * that a libc takes for an error.
 */

#define EPERM		1	/* not permitted */
#define ENOENT		2	/* no such file or directory */
#define ESRCH		3	/* no such process */
#define EINTR		4	/* interrupted by a signal */
#define EIO		5	/* input/output error */
#define ENXIO		6	/* no such device or address */
#define E2BIG		7	/* argument list too long */
#define ENOEXEC		8	/* not an executable this kernel knows */
#define EBADF		9	/* bad file descriptor */
#define ECHILD		10	/* no child to wait for */
#define EAGAIN		11	/* try again */
#define ENOMEM		12	/* no memory, or no room in the address space */
#define EACCES		13	/* permission denied */
#define EFAULT		14	/* bad address */
#define ENOTBLK		15	/* not a block device */
#define EBUSY		16	/* busy */
#define EEXIST		17	/* exists already */
#define EXDEV		18	/* link across file systems */
#define ENODEV		19	/* no such device */
#define ENOTDIR		20	/* not a directory */
#define EISDIR		21	/* is a directory */
#define EINVAL		22	/* invalid argument */
#define ENFILE		23	/* file table of the system is full */
#define EMFILE		24	/* too many open files */
#define ENOTTY		25	/* not a terminal, or ioctl unknown to this file */
#define ETXTBSY		26	/* program text is in use */
#define EFBIG		27	/* file too large */
#define ENOSPC		28	/* no space left */
#define ESPIPE		29	/* cannot seek */
#define EROFS		30	/* read-only file system */
#define EMLINK		31	/* too many links */
#define EPIPE		32	/* nobody reads this pipe */
#define EDOM		33	/* argument out of a function's domain */
#define ERANGE		34	/* result out of range */
#define EDEADLK		35	/* would deadlock */
#define ENAMETOOLONG	36	/* name too long */
#define ENOLCK		37	/* no locks left */
#define ENOSYS		38	/* no such system call */
#define ENOTEMPTY	39	/* directory not empty */
#define ELOOP		40	/* too many symbolic links */
#define ENOMSG		42	/* no message of that type */
#define EIDRM		43	/* identifier removed */
#define ECHRNG		44	/* channel number out of range */
#define EL2NSYNC	45	/* level 2 not synchronised */
#define EL3HLT		46	/* level 3 halted */
#define EL3RST		47	/* level 3 reset */
#define ELNRNG		48	/* link number out of range */
#define EUNATCH		49	/* protocol driver not attached */
#define ENOCSI		50	/* no CSI structure */
#define EL2HLT		51	/* level 2 halted */
#define EBADE		52	/* invalid exchange */
#define EBADR		53	/* invalid request descriptor */
#define EXFULL		54	/* exchange full */
#define ENOANO		55	/* no anode */
#define EBADRQC		56	/* invalid request code */
#define EBADSLT		57	/* invalid slot */
#define EBFONT		59	/* bad font file */
#define ENOSTR		60	/* not a stream */
#define ENODATA		61	/* no data */
#define ETIME		62	/* timer expired */
#define ENOSR		63	/* out of streams resources */
#define ENONET		64	/* not on the network */
#define ENOPKG		65	/* package not installed */
#define EREMOTE		66	/* object is remote */
#define ENOLINK		67	/* link was cut */
#define EADV		68	/* advertise error */
#define ESRMNT		69	/* srmount error */
#define ECOMM		70	/* communication error on send */
#define EPROTO		71	/* protocol error */
#define EMULTIHOP	72	/* multihop attempted */
#define EDOTDOT		73	/* RFS error */
#define EBADMSG		74	/* not a data message */
#define EOVERFLOW	75	/* value too large for its type */
#define ENOTUNIQ	76	/* name not unique */
#define EBADFD		77	/* descriptor in bad state */
#define EREMCHG		78	/* remote address changed */
#define ELIBACC		79	/* cannot reach a shared library */
#define ELIBBAD		80	/* shared library is corrupt */
#define ELIBSCN		81	/* .lib section is corrupt */
#define ELIBMAX		82	/* too many shared libraries */
#define ELIBEXEC	83	/* cannot exec a shared library */
#define EILSEQ		84	/* illegal byte sequence */
#define ERESTART	85	/* system call is to be restarted */
#define ESTRPIPE	86	/* streams pipe error */
#define EUSERS		87	/* too many users */
#define ENOTSOCK	88	/* not a socket */
#define EDESTADDRREQ	89	/* destination address required */
#define EMSGSIZE	90	/* message too long */
#define EPROTOTYPE	91	/* wrong protocol for this socket */
#define ENOPROTOOPT	92	/* no such protocol option */
#define EPROTONOSUPPORT	93	/* protocol not supported */
#define ESOCKTNOSUPPORT	94	/* socket type not supported */
#define EOPNOTSUPP	95	/* operation not supported */
#define EPFNOSUPPORT	96	/* protocol family not supported */
#define EAFNOSUPPORT	97	/* address family not supported */
#define EADDRINUSE	98	/* address in use */
#define EADDRNOTAVAIL	99	/* address not available */
#define ENETDOWN	100	/* network is down */
#define ENETUNREACH	101	/* network is unreachable */
#define ENETRESET	102	/* network dropped the connection */
#define ECONNABORTED	103	/* connection aborted */
#define ECONNRESET	104	/* connection reset by the peer */
#define ENOBUFS		105	/* no buffer space */
#define EISCONN		106	/* already connected */
#define ENOTCONN	107	/* not connected */
#define ESHUTDOWN	108	/* endpoint was shut down */
#define ETOOMANYREFS	109	/* too many references */
#define ETIMEDOUT	110	/* timed out */
#define ECONNREFUSED	111	/* connection refused */
#define EHOSTDOWN	112	/* host is down */
#define EHOSTUNREACH	113	/* no route to host */
#define EALREADY	114	/* already in progress */
#define EINPROGRESS	115	/* now in progress */
#define ESTALE		116	/* stale handle */
#define EUCLEAN		117	/* structure needs cleaning */
#define ENOTNAM		118	/* not a XENIX named file */
#define ENAVAIL		119	/* no XENIX semaphores */
#define EISNAM		120	/* is a named file */
#define EREMOTEIO	121	/* remote input/output error */
#define EDQUOT		122	/* quota exceeded */
#define ENOMEDIUM	123	/* no medium */
#define EMEDIUMTYPE	124	/* wrong medium */
#define ECANCELED	125	/* cancelled */
#define ENOKEY		126	/* no such key */
#define EKEYEXPIRED	127	/* key has expired */
#define EKEYREVOKED	128	/* key was revoked */
#define EKEYREJECTED	129	/* key was rejected */
#define EOWNERDEAD	130	/* owner died */
#define ENOTRECOVERABLE	131	/* state not recoverable */
#define ERFKILL		132	/* radio is switched off */
#define EHWPOISON	133	/* page has a hardware error */

#define EWOULDBLOCK	EAGAIN
#define EDEADLOCK	EDEADLK
#define ENOTSUP		EOPNOTSUPP

#define MAX_ERRNO	4095

#endif
