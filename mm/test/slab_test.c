/* Object caches and kmalloc. */
#include "kernel/lib/string.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include "mm/test/harness.h"

#define OBJECTS 3000

static struct {
	u8 *p;
	size_t n;
	u8 mark;
} held[OBJECTS];

static void release(unsigned int i)
{
	for (size_t k = 0; held[i].p && k < held[i].n; k++)
		if (held[i].p[k] != held[i].mark) {
			test_failed(__FILE__, __LINE__, "byte %zu of %zu is no longer the owner's", k, held[i].n);
			break;
		}
	kfree(held[i].p);
	held[i].p = NULL;
}

static size_t random_size(void)
{
	switch (test_below(10)) {
	case 0:
		return 1 + test_below(20000);
	case 1:
		return 1 + test_below(2048);
	default:
		return 1 + test_below(300);
	}
}

static void take(unsigned int i)
{
	held[i].n = random_size();
	held[i].mark = (u8)test_random();
	held[i].p = kmalloc(held[i].n);
	if (!held[i].p)
		return;
	CHECK(IS_ALIGNED((unsigned long)held[i].p, 16));
	CHECK(kmalloc_size(held[i].p) >= held[i].n);
	memset(held[i].p, held[i].mark, held[i].n);
}

TEST(random_sizes_never_overlap)
{
	for (int step = 0; step < 60000 && !test_has_failed(); step++) {
		unsigned int i = (unsigned int)test_below(OBJECTS);

		if (held[i].p)
			release(i);
		else
			take(i);
		if (step % 20000 == 10000)
			kmem_cache_reap_all();
	}
	for (unsigned int i = 0; i < OBJECTS; i++)
		release(i);
}

TEST(every_size_fits_and_wastes_little)
{
	for (size_t n = 1; n <= 10000; n++) {
		void *p = kmalloc(n);

		CHECK(kmalloc_size(p) >= n);
		CHECK(n < 48 || kmalloc_size(p) <= 2 * n);
		kfree(p);
	}
	kfree(NULL);
}

static struct slab_stats stats_of(const char *name)
{
	struct slab_stats s;

	for (unsigned int i = 0; kmem_cache_stats_nth(i, &s); i++)
		if (!strcmp(s.name, name))
			return s;
	test_failed(__FILE__, __LINE__, "no cache named %s", name);
	return s;
}

/* S3 while thousands come and go through magazines, depot and slabs, in stack and in queue order. */
TEST_KEEPS(active_is_exact)
{
	struct kmem_cache *c = kmem_cache_create("test_exact", 72, 8);
	static void *objects[5000];

	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = kmem_cache_alloc(c);
			if (i % 700 == 0)
				CHECK_EQ(stats_of("test_exact").active, i + 1);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			kmem_cache_free(c, objects[round % 2 ? i : ARRAY_SIZE(objects) - 1 - i]);
			if (i % 700 == 0)
				CHECK_EQ(stats_of("test_exact").active, ARRAY_SIZE(objects) - 1 - i);
		}
	}
	kmem_cache_reap_all();
	CHECK_EQ(stats_of("test_exact").active, 0);
	CHECK_EQ(stats_of("test_exact").slabs, 0);
	CHECK_EQ(stats_of("test_exact").total, 0);
}

TEST_KEEPS(alignment_is_kept)
{
	for (size_t align = 8; align <= 512; align *= 2) {
		struct kmem_cache *c = kmem_cache_create("test_align", 40, align);
		void *a = kmem_cache_alloc(c), *b = kmem_cache_zalloc(c);

		CHECK(IS_ALIGNED((unsigned long)a, align) && IS_ALIGNED((unsigned long)b, align));
		for (size_t i = 0; i < 40; i++)
			CHECK(((u8 *)b)[i] == 0);
		kmem_cache_free(c, a);
		kmem_cache_free(c, b);
	}
}

TEST(krealloc_keeps_contents)
{
	char *p = NULL;

	for (size_t n = 1; n < 100000; n = n * 3 / 2 + 1) {
		p = krealloc(p, n);
		CHECK(p != NULL);
		p[n - 1] = (char)n;
		p[0] = 'x';
	}
	p = krealloc(p, 10);
	CHECK(p[0] == 'x' && kmalloc_size(p) < 100);
	kfree(p);
	p = kzalloc(5000);
	for (size_t i = 0; i < 5000; i++)
		CHECK(p[i] == 0);
	kfree(p);
}

/* A shortage makes caches give back what they keep. */
TEST(shortage_empties_the_magazines)
{
	static void *objects[2000];
	struct page *list = NULL, *p, *next;
	unsigned long n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmalloc(512);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kfree(objects[i]);
	while ((p = page_alloc(0, PAGE_KERNEL, 0))) {
		p->kernel_owner = list;
		list = p;
		n++;
	}
	CHECK_EQ(stats_of("kmalloc-512").slabs, DIV_ROUND_UP(stats_of("kmalloc-512").active, 8));
	CHECK(!kmalloc(100000) && !kmalloc(PAGE_SIZE));
	for (; list; list = next) {
		next = list->kernel_owner;
		page_free(list, 0);
	}
}

TEST(an_allocation_that_fails_returns_null)
{
	void *p;

	if (!IS_ENABLED(CONFIG_DEBUG))
		return; /* nothing injects failures there */
	for (int n = 1; n < 5; n++) {
		atomic_set(&alloc_fail_countdown, n);
		p = kmalloc(1536);
		CHECK(n > 1 || !p);
		kfree(p);
		atomic_set(&alloc_fail_countdown, 0);
		kmem_cache_reap_all();
	}
}
