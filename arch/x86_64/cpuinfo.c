/*
 * What CPUID says, in Linux's words: /proc/cpuinfo, the banner, AT_HWCAP; and random words.
 *
 * Features are named and ordered as Linux does, by CPUID word. All CPUs are taken to be alike.
 */
#include "arch/x86_64/x86.h"
#include "kernel/lib/string.h"
#include "kernel/printk.h"
#include "kernel/seq.h"

#define REG_EAX 0
#define REG_EBX 1
#define REG_ECX 2
#define REG_EDX 3

#define VIRTUAL_BITS 48U /* 4 levels, whatever the CPU could do */

static const struct feature_word {
	u32 leaf, subleaf;
	u8 reg;
	const char *names[32]; /* NULL: Linux does not show it */
} words[] = {
	{ 1, 0, REG_EDX,
	  { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca",
	    "cmov", "pat", "pse36", "pn", "clflush", NULL, "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm",
	    "ia64", "pbe" } },
	{ 0x80000001, 0, REG_EDX,
	  { [11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt", [26] = "pdpe1gb",
	    [27] = "rdtscp", [29] = "lm", [30] = "3dnowext", [31] = "3dnow" } },
	{ 1, 0, REG_ECX,
	  { "pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma",
	    "cx16", "xtpr", "pdcm", NULL, "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt",
	    "tsc_deadline_timer", "aes", "xsave", NULL, "avx", "f16c", "rdrand", "hypervisor" } },
	{ 0x80000001, 0, REG_ECX,
	  { "lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch",
	    "osvw", "ibs", "xop", "skinit", "wdt", NULL, "lwp", "fma4", "tce", NULL, "nodeid_msr", NULL, "tbm",
	    "topoext", "perfctr_core", "perfctr_nb", NULL, "bpext", "ptsc", "perfctr_llc", "mwaitx" } },
	{ 7, 0, REG_EBX,
	  { "fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid", "rtm", "cqm",
	    NULL, "mpx", "rdt_a", "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", NULL, "clflushopt",
	    "clwb", "intel_pt", "avx512pf", "avx512er", "avx512cd", "sha_ni", "avx512bw", "avx512vl" } },
	{ 0xd, 1, REG_EAX, { "xsaveopt", "xsavec", "xgetbv1", "xsaves" } },
	{ 0x80000008, 0, REG_EBX, { "clzero", "irperf", "xsaveerptr", NULL, "rdpru", [9] = "wbnoinvd" } },
	{ 7, 0, REG_ECX,
	  { NULL, "avx512vbmi", "umip", "pku", NULL, "waitpkg", "avx512_vbmi2", NULL, "gfni", "vaes", "vpclmulqdq",
	    "avx512_vnni", "avx512_bitalg", "tme", "avx512_vpopcntdq", [22] = "rdpid" } }, /* la57 is not used */
};

/* 0 for a leaf that the CPU does not have */
static u32 cpuid_reg(u32 leaf, u32 subleaf, int reg)
{
	struct cpuid c;

	if (cpuid(leaf & 0x80000000, 0).eax < leaf)
		return 0;
	c = cpuid(leaf, subleaf);
	return reg == REG_EAX ? c.eax : reg == REG_EBX ? c.ebx : reg == REG_ECX ? c.ecx : c.edx;
}

const char *arch_cpu_vendor(void)
{
	static char vendor[13];
	struct cpuid c = cpuid(0, 0);

	memcpy(vendor, &c.ebx, 4);
	memcpy(vendor + 4, &c.edx, 4);
	memcpy(vendor + 8, &c.ecx, 4);
	return vendor;
}

const char *arch_cpu_model(void)
{
	static char model[49];
	const char *p = model;

	for (u32 i = 0; i < 3 && cpuid(0x80000000, 0).eax >= 0x80000004; i++) {
		struct cpuid c = cpuid(0x80000002 + i, 0);

		memcpy(model + 16 * i, &c, 16);
	}
	while (*p == ' ')
		p++;
	return *p ? p : "unknown";
}

u64 arch_hwcap(void)
{
	return cpuid(1, 0).edx;
}

static void show_flags(struct seq *s)
{
	seq_puts(s, "flags\t\t:");
	for (const struct feature_word *w = words; w < words + ARRAY_SIZE(words); w++) {
		u32 bits = cpuid_reg(w->leaf, w->subleaf, w->reg);

		for (int i = 0; i < 32; i++)
			if ((bits & BIT(i)) && w->names[i])
				seq_printf(s, " %s", w->names[i]);
	}
	seq_puts(s, "\n");
}

static void show_identity(struct seq *s)
{
	u32 v = cpuid(1, 0).eax, family = v >> 8 & 15, model = v >> 4 & 15;

	if (family == 15)
		family += v >> 20 & 255;
	if (family == 6 || family >= 15)
		model += (v >> 16 & 15) << 4;
	seq_printf(s, "vendor_id\t: %s\n", arch_cpu_vendor());
	seq_printf(s, "cpu family\t: %u\n", family);
	seq_printf(s, "model\t\t: %u\n", model);
	seq_printf(s, "model name\t: %s\n", arch_cpu_model());
	seq_printf(s, "stepping\t: %u\n", v & 15);
}

static void show_topology(struct seq *s, unsigned int cpu)
{
	seq_printf(s, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n", cpu_count(), cpu,
		   cpu_count());
	seq_printf(s, "apicid\t\t: %u\ninitial apicid\t: %u\n", percpus[cpu].apic_id, percpus[cpu].apic_id);
}

void arch_show_cpuinfo(struct seq *s, unsigned int cpu)
{
	u64 khz = tsc_khz();
	u32 sizes = cpuid_reg(0x80000008, 0, REG_EAX), line = (cpuid(1, 0).ebx >> 8 & 255) * 8;

	seq_printf(s, "processor\t: %u\n", cpu);
	show_identity(s);
	seq_printf(s, "cpu MHz\t\t: %lu.%03lu\n", khz / 1000, khz % 1000);
	if (cpuid_reg(0x80000006, 0, REG_ECX) >> 16)
		seq_printf(s, "cache size\t: %u KB\n", cpuid_reg(0x80000006, 0, REG_ECX) >> 16);
	show_topology(s, cpu);
	seq_printf(s, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n", cpuid(0, 0).eax);
	show_flags(s);
	seq_puts(s, "bugs\t\t:\n");
	seq_printf(s, "bogomips\t: %lu.%02lu\n", khz / 500, khz / 5 % 100);
	seq_printf(s, "clflush size\t: %u\ncache_alignment\t: %u\n", line, line);
	seq_printf(s, "address sizes\t: %u bits physical, %u bits virtual\n", sizes & 255, VIRTUAL_BITS);
	seq_puts(s, "power management:\n\n");
}

/* ---- Random words ---- */

#define RDRAND_TRIES 10 /* SDM vol. 1, 7.3.17.1 */

/* Without RDRAND: the low bits of the time between two reads, mixed (the finaliser is SplitMix64's). Good enough for
 * layouts; not a source for keys. */
static u64 random_by_jitter(void)
{
	static u64 state;
	u64 z = state;

	for (int i = 0; i < 16; i++)
		z = z * 0x9e3779b97f4a7c15UL + rdtsc();
	state = z;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

u64 arch_random(void)
{
	u64 v;

	for (int i = 0; i < RDRAND_TRIES && cpu_has(CPU_RDRAND); i++)
		if (rdrand(&v))
			return v;
	return random_by_jitter();
}
