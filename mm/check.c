/*
 * mm_check(): every numbered invariant, by brute force, over all address spaces, tables, folios and identities.
 *
 * The world is stopped for mm: every mmap_lock is held for writing (taken by trylock, all or none, so no order between
 * them is needed), and mm_quiesce keeps truncation out. Then two independent ways to the same facts are compared:
 *
 *	scan     every entry of every table: how often is each frame mapped, by whom, with what permission
 *	claims   mapcount, refcount, flags, mapping, index, VMA words, chains, counters, and what rmap_walk() finds
 *
 *   T1 T2      tree order, fill, gaps                      vma_tree_check()
 *   P1 P5      tables' entry counts, levels                pt_check()
 *   V1 V3 V4   bounds; offsets of unfaulted VMAs; every entry lies in a VMA that allows it
 *   A1         a LAZY VMA's offset is its page number
 *   A2         a walk finds exactly the entries that the scan found, folio by folio
 *   A3         identities' reference counts are exact
 *   A5         VMAs of one anon_vma have equal chains; active VMAs are counted
 *   C4         a file VMA is in its object's tree
 *   G1         a marker lies in a VMA whose state says that there may be one
 *   M1 M2      entries per page; a writable private entry is the only one
 *   O1 R1      committed and resident counters equal the sum of what they count
 *
 * Each broken rule is printed with its number and what was found; the checker never panics.
 */
#include "kernel/fs/file.h"
#include "kernel/printk.h"
#include "kernel/seq.h"
#include "kernel/sysctl.h"
#include "kernel/task.h"
#include "mm/account.h"
#include "mm/buddy.h"
#include "mm/filemap.h"
#include "mm/mm_list.h"
#include "mm/pgtable.h"
#include "mm/proc_mm.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/vma_ops.h"
#include <arch/cpu.h>

long mm_check_always;
SYSCTL(sysctl_check, .name = "quire.check", .value = &mm_check_always, .min = 0, .max = 1, .mode = 0644);

struct rwlock mm_quiesce;
static struct mutex check_lock; /* one checker at a time */

void check_boot(void)
{
	rwlock_init(&mm_quiesce, RANK_MM_QUIESCE);
	mutex_init(&check_lock, RANK_MM_CHECK);
}

#define COUNTS_PER_CHUNK (PAGE_SIZE / sizeof(u32))
#define REPORTS_MAX 20 /* more would say the same again */

struct check {
	struct seq *s;
	int broken;
	struct mm **mms;
	unsigned int nr_mms;
	u32 **entries;	   /* per frame: leaves that map it, in chunks made on demand */
	size_t nr_chunks;
	bool no_memory;
	struct mm *mm;	   /* being scanned */
	long rss[MM_COUNTERS];
};

static void broken(struct check *c, const char *rule, const char *fmt, ...) __printf(3, 4);
static void broken(struct check *c, const char *rule, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (c->broken++ >= REPORTS_MAX)
		return;
	pr_err("mm_check: %s broken: %s", rule, what);
	if (c->s)
		seq_printf(c->s, "%s: %s\n", rule, what);
}

/* ---- Stopping the world ---- */

static void unlock_first(struct check *c, unsigned int n) NO_THREAD_SAFETY
{
	while (n--)
		write_unlock(&c->mms[n]->mmap_lock);
}

static bool trylock_all(struct check *c) NO_THREAD_SAFETY
{
	for (unsigned int i = 0; i < c->nr_mms; i++) {
		if (write_trylock(&c->mms[i]->mmap_lock))
			continue;
		unlock_first(c, i);
		return false;
	}
	return true;
}

/* The mms there are now, each with a count reference. => false: no memory */
static bool gather_mms(struct check *c)
{
	unsigned int room = 64;
	struct mm *mm;

	for (;; room *= 2) {
		bool fits = true;

		c->mms = kmalloc(room * sizeof(struct mm *));
		if (!c->mms)
			return false;
		c->nr_mms = 0;
		mutex_lock(&all_mms_lock);
		list_for_each_entry(mm, &all_mms, all_node) {
			if (c->nr_mms == room) {
				fits = false;
				break;
			}
			mm_count_get(mm);
			c->mms[c->nr_mms++] = mm;
		}
		mutex_unlock(&all_mms_lock);
		if (fits)
			return true;
		while (c->nr_mms)
			mm_count_put(c->mms[--c->nr_mms]);
		kfree(c->mms);
	}
}

