/*
 * The registry of fetches. Written by the main thread at start, then read by any.
 */
#include "config.h"
#include "expr/fetch.h"
#include "expr/fetch_priv.h"

/* The rows of http/ are expr/'s own: what it looks at is below it and can't register itself. */
static struct fetch_table *
table_first(void)
{
	return &fetch_http;
}

void
fetch_register(struct fetch_table *table)
{
	struct fetch_table *last = table_first();

	while (last->next != NULL)
		last = last->next;
	table->next = NULL;
	last->next = table;
}

const struct fetch_table *
fetch_tables(void)
{
	return table_first();
}

const struct fetch *
fetch_find(struct slice name)
{
	for (const struct fetch_table *t = fetch_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++) {
			if (slice_equals(name, slice_of(t->rows[i].name)))
				return &t->rows[i];
		}
	}
	return NULL;
}
