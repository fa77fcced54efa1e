#ifndef KERNEL_UAPI_DIRENT_H
#define KERNEL_UAPI_DIRENT_H

/* What getdents64(2) writes: records of varying length, 8-byte aligned, names ended by a zero byte. */

struct linux_dirent64 {
	unsigned long d_ino;
	long d_off;		/* where a later getdents64 would go on: an lseek position */
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

#define DT_UNKNOWN	0
#define DT_FIFO		1
#define DT_CHR		2
#define DT_DIR		4
#define DT_BLK		6
#define DT_REG		8
#define DT_LNK		10
#define DT_SOCK		12
#define DT_WHT		14

#endif
