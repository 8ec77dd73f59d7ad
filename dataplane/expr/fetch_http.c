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
get_path(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!request_has_path(eval->request))
		return false;
	sample->text = http_head_path_only(eval->request);
	return true;
}

static bool
get_path_and_query(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!request_has_path(eval->request))
		return false;
	sample->text = eval->request->path;
	return true;
}

/* Behind the question mark: empty if nothing is, not there without one. */
static bool
get_query(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice path = eval->request->path;
	const char *mark = path.len != 0 ? memchr(path.at, '?', path.len) : NULL;

	if (mark == NULL)
		return false;
	sample->text = (struct slice){ mark + 1, (size_t)(path.at + path.len - mark - 1) };
	return true;
}

static bool
get_method(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->text = eval->request->method_text;
	return true;
}

static bool
get_version(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->text = eval->request->minor == 0 ? SLICE("1.0") : SLICE("1.1");
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
get_header(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	int64_t wanted = args->at[1].number;

	if (wanted == 0)
		return header_next(eval->request, args->at[0].text, cursor, &sample->text);
	if (cursor->taken++ != 0)
		return false;
	if (wanted < 0)
		wanted += header_count(eval->request, args->at[0].text) + 1;
	return header_nth(eval->request, args->at[0].text, wanted, &sample->text);
}

static enum err
check_header(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[1].number >= OCCURRENCE_MIN)
		return ERR_OK;
	diag_set(diag, "expected a number from %d for the occurrence", OCCURRENCE_MIN);
	return ERR_INVALID;
}

/* 0 is no occurrence in particular, as in HAProxy. */
#define HEADER_ARGS                              \
	{                                        \
		ARG_NAME, ARG_INT | ARG_OPTIONAL \
	}

static const struct fetch rows[] = {
	{
		.name = "hdr",
		.type = SAMPLE_STRING,
		.needs = NEEDS_REQUEST,
		.args = HEADER_ARGS,
		.many = true,
		.has_forms = true,
		.is_last = true,
		.help = "values of a request's header, cut at commas",
		.check = check_header,
		.get = get_header,
	},
	{
		.name = "method",
		.type = SAMPLE_METHOD,
		.needs = NEEDS_REQUEST_LINE,
		.help = "the request's method",
		.get = get_method,
	},
	{
		.name = "path",
		.type = SAMPLE_STRING,
		.needs = NEEDS_REQUEST,
		.has_forms = true,
		.help = "the request's path, without its query",
		.get = get_path,
	},
	{
		.name = "pathq",
		.type = SAMPLE_STRING,
		.needs = NEEDS_REQUEST,
		.help = "the request's path with its query",
		.get = get_path_and_query,
	},
	{
		.name = "query",
		.type = SAMPLE_STRING,
		.needs = NEEDS_REQUEST,
		.help = "what stands behind the first question mark",
		.get = get_query,
	},
	{
		.name = "req.hdr",
		.type = SAMPLE_STRING,
		.needs = NEEDS_REQUEST,
		.args = HEADER_ARGS,
		.many = true,
		.is_last = true,
		.help = "values of a request's header, cut at commas",
		.check = check_header,
		.get = get_header,
	},
	{
		.name = "req.ver",
		.type = SAMPLE_STRING,
		.needs = NEEDS_REQUEST_LINE,
		.help = "the request's version, as \"1.1\"",
		.get = get_version,
	},
};

struct fetch_table fetch_http = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
