/* Loading an ELF program into an address space. Theory in elf.c. */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include "kernel/types.h"

struct file;
struct mm;

/* What the auxiliary vector and the first instruction need to know of a loaded program. Addresses as loaded. */
struct elf_image {
	unsigned long entry;	 /* where execution begins: the interpreter's entry when there is one */
	unsigned long own_entry; /* the program's own: AT_ENTRY */
	unsigned long phdr;	 /* its program headers in memory; 0: not mapped */
	unsigned int phnum;
	unsigned long base;	 /* of the interpreter; 0: none */
	unsigned long end;	 /* of the highest segment: where brk may start */
	bool exec_stack;
};

/* Read and check the headers, map everything into the new mm, which is not current's yet.
 * => 0; -ENOEXEC not a program for this machine, -ENOENT and others from its interpreter, -ENOMEM, -EIO truncated */
int elf_load(struct mm *mm, struct file *f, struct elf_image *out);

#endif
