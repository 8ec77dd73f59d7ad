/*
 * Changes of a map's entries: what a plan carries to the store and into the map. Pure; the plan's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "adminapi/map_edit.h"
#include "core/str.h"

struct map_edits {
	bool replaces;                /* what was there goes */
	bool is_one;                  /* of one entry, that the URL names */
	bool is_new;                  /* and there was none of that key */
	uint32_t set, removed;        /* how many of them */
	struct buf packed;            /* map_edits_next() reads it; failed: no memory */
	char *was;                    /* of one entry: its value before; NULL: none, or not known */
	bool was_replaced, was_stale; /* the apply layer's notes, for an undo */
	void *contents;               /* with `replaces`: the apply layer's, all entries in place */
	void (*contents_free)(void *contents);
};

struct map_edits *map_edits_new(void);      /* NULL: no memory */
void map_edits_free(struct map_edits **ep); /* *ep may be NULL, and is NULL afterwards */

void map_edits_add(struct map_edits *edits, struct slice key, struct slice value);

/* In their order, from *at == 0; slices are the edits' own. False: no more. */
bool map_edits_next(const struct map_edits *edits, size_t *at, struct map_edit *edit);
