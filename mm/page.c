/*
 * Folios: the lock, and the end.
 *
 * The folio lock is one bit, because a lock with a queue would cost more than the rest of struct page. Who has to
 * wait sets PG_WAITERS and sleeps in one of a few queues shared by all folios (by hash); unlocking looks at
 * PG_WAITERS in the same atomic operation that clears PG_LOCKED, so the common unlock wakes nobody:
 *
 *	unlock: flags &= ~(LOCKED|WAITERS)          wait: queue up; set WAITERS; LOCKED still set? sleep
 *	        WAITERS was set? wake the queue
 *
 * Either the waiter sees LOCKED clear, or the unlocker sees WAITERS. A waiter of another folio in the same queue
 * wakes for nothing and looks again; its own folio's WAITERS bit is untouched.
 *
 * A folio whose last reference is put is mapped nowhere and in no cache. Its anonymous identity is dropped with it
 * (A3), then its frames go back.
 *
 * Locks: RANK_FOLIO for the bit; queues RANK_WAITQ.
 */
#include "mm/page.h"
#include "kernel/lib/hash.h"
#include "kernel/task.h"
#include "mm/anon.h"
#include "mm/buddy.h"

#define QUEUE_BITS 6 /* 64 queues: a handful of folios is waited for at any time */

static struct waitq queues[1U << QUEUE_BITS];

static struct waitq *folio_queue(const struct folio *f)
{
	return &queues[hash_u64(folio_pfn(f), QUEUE_BITS)];
}

void page_boot(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(queues); i++)
		waitq_init(&queues[i]);
}

bool folio_trylock(struct folio *f)
{
	return !page_test_and_set(&f->page, PG_LOCKED);
}

static __noinline void folio_lock_slow(struct folio *f)
{
	struct waitq *wq = folio_queue(f);
	struct waiter w = {};

	for (;;) {
		waitq_prepare(wq, &w, false);
		page_set(&f->page, PG_WAITERS);
		if (folio_trylock(f))
			break;
		schedule();
	}
	waitq_finish(wq, &w);
}

void folio_lock(struct folio *f)
{
	debug_assert(atomic_read(&f->page.refcount) > 0 && lock_may_sleep());
	if (unlikely(!folio_trylock(f)))
		folio_lock_slow(f);
}

void folio_unlock(struct folio *f)
{
	const u32 bits = BIT(PG_LOCKED) | BIT(PG_WAITERS);
	u32 old = __atomic_fetch_and(&f->page.flags, ~bits, __ATOMIC_SEQ_CST);

	debug_assert(old & BIT(PG_LOCKED));
	if (unlikely(old & BIT(PG_WAITERS)))
		waitq_wake_all(folio_queue(f));
}

void folio_wait_unlocked(struct folio *f)
{
	struct waitq *wq = folio_queue(f);
	struct waiter w = {};

	if (!folio_locked(f))
		return;
	for (;;) {
		waitq_prepare(wq, &w, false);
		page_set(&f->page, PG_WAITERS);
		if (!folio_locked(f))
			break;
		schedule();
	}
	waitq_finish(wq, &w);
}

/* What must hold of a folio that nobody refers to any more. */
static void folio_assert_unused(const struct folio *f)
{
	assert(page_type(&f->page) == PAGE_FOLIO);
	assert(atomic_read(&f->page.mapcount) == 0);
	debug_assert(!folio_locked(f) && !page_test(&f->page, PG_IDENTITY_BUSY));
}

void folio_free(struct folio *f)
{
	unsigned long word = f->page.mapping.word;

	folio_assert_unused(f);
	if (word & FOLIO_MAPPING_FLAGS)
		identity_put((struct identity){ word });
	page_free(&f->page, folio_order(f));
}

/* n folios that named the same identity are gone. All references but one go at once: they are not the last. */
static void identity_drop(unsigned long word, unsigned int n)
{
	struct identity id = { word };
	struct anon_vma *av;

	if (!n || !(word & FOLIO_MAPPING_FLAGS))
		return;
	av = identity_to_anon_vma(id);
	if (av)
		atomic_sub(&av->refs, (int)n - 1);
	else
		atomic_sub(&container_of(identity_to_lazy_root(id), struct mm, lazy_root)->count, (int)n - 1);
	identity_put(id);
}

void folio_put_many(struct page **pages, unsigned int n)
{
	unsigned int nr_dead = 0, nr_same = 0;
	unsigned long same = 0; /* neighbours mostly have one identity: it is dropped once for all of them */

	for (unsigned int i = 0; i < n; i++) {
		struct page *p = pages[i];

		debug_assert(atomic_read(&page_head(p)->refcount) > 0);
		if (unlikely((READ_ONCE(p->flags) & (PG_TYPE_MASK | PG_ORDER_MASK)) != PAGE_FOLIO)) {
			folio_put(page_folio(p)); /* of a large one */
			continue;
		}
		if (likely(atomic_read(&p->refcount) == 1)) /* ours: nobody can come by another */
			atomic_set(&p->refcount, 0);
		else if (!atomic_dec_and_test(&p->refcount))
			continue;
		assert(atomic_read(&p->mapcount) == 0);
		debug_assert(!page_test(p, PG_LOCKED) && !page_test(p, PG_IDENTITY_BUSY));
		if (unlikely(p->mapping.word != same)) {
			identity_drop(same, nr_same);
			same = p->mapping.word;
			nr_same = 0;
		}
		nr_same++;
		pages[nr_dead++] = p;
	}
	identity_drop(same, nr_same);
	page_free_many(pages, nr_dead);
}
