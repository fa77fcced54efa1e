/* The frame of a demo: see step.h. */
#include "step.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "term.h"

#define WIDTH 78

static const struct demo *running;
static bool interactive;
static int step_number, checks;

/* ---- text ---- */

/* Print words, breaking lines before WIDTH; the first word stands at column `at`. */
static void print_wrapped(const char *text, int at, int indent)
{
	bool first = true;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (!first && at + 1 + len > WIDTH) {
			printf("\n%*s", indent, "");
			at = indent;
		} else if (!first) {
			putchar(' ');
			at++;
		}
		printf("%.*s", len, text);
		at += len;
		text += len + (text[len] == ' ');
		first = false;
	}
	printf("\n");
}

static void wait_enter(void)
{
	int c;

	printf("%s   (Enter)%s ", colour(FAINT), colour(PLAIN));
	fflush(stdout);
	do {
		c = getchar();
		if (c == EOF)
			exit(1);
	} while (c != '\n');
}

void steps_begin(const struct demo *demo, bool wait)
{
	running = demo;
	interactive = wait;
	printf("%s%s%s: %s\n", colour(BOLD), demo->name, colour(PLAIN), demo->about);
}

void steps_end(void)
{
	printf("\n%s%s: %d steps, %d things seen as they were said.%s\n", colour(GREEN),
	       running->name, step_number, checks, colour(PLAIN));
}

void step(const char *fmt, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("\n%s%d.%s ", colour(BOLD), ++step_number, colour(PLAIN));
	print_wrapped(text, 3, 3);
	if (interactive)
		wait_enter();
	fflush(stdout);
}

void show(const char *fmt, ...)
{
	va_list ap;

	printf("     ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void check(bool seen, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (seen) {
		checks++;
		printf("   %s+%s ", colour(GREEN), colour(PLAIN));
		print_wrapped(text, 5, 5);
		return;
	}
	printf("   %sNOT SO:%s ", colour(RED), colour(PLAIN));
	print_wrapped(text, 11, 11);
	fflush(stdout);
	fprintf(stderr, "demo %s: step %d: what was said is not what is seen\n", running->name,
		step_number);
	exit(1);
}

void must(bool worked, const char *what)
{
	if (worked)
		return;
	fflush(stdout);
	fprintf(stderr, "demo %s: step %d: %s: %s\n", running->name, step_number, what,
		strerror(errno));
	exit(1);
}

/* ---- pictures ---- */

unsigned long pfn(pid_t pid, const char *addr)
{
	uint64_t word = pagemap(pid, (unsigned long)addr);

	if (!(word & PAGEMAP_PRESENT))
		return 0;
	errno = EPERM;
	must(word & PAGEMAP_PFN, "frame numbers in /proc/<pid>/pagemap, which only root sees");
	return word & PAGEMAP_PFN;
}

bool page_is_own(pid_t pid, const char *addr)
{
	return pagemap(pid, (unsigned long)addr) & PAGEMAP_EXCLUSIVE;
}

bool page_is_guard(pid_t pid, const char *addr)
{
	return pagemap(pid, (unsigned long)addr) & PAGEMAP_GUARD;
}

void show_pages(const char *who, pid_t pid, const char *addr, int pages)
{
	printf("     %-8s", who);
	for (int i = 0; i < pages; i++) {
		const char *p = addr + (size_t)i * PAGE_SIZE;

		if (page_is_guard(pid, p))
			printf("   GUARD");
		else if (!pfn(pid, p))
			printf("   -----");
		else
			printf(" %s%6lx%c%s", colour(page_is_own(pid, p) ? GREEN : CYAN),
			       pfn(pid, p), page_is_own(pid, p) ? '!' : '=', colour(PLAIN));
	}
	printf("\n");
}

static char page_sign(const char *addr, const struct map *map)
{
	uint64_t word = pagemap(getpid(), (unsigned long)addr);

	if (word & PAGEMAP_GUARD)
		return 'G';
	if (!(word & PAGEMAP_PRESENT))
		return '_';
	return map->perms[0] == 'r' && *addr >= ' ' && *addr <= '~' ? *addr : '0';
}

