/*
 * Page frames and folios.
 *
 * mem_map[pfn] describes one 4 KiB frame in 32 bytes. What the middle 16 bytes mean depends on the
 * frame's type; the type changes only while the frame has one owner.
 *
 *   bytes   0      4         8                    16                   24         28      32
 *           flags  refcount | type specific ...                       | mapcount   private |
 *   FREE            0         next, prev (pfn)                                     order
 *   FOLIO                     mapping (tagged)     index (page offset)  entries    order / swap later
 *   SLAB                      cache                next, prev (pfn)     used, first free
 *   TABLE                     mm                   lock, present, level
 *   KERNEL                    owner's business
 *
 * A folio is one frame or a power-of-two run of frames that is mapped, counted and freed as one;
 * its first frame carries the words. Today every user folio has order 0; walkers ask
 * folio_nr_pages() all the same.
 *
 *   M1  mapcount counts page-table entries, not processes; refcount >= mapcount.
 *   M2  an entry is writable only if its page is exclusive to that table (PG_EXCLUSIVE), or the
 *       mapping is shared.
 *
 * Linux differs: struct page is 64 bytes and mapcount starts at -1.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/printk.h"
#include <arch/mmu.h>

struct kmem_cache;
struct mm;

/* The identity of a folio: see mm/rmap.h. Its own type, so that a use without an accessor does not compile. */
struct folio_mapping {
	unsigned long word;
};

enum page_type {
	PAGE_RESERVED, /* never managed: firmware, holes */
	PAGE_FREE,     /* first frame of a free buddy block, or inside one, or in a per-CPU list */
	PAGE_KERNEL,   /* page_alloc() by the kernel itself: stacks, buffers */
	PAGE_SLAB,
	PAGE_TABLE,
	PAGE_FOLIO,
	PAGE_TAIL,     /* of a larger block; private is the distance to the first frame */
	PAGE_IMAGE,    /* kernel text and data, mem_map itself */
};

/* flags: type in bits 0..3, order of the block in 4..7, then single bits. */
#define PG_TYPE_MASK 0xfU
#define PG_ORDER_SHIFT 4
#define PG_ORDER_MASK (0xfU << PG_ORDER_SHIFT)
enum page_flag_bit {
	PG_LOCKED = 8,	  /* folio lock */
	PG_WAITERS,	  /* somebody sleeps for PG_LOCKED */
	PG_IDENTITY_BUSY, /* mapping is being pinned or replaced: rmap.c */
	PG_EXCLUSIVE,	  /* one table alone maps this page of an anonymous folio: may be written (M2) */
	PG_DIRTY,
	PG_REFERENCED,
	PG_UPTODATE,
	PG_LAZYFREE,	  /* MADV_FREE */
	PG_MLOCKED,
	PG_SHMEM,	  /* page of shared anonymous memory, also after a truncation took it from its object */
	PG_BUDDY,	  /* first frame of a block on a buddy list */
	PG_POISONED,	  /* debug: contents are the free pattern */
	PG_ZEROPAGE,
};

struct page {
	u32 flags;
	atomic_t refcount;
	union {
		struct { /* PAGE_FREE */
			u32 next, prev; /* pfn; 0 ends a list: frame 0 is never free */
		};
		struct { /* PAGE_FOLIO */
			struct folio_mapping mapping;
			unsigned long index;
		};
		struct { /* PAGE_SLAB; links of the cache's list of partial slabs */
			struct kmem_cache *cache;
			u32 slab_next, slab_prev;
		};
		struct { /* PAGE_TABLE */
			struct mm *table_mm;
			struct spinlock table_lock;
			u16 table_present; /* entries that are not none: none is freed before they are 0 */
			u8 table_level;
		};
		struct { /* PAGE_KERNEL */
			void *kernel_owner;
			unsigned long kernel_word;
		};
	};
	union {
		struct {
			atomic_t mapcount;
			u32 private;
		};
		struct { /* PAGE_SLAB: objects taken from the slab, number of the first free one */
			u16 slab_used, slab_free;
		};
	};
};
static_assert(sizeof(struct page) <= 40, "struct page is the memory's own overhead");

struct folio {
	struct page page;
};

extern struct page *mem_map;
extern u64 max_pfn; /* frames [0, max_pfn) have a struct page */

static inline struct page *pfn_to_page(u64 pfn)
{
	debug_assert(pfn < max_pfn);
	return &mem_map[pfn];
}

static inline u64 page_to_pfn(const struct page *p)
{
	return (u64)(p - mem_map);
}

static inline void *page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_pfn(p) << PAGE_SHIFT);
}

static inline struct page *virt_to_page(const void *v)
{
	return pfn_to_page(virt_to_phys(v) >> PAGE_SHIFT);
}

static inline enum page_type page_type(const struct page *p)
{
	return (enum page_type)(READ_ONCE(p->flags) & PG_TYPE_MASK);
}

/* Bits of flags change under different locks, so each change is one atomic operation. */
static inline bool page_test(const struct page *p, enum page_flag_bit bit)
{
	return READ_ONCE(p->flags) & BIT(bit);
}

static inline void page_set(struct page *p, enum page_flag_bit bit)
{
	__atomic_fetch_or(&p->flags, (u32)BIT(bit), __ATOMIC_SEQ_CST);
}

static inline void page_clear(struct page *p, enum page_flag_bit bit)
{
	__atomic_fetch_and(&p->flags, ~(u32)BIT(bit), __ATOMIC_SEQ_CST);
}

static inline bool page_test_and_set(struct page *p, enum page_flag_bit bit)
{
	return __atomic_fetch_or(&p->flags, (u32)BIT(bit), __ATOMIC_SEQ_CST) & BIT(bit);
}

/* The first frame of the block that p belongs to. */
static inline struct page *page_head(struct page *p)
{
	return unlikely(page_type(p) == PAGE_TAIL) ? p - p->private : p;
}

static inline unsigned int page_order(const struct page *p)
{
	return (p->flags & PG_ORDER_MASK) >> PG_ORDER_SHIFT;
}

static inline struct folio *page_folio(struct page *p)
{
	return (struct folio *)page_head(p);
}

static inline unsigned int folio_order(const struct folio *f)
{
	return page_order(&f->page);
}

static inline unsigned long folio_nr_pages(const struct folio *f)
{
	return 1UL << folio_order(f);
}

static inline u64 folio_pfn(const struct folio *f)
{
	return page_to_pfn(&f->page);
}

/* References. The last put frees the folio: identity dropped, frames back to the buddy allocator. */
static inline void folio_get(struct folio *f)
{
	debug_assert(atomic_read(&f->page.refcount) > 0);
	atomic_inc(&f->page.refcount);
}
void folio_free(struct folio *f); /* refcount has reached 0 */
static inline void folio_put(struct folio *f)
{
	debug_assert(atomic_read(&f->page.refcount) > 0);
	if (atomic_dec_and_test(&f->page.refcount))
		folio_free(f);
}
/* One reference of the folio of each page, as a zap gathered them. The array is used as scratch. */
void folio_put_many(struct page **pages, unsigned int n);

/* The folio lock: a bit in flags, sleeping, rank RANK_FOLIO. */
void folio_lock(struct folio *f);
bool folio_trylock(struct folio *f);
void folio_unlock(struct folio *f);
void folio_wait_unlocked(struct folio *f);
static inline bool folio_locked(const struct folio *f)
{
	return page_test(&f->page, PG_LOCKED);
}

void page_boot(void);

#endif
