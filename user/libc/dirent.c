/*
 * Directories. A DIR is a buffer of getdents64() records; an entry's d_off is the lseek() position of
 * the one after it, so telldir() is the last d_off seen and seekdir() is an lseek().
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc.h"

#define BUFFER_SIZE 4096

struct __dir {
	int fd;
	unsigned int at;
	unsigned int filled;
	long position;
	/* readers may copy a whole struct dirent from the last record */
	char buffer[BUFFER_SIZE + sizeof(struct dirent)] __attribute__((aligned(8)));
};

_Static_assert(offsetof(struct dirent, d_name) == offsetof(struct linux_dirent64, d_name),
	       "a struct dirent is what the kernel writes");

DIR *fdopendir(int fd)
{
	struct stat st;
	DIR *dir;

	if (fstat(fd, &st))
		return NULL;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	dir = malloc(sizeof(*dir));
	if (!dir)
		return NULL;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	dir->fd = fd;
	dir->at = dir->filled = 0;
	dir->position = 0;
	return dir;
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

int closedir(DIR *dir)
{
	int fd = dir->fd;

	free(dir);
	return close(fd);
}

int dirfd(DIR *dir)
{
	return dir->fd;
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *entry;
	long got;

	if (dir->at >= dir->filled) {
		got = CALL(__NR_getdents64, dir->fd, dir->buffer, BUFFER_SIZE);
		if (got <= 0)
			return NULL;
		dir->at = 0;
		dir->filled = (unsigned int)got;
	}
	entry = (struct dirent *)(dir->buffer + dir->at);
	dir->at += entry->d_reclen;
	dir->position = entry->d_off;
	return entry;
}

int readdir_r(DIR *dir, struct dirent *copy, struct dirent **result)
{
	struct dirent *entry;
	int saved = errno, error;

	errno = 0;
	entry = readdir(dir);
	error = errno;
	errno = saved;
	if (entry)
		memcpy(copy, entry, entry->d_reclen);
	*result = entry ? copy : NULL;
	return error;
}

long telldir(DIR *dir)
{
	return dir->position;
}

void seekdir(DIR *dir, long position)
{
	dir->position = lseek(dir->fd, position, SEEK_SET);
	dir->at = dir->filled = 0;
}

void rewinddir(DIR *dir)
{
	seekdir(dir, 0);
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

struct dirent_list {
	struct dirent **entries;
	int count;
	int room;
};

static int list_add(struct dirent_list *list, const struct dirent *entry)
{
	struct dirent *copy;

	if (list->count == list->room) {
		int room = list->room ? 2 * list->room : 32;
		struct dirent **grown = realloc(list->entries, (size_t)room * sizeof(*grown));

		if (!grown)
			return -1;
		list->entries = grown;
		list->room = room;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -1;
	memcpy(copy, entry, entry->d_reclen);
	list->entries[list->count++] = copy;
	return 0;
}

static void list_free(struct dirent_list *list)
{
	while (list->count)
		free(list->entries[--list->count]);
	free(list->entries);
}

int scandir(const char *path, struct dirent ***result, int (*want)(const struct dirent *),
	    int (*compare)(const struct dirent **, const struct dirent **))
{
	struct dirent_list list = {0};
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return -1;
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (want && !want(entry))
			continue;
		if (list_add(&list, entry))
			break;
	}
	if (errno) {
		int error = errno;

		closedir(dir);
		list_free(&list);
		errno = error;
		return -1;
	}
	closedir(dir);
	if (compare && list.count)
		qsort(list.entries, (size_t)list.count, sizeof(*list.entries),
		      (int (*)(const void *, const void *))compare);
	*result = list.entries;
	return list.count;
}
