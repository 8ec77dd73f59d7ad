/*
 * Reading the configuration file: at start, and on the helper thread for a reload.
 */
#include "config.h"
#include "adminapi/apply/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
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

static enum err
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

static enum err
file_parse(struct file *file, struct issues *issues)
{
	enum err e = json_parse(&file->root, file->text.at, file->text.len, issues);

	if (e != ERR_OK)
		return e;
	e = json_expand_env(file->root, issues);
	if (e == ERR_OK && !cJSON_IsObject(file->root)) {
		issues_add(issues, "", "the document must be an object");
		e = ERR_INVALID;
	}
	if (e != ERR_OK)
		return e;
	json_print(&file->expanded, file->root);
	saved_file_hash(file->hash, (struct slice){ file->text.at, file->text.len },
		(struct slice){ file->expanded.at, file->expanded.len });
	return file->expanded.failed ? ERR_NOMEM : ERR_OK;
}

enum err
file_load(struct file *file, const char *path, struct issues *issues, struct diag *diag)
{
	enum err e;

	*file = (struct file){ .root = NULL };
	e = file_read(path, &file->text, diag);
	if (e != ERR_OK)
		return e;
	e = file_parse(file, issues);
	if (e == ERR_NOMEM)
		diag_set(diag, "%s: out of memory", path);
	return e;
}

void
file_fini(struct file *file)
{
	buf_fini(&file->text);
	buf_fini(&file->expanded);
	cJSON_Delete(file->root);
	file->root = NULL;
}

/* The place that a detail begins with, and where it goes on behind it. column 0: none is said. */
static const char *
detail_place(const char *detail, uint32_t *line, uint32_t *column)
{
	uint32_t l, c;
	int len = 0;

	*column = 0;
	if (sscanf(detail, "line %" SCNu32 ", column %" SCNu32 ": %n", &l, &c, &len) == 2 &&
	    len > 0)
		*column = c;
	else if (sscanf(detail, "line %" SCNu32 ": %n", &l, &len) != 1 || len == 0)
		return detail;
	*line = l;
	return detail + len;
}

void
file_issue_put(struct buf *out, const char *path, uint32_t line, const char *event,
	const struct issue *issue)
{
	uint32_t column;
	const char *detail = detail_place(issue->detail, &line, &column);

	buf_printf(out, "%s:", path);
	if (line != 0)
		buf_printf(out, "%" PRIu32 ":", line);
	if (column != 0)
		buf_printf(out, "%" PRIu32 ":", column);
	buf_printf(out, " %s", event);
	if (issue->pointer[0] != '\0')
		buf_printf(out, "%s: ", issue->pointer);
	else if (column == 0)
		buf_puts(out, "(document): ");
	buf_puts(out, detail);
}

uint32_t
file_line_of(const struct file *file, const char *pointer)
{
	return json_line_of(file->text.at, file->text.len, pointer);
}
