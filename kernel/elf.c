/*
 * ELF programs: segments of a file become mappings of an address space.
 *
 *	file          | headers | text       | data     |
 *	memory   base + vaddr:   r-x private   rw- private, the last page's tail cleared, then bss: anonymous
 *
 * ET_EXEC goes where its addresses say. ET_DYN (a static-PIE program, or one that has an interpreter) goes to two thirds
 * of the address space, an interpreter into the mapping area, both moved by a random number of pages when
 * kernel.randomize_va_space says so.
 *
 * Every number in the headers is the file's word against ours: offsets, sizes and addresses are checked before they are
 * used, and a header that lies is ENOEXEC or, where only mapping shows it, the mapping's error.
 *
 * Linux differs: it maps the whole span of an ET_DYN object with its first segment and unmaps the gaps.
 */
#include "kernel/elf.h"

#include "kernel/exec.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/uapi/elf.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/mman.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define PHDRS_MAX (65536 / sizeof(Elf64_Phdr)) /* Linux's limit: 64 KiB of them */
#define INTERP_MAX 4096			       /* PATH_MAX */

struct elf {
	struct file *file;
	Elf64_Ehdr eh;
	Elf64_Phdr *ph;
	unsigned long bias; /* added to every address of the file */
};

/* ---- Headers ---- */

static bool header_ok(const Elf64_Ehdr *eh)
{
	return memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_ident[EI_DATA] == ELFDATA2LSB && (eh->e_type == ET_EXEC || eh->e_type == ET_DYN) &&
	       eh->e_machine == EM_X86_64 && eh->e_phentsize == sizeof(Elf64_Phdr) && eh->e_phnum > 0 &&
	       eh->e_phnum <= PHDRS_MAX;
}

/* => 0 or -errno; on success elf_close() is due */
static int elf_open(struct elf *e, struct file *f)
{
	size_t size;
	long n = file_read_kernel(f, &e->eh, sizeof(e->eh), 0);

	*e = (struct elf){ .file = f, .eh = e->eh };
	if (n < 0)
		return (int)n;
	if (n != sizeof(e->eh) || !header_ok(&e->eh))
		return -ENOEXEC;
	size = e->eh.e_phnum * sizeof(Elf64_Phdr);
	e->ph = kmalloc(size);
	if (!e->ph)
		return -ENOMEM;
	n = file_read_kernel(f, e->ph, size, e->eh.e_phoff);
	if (n == (long)size)
		return 0;
	kfree(e->ph);
	return n < 0 ? (int)n : -EIO;
}

static void elf_close(struct elf *e)
{
	kfree(e->ph);
}

static bool segment_ok(const Elf64_Phdr *p)
{
	return p->p_filesz <= p->p_memsz && p->p_memsz <= TASK_SIZE && p->p_vaddr < TASK_SIZE &&
	       p->p_vaddr <= TASK_SIZE - p->p_memsz && (p->p_vaddr & ~PAGE_MASK) == (p->p_offset & ~PAGE_MASK);
}

/* First and last byte of all segments, unbiased, whole pages. => 0 or -ENOEXEC */
static int elf_span(const struct elf *e, unsigned long *low, unsigned long *high)
{
	*low = TASK_SIZE;
	*high = 0;
	for (unsigned int i = 0; i < e->eh.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		if (!segment_ok(p))
			return -ENOEXEC;
		*low = min(*low, p->p_vaddr & PAGE_MASK);
		*high = max(*high, ALIGN_UP(p->p_vaddr + p->p_memsz, PAGE_SIZE));
	}
	return *low < *high ? 0 : -ENOEXEC;
}

/* ---- Mapping ---- */

static unsigned int segment_prot(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static int map_fixed(struct mm *mm, unsigned long addr, unsigned long len, unsigned int prot, struct file *f,
		     unsigned long pgoff)
{
	struct mmap_request req = { .addr = addr, .len = len, .prot = prot, .file = f, .pgoff = pgoff };
	long ret;

	req.flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE | (f ? 0 : MAP_ANONYMOUS);
	ret = mm_mmap(mm, &req);
	if (ret == -EEXIST)
		return -ENOEXEC; /* segments that overlap */
	return ret < 0 ? (int)ret : 0;
}

/* The part of the last file page that lies behind the segment's contents is bss: zero, whatever the file has there. */
static int clear_tail(struct mm *mm, unsigned long from)
{
	static const char zeroes[PAGE_SIZE];
	size_t n = ALIGN_UP(from, PAGE_SIZE) - from;

	return n && mm_access(mm, from, (void *)zeroes, n, true, true) != n ? -ENOMEM : 0;
}

static int map_segment(struct mm *mm, const struct elf *e, const Elf64_Phdr *p)
{
	unsigned long start = (e->bias + p->p_vaddr) & PAGE_MASK, data_end = e->bias + p->p_vaddr + p->p_filesz;
	unsigned long file_end = p->p_filesz ? ALIGN_UP(data_end, PAGE_SIZE) : start;
	unsigned long end = ALIGN_UP(e->bias + p->p_vaddr + p->p_memsz, PAGE_SIZE);
	int err = 0;

	if (file_end > start)
		err = map_fixed(mm, start, file_end - start, segment_prot(p), e->file, p->p_offset >> PAGE_SHIFT);
	if (!err && p->p_memsz > p->p_filesz && p->p_filesz && (p->p_flags & PF_W))
		err = clear_tail(mm, data_end);
	if (!err && end > file_end)
		err = map_fixed(mm, file_end, end - file_end, segment_prot(p), NULL, 0);
	return err;
}

static void note_layout(struct mm *mm, const struct elf *e, const Elf64_Phdr *p)
{
	unsigned long start = e->bias + p->p_vaddr, end = start + p->p_filesz;

	if (p->p_flags & PF_X) {
		mm->code_start = mm->code_start ? min(mm->code_start, start) : start;
		mm->code_end = max(mm->code_end, end);
	} else if (end > mm->data_end) {
		mm->data_start = start;
		mm->data_end = end;
	}
}

static int map_all(struct mm *mm, const struct elf *e, bool main_program)
{
	for (unsigned int i = 0; i < e->eh.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];
		int err;

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		err = map_segment(mm, e, p);
		if (err)
			return err;
		if (main_program)
			note_layout(mm, e, p);
	}
	return 0;
}