static void release_mms(struct check *c)
{
	while (c->nr_mms)
		mm_count_put(c->mms[--c->nr_mms]);
	kfree(c->mms);
	c->mms = NULL;
}

/* Is the list still what was gathered? A new mm could map pages unseen. */
static bool list_unchanged(struct check *c)
{
	unsigned int i = 0;
	struct mm *mm;
	bool same = true;

	mutex_lock(&all_mms_lock);
	list_for_each_entry(mm, &all_mms, all_node)
		same = same && i < c->nr_mms && c->mms[i++] == mm;
	mutex_unlock(&all_mms_lock);
	return same && i == c->nr_mms;
}

static bool stop_world(struct check *c) TRY_ACQUIRES(true, mm_quiesce)
{
	for (;;) {
		if (!gather_mms(c))
			return false;
		write_lock(&mm_quiesce);
		if (trylock_all(c)) {
			if (list_unchanged(c))
				return true;
			unlock_first(c, c->nr_mms);
		}
		write_unlock(&mm_quiesce);
		release_mms(c);
		schedule_timeout(cpu_clock() + 1000000); /* 1 ms: whoever holds a lock goes on */
	}
}

static void resume_world(struct check *c) RELEASES(mm_quiesce)
{
	unlock_first(c, c->nr_mms);
	write_unlock(&mm_quiesce);
	release_mms(c);
}

/* ---- The scan ---- */

static u32 *entry_count(struct check *c, u64 pfn)
{
	u32 **chunk = &c->entries[pfn / COUNTS_PER_CHUNK];

	if (!*chunk) {
		struct page *p = page_alloc(0, PAGE_KERNEL, GFP_ZERO);

		if (!p) {
			c->no_memory = true;
			return NULL;
		}
		*chunk = page_to_virt(p);
	}
	return &(*chunk)[pfn % COUNTS_PER_CHUNK];
}

static u32 entries_of(struct check *c, u64 pfn)
{
	u32 *chunk = c->entries[pfn / COUNTS_PER_CHUNK];

	return chunk ? chunk[pfn % COUNTS_PER_CHUNK] : 0;
}

static void scan_leaf(struct check *c, struct vma *v, const struct pt_iter *it)
{
	struct page *page = pte_page(it->pte);
	bool is_private = !vma_test(v, VMA_SHARED);
	u32 *n;

	if (pte_write(it->pte) && !vma_test(v, VMA_WRITE))
		broken(c, "V1", "%lx is writable, its VMA is not", it->addr);
	if (!pte_protnone(it->pte) && pte_exec(it->pte) && !vma_test(v, VMA_EXEC))
		broken(c, "V1", "%lx is executable, its VMA is not", it->addr);
	if (!page) {
		if (pte_write(it->pte))
			broken(c, "M2", "%lx may write the zero page", it->addr);
		return;
	}
	if (page_type(page) != PAGE_FOLIO && page_type(page) != PAGE_TAIL) {
		broken(c, "M1", "%lx maps frame %lx, which is no folio", it->addr, (unsigned long)pte_pfn(it->pte));
		return;
	}
	c->rss[folio_counter(page_folio(page))] += PT_LEVEL_SIZE(it->level) >> PAGE_SHIFT;
	n = entry_count(c, pte_pfn(it->pte));
	if (n)
		++*n;
	if (is_private && pte_write(it->pte) && !page_test(page, PG_EXCLUSIVE))
		broken(c, "M2", "%lx may write page %lx, which is not exclusive", it->addr, (unsigned long)pte_pfn(it->pte));
	if (folio_is_anon(page_folio(page)) && !vma_has_anon_identity(v))
		broken(c, "A2", "%lx maps an anonymous folio, its VMA has no identity", it->addr);
}

