/* Mounting file systems; what a mount point and a read-only file system refuse. */
#include "sys.h"
#include <sys/mount.h>
#include <sys/statfs.h>

#define POINT "/tmp/quire-mount"

#ifndef CLONE_NEWNS
#define CLONE_NEWNS 0x20000
#endif

/* On Linux in a mount namespace of our own, where nobody else is disturbed. */
static void enter(void)
{
	need_root();
	if (!on_quire()) {
		check_ok(syscall(SYS_unshare, CLONE_NEWNS));
		check_ok(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	}
	mkdir("/tmp", 01777);
	check_ok(mkdir(POINT, 0755));
	check_ok(mount("none", POINT, "tmpfs", 0, "mode=0700"));
}

static void leave(void)
{
	check_ok(umount(POINT));
	check_ok(rmdir(POINT));
}

static void make(const char *path)
{
	int fd = check_ok(open(path, O_WRONLY | O_CREAT | O_EXCL, 0644));

	check_eq(write(fd, "x", 1), 1);
	close(fd);
}

test(covers_a_directory)
{
	struct stat below, above;
	struct statfs fs;

	need_root();
	mkdir("/tmp", 01777);
	check_ok(stat("/tmp", &below));
	enter();
	check_ok(stat(POINT, &above));
	check(above.st_dev != below.st_dev);
	check_eq(above.st_mode, S_IFDIR | 0700);
	check_ok(statfs(POINT, &fs));
	check_eq(fs.f_type, 0x01021994);
	make(POINT "/f");
	check_ok(access(POINT "/../quire-mount/f", F_OK));
	leave();
}

test(mount_point_stays)
{
	enter();
	make(POINT "/f");
	check_err(rmdir(POINT), EBUSY);
	check_err(rename(POINT, "/tmp/quire-elsewhere"), EBUSY);
	check_err(rename(POINT "/f", "/tmp/quire-f"), EXDEV);
	check_err(link(POINT "/f", "/tmp/quire-f"), EXDEV);
	leave();
}

test(busy_while_used)
{
	char cwd[64];
	int fd;

	enter();
	make(POINT "/f");
	fd = check_ok(open(POINT "/f", O_RDONLY));
	check_err(umount(POINT), EBUSY);
	close(fd);
	check_ok(chdir(POINT));
	check_err(umount(POINT), EBUSY);
	check(getcwd(cwd, sizeof(cwd)) != NULL);
	check_str(cwd, POINT);
	check_ok(chdir(".."));
	check(getcwd(cwd, sizeof(cwd)) != NULL);
	check_str(cwd, "/tmp");
	leave();
}

test(one_above_the_other)
{
	enter();
	make(POINT "/lower");
	check_ok(mount("none", POINT, "tmpfs", 0, NULL));
	check_err(access(POINT "/lower", F_OK), ENOENT);
	make(POINT "/upper");
	check_ok(umount(POINT));
	check_ok(access(POINT "/lower", F_OK));
	check_err(access(POINT "/upper", F_OK), ENOENT);
	leave();
}

test(read_only)
{
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	enter();
	make(POINT "/f");
	check_ok(mount(NULL, POINT, NULL, MS_REMOUNT | MS_RDONLY, NULL));
	check_err(open(POINT "/new", O_WRONLY | O_CREAT, 0600), EROFS);
	check_err(open(POINT "/f", O_WRONLY), EROFS);
	check_ok(close(check_ok(open(POINT "/f", O_RDONLY))));
	check_err(mkdir(POINT "/d", 0700), EROFS);
	check_err(unlink(POINT "/f"), EROFS);
	check_err(rename(POINT "/f", POINT "/g"), EROFS);
	check_err(access(POINT "/f", W_OK), EROFS);
	check_err(chmod(POINT "/f", 0600), EROFS);
	check_err(chown(POINT "/f", 1, 1), EROFS);
	check_err(utimensat(AT_FDCWD, POINT "/f", now, 0), EROFS);
	check_err(syscall(SYS_truncate, POINT "/f", 0), EROFS);
	leave();
}

test(errors)
{
	pid_t pid;

	enter();
	check_err(mount("none", POINT, "nosuchfs", 0, NULL), ENODEV);
	check_err(mount("none", "/tmp/quire-none", "tmpfs", 0, NULL), ENOENT);
	check_err(mount("none", POINT, (char *)8, 0, NULL), EFAULT);
	check_err(umount("/tmp/quire-none"), ENOENT);
	check_err(umount2(POINT, 0x100), EINVAL);
	check_ok(mkdir(POINT "/d", 0755));
	check_err(umount(POINT "/d"), EINVAL);
	make(POINT "/f");
	check_err(mount("none", POINT "/f", "tmpfs", 0, NULL), ENOTDIR);
	child(pid) {
		check_ok(setuid(1000));
		check_err(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
		check_err(umount("/proc"), EPERM);
	}
	check_exit(pid, 0);
	leave();
}
