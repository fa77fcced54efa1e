/*
 * Time: the time-stamp counter, and what it is measured against.
 *
 * cpu_clock() is one RDTSC and a multiplication. The rate comes from CPUID where the CPU or the hypervisor tells it,
 * otherwise from counting the TSC against the PIT's channel 2 (1.193182 MHz) for 10 ms. Both counters are read close
 * together, several times, and the closest pair counts: the emulator's thread may lose its CPU between two reads.
 * The TSCs of all CPUs are taken to run together, as they do on everything that QEMU makes.
 *
 * The LAPIC timer's rate is then measured against the TSC in the same way.
 *
 * The date is the CMOS clock's, read once: cpu_clock() goes on from there.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"

#define PIT_HZ 1193182UL
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_SET_CHANNEL2 0xb0 /* low and high byte, mode 0: count down once */
#define PIT_LATCH_CHANNEL2 0x80
#define PORT_GATE 0x61 /* bit 0 gates channel 2, bit 1 is the speaker */

#define CALIBRATE_US 10000
#define LAPIC_CALIBRATE_US 2000
#define TSC_FALLBACK_HZ 1000000000UL
#define SAMPLES 5

static u64 tsc_base, tsc_hz;
static u64 tsc_mult; /* ns = ticks * mult >> 32 */

u64 cpu_ticks_ns(u64 ticks)
{
	return ((unsigned __int128)(ticks - tsc_base) * tsc_mult) >> 32;
}

u64 cpu_clock(void)
{
	return cpu_ticks_ns(cpu_ticks());
}

u64 tsc_khz(void)
{
	return tsc_hz / 1000;
}

void tsc_delay_us(unsigned int us)
{
	u64 start = rdtsc(), ticks = tsc_hz / 1000000 * us;

	while (rdtsc() - start < ticks)
		cpu_relax();
}

/* ---- Calibration ---- */

/* A counter's value, and the TSC in the middle of reading it. */
struct sample {
	u64 tsc;
	u32 count;
};

static struct sample sample(u32 (*read)(void))
{
	struct sample best = { 0 };
	u64 best_width = ~0UL;

	for (int i = 0; i < SAMPLES; i++) {
		u64 before = rdtsc();
		u32 count = read();
		u64 width = rdtsc() - before;

		if (width < best_width) {
			best_width = width;
			best = (struct sample){ before + width / 2, count };
		}
	}
	return best;
}

static u32 pit_read(void)
{
	u32 low;

	outb(PIT_COMMAND, PIT_LATCH_CHANNEL2);
	low = inb(PIT_CHANNEL2);
	return low | (u32)inb(PIT_CHANNEL2) << 8;
}

static void pit_start(void)
{
	outb(PORT_GATE, (inb(PORT_GATE) & ~2) | 1);
	outb(PIT_COMMAND, PIT_SET_CHANNEL2);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
}

/* 0: there is no PIT */
static u64 tsc_hz_by_pit(void)
{
	const u32 interval = PIT_HZ * CALIBRATE_US / 1000000;
	struct sample a, b;
	u32 spins = 0;

	pit_start();
	a = sample(pit_read);
	while (((a.count - pit_read()) & 0xffff) < interval)
		if (++spins == 10000000)
			return 0;
	b = sample(pit_read);
	return (b.tsc - a.tsc) * PIT_HZ / ((a.count - b.count) & 0xffff);
}

/* 0: CPUID does not tell. Leaf 0x15: SDM vol. 3B, 18.7.3; 0x40000010: the convention of hypervisors */
static u64 tsc_hz_by_cpuid(void)
{
	struct cpuid c;

	if (cpuid(0, 0).eax >= 0x15) {
		c = cpuid(0x15, 0);
		if (c.eax && c.ebx && c.ecx)
			return (u64)c.ecx * c.ebx / c.eax;
	}
	if ((cpuid(1, 0).ecx & BIT(31)) && cpuid(0x40000000, 0).eax >= 0x40000010)
		return cpuid(0x40000010, 0).eax * 1000UL;
	return 0;
}

static void lapic_calibrate(void)
{
	struct sample a, b;

	lapic_timer_oneshot(~0U);
	a = sample(lapic_timer_count);
	tsc_delay_us(LAPIC_CALIBRATE_US);
	b = sample(lapic_timer_count);
	lapic_timer_oneshot(0);
	lapic_timer_set_rate((a.count - b.count) * tsc_hz / (b.tsc - a.tsc));
}

void tsc_init(void)
{
	tsc_base = rdtsc();
}

void tsc_calibrate(void)
{
	tsc_hz = tsc_hz_by_cpuid();
	if (!tsc_hz)
		tsc_hz = tsc_hz_by_pit();
	if (!tsc_hz) {
		pr_warn("nothing tells how fast the TSC runs: taken for 1 GHz\n");
		tsc_hz = TSC_FALLBACK_HZ;
	}
	tsc_mult = (1000000000UL << 32) / tsc_hz; /* just fits */
	lapic_calibrate();
}

/* ---- The date ---- */

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define RTC_SECOND 0
#define RTC_MINUTE 2
#define RTC_HOUR 4
#define RTC_DAY 7
#define RTC_MONTH 8
#define RTC_YEAR 9
#define RTC_STATUS_A 10 /* bit 7: an update is going on */
#define RTC_STATUS_B 11 /* bit 1: 24 hours, bit 2: binary */
#define HOUR_PM 0x80

static u8 cmos_read(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static unsigned int from_bcd(unsigned int v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* Days since 1970-01-01, Gregorian: years begin in March, so that the leap day is the last one. */
static u64 days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
	unsigned int y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return 365UL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

u64 arch_wallclock(void)
{
	static const u8 regs[] = { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR };
	unsigned int v[6], hour;
	bool pm;
	u8 status;

	do { /* again, should the second have changed meanwhile */
		while (cmos_read(RTC_STATUS_A) & 0x80)
			cpu_relax();
		for (int i = 0; i < 6; i++)
			v[i] = cmos_read(regs[i]);
	} while (cmos_read(RTC_SECOND) != v[0]);
	status = cmos_read(RTC_STATUS_B);
	pm = v[2] & HOUR_PM;
	hour = v[2] & ~HOUR_PM;
	for (int i = 0; i < 6 && !(status & 4); i++)
		v[i] = from_bcd(v[i]);
	if (!(status & 4))
		hour = from_bcd(hour);
	if (!(status & 2)) /* 12 am is 0, 12 pm is 12 */
		hour = hour % 12 + (pm ? 12 : 0);
	return days_since_1970(2000 + v[5], v[4], v[3]) * 86400 + hour * 3600 + v[1] * 60 + v[0];
}
