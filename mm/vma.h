/*
 * Virtual memory areas: what a range of addresses means.
 *
 *   V1  0 < start < end <= TASK_SIZE, page aligned; VMAs of one mm do not overlap; the tree orders them.
 *   V2  adjacent VMAs that vma_merge_verdict() accepts have been merged by the operation that made them so,
 *       except where a reason says why not (enum vma_merge_reason).
 *   V3  for a file mapping, file_pgoff is the file page that `start` maps.
 *   V4  anon_pgoff is the page offset that anonymous folios of this VMA have at `start`:
 *       folio->index == anon_pgoff + ((address - start) >> PAGE_SHIFT). Unfaulted VMAs: start >> PAGE_SHIFT.
 *   A1  a LAZY VMA's anon_pgoff equals start >> PAGE_SHIFT.
 *   G1  a VMA whose tables hold a guard marker has UNFAULTED set, or an identity.
 *
 * Field locks: everything but `anon` changes only with mmap_lock held for writing and, because rmap walkers
 * read start, end, offsets and the tree, with the VMA's identity lock and rmap_lock for writing. `anon` goes
 * from NONE/UNFAULTED/PARENT to an identity under mmap_lock for reading plus mm->anon_lock (one winner).
 *
 * Linux differs: one pgoff serves file and anonymous memory; flags are a word; vm_area_struct has 192 bytes.
 */
#ifndef MM_VMA_H
#define MM_VMA_H

#include "kernel/lib/list.h"
#include "kernel/lib/rbtree.h"
#include "mm/page.h"

struct anon_vma;
struct file;
struct mm;

/* Flags are addressed by bit number, never tested by value: a 65th flag costs a word here and nothing elsewhere. */
enum vma_flag {
	VMA_READ,
	VMA_WRITE,
	VMA_EXEC,
	VMA_SHARED,
	VMA_MAYREAD,
	VMA_MAYWRITE,
	VMA_MAYEXEC,
	VMA_MAYSHARE,
	VMA_GROWSDOWN,
	VMA_LOCKED,
	VMA_LOCKONFAULT,
	VMA_DONTCOPY,	 /* MADV_DONTFORK */
	VMA_WIPEONFORK,
	VMA_DONTEXPAND,
	VMA_DONTDUMP,
	VMA_ACCOUNT,	 /* charged to the overcommit account */
	VMA_NORESERVE,
	VMA_SEALED,	 /* mseal */
	VMA_SEQ_READ,
	VMA_RAND_READ,
	VMA_HUGEPAGE,
	VMA_NOHUGEPAGE,
	VMA_MERGEABLE,
	VMA_STACK,	 /* the main thread's */
	VMA_SOFTDIRTY,
	VMA_FLAG_COUNT
};
#define VMA_FLAG_WORDS ((VMA_FLAG_COUNT + 63) / 64)

typedef struct {
	unsigned long bits[VMA_FLAG_WORDS];
} vma_flags_t;

static inline bool vma_flags_test(const vma_flags_t *f, enum vma_flag bit)
{
	return f->bits[bit / 64] & BIT(bit % 64);
}

static inline void vma_flags_set(vma_flags_t *f, enum vma_flag bit)
{
	f->bits[bit / 64] |= BIT(bit % 64);
}

static inline void vma_flags_clear(vma_flags_t *f, enum vma_flag bit)
{
	f->bits[bit / 64] &= ~BIT(bit % 64);
}

static inline bool vma_flags_equal(const vma_flags_t *a, const vma_flags_t *b)
{
	for (unsigned int i = 0; i < VMA_FLAG_WORDS; i++)
		if (a->bits[i] != b->bits[i])
			return false;
	return true;
}

/* The anonymous state: a tagged word. Accessors in mm/anon.h; nobody else looks inside. */
struct anon_vma_tree {
	unsigned long word;
};

struct vma {
	unsigned long start, end;
	struct mm *mm;
	vma_flags_t flags;
	struct anon_vma_tree anon;
	unsigned long anon_pgoff; /* pages (V4) */
	struct list_head anon_chain; /* struct anon_vma_chain: every anon_vma whose folios may be mapped here */
	struct file *file;	  /* a reference; NULL: anonymous */
	unsigned long file_pgoff; /* pages (V3) */
	struct rb_node i_mmap_node; /* file->mapping's interval tree (file VMAs) */
	unsigned long i_mmap_last;  /* largest last page offset in the subtree below i_mmap_node */
};
static_assert(sizeof(struct vma) <= 128, "a VMA is unreclaimable memory");

static inline bool vma_test(const struct vma *v, enum vma_flag bit)
{
	return vma_flags_test(&v->flags, bit);
}

static inline unsigned long vma_pages(const struct vma *v)
{
	return (v->end - v->start) >> PAGE_SHIFT;
}

static inline bool vma_is_anonymous(const struct vma *v) /* no file at all: private anonymous memory */
{
	return v->file == NULL;
}

/* Page offset of addr among the VMA's anonymous folios; address of such an offset. */
static inline unsigned long vma_anon_index(const struct vma *v, unsigned long addr)
{
	return v->anon_pgoff + ((addr - v->start) >> PAGE_SHIFT);
}

static inline unsigned long vma_anon_address(const struct vma *v, unsigned long index)
{
	return v->start + ((index - v->anon_pgoff) << PAGE_SHIFT);
}

/* Leaf permissions without W: writes are granted page by page (M2). */
pgprot_t vma_pgprot(const struct vma *v);
/* May an entry of this VMA be writable at all? */
static inline bool vma_may_write_entry(const struct vma *v)
{
	return vma_test(v, VMA_WRITE);
}
static inline bool vma_is_cow(const struct vma *v) /* private and potentially writable: writes make anonymous folios */
{
	return !vma_test(v, VMA_SHARED) && vma_test(v, VMA_MAYWRITE);
}

#endif
