/*
 * Answers of rules: return, deny and tarpit, redirect. Pure but for the reading of files; any thread.
 *
 * What is the same for each request is put together here; what has a format in its body or its
 * headers is made of its parts when it is needed.
 */
#include "config.h"
#include "adminapi/apply/settings_rules_priv.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/named_file.h"

#define FILE_BYTES_MAX 65536 /* as a body in the document */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Where a body comes from: one of these at most. */
static const char *const sources[] = { "string",  "lf_string",  "file",
				       "lf_file", "errorfiles", "default_errorfiles" };

/* An answer before it is one. */
struct reply {
	const char *source; /* of `sources`; NULL: no body is given */
	char *memory;       /* owned: a file's text */
	struct slice body;
	bool is_format; /* of the body */
};

static const char *
source_find(struct rule_site *site)
{
	const char *found = NULL;

	for (size_t i = 0; i < COUNT(sources); i++) {
		const cJSON *value = doc_field(site->item, sources[i]);
		struct diag why;

		if (value == NULL || cJSON_IsFalse(value))
			continue;
		if (found != NULL) {
			diag_set(&why, "not together with %s", found);
			site_issue(site, sources[i], why.text);
			continue;
		}
		found = sources[i];
	}
	return found;
}

/* False: it is not there. */
static bool
body_read(struct rule_site *site, struct reply *reply)
{
	const cJSON *value = doc_field(site->item, reply->source);
	struct diag why;
	size_t len = 0;
	enum err e;

	if (!cJSON_IsString(value))
		return false;
	reply->is_format = strncmp(reply->source, "lf_", 3) == 0;
	if (strstr(reply->source, "file") == NULL) {
		reply->body = slice_of(value->valuestring);
		return true;
	}
	e = named_file_read(&reply->memory, &len, site->chain->doc->files_dir, value->valuestring,
			    FILE_BYTES_MAX, &why);
	if (e == ERR_INVALID)
		site_issue(site, reply->source, why.text);
	else if (e != ERR_OK)
		site->nomem = true;
	reply->body = (struct slice){ reply->memory, len };
	return e == ERR_OK;
}

/* -- headers -- */

static void
header_compile(struct rule_site *site, struct rule_header *to, const cJSON *item)
{
	const cJSON *name = cJSON_IsObject(item) ? doc_field(item, "name") : NULL;
	const cJSON *value = cJSON_IsObject(item) ? doc_field(item, "value") : NULL;
	struct slice constant;
	size_t mark;

	if (!cJSON_IsString(name) || !cJSON_IsString(value))
		return;
	if (answer_header_fault(name->valuestring) != NULL) {
		issue_below(site->issues, site->at, "name", answer_header_fault(name->valuestring));
		return;
	}
	mark = pointer_push(site->at, "value");
	to->name = strdup(name->valuestring);
	to->value = format_take(site, slice_of(value->valuestring), site->at);
	if (to->value != NULL && format_is_constant(to->value, &constant) &&
	    !http_field_is_sound(slice_of(name->valuestring), constant))
		issues_add(site->issues, pointer_text(site->at),
			   "must be without control characters");
	pointer_pop(site->at, mark);
	site->nomem |= to->name == NULL;
}

static void
headers_compile(struct rule_site *site)
{
	const cJSON *list = array_or_none(doc_field(site->item, "headers")), *item;
	uint32_t count = (uint32_t)cJSON_GetArraySize(list);
	struct rule *rule = site->rule;
	size_t mark = pointer_push(site->at, "headers");

	rule->headers = count == 0 ? NULL : calloc(count, sizeof(rule->headers[0]));
	site->nomem |= count > 0 && rule->headers == NULL;
	if (rule->headers == NULL)
		list = NULL;
	cJSON_ArrayForEach(item, list) {
		size_t inner = pointer_push_index(site->at, rule->header_count);

		header_compile(site, &rule->headers[rule->header_count++], item);
		pointer_pop(site->at, inner);
	}
	pointer_pop(site->at, mark);
}

static void
headers_drop(struct rule *rule)
{
	for (uint32_t i = 0; i < rule->header_count; i++) {
		free(rule->headers[i].name);
		format_free(&rule->headers[i].value);
	}
	free(rule->headers);
	rule->headers = NULL;
	rule->header_count = 0;
}

/* All headers as lines, if none depends on anything. False: one does. */
static bool
headers_constant(const struct rule *rule, struct buf *lines)
{
	for (uint32_t i = 0; i < rule->header_count; i++) {
		const struct rule_header *header = &rule->headers[i];
		struct slice value;

		if (!format_is_constant(header->value, &value))
			return false;
		buf_printf(lines, "%s: %.*s\r\n", header->name, (int)value.len, value.at);
	}
	return true;
}

/* -- bodies -- */

/* A text as a format that says just that. NULL: no memory. */
static struct format *
literal_format(struct rule_site *site, struct slice text)
{
	struct buf quoted = { 0 };
	struct format *format = NULL;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '%')
			buf_put(&quoted, "%", 1);
		buf_put(&quoted, &text.at[i], 1);
	}
	if (quoted.failed)
		site->nomem = true;
	else
		format = format_take(site, (struct slice){ quoted.at, quoted.len }, site->at);
	buf_fini(&quoted);
	return format;
}

static void
body_compile(struct rule_site *site, struct reply *reply)
{
	struct rule *rule = site->rule;
	size_t mark;

	if (!reply->is_format) {
		if (reply->body.len > 0)
			rule->body = literal_format(site, reply->body);
		return;
	}
	mark = pointer_push(site->at, reply->source);
	rule->body = format_take(site, reply->body, site->at);
	pointer_pop(site->at, mark);
}

