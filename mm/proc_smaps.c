/*
 * /proc/<pid>/smaps and smaps_rollup: what a VMA's resident pages are, and whose.
 *
 * Each present page is
 *
 *	clean or dirty      dirty: written through this entry, or nothing else holds its contents (PG_DIRTY)
 *	private or shared   shared: mapcount > 1, more than one entry maps it (M1)
 *
 * and counts once in Rss, 1/mapcount times in Pss, so that the Pss of all processes add up to the memory they use.
 * The zero page is nobody's and counts nowhere.
 *
 * Locks: mmap_lock for reading; entries under their table's lock. Mapcounts of other processes' making may change
 * while they are read: each page's share is right for a moment of its own.
 *
 * Linux differs: it has swap, KSM and huge pages to tell of; their keys are here and count what there is, nothing.
 */
#include "kernel/fs/file.h"
#include "kernel/uapi/errno.h"
#include "mm/anon.h"
#include "mm/filemap.h"
#include "mm/pgtable.h"
#include "mm/proc_internal.h"

#define PSS_SHIFT 12 /* Pss is kept in 1/4096 bytes: sums of thirds stay exact enough */

struct smaps {
	unsigned long rss, shared_clean, shared_dirty, private_clean, private_dirty; /* bytes */
	unsigned long referenced, anonymous, lazyfree, anon_huge;
	u64 pss, pss_dirty, pss_anon, pss_file, pss_shmem, pss_locked; /* bytes << PSS_SHIFT */
	bool guards; /* there are markers */
};

static void account_pss(struct smaps *m, const struct folio *f, u64 pss, bool dirty, bool locked)
{
	struct address_space *cache = folio_address_space(f);

	m->pss += pss;
	if (dirty)
		m->pss_dirty += pss;
	if (locked)
		m->pss_locked += pss;
	if (folio_is_anon(f))
		m->pss_anon += pss;
	else if (cache && cache->shmem)
		m->pss_shmem += pss;
	else
		m->pss_file += pss;
}

/* One present entry, `size` bytes. => its table locked, which keeps the folio's mapping from going away */
static void account_entry(struct smaps *m, const struct vma *v, pte_t e, unsigned long size)
{
	struct page *page = pte_page(e);
	struct folio *f;
	unsigned int mapcount;
	bool dirty;

	if (!page)
		return;
	f = page_folio(page);
	mapcount = max(atomic_read(&page->mapcount), 1);
	dirty = pte_dirty(e) || page_test(&f->page, PG_DIRTY);
	m->rss += size;
	if (mapcount > 1)
		*(dirty ? &m->shared_dirty : &m->shared_clean) += size;
	else
		*(dirty ? &m->private_dirty : &m->private_clean) += size;
	if (pte_young(e) || page_test(&f->page, PG_REFERENCED))
		m->referenced += size;
	if (folio_is_anon(f)) {
		m->anonymous += size;
		if (page_test(&f->page, PG_LAZYFREE) && !pte_dirty(e))
			m->lazyfree += size;
		if (size > PAGE_SIZE)
			m->anon_huge += size;
	}
	account_pss(m, f, ((u64)size << PSS_SHIFT) / mapcount, dirty, vma_test(v, VMA_LOCKED));
}

static void account_vma(struct smaps *m, const struct vma *v)
{
	struct pt_iter it;

	pt_for_each(&it, v->mm, v->start, v->end) {
		if (pte_present(it.pte))
			account_entry(m, v, it.pte, PT_LEVEL_SIZE(it.level));
		else if (pte_is_guard(it.pte))
			m->guards = true;
	}
}

static void put_bytes(struct seq *s, const char *key, unsigned long bytes)
{
	proc_kb(s, key, bytes >> 10);
}

static void put_pss(struct seq *s, const char *key, u64 pss)
{
	proc_kb(s, key, pss >> (PSS_SHIFT + 10));
}

