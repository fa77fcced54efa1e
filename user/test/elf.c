/* Program files: what is loaded how, what the new program starts with, and files that are none. */
#include "elf_file.h"

/* ---- programs ---- */

test(minimal)
{
	struct elf e;

	elf_init(&e, ET_EXEC, 0x400000);
	check_eq(run_bytes(&e, sizeof(e)), 7 << 8);
}

test(position_independent)
{
	struct elf e;

	elf_init(&e, ET_DYN, 0);
	check_eq(run_bytes(&e, sizeof(e)), 7 << 8);
}

test(at_other_addresses)
{
	static const unsigned long base[] = { 0x10000, 0x10000000, 0x555555554000, 0x7f0000000000 };

	for (size_t i = 0; i < ARRAY_SIZE(base); i++) {
		struct elf e;

		elf_init(&e, ET_EXEC, base[i]);
		check_eq(run_bytes(&e, sizeof(e)), 7 << 8);
	}
}

test(bss_is_zero)
{
	/* The bytes of the file after filesz in its last page must not be seen. */
	struct elf e;
	static const unsigned char code[] = {
		0x31, 0xdb,				/* xor %ebx, %ebx */
		0x48, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0,	/* mov $start, %rsi */
		0xb9, 0, 0x20, 0, 0,			/* mov $0x2000, %ecx */
		0x0a, 0x3e,				/* 1: or (%rsi), %bh */
		0x48, 0xff, 0xc6,			/* inc %rsi */
		0xff, 0xc9,				/* dec %ecx */
		0x75, 0xf7,				/* jnz 1b */
		0x0f, 0xb6, 0xff,			/* movzx %bh, %edi */
		0xb8, 60, 0, 0, 0, 0x0f, 0x05,		/* exit(%edi) */
	};
	unsigned long start = 0x600000 + offsetof(struct elf, code) + 256;

	elf_init(&e, ET_EXEC, 0x400000);
	memset(e.code, 0xaa, sizeof(e.code));
	memcpy(e.code, code, sizeof(code));
	memcpy(e.code + 4, &start, 8);
	e.eh.e_phnum = 2;
	e.ph[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x600000,
		.p_filesz = offsetof(struct elf, code) + 256, .p_memsz = 0x8000, .p_align = PAGE,
	};
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

test(pure_bss_segment)
{
	struct elf e;
	/* mov 0x700000, %edi by absolute address, exit */
	static const unsigned char code[] = { 0x8b, 0x3c, 0x25, 0, 0, 0x70, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	e.eh.e_phnum = 2;
	e.ph[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x700000,
		.p_filesz = 0, .p_memsz = 0x4000, .p_align = PAGE,
	};
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

test(text_is_not_writable)
{
	struct elf e;
	/* movb $1, 0x400000; exit */
	static const unsigned char code[] = { 0xc6, 0x04, 0x25, 0, 0, 0x40, 0, 1, CODE_EXIT(0) };

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	check_eq(run_bytes(&e, sizeof(e)), SIGSEGV);
}

test(stack_is_not_executable)
{
	struct elf e;
	/* push $0xc3 (a ret); call *%rsp; exit(0) */
	static const unsigned char code[] = { 0x68, 0xc3, 0, 0, 0, 0xff, 0xd4, CODE_EXIT(0) };

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	e.eh.e_phnum = 2;
	e.ph[1] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	check_eq(run_bytes(&e, sizeof(e)), SIGSEGV);
	e.ph[1].p_flags |= PF_X;
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

test(entry_state)
{
	/* rsp is 16-byte aligned, argc on top, flags and rdx clear. */
	struct elf e;
	static const unsigned char code[] = {
		0x48, 0x89, 0xe7,		/* mov %rsp, %rdi */
		0x83, 0xe7, 0x0f,		/* and $15, %edi */
		0x09, 0xd7,			/* or %edx, %edi */
		0xb8, 60, 0, 0, 0, 0x0f, 0x05,
	};

	elf_init(&e, ET_EXEC, 0x400000);
	memcpy(e.code, code, sizeof(code));
	check_eq(run_bytes(&e, sizeof(e)), 0);
}

/* ---- files that are no programs ---- */

test(no_elf)
{
	check_eq(run_bytes("", 0), -ENOEXEC);
	check_eq(run_bytes("\n", 1), -ENOEXEC);
	check_eq(run_bytes("hello world, this is text\n", 26), -ENOEXEC);
	check_eq(run_bytes("\177ELF", 4), -ENOEXEC);
}

test(bad_headers)
{
	struct elf e;

#define bad(want, change) do {								\
		elf_init(&e, ET_EXEC, 0x400000);					\
		change;									\
		int got = run_bytes(&e, sizeof(e));					\
		if (got != -(want))							\
			fail("%s got %d, want %d", #change, got, -(want));		\
	} while (0)

	bad(ENOEXEC, e.eh.e_ident[0] = 0);
	bad(ENOEXEC, e.eh.e_machine = EM_AARCH64);
	bad(ENOEXEC, e.eh.e_type = ET_REL);
	bad(ENOEXEC, e.eh.e_type = ET_CORE);
	bad(ENOEXEC, e.eh.e_phentsize = 32);
	bad(ENOEXEC, e.eh.e_phnum = 0);
	bad(ENOEXEC, e.eh.e_phnum = 65535);
#undef bad
}

test(truncated_program_headers)
{
	struct elf e;

	elf_init(&e, ET_EXEC, 0x400000);
	check(run_bytes(&e, sizeof(e.eh)) < 0);
	check(run_bytes(&e, sizeof(e.eh) + 20) < 0);
	check(run_bytes(&e, 20) < 0);
}

test(wild_segments)
{
	/* Refused or killed, whichever; nothing worse. */
	struct elf e;

#define wild(change) do {								\
		elf_init(&e, ET_EXEC, 0x400000);					\
		change;									\
		int got = run_bytes(&e, sizeof(e));					\
		if (got == 0 || got == (7 << 8))					\
			fail("%s got %d", #change, got);				\
	} while (0)

	wild(e.ph[0].p_vaddr = 0xffffffff80000000);
	wild(e.ph[0].p_vaddr = 1UL << 47);
	wild(e.ph[0].p_memsz = 1UL << 60);
	wild((e.ph[0].p_filesz = 1UL << 60, e.ph[0].p_memsz = 1UL << 60));
	wild(e.ph[0].p_filesz = e.ph[0].p_memsz + 1);
	wild(e.ph[0].p_offset = 1);
	wild(e.eh.e_entry = 0);
	wild(e.eh.e_entry = 0xffffffff80000000);
	wild(e.eh.e_entry = 1UL << 62);
	wild(e.ph[0].p_type = PT_NULL);
#undef wild
}

test(missing_interpreter)
{
	struct elf e;

	elf_init(&e, ET_EXEC, 0x400000);
	strcpy((char *)e.code + 100, "/nonexistent/ld.so");
	e.eh.e_phnum = 2;
	e.ph[1] = e.ph[0];
	e.ph[0] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = offsetof(struct elf, code) + 100,
		.p_filesz = 19, .p_memsz = 19, .p_vaddr = e.eh.e_entry + 100,
	};
	check_eq(run_bytes(&e, sizeof(e)), -ENOENT);
}
