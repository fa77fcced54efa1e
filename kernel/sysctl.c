/* Run-time switches: the table that the linker gathered, and values as text. Writers exclude each other; a reader sees
 * the old or the new number. */
#include "kernel/sysctl.h"

#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include "kernel/uapi/errno.h"

extern const struct sysctl __start_sysctls[], __stop_sysctls[];

static struct spinlock sysctl_lock = SPINLOCK_INIT(RANK_LEAF);

const struct sysctl *sysctl_nth(size_t n)
{
	return n < (size_t)(__stop_sysctls - __start_sysctls) ? &__start_sysctls[n] : NULL;
}

const struct sysctl *sysctl_find(const char *name)
{
	for (const struct sysctl *s = __start_sysctls; s < __stop_sysctls; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* A number in C's notation with blanks around it. */
static bool parse_long(const char *p, long *out)
{
	const char *end;
	s64 v;

	while (is_space(*p))
		p++;
	if (parse_s64(p, &end, &v))
		return false;
	while (is_space(*end))
		end++;
	*out = v;
	return !*end;
}

/* Index of the word that text is, but for blanks after it. => -1 none */
static long parse_word(const struct sysctl *s, const char *text)
{
	size_t n = 0;

	while (text[n] && !is_space(text[n]))
		n++;
	for (long i = 0; s->words[i]; i++)
		if (strlen(s->words[i]) == n && memcmp(s->words[i], text, n) == 0)
			return i;
	return -1;
}

int sysctl_set(const char *name, const char *text)
{
	const struct sysctl *s = sysctl_find(name);
	long v;

	if (!s)
		return -ENOENT;
	if (s->text)
		return -EINVAL;
	if (s->words ? (v = parse_word(s, text)) < 0 : !parse_long(text, &v) || v < s->min || v > s->max)
		return -EINVAL;
	spin_lock(&sysctl_lock);
	WRITE_ONCE(*s->value, v);
	spin_unlock(&sysctl_lock);
	if (s->changed)
		s->changed();
	return 0;
}

int sysctl_format(const struct sysctl *s, char *buf, size_t size)
{
	long v;

	if (s->text)
		return s->text(buf, size);
	v = READ_ONCE(*s->value);
	return s->words ? snprintf(buf, size, "%s\n", s->words[v]) : snprintf(buf, size, "%ld\n", v);
}
