/* What programs do to their memory, with every invariant checked after every step. */
#include "mm/test/scenario.h"

TEST(demand_zero_read_then_write)
{
	struct host_proc *p = host_proc_create();

	CHECK_EQ(STEP(map_at(p, BASE, 4 * PAGE_SIZE, RW, PRIVATE)), BASE);
	CHECK_EQ(STEP(load(p, BASE)), 0);
	STEP(try_store(p, BASE + PAGE_SIZE));
	store(p, BASE, 42);
	CHECK_EQ(host_check(), 0);
	CHECK_EQ(load(p, BASE), 42);
	CHECK_EQ(STEP(mm_munmap(p->mm, BASE, 4 * PAGE_SIZE)), 0);
	CHECK_EQ(try_load(p, BASE), FAULT_MAPERR);
	host_proc_exit(p);
}
