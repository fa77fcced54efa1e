/*
 * Arguments and environment between two programs.
 *
 * They are copied out of the old address space before anything of it is given up, and into the new one's stack when that
 * stands. In between they are a run of bytes in pages of the kernel:
 *
 *	a r g v [ 0 ] \0 a r g v [ 1 ] \0 ... e n v p [ 0 ] \0 ... / p a t h \0
 *
 * Limits are Linux's: one string 128 KiB; strings and pointers together a quarter of RLIMIT_STACK, at most 6 MiB, at
 * least 128 KiB.
 */
#include "kernel/execargs.h"

#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/resource.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include <arch/uaccess.h>

#define STRING_MAX (32 * PAGE_SIZE)
#define LIMIT_MAX (6UL << 20)
#define LIMIT_MIN (32 * PAGE_SIZE)

int execargs_init(struct exec_args *a)
{
	size_t limit = min((size_t)rlimit_cur(RLIMIT_STACK) / 4, (size_t)LIMIT_MAX);

	*a = (struct exec_args){ .limit = max(limit, (size_t)LIMIT_MIN) };
	a->page = kzalloc(DIV_ROUND_UP(a->limit, PAGE_SIZE) * sizeof(char *));
	return a->page ? 0 : -ENOMEM;
}

void execargs_free(struct exec_args *a)
{
	for (size_t i = 0; i < a->nr_pages; i++)
		kfree(a->page[i]);
	kfree(a->page);
	a->page = NULL;
	a->nr_pages = 0;
}

/* Room at the end: address and bytes up to the page's end. => NULL: *err says why */
static char *room(struct exec_args *a, size_t *n, int *err)
{
	size_t off = a->used % PAGE_SIZE, i = a->used / PAGE_SIZE;

	*err = -E2BIG;
	if (a->used >= a->limit)
		return NULL;
	if (i == a->nr_pages) {
		a->page[i] = kmalloc(PAGE_SIZE);
		*err = -ENOMEM;
		if (!a->page[i])
			return NULL;
		a->nr_pages++;
	}
	*n = min((size_t)PAGE_SIZE - off, a->limit - a->used);
	return a->page[i] + off;
}

int execargs_add(struct exec_args *a, const char *text)
{
	size_t left = strlen(text) + 1;

	while (left) {
		size_t n;
		int err;
		char *to = room(a, &n, &err);

		if (!to)
			return err;
		n = min(n, left);
		memcpy(to, text, n);
		a->used += n;
		text += n;
		left -= n;
	}
	return 0;
}

static int add_user(struct exec_args *a, const char __user *text)
{
	size_t total = 0;

	for (;;) {
		size_t n;
		int err;
		char *to = room(a, &n, &err);
		long got;

		if (!to)
			return err;
		got = strncpy_from_user(to, text, n);
		if (got < 0)
			return (int)got;
		total += (size_t)got;
		if (total >= STRING_MAX)
			return -E2BIG;
		if ((size_t)got < n) { /* its NUL came */
			a->used += (size_t)got + 1;
			return 0;
		}
		a->used += n;
		text += n;
	}
}

/* The i-th pointer. => 1, 0: the end, -EFAULT */
static int next_string(struct exec_strings from, size_t i, const char __user **user, const char **kernel)
{
	*user = NULL;
	*kernel = NULL;
	if (from.kernel) {
		*kernel = from.kernel[i];
		return *kernel != NULL;
	}
	if (!from.user)
		return 0; /* Linux takes a NULL array for an empty one */
	if (get_user(*user, from.user + i))
		return -EFAULT;
	return *user != NULL;
}

int execargs_add_all(struct exec_args *a, struct exec_strings from, bool environment)
{
	size_t before = a->used;
	unsigned int n = 0;

	for (;; n++) {
		const char __user *user;
		const char *kernel;
		int err = next_string(from, n, &user, &kernel);

		if (err <= 0) {
			if (err)
				return err;
			break;
		}
		/* Each string costs a pointer as well. */
		if ((size_t)(a->argc + a->envc + n + 2) * sizeof(char *) + a->used > a->limit)
			return -E2BIG;
		err = user ? add_user(a, user) : execargs_add(a, kernel);
		if (err)
			return err;
		sched_yield_point();
	}
	if (environment) {
		a->envc = n;
		a->env_bytes = a->used - before;
	} else {
		a->argc = n;
		a->arg_bytes = a->used - before;
	}
	return 0;
}

static char byte_at(const struct exec_args *a, size_t pos)
{
	return a->page[pos / PAGE_SIZE][pos % PAGE_SIZE];
}

size_t execargs_length(const struct exec_args *a, size_t pos)
{
	size_t n = 1;

	while (byte_at(a, pos + n - 1))
		n++;
	return n;
}

int execargs_replace_first(struct exec_args *a, const char *const *words, unsigned int nr)
{
	size_t skip = a->argc ? execargs_length(a, 0) : 0;
	struct exec_args b;
	int err = execargs_init(&b);

	for (unsigned int i = 0; i < nr && !err; i++)
		err = execargs_add(&b, words[i]);
	b.argc = nr + (a->argc ? a->argc - 1 : 0);
	b.arg_bytes = b.used + a->arg_bytes - skip;
	for (size_t pos = skip; pos < a->used && !err; pos++) {
		size_t n;
		char *to = room(&b, &n, &err);

		if (!to)
			break;
		err = 0;
		*to = byte_at(a, pos);
		b.used++;
	}
	if (err) {
		execargs_free(&b);
		return err;
	}
	b.envc = a->envc;
	b.env_bytes = a->env_bytes;
	execargs_free(a);
	*a = b;
	return 0;
}

int execargs_write(const struct exec_args *a, struct mm *mm, unsigned long at)
{
	for (size_t pos = 0; pos < a->used; pos += PAGE_SIZE) {
		size_t n = min(a->used - pos, (size_t)PAGE_SIZE);

		if (mm_access(mm, at + pos, a->page[pos / PAGE_SIZE], n, true, true) != n)
			return -EFAULT;
	}
	return 0;
}
