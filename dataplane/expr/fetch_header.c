/*
 * Header fields of requests and responses: values, numbers, addresses, how many (HAProxy manual,
 * 7.3.6: "req.hdr" and what is named like it).
 *
 * A worker runs these for each request: slices of the head, no memory. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>

#define OCCURRENCE_MIN (-10) /* HAProxy's: how far from the end one may count (manual, req.hdr) */
#define PORT_MAX       65535

/* Which fields: of one name, or of any. */
struct fields {
	const struct http_head	*head;		/* NULL: there is none any more */
	struct slice		 name;		/* empty: any */
	enum http_name		 id;
};

/* How the values of fields are walked over: cut at commas, or whole. */
typedef bool walk_fn(const struct fields *fields, struct fetch_cursor *cursor, struct slice *value);

static struct fields
fields_of(const struct http_head *head, const struct args *args)
{
	return (struct fields){ head, args->at[0].text, (enum http_name)args->number };
}

static const struct http_field *
fields_next(const struct fields *fields, const struct http_field *after)
{
	const struct http_head *head = fields->head;

	if (fields->id != HTTP_NAME_OTHER)
		return http_head_find(head, fields->id, after);
	if (fields->name.len != 0)
		return http_head_find_named(head, fields->name, after);
	for (uint32_t i = after == NULL ? 0 : (uint32_t)(after - head->fields) + 1;
	     i < head->count; i++) {
		if (!head->fields[i].left_out)
			return &head->fields[i];
	}
	return NULL;
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
 * The next value of those fields, each cut at its commas. Empty members count: "a,,b" has
 * three, an empty field has one. That is what HAProxy does, and so not http_list_next().
 */
static bool
walk_members(const struct fields *fields, struct fetch_cursor *cursor, struct slice *value)
{
	const char *end, *comma;

	if (!cursor->inside) {
		const struct http_field *field = fields_next(fields, cursor->at);

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

static bool
walk_lines(const struct fields *fields, struct fetch_cursor *cursor, struct slice *value)
{
	const struct http_field *field = fields_next(fields, cursor->at);

	if (field == NULL)
		return false;
	cursor->at = field;
	*value = http_field_value(field);
	return true;
}

static int64_t
fields_count(const struct fields *fields, walk_fn *walk)
{
	struct fetch_cursor cursor = { 0 };
	struct slice value;
	int64_t count = 0;

	while (walk(fields, &cursor, &value))
		count++;
	return count;
}

/* The `wanted`th value from the front. */
static bool
fields_nth(const struct fields *fields, walk_fn *walk, int64_t wanted, struct slice *value)
{
	struct fetch_cursor cursor = { 0 };

	for (int64_t i = 0; i < wanted; i++) {
		if (!walk(fields, &cursor, value))
			return false;
	}
	return wanted > 0;
}

static bool
fields_last(const struct fields *fields, walk_fn *walk, struct slice *value)
{
	struct fetch_cursor cursor = { 0 };
	bool found = false;

	while (walk(fields, &cursor, value))
		found = true;
	return found;
}

/* One occurrence where one was asked for (from the end if negative), else all in turn. */
static bool
value_next(const struct fields *fields, walk_fn *walk, const struct args *args,
	struct fetch_cursor *cursor, struct slice *value)
{
	int64_t wanted = args->at[1].number;

	if (fields->head == NULL)
		return false;
	if (wanted == 0 && cursor->wants_last)
		wanted = -1;
	if (wanted == 0)
		return walk(fields, cursor, value);
	if (cursor->taken++ != 0)
		return false;
	if (wanted == -1)
		return fields_last(fields, walk, value);
	if (wanted < 0)
		wanted += fields_count(fields, walk) + 1;
	return fields_nth(fields, walk, wanted, value);
}

/* -- addresses -- */

static bool
is_port(struct slice text)
{
	int64_t port = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9' || port > PORT_MAX)
			return false;
		port = port * 10 + text.at[i] - '0';
	}
	return text.len != 0 && port <= PORT_MAX;
}

bool
ip_of_peer_text(struct ip *ip, struct slice text)
{
	const char *colon = text.len == 0 ? NULL : memchr(text.at, ':', text.len);
	struct slice host = text;

	if (colon != NULL)
		host.len = (size_t)(colon - text.at);
	if (colon != NULL && is_port((struct slice){ colon + 1, text.len - host.len - 1 }) &&
	    ip_of_text(ip, host))
		return true;
	return ip_of_text(ip, text);
}

/* -- get() -- */

static bool
request_member(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct fields fields = fields_of(eval->request, args);

	return value_next(&fields, walk_members, args, cursor, &sample->text);
}

static bool
response_member(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct fields fields = fields_of(eval->response, args);

	return value_next(&fields, walk_members, args, cursor, &sample->text);
}

static bool
request_line(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct fields fields = fields_of(eval->request, args);

	return value_next(&fields, walk_lines, args, cursor, &sample->text);
}

static bool
response_line(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct fields fields = fields_of(eval->response, args);

	return value_next(&fields, walk_lines, args, cursor, &sample->text);
}

static bool
count_of(const struct http_head *head, walk_fn *walk, const struct args *args,
	struct sample *sample)
{
	struct fields fields = fields_of(head, args);

	if (head == NULL)
		return false;
	sample->number = fields_count(&fields, walk);
	return true;
}

static bool
request_member_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return count_of(eval->request, walk_members, args, sample);
}

static bool
response_member_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return count_of(eval->response, walk_members, args, sample);
}

