/*
 * From the kernel's stack image to main().
 *
 *	%rsp -> argc, argv[0..argc-1], 0, environment, 0, auxiliary vector of (key, value), AT_NULL
 *
 * Two stages, because errno, stdio and malloc reach the thread block through %fs: the first stage
 * sets %fs and touches nothing else, the second is a function of its own that the compiler may not
 * inline, or it would move loads from %fs:0 above the system call that makes them work.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <kernel/uapi/prctl.h>

#include "libc.h"

#define MAIN_BLOCK_SIZE 2048 /* a struct __pthread and 800 bytes of __thread variables */

struct tls_image {
	const void *data;
	size_t file_size;
	size_t offset; /* from the image's place to %fs: its size in memory, rounded up */
	size_t align;
};

extern int main(int argc, char **argv, char **envp);
extern char **environ;

static const unsigned long *auxv;
static struct tls_image tls;
static char main_block[MAIN_BLOCK_SIZE] __attribute__((aligned(64)));

unsigned long getauxval(unsigned long key)
{
	for (const unsigned long *entry = auxv; entry[0] != AT_NULL; entry += 2) {
		if (entry[0] == key)
			return entry[1];
	}
	errno = ENOENT;
	return 0;
}

/* getauxval() for the first stage: no errno yet. */
static unsigned long early_auxval(unsigned long key)
{
	for (const unsigned long *entry = auxv; entry[0] != AT_NULL; entry += 2) {
		if (entry[0] == key)
			return entry[1];
	}
	return 0;
}

static void find_tls_image(void)
{
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)early_auxval(AT_PHDR);
	size_t count = early_auxval(AT_PHNUM);

	tls.align = _Alignof(struct __pthread);
	for (size_t i = 0; i < count; i++) {
		if (phdr[i].p_type != PT_TLS)
			continue;
		if (phdr[i].p_align > tls.align)
			tls.align = phdr[i].p_align;
		tls.data = (const void *)phdr[i].p_vaddr;
		tls.file_size = phdr[i].p_filesz;
		tls.offset = (phdr[i].p_memsz + phdr[i].p_align - 1) & -phdr[i].p_align;
	}
}

/* Bytes that a block for __tls_place() needs, its alignment's loss included. */
size_t __tls_size(void)
{
	return tls.offset + sizeof(struct __pthread) + tls.align;
}

/*
 * Lay the thread-local variables and the thread's structure into a zeroed block.
 * => returns the structure, whose address is the new thread's %fs
 */
struct __pthread *__tls_place(void *block)
{
	uintptr_t place = ((uintptr_t)block + tls.offset + tls.align - 1) & -tls.align;
	struct __pthread *thread = (struct __pthread *)place;

	memcpy((void *)(place - tls.offset), tls.data, tls.file_size);
	thread->self = thread;
	return thread;
}

static void __attribute__((noinline, noreturn)) start_main(unsigned long *sp)
{
	int argc = (int)sp[0];
	char **argv = (char **)(sp + 1);

	atexit(__libc_fini_array);
	__libc_init_array();
	exit(main(argc, argv, environ));
}

void __attribute__((noreturn)) __libc_start(unsigned long *sp)
{
	unsigned long *end = sp + 1 + sp[0] + 1;
	struct __pthread *self;
	void *block = main_block;

	environ = (char **)end;
	while (*end)
		end++;
	auxv = end + 1;

	find_tls_image();
	if (__tls_size() > sizeof(main_block))
		block = (void *)RAW(__NR_mmap, 0, __tls_size(), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	self = __tls_place(block);
	self->reent = _impure_ptr; /* L1 */
	memcpy(&self->canary, (const void *)early_auxval(AT_RANDOM), sizeof(self->canary));
	self->tid = (int)RAW(__NR_set_tid_address, &self->tid);
	RAW(__NR_arch_prctl, ARCH_SET_FS, self);
	start_main(sp);
}
