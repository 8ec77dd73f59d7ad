/*
 * Values that depend on nothing (HAProxy manual, 7.3.1). Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"

static bool
get_true(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	return true;
}

static bool
get_false(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 0;
	return true;
}

static const struct fetch rows[] = {
	{
		.name = "always_false",
		.type = SAMPLE_BOOL,
		.help = "false",
		.get = get_false,
	},
	{
		.name = "always_true",
		.type = SAMPLE_BOOL,
		.help = "true",
		.get = get_true,
	},
};

struct fetch_table fetch_constant = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
