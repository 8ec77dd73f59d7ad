/*
 * Cookies of requests and responses (HAProxy manual, 7.3.6: "req.cook", "res.cook").
 *
 * Read as HAProxy reads them, for its users' browsers were measured with it: ";" and "," end a cookie
 * of a request, quotes belong to a value and protect what is in them, a name without "=" is no cookie,
 * nor is one that begins with "$" (RFC 2109's attributes). A Set-Cookie has one, at its front.
 * A worker runs these for each request: slices of the head, no memory. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>

/* Where cookies are. */
struct jar {
	const struct http_head	*head;		/* NULL: there is none any more */
	struct slice		 field;		/* which fields */
	struct slice		 name;		/* of the cookie; empty: any */
	bool			 is_list;	/* a field has many */
};

static struct jar
jar_of_request(const struct eval *eval, const struct args *args)
{
	return (struct jar){ eval->request, SLICE("Cookie"), args->at[0].text, true };
}

static struct jar
jar_of_response(const struct eval *eval, const struct args *args)
{
	return (struct jar){ eval->response, SLICE("Set-Cookie"), args->at[0].text, false };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
slice_trim(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	return (struct slice){ at, (size_t)(end - at) };
}

/* The delimiter behind a value that may have quoted parts, or the end. */
static const char *
value_end(const char *at, const char *end, bool is_list)
{
	bool quoted = false;

	for (; at < end && (quoted || (*at != ';' && (*at != ',' || !is_list))); at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (quoted && *at == '\\' && at + 1 < end)
			at++;
	}
	return at;
}

/* The next cookie of a field's rest, which moves behind it. False: there is none any more. */
static bool
cookie_take(struct slice *rest, bool is_list, struct slice *name, struct slice *value)
{
	const char *at = rest->at, *end = at + rest->len;

	while (at < end) {
		const char *from = at, *equals;

		while (at < end && *at != '=' && *at != ';' && (*at != ',' || !is_list))
			at++;
		equals = at;
		at = value_end(at, end, is_list);
		*name = slice_trim(from, equals);
		*rest = at < end && is_list ? (struct slice){ at + 1, (size_t)(end - at - 1) }
					    : (struct slice){ end, 0 };
		if (equals < end && *equals == '=' && (name->len == 0 || name->at[0] != '$')) {
			*value = slice_trim(equals + 1, at);
			return true;
		}
		at = rest->at;
	}
	return false;
}

/* The next of that name in all fields. */
static bool
jar_next(const struct jar *jar, struct fetch_cursor *cursor, struct slice *value)
{
	struct slice name, any;

	if (jar->head == NULL)
		return false;
	for (;;) {
		const struct http_field *field;

		while (cursor->inside && cookie_take(&cursor->rest, jar->is_list, &name, &any)) {
			if (jar->name.len != 0 && !slice_equals(name, jar->name))
				continue;
			*value = any;
			return true;
		}
		field = http_head_find_named(jar->head, jar->field, cursor->at);
		if (field == NULL)
			return false;
		cursor->at = field;
		cursor->rest = http_field_value(field);
		cursor->inside = true;
	}
}

/* All in turn; where one is wanted the last of that name, but of any name the first, as HAProxy does. */
static bool
jar_value(const struct jar *jar, struct fetch_cursor *cursor, struct slice *value)
{
	bool found = false;

	if (!cursor->wants_last)
		return jar_next(jar, cursor, value);
	if (cursor->taken++ != 0)
		return false;
	while (jar_next(jar, cursor, value)) {
		found = true;
		if (jar->name.len == 0)
			break;
	}
	return found;
}

static bool
jar_count(const struct jar *jar, struct sample *sample)
{
	struct fetch_cursor cursor = { 0 };
	struct slice value;

	if (jar->head == NULL)
		return false;
	sample->number = 0;
	while (jar_next(jar, &cursor, &value))
		sample->number++;
	return true;
}

static bool
request_cookie(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct jar jar = jar_of_request(eval, args);

	return jar_value(&jar, cursor, &sample->text);
}

static bool
response_cookie(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct jar jar = jar_of_response(eval, args);

	return jar_value(&jar, cursor, &sample->text);
}

static bool
request_cookie_number(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!request_cookie(eval, args, cursor, sample))
		return false;
	sample->number = int_of_text(sample->text);
	return true;
}

