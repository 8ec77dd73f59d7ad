/*
 * What a frontend logs and what it keeps for that: formats, options, captures. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <stdlib.h>
#include <string.h>
#include "expr/format.h"
#include "rules/rules.h"
#include "stream/access_log.h"
#include "stream/capture.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -- captures -- */

/* By the enum's words: what capture_conf_add() said. False: no memory. */
static bool
capture_judge(enum err err, struct pointer *at, struct issues *issues)
{
	if (err == ERR_LIMIT)
		issues_add(issues, pointer_text(at),
			   "there are more captures than %d a side, or of more than "
			   "%d bytes together",
			   CAPTURE_SLOTS_MAX, CAPTURE_BYTES_MAX);
	return err != ERR_NOMEM;
}

static uint16_t
capture_len(const cJSON *item)
{
	const cJSON *len = doc_field(item, "len");

	if (!cJSON_IsNumber(len) || len->valuedouble < 1 || len->valuedouble > CAPTURE_BYTES_MAX)
		return 0;		/* the schema has told */
	return (uint16_t)len->valuedouble;
}

static bool
captures_add(struct capture_conf *conf, bool is_response, const struct chain *chain,
	const char *field, struct pointer *at, struct issues *issues)
{
	const cJSON *list = array_or_none(chain_value(chain, field, NULL)), *item;
	size_t mark = pointer_push(at, field), index = 0;
	bool ok = true;

	cJSON_ArrayForEach(item, list) {
		const char *name = cJSON_GetStringValue(doc_field(item, "name"));
		size_t inner = pointer_push_index(at, index++);

		if (name != NULL && name[0] != '\0' && capture_len(item) > 0)
			ok = ok && capture_judge(capture_conf_add(conf, is_response, slice_of(name),
				capture_len(item), NULL), at, issues);
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

static bool
capture_cookie_compile(struct capture_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	const cJSON *cookie = chain_value(chain, "capture_cookie", NULL);
	const char *name = cJSON_GetStringValue(doc_field(cookie, "name"));
	size_t mark;
	bool ok;

	if (name == NULL || capture_len(cookie) == 0)
		return true;
	mark = pointer_push(at, "capture_cookie");
	ok = capture_judge(capture_conf_cookie(conf, slice_of(name), capture_len(cookie)), at,
		issues);
	pointer_pop(at, mark);
	return ok;
}

/* -- formats -- */

/* False: no memory. */
static bool
format_bind(struct format **fp, const struct chain *chain, const char *field,
	struct compile_env env, struct refs *refs, struct pointer *at, struct issues *issues)
{
	const char *text = cJSON_GetStringValue(chain_value(chain, field, NULL));
	const struct ref *noted = refs_last(refs);
	struct diag why = { "" };
	enum err err;
	size_t mark;

	if (text == NULL)
		return true;
	env.refs = refs;
	err = format_compile(fp, slice_of(text), FORMAT_LOG, &env, &why);
	mark = pointer_push(at, field);
	refs_note(chain, refs, &noted, at);
	pointer_pop(at, mark);
	if (err == ERR_INVALID)
		issue_below(issues, at, field, why.text);
	return err != ERR_NOMEM;
}

#define ACCESS(member) offsetof(struct access_conf, member)
static const struct field access_fields[] = {
	{ "dontlognull",	 NULL, bind_bool, ACCESS(dont_log_null),	NULL },
	{ "dontlog_normal",	 NULL, bind_bool, ACCESS(dont_log_normal),	NULL },
	{ "logasap",		 NULL, bind_bool, ACCESS(log_asap),		NULL },
	{ "log_separate_errors", NULL, bind_bool, ACCESS(separate_errors),	NULL },
	{ "unique_id_header",	 NULL, bind_text, ACCESS(unique_id_header),	NULL },
};

/* Without a format of its own "log_format" is what its mode has: the list may be everybody's. */
static bool
log_add(struct access_conf *access, enum access_format which, bool is_http, struct log_list *list)
{
	struct access_log *log = &access->logs[access->count++];

	log->list = list;
	if (which != ACCESS_OWN)
		return access_format_get(&log->format, which, is_http) == ERR_OK;
	log->format = access->log_format;
	return log->format != NULL ||
	    access_format_get(&log->format, ACCESS_HTTPLOG, is_http) == ERR_OK;
}

/* global.log holds for each frontend without a list of its own; what is wrong with it is said there. */
static bool
logs_compile(struct frontend_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	const struct doc_version *global =
		doc_version_in(chain->doc->singles[DOC_GLOBAL], chain->view);
	const cJSON *list = chain_value(chain, "log", NULL);
	const char *log_dir = chain->doc->log_dir;

	if (list == NULL && global != NULL) {
		list = doc_field(global->set, "log");
		issues = NULL;
	}
	for (enum access_format which = 0; which < ACCESS_FORMAT_COUNT; which++) {
		struct log_list *targets = NULL;

		if (!log_compile(&targets, list, access_format_word(which), log_dir, at, issues) ||
		    (targets != NULL &&
		    !log_add(&conf->access, which, conf->mode == MODE_HTTP, targets)))
			return false;
	}
	return true;
}

/* As a rule that sets it: one that frames the message would make two requests of one. */
static void
id_header_check(const char *name, struct pointer *at, struct issues *issues)
{
	const struct rule rule = { .action = RULE_SET_HEADER, .name = (char *)name };
	const char *operand;
	struct diag why;

	if (name != NULL && rule_check(&rule, &operand, &why) != ERR_OK)
		issue_below(issues, at, "unique_id_header", why.text);
}

bool
access_compile(struct frontend_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	struct access_conf *access = &conf->access;
	const bool is_http = conf->mode == MODE_HTTP;

	fields_bind(access_fields, COUNT(access_fields), chain, access, at, issues);
	id_header_check(access->unique_id_header, at, issues);
	return captures_add(&conf->captures, false, chain, "capture_request_headers", at, issues) &&
	    captures_add(&conf->captures, true, chain, "capture_response_headers", at, issues) &&
	    capture_cookie_compile(&conf->captures, chain, at, issues) &&
	    format_bind(&access->log_format, chain, "log_format", access_log_env(is_http),
		    &conf->refs, at, issues) &&
	    format_bind(&access->unique_id, chain, "unique_id_format", access_id_env(is_http),
		    &conf->refs, at, issues) &&
	    logs_compile(conf, chain, at, issues);
}
