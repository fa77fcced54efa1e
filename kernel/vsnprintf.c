/*
 * Formatted text: the part of C99's printf that a kernel needs.
 *
 * Conversions d i u x X o s c p %, sizes hh h l ll z t j, flags - 0 # + space, width and precision, either as `*`.
 * No floating point: the kernel does not touch those registers.
 *
 * The result is what snprintf(3) promises: at most size - 1 characters and a NUL are stored, the return value is the
 * length that the whole would have had.
 */
#include "kernel/lib/string.h"
#include "kernel/printk.h"

struct out {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, zero, alt, plus, space, upper;
	int width, precision; /* precision -1: not given */
	int size;	      /* bytes of the integer argument */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const char *s, size_t n, const struct spec *sp)
{
	int fill = sp->width - (int)n;

	if (!sp->left)
		pad(o, ' ', fill);
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', fill);
}

/* Digits of v, most significant first, into the end of buf. => first digit */
static char *digits(char *end, u64 v, unsigned int base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	do {
		*--end = set[v % base];
		v /= base;
	} while (v);
	return end;
}

static void put_number(struct out *o, u64 v, unsigned int base, const char *prefix, const struct spec *sp)
{
	char buf[24], *end = buf + sizeof(buf);
	char *d = v || sp->precision != 0 ? digits(end, v, base, sp->upper) : end;
	int n = (int)(end - d), sign = (int)strlen(prefix);
	int zeroes = max(0, sp->precision - n), fill;

	if (sp->precision < 0 && sp->zero && !sp->left)
		zeroes = max(0, sp->width - n - sign);
	fill = sp->width - n - sign - zeroes;
	if (!sp->left)
		pad(o, ' ', fill);
	while (*prefix)
		put(o, *prefix++);
	pad(o, '0', zeroes);
	for (; d < end; d++)
		put(o, *d);
	if (sp->left)
		pad(o, ' ', fill);
}

/* Arguments narrower than int arrive as int; cut them to their size. */
static u64 cut_unsigned(u64 v, int size)
{
	return size >= 8 ? v : v & ((1UL << (size * 8)) - 1);
}

static s64 cut_signed(u64 v, int size)
{
	int shift = 64 - size * 8;

	return (s64)(v << shift) >> shift;
}

static void put_signed(struct out *o, u64 raw, const struct spec *sp)
{
	s64 v = cut_signed(raw, sp->size);
	const char *sign = v < 0 ? "-" : sp->plus ? "+" : sp->space ? " " : "";

	put_number(o, v < 0 ? 0 - (u64)v : (u64)v, 10, sign, sp);
}

static const char *parse_flags(const char *p, struct spec *sp)
{
	for (;; p++) {
		if (*p == '-')
			sp->left = true;
		else if (*p == '0')
			sp->zero = true;
		else if (*p == '#')
			sp->alt = true;
		else if (*p == '+')
			sp->plus = true;
		else if (*p == ' ')
			sp->space = true;
		else
			return p;
	}
}

static const char *parse_count(const char *p, int *n)
{
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		*n = *n * 10 + (*p - '0');
	return p;
}

static const char *parse_size(const char *p, int *size)
{
	*size = 4;
	if (p[0] == 'h' && p[1] == 'h') {
		*size = 1;
		return p + 2;
	}
	if (p[0] == 'l' && p[1] == 'l') {
		*size = 8;
		return p + 2;
	}
	if (*p == 'h')
		*size = 2;
	else if (*p == 'l' || *p == 'z' || *p == 't' || *p == 'j')
		*size = 8;
	else
		return p;
	return p + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap_in)
{
	struct out o = { buf, size, 0 };
	va_list ap;

	va_copy(ap, ap_in);
	for (const char *p = fmt; *p; p++) {
		struct spec sp = { .precision = -1 };
		const char *s;
		u64 v;

		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		p = parse_flags(p + 1, &sp);
		if (*p == '*') {
			sp.width = va_arg(ap, int);
			if (sp.width < 0) {
				sp.left = true;
				sp.width = -sp.width;
			}
			p++;
		} else {
			p = parse_count(p, &sp.width);
		}
		if (*p == '.') {
			p++;
			if (*p == '*') {
				sp.precision = va_arg(ap, int);
				p++;
			} else {
				p = parse_count(p, &sp.precision);
			}
		}
		p = parse_size(p, &sp.size);
		switch (*p) {
		case 'd':
		case 'i':
			v = sp.size == 8 ? va_arg(ap, u64) : va_arg(ap, unsigned int);
			put_signed(&o, v, &sp);
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			v = cut_unsigned(sp.size == 8 ? va_arg(ap, u64) : va_arg(ap, unsigned int), sp.size);
			sp.upper = *p == 'X';
			put_number(&o, v, *p == 'u' ? 10 : *p == 'o' ? 8 : 16,
				   sp.alt && v && *p != 'u' ? (*p == 'o' ? "0" : *p == 'X' ? "0X" : "0x") : "", &sp);
			break;
		case 'p':
			put_number(&o, (u64)va_arg(ap, void *), 16, "0x", &sp);
			break;
		case 'c':
			put_text(&o, (char[]){ (char)va_arg(ap, int) }, 1, &sp);
			break;
		case 's':
			s = va_arg(ap, const char *);
			s = s ? s : "(null)";
			put_text(&o, s, strnlen(s, sp.precision < 0 ? (size_t)-1 : (size_t)sp.precision), &sp);
			break;
		case '%':
			put(&o, '%');
			break;
		default: /* not a conversion: shown as it stands, so that the mistake is seen */
			put(&o, '%');
			put(&o, *p);
			if (!*p)
				p--;
		}
	}
	va_end(ap);
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
