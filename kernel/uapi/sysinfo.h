#ifndef KERNEL_UAPI_SYSINFO_H
#define KERNEL_UAPI_SYSINFO_H

/* sysinfo(2): Linux x86-64; sizes are in units of mem_unit bytes. */

struct sysinfo {
	long uptime;
	unsigned long loads[3];	/* 16 bits after the binary point */
	unsigned long totalram;
	unsigned long freeram;
	unsigned long sharedram;
	unsigned long bufferram;
	unsigned long totalswap;
	unsigned long freeswap;
	unsigned short procs;
	unsigned short pad;
	unsigned long totalhigh;
	unsigned long freehigh;
	unsigned int mem_unit;
};

#endif
