/*
 * The slow halves of the walks: from table to table. See pgtable.h; descending without locks: pgtable.c.
 */
#include "kernel/uapi/errno.h"
#include "mm/mm.h"
#include "mm/pgtable_internal.h"

/* The first level-2 slot that is not none for an address in [*addr, end); *addr moves up to the first address in
 * question. NULL: none. */
static pte_t *next_slot2(struct mm *mm, unsigned long *addr, unsigned long end)
{
	unsigned long a = *addr;

	while (a < end) {
		pte_t e = pte_read(&mm->top[pt_index(a, 4)]);
		int level = 4;

		if (!pte_none(e)) {
			e = pte_read(&pte_table(e)[pt_index(a, 3)]);
			level = 3;
		}
		if (!pte_none(e)) {
			pte_t *slot2 = &pte_table(e)[pt_index(a, 2)];

			if (!pte_none(pte_read(slot2))) {
				*addr = a;
				return slot2;
			}
			level = 2;
		}
		a = ALIGN_DOWN(a, PT_LEVEL_SIZE(level)) + PT_LEVEL_SIZE(level);
	}
	return NULL;
}

static bool iter_scan(struct pt_iter *it)
{
	for (pte_t *slot = it->slot; slot < it->limit; slot++) {
		it->pte = pte_read(slot);
		if (pte_none(it->pte))
			continue;
		it->slot = slot;
		it->addr = it->origin + ((unsigned long)slot << PT_SHIFT);
		return true;
	}
	return false;
}

/* Take a level-1 table in hand, locked, for addresses [addr, it->next). */
static void iter_open_table(struct pt_iter *it, struct page *table, unsigned long addr) NO_THREAD_SAFETY
{
	pte_t *slots = page_to_virt(table);

	spin_lock(&table->table_lock);
	it->table = table;
	it->level = 1;
	it->slot = slots + pt_index(addr, 1);
	it->limit = it->slot + DIV_ROUND_UP(it->next - addr, PAGE_SIZE);
	it->origin = ALIGN_DOWN(addr, PT_LEVEL_SIZE(2)) - ((unsigned long)slots << PT_SHIFT);
}

/* Take a large leaf or marker in hand, its level-2 table locked. => false: it is none of these any more */
static bool iter_open_large(struct pt_iter *it, pte_t *slot2, unsigned long addr) NO_THREAD_SAFETY
{
	struct page *table = virt_to_page(slot2);

	spin_lock(&table->table_lock);
	it->pte = pte_read(slot2);
	if (pte_none(it->pte) || pte_is_table(it->pte, 2)) {
		spin_unlock(&table->table_lock);
		return false;
	}
	it->table = table;
	it->level = 2;
	it->slot = slot2;
	it->limit = slot2 + 1;
	it->addr = ALIGN_DOWN(addr, PT_LEVEL_SIZE(2));
	return true;
}

static void iter_close(struct pt_iter *it)
{
	pt_iter_end(it);
	it->slot = it->limit = &it->pte;
}

bool pt_iter_next_table(struct pt_iter *it)
{
	unsigned long addr = it->next;
	pte_t *slot2;

	iter_close(it);
	while ((slot2 = next_slot2(it->mm, &addr, it->end))) {
		pte_t e = pte_read(slot2);

		it->next = min(it->end, ALIGN_DOWN(addr, PT_LEVEL_SIZE(2)) + PT_LEVEL_SIZE(2));
		if (pte_is_table(e, 2)) {
			if (READ_ONCE(pfn_to_page(pte_pfn(e))->table_present)) {
				iter_open_table(it, pfn_to_page(pte_pfn(e)), addr);
				if (iter_scan(it))
					return true;
				iter_close(it);
			}
		} else if (iter_open_large(it, slot2, addr)) {
			return true;
		} else {
			continue; /* look at the slot again */
		}
		addr = it->next;
	}
	it->next = it->end;
	return false;
}

void pt_iter_relax(struct pt_iter *it) NO_THREAD_SAFETY
{
	spin_unlock(&it->table->table_lock);
	spin_lock(&it->table->table_lock);
}

/* ---- Pairs ---- */

void pt_pair_end(struct pt_pair *p) NO_THREAD_SAFETY
{
	if (p->dst_table && p->dst_table != p->src.table)
		spin_unlock(&p->dst_table->table_lock);
	p->dst_table = NULL;
	iter_close(&p->src);
}

