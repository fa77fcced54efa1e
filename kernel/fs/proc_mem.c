/*
 * /proc/<pid>: memory itself.
 *
 *	mem               the address space, at the file's position; can be written
 *	cmdline, environ  what lies between the marks that exec left, as the program has left it
 *	auxv              as exec made it
 *	pagemap           eight bytes a page
 *
 * All but auxv go through mm_access(), which faults pages in; a page at a time, through kernel memory, because the copy
 * to the reader may fault in turn and then wants the same locks.
 */
#include "kernel/fs/procfs.h"

#include "kernel/lib/string.h"
#include "kernel/uapi/auxv.h"
#include "mm/mm.h"
#include "mm/proc_mm.h"
#include "mm/slab.h"

/* Open of what only those may read who could trace the process. */
static int guarded_open(struct inode *inode, struct file *f)
{
	(void)f;
	return proc_may_look(proc_node(inode)->process) ? 0 : -EACCES;
}

static s64 memory_lseek(struct file *f, s64 off, int whence)
{
	if (whence > 1)
		return -EINVAL;
	return lseek_to(f, whence ? (s64)f->pos + off : off);
}

static struct mm *file_mm(struct file *f)
{
	return process_mm_get(proc_node(f->inode)->process);
}

/* ---- Pieces of an address space ---- */

/* [addr, addr + n) to u, page by page. => bytes; 0: nothing there; -EFAULT */
static long copy_out(struct mm *mm, unsigned long addr, size_t n, struct uio *u, bool force, char *page)
{
	long done = 0;

	n = min(n, u->resid);
	while (n) {
		size_t want = min(n, PAGE_SIZE - addr % PAGE_SIZE), got = mm_access(mm, addr, page, want, false, force);
		size_t copied = uio_write(u, page, got);

		done += (long)copied;
		if (copied < got)
			return done ? done : -EFAULT;
		if (got < want || fatal_signal_pending())
			break;
		addr += want;
		n -= want;
		sched_yield_point();
	}
	return done;
}

static long copy_in(struct mm *mm, unsigned long addr, struct uio *u, char *page)
{
	long done = 0;

	while (u->resid) {
		size_t want = min(u->resid, PAGE_SIZE - addr % PAGE_SIZE), got = uio_read(u, page, want), put;

		if (!got)
			return done ? done : -EFAULT;
		put = mm_access(mm, addr, page, got, true, true);
		done += (long)put;
		if (put < want || fatal_signal_pending())
			break;
		addr += want;
		sched_yield_point();
	}
	return done;
}

/* ---- mem ---- */

static long mem_transfer(struct file *f, struct uio *u, u64 *pos, bool write)
{
	struct mm *mm = file_mm(f);
	size_t count = u->resid;
	char *page;
	long n;

	if (!mm)
		return 0;
	page = kmalloc(PAGE_SIZE);
	if (!page)
		n = -ENOMEM;
	else
		n = write ? copy_in(mm, *pos, u, page) : copy_out(mm, *pos, count, u, true, page);
	kfree(page);
	mm_put(mm);
	if (n > 0)
		*pos += (u64)n;
	return n || !count ? n : -EIO;
}

static long mem_read(struct file *f, struct uio *u, u64 *pos)
{
	return mem_transfer(f, u, pos, false);
}

static long mem_write(struct file *f, struct uio *u, u64 *pos)
{
	return mem_transfer(f, u, pos, true);
}

const struct file_ops proc_mem_fops = { .open = guarded_open, .read = mem_read, .write = mem_write, .lseek = memory_lseek };

/* ---- environ, cmdline ---- */

/* The file is [start, end) of the address space. */
static long read_range(struct mm *mm, unsigned long start, unsigned long end, struct uio *u, u64 *pos)
{
	char *page;
	long n;

	if (*pos >= end - start)
		return 0;
	page = kmalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	n = copy_out(mm, start + *pos, end - start - *pos, u, true, page);
	kfree(page);
	if (n > 0)
		*pos += (u64)n;
	return n;
}

