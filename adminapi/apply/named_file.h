/*
 * Files that the document names: an error page.
 */
#pragma once

#include <stddef.h>
#include "core/diag.h"
#include "core/err.h"

/*
 * Read a regular file of at most `max` bytes. What lies below `dir` by its name (global.files_dir; NULL: none)
 * is opened beneath it: no link and no ".." leads out. A relative name is below `dir`, and needs one.
 * ERR_INVALID, with a text for people; ERR_NOMEM. *textp: free(). Blocks as the disk does; any thread.
 */
enum err named_file_read(char **textp, size_t *len, const char *dir, const char *name, size_t max,
	struct diag *diag);
