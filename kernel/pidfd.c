/*
 * Descriptors that stand for processes: a file that holds a reference to a struct process. It polls readable once the
 * process is a zombie, and for ever after.
 */
#include "kernel/pidfd.h"

#include "kernel/fs/file.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/fcntl.h"
#include "kernel/uapi/poll.h"
#include <arch/cpu.h>

static unsigned int pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = f->private;

	poll_wait(&p->exit_wait, pt);
	return READ_ONCE(p->zombie) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	process_put(f->private);
}

static const struct file_ops pidfd_ops = { .poll = pidfd_poll, .release = pidfd_release };

int pidfd_create(struct process *p, unsigned int flags)
{
	struct file *f;

	process_get(p);
	f = file_anon_ops("[pidfd]", &pidfd_ops, p, O_RDWR | flags);
	if (IS_ERR(f)) {
		process_put(p);
		return (int)PTR_ERR(f);
	}
	return fd_install(f, 0, true);
}

struct process *pidfd_process(int fd)
{
	struct file *f = fd_get(fd);
	struct process *p;

	if (!f)
		return ERR_PTR(-EBADF);
	if (f->ops != &pidfd_ops) {
		file_put(f);
		return ERR_PTR(-EBADF);
	}
	p = f->private;
	if (READ_ONCE(p->reaped))
		p = NULL;
	else
		process_get(p);
	file_put(f);
	return p;
}

long sys_pidfd_open(int pid, unsigned int flags)
{
	struct process *p;
	int fd;

	if ((flags & ~(unsigned int)O_NONBLOCK) || pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p) {
		bool thread;

		spin_lock(&pid_lock);
		thread = task_find(pid);
		spin_unlock(&pid_lock);
		return thread ? -ENOENT : -ESRCH;
	}
	fd = pidfd_create(p, flags);
	process_put(p);
	return fd;
}