static long environ_read(struct file *f, struct uio *u, u64 *pos)
{
	struct mm *mm = file_mm(f);
	long n;

	if (!mm)
		return 0;
	n = read_range(mm, mm->env_start, mm->env_end, u, pos);
	mm_put(mm);
	return n;
}

/* Where the command line ends. A program that has written over its last byte (setproctitle) has made of arguments and
 * environment one string, which ends at its first zero. */
static unsigned long cmdline_end(struct mm *mm)
{
	unsigned long start = mm->arg_start, end = mm->arg_end;
	char last, buf[256];

	if (end <= start || mm_access(mm, end - 1, &last, 1, false, true) != 1 || !last)
		return max(start, end);
	for (unsigned long at = start; at < mm->env_end; at += sizeof(buf)) {
		size_t n = mm_access(mm, at, buf, min(sizeof(buf), mm->env_end - at), false, true), len = strnlen(buf, n);

		if (len < n)
			return at + len;
		if (n < sizeof(buf))
			break;
	}
	return end;
}

static long cmdline_read(struct file *f, struct uio *u, u64 *pos)
{
	struct mm *mm = file_mm(f);
	long n;

	if (!mm)
		return 0;
	n = read_range(mm, mm->arg_start, cmdline_end(mm), u, pos);
	mm_put(mm);
	return n;
}

const struct file_ops proc_environ_fops = { .open = guarded_open, .read = environ_read, .lseek = memory_lseek };
const struct file_ops proc_cmdline_fops = { .read = cmdline_read, .lseek = memory_lseek };

/* ---- auxv ---- */

static long auxv_read(struct file *f, struct uio *u, u64 *pos)
{
	const struct process *p = proc_node(f->inode)->process;
	size_t words = 0, size, n;

	while (words + 2 < ARRAY_SIZE(p->auxv) && p->auxv[words] != AT_NULL)
		words += 2;
	size = (words + 2) * sizeof(u64);
	if (*pos >= size)
		return 0;
	n = min(size - *pos, u->resid);
	n = uio_write(u, (const char *)p->auxv + *pos, n);
	*pos += n;
	return n || !u->resid ? (long)n : -EFAULT;
}

const struct file_ops proc_auxv_fops = { .open = guarded_open, .read = auxv_read, .lseek = memory_lseek };

/* ---- pagemap ---- */

static long pagemap_copy(struct mm *mm, struct uio *u, u64 *pos, u64 *page)
{
	long done = 0, n;

	do {
		n = proc_pagemap_read(mm, page, min(u->resid, PAGE_SIZE), *pos);
		if (n <= 0)
			return done ? done : n;
		if (uio_write(u, page, (size_t)n) != (size_t)n)
			return done ? done : -EFAULT;
		*pos += (u64)n;
		done += n;
		sched_yield_point();
	} while (u->resid && !fatal_signal_pending());
	return done;
}

static long pagemap_read(struct file *f, struct uio *u, u64 *pos)
{
	struct mm *mm;
	u64 *page;
	long n;

	if (*pos % sizeof(u64) || u->resid % sizeof(u64))
		return -EINVAL;
	mm = u->resid ? file_mm(f) : NULL;
	if (!mm)
		return 0;
	page = kmalloc(PAGE_SIZE);
	n = page ? pagemap_copy(mm, u, pos, page) : -ENOMEM;
	kfree(page);
	mm_put(mm);
	return n;
}

static long pagemap_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct mm *mm = file_mm(f);
	long ret;

	if (!mm)
		return -ESRCH;
	ret = proc_pagemap_ioctl(mm, cmd, arg);
	mm_put(mm);
	return ret;
}

const struct file_ops proc_pagemap_fops = {
	.open = guarded_open,
	.read = pagemap_read,
	.lseek = memory_lseek,
	.ioctl = pagemap_ioctl,
};
