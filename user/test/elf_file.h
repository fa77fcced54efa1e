/* Program files put together byte by byte, and what execve() says to them. */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include "mm.h"
#include <elf.h>
#include <stddef.h>

/* exit(N) by system call. */
#define CODE_EXIT(n)	0xbf, (n), 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05

struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[4];
	unsigned char code[512];
};

static inline void elf_init(struct elf *e, int type, unsigned long base)
{
	static const unsigned char code[] = { CODE_EXIT(7) };

	memset(e, 0, sizeof(*e));
	memcpy(e->eh.e_ident, ELFMAG, SELFMAG);
	e->eh.e_ident[EI_CLASS] = ELFCLASS64;
	e->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	e->eh.e_ident[EI_VERSION] = EV_CURRENT;
	e->eh.e_type = type;
	e->eh.e_machine = EM_X86_64;
	e->eh.e_version = EV_CURRENT;
	e->eh.e_entry = base + offsetof(struct elf, code);
	e->eh.e_phoff = offsetof(struct elf, ph);
	e->eh.e_ehsize = sizeof(e->eh);
	e->eh.e_phentsize = sizeof(e->ph[0]);
	e->eh.e_phnum = 1;
	e->ph[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = base, .p_paddr = base,
		.p_filesz = sizeof(*e), .p_memsz = sizeof(*e), .p_align = PAGE,
	};
	memcpy(e->code, code, sizeof(code));
}

static inline const char *path_of_file(void)
{
	static char path[64];

	mkdir("/tmp", 01777);
	snprintf(path, sizeof(path), "/tmp/quire-exec-%d", (int)ktap_pid);
	return path;
}

static inline const char *write_file(const void *data, size_t len, mode_t mode)
{
	const char *path = path_of_file();
	int fd;

	unlink(path);
	fd = check_ok(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
	check_eq(write(fd, data, len), len);
	close(fd);
	return path;
}

/* Execute a file of these bytes; its raw status, or -errno of execve(). */
static inline int run_bytes(const void *data, size_t len)
{
	const char *path = write_file(data, len, 0755);
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	int status;
	pid_t pid;

	child(pid) {
		execve(path, argv, envp);
		_exit(errno == ENOEXEC ? 101 : errno == EINVAL ? 102 : errno == ENOMEM ? 103 :
		      errno == EIO ? 104 : errno == EACCES ? 105 : errno == ENOENT ? 106 : 110);
	}
	status = reap(pid);
	unlink(path);
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 101)
		return -((int[]){ ENOEXEC, EINVAL, ENOMEM, EIO, EACCES, ENOENT, 1000, 1000, 1000, 1000 })
			[WEXITSTATUS(status) - 101];
	return status;
}

#endif
