/*
 * Page-table entries: the format, and nothing but the format (Intel SDM vol. 3A, 4.5).
 *
 *   63  62..59  58..52    51..12          11..9     8   7    6   5   4    3    2    1   0
 *   NX  pkey    ignored   frame number    software  G   PS   D   A   PCD  PWT  U/S  R/W P
 *                                                       (level 2, 3 only: this entry is a leaf)
 *
 * One type serves all four levels: level 1 maps 4 KiB, level 2 tables or 2 MiB leaves, level 3
 * tables (or 1 GiB leaves, in the kernel's own map only), level 4 tables.
 *
 * An entry is one of
 *   none       all zero
 *   table      P set, PS clear, level > 1
 *   leaf       maps a frame: P set, or PROTNONE (bit 8 with P clear: PROT_NONE keeps its frame but
 *              the hardware, and so the kernel's own copies, cannot use it)
 *   marker     P and PROTNONE clear, bit 1 set: a software state without a frame, kind in bits 2..6
 *
 * Linux differs: it has a type per level (pte_t, pmd_t, ...) and so each walker several times.
 */
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#include "kernel/types.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PT_LEVELS 4
#define PT_SHIFT 9
#define PT_ENTRIES (1U << PT_SHIFT)
#define PT_LEAF_LEVEL_MAX 2 /* largest leaf in a user's map: 2 MiB */

/* Where the address bits of `level` start; how much one entry of it covers. */
#define PT_LEVEL_SHIFT(level) (PAGE_SHIFT + PT_SHIFT * ((level) - 1))
#define PT_LEVEL_SIZE(level) (1UL << PT_LEVEL_SHIFT(level))

/* User addresses: the lower half less one page, as Linux, so that no `syscall` instruction can end at the hole. */
#define TASK_SIZE ((1UL << 47) - PAGE_SIZE)

typedef struct {
	u64 val;
} pte_t;

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_G BIT(8)
#define PTE_PROTNONE BIT(8) /* with P clear */
#define PTE_SOFT_SPECIAL BIT(9) /* leaf without a counted page: the zero page */
#define PTE_NX BIT(63)
#define PTE_FRAME 0x000ffffffffff000UL
#define PTE_MARKER BIT(1) /* with P and PROTNONE clear */
#define PTE_MARKER_SHIFT 2

/* The permission bits of a leaf, as a value of their own. */
typedef struct {
	u64 val;
} pgprot_t;

enum pte_marker_kind { PTE_MARKER_GUARD = 1 };

static inline pte_t pte_of(u64 val)
{
	return (pte_t){ val };
}
#define PTE_NONE pte_of(0)

static inline bool pte_none(pte_t e)
{
	return e.val == 0;
}

/* Maps a frame, or points to a table. */
static inline bool pte_present(pte_t e)
{
	return (e.val & (PTE_P | PTE_PROTNONE)) != 0;
}

static inline bool pte_is_table(pte_t e, int level)
{
	return level > 1 && (e.val & (PTE_P | PTE_PS)) == PTE_P;
}

static inline bool pte_is_leaf(pte_t e, int level)
{
	return pte_present(e) && !pte_is_table(e, level);
}

static inline bool pte_protnone(pte_t e)
{
	return (e.val & (PTE_P | PTE_PROTNONE)) == PTE_PROTNONE;
}

static inline bool pte_is_marker(pte_t e)
{
	return !pte_present(e) && (e.val & PTE_MARKER);
}

static inline pte_t pte_make_marker(enum pte_marker_kind kind)
{
	return pte_of(PTE_MARKER | ((u64)kind << PTE_MARKER_SHIFT));
}

static inline bool pte_is_guard(pte_t e)
{
	return e.val == pte_make_marker(PTE_MARKER_GUARD).val;
}

static inline u64 pte_pfn(pte_t e)
{
	return (e.val & PTE_FRAME) >> PAGE_SHIFT;
}

static inline bool pte_write(pte_t e)
{
	return e.val & PTE_W;
}

static inline bool pte_dirty(pte_t e)
{
	return e.val & PTE_D;
}

static inline bool pte_young(pte_t e)
{
	return e.val & PTE_A;
}

static inline bool pte_exec(pte_t e)
{
	return !(e.val & PTE_NX);
}

static inline bool pte_special(pte_t e)
{
	return e.val & PTE_SOFT_SPECIAL;
}

static inline pte_t pte_set(pte_t e, u64 bits)
{
	return pte_of(e.val | bits);
}

static inline pte_t pte_clear(pte_t e, u64 bits)
{
	return pte_of(e.val & ~bits);
}

/* A leaf of `level` for frame `pfn`. */
static inline pte_t pte_make(u64 pfn, pgprot_t prot, int level)
{
	return pte_of((pfn << PAGE_SHIFT) | prot.val | (level > 1 ? PTE_PS : 0));
}

static inline pte_t pte_make_table(u64 pfn)
{
	return pte_of((pfn << PAGE_SHIFT) | PTE_P | PTE_W | PTE_U | PTE_A);
}

/* The same frame, dirty, accessed and special state under other permissions. Never adds W: the caller
 * decides that page by page (rule M2). */
static inline pte_t pte_modify(pte_t e, pgprot_t prot)
{
	const u64 keep = PTE_FRAME | PTE_A | PTE_D | PTE_SOFT_SPECIAL | PTE_PS;

	return pte_of((e.val & keep) | (prot.val & ~(PTE_W | PTE_A | PTE_D)));
}

/* User permissions -> leaf bits. Write access is granted apart, by PTE_W, when the page may be written. */
static inline pgprot_t pgprot_user(bool read, bool exec)
{
	if (!read && !exec)
		return (pgprot_t){ PTE_PROTNONE | PTE_U | PTE_NX };
	return (pgprot_t){ PTE_P | PTE_U | PTE_A | (exec ? 0 : PTE_NX) };
}

static inline unsigned int pt_index(unsigned long addr, int level)
{
	return (addr >> PT_LEVEL_SHIFT(level)) & (PT_ENTRIES - 1);
}

#endif