static bool
response_cookie_number(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!response_cookie(eval, args, cursor, sample))
		return false;
	sample->number = int_of_text(sample->text);
	return true;
}

static bool
request_cookie_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct jar jar = jar_of_request(eval, args);

	return jar_count(&jar, sample);
}

static bool
response_cookie_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct jar jar = jar_of_response(eval, args);

	return jar_count(&jar, sample);
}

/* clang-format off */
#define NAMED		{ ARG_STRING | ARG_OPTIONAL }
#define REQUEST		NEEDS_REQUEST
#define RESPONSE	NEEDS_RESPONSE

#define REQUEST_HELP	"values of a cookie: all in conditions, else the last; without a name the first of any"
#define RESPONSE_HELP	"values of a cookie that the response sets"
#define NUMBER_HELP	"the same as numbers"
#define COUNT_HELP	"how many cookies of that name there are, or how many at all"

static const struct fetch rows[] = {
	/* name			type		needs		args	which; help, check, get */
	{ "cook",		SAMPLE_STRING,	REQUEST,	NAMED,	FETCH_MANY_LAST_FORMS,
		REQUEST_HELP, NULL, request_cookie },
	{ "cook_cnt",		SAMPLE_INT,	REQUEST,	NAMED,	FETCH_ONE,
		COUNT_HELP, NULL, request_cookie_count },
	{ "cook_val",		SAMPLE_INT,	REQUEST,	NAMED,	FETCH_MANY_LAST,
		NUMBER_HELP, NULL, request_cookie_number },
	{ "cookie",		SAMPLE_STRING,	REQUEST,	NAMED,	FETCH_MANY_LAST,
		REQUEST_HELP, NULL, request_cookie },
	{ "req.cook",		SAMPLE_STRING,	REQUEST,	NAMED,	FETCH_MANY_LAST_FORMS,
		REQUEST_HELP, NULL, request_cookie },
	{ "req.cook_cnt",	SAMPLE_INT,	REQUEST,	NAMED,	FETCH_ONE,
		COUNT_HELP, NULL, request_cookie_count },
	{ "req.cook_val",	SAMPLE_INT,	REQUEST,	NAMED,	FETCH_MANY_LAST,
		NUMBER_HELP, NULL, request_cookie_number },
	{ "res.cook",		SAMPLE_STRING,	RESPONSE,	NAMED,	FETCH_MANY_LAST_FORMS,
		RESPONSE_HELP, NULL, response_cookie },
	{ "res.cook_cnt",	SAMPLE_INT,	RESPONSE,	NAMED,	FETCH_ONE,
		COUNT_HELP, NULL, response_cookie_count },
	{ "res.cook_val",	SAMPLE_INT,	RESPONSE,	NAMED,	FETCH_MANY_LAST,
		NUMBER_HELP, NULL, response_cookie_number },
	{ "scook",		SAMPLE_STRING,	RESPONSE,	NAMED,	FETCH_MANY_LAST_FORMS,
		RESPONSE_HELP, NULL, response_cookie },
	{ "scook_cnt",		SAMPLE_INT,	RESPONSE,	NAMED,	FETCH_ONE,
		COUNT_HELP, NULL, response_cookie_count },
	{ "scook_val",		SAMPLE_INT,	RESPONSE,	NAMED,	FETCH_MANY_LAST,
		NUMBER_HELP, NULL, response_cookie_number },
};
/* clang-format on */

struct fetch_table fetch_cookie = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
