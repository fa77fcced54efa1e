/* The page cache: one copy for reads, writes and mappings; truncation and holes against mappings; shared memory. */
#include "mm.h"
#include <pthread.h>

#define at(n)	((char *)ARENA + (n) * PAGE)

/* FD's pages from FIRST on, at page PAGE_NR of the arena. */
static char *map_file(int fd, size_t page_nr, size_t pages, int prot, int flags, size_t first)
{
	return check_ok(sys_mmap(at(page_nr), pages * PAGE, prot, flags | MAP_FIXED_NOREPLACE, fd, first * PAGE));
}

static int byte_of(int fd, size_t pos)
{
	unsigned char c;

	check_eq(pread(fd, &c, 1, pos), 1);
	return c;
}

test(write_is_seen_in_mapping)
{
	int fd = temp_file(2 * PAGE);
	char *s = map_file(fd, 0, 2, RW, MAP_SHARED, 0), *p = map_file(fd, 8, 2, RW, MAP_PRIVATE, 0);

	check_eq(s[PAGE], 2);
	check_eq(p[PAGE], 2);
	check_eq(pwrite(fd, "x", 1, PAGE), 1);
	check_eq(s[PAGE], 'x');
	check_eq(p[PAGE], 'x');
}

test(mapping_is_seen_in_read)
{
	int fd = temp_file(2 * PAGE);
	char *s = map_file(fd, 0, 2, RW, MAP_SHARED, 0), *t = map_file(fd, 8, 1, PROT_READ, MAP_SHARED, 1);

	s[PAGE + 5] = 'y';
	check_eq(byte_of(fd, PAGE + 5), 'y');
	check_eq(t[5], 'y');
}

test(private_copy_is_private)
{
	int fd = temp_file(2 * PAGE);
	char *p = map_file(fd, 0, 2, RW, MAP_PRIVATE, 0);

	p[7] = 'z';
	check_eq(byte_of(fd, 7), 1);
	check_eq(pwrite(fd, "w", 1, 8), 1);
	check_eq(p[8], 1);
	check_eq(p[7], 'z');
}

test(hole_reads_zero)
{
	int fd = temp_file(0);
	char *s;

	check_ok(ftruncate(fd, 100 * PAGE));
	check_eq(pwrite(fd, "e", 1, 60 * PAGE), 1);
	check_eq(byte_of(fd, 50 * PAGE), 0);
	check_eq(byte_of(fd, 60 * PAGE), 'e');
	s = map_file(fd, 0, 100, RW, MAP_SHARED, 0);
	check_zero(s, 60);
	s[99 * PAGE] = 'f';
	check_eq(byte_of(fd, 99 * PAGE), 'f');
}

test(read_stops_at_end)
{
	int fd = temp_file(PAGE + 10);
	char buf[2 * PAGE];

	check_eq(pread(fd, buf, sizeof(buf), 0), PAGE + 10);
	check_eq(pread(fd, buf, sizeof(buf), PAGE + 4), 6);
	check_eq(pread(fd, buf, sizeof(buf), PAGE + 10), 0);
	check_eq(pread(fd, buf, sizeof(buf), 100 * PAGE), 0);
}

test(tail_of_last_page_is_zero)
{
	int fd = temp_file(PAGE + 10);
	char *s = map_file(fd, 0, 2, RW, MAP_SHARED, 0);

	for (size_t i = 10; i < PAGE; i++)
		check_eq(s[PAGE + i], 0);
}

test(truncation_clears_the_tail)
{
	int fd = temp_file(2 * PAGE);
	char *s = map_file(fd, 0, 2, RW, MAP_SHARED, 0);

	check_ok(ftruncate(fd, PAGE / 2));
	check_ok(ftruncate(fd, 2 * PAGE));
	check_eq(s[PAGE / 2 - 1], 1);
	for (size_t i = PAGE / 2; i < PAGE; i++)
		check_eq(s[i], 0);
	check_eq(s[PAGE], 0);
}

