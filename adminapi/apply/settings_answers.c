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

const char *
answer_header_fault(const char *name)
{
	return is_own_header(name) ? "is one that the answer has anyway, or that belongs to its "
		"connection" : NULL;
}

/* What the schema let through and is no header for all that; NULL: it is one. */
static const char *
header_fault(const char *name, const char *value)
{
	if (is_own_header(name))
		return answer_header_fault(name);
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

/* Does the page of that status count, or is there a nearer one? */
typedef bool page_holds_fn(const void *arg, const char *status);

/* Where the page of a status belongs; NULL: of no status that we know (the schema has told). */
static struct http_answer **
error_place(struct http_errors *errors, const char *status)
{
	int index = http_error_index((uint16_t)strtoul(status, NULL, 10));

	return index < 0 ? NULL : &errors->own[index];
}

/* Pages of parts that were not given before. `map` may be NULL. */
static bool
errors_parts(struct http_errors *errors, const cJSON *map, page_holds_fn *holds, const void *arg,
	struct pointer *at, struct issues *issues)
{
	const cJSON *item;
	bool ok = true;

	cJSON_ArrayForEach(item, map) {
		struct http_answer **place = error_place(errors, item->string);
		size_t inner = pointer_push(at, item->string);

		if (place != NULL && cJSON_IsObject(item) && holds(arg, item->string))
			ok = answer_compile(place, (uint16_t)strtoul(item->string, NULL, 10), item,
				"body", at, issues) && ok;
		pointer_pop(at, inner);
	}
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

/* `rival` has the pages of parts of the same level. */
static bool
errors_files(struct http_errors *errors, const cJSON *map, page_holds_fn *holds, const void *arg,
	const char *dir, const char *rival, struct pointer *at, struct issues *issues)
{
	const cJSON *item;
	bool ok = true;

	cJSON_ArrayForEach(item, map) {
		struct http_answer **place = error_place(errors, item->string);
		size_t inner = pointer_push(at, item->string);

		if (place != NULL && holds(arg, item->string)) {
			if (*place != NULL)
				issues_add(issues, pointer_text(at), "%s has this status, too",
					   rival);
			else if (cJSON_IsString(item))
				ok = error_file(place, dir, item->valuestring, at, issues) && ok;
		}
		pointer_pop(at, inner);
	}
	return ok;
}

/* A level of a chain, and which of its fields. */
struct errors_level {
	const struct chain	*chain;
	uint32_t		 level;
	const char		*field;
};

static bool
level_holds(const void *arg, const char *status)
{
	const struct errors_level *l = arg;

	return chain_map_holds(l->chain, l->level, l->field, status);
}

static bool
errors_of_level(struct http_errors *errors, const struct chain *chain, uint32_t level,
	struct pointer *at, struct issues *issues)
{
	struct errors_level parts = { chain, level, "http_errors" };
	struct errors_level files = { chain, level, "errorfiles" };
	size_t mark = pointer_push(at, parts.field);
	bool ok = errors_parts(errors, chain_map(chain, level, parts.field), level_holds, &parts,
			       at, issues);

	pointer_pop(at, mark);
	mark = pointer_push(at, files.field);
	ok = errors_files(errors, chain_map(chain, level, files.field), level_holds, &files,
		chain->doc->files_dir, parts.field, at, issues) && ok;
	pointer_pop(at, mark);
	return ok;
}

/* -- sets of pages -- */

static bool
all_hold(const void *arg, const char *status)
{
	return true;
}

bool
error_pages_compile(struct http_errors *errors, const cJSON *set, const char *files_dir,
	struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "pages");
	bool ok = errors_parts(errors, doc_field(set, "pages"), all_hold, NULL, at, issues);

	pointer_pop(at, mark);
	mark = pointer_push(at, "errorfiles");
	ok = errors_files(errors, doc_field(set, "errorfiles"), all_hold, NULL, files_dir, "pages",
		at, issues) && ok;
	pointer_pop(at, mark);
	return ok;
}

const cJSON *
error_pages_find(const struct chain *chain, const char *name)
{
	const struct doc_node *node = chain_find(chain, DOC_ERROR_PAGES, name);
	const struct doc_version *version =
		node == NULL ? NULL : doc_version_in(node, chain->view);

	return version == NULL ? NULL : version->set;
}

/* What it has and `errors` does not goes over. */
static void
errors_fill(struct http_errors *errors, struct http_errors *from)
{
	for (size_t i = 0; i < HTTP_ERROR_COUNT; i++) {
		if (errors->own[i] != NULL)
			continue;
		errors->own[i] = from->own[i];
		from->own[i] = NULL;
	}
}

/* What is wrong with a set is told at the set; a name of none by who checks references. */
static bool
errors_from_set(struct http_errors *errors, const struct chain *chain, const cJSON *name)
{
	const cJSON *set = cJSON_IsString(name) ? error_pages_find(chain, name->valuestring) : NULL;
	struct http_errors pages = { 0 };
	struct issues told = { 0 };
	struct pointer at = { 0 };
	bool ok = set == NULL ||
	    error_pages_compile(&pages, set, chain->doc->files_dir, &at, &told);

	errors_fill(errors, &pages);
	http_errors_fini(&pages);
	issues_fini(&told);
	pointer_fini(&at);
	return ok;
}

static bool
errors_from_sets(struct http_errors *errors, const struct chain *chain)
{
	const cJSON *from = chain_value(chain, "errorfiles_from", NULL);
	bool ok = true;

	if (!cJSON_IsArray(from))
		return errors_from_set(errors, chain, from);
	for (int i = cJSON_GetArraySize(from); i > 0 && ok; i--)	/* the last one counts */
		ok = errors_from_set(errors, chain, cJSON_GetArrayItem(from, i - 1));
	return ok;
}

bool
errors_compile(struct http_errors *errors, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	for (uint32_t level = 0; level < chain->count; level++)
		if (!errors_of_level(errors, chain, level, at, issues))
			return false;
	return errors_from_sets(errors, chain);
}
