/*
 * Files that the document names: an error page, a map.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"

/*
 * Read a regular file of at most `max` bytes. What lies below `dir` by its name (global.files_dir;
 * NULL: none) is opened beneath it: no link and no ".." leads out. A relative name is below `dir`,
 * and needs one. ERR_INVALID, with a text for people; ERR_NOMEM. *textp: free(). Blocks as the disk
 * does; any thread.
 */
enum err named_file_read(char **textp, size_t *len, const char *dir, const char *name, size_t max,
	struct diag *diag);

/* What a file was when it was read: another one, or one that was written since, differs. */
struct file_id {
	uint64_t	device, inode, size;
	int64_t		modified_ns;
};
bool file_id_equals(const struct file_id *a, const struct file_id *b);

/* The same, and what it was. */
enum err named_file_read_id(char **textp, size_t *len, struct file_id *id, const char *dir,
	const char *name, size_t max, struct diag *diag);

/* What it is now, without reading it. */
enum err named_file_look(struct file_id *id, const char *dir, const char *name, struct diag *diag);