test(truncation_takes_private_copies)
{
	int fd = temp_file(4 * PAGE);
	char *p = map_file(fd, 0, 4, RW, MAP_PRIVATE, 0);

	fill(p, 4, 'a');
	check_ok(ftruncate(fd, 2 * PAGE));
	check_eq(p[PAGE], 'b');
	check_fault(fault_read(p + 2 * PAGE), SIGBUS, BUS_ADRERR, p + 2 * PAGE);
	check_ok(ftruncate(fd, 4 * PAGE));
	check_eq(p[2 * PAGE], 0);
	check_eq(p[0], 'a');
}

test(truncation_in_every_process)
{
	int fd = temp_file(8 * PAGE), to[2], back[2];
	char *s = map_file(fd, 0, 8, RW, MAP_SHARED, 0), c = 0;
	pid_t pid;

	check_fill(s, 8, 1);
	check_ok(pipe(to));
	check_ok(pipe(back));
	child(pid) {
		check_fill(s, 8, 1);
		s[7 * PAGE] = 'q';
		check_eq(write(back[1], &c, 1), 1);
		check_eq(read(to[0], &c, 1), 1);
		check_fault(fault_read(s + 3 * PAGE), SIGBUS, BUS_ADRERR, s + 3 * PAGE);
		check_fault(fault_write(s + 7 * PAGE), SIGBUS, BUS_ADRERR, s + 7 * PAGE);
		check_eq(s[2 * PAGE], 3);
	}
	check_eq(read(back[0], &c, 1), 1);
	check_ok(ftruncate(fd, 3 * PAGE));
	check_eq(write(to[1], &c, 1), 1);
	check_exit(pid, 0);
}

test(truncation_in_pieces_and_offsets)
{
	/* Several VMAs of one file at different offsets, some split, some moved: each loses what is beyond the end. */
	int fd = temp_file(16 * PAGE);
	char *a = map_file(fd, 0, 16, RW, MAP_SHARED, 0), *b = map_file(fd, 32, 4, PROT_READ, MAP_SHARED, 6);
	char *c = map_file(fd, 48, 8, RW, MAP_PRIVATE, 8);

	check_fill(a, 16, 1);
	check_fill(b, 4, 7);
	check_fill(c, 8, 9);
	check_ok(sys_mprotect(a + 4 * PAGE, 4 * PAGE, PROT_READ));
	check_ok(sys_mremap(a + 10 * PAGE, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(64)));
	check_fill(at(64), 6, 11);
	check_ok(ftruncate(fd, 8 * PAGE));
	check_fill(a, 8, 1);
	check_fill(b, 2, 7);
	check_fault(fault_read(a + 8 * PAGE), SIGBUS, BUS_ADRERR, a + 8 * PAGE);
	check_fault(fault_read(b + 2 * PAGE), SIGBUS, BUS_ADRERR, b + 2 * PAGE);
	check_fault(fault_read(c), SIGBUS, BUS_ADRERR, c);
	check_fault(fault_read(at(64)), SIGBUS, BUS_ADRERR, at(64));
}

test(guards_survive_truncation)
{
	int fd = temp_file(4 * PAGE);
	char *s = map_file(fd, 0, 4, RW, MAP_SHARED, 0);

	if (sys_madvise(s + 3 * PAGE, PAGE, MADV_GUARD_INSTALL))
		skip("Linux has guards in file mappings since 6.15");
	check_ok(ftruncate(fd, PAGE));
	check_maperr(fault_read(s + 3 * PAGE), s + 3 * PAGE);
	check_ok(ftruncate(fd, 4 * PAGE));
	check_maperr(fault_read(s + 3 * PAGE), s + 3 * PAGE);
	check_eq(s[2 * PAGE], 0);
}

test(hole_in_shared_memory)
{
	char *s = check_ok(sys_mmap(at(0), 8 * PAGE, RW, SHANON | MAP_FIXED_NOREPLACE, -1, 0));
	pid_t pid;

	fill(s, 8, 'a');
	child(pid) {
		check_fill(s, 8, 'a');
		check_ok(sys_madvise(s + 2 * PAGE, 3 * PAGE, MADV_REMOVE));
		check_zero(s + 2 * PAGE, 3);
	}
	check_exit(pid, 0);
	check_zero(s + 2 * PAGE, 3);
	check_fill(s, 2, 'a');
	check_fill(s + 5 * PAGE, 3, 'f');
	s[2 * PAGE] = 'n';
	check_eq(s[2 * PAGE], 'n');
}