void show_boxes(const char *who, const char *addr, int pages)
{
	struct map map = {0};

	printf("     %-8s ", who);
	for (int i = 0; i < pages; i++) {
		const char *p = addr + (size_t)i * PAGE_SIZE;
		bool mapped = map_find(getpid(), (unsigned long)p, &map);

		if (!mapped) {
			putchar('.');
			continue;
		}
		if (map.start == (unsigned long)p)
			printf("%s[%s", colour(BOLD), colour(PLAIN));
		putchar(page_sign(p, &map));
		if (map.end == (unsigned long)p + PAGE_SIZE)
			printf("%s]%s", colour(BOLD), colour(PLAIN));
	}
	printf("\n");
}

void show_mapping(const char *who, pid_t pid, const char *addr)
{
	struct map map;
	struct vma vma;

	if (!map_find(pid, (unsigned long)addr, &map)) {
		printf("     %-8s (nothing mapped)\n", who);
		return;
	}
	printf("     %-8s %lx-%lx %s %luK", who, map.start, map.end, map.perms,
	       (map.end - map.start) >> 10);
	if (vma_find(pid, (unsigned long)addr, &vma)) {
		printf("  %s%s%s", colour(CYAN), vma.state, colour(PLAIN));
		if (vma.identity)
			printf(", page offset %lx", vma.pgoff);
	}
	printf("\n");
}

char *map_at(char *addr, int pages)
{
	char *p = mmap(addr, (size_t)pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	must(p == addr, "mmap");
	return p;
}

/* ---- a child that does as it is told ---- */

struct order {
	char what; /* 'r'ead, 'w'rite */
	char value;
	char *addr;
};

static void child_obey(int orders, int answers)
{
	struct order order;

	while (read(orders, &order, sizeof(order)) == sizeof(order)) {
		if (order.what == 'w')
			*order.addr = order.value;
		else
			order.value = *order.addr;
		if (write(answers, &order, sizeof(order)) != sizeof(order))
			break;
	}
	_exit(0);
}

void child_start(struct child *child)
{
	int orders[2], answers[2];

	must(!pipe(orders) && !pipe(answers), "pipe");
	fflush(stdout);
	child->pid = fork();
	must(child->pid >= 0, "fork");
	if (child->pid == 0) {
		close(orders[1]);
		close(answers[0]);
		child_obey(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	child->orders = orders[1];
	child->answers = answers[0];
}

static char child_order(struct child *child, struct order order)
{
	must(write(child->orders, &order, sizeof(order)) == sizeof(order) &&
		     read(child->answers, &order, sizeof(order)) == sizeof(order),
	     "the child");
	return order.value;
}

void child_write(struct child *child, char *addr, char value)
{
	child_order(child, (struct order){'w', value, addr});
}

char child_read(struct child *child, const char *addr)
{
	return child_order(child, (struct order){'r', 0, (char *)addr});
}

void child_end(struct child *child)
{
	close(child->orders);
	must(waitpid(child->pid, NULL, 0) == child->pid, "waitpid");
	close(child->answers);
}

/* ---- touching what may not be there ---- */

static sigjmp_buf after_fault;
static volatile siginfo_t fault;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault.si_code = info->si_code;
	fault.si_addr = info->si_addr;
	siglongjmp(after_fault, sig);
}

int touch(const char *addr, int *code, const char **at)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
	int sig;

	sigaction(SIGSEGV, &act, &old);
	sig = sigsetjmp(after_fault, 1);
	if (!sig)
		*(const volatile char *)addr;
	sigaction(SIGSEGV, &old, NULL);
	if (sig && code)
		*code = fault.si_code;
	if (sig && at)
		*at = (const char *)fault.si_addr;
	return sig;
}

int touch_in_child(const char *addr)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		_exit(touch(addr, NULL, NULL));
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}
