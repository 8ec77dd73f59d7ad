/*
 * The list of all that expressions are made of. For people and for generators of forms: control thread.
 */
#include "config.h"
#include "adminapi/rest/expressions.h"

#include <stdio.h>
#include <stdlib.h>
#include "core/jsonw.h"
#include "expr/compile.h"
#include "expr/cond.h"
#include "expr/fetch.h"
#include "expr/format.h"
#include "expr/pattern.h"

/* Rows of any table, sorted by what they open with: their name. */
struct rows {
	const void	**at;		/* owned */
	size_t		  count, cap;
};

static void
rows_add(struct rows *rows, const void *row)
{
	if (rows->count == rows->cap) {
		size_t cap = rows->cap != 0 ? rows->cap * 2 : 256;
		const void **at = reallocarray(rows->at, cap, sizeof(*at));

		if (at == NULL)
			return;		/* a list that lacks a row, where there is no memory */
		rows->at = at;
		rows->cap = cap;
	}
	rows->at[rows->count++] = row;
}

static int
rows_compare(const void *a, const void *b)
{
	const char *const *const *left = a, *const *const *right = b;

	return strcmp(**left, **right);
}

static void
rows_sort(struct rows *rows)
{
	if (rows->count != 0)
		qsort(rows->at, rows->count, sizeof(*rows->at), rows_compare);
}

/* -- what rows have in common -- */

static void
write_needs(struct jsonw *w, unsigned needs)
{
	const char *words;

	jsonw_array(w, "needs");
	while ((words = needs_name(needs, &needs)) != NULL)
		jsonw_string(w, NULL, words);
	jsonw_end_array(w);
}

static void
write_usage(struct jsonw *w, const char *name, const uint8_t kinds[ARGS_MAX])
{
	char usage[ARGS_USAGE_BYTES];
	bool optional = false;

	jsonw_string(w, "usage", args_usage(usage, name, kinds));
	jsonw_array(w, "arguments");
	for (size_t i = 0; i < ARGS_MAX && kinds[i] != ARG_NONE; i++) {
		optional = optional || (kinds[i] & ARG_OPTIONAL) != 0;
		jsonw_object(w, NULL);
		jsonw_string(w, "type",
			     arg_kind_name((enum arg_kind)(kinds[i] & ~(unsigned)ARG_OPTIONAL)));
		jsonw_bool(w, "optional", optional);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/* -- fetches and converters -- */

static void
write_forms(struct jsonw *w, const char *name)
{
	jsonw_array(w, "forms");
	for (size_t i = 0; match_at(i) != NULL; i++) {
		if (match_has_form(match_at(i)))
			jsonw_printf(w, NULL, "%s_%s", name, match_name(match_at(i)));
	}
	jsonw_end_array(w);
}

static void
write_fetch(struct jsonw *w, const struct fetch *fetch)
{
	jsonw_object(w, fetch->name);
	jsonw_string(w, "type", sample_type_name(fetch->type));
	write_usage(w, fetch->name, fetch->args);
	write_needs(w, fetch->needs);
	jsonw_bool(w, "many", fetch->many);
	if (fetch->has_forms)
		write_forms(w, fetch->name);
	jsonw_string(w, "description", fetch->help);
	jsonw_end_object(w);
}

static void
write_fetches(struct jsonw *w)
{
	struct rows rows = { 0 };

	for (const struct fetch_table *t = fetch_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++)
			rows_add(&rows, &t->rows[i]);
	}
	rows_sort(&rows);
	jsonw_object(w, "fetches");
	for (size_t i = 0; i < rows.count; i++)
		write_fetch(w, rows.at[i]);
	jsonw_end_object(w);
	free(rows.at);
}

static void
write_converter(struct jsonw *w, const struct conv *conv)
{
	jsonw_object(w, conv->name);
	jsonw_string(w, "takes", sample_type_name(conv->in));
	jsonw_string(w, "type", sample_type_name(conv->out));
	write_usage(w, conv->name, conv->args);
	write_needs(w, conv->needs);
	jsonw_string(w, "description", conv->help);
	jsonw_end_object(w);
}

static void
write_converters(struct jsonw *w)
{
	struct rows rows = { 0 };

	for (const struct conv_table *t = conv_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++)
			rows_add(&rows, &t->rows[i]);
	}
	rows_sort(&rows);
	jsonw_object(w, "converters");
	for (size_t i = 0; i < rows.count; i++)
		write_converter(w, rows.at[i]);
	jsonw_end_object(w);
	free(rows.at);
}

/* -- conditions -- */

static void
write_match(struct jsonw *w, const struct match *match)
{
	jsonw_object(w, match_name(match));
	jsonw_array(w, "takes");
	for (int type = 0; type < SAMPLE_TYPES; type++) {
		if (match_takes(match, (enum sample_type)type))
			jsonw_string(w, NULL, sample_type_name((enum sample_type)type));
	}
	jsonw_end_array(w);
	jsonw_array(w, "default_for");
	for (int type = 0; type < SAMPLE_TYPES; type++) {
		if (match_default((enum sample_type)type) == match)
			jsonw_string(w, NULL, sample_type_name((enum sample_type)type));
	}
	jsonw_end_array(w);
	jsonw_bool(w, "values", match_takes_patterns(match));
	jsonw_bool(w, "forms", match_has_form(match));
	jsonw_end_object(w);
}

static void
write_conditions(struct jsonw *w)
{
	const char *name, *test;

	jsonw_object(w, "match_methods");
	for (size_t i = 0; match_at(i) != NULL; i++)
		write_match(w, match_at(i));
	jsonw_end_object(w);
	jsonw_object(w, "acls");
	for (size_t i = 0; (name = acl_predefined(i, &test)) != NULL; i++)
		jsonw_string(w, name, test);
	jsonw_end_object(w);
}

/* -- formats -- */

static void
write_variable(struct jsonw *w, const struct format_var *var)
{
	jsonw_object(w, var->name);
	jsonw_string(w, "type", var->kind == FORMAT_NUMBER ? "integer" : "string");
	write_needs(w, var->needs);
	jsonw_string(w, "description", var->help);
	jsonw_end_object(w);
}

static void
write_variables(struct jsonw *w)
{
	struct rows rows = { 0 };

	for (const struct format_table *t = format_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++)
			rows_add(&rows, &t->rows[i]);
	}
	rows_sort(&rows);
	jsonw_object(w, "log_variables");
	for (size_t i = 0; i < rows.count; i++)
		write_variable(w, rows.at[i]);
	jsonw_end_object(w);
	free(rows.at);
}

void
expressions_write(struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	write_fetches(&w);
	write_converters(&w);
	write_conditions(&w);
	write_variables(&w);
	jsonw_end_object(&w);
}

void
expressions_print(void)
{
	struct buf out = { 0 };

	expressions_write(&out);
	if (!out.failed)
		printf("%.*s\n", (int)out.len, out.at);
	buf_fini(&out);
}
