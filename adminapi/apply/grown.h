/*
 * The file that the document grew from, kept for the next reload: the start rule (saved.h) holds for
 * that, too. A file that was not edited is not applied again; of one that was, what it drops is told.
 */
#pragma once

#include "adminapi/apply/saved.h"
#include "adminapi/apply/write.h"
#include "core/jsonw.h"

struct grown {
	char		hash[SAVED_HASH_BYTES];
	struct buf	text;		/* expanded; parsed anew when needed: a tree is ten times as large */
};

/* A copy of the file behind `write`. NULL: no memory. Any thread. */
struct grown *grown_new(const struct write *write);
void grown_free(struct grown **gp);	/* *gp may be NULL, and is NULL afterwards */

/* Is the write's file as it was then? Never if it could not be hashed. `grown` may be NULL: no file. */
bool grown_is_same(const struct grown *grown, const struct write *write);

/*
 * Into write->dropped: what was set since and the write's file does not have. Reads the head; the
 * plan's thread. ERR_NOMEM.
 */
enum err grown_dropped(const struct grown *grown, const struct doc *doc, struct write *write);

/* Members "dropped" and "dropped_count". */
void dropped_write(struct jsonw *w, const struct write *write);
