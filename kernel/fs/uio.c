/*
 * Transfers between kernel buffers and a list of memory pieces, the user's or the kernel's.
 *
 *	iov[0]      iov[1]   iov[2]
 *	[####....]  [....]   [..]        # already used: off bytes; resid counts the dots
 *
 * So that a file's read and write are written once, and serve read, readv, sendfile and the kernel itself. A copy
 * that meets an unmapped page stops there: what came before it counts.
 */
#include "kernel/fs/vfs.h"

#include "kernel/lib/string.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

void uio_user(struct uio *u, const void __user *p, size_t n)
{
	u->one.iov_base = (__force void *)p; /* u->kernel tells which */
	u->one.iov_len = n;
	u->iov = &u->one;
	u->nr = 1;
	u->kernel = false;
	u->off = 0;
	u->resid = n;
}

void uio_kernel(struct uio *u, void *p, size_t n)
{
	uio_user(u, (void __user *)p, n);
	u->kernel = true;
}

/* Step over pieces that are used up. => resid > 0 */
static void skip_used(struct uio *u)
{
	while (u->off == u->iov->iov_len) {
		u->iov++;
		u->nr--;
		u->off = 0;
	}
}

size_t uio_piece(struct uio *u)
{
	skip_used(u);
	return u->iov->iov_len - u->off;
}

void *uio_base(struct uio *u)
{
	return (char *)u->iov->iov_base + u->off;
}

void uio_advance(struct uio *u, size_t n)
{
	u->off += n;
	u->resid -= n;
}

/* => bytes not copied */
static size_t copy_piece(struct uio *u, void *at, void *buf, size_t n, bool out)
{
	if (u->kernel) {
		memcpy(out ? at : buf, out ? buf : at, n);
		return 0;
	}
	return out ? copy_to_user((void __user *)at, buf, n) : copy_from_user(buf, (const void __user *)at, n);
}

static size_t copy(struct uio *u, char *buf, size_t n, bool out)
{
	size_t done = 0;

	n = min(n, u->resid);
	while (done < n) {
		size_t len = min(uio_piece(u), n - done);
		size_t left = copy_piece(u, uio_base(u), buf + done, len, out);

		uio_advance(u, len - left);
		done += len - left;
		if (left)
			break;
	}
	return done;
}

size_t uio_write(struct uio *u, const void *src, size_t n)
{
	return copy(u, (char *)src, n, true);
}

size_t uio_read(struct uio *u, void *dst, size_t n)
{
	return copy(u, dst, n, false);
}

size_t uio_zero(struct uio *u, size_t n)
{
	size_t done = 0;

	n = min(n, u->resid);
	while (done < n) {
		size_t len = min(uio_piece(u), n - done), left = 0;

		if (u->kernel)
			memset(uio_base(u), 0, len);
		else
			left = clear_user((void __user *)uio_base(u), len);
		uio_advance(u, len - left);
		done += len - left;
		if (left)
			break;
	}
	return done;
}

/* Lengths as Linux checks them: each must be a ssize_t and lie in user space, the sum is cut at MAX_RW_COUNT. */
static long check_vector(struct iovec *v, unsigned long nr)
{
	size_t total = 0;

	for (unsigned long i = 0; i < nr; i++) {
		if ((long)v[i].iov_len < 0)
			return -EINVAL;
		if (!access_ok((const void __user *)v[i].iov_base, v[i].iov_len))
			return -EFAULT;
		v[i].iov_len = min(v[i].iov_len, MAX_RW_COUNT - total);
		total += v[i].iov_len;
	}
	return (long)total;
}

int uio_import(struct uio *u, const struct iovec __user *vec, unsigned long nr, struct iovec *fast,
	       unsigned int nr_fast, struct iovec **heap)
{
	struct iovec *v = fast;
	long total;

	*heap = NULL;
	if (nr > UIO_MAXIOV)
		return -EINVAL;
	if (nr > nr_fast) {
		v = *heap = kmalloc(nr * sizeof(*v));
		if (!v)
			return -ENOMEM;
	}
	total = copy_from_user(v, vec, nr * sizeof(*v)) ? -EFAULT : check_vector(v, nr);
	if (total < 0) {
		kfree(*heap);
		*heap = NULL;
		return total;
	}
	*u = (struct uio){ .iov = v, .nr = nr, .resid = total };
	return 0;
}
