/*
 * Fetches and converters: where values come from and what is made of them (HAProxy manual, 7.3). A row each;
 * the room that owns the data registers its rows, and expr/ calls them without knowing it.
 *
 * Rows are registered by the main thread before anything is compiled; then they are only read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/args.h"
#include "expr/sample.h"

struct compile_env;

/* Where a fetch of many values stands. Zeroed before the first; what is in it is the row's business. */
struct fetch_cursor {
	const void	*at;
	struct slice	 rest;
	uint32_t	 taken;
	bool		 inside;
	bool		 wants_last;	/* the caller's: of a row with is_last; get() gives its last value, and no other */
};

struct fetch {
	const char		*name;		/* "req.hdr" */
	enum sample_type	 type;		/* SAMPLE_ANY: get() says (var) */
	unsigned		 needs;		/* NEEDS_* */
	uint8_t			 args[ARGS_MAX];	/* enum arg_kind, ARG_OPTIONAL; ends with ARG_NONE */
	bool			 many;		/* conditions ask until get() says false; expressions take the first */
	bool			 has_forms;	/* name_beg and the like are words of their own */
	bool			 is_last;	/* many: a plain expression means the last of them, as HAProxy's hdr() */
	const char		*help;		/* one line for people, without a full stop */
	/* Beyond the kinds: ERR_INVALID with what is wrong in `diag`; may be NULL. Any thread. */
	enum err		(*check)(struct args *args, const struct compile_env *env, struct diag *diag);
	/*
	 * False: there is no such value. No memory, no waiting: a worker is in here. sample->type is set,
	 * unless it is SAMPLE_ANY. `cursor` is zeroed where only one value is asked for.
	 */
	bool			(*get)(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
					struct sample *sample);
};

/* Rows that belong together; static memory of the room that owns them. */
struct fetch_table {
	const struct fetch	*rows;
	size_t			 count;
	struct fetch_table	*next;		/* fetch.c's */
};

void fetch_register(struct fetch_table *table);

/*
 * Hashes of Host and path, without and with the query ("base32", "url32"), for rows that add to
 * them. False: no request.
 */
bool fetch_base32(struct eval *eval, int64_t *number);
bool fetch_url32(struct eval *eval, int64_t *number);

/* NULL: nobody registered that name. */
const struct fetch *fetch_find(struct slice name);

/* The tables, expr/'s own first: for (t = fetch_tables(); t != NULL; t = t->next). */
const struct fetch_table *fetch_tables(void);

/* In a converter's needs: run() is asked where there is no value, too, with an empty text. */
#define CONV_ON_NONE	0x10000U

struct conv {
	const char		*name;
	enum sample_type	 in;		/* what it takes: values are cast to it; SAMPLE_ANY: whatever comes */
	enum sample_type	 out;		/* SAMPLE_ANY: run() says, or as it came */
	uint8_t			 args[ARGS_MAX];
	const char		*help;
	enum err		(*check)(struct args *args, const struct compile_env *env, struct diag *diag);
	/* In place. False: there is no value then. As for get(). */
	bool			(*run)(struct eval *eval, const struct args *args, struct sample *sample);
	unsigned		 needs;		/* NEEDS_*, and CONV_ON_NONE */
};

struct conv_table {
	const struct conv	*rows;
	size_t			 count;
	struct conv_table	*next;
};

void conv_register(struct conv_table *table);
const struct conv *conv_find(struct slice name);
const struct conv_table *conv_tables(void);
