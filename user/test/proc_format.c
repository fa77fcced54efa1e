/* The format of every /proc file: keys, order, widths.  Optional lines are those that depend on Linux's options. */
#include "format.h"

static const char *const smaps_block[] = {
	"Size:           %8d kB",
	"KernelPageSize: %8d kB",
	"MMUPageSize:    %8d kB",
	"Rss:            %8d kB",
	"Pss:            %8d kB",
	"Pss_Dirty:      %8d kB",
	"Shared_Clean:   %8d kB",
	"Shared_Dirty:   %8d kB",
	"Private_Clean:  %8d kB",
	"Private_Dirty:  %8d kB",
	"Referenced:     %8d kB",
	"Anonymous:      %8d kB",
	"?KSM:            %8d kB",
	"LazyFree:       %8d kB",
	"AnonHugePages:  %8d kB",
	"ShmemPmdMapped: %8d kB",
	"FilePmdMapped:  %8d kB",
	"Shared_Hugetlb: %8d kB",
	"Private_Hugetlb: %7d kB",
	"Swap:           %8d kB",
	"SwapPss:        %8d kB",
	"Locked:         %8d kB",
	"THPeligible:    %8d",
	"?ProtectionKey:  %8d",
	"VmFlags: %r",
};

test(pattern_language)
{
	check(match("a 12 b", "a %d b"));
	check(!match("a 012 b", "a %d b"));
	check(match("x:       12 kB", "x: %8d kB"));
	check(!match("x:      12 kB", "x: %8d kB"));
	check(match("x: 123456789 kB", "x: %8d kB"));
	check(match("00400000-00401000", "%08x-%08x"));
	check(!match("400000", "%08x"));
	check(match("7fffabcde000", "%08x"));
	check(match("00ff", "%4x") && !match("ff", "%4x"));
	check(match("name rest", "%s %r") && match("name ", "%s %r"));
}

/* Every line is what Linux would print for the fields in it. */
static void check_maps_line(const char *line, const struct map *m)
{
	char want[512];
	int n = snprintf(want, sizeof(want), "%08lx-%08lx %s %08lx %02x:%02x %lu ", m->start, m->end, m->perm,
			 m->offset, m->major, m->minor, m->inode);

	if (m->name[0])
		snprintf(want + n, sizeof(want) - n, "%*s%s", n < 73 ? 73 - n : 0, "", m->name);
	check_str(line, want);
}

test(maps)
{
	unsigned long last = 0;
	struct lines l;
	struct map m;
	int fd = temp_file(PAGE), n = 0;

	check_ok(sys_mmap((void *)ARENA, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0));
	arena(2, 1);
	check_ok(sys_mmap((void *)(ARENA + 4 * PAGE), PAGE, RW, SHANON | MAP_FIXED, -1, 0));
	lines_open(&l, "/proc/self/maps");
	while (lines_next(&l)) {
		check(map_parse(l.line, &m));
		check_maps_line(l.line, &m);
		check(m.start >= last && m.end > m.start);
		check_eq((m.start | m.end | m.offset) % PAGE, 0);
		check(strchr("r-", m.perm[0]) && strchr("w-", m.perm[1]) && strchr("x-", m.perm[2]) &&
		      strchr("ps", m.perm[3]));
		last = m.end;
		n++;
	}
	check(n > 5);
}

test(smaps)
{
	static const char codes[] = "rd wr ex sh mr mw me ms gd pf lo io sr rr dc de lf ac nr ht sf ar dd wf nh mg "
				    "sd um uw ui hg sl dp ss gu ";
	struct lines l;
	struct map m;
	size_t i = 0;

	arena(0, 4)[0] = 1;
	lines_open(&l, "/proc/self/smaps");
	while (lines_next(&l)) {
		if (i == 0) {
			check(map_parse(l.line, &m));
			check_maps_line(l.line, &m);
			i = 1;
			continue;
		}
		while (i <= ARRAY_SIZE(smaps_block) && smaps_block[i - 1][0] == '?' &&
		       !match(l.line, smaps_block[i - 1] + 1))
			i++;
		if (!match(l.line, smaps_block[i - 1] + (smaps_block[i - 1][0] == '?')))
			fail("\"%s\" is not \"%s\"", l.line, smaps_block[i - 1]);
		if (i++ < ARRAY_SIZE(smaps_block))
			continue;
		/* Only known codes, each followed by a space, at least one. */
		check(strlen(l.line) >= 12 && strlen(l.line) % 3 == 0);
		for (char *c = l.line + 9; *c; c += 3) {
			char code[4] = { c[0], c[1], c[2], 0 };

			check(strstr(codes, code) != NULL);
		}
		i = 0;
	}
	check_eq(i, 0);
}