static void scan_tables(struct check *c, struct mm *mm)
{
	struct vma *v = NULL;
	struct pt_iter it;

	pt_for_each(&it, mm, 0, TASK_SIZE) {
		if (!v || it.addr >= v->end)
			v = vma_tree_find(&mm->vmas, it.addr);
		if (!v || it.addr < v->start) {
			broken(c, "V1", "entry %lx at %lx lies in no VMA", (unsigned long)it.pte.val, it.addr);
			v = NULL;
		} else if (pte_is_leaf(it.pte, it.level)) {
			scan_leaf(c, v, &it);
		} else if (!vma_may_have_page_tables(v)) {
			broken(c, "G1", "marker at %lx in a VMA of state NONE", it.addr);
		}
	}
}

/* ---- Claims of VMAs ---- */

static bool in_i_mmap(struct vma *v)
{
	struct address_space *m = file_mapping(v->file);
	struct vma *u;
	bool found = false;

	filemap_lock_maps(v->file);
	mapping_for_each_vma(u, m, v->file_pgoff, v->file_pgoff)
		found = found || u == v;
	filemap_unlock_maps(v->file);
	return found;
}

static bool in_anon_tree(struct anon_vma_chain *avc)
{
	unsigned long first = avc->vma->anon_pgoff;
	struct anon_vma_chain *a;

	for (a = anon_vma_first(avc->anon_vma, first, first); a; a = anon_vma_next(a, first, first))
		if (a == avc)
			return true;
	return false;
}

static void check_chains(struct check *c, struct vma *v)
{
	struct anon_vma_chain *avc;
	bool own_seen = vma_anon_state(v) < ANON_PARENT;

	list_for_each_entry(avc, &v->anon_chain, same_vma) {
		avc->anon_vma->check_refs++;
		if (avc->vma != v)
			broken(c, "A2", "chain of %lx-%lx belongs to another VMA", v->start, v->end);
		read_lock(&avc->anon_vma->root->lock);
		if (!in_anon_tree(avc))
			broken(c, "A2", "%lx-%lx is not in the tree of its anon_vma", v->start, v->end);
		read_unlock(&avc->anon_vma->root->lock);
		own_seen = own_seen || avc->anon_vma == vma_anon_vma(v);
	}
	if (!own_seen)
		broken(c, "A5", "%lx-%lx is not linked to the anon_vma it names", v->start, v->end);
	if (vma_anon_state(v) == ANON_REGULAR)
		vma_anon_vma(v)->check_active++;
	if (vma_anon_state(v) <= ANON_LAZY && !list_empty(&v->anon_chain))
		broken(c, "A2", "%lx-%lx has chains but no anon_vma", v->start, v->end);
}

static void check_vma(struct check *c, struct vma *v)
{
	if (v->start >= v->end || v->end > TASK_SIZE || !IS_ALIGNED(v->start | v->end, PAGE_SIZE))
		broken(c, "V1", "VMA %lx-%lx", v->start, v->end);
	if (v->mm != c->mm)
		broken(c, "V1", "VMA %lx-%lx belongs to another mm", v->start, v->end);
	if (vma_anon_state(v) == ANON_LAZY && v->anon_pgoff != v->start >> PAGE_SHIFT)
		broken(c, "A1", "LAZY VMA %lx-%lx has offset %lx", v->start, v->end, v->anon_pgoff);
	if (!vma_has_anon_identity(v) && v->anon_pgoff != v->start >> PAGE_SHIFT)
		broken(c, "V4", "unfaulted VMA %lx-%lx has offset %lx", v->start, v->end, v->anon_pgoff);
	if (v->file && !in_i_mmap(v))
		broken(c, "C4", "VMA %lx-%lx is not in its file's tree", v->start, v->end);
	check_chains(c, v);
}