static void
body_judge(struct rule_site *site, const struct reply *reply)
{
	const struct rule *rule = site->rule;

	if (reply->body.len == 0)
		return;
	if (!http_status_has_body(rule->status))
		site_issue(site, reply->source, "an answer of this status has no body");
	else if (rule->content_type == NULL)
		site_issue(site, "content_type", "is required where there is a body");
}

/* Parts that never change become an answer; else the parts stay. */
static void
reply_make(struct rule_site *site, struct reply *reply)
{
	struct rule *rule = site->rule;
	struct buf lines = { 0 };
	struct slice type = slice_of(rule->content_type == NULL ? "" : rule->content_type);

	if (reply->is_format || !headers_constant(rule, &lines)) {
		body_compile(site, reply);
		buf_fini(&lines);
		return;
	}
	site->nomem |= lines.failed || http_answer_new(&rule->answer, rule->status, type,
						       (struct slice){ lines.at, lines.len },
						       reply->body) != ERR_OK;
	headers_drop(rule);
	buf_fini(&lines);
}

/* The page of the status, as http_errors and errorfiles have it when it is needed. */
static void
reply_is_error(struct rule_site *site)
{
	site->rule->is_error = true;
	if (http_error_index(site->rule->status) < 0)
		issues_add(site->issues, pointer_text(site->at),
			   "there is no error page of "
			   "status %u",
			   (unsigned)site->rule->status);
}

/* The page of a named set; who names it is known to the plan (plan_refs.c). */
static void
reply_from_set(struct rule_site *site)
{
	const char *name = cJSON_GetStringValue(doc_field(site->item, "errorfiles"));
	const cJSON *set = name == NULL ? NULL : error_pages_find(site->chain, name);
	int index = http_error_index(site->rule->status);
	struct http_errors pages = { 0 };
	struct issues told = { 0 }; /* at the set */
	struct pointer at = { 0 };

	if (set == NULL)
		return; /* told by the plan */
	site->nomem |= !error_pages_compile(&pages, set, site->chain->doc->files_dir, &at, &told);
	if (index >= 0 && pages.own[index] != NULL) {
		site->rule->answer = pages.own[index];
		pages.own[index] = NULL;
	} else {
		site_issue(site, "errorfiles", "has no page of this status");
	}
	http_errors_fini(&pages);
	issues_fini(&told);
	pointer_fini(&at);
}

static void
reply_compile(struct rule_site *site, struct reply *reply)
{
	uint32_t before = site->issues->count + site->issues->dropped;

	headers_compile(site);
	if (reply->source != NULL && !body_read(site, reply))
		return;
	body_judge(site, reply);
	if (!site->nomem && site->issues->count + site->issues->dropped == before)
		reply_make(site, reply);
}

void
reply_finish(struct rule_site *site)
{
	struct reply reply = { .source = source_find(site) };

	if (site->rule->status == 0)
		site->rule->status = 200;
	if (reply.source != NULL && strcmp(reply.source, "default_errorfiles") == 0)
		reply_is_error(site);
	else if (reply.source != NULL && strcmp(reply.source, "errorfiles") == 0)
		reply_from_set(site);
	else
		reply_compile(site, &reply);
	free(reply.memory);
}

static bool
says_more(const cJSON *item)
{
	for (size_t i = 0; i < COUNT(sources); i++)
		if (doc_field(item, sources[i]) != NULL)
			return true;
	return doc_field(item, "headers") != NULL || doc_field(item, "content_type") != NULL;
}

void
deny_finish(struct rule_site *site)
{
	if (site->rule->status == 0)
		site->rule->status = site->rule->action == RULE_TARPIT	    ? 500
				     : site->rule->phase == PHASE_HTTP_RESPONSE ? 502
										 : 403;
	if (says_more(site->item))
		reply_finish(site);
	else if (http_error_index(site->rule->status) < 0)
		site_issue(site, "deny_status",
			   "there is no error page of this status: say what "
			   "the answer is");
}

/* -- redirect -- */

static const char *const kind_fields[] = { "location", "prefix",
					   "scheme" }; /* of enum redirect_kind */

static void
redirect_cookies(struct rule_site *site)
{
	const cJSON *set = doc_field(site->item, "set_cookie");
	const cJSON *clear = doc_field(site->item, "clear_cookie");
	const cJSON *cookie = set != NULL ? set : clear;

	if (set != NULL && clear != NULL)
		site_issue(site, "clear_cookie", "not together with set_cookie");
	if (!cJSON_IsString(cookie))
		return;
	site->rule->text = redirect_cookie(cookie->valuestring, set == NULL);
	site->nomem |= site->rule->text == NULL;
}

void
redirect_finish(struct rule_site *site)
{
	struct rule *rule = site->rule;

	if (rule->status == 0)
		rule->status = 302;
	for (size_t i = COUNT(kind_fields); i > 0; i--)
		if (doc_field(site->item, kind_fields[i - 1]) != NULL)
			rule->kind = (enum redirect_kind)(i - 1);
	if (rule->append_slash && !rule->drop_query)
		site_issue(site, "append_slash", "needs drop_query");
	if (rule->drop_query && rule->kind == REDIRECT_LOCATION)
		site_issue(site, "drop_query", "a location has nothing of the request");
	redirect_cookies(site);
}
