/*
 * ACPI, as far as it lists interrupt controllers: RSDP -> XSDT or RSDT -> MADT (ACPI 6.4, 5.2).
 *
 * Runs on the early tables, which reach 4 GiB; firmware keeps its tables below. Every table is checked: length first,
 * then its sum. Without a MADT there is one CPU and no I/O APIC.
 */
#include "arch/x86_64/x86.h"
#include "kernel/lib/string.h"
#include "kernel/printk.h"

#define EARLY_REACH (1UL << 32)
#define BDA_EBDA_SEGMENT 0x40e
#define BIOS_START 0xe0000UL
#define BIOS_END 0x100000UL

struct rsdp {
	char signature[8]; /* "RSD PTR " */
	u8 sum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length; /* from here: revision 2 */
	u64 xsdt;
	u8 sum_all;
	u8 reserved[3];
} __packed;

#define RSDP_V1_SIZE 20

struct sdt {
	char signature[4];
	u32 length;
	u8 revision, sum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} __packed;

struct madt {
	struct sdt head;
	u32 lapic;
	u32 flags;
	u8 entries[];
} __packed;

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
#define LAPIC_ENABLED BIT(0)

struct madt_entry {
	u8 type, length;
	union {
		struct { u8 uid, id; u32 flags; } __packed lapic;
		struct { u8 id, reserved; u32 address, gsi; } __packed ioapic;
		struct { u8 bus, source; u32 gsi; u16 flags; } __packed isa;
		struct { u16 reserved; u64 address; } __packed lapic_address;
		struct { u16 reserved; u32 id, flags, uid; } __packed x2apic;
	};
} __packed;

struct acpi_info acpi_info;

static const void *at(u64 phys, size_t size) /* NULL: out of reach */
{
	return phys && phys + size <= EARLY_REACH ? phys_to_virt(phys) : NULL;
}

static bool sum_is_zero(const void *data, size_t size)
{
	const u8 *p = data;
	u8 sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += p[i];
	return sum == 0;
}

static const struct rsdp *rsdp_at(u64 phys)
{
	const struct rsdp *r = at(phys, sizeof(*r));

	return r && !memcmp(r->signature, "RSD PTR ", 8) && sum_is_zero(r, RSDP_V1_SIZE) ? r : NULL;
}

static const struct rsdp *rsdp_scan(u64 start, u64 end)
{
	const struct rsdp *r = NULL;

	for (u64 p = start; !r && p < end; p += 16)
		r = rsdp_at(p);
	return r;
}

/* What the loader told, or where a BIOS puts it (ACPI 5.2.5.1). */
static const struct rsdp *rsdp_find(u64 phys)
{
	const struct rsdp *r = rsdp_at(phys);
	u64 ebda = (u64) * (const u16 *)phys_to_virt(BDA_EBDA_SEGMENT) << 4;

	if (!r && ebda)
		r = rsdp_scan(ebda, ebda + 1024);
	return r ? r : rsdp_scan(BIOS_START, BIOS_END);
}

static const struct sdt *sdt_at(u64 phys)
{
	const struct sdt *t = at(phys, sizeof(*t));

	if (!t || t->length < sizeof(*t) || !at(phys, t->length))
		return NULL;
	return sum_is_zero(t, t->length) ? t : NULL;
}

static u64 pointer_at(const u8 *p, size_t size) /* not aligned */
{
	u64 v = 0;

	memcpy(&v, p, size);
	return v;
}

static const struct sdt *table_find(const struct rsdp *r, const char *signature)
{
	bool wide = r->revision >= 2 && r->xsdt;
	const struct sdt *root = sdt_at(wide ? r->xsdt : r->rsdt);
	size_t size = wide ? 8 : 4;

	for (size_t off = sizeof(*root); root && off + size <= root->length; off += size) {
		const struct sdt *t = sdt_at(pointer_at((const u8 *)root + off, size));

		if (t && !memcmp(t->signature, signature, 4))
			return t;
	}
	return NULL;
}

static void add_cpu(u32 apic_id, u32 flags)
{
	if (!(flags & LAPIC_ENABLED))
		return;
	if (acpi_info.nr_cpus < CONFIG_MAX_CPUS)
		acpi_info.apic_ids[acpi_info.nr_cpus++] = apic_id;
	else
		acpi_info.nr_cpus_left_out++;
}

/* Bits 0..1 of flags: polarity, 2..3: trigger; 3 is low and level, everything else ISA's high and edge. */
static void add_override(u8 source, u32 gsi, u16 flags)
{
	if (source >= ARRAY_SIZE(acpi_info.isa))
		return;
	acpi_info.isa[source].gsi = gsi;
	acpi_info.isa[source].low = (flags & 3) == 3;
	acpi_info.isa[source].level = (flags >> 2 & 3) == 3;
}

static void madt_entry(const struct madt_entry *e)
{
	switch (e->type) {
	case MADT_LAPIC:
		add_cpu(e->lapic.id, e->lapic.flags);
		break;
	case MADT_X2APIC:
		if (cpu_has(CPU_X2APIC_ON))
			add_cpu(e->x2apic.id, e->x2apic.flags);
		break;
	case MADT_IOAPIC:
		if (acpi_info.ioapic_phys && e->ioapic.gsi >= acpi_info.ioapic_gsi)
			break; /* ISA interrupts are the first one's */
		acpi_info.ioapic_phys = e->ioapic.address;
		acpi_info.ioapic_gsi = e->ioapic.gsi;
		break;
	case MADT_OVERRIDE:
		add_override(e->isa.source, e->isa.gsi, e->isa.flags);
		break;
	case MADT_LAPIC_ADDRESS:
		acpi_info.lapic_phys = e->lapic_address.address;
		break;
	}
}

void acpi_init(u64 rsdp)
{
	const struct rsdp *r = rsdp_find(rsdp);
	const struct madt *m = r ? (const struct madt *)table_find(r, "APIC") : NULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(acpi_info.isa); i++)
		acpi_info.isa[i].gsi = i;
	if (!m)
		return;
	acpi_info.lapic_phys = m->lapic;
	for (size_t off = sizeof(*m); off + 2 <= m->head.length;) {
		const struct madt_entry *e = (const struct madt_entry *)((const u8 *)m + off);

		if (e->length < 2 || off + e->length > m->head.length)
			break;
		madt_entry(e);
		off += e->length;
	}
}