static void check_sums(struct check *c, struct mm *mm)
{
	unsigned long total = 0, locked = 0, charged = 0;
	struct vma *v;

	vma_tree_for_each(v, &mm->vmas) {
		total += vma_pages(v);
		locked += vma_test(v, VMA_LOCKED) ? vma_pages(v) : 0;
		charged += vma_test(v, VMA_ACCOUNT) ? vma_pages(v) : 0;
	}
	if (total != mm->total_vm || locked != mm->locked_vm)
		broken(c, "O1", "mm %p: total_vm %lu of %lu, locked %lu of %lu", (void *)mm, mm->total_vm, total,
		       mm->locked_vm, locked);
	if (charged != mm->committed)
		broken(c, "O1", "mm %p: committed %lu, VMAs say %lu", (void *)mm, mm->committed, charged);
	for (int i = 0; i < MM_COUNTERS; i++)
		if (atomic_read(&mm->counters[i]) != c->rss[i])
			broken(c, "R1", "mm %p: resident counter %d says %ld, tables %ld", (void *)mm, i,
			       atomic_read(&mm->counters[i]), c->rss[i]);
}

/* The checker's own counts in anon_vmas start at 0. */
static void reset_anon_vmas(struct mm *mm)
{
	struct anon_vma_chain *avc;
	struct vma *v;

	vma_tree_for_each(v, &mm->vmas)
		list_for_each_entry(avc, &v->anon_chain, same_vma)
			avc->anon_vma->check_refs = avc->anon_vma->check_active = 0;
}

static void check_mm(struct check *c, struct mm *mm)
{
	const char *sentence;
	struct vma *v;

	c->mm = mm;
	for (int i = 0; i < MM_COUNTERS; i++)
		c->rss[i] = 0;
	if (!mm->top)
		return; /* torn down, not yet off the list */
	sentence = vma_tree_check(&mm->vmas);
	if (sentence)
		broken(c, "T1", "%s", sentence);
	sentence = pt_check(mm);
	if (sentence)
		broken(c, "P1", "%s", sentence);
	vma_tree_for_each(v, &mm->vmas)
		check_vma(c, v);
	scan_tables(c, mm);
	check_sums(c, mm);
}

/* ---- Claims of folios ---- */

static void count_name(struct folio *f)
{
	struct identity id = { folio_mapping_word(f) };

	if (identity_to_anon_vma(id))
		identity_to_anon_vma(id)->check_refs++;
	else if (identity_to_lazy_root(id))
		container_of(identity_to_lazy_root(id), struct mm, lazy_root)->check_refs++;
}

static void check_folio(struct check *c, struct folio *f)
{
	unsigned long n = folio_nr_pages(f), pfn = folio_pfn(f), entries = 0;
	struct rmap_result found;

	for (unsigned long i = 0; i < n; i++) {
		u32 scanned = entries_of(c, pfn + i);

		entries += scanned;
		if ((u32)atomic_read(&mem_map[pfn + i].mapcount) != scanned)
			broken(c, "M1", "page %lx: mapcount %d, %u entries", pfn + i,
			       atomic_read(&mem_map[pfn + i].mapcount), scanned);
		if (page_test(&mem_map[pfn + i], PG_EXCLUSIVE) && scanned > 1)
			broken(c, "M2", "page %lx is exclusive and mapped %u times", pfn + i, scanned);
	}
	if ((unsigned long)atomic_read(&f->page.refcount) < entries)
		broken(c, "M1", "folio %lx: %d references, %lu entries", pfn, atomic_read(&f->page.refcount), entries);
	count_name(f);
	if (!entries)
		return;
	found = rmap_walk(f, NULL, NULL);
	if (found.found != entries)
		broken(c, "A2", "folio %lx, mapping %lx index %lx: a walk finds %u entries, the tables hold %lu", pfn,
		       folio_mapping_word(f), f->page.index, found.found, entries);
}

static void check_folios(struct check *c)
{
	for (u64 pfn = 0; pfn < max_pfn; pfn++) {
		struct page *p = &mem_map[pfn];

		if (page_type(p) == PAGE_FOLIO && atomic_read(&p->refcount) > 0)
			check_folio(c, (struct folio *)p);
	}
}

/* ---- Claims of identities ---- */