test(smaps_rollup)
{
	static const char *const desc[] = {
		"%08x-%08x ---p 00000000 00:00 0 %r",
		"Rss:            %8d kB",
		"Pss:            %8d kB",
		"Pss_Dirty:      %8d kB",
		"Pss_Anon:       %8d kB",
		"Pss_File:       %8d kB",
		"Pss_Shmem:      %8d kB",
		"Shared_Clean:   %8d kB",
		"Shared_Dirty:   %8d kB",
		"Private_Clean:  %8d kB",
		"Private_Dirty:  %8d kB",
		"Referenced:     %8d kB",
		"Anonymous:      %8d kB",
		"?KSM:            %8d kB",
		"LazyFree:       %8d kB",
		"AnonHugePages:  %8d kB",
		"ShmemPmdMapped: %8d kB",
		"FilePmdMapped:  %8d kB",
		"Shared_Hugetlb: %8d kB",
		"Private_Hugetlb: %7d kB",
		"Swap:           %8d kB",
		"SwapPss:        %8d kB",
		"Locked:         %8d kB",
		NULL
	};

	struct lines l;

	check_format("/proc/self/smaps_rollup", desc);
	lines_open(&l, "/proc/self/smaps_rollup");
	check_str(strchr(lines_next(&l), '['), "[rollup]");
	check_eq(strchr(l.line, '[') - l.line, 73);
}

test(status)
{
	static const char *const desc[] = {
		"Name:\t%s",
		"Umask:\t%4x",
		"State:\tR (running)",
		"Tgid:\t%d",
		"?Ngid:\t%d",
		"Pid:\t%d",
		"PPid:\t%d",
		"TracerPid:\t%d",
		"Uid:\t%d\t%d\t%d\t%d",
		"Gid:\t%d\t%d\t%d\t%d",
		"FDSize:\t%d",
		"Groups:\t%r",
		"?NStgid:\t%r",
		"?NSpid:\t%r",
		"?NSpgid:\t%r",
		"?NSsid:\t%r",
		"Kthread:\t0",
		"VmPeak:\t%8d kB",
		"VmSize:\t%8d kB",
		"VmLck:\t%8d kB",
		"VmPin:\t%8d kB",
		"VmHWM:\t%8d kB",
		"VmRSS:\t%8d kB",
		"RssAnon:\t%8d kB",
		"RssFile:\t%8d kB",
		"RssShmem:\t%8d kB",
		"VmData:\t%8d kB",
		"VmStk:\t%8d kB",
		"VmExe:\t%8d kB",
		"VmLib:\t%8d kB",
		"VmPTE:\t%8d kB",
		"VmSwap:\t%8d kB",
		"?HugetlbPages:\t%8d kB",
		"CoreDumping:\t%d",
		"THP_enabled:\t%d",
		"untag_mask:\t0x%16x",
		"Threads:\t%d",
		"SigQ:\t%d/%d",
		"SigPnd:\t%16x",
		"ShdPnd:\t%16x",
		"SigBlk:\t%16x",
		"SigIgn:\t%16x",
		"SigCgt:\t%16x",
		"CapInh:\t%16x",
		"CapPrm:\t%16x",
		"CapEff:\t%16x",
		"CapBnd:\t%16x",
		"CapAmb:\t%16x",
		"NoNewPrivs:\t%d",
		"?Seccomp:\t%d",
		"?Seccomp_filters:\t%d",
		"?Speculation_Store_Bypass:\t%r",
		"?SpeculationIndirectBranch:\t%r",
		"Cpus_allowed:\t%r",
		"Cpus_allowed_list:\t%r",
		"Mems_allowed:\t%r",
		"Mems_allowed_list:\t%r",
		"voluntary_ctxt_switches:\t%d",
		"nonvoluntary_ctxt_switches:\t%d",
		"?x86_Thread_features:\t%r",
		"?x86_Thread_features_locked:\t%r",
		NULL
	};

	check_format("/proc/self/status", desc);
}

