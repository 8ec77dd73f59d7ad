/*
 * Answers of our own: error pages from the document or from files, and what a rule returns.
 *
 * Pure but for the reading of error files; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "adminapi/apply/named_file.h"

#define ERROR_FILE_BYTES_MAX 65536	/* as the body of one in the document */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -- of parts -- */

/* Those that we write ourselves, and those of a connection (RFC 9110, 7.6.1). */
static bool
is_own_header(const char *name)
{
	static const char *const own[] = {
		"Connection", "Content-Length", "Content-Type", "Keep-Alive", "Proxy-Connection",
		"TE", "Trailer", "Transfer-Encoding", "Upgrade",
	};

	for (size_t i = 0; i < COUNT(own); i++)
		if (strcasecmp(own[i], name) == 0)
			return true;
	return false;
}

/* What the schema let through and is no header for all that; NULL: it is one. */
static const char *
header_fault(const char *name, const char *value)
{
	if (is_own_header(name))
		return "is one that the answer has anyway, or that belongs to its connection";
	if (strstr(value, "%[") != NULL)
		return "has a format (%[...]), which is not understood here";
	return http_field_is_sound(slice_of(name), slice_of(value)) ? NULL
								    : "is not fit to be sent";
}

static void
header_add(struct buf *fields, const cJSON *header, struct pointer *at, struct issues *issues)
{
	const cJSON *name = cJSON_IsObject(header) ? doc_field(header, "name") : NULL;
	const cJSON *value = cJSON_IsObject(header) ? doc_field(header, "value") : NULL;
	const char *fault;

	if (!cJSON_IsString(name) || !cJSON_IsString(value))
		return;			/* the schema has told */
	fault = header_fault(name->valuestring, value->valuestring);
	if (fault != NULL)
		issue_below(issues, at, is_own_header(name->valuestring) ? "name" : "value",
			fault);
	else
		buf_printf(fields, "%s: %s\r\n", name->valuestring, value->valuestring);
}

static void
headers_add(struct buf *fields, const cJSON *list, struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "headers"), index = 0;
	const cJSON *header;

	cJSON_ArrayForEach(header, array_or_none(list)) {
		size_t inner = pointer_push_index(at, index++);

		header_add(fields, header, at, issues);
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
}

static struct slice
text_of(const cJSON *value)
{
	return cJSON_IsString(value) ? slice_of(value->valuestring) : (struct slice){ 0 };
}

bool
answer_compile(struct http_answer **ap, uint16_t status, const cJSON *parts,
	const char *body_field, struct pointer *at, struct issues *issues)
{
	struct slice type = text_of(doc_field(parts, "content_type"));
	struct slice body = text_of(doc_field(parts, body_field));
	uint32_t before = issues->count + issues->dropped;
	struct buf fields = { 0 };
	bool ok = true;

	if (body.len > 0 && !http_status_has_body(status))
		issue_below(issues, at, body_field, "an answer of this status has no body");
	else if (body.len > 0 && type.len == 0)
		issue_below(issues, at, "content_type", "is required where there is a body");
	headers_add(&fields, doc_field(parts, "headers"), at, issues);
	if (issues->count + issues->dropped == before)
		ok = !fields.failed && http_answer_new(ap, status, type,
			(struct slice){ fields.at, fields.len }, body) == ERR_OK;
	buf_fini(&fields);
	return ok;
}

/* -- error pages -- */

/* Where the page of a status belongs; NULL: of no status that we know (the schema has told). */
static struct http_answer **
error_place(struct http_errors *errors, const char *status)
{
	int index = http_error_index((uint16_t)strtoul(status, NULL, 10));

	return index < 0 ? NULL : &errors->own[index];
}

static bool
errors_inline(struct http_errors *errors, const struct chain *chain, uint32_t level,
	struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "http_errors");
	const cJSON *item;
	bool ok = true;

	cJSON_ArrayForEach(item, chain_map(chain, level, "http_errors")) {
		struct http_answer **place = error_place(errors, item->string);
		bool holds = chain_map_holds(chain, level, "http_errors", item->string);
		size_t inner = pointer_push(at, item->string);

		if (holds && place != NULL && cJSON_IsObject(item))
			ok = answer_compile(place, (uint16_t)strtoul(item->string, NULL, 10), item,
				"body", at, issues) && ok;
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

static bool
error_file(struct http_answer **place, const char *dir, const char *name, struct pointer *at,
	struct issues *issues)
{
	struct diag why;
	char *text = NULL;
	size_t len;
	enum err e = named_file_read(&text, &len, dir, name, ERROR_FILE_BYTES_MAX, &why);

	if (e == ERR_OK)
		e = http_answer_parse(place, (struct slice){ text, len }, ERROR_FILE_BYTES_MAX,
			&why);
	if (e == ERR_INVALID)
		issues_add(issues, pointer_text(at), "%s", why.text);
	free(text);
	return e == ERR_OK || e == ERR_INVALID;
}

static bool
errors_files(struct http_errors *errors, const struct chain *chain, uint32_t level,
	struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "errorfiles");
	const cJSON *item;
	bool ok = true;

	cJSON_ArrayForEach(item, chain_map(chain, level, "errorfiles")) {
		struct http_answer **place = error_place(errors, item->string);
		bool holds = chain_map_holds(chain, level, "errorfiles", item->string);
		size_t inner = pointer_push(at, item->string);

		if (holds && place != NULL && *place != NULL)
			issues_add(issues, pointer_text(at), "http_errors has this status, too");
		else if (holds && place != NULL && cJSON_IsString(item))
			ok = error_file(place, chain->doc->files_dir, item->valuestring, at,
					issues) &&
			     ok;
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

bool
errors_compile(struct http_errors *errors, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	for (uint32_t level = 0; level < chain->count; level++)
		if (!errors_inline(errors, chain, level, at, issues) ||
		    !errors_files(errors, chain, level, at, issues))
			return false;
	return true;
}
