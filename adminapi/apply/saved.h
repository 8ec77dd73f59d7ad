/*
 * The saved document and the file it grew from: which one holds at start, and what that drops.
 *
 * DESIGN.md, "The document, schemas, store": the saved document wins if the file is unchanged; an
 * edited file wins over saved changes, and what is dropped is told. One exception: an admin_state
 * other than ready that was set by REST survives, unless the file names one for that server.
 */
#pragma once

#include <cjson/cJSON.h>
#include "adminapi/doc/plan.h"
#include "adminapi/store/store.h"
#include "core/diag.h"

#define SAVED_FILE_HASH	 "file_sha256"
#define SAVED_FILE_TEXT	 "file_text"
#define SAVED_HASH_BYTES 65

/*
 * What tells an edited file from an unchanged one: its text, and the same with ${ENV} expanded, as
 * another environment makes another document of it.
 */
void saved_file_hash(char out[SAVED_HASH_BYTES], struct slice text, struct slice expanded);

/* One saved resource. */
struct saved_row {
	char		*path;
	cJSON		*set;
	uint64_t	 revision;
	struct doc_notes notes;
};

/* What REST had changed of a map's entries. */
struct saved_map {
	char			*name;
	char			*base;		/* see store_map */
	bool			 is_replaced;
	uint64_t		 revision;
	struct map_edits	*edits;
};

struct saved {
	struct saved_map	*maps;		/* by name */
	uint32_t		 map_count, map_cap;
	struct saved_row	*rows;		/* parents before children */
	uint32_t		 count, cap;
	uint64_t		 revision;	/* the highest */
	char			 file_hash[SAVED_HASH_BYTES];	/* "" if it grew from no file */
	cJSON			*file;		/* the file as it was then (expanded); NULL: none */
};

/* Read it from the store, before store_start(). ERR_INVALID with the row in `diag`. */
enum err saved_load(struct saved *saved, struct store *store, struct diag *diag);
void saved_fini(struct saved *saved);
struct saved_map *saved_map_find(const struct saved *saved,
				 const char *name); /* NULL: nothing was changed */
bool saved_is_empty(const struct saved *saved);

/* Steps of a plan that puts the saved document in place. Takes the sets. */
void saved_plan(struct saved *saved, struct plan *plan);

/*
 * The file `now` is to replace the saved document. on_dropped() is told the pointers of what REST
 * had changed since the old file and the new one does not have.
 */
enum err saved_dropped(const struct saved *saved, const cJSON *now,
	void (*on_dropped)(const char *pointer, void *arg), void *arg);

/* The same of any document that grew from the file `was` (NULL: none). Any thread. ERR_NOMEM. */
enum err saved_tell_dropped(const cJSON *was, const cJSON *document, const cJSON *now,
	void (*on_dropped)(const char *pointer, void *arg), void *arg);

/* The log's line for one of them. */
void saved_log_dropped(const char *pointer);

/* The saved document whole, as a file would have it. NULL: no memory. */
cJSON *saved_document(const struct saved *saved);
