/*
 * The registry of converters. Written by the main thread at start, then read by any.
 */
#include "config.h"
#include <pthread.h>
#include "expr/conv_priv.h"

/* expr/'s own, by file. They are linked when somebody first looks. */
static struct conv_table *const own[] = {
	&conv_big_endian,
	&conv_code,
	&conv_digest,
	&conv_field,
	&conv_forwarded,
	&conv_hash,
	&conv_int,
	&conv_json,
	&conv_json_query,
	&conv_jwt,
	&conv_map,
	&conv_net,
	&conv_regsub,
	&conv_text,
	&conv_time,
	&conv_vars,
	NULL,
};

static struct conv_table *first;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
tables_add(struct conv_table *table)
{
	struct conv_table **at = &first;

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
conv_register(struct conv_table *table)
{
	pthread_once(&once, tables_begin);
	tables_add(table);
}

const struct conv_table *
conv_tables(void)
{
	pthread_once(&once, tables_begin);
	return first;
}

const struct conv *
conv_find(struct slice name)
{
	for (const struct conv_table *t = conv_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++) {
			if (slice_equals(name, slice_of(t->rows[i].name)))
				return &t->rows[i];
		}
	}
	return NULL;
}
