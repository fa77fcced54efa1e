/*
 * What this CPU can, and how it is set up.
 *
 * Everything that keeps user and kernel apart is switched on where CPUID has it: NX and WP always (start.S insists),
 * SMEP, SMAP, UMIP. FSGSBASE lets programs set their FS and GS base themselves: from then on the kernel must read them
 * back at every task switch (task.c).
 *
 * STAC and CLAC are invalid opcodes without SMAP. Their places hold NOPs, listed in __smap_sites together with the
 * bytes that belong there; they are written while the early tables still map the text writable.
 */
#include "arch/x86_64/x86.h"
#include "kernel/lib/string.h"

#define CR0_AM BIT(18) /* user programs may ask for alignment checks */
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)

#define EFER_SCE BIT(0)
#define EFER_NXE BIT(11)

#define MSR_APIC_BASE 0x1b
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_FMASK 0xc0000084
#define MSR_KERNEL_GS_BASE 0xc0000102

struct percpu percpus[CONFIG_MAX_CPUS];
bool cpu_features[CPU_FEATURES];

struct smap_site {
	u64 addr, bytes;
};
extern const struct smap_site smap_sites_start[], smap_sites_end[];

static void smap_patch(void)
{
	for (const struct smap_site *s = smap_sites_start; s < smap_sites_end; s++)
		memcpy((void *)s->addr, &s->bytes, 3);
}

void cpu_detect(void)
{
	struct cpuid c1 = cpuid(1, 0), c7 = { 0 }, ext = cpuid(0x80000001, 0);

	if (cpuid(0, 0).eax >= 7)
		c7 = cpuid(7, 0);
	cpu_features[CPU_FSGSBASE] = c7.ebx & BIT(0);
	cpu_features[CPU_SMEP] = c7.ebx & BIT(7);
	cpu_features[CPU_SMAP] = c7.ebx & BIT(20);
	cpu_features[CPU_UMIP] = c7.ecx & BIT(2);
	cpu_features[CPU_XSAVE] = c1.ecx & BIT(26);
	cpu_features[CPU_RDRAND] = c1.ecx & BIT(30);
	cpu_features[CPU_PAGE1G] = ext.edx & BIT(26);
	cpu_features[CPU_X2APIC_ON] = (c1.ecx & BIT(21)) && (rdmsr(MSR_APIC_BASE) & BIT(10));
	if (cpu_has(CPU_SMAP))
		smap_patch();
}

/* System calls: STAR's upper word is the base for SYSRET, the next one for SYSCALL (layout.h). */
static void syscall_setup(void)
{
	wrmsr(MSR_STAR, (u64)SEL_USER32_CS << 48 | (u64)SEL_KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_CSTAR, (u64)syscall_entry_compat);
	wrmsr(MSR_FMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC);
}

void cpu_setup(void)
{
	u64 cr4 = read_cr4() | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpu_has(CPU_SMEP))
		cr4 |= CR4_SMEP;
	if (cpu_has(CPU_SMAP))
		cr4 |= CR4_SMAP;
	if (cpu_has(CPU_UMIP))
		cr4 |= CR4_UMIP;
	if (cpu_has(CPU_FSGSBASE))
		cr4 |= CR4_FSGSBASE;
	if (cpu_has(CPU_XSAVE))
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	write_cr0(read_cr0() | CR0_AM);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	syscall_setup();
}

void cpu_percpu_init(unsigned int cpu, unsigned int apic_id)
{
	struct percpu *p = &percpus[cpu];

	p->self = p;
	p->id = cpu;
	p->apic_id = apic_id;
	wrmsr(MSR_GS_BASE, (u64)p);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}