static bool
request_line_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return count_of(eval->request, walk_lines, args, sample);
}

static bool
response_line_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return count_of(eval->response, walk_lines, args, sample);
}

static bool
request_number(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!request_member(eval, args, cursor, sample))
		return false;
	sample->number = int_of_text(sample->text);
	return true;
}

static bool
response_number(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!response_member(eval, args, cursor, sample))
		return false;
	sample->number = int_of_text(sample->text);
	return true;
}

/* What is no address is passed over where all are asked for: where one was, it is that one or none. */
static bool
request_address(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	while (request_member(eval, args, cursor, sample)) {
		if (ip_of_peer_text(&sample->ip, sample->text))
			return true;
	}
	return false;
}

static bool
response_address(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	while (response_member(eval, args, cursor, sample)) {
		if (ip_of_peer_text(&sample->ip, sample->text))
			return true;
	}
	return false;
}

/* -- check() -- */

static bool
is_token_byte(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

/* A name may be empty: any header. args->number is what fields_of() looks for. */
static enum err
check_name(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct slice name = args->at[0].text;

	for (size_t i = 0; i < name.len; i++) {
		if (!is_token_byte(name.at[i])) {
			diag_set(diag, "expected the name of a header");
			return ERR_INVALID;
		}
	}
	args->number = name.len == 0 ? HTTP_NAME_OTHER : http_name_find(name);
	return ERR_OK;
}

/* 0 is no occurrence in particular, as in HAProxy. */
static enum err
check_header(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[1].number < OCCURRENCE_MIN) {
		diag_set(diag, "expected a number from %d for the occurrence", OCCURRENCE_MIN);
		return ERR_INVALID;
	}
	return check_name(args, env, diag);
}

/* clang-format off */
#define NAMED		{ ARG_STRING | ARG_OPTIONAL, ARG_INT }
#define COUNTED		{ ARG_STRING | ARG_OPTIONAL }
#define REQUEST		NEEDS_REQUEST
#define RESPONSE	NEEDS_RESPONSE

#define VALUES_HELP	\
	"values of a header, cut at commas: all in conditions, else the last or the one of that number"
#define LINES_HELP	"the same, not cut at commas"
#define COUNT_HELP	"how many values a header has, or all have"
#define LINE_COUNT_HELP	"how many fields of that name there are, or how many at all"
#define ADDRESS_HELP	"the values of a header that are addresses, with or without a port"
#define NUMBER_HELP	"the values of a header as numbers"