/* References from descendants: each anon_vma met through a chain counts once, on its parent and its root. */
static void count_descent(struct mm *mm, bool mark)
{
	struct anon_vma_chain *avc;
	struct vma *v;

	vma_tree_for_each(v, &mm->vmas) {
		list_for_each_entry(avc, &v->anon_chain, same_vma) {
			struct anon_vma *av = avc->anon_vma;

			if (av->check_seen == mark || !av->parent) {
				av->check_seen = mark;
				continue;
			}
			av->check_seen = mark;
			if (mark) {
				av->parent->check_refs++;
				av->root->check_refs++;
			}
		}
	}
}

static void check_identities(struct check *c, struct mm *mm)
{
	struct anon_vma_chain *avc;
	struct vma *v;

	vma_tree_for_each(v, &mm->vmas) {
		list_for_each_entry(avc, &v->anon_chain, same_vma) {
			struct anon_vma *av = avc->anon_vma;

			/* Descendants without a VMA that live on through a folio are not met here: at least so many. */
			if (atomic_read(&av->refs) < av->check_refs)
				broken(c, "A3", "anon_vma %p: %d references, %d counted", (void *)av,
				       atomic_read(&av->refs), av->check_refs);
			if ((int)av->num_active_vmas != av->check_active)
				broken(c, "A5", "anon_vma %p: %u active VMAs, %d counted", (void *)av,
				       av->num_active_vmas, av->check_active);
		}
	}
	/* One that this checker holds, one for the users as a whole: a last mm_put() may be dropping that one just now. */
	if (atomic_read(&mm->count) < mm->check_refs + 1 + (mm->top != NULL))
		broken(c, "A3", "mm %p: count %d, %d folios name it", (void *)mm, atomic_read(&mm->count), mm->check_refs);
}

/* ---- All of it ---- */

static void check_world(struct check *c)
{
	for (unsigned int i = 0; i < c->nr_mms; i++) {
		c->mms[i]->check_refs = 0;
		reset_anon_vmas(c->mms[i]);
	}
	for (unsigned int i = 0; i < c->nr_mms; i++)
		count_descent(c->mms[i], false);
	for (unsigned int i = 0; i < c->nr_mms; i++)
		check_mm(c, c->mms[i]);
	for (unsigned int i = 0; i < c->nr_mms; i++)
		count_descent(c->mms[i], true);
	check_folios(c);
	for (unsigned int i = 0; i < c->nr_mms; i++)
		check_identities(c, c->mms[i]);
}

static void free_counts(struct check *c)
{
	for (size_t i = 0; c->entries && i < c->nr_chunks; i++)
		if (c->entries[i])
			page_free(virt_to_page(c->entries[i]), 0);
	kfree(c->entries);
}

/* => check_lock held */
static int check_locked(struct seq *s)
{
	struct check c = { .s = s, .nr_chunks = DIV_ROUND_UP(max_pfn, COUNTS_PER_CHUNK) };

	c.entries = kzalloc(c.nr_chunks * sizeof(u32 *));
	if (c.entries && stop_world(&c)) {
		check_world(&c);
		resume_world(&c);
	} else {
		c.no_memory = true;
	}
	free_counts(&c);
	if (c.no_memory) {
		pr_warn("mm_check: not enough memory to check");
		if (s)
			seq_puts(s, "not checked: no memory\n");
	}
	return c.broken;
}

int mm_check(struct seq *s)
{
	int broken;

	mutex_lock(&check_lock);
	broken = check_locked(s);
	mutex_unlock(&check_lock);
	return broken;
}

/* ---- /sys/kernel/mm/quire/check ---- */

/* check_lock */
static char report[REPORTS_MAX * 192]; /* what the last check said, beyond its first line */
static size_t report_len;
static int report_broken = -1; /* -1: none has run */

void sys_check_run(void)
{
	struct seq s = { .buf = report, .size = sizeof(report) };

	mutex_lock(&check_lock);
	report_broken = check_locked(&s);
	report_len = s.count;
	mutex_unlock(&check_lock);
}

int sys_check_show(struct seq *s)
{
	mutex_lock(&check_lock);
	if (report_broken < 0)
		seq_puts(s, "not run\n");
	else if (report_broken == 0)
		seq_puts(s, "ok\n");
	else
		seq_printf(s, "broken %d\n", report_broken);
	seq_write(s, report, report_len);
	mutex_unlock(&check_lock);
	return 0;
}