test(statm)
{
	static const char *const desc[] = { "%d %d %d %d 0 %d 0", NULL };

	check_format("/proc/self/statm", desc);
}

test(pid_stat)
{
	/* pid (comm) state ppid ... 52 fields; the 9th of these numbers, tpgid, is -1 without a terminal. */
	char buf[1024], *p;
	int fd = check_ok(open("/proc/self/stat", O_RDONLY)), n = check_ok((int)read(fd, buf, sizeof(buf) - 1));
	int fields = 2;

	buf[n] = 0;
	check_eq(buf[n - 1], '\n');
	buf[n - 1] = 0;
	check_eq(atoi(buf), getpid());
	p = strrchr(buf, ')');
	check(p && p[1] == ' ' && p[2] == 'R' && p[3] == ' ');
	check(strchr(buf, '(') == strchr(buf, ' ') + 1);
	for (p++; *p; p++) {
		if (*p == ' ') {
			fields++;
			check(p[1] && p[1] != ' ');
		} else {
			check(isdigit((unsigned char)*p) || *p == '-' || (*p == 'R' && fields == 3));
		}
	}
	check_eq(fields, 52);
}

test(meminfo)
{
	static const char *const desc[] = {
		"MemTotal:       %8d kB",
		"MemFree:        %8d kB",
		"MemAvailable:   %8d kB",
		"Buffers:        %8d kB",
		"Cached:         %8d kB",
		"SwapCached:     %8d kB",
		"Active:         %8d kB",
		"Inactive:       %8d kB",
		"Active(anon):   %8d kB",
		"Inactive(anon): %8d kB",
		"Active(file):   %8d kB",
		"Inactive(file): %8d kB",
		"Unevictable:    %8d kB",
		"Mlocked:        %8d kB",
		"SwapTotal:      %8d kB",
		"SwapFree:       %8d kB",
		"?Zswap:          %8d kB",
		"?Zswapped:       %8d kB",
		"Dirty:          %8d kB",
		"Writeback:      %8d kB",
		"AnonPages:      %8d kB",
		"Mapped:         %8d kB",
		"Shmem:          %8d kB",
		"KReclaimable:   %8d kB",
		"Slab:           %8d kB",
		"SReclaimable:   %8d kB",
		"SUnreclaim:     %8d kB",
		"KernelStack:    %8d kB",
		"?ShadowCallStack:%8d kB",
		"PageTables:     %8d kB",
		"SecPageTables:  %8d kB",
		"NFS_Unstable:   %8d kB",
		"Bounce:         %8d kB",
		"WritebackTmp:   %8d kB",
		"CommitLimit:    %8d kB",
		"Committed_AS:   %8d kB",
		"VmallocTotal:   %8d kB",
		"VmallocUsed:    %8d kB",
		"VmallocChunk:   %8d kB",
		"Percpu:         %8d kB",
		"?HardwareCorrupted: %5d kB",
		"?AnonHugePages:  %8d kB",
		"?ShmemHugePages: %8d kB",
		"?ShmemPmdMapped: %8d kB",
		"?FileHugePages:  %8d kB",
		"?FilePmdMapped:  %8d kB",
		"?CmaTotal:       %8d kB",
		"?CmaFree:        %8d kB",
		"?Unaccepted:     %8d kB",
		"?Balloon:        %8d kB",
		"?GPUActive:      %8d kB",
		"?GPUReclaim:     %8d kB",
		"?HugePages_Total:   %5d",
		"?HugePages_Free:    %5d",
		"?HugePages_Rsvd:    %5d",
		"?HugePages_Surp:    %5d",
		"?Hugepagesize:   %8d kB",
		"?Hugetlb:        %8d kB",
		"DirectMap4k:    %8d kB",
		"DirectMap2M:    %8d kB",
		"?DirectMap1G:    %8d kB",
		NULL
	};

	check_format("/proc/meminfo", desc);
}

