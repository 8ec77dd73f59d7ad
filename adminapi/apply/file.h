/*
 * The configuration file: its bytes, and the document in them.
 */
#pragma once

#include <cjson/cJSON.h>
#include "adminapi/apply/saved.h"
#include "adminapi/json/issues.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define FILE_MAX_BYTES (64 * 1024 * 1024)

struct file {
	struct buf	 text;		/* as it was read */
	cJSON		*root;		/* what it says, ${ENV} expanded; NULL: it is not valid */
	struct buf	 expanded;	/* the same as text: what later saved changes grow from */
	char		 hash[SAVED_HASH_BYTES];
};

/*
 * Read it, parse it strictly, expand ${ENV} in strings. ERR_SYSTEM, ERR_LIMIT, ERR_NOMEM with the
 * path in `diag`; ERR_INVALID with issues. Whatever happened, file_fini() follows. Any thread.
 */
enum err file_load(struct file *file, const char *path, struct issues *issues, struct diag *diag);
void file_fini(struct file *file);

/*
 * An issue of it as people and editors read it: "f.json:3: /global/maxconn: must be ...", or with
 * line and column where the detail begins with them. `line` 0: it is not known. `event` stands
 * before the cause ("not applied: "). ERR_NOMEM is out->failed.
 */
void file_issue_put(struct buf *out, const char *path, uint32_t line, const char *event,
	const struct issue *issue);

/* The line of the file that an issue's pointer stands in; 0: none. */
uint32_t file_line_of(const struct file *file, const char *pointer);
