/* Character devices: their operations, for the table in devfs.c. */
#ifndef KERNEL_FS_DEVICES_H
#define KERNEL_FS_DEVICES_H

struct file_ops;

extern const struct file_ops null_ops, zero_ops, full_ops, random_ops, kmsg_ops, tty_ops;
extern const struct file_ops proc_kmsg_ops; /* /proc/kmsg: as syslog(2) has it */

#endif