/* ---- Places ---- */

#define ET_DYN_BASE (TASK_SIZE / 3 * 2) /* Linux's */

static unsigned long choose_bias(struct mm *mm, const struct elf *e, bool main_program, unsigned long low,
				 unsigned long high)
{
	unsigned long at;

	if (e->eh.e_type == ET_EXEC)
		return 0;
	if (main_program)
		at = ALIGN_DOWN(ET_DYN_BASE, PAGE_SIZE) + (exec_random_pages(28) << PAGE_SHIFT);
	else
		at = mm_free_area(mm, high - low);
	return at - low;
}

/* Where the program headers are in memory: in the segment that holds their file offset. */
static unsigned long phdr_address(const struct elf *e)
{
	for (unsigned int i = 0; i < e->eh.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type == PT_LOAD && p->p_offset <= e->eh.e_phoff && e->eh.e_phoff < p->p_offset + p->p_filesz)
			return e->bias + p->p_vaddr + (e->eh.e_phoff - p->p_offset);
	}
	return 0;
}

static int place(struct mm *mm, struct elf *e, bool main_program, unsigned long *end)
{
	unsigned long low, high;
	int err = elf_span(e, &low, &high);

	if (err)
		return err;
	e->bias = choose_bias(mm, e, main_program, low, high);
	if (e->bias + high > TASK_SIZE || e->bias + low < e->bias)
		return -ENOMEM;
	*end = e->bias + high;
	return map_all(mm, e, main_program);
}

/* ---- Interpreter ---- */

static const Elf64_Phdr *find_phdr(const struct elf *e, unsigned int type)
{
	for (unsigned int i = 0; i < e->eh.e_phnum; i++)
		if (e->ph[i].p_type == type)
			return &e->ph[i];
	return NULL;
}

/* The path in PT_INTERP. => kmalloc()ed, or ERR_PTR */
static char *interp_path(const struct elf *e, const Elf64_Phdr *p)
{
	char *path;

	if (p->p_filesz < 2 || p->p_filesz > INTERP_MAX)
		return ERR_PTR(-ENOEXEC);
	path = kmalloc(p->p_filesz);
	if (!path)
		return ERR_PTR(-ENOMEM);
	if (file_read_kernel(e->file, path, p->p_filesz, p->p_offset) == (long)p->p_filesz && !path[p->p_filesz - 1])
		return path;
	kfree(path);
	return ERR_PTR(-ENOEXEC);
}

static int load_interp(struct mm *mm, const struct elf *program, const Elf64_Phdr *p, struct elf_image *out)
{
	char *path = interp_path(program, p);
	unsigned long end;
	struct file *f;
	struct elf e;
	int err;

	if (IS_ERR(path))
		return (int)PTR_ERR(path);
	f = file_open_exec(path, &err);
	kfree(path);
	if (!f)
		return err;
	err = elf_open(&e, f);
	if (!err) {
		err = place(mm, &e, false, &end);
		out->base = e.bias;
		out->entry = e.bias + e.eh.e_entry;
		elf_close(&e);
	}
	file_put(f);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

int elf_load(struct mm *mm, struct file *f, struct elf_image *out)
{
	const Elf64_Phdr *interp, *stack;
	struct elf e;
	int err = elf_open(&e, f);

	if (err)
		return err;
	*out = (struct elf_image){ .phnum = e.eh.e_phnum };
	err = place(mm, &e, true, &out->end);
	out->own_entry = out->entry = e.bias + e.eh.e_entry;
	out->phdr = phdr_address(&e);
	stack = find_phdr(&e, PT_GNU_STACK);
	out->exec_stack = stack && (stack->p_flags & PF_X);
	interp = find_phdr(&e, PT_INTERP);
	if (!err && interp)
		err = load_interp(mm, &e, interp, out);
	elf_close(&e);
	return err;
}
