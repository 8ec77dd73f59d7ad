/*
 * Reading a file that the document names. Any thread.
 */
#include "config.h"
#include "adminapi/apply/named_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "adminapi/doc/files.h"

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)	/* a FIFO must not hold us */

static int
open_beneath(const char *dir, const char *below)
{
	const struct open_how how = {
		.flags = OPEN_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (at < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, at, below, &how, sizeof(how));
	error = errno;
	close(at);
	errno = error;
	return fd;
}

static enum err
named_file_open(int *fdp, const char *dir, const char *name, struct diag *diag)
{
	const char *below = dir == NULL ? NULL : file_below(dir, name);

	if (below == NULL && name[0] != '/') {
		diag_set(diag, "\"%s\" is below global.files_dir, and that is not set", name);
		return ERR_INVALID;
	}
	*fdp = below != NULL ? open_beneath(dir, below) : open(name, OPEN_FLAGS);
	if (*fdp >= 0)
		return ERR_OK;
	if (below != NULL && errno == EXDEV)
		diag_set(diag, "\"%s\" leads out of %s", name, dir);
	else
		diag_errno(diag, "\"%s\"", name);
	return ERR_INVALID;
}

/* Up to `size` bytes; -1: errno says why. */
static ssize_t
read_whole(int fd, char *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, to + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static enum err
named_file_stat(struct stat *st, int fd, const char *name, size_t max, struct diag *diag)
{
	if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
		diag_set(diag, "\"%s\" is no file", name);
		return ERR_INVALID;
	}
	if ((uint64_t)st->st_size <= max)
		return ERR_OK;
	diag_set(diag, "\"%s\" has more than %zu bytes", name, max);
	return ERR_INVALID;
}

static enum err
named_file_take(char **textp, size_t *len, int fd, const char *name, const struct stat *st,
	struct diag *diag)
{
	size_t size = (size_t)st->st_size;
	char *text = malloc(size + 1);		/* a byte more shows that it grows */
	ssize_t got;

	if (text == NULL)
		return ERR_NOMEM;
	got = read_whole(fd, text, size + 1);
	if (got >= 0 && (size_t)got <= size) {
		*textp = text;
		*len = (size_t)got;
		return ERR_OK;
	}
	if (got < 0)
		diag_errno(diag, "\"%s\"", name);
	else
		diag_set(diag, "\"%s\" is being written", name);
	free(text);
	return ERR_INVALID;
}

static void
file_id_take(struct file_id *id, const struct stat *st)
{
	if (id == NULL)
		return;
	*id = (struct file_id){ .device = st->st_dev, .inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.modified_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
}

bool
file_id_equals(const struct file_id *a, const struct file_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	    a->modified_ns == b->modified_ns;
}

enum err
named_file_look(struct file_id *id, const char *dir, const char *name, struct diag *diag)
{
	struct stat st;
	int fd;
	enum err e = named_file_open(&fd, dir, name, diag);

	if (e != ERR_OK)
		return e;
	e = named_file_stat(&st, fd, name, SIZE_MAX, diag);
	if (e == ERR_OK)
		file_id_take(id, &st);
	close(fd);
	return e;
}

enum err
named_file_read_id(char **textp, size_t *len, struct file_id *id, const char *dir, const char *name,
	size_t max, struct diag *diag)
{
	struct stat st;
	int fd;
	enum err e = named_file_open(&fd, dir, name, diag);

	if (e != ERR_OK)
		return e;
	e = named_file_stat(&st, fd, name, max, diag);
	if (e == ERR_OK)
		e = named_file_take(textp, len, fd, name, &st, diag);
	if (e == ERR_OK)
		file_id_take(id, &st);
	close(fd);
	return e;
}

enum err
named_file_read(char **textp, size_t *len, const char *dir, const char *name, size_t max,
	struct diag *diag)
{
	return named_file_read_id(textp, len, NULL, dir, name, max, diag);
}
