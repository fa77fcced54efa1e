/* The auxiliary vector and the initial stack, as the program that execve() started finds them. */
#include "mm.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/utsname.h>

extern char **environ;
extern const char __ehdr_start[];

/* The vector lies behind the environment. */
static Elf64_auxv_t *auxv(void)
{
	char **e = environ;

	while (*e)
		e++;
	return (Elf64_auxv_t *)(e + 1);
}

static Elf64_auxv_t *find(unsigned long type)
{
	for (Elf64_auxv_t *a = auxv(); a->a_type != AT_NULL; a++)
		if (a->a_type == type)
			return a;
	fail("auxv has no entry %lu", type);
}

fresh_test(page_size)
{
	check_eq(find(AT_PAGESZ)->a_un.a_val, PAGE);
	check_eq(find(AT_CLKTCK)->a_un.a_val, 100);
}

fresh_test(identity)
{
	check_eq(find(AT_UID)->a_un.a_val, getuid());
	check_eq(find(AT_EUID)->a_un.a_val, geteuid());
	check_eq(find(AT_GID)->a_un.a_val, getgid());
	check_eq(find(AT_EGID)->a_un.a_val, getegid());
	check_eq(find(AT_SECURE)->a_un.a_val, 0);
}

fresh_test(program_headers)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)find(AT_PHDR)->a_un.a_val;

	check_eq(find(AT_PHENT)->a_un.a_val, sizeof(Elf64_Phdr));
	check_eq(find(AT_PHNUM)->a_un.a_val, eh->e_phnum);
	check_eq(ph, (const Elf64_Phdr *)(__ehdr_start + eh->e_phoff));
	check_eq(find(AT_ENTRY)->a_un.a_val, eh->e_entry);
	check_eq(find(AT_BASE)->a_un.a_val, 0);
	check_eq(find(AT_FLAGS)->a_un.a_val, 0);
}

fresh_test(random_bytes)
{
	const unsigned char *r = (const unsigned char *)find(AT_RANDOM)->a_un.a_val;
	int bits = 0;

	for (int i = 0; i < 16; i++)
		bits |= r[i];
	check(bits != 0);
}

fresh_test(strings)
{
	const char *platform = (const char *)find(AT_PLATFORM)->a_un.a_val;

	check_str(platform, "x86_64");
	check_str((const char *)find(AT_EXECFN)->a_un.a_val, ktap_self);
}

fresh_test(hardware)
{
	unsigned int a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	check_eq(find(AT_HWCAP)->a_un.a_val, d);
}

fresh_test(everything_is_on_the_stack)
{
	struct map m;

	check(map_find(0, environ, &m));
	check_str(m.name, "[stack]");
	for (unsigned long type = AT_RANDOM; type; type = type == AT_RANDOM ? AT_PLATFORM :
					       type == AT_PLATFORM ? AT_EXECFN : 0) {
		unsigned long v = find(type)->a_un.a_val;

		check(m.start <= v && v < m.end);
	}
	check_str(m.perm, "rw-p");
}

fresh_test(layout_of_a_static_program)
{
	/* Text r-x, read-only data r--, data rw-; heap above; stack at the top. */
	struct map text, data, stack;
	static int variable = 1;
	char here;

	check(map_find(0, (void *)(uintptr_t)getppid, &text));
	check_str(text.perm, "r-xp");
	check(map_find(0, &variable, &data));
	check_str(data.perm, "rw-p");
	check(map_find(0, &here, &stack));
	check(text.start >= 0x400000 && text.start < data.start);
	check(stack.end <= 0x7ffffffff000 && stack.end > 0x7ff000000000);
	check_str(text.name, data.name);
	check(text.inode && text.inode == data.inode);
}
