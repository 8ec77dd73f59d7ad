/*
 * The registry of fetches. Written by the main thread at start, then read by any.
 */
#include "config.h"
#include "expr/fetch.h"
#include <pthread.h>
#include "expr/fetch_priv.h"

/*
 * expr/'s own, by file: what http/ and core/ tell is below them, and can't register itself. They are linked
 * when somebody first looks.
 */
static struct fetch_table *const own[] = {
	&fetch_auth,
	&fetch_body,
	&fetch_constant,
	&fetch_cookie,
	&fetch_head,
	&fetch_header,
	&fetch_hello,
	&fetch_misc,
	&fetch_payload,
	&fetch_url,
	&fetch_vars,
	NULL,
};

static struct fetch_table *first;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
tables_add(struct fetch_table *table)
{
	struct fetch_table **at = &first;

	while (*at != NULL)
		at = &(*at)->next;
	table->next = NULL;
	*at = table;
}

static void
tables_begin(void)
{
	for (size_t i = 0; own[i] != NULL; i++)
		tables_add(own[i]);
}

void
fetch_register(struct fetch_table *table)
{
	pthread_once(&once, tables_begin);
	tables_add(table);
}

const struct fetch_table *
fetch_tables(void)
{
	pthread_once(&once, tables_begin);
	return first;
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
