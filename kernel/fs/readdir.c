/*
 * Listing directories: getdents64 and its older form.
 *
 * A directory's operation emits entries in order of their positions; the adapter here lays them out as records in a
 * kernel buffer until one does not fit. A position is what lseek on the directory takes: 0 ".", 1 "..", then whatever
 * the file system counts by.
 */
#include "kernel/fs/sys_fs.h"
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "kernel/uapi/dirent.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define CHUNK_MAX 32768U

struct linux_dirent { /* the older form: the type is the last byte of the record */
	unsigned long d_ino;
	unsigned long d_off;
	unsigned short d_reclen;
	char d_name[];
};

struct listing {
	struct dir_context ctx;
	char *buf;
	size_t size, used;
	bool old_form;
	bool too_small; /* not even one record fitted */
};

static void put_new(char *at, const char *name, size_t len, u64 ino, unsigned int type, u64 next, size_t reclen)
{
	struct linux_dirent64 *e = (struct linux_dirent64 *)at;

	memset(at, 0, reclen);
	e->d_ino = ino;
	e->d_off = next;
	e->d_reclen = reclen;
	e->d_type = type;
	memcpy(e->d_name, name, len);
}

static void put_old(char *at, const char *name, size_t len, u64 ino, unsigned int type, u64 next, size_t reclen)
{
	struct linux_dirent *e = (struct linux_dirent *)at;

	memset(at, 0, reclen);
	e->d_ino = ino;
	e->d_off = next;
	e->d_reclen = reclen;
	memcpy(e->d_name, name, len);
	at[reclen - 1] = type;
}

static bool emit(struct dir_context *ctx, const char *name, size_t len, u64 ino, unsigned int type, u64 next)
{
	struct listing *l = container_of(ctx, struct listing, ctx);
	size_t head = l->old_form ? offsetof(struct linux_dirent, d_name) + 2 : offsetof(struct linux_dirent64, d_name) + 1;
	size_t reclen = ALIGN_UP(head + len, sizeof(long));

	if (reclen > l->size - l->used) {
		l->too_small = l->used == 0;
		return false;
	}
	(l->old_form ? put_old : put_new)(l->buf + l->used, name, len, ino, type, next, reclen);
	l->used += reclen;
	return true;
}

bool dir_emit_dots(struct file *f, struct dir_context *ctx)
{
	struct dentry *up;
	u64 ino;

	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, f->inode->ino, DT_DIR, 1))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		up = dentry_up(f->dentry, NULL);
		ino = up->inode->ino;
		dentry_put(up);
		if (!ctx->emit(ctx, "..", 2, ino, DT_DIR, 2))
			return false;
		ctx->pos = 2;
	}
	return true;
}

static long list_locked(struct file *f, struct listing *l, void __user *out)
{
	int err;

	if (f->dentry->flags & DENTRY_DELETED)
		return -ENOENT;
	l->ctx.pos = f->pos;
	err = f->ops->iterate(f, &l->ctx);
	if (err && !l->used)
		return err;
	if (l->too_small)
		return -EINVAL;
	if (l->used && copy_to_user(out, l->buf, l->used))
		return -EFAULT;
	f->pos = l->ctx.pos;
	return (long)l->used;
}

static long list(int fd, void __user *out, unsigned int size, bool old_form)
{
	struct listing l = { .ctx.emit = emit, .size = min(size, CHUNK_MAX), .old_form = old_form };
	struct fdref r = fd_ref(fd);
	long ret;

	if (!r.file)
		return -EBADF;
	if (!r.file->ops->iterate) {
		fdref_put(r);
		return -ENOTDIR;
	}
	l.buf = kmalloc(max(l.size, (size_t)1));
	if (l.buf) {
		mutex_lock(&r.file->pos_lock);
		ret = list_locked(r.file, &l, out);
		mutex_unlock(&r.file->pos_lock);
	} else {
		ret = -ENOMEM;
	}
	kfree(l.buf);
	fdref_put(r);
	return ret;
}

long sys_getdents64(int fd, void __user *out, unsigned int size)
{
	return list(fd, out, size, false);
}

long sys_getdents(int fd, void __user *out, unsigned int size)
{
	return list(fd, out, size, true);
}