static void put_common(struct seq *s, const struct smaps *m, bool rollup)
{
	put_bytes(s, "Rss:", m->rss);
	put_pss(s, "Pss:", m->pss);
	put_pss(s, "Pss_Dirty:", m->pss_dirty);
	if (rollup) {
		put_pss(s, "Pss_Anon:", m->pss_anon);
		put_pss(s, "Pss_File:", m->pss_file);
		put_pss(s, "Pss_Shmem:", m->pss_shmem);
	}
	put_bytes(s, "Shared_Clean:", m->shared_clean);
	put_bytes(s, "Shared_Dirty:", m->shared_dirty);
	put_bytes(s, "Private_Clean:", m->private_clean);
	put_bytes(s, "Private_Dirty:", m->private_dirty);
	put_bytes(s, "Referenced:", m->referenced);
	put_bytes(s, "Anonymous:", m->anonymous);
	put_bytes(s, "KSM:", 0);
	put_bytes(s, "LazyFree:", m->lazyfree);
	put_bytes(s, "AnonHugePages:", m->anon_huge);
	put_bytes(s, "ShmemPmdMapped:", 0);
	put_bytes(s, "FilePmdMapped:", 0);
	put_bytes(s, "Shared_Hugetlb:", 0);
	put_bytes(s, "Private_Hugetlb:", 0);
	put_bytes(s, "Swap:", 0);
	put_bytes(s, "SwapPss:", 0);
	put_pss(s, "Locked:", m->pss_locked);
}

/* In the order of Linux's flag bits. "gu", may have guards, is no flag here. */
#define FLAG_GUARDS VMA_FLAG_COUNT
static const struct {
	enum vma_flag bit;
	char code[3];
} flag_codes[] = {
	{ VMA_READ, "rd" },	  { VMA_WRITE, "wr" },	    { VMA_EXEC, "ex" },	      { VMA_SHARED, "sh" },
	{ VMA_MAYREAD, "mr" },	  { VMA_MAYWRITE, "mw" },   { VMA_MAYEXEC, "me" },    { VMA_MAYSHARE, "ms" },
	{ VMA_GROWSDOWN, "gd" },  { FLAG_GUARDS, "gu" },    { VMA_LOCKED, "lo" },     { VMA_SEQ_READ, "sr" },
	{ VMA_RAND_READ, "rr" },
	{ VMA_DONTCOPY, "dc" },	  { VMA_DONTEXPAND, "de" }, { VMA_LOCKONFAULT, "lf" }, { VMA_ACCOUNT, "ac" },
	{ VMA_NORESERVE, "nr" },  { VMA_WIPEONFORK, "wf" }, { VMA_DONTDUMP, "dd" },   { VMA_SOFTDIRTY, "sd" },
	{ VMA_HUGEPAGE, "hg" },	  { VMA_NOHUGEPAGE, "nh" }, { VMA_MERGEABLE, "mg" },  { VMA_SEALED, "sl" },
};

static void put_vmflags(struct seq *s, const struct vma *v, bool guards)
{
	seq_puts(s, "VmFlags: ");
	for (unsigned int i = 0; i < ARRAY_SIZE(flag_codes); i++)
		if (flag_codes[i].bit == FLAG_GUARDS ? guards : vma_test(v, flag_codes[i].bit))
			seq_printf(s, "%s ", flag_codes[i].code);
	seq_putc(s, '\n');
}

static int show_smap(struct seq *s, struct vma *v)
{
	struct smaps m = { 0 };
	int err = proc_map_line(s, v);

	if (err)
		return err;
	account_vma(&m, v);
	put_bytes(s, "Size:", v->end - v->start);
	put_bytes(s, "KernelPageSize:", PAGE_SIZE);
	put_bytes(s, "MMUPageSize:", PAGE_SIZE);
	put_common(s, &m, false);
	seq_printf(s, "%-16s%8u\n", "THPeligible:", 0);
	put_vmflags(s, v, m.guards || vma_anon_state(v) == ANON_UNFAULTED);
	return 0;
}

int proc_smaps_next(struct seq *s, struct mm *mm, u64 *cookie)
{
	return proc_next_vma(s, mm, cookie, show_smap);
}

int proc_smaps_rollup(struct seq *s, struct mm *mm)
{
	struct map_numbers n = { 0 };
	struct smaps m = { 0 };
	struct vma *v;

	read_lock(&mm->mmap_lock);
	vma_tree_for_each(v, &mm->vmas) {
		if (!n.end)
			n.start = v->start;
		n.end = v->end;
		account_vma(&m, v);
		sched_yield_point();
	}
	read_unlock(&mm->mmap_lock);
	proc_map_columns(s, &n, "---p", "[rollup]");
	put_common(s, &m, true);
	return 0;
}
