/*
 * System-call dispatch: a number, six words, one result.
 *
 * entry.S has saved the registers; the result goes where the program finds it, rax. What must happen before the return
 * to user mode - signals, a reschedule - is asked for by task->return_work and done in return_to_user().
 */
#include "kernel/syscall.h"

#include "kernel/fs/sys_fs.h"
#include "kernel/lib/bitmap.h"
#include "kernel/printk.h"
#include "kernel/sys_mm.h"
#include "kernel/sys_proc.h"
#include "kernel/task.h"
#include <arch/cpu.h>

/* Calls through one type: every parameter fits a register, and the ABI does not care how many a function reads. */
#define SYSCALL(nr, name) [nr] = (syscall_fn *)(void (*)(void))sys_##name,
#define NOSYS(nr, name)
static syscall_fn *const table[] = {
#include "kernel/syscall_table.h"
};
#undef SYSCALL
#undef NOSYS

#define SYSCALL(nr, name)
#define NOSYS(nr, name) [nr] = #name,
static const char *const missing[] = {
#include "kernel/syscall_table.h"
};
#undef SYSCALL
#undef NOSYS

/* Numbers that the log has named already: once each is enough. */
static unsigned long told[(ARRAY_SIZE(missing) + 63) / 64];

static long no_such_call(unsigned long nr)
{
	const char *name = nr < ARRAY_SIZE(missing) ? missing[nr] : NULL;
	unsigned long bit = BIT(nr % 64);

	if (nr >= ARRAY_SIZE(missing)) {
		pr_debug("%s[%d]: system call %ld does not exist", current->comm, current->tid, (long)nr);
		return -ENOSYS;
	}
	if (!(__atomic_fetch_or(&told[nr / 64], bit, __ATOMIC_RELAXED) & bit))
		pr_info("%s[%d]: system call %lu (%s) is not there", current->comm, current->tid, nr,
			name ? name : "unused number");
	return -ENOSYS;
}

void syscall_dispatch(struct regs *r)
{
	unsigned long nr = (u32)r->orig_rax; /* Linux looks at 32 bits as well */
	syscall_fn *fn = nr < ARRAY_SIZE(table) ? table[nr] : NULL;

	r->rax = (u64)(likely(fn) ? fn(r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9) : no_such_call(nr));
	/* Restart codes never reach the program: deliver() turns them into something else, also when another thread has
	 * taken the signal meanwhile. */
	if (unlikely(r->rax + ERESTART_RESTARTBLOCK <= ERESTART_RESTARTBLOCK - ERESTARTSYS))
		current->sig_check = true;
	if (IS_ENABLED(CONFIG_DEBUG))
		lock_assert_none_held();
}
