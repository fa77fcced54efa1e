/*
 * Processes: fork, wait, and the calls that run a program.
 *
 * fork() holds malloc's lock, so that the child's heap is whole. system() and popen() use vfork
 * through posix_spawn: their child borrows the parent's memory until it executes, which costs no
 * copy of page tables however large the parent is.
 */
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libc.h"

#define DEFAULT_PATH "/bin:/usr/bin:/sbin:/usr/sbin"

struct piped_child {
	struct piped_child *next;
	FILE *stream;
	pid_t pid;
};

static struct piped_child *piped_children;
static int piped_lock;

pid_t fork(void)
{
	struct _reent *reent = _REENT;
	int *tid = &thread_self()->tid;
	long ret;

	__malloc_lock(reent);
	ret = RAW(__NR_clone, SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, 0, 0, tid, 0);
	if (ret == 0)
		__threads_after_fork();
	__malloc_unlock(reent);
	return (pid_t)finish(ret);
}

pid_t wait(int *status)
{
	return wait4(-1, status, 0, NULL);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return wait4(pid, status, options, NULL);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	return (int)CALL(__NR_waitid, type, id, info, options, NULL);
}

static pid_t wait_for(pid_t pid, int *status)
{
	pid_t ret;

	do {
		ret = waitpid(pid, status, 0);
	} while (ret < 0 && errno == EINTR);
	return ret;
}

int getpriority(int which, id_t who)
{
	long ret = CALL(__NR_getpriority, which, who);

	return ret < 0 ? -1
		       : 20 - (int)ret; /* the call says 1..40, so that success is not negative */
}

int nice(int increment)
{
	int old;

	errno = 0;
	old = getpriority(PRIO_PROCESS, 0);
	if (old == -1 && errno)
		return -1;
	if (setpriority(PRIO_PROCESS, 0, old + increment))
		return -1;
	return getpriority(PRIO_PROCESS, 0);
}

int setegid(gid_t gid)
{
	return setregid((gid_t)-1, gid);
}

int seteuid(uid_t uid)
{
	return setreuid((uid_t)-1, uid);
}

/* ---- exec with a search ---- */

/* => is this failure a reason to go on with the next folder? */
static int exec_try_next(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	const char *path = getenv("PATH");
	int seen = ENOENT;
	char full[PATH_MAX];

	if (!*file || strchr(file, '/'))
		return execve(file, argv, envp);
	if (!path)
		path = DEFAULT_PATH;
	for (;;) {
		size_t len = strcspn(path, ":");

		if (len + strlen(file) + 2 <= sizeof(full)) {
			snprintf(full, sizeof(full), "%.*s%s%s", (int)len, path, len ? "/" : "",
				 file);
			execve(full, argv, envp);
			if (!exec_try_next(errno))
				return -1;
			if (errno == EACCES)
				seen = EACCES;
		}
		if (!path[len])
			break;
		path += len + 1;
	}
	errno = seen;
	return -1;
}

int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* ---- the shell ---- */

static int spawn_shell(pid_t *pid, const char *command, posix_spawn_file_actions_t *actions,
		       posix_spawnattr_t *attr)
{
	char *argv[] = {"sh", "-c", (char *)command, NULL};

	return posix_spawn(pid, _PATH_BSHELL, actions, attr, argv, environ);
}

/* The child of system() gets the signal state that its parent had before the call. */
static int spawn_system(pid_t *pid, const char *command, const sigset_t *mask,
			const sigset_t *defaults)
{
	posix_spawnattr_t attr;
	int error = posix_spawnattr_init(&attr);

	if (error)
		return error;
	posix_spawnattr_setsigmask(&attr, mask);
	posix_spawnattr_setsigdefault(&attr, defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = spawn_shell(pid, command, NULL, &attr);
	posix_spawnattr_destroy(&attr);
	return error;
}

/*
 * Run a command and wait for it, for it alone.
 * => the wait status; 127 << 8 when there is no shell; -1 and errno when there is no process
 */
int system(const char *command)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old_int, old_quit;
	sigset_t block, old_mask, defaults;
	int status, error;
	pid_t pid;

	if (!command)
		return access(_PATH_BSHELL, X_OK) == 0;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old_mask);
	sigaction(SIGINT, &ignore, &old_int);
	sigaction(SIGQUIT, &ignore, &old_quit);
	sigemptyset(&defaults);
	if (old_int.sa_handler != SIG_IGN)
		sigaddset(&defaults, SIGINT);
	if (old_quit.sa_handler != SIG_IGN)
		sigaddset(&defaults, SIGQUIT);

	error = spawn_system(&pid, command, &old_mask, &defaults);
	if (error == ENOENT || error == EACCES)
		status = 127 << 8;
	else if (error || wait_for(pid, &status) < 0)
		status = -1;

	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGQUIT, &old_quit, NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	if (error && status == -1)
		errno = error;
	return status;
}

/* ---- popen ---- */

/* Start the command with one end of the pipe. => an error number */
static int spawn_piped(pid_t *pid, const char *command, int end, int target)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, end, target);
	if (!error)
		error = spawn_shell(pid, command, &actions, NULL);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Both ends close on exec, so no other child ever holds the pipe open. */
FILE *popen(const char *command, const char *mode)
{
	int reads = mode[0] == 'r', ends[2], ours, theirs, error;
	struct piped_child *child;

	if ((mode[0] != 'r' && mode[0] != 'w') || (mode[1] && strcmp(mode + 1, "e"))) {
		errno = EINVAL;
		return NULL;
	}
	child = malloc(sizeof(*child));
	if (!child)
		return NULL;
	if (pipe2(ends, O_CLOEXEC)) {
		free(child);
		return NULL;
	}
	ours = ends[!reads];
	theirs = ends[reads];
	child->stream = fdopen(ours, reads ? "r" : "w");
	error = child->stream ? spawn_piped(&child->pid, command, theirs, reads) : errno;
	close(theirs);
	if (error) {
		if (child->stream)
			fclose(child->stream);
		else
			close(ours);
		free(child);
		errno = error;
		return NULL;
	}
	if (mode[1] != 'e')
		fcntl(ours, F_SETFD, 0);

	word_lock(&piped_lock);
	child->next = piped_children;
	piped_children = child;
	word_unlock(&piped_lock);
	return child->stream;
}

int pclose(FILE *stream)
{
	struct piped_child **link, *child;
	int status;
	pid_t pid;

	word_lock(&piped_lock);
	for (link = &piped_children; *link && (*link)->stream != stream; link = &(*link)->next)
		;
	child = *link;
	if (child)
		*link = child->next;
	word_unlock(&piped_lock);
	if (!child) {
		errno = EINVAL;
		return -1;
	}
	pid = child->pid;
	free(child);
	fclose(stream);
	return wait_for(pid, &status) < 0 ? -1 : status;
}
