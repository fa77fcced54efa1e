/* Directories and names: mkdir, rmdir, rename, link, symlink, getdents64, cwd. */
#include "sys.h"
#include <dirent.h>

static char base[64];

/* Make this case's own directory and go there. */
static void enter(void)
{
	mkdir("/tmp", 01777);
	snprintf(base, sizeof(base), "/tmp/quire-dir-%d", (int)getpid());
	check_ok(mkdir(base, 0755));
	check_ok(chdir(base));
}

static void leave(void)
{
	check_ok(chdir("/"));
	check_ok(rmdir(base));
}

static void make(const char *name, const char *text)
{
	int fd = check_ok(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644));

	check_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int exists(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

static ino_t inode(const char *name)
{
	struct stat st;

	check_ok(lstat(name, &st));
	return st.st_ino;
}

static nlink_t links(const char *name)
{
	struct stat st;

	check_ok(lstat(name, &st));
	return st.st_nlink;
}

test(make_and_remove)
{
	enter();
	check_ok(mkdir("d", 0755));
	check(exists("d"));
	check(exists("d/."));
	check_eq(inode("d/.."), inode("."));
	check_err(mkdir("d", 0755), EEXIST);
	check_err(mkdir("none/d", 0755), ENOENT);
	check_err(unlink("d"), EISDIR);
	check_ok(mkdir("d/e", 0755));
	check_err(rmdir("d"), ENOTEMPTY);
	check_ok(rmdir("d/e"));
	check_ok(rmdir("d"));
	check_err(rmdir("d"), ENOENT);
	leave();
}

test(rmdir_errors)
{
	enter();
	make("f", "");
	check_err(rmdir("f"), ENOTDIR);
	check_err(rmdir("."), EINVAL);
	check_err(rmdir(".."), ENOTEMPTY);
	check_err(rmdir("/"), EBUSY);
	check_err(rmdir(""), ENOENT);
	check_err(mkdir("f/d", 0755), ENOTDIR);
	check_err(mkdir("f", 0755), EEXIST);
	check_err(mkdir(".", 0755), EEXIST);
	check_err(mkdir("/", 0755), EEXIST);
	check_ok(unlink("f"));
	leave();
}

test(unlink_errors)
{
	enter();
	check_err(unlink("none"), ENOENT);
	check_err(unlink("none/x"), ENOENT);
	make("f", "");
	check_err(unlink("f/x"), ENOTDIR);
	check_err(unlink("f/"), ENOTDIR);
	check_err(unlink(""), ENOENT);
	check_err(syscall(SYS_unlinkat, AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	check_err(syscall(SYS_unlinkat, AT_FDCWD, "f", 0x77), EINVAL);
	check_ok(syscall(SYS_unlinkat, AT_FDCWD, "f", 0));
	leave();
}

test(link_counts_of_directories)
{
	struct stat st;
	nlink_t before;

	enter();
	check_ok(stat(".", &st));
	before = st.st_nlink;
	check_ok(mkdir("d", 0755));
	if (before == 1) {
		check_ok(rmdir("d"));
		leave();
		skip("this file system does not count them");
	}
	check_eq(links("d"), 2);
	check_eq(links("."), before + 1);
	check_ok(rmdir("d"));
	check_eq(links("."), before);
	leave();
}

test(rename_file)
{
	ino_t ino;

	enter();
	make("a", "text");
	ino = inode("a");
	check_ok(rename("a", "b"));
	check(!exists("a"));
	check_eq(inode("b"), ino);
	make("c", "other");
	check_ok(rename("b", "c"));
	check_eq(inode("c"), ino);
	check(!exists("b"));
	check_ok(rename("c", "c"));
	check_eq(inode("c"), ino);
	check_ok(unlink("c"));
	leave();
}

test(rename_directory)
{
	enter();
	check_ok(mkdir("a", 0755));
	check_ok(mkdir("b", 0755));
	make("a/f", "");
	check_ok(rename("a", "b/c"));
	check(exists("b/c/f"));
	check_eq(inode("b/c/.."), inode("b"));
	check_err(rename("b", "b/c/d"), EINVAL);
	check_ok(mkdir("e", 0755));
	check_err(rename("e", "b"), ENOTEMPTY);
	check_ok(rename("b/c", "e"));
	check(exists("e/f"));
	check_ok(unlink("e/f"));
	check_ok(rmdir("e"));
	check_ok(rmdir("b"));
	leave();
}

test(rename_errors)
{
	enter();
	make("f", "");
	check_ok(mkdir("d", 0755));
	check_err(rename("none", "x"), ENOENT);
	check_err(rename("f", "none/x"), ENOENT);
	check_err(rename("f", "d"), EISDIR);
	check_err(rename("d", "f"), ENOTDIR);
	check_err(rename("f", "f/x"), ENOTDIR);
	check_err(rename("d", "."), EBUSY);
	check_err(rename(".", "x"), EBUSY);
	check_err(rename("", "x"), ENOENT);
	check_ok(unlink("f"));
	check_ok(rmdir("d"));
	leave();
}

test(rename_while_open)
{
	char c;
	int fd;

	enter();
	make("a", "x");
	make("b", "y");
	fd = check_ok(open("b", O_RDONLY));
	check_ok(rename("a", "b"));
	check_eq(read(fd, &c, 1), 1);
	check_eq(c, 'y');
	check_ok(unlink("b"));
	leave();
}

test(hard_links)
{
	enter();
	make("a", "text");
	check_ok(link("a", "b"));
	check_eq(inode("a"), inode("b"));
	check_eq(links("a"), 2);
	check_err(link("a", "b"), EEXIST);
	check_err(link("none", "c"), ENOENT);
	check_err(link(".", "c"), EPERM);
	check_ok(unlink("a"));
	check_eq(links("b"), 1);
	check_ok(unlink("b"));
	leave();
}

test(symbolic_links)
{
	char buf[64];
	struct stat st;

	enter();
	make("f", "text");
	check_ok(symlink("f", "l"));
	check_eq(readlink("l", buf, sizeof(buf)), 1);
	check_eq(buf[0], 'f');
	check_ok(lstat("l", &st));
	check(S_ISLNK(st.st_mode));
	check_eq(st.st_size, 1);
	check_ok(stat("l", &st));
	check_eq(st.st_size, 4);
	check_ok(close(check_ok(open("l", O_RDONLY))));
	check_err(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	check_err(symlink("f", "l"), EEXIST);
	check_err(readlink("f", buf, sizeof(buf)), EINVAL);
	check_err(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	check_err(readlink("none", buf, sizeof(buf)), ENOENT);
	check_ok(unlink("f"));
	check(exists("l"));
	check_err(open("l", O_RDONLY), ENOENT);
	/* Creating through a dangling link makes its target. */
	check_ok(close(check_ok(open("l", O_WRONLY | O_CREAT, 0644))));
	check(exists("f"));
	check_err(open("l", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	check_ok(unlink("l"));
	check_ok(unlink("f"));
	leave();
}

test(links_in_the_middle)
{
	enter();
	check_ok(mkdir("d", 0755));
	make("d/f", "");
	check_ok(symlink("d", "l"));
	check(exists("l/f"));
	check(exists("l/../d/f"));
	check_ok(symlink("/", "root"));
	check(exists("root/tmp"));
	check_ok(symlink(base, "abs"));
	check(exists("abs/abs/abs/d/f"));
	check_ok(unlink("abs"));
	check_ok(unlink("root"));
	check_ok(unlink("l"));
	check_ok(unlink("d/f"));
	check_ok(rmdir("d"));
	leave();
}

test(loops)
{
	char name[8];

	enter();
	check_ok(symlink("b", "a"));
	check_ok(symlink("a", "b"));
	check_err(open("a", O_RDONLY), ELOOP);
	check_err(open("a/x", O_RDONLY), ELOOP);
	check_ok(unlink("a"));
	check_ok(unlink("b"));
	/* Forty in a row are followed, not more. */
	make("s0", "");
	for (int i = 1; i <= 41; i++) {
		char target[8];

		snprintf(target, sizeof(target), "s%d", i - 1);
		snprintf(name, sizeof(name), "s%d", i);
		check_ok(symlink(target, name));
	}
	check_ok(close(check_ok(open("s40", O_RDONLY))));
	check_err(open("s41", O_RDONLY), ELOOP);
	for (int i = 0; i <= 41; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		check_ok(unlink(name));
	}
	leave();
}

test(listing)
{
	int seen[20] = { 0 }, dots = 0, n = 0;
	struct dirent *e;
	char name[16];
	DIR *d;

	enter();
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make(name, "");
	}
	d = opendir(".");
	check(d != NULL);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.') {
			dots++;
			check(e->d_type == DT_DIR || e->d_type == DT_UNKNOWN);
			continue;
		}
		seen[atoi(e->d_name + 1)]++;
		check(e->d_type == DT_REG || e->d_type == DT_UNKNOWN);
		check_eq(e->d_ino, inode(e->d_name));
		n++;
	}
	check_eq(dots, 2);
	check_eq(n, 20);
	for (int i = 0; i < 20; i++)
		check_eq(seen[i], 1);
	rewinddir(d);
	check(readdir(d) != NULL);
	closedir(d);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		check_ok(unlink(name));
	}
	leave();
}

test(listing_in_small_pieces)
{
	char buf[64], name[16];
	int fd, n, total = 0;

	enter();
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make(name, "");
	}
	fd = check_ok(open(".", O_RDONLY | O_DIRECTORY));
	check_err(syscall(SYS_getdents64, fd, buf, 4), EINVAL);
	while ((n = check_ok((int)syscall(SYS_getdents64, fd, buf, sizeof(buf)))) > 0)
		for (int at = 0; at < n; total++)
			at += *(unsigned short *)(buf + at + 16);
	check_eq(total, 12);
	check_err(syscall(SYS_getdents64, 99, buf, sizeof(buf)), EBADF);
	close(fd);
	fd = check_ok(open("f0", O_RDONLY));
	check_err(syscall(SYS_getdents64, fd, buf, sizeof(buf)), ENOTDIR);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		check_ok(unlink(name));
	}
	leave();
}

test(removed_while_listed)
{
	struct dirent *e;
	char name[300];
	int n = 0;
	DIR *d;

	enter();
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make(name, "");
	}
	d = opendir(".");
	while ((e = readdir(d)))
		if (e->d_name[0] == 'f') {
			check_ok(unlink(e->d_name));
			n++;
		}
	closedir(d);
	check_eq(n, 50);
	leave();
}