test(buddyinfo)
{
	struct lines l;
	int n = 0;

	lines_open(&l, "/proc/buddyinfo");
	while (lines_next(&l)) {
		char zone[16];
		int node, at = 0, orders = 0;

		check_eq(sscanf(l.line, "Node %d, zone %15s%n", &node, zone, &at), 2);
		check(strlen(zone) <= 8);
		check_eq(at, (int)(strlen("Node 0, zone ") + 8));
		/* "%6lu " for each order. */
		for (char *p = l.line + at + 1; *p; p += 7) {
			char number[8];

			memcpy(number, p, 7);
			number[7] = 0;
			check(strlen(number) == 7 && match(number, "%6d "));
			orders++;
		}
		check_eq(orders, 11);
		n++;
	}
	check(n >= 1);
}

test(slabinfo)
{
	struct lines l;
	int n = 0, vma = 0, anon_vma = 0, chain = 0;

	need_root();
	lines_open(&l, "/proc/slabinfo");
	check_str(lines_next(&l), "slabinfo - version: 2.1");
	check_str(lines_next(&l), "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
				  "tunables <limit> <batchcount> <sharedfactor> : "
				  "slabdata <active_slabs> <num_slabs> <sharedavail>");
	while (lines_next(&l)) {
		unsigned long active, total, size, per, pages, a, b, c, slabs_active, slabs, shared;
		char name[64], want[256];

		check_eq(sscanf(l.line, "%63s %lu %lu %lu %lu %lu : tunables %lu %lu %lu : slabdata %lu %lu %lu",
				name, &active, &total, &size, &per, &pages, &a, &b, &c, &slabs_active, &slabs,
				&shared), 12);
		snprintf(want, sizeof(want), "%-17s %6lu %6lu %6lu %4lu %4lu : tunables %4lu %4lu %4lu : "
			 "slabdata %6lu %6lu %6lu", name, active, total, size, per, pages, a, b, c,
			 slabs_active, slabs, shared);
		check_str(l.line, want);
		check(active <= total);
		check(total <= slabs * per);
		vma |= !strcmp(name, "vm_area_struct");
		anon_vma |= !strcmp(name, "anon_vma");
		chain |= !strcmp(name, "anon_vma_chain");
		n++;
	}
	check(n > 10);
	/* Linux gives the three another name, or merges them, as it likes; Quire never. */
	check(!on_quire() || (vma && anon_vma && chain));
}

