/*
 * What a request's head tells: path, host and other fields, method, version (HAProxy manual, 7.3.6).
 *
 * A worker runs these for each request: slices of the head, no memory. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>

#define OCCURRENCE_MIN (-10)	/* HAProxy's: how far from the end one may count (manual, req.hdr) */

/* "*" and "host:port" have no path (as in HAProxy: then `path` is not there at all). */
static bool
request_has_path(const struct http_head *head)
{
	return head->path.len != 0 && head->path.at[0] == '/';
}

static bool
get_path(const struct sample_source *from, const struct fetch_arg *arg, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!request_has_path(from->request))
		return false;
	sample->text = http_head_path_only(from->request);
	return true;
}

static bool
get_path_and_query(const struct sample_source *from, const struct fetch_arg *arg,
	struct fetch_cursor *cursor, struct sample *sample)
{
	if (!request_has_path(from->request))
		return false;
	sample->text = from->request->path;
	return true;
}

/* Behind the question mark: empty if nothing is, not there without one. */
static bool
get_query(const struct sample_source *from, const struct fetch_arg *arg,
	  struct fetch_cursor *cursor, struct sample *sample)
{
	struct slice path = from->request->path;
	const char *mark = path.len != 0 ? memchr(path.at, '?', path.len) : NULL;

	if (mark == NULL)
		return false;
	sample->text = (struct slice){ mark + 1, (size_t)(path.at + path.len - mark - 1) };
	return true;
}

static bool
get_method(const struct sample_source *from, const struct fetch_arg *arg,
	   struct fetch_cursor *cursor, struct sample *sample)
{
	sample->text = from->request->method_text;
	return true;
}

static bool
get_version(const struct sample_source *from, const struct fetch_arg *arg,
	struct fetch_cursor *cursor, struct sample *sample)
{
	sample->text = from->request->minor == 0 ? SLICE("1.0") : SLICE("1.1");
	return true;
}

static bool
get_true(const struct sample_source *from, const struct fetch_arg *arg, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	return true;
}

static bool
get_false(const struct sample_source *from, const struct fetch_arg *arg,
	  struct fetch_cursor *cursor, struct sample *sample)
{
	sample->number = 0;
	return true;
}

static struct slice
slice_trim(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct slice){ at, (size_t)(end - at) };
}

/* The comma that ends the first member of a list, or its end; those in quoted strings end nothing. */
static const char *
list_member_end(struct slice list)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < list.len && (quoted || list.at[i] != ','); i++) {
		if (list.at[i] == '"')
			quoted = !quoted;
		else if (quoted && list.at[i] == '\\' && i + 1 < list.len)
			i++;
	}
	return list.at + i;
}

/*
 * The next value of all fields of that name, each cut at its commas. Empty members count: "a,,b" has
 * three, an empty field has one. That is what HAProxy does, and so not http_list_next().
 */
static bool
header_next(const struct http_head *head, struct slice name, struct fetch_cursor *cursor,
	struct slice *value)
{
	const char *end, *comma;

	if (!cursor->inside) {
		const struct http_field *field = http_head_find_named(head, name, cursor->at);

		if (field == NULL)
			return false;
		cursor->at = field;
		cursor->rest = http_field_value(field);
		cursor->inside = true;
	}
	end = cursor->rest.at + cursor->rest.len;
	comma = list_member_end(cursor->rest);
	*value = slice_trim(cursor->rest.at, comma);
	cursor->inside = comma < end;
	if (cursor->inside)
		cursor->rest = (struct slice){ comma + 1, (size_t)(end - comma - 1) };
	return true;
}

/* The `wanted`th value from the front. */
static bool
header_nth(const struct http_head *head, struct slice name, int64_t wanted, struct slice *value)
{
	struct fetch_cursor cursor = { 0 };

	for (int64_t i = 0; i < wanted; i++) {
		if (!header_next(head, name, &cursor, value))
			return false;
	}
	return wanted > 0;
}

static int64_t
header_count(const struct http_head *head, struct slice name)
{
	struct fetch_cursor cursor = { 0 };
	struct slice value;
	int64_t count = 0;

	while (header_next(head, name, &cursor, &value))
		count++;
	return count;
}

/* One occurrence where one was asked for (from the end if negative), else all in turn. */
static bool
get_header(const struct sample_source *from, const struct fetch_arg *arg,
	   struct fetch_cursor *cursor, struct sample *sample)
{
	int64_t wanted = arg->number;

	if (wanted == 0)
		return header_next(from->request, arg->name, cursor, &sample->text);
	if (cursor->taken++ != 0)
		return false;
	if (wanted < 0)
		wanted += header_count(from->request, arg->name) + 1;
	return header_nth(from->request, arg->name, wanted, &sample->text);
}

static bool
is_token_byte(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

/* "name" or "name,occurrence"; 0 is none in particular, as in HAProxy. */
static enum err
parse_header_arg(struct fetch_arg *arg, struct slice text, struct diag *diag)
{
	const char *comma = text.len != 0 ? memchr(text.at, ',', text.len) : NULL;
	size_t name_len = comma != NULL ? (size_t)(comma - text.at) : text.len;

	arg->name = (struct slice){ text.at, name_len };
	arg->number = 0;
	for (size_t i = 0; i < name_len; i++) {
		if (!is_token_byte(text.at[i]))
			name_len = 0;
	}
	if (name_len == 0) {
		diag_set(diag, "expected the name of a header");
		return ERR_INVALID;
	}
	if (comma == NULL)
		return ERR_OK;
	text = (struct slice){ comma + 1, text.len - name_len - 1 };
	if (int_parse(text, &arg->number) != ERR_OK || arg->number < OCCURRENCE_MIN) {
		diag_set(diag, "expected a number from %d for the occurrence", OCCURRENCE_MIN);
		return ERR_INVALID;
	}
	return ERR_OK;
}

#define HEADER_ARGS "name[,occurrence]"

/* clang-format off */
static const struct fetch rows[] = {
	/* name			type		many	forms	args		parse_arg		get */
	{ "always_false",	SAMPLE_BOOL,	false,	false,	NULL,		NULL,			get_false },
	{ "always_true",	SAMPLE_BOOL,	false,	false,	NULL,		NULL,			get_true },
	{ "hdr",		SAMPLE_STRING,	true,	true,	HEADER_ARGS,	parse_header_arg,	get_header },
	{ "method",		SAMPLE_METHOD,	false,	false,	NULL,		NULL,			get_method },
	{ "path",		SAMPLE_STRING,	false,	true,	NULL,		NULL,			get_path },
	{ "pathq",		SAMPLE_STRING,	false,	false,	NULL,		NULL,			get_path_and_query },
	{ "query",		SAMPLE_STRING,	false,	false,	NULL,		NULL,			get_query },
	{ "req.hdr",		SAMPLE_STRING,	true,	false,	HEADER_ARGS,	parse_header_arg,	get_header },
	{ "req.ver",		SAMPLE_STRING,	false,	false,	NULL,		NULL,			get_version },
};
/* clang-format on */

struct fetch_table fetch_http = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
