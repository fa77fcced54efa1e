/*
 * /proc/<pid>/: maps, statm, the Vm lines of status; and of our own, mm/vmas.
 *
 * maps has one line per VMA, in Linux's columns:
 *
 *	55c962f11000-55c962f13000 r--p 00000000 fe:00 247134                     /usr/bin/cat
 *	start        end          perm offset   dev   inode                      column 73: name
 *
 * A file is read in pieces between which the address space may change. Each record looks its VMA up again by address
 * (the cookie), so what stays is shown once, and what comes or goes is shown as it was at some moment.
 *
 * Locks: mmap_lock for reading, one record at a time.
 *
 * Linux differs: [vdso], [vvar] and [vsyscall] exist there.
 */
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/uapi/errno.h"
#include "mm/anon.h"
#include "mm/proc_internal.h"
#include "mm/slab.h"

#define PATH_BYTES 4096
#define NAME_COLUMN 72 /* then a blank: 25 + 6 * 8 - 1 in Linux's fs/proc */

void proc_vma_perm(const struct vma *v, char perm[5])
{
	perm[0] = vma_test(v, VMA_READ) ? 'r' : '-';
	perm[1] = vma_test(v, VMA_WRITE) ? 'w' : '-';
	perm[2] = vma_test(v, VMA_EXEC) ? 'x' : '-';
	perm[3] = vma_test(v, VMA_MAYSHARE) ? 's' : 'p';
	perm[4] = '\0';
}

const char *proc_vma_name(const struct vma *v, char **heap)
{
	const struct mm *mm = v->mm;

	*heap = NULL;
	if (v->file) {
		*heap = kmalloc(PATH_BYTES);
		return *heap ? file_path(v->file, *heap, PATH_BYTES) : NULL;
	}
	if (v->start < mm->brk && v->end > mm->brk_start)
		return "[heap]";
	if (v->start < mm->stack_top && v->end >= mm->stack_top)
		return "[stack]";
	return "";
}

/* Only newlines would break the format; Linux escapes nothing else here. */
static void put_name(struct seq *s, const char *name)
{
	for (; *name; name++) {
		if (*name == '\n')
			seq_puts(s, "\\012");
		else
			seq_putc(s, *name);
	}
}

void proc_map_columns(struct seq *s, const struct map_numbers *n, const char *perm, const char *name)
{
	size_t line = s->count;

	seq_printf(s, "%08lx-%08lx %s %08lx %02x:%02x %lu ", n->start, n->end, perm, n->offset, n->dev >> 8,
		   n->dev & 0xff, n->ino);
	if (*name) {
		seq_pad(s, line, NAME_COLUMN);
		seq_putc(s, ' ');
		put_name(s, name);
	}
	seq_putc(s, '\n');
}

int proc_map_line(struct seq *s, struct vma *v)
{
	struct map_numbers n = { .start = v->start, .end = v->end };
	char perm[5], *heap;
	const char *name = proc_vma_name(v, &heap);

	if (!name)
		return -ENOMEM;
	if (v->file) {
		n.offset = v->file_pgoff << PAGE_SHIFT;
		n.dev = file_dev(v->file);
		n.ino = file_ino(v->file);
	}
	proc_vma_perm(v, perm);
	proc_map_columns(s, &n, perm, name);
	kfree(heap);
	return 0;
}

int proc_next_vma(struct seq *s, struct mm *mm, u64 *cookie, int (*show)(struct seq *s, struct vma *v))
{
	struct vma *v;
	int err = 0;

	read_lock(&mm->mmap_lock);
	v = vma_tree_find(&mm->vmas, *cookie);
	if (v) {
		err = show(s, v);
		if (!err && !s->overflow)
			*cookie = v->end;
	}
	read_unlock(&mm->mmap_lock);
	return err ? err : v != NULL;
}

int proc_maps_next(struct seq *s, struct mm *mm, u64 *cookie)
{
	return proc_next_vma(s, mm, cookie, proc_map_line);
}

/* ---- Sizes ---- */

struct sizes {
	unsigned long anon, file, shmem, text;
};

static unsigned long counter(const struct mm *mm, enum mm_counter which)
{
	long n = atomic_read(&mm->counters[which]);

	return n > 0 ? n : 0;
}

static struct sizes sizes_of(const struct mm *mm)
{
	unsigned long text = ALIGN_UP(mm->code_end, PAGE_SIZE) - ALIGN_DOWN(mm->code_start, PAGE_SIZE);

	return (struct sizes){
		.anon = counter(mm, MM_ANONPAGES),
		.file = counter(mm, MM_FILEPAGES),
		.shmem = counter(mm, MM_SHMEMPAGES),
		.text = text >> PAGE_SHIFT,
	};
}

static inline unsigned long resident(const struct sizes *z)
{
	return z->anon + z->file + z->shmem;
}

void proc_mm_sizes(struct mm *mm, struct mm_sizes *out)
{
	struct sizes z = sizes_of(mm);

	out->vsize = mm->total_vm << PAGE_SHIFT;
	out->rss = resident(&z);
	out->peak_rss = max(mm->hiwater_rss, out->rss);
}