static const struct fetch rows[] = {
	/* name			type		needs		args		which; help, check, get */
	{ "hdr",		SAMPLE_STRING,	REQUEST,	NAMED,		FETCH_MANY_LAST_FORMS,
		VALUES_HELP, check_header, request_member },
	{ "hdr_cnt",		SAMPLE_INT,	REQUEST,	COUNTED,	FETCH_ONE,
		COUNT_HELP, check_name, request_member_count },
	{ "hdr_ip",		SAMPLE_IP,	REQUEST,	NAMED,		FETCH_MANY_LAST,
		ADDRESS_HELP, check_header, request_address },
	{ "hdr_val",		SAMPLE_INT,	REQUEST,	NAMED,		FETCH_MANY_LAST,
		NUMBER_HELP, check_header, request_number },
	{ "req.fhdr",		SAMPLE_STRING,	REQUEST,	NAMED,		FETCH_MANY_LAST,
		LINES_HELP, check_header, request_line },
	{ "req.fhdr_cnt",	SAMPLE_INT,	REQUEST,	COUNTED,	FETCH_ONE,
		LINE_COUNT_HELP, check_name, request_line_count },
	{ "req.hdr",		SAMPLE_STRING,	REQUEST,	NAMED,		FETCH_MANY_LAST_FORMS,
		VALUES_HELP, check_header, request_member },
	{ "req.hdr_cnt",	SAMPLE_INT,	REQUEST,	COUNTED,	FETCH_ONE,
		COUNT_HELP, check_name, request_member_count },
	{ "req.hdr_ip",		SAMPLE_IP,	REQUEST,	NAMED,		FETCH_MANY_LAST,
		ADDRESS_HELP, check_header, request_address },
	{ "req.hdr_val",	SAMPLE_INT,	REQUEST,	NAMED,		FETCH_MANY_LAST,
		NUMBER_HELP, check_header, request_number },
	{ "res.fhdr",		SAMPLE_STRING,	RESPONSE,	NAMED,		FETCH_MANY_LAST,
		LINES_HELP, check_header, response_line },
	{ "res.fhdr_cnt",	SAMPLE_INT,	RESPONSE,	COUNTED,	FETCH_ONE,
		LINE_COUNT_HELP, check_name, response_line_count },
	{ "res.hdr",		SAMPLE_STRING,	RESPONSE,	NAMED,		FETCH_MANY_LAST_FORMS,
		VALUES_HELP, check_header, response_member },
	{ "res.hdr_cnt",	SAMPLE_INT,	RESPONSE,	COUNTED,	FETCH_ONE,
		COUNT_HELP, check_name, response_member_count },
	{ "res.hdr_ip",		SAMPLE_IP,	RESPONSE,	NAMED,		FETCH_MANY_LAST,
		ADDRESS_HELP, check_header, response_address },
	{ "res.hdr_val",	SAMPLE_INT,	RESPONSE,	NAMED,		FETCH_MANY_LAST,
		NUMBER_HELP, check_header, response_number },
	{ "shdr",		SAMPLE_STRING,	RESPONSE,	NAMED,		FETCH_MANY_LAST_FORMS,
		VALUES_HELP, check_header, response_member },
	{ "shdr_cnt",		SAMPLE_INT,	RESPONSE,	COUNTED,	FETCH_ONE,
		COUNT_HELP, check_name, response_member_count },
	{ "shdr_ip",		SAMPLE_IP,	RESPONSE,	NAMED,		FETCH_MANY_LAST,
		ADDRESS_HELP, check_header, response_address },
	{ "shdr_val",		SAMPLE_INT,	RESPONSE,	NAMED,		FETCH_MANY_LAST,
		NUMBER_HELP, check_header, response_number },
};
/* clang-format on */

struct fetch_table fetch_header = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