/* The destination's table joins the source's. => source table locked */
static void pair_open(struct pt_pair *p, pte_t *dst_slot) NO_THREAD_SAFETY
{
	p->dst_table = virt_to_page(dst_slot);
	p->slot_shift = (char *)dst_slot - (char *)p->src.slot;
	p->dst_slot = dst_slot;
	p->dst_addr = p->src.addr + p->shift;
	if (p->dst_table != p->src.table)
		spin_lock_nested(&p->dst_table->table_lock); /* P6 */
}

/* Pages: a stretch that lies in one table on both sides, [addr, src.next). => whether an entry is in hand */
static bool pair_open_tables(struct pt_pair *p, struct page *table, unsigned long addr) NO_THREAD_SAFETY
{
	const unsigned long dst_addr = addr + p->shift;
	const unsigned long left = PT_LEVEL_SIZE(2) - (dst_addr & (PT_LEVEL_SIZE(2) - 1));
	unsigned long first;
	pte_t *dst;

	p->src.next = min(p->src.next, addr + left);
	iter_open_table(&p->src, table, addr);
	if (!iter_scan(&p->src)) {
		iter_close(&p->src);
		return false;
	}
	/* mmap_lock is held for writing: nothing comes or goes while the lock is dropped to make a table */
	first = p->src.addr;
	spin_unlock(&table->table_lock);
	dst = pt_slot_make(p->dst_mm, first + p->shift, &p->err);
	spin_lock(&table->table_lock);
	if (!dst) {
		p->dst_addr = first + p->shift;
		return false;
	}
	p->err = 0;
	pair_open(p, dst);
	return true;
}

/* A large leaf or marker goes as such only to where one may stand. */
static bool pair_open_large(struct pt_pair *p, pte_t *slot2, unsigned long addr) NO_THREAD_SAFETY
{
	const unsigned long base = ALIGN_DOWN(addr, PT_LEVEL_SIZE(2));
	struct spinlock *lock;
	pte_t *dst;

	p->src.addr = base;
	p->dst_addr = base + p->shift;
	p->err = -EEXIST;
	if (base != addr || base + PT_LEVEL_SIZE(2) > p->src.end || !IS_ALIGNED(p->shift, PT_LEVEL_SIZE(2)))
		return false;
	dst = pt_slot2_alloc(p->dst_mm, p->dst_addr, &lock);
	if (!dst) {
		p->err = -ENOMEM;
		return false;
	}
	spin_unlock(lock);
	if (!pte_none(pte_read(dst)))
		return false;
	p->err = 0;
	assert(iter_open_large(&p->src, slot2, addr)); /* nobody else is here: mmap_lock */
	pair_open(p, dst);
	return true;
}

bool pt_pair_next_table(struct pt_pair *p)
{
	struct pt_iter *it = &p->src;
	unsigned long addr = it->next;
	pte_t *slot2;

	pt_pair_end(p);
	while ((slot2 = next_slot2(it->mm, &addr, it->end))) {
		pte_t e = pte_read(slot2);
		struct page *table = pfn_to_page(pte_pfn(e));
		bool found = false;

		it->next = min(it->end, ALIGN_DOWN(addr, PT_LEVEL_SIZE(2)) + PT_LEVEL_SIZE(2));
		if (!pte_is_table(e, 2))
			found = pair_open_large(p, slot2, addr);
		else if (table->table_present)
			found = pair_open_tables(p, table, addr);
		if (found)
			return true;
		if (p->err)
			break;
		addr = it->next;
	}
	pt_pair_end(p);
	return false;
}

/* The tables in hand, in a loop of their own: a large move is nothing but this. */
static void pair_move_table(struct pt_pair *p)
{
	const long shift = p->slot_shift;
	unsigned int moved = 0;

	for (pte_t *slot = p->src.slot; slot < p->src.limit; slot++) {
		pte_t *dst = (pte_t *)((char *)slot + shift);

		if (pte_none(pte_read(slot)))
			continue;
		debug_assert(pte_none(*dst));
		WRITE_ONCE(dst->val, xchg(&slot->val, 0UL)); /* the hardware may set A and D at any time */
		moved++;
	}
	p->src.table->table_present -= (u16)moved;
	p->dst_table->table_present += (u16)moved;
}

int pt_move_entries(struct mm *mm, unsigned long start, unsigned long end, unsigned long dst)
{
	struct pt_pair p;

	pt_pair_init(&p, mm, start, end, mm, dst);
	while (pt_pair_next_table(&p))
		pair_move_table(&p);
	return p.err;
}
