/*
 * Reading the configuration file. Control thread: a local file of a few megabytes at most.
 */
#include "config.h"
#include "adminapi/daemon/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "adminapi/json/strict.h"

#define CHUNK_BYTES (64 * 1024)

static enum err
fd_read(int fd, const char *path, struct buf *out, struct diag *diag)
{
	char chunk[CHUNK_BYTES];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			diag_errno(diag, "%s: cannot read", path);
			return ERR_SYSTEM;
		}
		buf_put(out, chunk, (size_t)n);
		if (out->len > FILE_MAX_BYTES) {
			diag_set(diag, "%s: larger than %d bytes", path, FILE_MAX_BYTES);
			return ERR_LIMIT;
		}
	}
	if (!out->failed)
		return ERR_OK;
	diag_set(diag, "%s: out of memory", path);
	return ERR_NOMEM;
}

enum err
file_read(const char *path, struct buf *out, struct diag *diag)
{
	/* a FIFO without a writer would block for ever: non-blocking, it reads as empty */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum err e;

	if (fd < 0) {
		diag_errno(diag, "%s: cannot open", path);
		return ERR_SYSTEM;
	}
	e = fd_read(fd, path, out, diag);
	close(fd);
	return e;
}

enum err
file_parse(cJSON **root, const struct buf *text, struct issues *issues)
{
	enum err e = json_parse(root, text->at, text->len, issues);

	if (e != ERR_OK)
		return e;
	e = json_expand_env(*root, issues);
	if (e == ERR_OK && !cJSON_IsObject(*root)) {
		issues_add(issues, "", "the document must be an object");
		e = ERR_INVALID;
	}
	if (e != ERR_OK) {
		cJSON_Delete(*root);
		*root = NULL;
	}
	return e;
}