test(remove_is_for_shared_writable_files)
{
	char *p = arena(0, 1), *s = check_ok(sys_mmap(at(4), PAGE, RW, SHANON | MAP_FIXED_NOREPLACE, -1, 0));
	int fd = temp_file(PAGE);

	check_err(sys_madvise(p, PAGE, MADV_REMOVE), EINVAL);
	/* May write, though it does not now. */
	check_ok(sys_mprotect(s, PAGE, PROT_READ));
	check_ok(sys_madvise(s, PAGE, MADV_REMOVE));
	check_err(sys_madvise(map_file(fd, 12, 1, RW, MAP_PRIVATE, 0), PAGE, MADV_REMOVE), EACCES);
	check_err(sys_madvise(at(8), PAGE, MADV_REMOVE), ENOMEM);
}

test(shared_memory_is_shared)
{
	char *s = check_ok(sys_mmap(NULL, 64 * PAGE, RW, SHANON, -1, 0));
	pid_t pid;

	s[0] = 'p';
	child(pid) {
		pid_t grandchild;

		check_eq(s[0], 'p');
		fill(s + PAGE, 10, 'c');
		child(grandchild) {
			check_eq(s[PAGE], 'c');
			s[50 * PAGE] = 'g';
		}
		check_exit(grandchild, 0);
	}
	check_exit(pid, 0);
	check_fill(s + PAGE, 10, 'c');
	check_eq(s[50 * PAGE], 'g');
}

test(shared_memory_is_counted_and_freed)
{
	long before = meminfo_kb("Shmem"), committed = meminfo_kb("Committed_AS");
	char *s = check_ok(sys_mmap(NULL, 1024 * PAGE, RW, SHANON, -1, 0));

	fill(s, 512, 1);
	check(labs(meminfo_kb("Shmem") - before - 2048) <= 512);
	/* Linux adds up what its CPUs have counted now and then. */
	check(!on_quire() || labs(meminfo_kb("Committed_AS") - committed - 4096) <= 1024);
	check_ok(sys_munmap(s, 1024 * PAGE));
	check(labs(meminfo_kb("Shmem") - before) <= 512);
	check(!on_quire() || labs(meminfo_kb("Committed_AS") - committed) <= 1024);
}

test(shared_memory_has_a_name)
{
	char *s = check_ok(sys_mmap(at(0), 2 * PAGE, RW, SHANON | MAP_FIXED_NOREPLACE, -1, 0));
	struct map m;

	check(map_find(0, s, &m));
	check_str(m.name, "/dev/zero (deleted)");
	check_str(m.perm, "rw-s");
	check(m.inode != 0);
}

test(past_the_end_of_shared_memory)
{
	/* mremap may grow the mapping, not the object. */
	char *s = check_ok(sys_mmap(at(0), 2 * PAGE, RW, SHANON | MAP_FIXED_NOREPLACE, -1, 0));

	check_ok(sys_mremap(s, 2 * PAGE, 4 * PAGE, 0, NULL));
	s[PAGE] = 1;
	check_fault(fault_read(s + 2 * PAGE), SIGBUS, BUS_ADRERR, s + 2 * PAGE);
}

test(write_from_bad_memory_leaves_nothing)
{
	int fd = temp_file(0);
	char *p = arena(0, 2);
	struct stat st;

	check_ok(sys_mprotect(p + PAGE, PAGE, PROT_NONE));
	p[PAGE - 1] = 'k';
	check_err(pwrite(fd, p + PAGE, 10, 0), EFAULT);
	check_ok(fstat(fd, &st));
	check_eq(st.st_size, 0);
	check_eq(pwrite(fd, p + PAGE - 100, 200, 5 * PAGE), 100);
	check_ok(fstat(fd, &st));
	check_eq(st.st_size, 5 * PAGE + 100);
	check_eq(byte_of(fd, 5 * PAGE + 99), 'k');
}

test(file_written_from_its_own_mapping)
{
	int fd = temp_file(4 * PAGE);
	char *s = map_file(fd, 0, 4, RW, MAP_SHARED, 0);

	check_eq(pwrite(fd, s, 2 * PAGE, 2 * PAGE), 2 * PAGE);
	check_eq(s[2 * PAGE], 1);
	check_eq(s[4 * PAGE - 1], 2);
	check_eq(pread(fd, s + 10, PAGE, 2 * PAGE), PAGE);
}

