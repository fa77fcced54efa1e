#ifndef KERNEL_UAPI_UTSNAME_H
#define KERNEL_UAPI_UTSNAME_H

/* uname(2): Linux x86-64. */

#define _UTSNAME_LENGTH	65

struct utsname {
	char sysname[_UTSNAME_LENGTH];
	char nodename[_UTSNAME_LENGTH];
	char release[_UTSNAME_LENGTH];
	char version[_UTSNAME_LENGTH];
	char machine[_UTSNAME_LENGTH];
	char domainname[_UTSNAME_LENGTH];
};

#endif
