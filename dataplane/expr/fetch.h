/*
 * Fetches: where the values come from that conditions look at (HAProxy manual, 7.3). A row each;
 * the room that owns the data registers its rows, and expr/ calls them without knowing it.
 *
 * Rows are registered by the main thread before any condition is compiled; then they are only read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "http/head.h"

enum sample_type {
	SAMPLE_BOOL,
	SAMPLE_INT,
	SAMPLE_STRING,
	SAMPLE_METHOD,		/* text; compared with its case only */
};

/* One value. Text points into what it was taken from. */
struct sample {
	enum sample_type	 type;
	int64_t			 number;	/* SAMPLE_BOOL (0, 1), SAMPLE_INT */
	struct slice		 text;		/* SAMPLE_STRING, SAMPLE_METHOD */
};

/* What a condition is asked about. */
struct sample_source {
	const struct http_head	*request;
};

/* What stood in the parentheses, as the row's parse_arg() understood it. */
struct fetch_arg {
	struct slice	name;		/* into the condition's memory */
	int64_t		number;
};

/* Where a fetch of many values stands. Zeroed before the first; what is in it is the row's business. */
struct fetch_cursor {
	const void	*at;
	struct slice	 rest;
	uint32_t	 taken;
	bool		 inside;
};

struct fetch {
	const char		*name;
	enum sample_type	 type;
	bool			 many;		/* get() is called until it says false; else once */
	bool			 has_forms;	/* name_beg and the like are words of their own */
	const char		*args;		/* what is expected in the parentheses, for people; NULL: nothing */
	/* ERR_INVALID with what was expected in `diag`; may be NULL where args is */
	enum err		(*parse_arg)(struct fetch_arg *arg, struct slice text, struct diag *diag);
	/* False: there is no such value. No memory, no waiting: a worker is in here. sample->type is set. */
	bool			(*get)(const struct sample_source *from, const struct fetch_arg *arg,
					struct fetch_cursor *cursor, struct sample *sample);
};

/* Rows that belong together; static memory of the room that owns them. */
struct fetch_table {
	const struct fetch	*rows;
	size_t			 count;
	struct fetch_table	*next;		/* fetch.c's */
};

void fetch_register(struct fetch_table *table);

/* NULL: nobody registered that name. */
const struct fetch *fetch_find(struct slice name);

/* The tables, expr/'s own first: for (t = fetch_tables(); t != NULL; t = t->next). */
const struct fetch_table *fetch_tables(void);
