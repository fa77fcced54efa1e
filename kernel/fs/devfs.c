/*
 * /dev: device nodes, and which driver a node leads to.
 *
 *	major minor
 *	    1     3  null      1   5  zero     1   7  full     1   8  random    1   9  urandom    1  11  kmsg
 *	    4 64..67 ttyS0..3  5   0  tty      5   1  console
 *
 * A node is an inode with a number; the number is looked up when it is opened, so mknod makes working nodes
 * anywhere. The tree itself is ramfs: people may add links and directories.
 */
#include "kernel/fs/devices.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/uapi/statfs.h"
#include <arch/irq.h>

#define MEM_MAJOR 1
#define TTYAUX_MAJOR 5

struct device {
	const char *name;
	u8 major, minor;
	u16 mode;
	const struct file_ops *ops;
};

static const struct device devices[] = {
	{ "null", MEM_MAJOR, 3, 0666, &null_ops },
	{ "zero", MEM_MAJOR, 5, 0666, &zero_ops },
	{ "full", MEM_MAJOR, 7, 0666, &full_ops },
	{ "random", MEM_MAJOR, 8, 0666, &random_ops },
	{ "urandom", MEM_MAJOR, 9, 0666, &random_ops },
	{ "kmsg", MEM_MAJOR, 11, 0644, &kmsg_ops },
	{ "ttyS0", 4, 64, 0600, &tty_ops },
	{ "ttyS1", 4, 65, 0600, &tty_ops },
	{ "ttyS2", 4, 66, 0600, &tty_ops },
	{ "ttyS3", 4, 67, 0600, &tty_ops },
	{ "tty", TTYAUX_MAJOR, 0, 0666, &tty_ops },
	{ "console", TTYAUX_MAJOR, 1, 0600, &tty_ops },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
};

const struct file_ops *device_ops(u32 mode, u32 rdev)
{
	for (size_t i = 0; S_ISCHR(mode) && i < ARRAY_SIZE(devices); i++)
		if (rdev == ((u32)devices[i].major << 8 | devices[i].minor))
			return devices[i].ops;
	return NULL;
}

struct super *devfs_create(void)
{
	struct super *s = ramfs_create("devtmpfs", "devtmpfs", ",relatime,mode=755", TMPFS_MAGIC);

	if (!s)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		const struct device *d = &devices[i];

		tree_add(s->root, d->name, ramfs_inode(s, S_IFCHR | d->mode, d->major << 8 | d->minor, NULL));
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		tree_add(s->root, links[i].name, ramfs_inode(s, S_IFLNK | 0777, 0, links[i].target));
	return s;
}