test(working_directory)
{
	char buf[128], want[128];

	enter();
	check(getcwd(buf, sizeof(buf)) != NULL);
	check_str(buf, base);
	check_ok(mkdir("d", 0755));
	check_ok(chdir("d"));
	snprintf(want, sizeof(want), "%s/d", base);
	check(getcwd(buf, sizeof(buf)) != NULL);
	check_str(buf, want);
	check_err(syscall(SYS_getcwd, buf, 3), ERANGE);
	check_err(syscall(SYS_getcwd, 8, 100), EFAULT);
	check_ok(chdir(".."));
	check_eq(syscall(SYS_getcwd, buf, sizeof(buf)), strlen(base) + 1);
	make("f", "");
	check_err(chdir("f"), ENOTDIR);
	check_err(chdir("none"), ENOENT);
	check_ok(unlink("f"));
	check_ok(rmdir("d"));
	leave();
}

test(removed_working_directory)
{
	char buf[128];

	enter();
	check_ok(rmdir(base));
	check_err(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	check_err(open("f", O_WRONLY | O_CREAT, 0644), ENOENT);
	check_ok(chdir("/"));
}

test(dots_at_the_root)
{
	check_eq(inode("/.."), inode("/"));
	check_eq(inode("/../../."), inode("/"));
	check_eq(inode("//tmp"), inode("/tmp"));
}

test(many_files)
{
	char name[16];

	enter();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		make(name, "x");
	}
	for (int i = 0; i < 500; i += 7) {
		snprintf(name, sizeof(name), "file%d", i);
		check(exists(name));
	}
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		check_ok(unlink(name));
	}
	leave();
}