test(mapping_outlives_descriptor_and_name)
{
	int fd = temp_file(PAGE);
	char *s = map_file(fd, 0, 1, RW, MAP_SHARED, 0);

	check_ok(close(fd));
	check_eq(s[5], 1);
	s[5] = 'l';
	check_ok(sys_mremap(s, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(8)));
	check_eq(at(8)[5], 'l');
}

/* ---- truncation against faults ---- */

static struct {
	int fd;
	char *map;
	volatile int stop;
} race;

/* The kernel's own copy into a page beyond the end is EFAULT, where the program's would be a signal. */
static void *toucher(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	int zero = open("/dev/zero", O_RDONLY);

	while (!race.stop) {
		seed = seed * 1103515245 + 12345;
		if (read(zero, race.map + (seed >> 16) % 16 * PAGE, 64) < 0 && errno != EFAULT)
			return (void *)1;
	}
	close(zero);
	return NULL;
}

test(faults_race_truncation)
{
	pthread_t t[3];

	race.fd = temp_file(16 * PAGE);
	race.map = map_file(race.fd, 0, 16, RW, MAP_SHARED, 0);
	race.stop = 0;
	for (int i = 0; i < 3; i++)
		check_eq(pthread_create(&t[i], NULL, toucher, (void *)(uintptr_t)(i + 1)), 0);
	for (int i = 0; i < 300; i++) {
		check_ok(ftruncate(race.fd, i % 16 * PAGE));
		check_ok(ftruncate(race.fd, 16 * PAGE));
	}
	race.stop = 1;
	for (int i = 0; i < 3; i++) {
		void *bad;

		pthread_join(t[i], &bad);
		check(!bad);
	}
	/* Whatever is mapped now is the file's: what is written there is read. */
	fill(race.map, 16, 'A');
	for (int i = 0; i < 16; i++)
		check_eq(byte_of(race.fd, i * PAGE), 'A' + i);
}

/* Map, move, split and unmap pieces of the file in an arena of one's own, touching them as the kernel does. */
static void *mapper(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	size_t base = 64 * (uintptr_t)arg;
	int zero = open("/dev/zero", O_RDONLY);

	for (int i = 0; !race.stop; i++) {
		size_t a, b, n;

		seed = seed * 1103515245 + 12345;
		a = seed >> 8 & 15;
		b = seed >> 12 & 15;
		n = (seed >> 16 & 7) + 1;
		if (i % 4 == 0)
			sys_mmap(at(base + a), n * PAGE, RW, (seed >> 24 & 1 ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED,
				 race.fd, (seed >> 20 & 7) * PAGE);
		else if (i % 4 == 1)
			sys_mremap(at(base + a), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(base + 32 + b));
		else if (i % 4 == 2)
			sys_mprotect(at(base + a), PAGE, PROT_READ);
		else if (i % 32 == 3)
			sys_munmap(at(base), 64 * PAGE);
		if (read(zero, at(base + b), 16) < 0 && errno != EFAULT)
			return (void *)1;
		if (read(zero, at(base + 32 + b), 16) < 0 && errno != EFAULT)
			return (void *)1;
	}
	close(zero);
	return NULL;
}

slow_test(everything_races_truncation, 200)
{
	pthread_t t[3];
	pid_t pid;

	race.fd = temp_file(16 * PAGE);
	race.stop = 0;
	for (int i = 0; i < 3; i++)
		check_eq(pthread_create(&t[i], NULL, mapper, (void *)(uintptr_t)(i + 1)), 0);
	for (int i = 0; i < 200; i++) {
		check_ok(ftruncate(race.fd, i % 16 * PAGE));
		check_ok(ftruncate(race.fd, 16 * PAGE));
		if (i % 8)
			continue;
		child(pid) {
			check_ok(ftruncate(race.fd, 3 * PAGE));
		}
		check_exit(pid, 0);
	}
	race.stop = 1;
	for (int i = 0; i < 3; i++) {
		void *bad;

		pthread_join(t[i], &bad);
		check(!bad);
	}
	if (on_quire()) {
		const char *broken = ktap_mm_check();

		if (broken)
			fail("%s", broken);
	}
}