test(vmstat)
{
	/* Keys in Linux's order; the kernel's list must be a part of it and have the required ones. */
	static const char order[] =
		"nr_free_pages nr_free_pages_blocks nr_zone_inactive_anon nr_zone_active_anon nr_zone_inactive_file "
		"nr_zone_active_file nr_zone_unevictable nr_zone_write_pending nr_mlock nr_zspages nr_free_cma "
		"nr_unaccepted numa_hit numa_miss numa_foreign numa_interleave numa_local numa_other "
		"nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file nr_unevictable nr_slab_reclaimable "
		"nr_slab_unreclaimable nr_isolated_anon nr_isolated_file workingset_nodes workingset_refault_anon "
		"workingset_refault_file workingset_activate_anon workingset_activate_file workingset_restore_anon "
		"workingset_restore_file workingset_nodereclaim nr_anon_pages nr_mapped nr_file_pages nr_dirty "
		"nr_writeback nr_shmem nr_shmem_hugepages nr_shmem_pmdmapped nr_file_hugepages nr_file_pmdmapped "
		"nr_anon_transparent_hugepages nr_vmscan_write nr_vmscan_immediate_reclaim nr_dirtied nr_written "
		"nr_throttled_written nr_kernel_misc_reclaimable nr_foll_pin_acquired nr_foll_pin_released "
		"nr_kernel_stack nr_page_table_pages nr_sec_page_table_pages nr_iommu_pages nr_swapcached "
		"pgpromote_success pgpromote_candidate pgpromote_candidate_nrl pgdemote_kswapd pgdemote_direct "
		"pgdemote_khugepaged pgdemote_proactive nr_hugetlb nr_balloon_pages nr_kernel_file_pages "
		"nr_dirty_threshold nr_dirty_background_threshold nr_memmap_pages nr_memmap_boot_pages pgpgin pgpgout "
		"pswpin pswpout pgalloc_dma pgalloc_dma32 pgalloc_normal pgalloc_movable pgalloc_device allocstall_dma "
		"allocstall_dma32 allocstall_normal allocstall_movable allocstall_device pgskip_dma pgskip_dma32 "
		"pgskip_normal pgskip_movable pgskip_device pgfree pgactivate pgdeactivate pglazyfree pgfault "
		"pgmajfault pglazyfreed pgrefill pgreuse ";
	static const char *const required[] = {
		"nr_free_pages", "nr_anon_pages", "nr_mapped", "nr_file_pages", "nr_shmem", "nr_slab_unreclaimable",
		"nr_kernel_stack", "nr_page_table_pages", "nr_mlock", "pgalloc_normal", "pgfree", "pgfault",
		"pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout", "oom_kill",
	};
	const char *at = order;
	struct lines l;

	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (file_value("/proc/vmstat", required[i]) < 0)
			fail("no %s", required[i]);
	lines_open(&l, "/proc/vmstat");
	while (lines_next(&l)) {
		char key[64], *found;

		check(match(l.line, "%s %d"));
		snprintf(key, sizeof(key), "%.*s ", (int)strcspn(l.line, " "), l.line);
		found = strstr(order, key);
		if (!found || (found > order && found[-1] != ' '))
			continue;
		if (found < at)
			fail("%sis out of order", key);
		at = found;
	}
}

test(system_stat)
{
	static const char *const desc[] = {
		"cpu  %d %d %d %d %d %d %d %d %d %d",
		"*cpu%d %d %d %d %d %d %d %d %d %d %d",
		"intr %d%r",
		"ctxt %d",
		"btime %d",
		"processes %d",
		"procs_running %d",
		"procs_blocked %d",
		"softirq %d %d %d %d %d %d %d %d %d %d %d",
		NULL
	};

	check_format("/proc/stat", desc);
}

test(small_system_files)
{
	static const char *const mounts[] = { "*%s %s %s %s 0 0", NULL };
	static const char *const version[] = { "%s version %s %r", NULL };
	char buf[64];
	int fd = check_ok(open("/proc/uptime", O_RDONLY)), n = check_ok((int)read(fd, buf, 63)), at = 0;
	unsigned long a, b, c, d;

	buf[n] = 0;
	check_eq(sscanf(buf, "%lu.%2lu %lu.%2lu\n%n", &a, &b, &c, &d, &at), 4);
	check_eq(at, n);
	check_format("/proc/mounts", mounts);
	check_format("/proc/version", version);
}

test(cpuinfo)
{
	/* What tools look for, "key<tabs>: value", a blank line behind each CPU. */
	static const char *const want[] = { "processor\t: ", "vendor_id\t: ", "cpu family\t: ", "model\t\t: ",
					    "model name\t: ", "stepping\t: ", "cpu MHz\t\t: ", "flags\t\t: ",
					    "bogomips\t: ", "address sizes\t: " };
	unsigned int seen = 0;
	int cpus = 0, blank = 0;
	static struct lines l;

	lines_open(&l, "/proc/cpuinfo");
	while (lines_next(&l)) {
		for (size_t i = 0; i < ARRAY_SIZE(want); i++)
			if (!strncmp(l.line, want[i], strlen(want[i])))
				seen |= 1U << i;
		cpus += !strncmp(l.line, "processor\t: ", 12);
		blank += !l.line[0];
	}
	check_eq(seen, (1U << ARRAY_SIZE(want)) - 1);
	check_eq(cpus, blank);
	/* /proc/stat has a line for each too, and one for all. */
	lines_open(&l, "/proc/stat");
	while (lines_next(&l))
		cpus -= !strncmp(l.line, "cpu", 3);
	check_eq(cpus, -1);
}
