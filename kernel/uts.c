/* What machine and kernel this is: uname(2), host name, sysinfo(2), and the log as dmesg reads it: syslog(2). */
#include "kernel/lib/string.h"
#include "kernel/loadavg.h"
#include "kernel/log.h"
#include "kernel/proc.h"
#include "kernel/sys_proc.h"
#include "kernel/uapi/errno.h"
#include "kernel/uapi/sysinfo.h"
#include "kernel/uapi/utsname.h"
#include "kernel/uts.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>

#define SI_LOAD_SHIFT 16 /* sysinfo(2)'s fixed point */

/* Programs compare the release with Linux's: it names the interface that this kernel offers. */
struct utsname uts_name = {
	.sysname = "Linux",
	.nodename = "quire",
	.release = UTS_RELEASE,
	.version = UTS_VERSION,
	.machine = "x86_64",
	.domainname = "(none)",
};
static struct spinlock uts_lock = SPINLOCK_INIT(RANK_LEAF);

long sys_uname(struct utsname __user *user)
{
	struct utsname copy;

	spin_lock(&uts_lock);
	copy = uts_name;
	spin_unlock(&uts_lock);
	return copy_to_user(user, &copy, sizeof(copy)) ? -EFAULT : 0;
}

static long set_uts(char *field, const char __user *user, int len)
{
	char name[_UTSNAME_LENGTH] = "";

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len >= _UTSNAME_LENGTH)
		return -EINVAL;
	if (copy_from_user(name, user, (size_t)len))
		return -EFAULT;
	spin_lock(&uts_lock);
	memcpy(field, name, sizeof(name));
	spin_unlock(&uts_lock);
	return 0;
}

long sys_sethostname(const char __user *user, int len)
{
	return set_uts(uts_name.nodename, user, len);
}

long sys_setdomainname(const char __user *user, int len)
{
	return set_uts(uts_name.domainname, user, len);
}

long sys_sysinfo(struct sysinfo __user *user)
{
	struct buddy_stats memory;
	struct sysinfo s = { .uptime = (long)(cpu_clock() / NSEC_PER_SEC), .mem_unit = 1 };

	buddy_stats(&memory);
	s.totalram = memory.total << PAGE_SHIFT;
	s.freeram = memory.free << PAGE_SHIFT;
	s.procs = (unsigned short)task_count();
	loadavg_get(s.loads);
	for (int i = 0; i < 3; i++)
		s.loads[i] <<= SI_LOAD_SHIFT - LOAD_SHIFT;
	return copy_to_user(user, &s, sizeof(s)) ? -EFAULT : 0;
}

/* ---- syslog(2) ---- */

enum { SYSLOG_CLOSE, SYSLOG_OPEN, SYSLOG_READ, SYSLOG_READ_ALL, SYSLOG_READ_CLEAR, SYSLOG_CLEAR, SYSLOG_CONSOLE_OFF,
       SYSLOG_CONSOLE_ON, SYSLOG_CONSOLE_LEVEL, SYSLOG_SIZE_UNREAD, SYSLOG_SIZE_BUFFER };

#define LOG_LINE_MAX 600
#define LOG_BUFFER_BYTES (64 * 1024)

static u64 cleared, consumed; /* first record that READ_ALL shows, that READ takes */

/* A record as dmesg expects it: <level>[time] text. => length */
static int format_record(char *line, const struct log_entry *e, const char *text, int n)
{
	return snprintf(line, LOG_LINE_MAX, "<%u>[%5lu.%06lu] %.*s\n", e->level,
			(unsigned long)(e->time / NSEC_PER_SEC),
			(unsigned long)(e->time % NSEC_PER_SEC / NSEC_PER_USEC), n, text);
}

/* Bytes that the records from seq on take. */
static size_t size_from(u64 seq, char *line, char *text)
{
	struct log_entry e;
	size_t total = 0;
	int n;

	while ((n = log_read(&seq, &e, text, LOG_LINE_MAX)) >= 0)
		total += (size_t)format_record(line, &e, text, n);
	return total;
}

/* The newest records from *seq on that fit into len bytes, or with `oldest` the oldest ones. *seq moves behind them. */
static long copy_log(u64 *seq, char __user *buf, size_t len, bool oldest, char *line, char *text)
{
	size_t left = len, total = size_from(*seq, line, text);
	struct log_entry e;
	u64 at = *seq;
	int n;

	while ((n = log_read(&at, &e, text, LOG_LINE_MAX)) >= 0) {
		size_t bytes = (size_t)format_record(line, &e, text, n);

		if (!oldest && total > len) { /* too old to fit */
			total -= bytes;
			continue;
		}
		if (bytes > left)
			break;
		if (copy_to_user(buf + (len - left), line, bytes))
			return -EFAULT;
		left -= bytes;
		*seq = at;
	}
	return (long)(len - left);
}

static long read_log(int type, char __user *buf, size_t len, char *line, char *text)
{
	u64 first, end, seq;
	long ret;

	log_bounds(&first, &end);
	if (type == SYSLOG_SIZE_UNREAD)
		return (long)size_from(consumed, line, text);
	if (type == SYSLOG_READ) {
		ret = wait_event_interruptible(&log_waiters, (log_bounds(&first, &end), consumed < end));
		return ret ? ret : copy_log(&consumed, buf, len, true, line, text);
	}
	seq = cleared;
	ret = copy_log(&seq, buf, len, false, line, text);
	if (type == SYSLOG_READ_CLEAR && ret >= 0)
		cleared = end;
	return ret;
}

static long set_console_level(int type, int level)
{
	switch (type) {
	case SYSLOG_CONSOLE_OFF:
		log_to_console = false;
		return 0;
	case SYSLOG_CONSOLE_ON:
		log_to_console = true;
		return 0;
	default:
		if (level < 1 || level > 8)
			return -EINVAL;
		log_level = (unsigned int)level - 1; /* Linux: what is below the number is shown */
		return 0;
	}
}

static long log_transfer(int type, char __user *buf, int len)
{
	char *line = kmalloc(2 * LOG_LINE_MAX);
	long ret = -ENOMEM;

	if (line)
		ret = read_log(type, buf, (size_t)len, line, line + LOG_LINE_MAX);
	kfree(line);
	return ret;
}

long sys_syslog(int type, char __user *buf, int len)
{
	u64 first;

	if (type != SYSLOG_READ_ALL && type != SYSLOG_SIZE_BUFFER && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_READ:
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		if (!buf || len < 0)
			return -EINVAL;
		return len ? log_transfer(type, buf, len) : 0;
	case SYSLOG_CLEAR:
		log_bounds(&first, &cleared);
		return 0;
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
	case SYSLOG_CONSOLE_LEVEL:
		return set_console_level(type, len);
	case SYSLOG_SIZE_UNREAD:
		return log_transfer(type, NULL, 0);
	case SYSLOG_SIZE_BUFFER:
		return LOG_BUFFER_BYTES;
	default:
		return -EINVAL;
	}
}
