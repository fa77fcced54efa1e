/*
 * The four 16550 UARTs. Output waits for the transmitter; input comes by interrupt once uart_irq_enable() has run.
 */
#include "arch/x86_64/x86.h"
#include "kernel/printk.h"

#define REG_DATA 0
#define REG_IER 1 /* divisor's upper byte while LCR_DLAB */
#define REG_FCR 2
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5
#define REG_SCRATCH 7

#define IER_RECEIVED 1
#define FCR_ENABLE_CLEAR 7
#define LCR_8N1 3
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through */
#define LSR_DATA 1
#define LSR_EMPTY 0x20
#define DIVISOR_115200 1

/* 16 characters at 115200 baud take 1.4 ms, but the transmitter of an emulated port empties when somebody on a busy machine
 * reads: seconds are patience, more means that nobody is there. Port reads take between 0.1 and 1 us. */
#define TRANSMIT_SPINS 20000000
/* Input that nobody takes must not keep the handler for ever. */
#define POLL_ROUNDS 16

static const u16 io_base[UART_COUNT] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static bool present[UART_COUNT];
static bool abandoned[UART_COUNT]; /* nobody read for that long: no more waiting until somebody does */

static bool probe(u16 base)
{
	outb(base + REG_SCRATCH, 0x5a);
	if (inb(base + REG_SCRATCH) != 0x5a)
		return false;
	outb(base + REG_SCRATCH, 0xa5);
	return inb(base + REG_SCRATCH) == 0xa5;
}

void uart_init(void)
{
	for (unsigned int i = 0; i < UART_COUNT; i++) {
		u16 base = io_base[i];

		present[i] = probe(base);
		if (!present[i])
			continue;
		outb(base + REG_IER, 0);
		outb(base + REG_LCR, LCR_DLAB);
		outb(base + REG_DATA, DIVISOR_115200);
		outb(base + REG_IER, 0);
		outb(base + REG_LCR, LCR_8N1);
		outb(base + REG_FCR, FCR_ENABLE_CLEAR);
		outb(base + REG_MCR, MCR_DTR_RTS_OUT2);
	}
}

void uart_irq_enable(void)
{
	for (unsigned int i = 0; i < UART_COUNT; i++)
		if (present[i])
			outb(io_base[i] + REG_IER, IER_RECEIVED);
}

bool uart_present(unsigned int port)
{
	return port < UART_COUNT && present[port];
}

void uart_putc(unsigned int port, char c)
{
	unsigned int spins;

	if (!uart_present(port))
		return;
	spins = abandoned[port] ? 1 : TRANSMIT_SPINS;
	while (!(inb(io_base[port] + REG_LSR) & LSR_EMPTY) && --spins)
		cpu_relax();
	abandoned[port] = !spins;
	if (spins)
		outb(io_base[port] + REG_DATA, c);
}

int uart_getc(unsigned int port)
{
	if (!uart_present(port) || !(inb(io_base[port] + REG_LSR) & LSR_DATA))
		return -1;
	return inb(io_base[port] + REG_DATA);
}

/* Ports first, first + step, ...: tell who has input, until none has. */
void uart_poll(unsigned int first, unsigned int step)
{
	bool more = true;

	for (unsigned int round = 0; more && round < POLL_ROUNDS; round++) {
		more = false;
		for (unsigned int i = first; i < UART_COUNT; i += step) {
			if (!present[i] || !(inb(io_base[i] + REG_LSR) & LSR_DATA))
				continue;
			uart_interrupt(i);
			more = true;
		}
	}
}