int proc_statm(struct seq *s, struct mm *mm)
{
	struct sizes z = sizes_of(mm);

	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", mm->total_vm, resident(&z), z.file + z.shmem, z.text,
		   mm->data_vm + mm->stack_vm);
	return 0;
}

static void status_kb(struct seq *s, const char *key, unsigned long pages)
{
	seq_printf(s, "%s:\t%8lu kB\n", key, pages_to_kb(pages));
}

void proc_status_mm(struct seq *s, struct mm *mm)
{
	struct sizes z = sizes_of(mm);
	unsigned long text = min(z.text, mm->exec_vm);

	status_kb(s, "VmPeak", max(mm->hiwater_vm, mm->total_vm));
	status_kb(s, "VmSize", mm->total_vm);
	status_kb(s, "VmLck", mm->locked_vm);
	status_kb(s, "VmPin", 0);
	status_kb(s, "VmHWM", max(mm->hiwater_rss, resident(&z)));
	status_kb(s, "VmRSS", resident(&z));
	status_kb(s, "RssAnon", z.anon);
	status_kb(s, "RssFile", z.file);
	status_kb(s, "RssShmem", z.shmem);
	status_kb(s, "VmData", mm->data_vm);
	status_kb(s, "VmStk", mm->stack_vm);
	status_kb(s, "VmExe", text);
	status_kb(s, "VmLib", mm->exec_vm - text);
	status_kb(s, "VmPTE", atomic_read(&mm->table_pages));
	status_kb(s, "VmSwap", 0);
	status_kb(s, "HugetlbPages", 0);
}

/* ---- mm/vmas: what only we have ---- */

static const char *const state_name[] = {
	[ANON_NONE] = "NONE",	  [ANON_UNFAULTED] = "UNFAULTED", [ANON_LAZY] = "LAZY",
	[ANON_PARENT] = "PARENT", [ANON_REGULAR] = "REGULAR",
};

static const char *const flag_name[VMA_FLAG_COUNT] = {
	[VMA_READ] = "read",	       [VMA_WRITE] = "write",		[VMA_EXEC] = "exec",
	[VMA_SHARED] = "shared",       [VMA_MAYREAD] = "mayread",	[VMA_MAYWRITE] = "maywrite",
	[VMA_MAYEXEC] = "mayexec",     [VMA_MAYSHARE] = "mayshare",	[VMA_GROWSDOWN] = "growsdown",
	[VMA_LOCKED] = "locked",       [VMA_LOCKONFAULT] = "lockonfault", [VMA_DONTCOPY] = "dontcopy",
	[VMA_WIPEONFORK] = "wipeonfork", [VMA_DONTEXPAND] = "dontexpand", [VMA_DONTDUMP] = "dontdump",
	[VMA_ACCOUNT] = "account",     [VMA_NORESERVE] = "noreserve",	[VMA_SEALED] = "sealed",
	[VMA_SEQ_READ] = "seq_read",   [VMA_RAND_READ] = "rand_read",	[VMA_HUGEPAGE] = "hugepage",
	[VMA_NOHUGEPAGE] = "nohugepage", [VMA_MERGEABLE] = "mergeable",	[VMA_STACK] = "stack",
	[VMA_SOFTDIRTY] = "softdirty",
};

/* Permissions are in their own column. */
static void put_flags(struct seq *s, const struct vma *v)
{
	bool any = false;

	for (int bit = VMA_SHARED; bit < VMA_FLAG_COUNT; bit++) {
		if (!vma_test(v, (enum vma_flag)bit))
			continue;
		seq_printf(s, "%s%s", any ? "," : "", flag_name[bit] ? flag_name[bit] : "?");
		any = true;
	}
	if (!any)
		seq_putc(s, '-');
}

static int show_vma(struct seq *s, struct vma *v)
{
	unsigned long word = anon_word(v) & ANON_POINTER_MASK;
	char perm[5], *heap;
	const char *name = proc_vma_name(v, &heap);

	if (!name)
		return -ENOMEM;
	proc_vma_perm(v, perm);
	seq_printf(s, "%08lx-%08lx %s %-9s ", v->start, v->end, perm, state_name[vma_anon_state(v)]);
	if (word)
		seq_printf(s, "%8lx", (unsigned long)virt_to_phys((void *)word));
	else
		seq_printf(s, "%8s", "-");
	seq_printf(s, " %9lx ", v->anon_pgoff);
	put_flags(s, v);
	seq_putc(s, ' ');
	put_name(s, *name ? name : "-");
	seq_putc(s, '\n');
	kfree(heap);
	return 0;
}

int proc_vmas_next(struct seq *s, struct mm *mm, u64 *cookie)
{
	if (*cookie == 0)
		seq_puts(s, "START-END PERM STATE IDENTITY PGOFF FLAGS NAME\n");
	return proc_next_vma(s, mm, cookie, show_vma);
}
