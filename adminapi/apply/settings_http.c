/*
 * What only frontends and backends of mode http have. Pure; any thread.
 *
 * In mode tcp none of these fields holds (x-mode in the schema), so there it is all zero.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <stdlib.h>
#include <string.h>
#include "http/h1.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -- retry_on -- */

#define RETRY_ON_ERRORS \
	(RETRY_ON_CONN_FAILURE | RETRY_ON_EMPTY_RESPONSE | RETRY_ON_JUNK_RESPONSE | \
	RETRY_ON_RESPONSE_TIMEOUT)

/* HAProxy manual, "retry-on": what its words stand for. */
static const struct retry_word {
	const char	*word;
	unsigned	 conditions;
	uint16_t	 statuses[5];	/* 0 ends them */
} retry_words[] = {
	{ "none",		  0,			      { 0 } },
	{ "conn-failure",	  RETRY_ON_CONN_FAILURE,      { 0 } },
	{ "empty-response",	  RETRY_ON_EMPTY_RESPONSE,    { 0 } },
	{ "junk-response",	  RETRY_ON_JUNK_RESPONSE,     { 0 } },
	{ "response-timeout",	  RETRY_ON_RESPONSE_TIMEOUT,  { 0 } },
	{ "all-retryable-errors", RETRY_ON_ERRORS,	      { 500, 502, 503, 504, 0 } },
#define X(status) { #status, 0, { status, 0 } },
	RETRY_ON_STATUSES(X)
#undef X
};

static void
retry_add(struct backend_http *http, const char *word)
{
	for (size_t i = 0; i < COUNT(retry_words); i++) {
		const struct retry_word *row = &retry_words[i];

		if (strcmp(row->word, word) != 0)
			continue;
		http->retry_on |= row->conditions;
		for (size_t j = 0; row->statuses[j] != 0; j++)
			http->retry_on_statuses |= retry_on_status_bit(row->statuses[j]);
	}
}

static void
retry_on_compile(struct backend_http *http, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	const cJSON *list = array_or_none(chain_value(chain, "retry_on", NULL)), *item;
	bool none = false;

	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item))
			continue;
		none |= strcmp(item->valuestring, "none") == 0;
		retry_add(http, item->valuestring);
	}
	if (none && cJSON_GetArraySize(list) > 1)
		issue_below(issues, at, "retry_on", "\"none\" stands alone");
}

/* -- how strict -- */

static unsigned
h1_relaxed(const struct chain *chain, const char *field)
{
	return cJSON_IsTrue(chain_value(chain, field, NULL)) ? H1_RELAXED : 0;
}

static unsigned
h1_names(const struct chain *chain)
{
	const char *word = cJSON_GetStringValue(
		chain_value(chain, "http_restrict_req_hdr_names", NULL));

	if (word == NULL)
		return 0;
	return strcmp(word, "delete") == 0 ? H1_NAMES_DELETE
	     : strcmp(word, "reject") == 0 ? H1_NAMES_REJECT : 0;
}

/* -- who asked -- */

static bool
networks_add(struct network **nets, uint32_t *count, const cJSON *text, struct pointer *at,
	struct issues *issues)
{
	struct diag why;
	struct network *more;

	if (!cJSON_IsString(text))
		return true;
	more = realloc(*nets, (*count + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	*nets = more;
	if (network_parse(&more[*count], slice_of(text->valuestring), &why) == ERR_OK)
		(*count)++;
	else
		issues_add(issues, pointer_text(at), "%s", why.text);
	return true;
}

bool
networks_compile(struct network **nets, uint32_t *count, const cJSON *value, struct pointer *at,
	struct issues *issues)
{
	const cJSON *item;
	size_t index = 0;
	bool ok = true;

	if (!cJSON_IsArray(value))
		return networks_add(nets, count, value, at, issues);
	cJSON_ArrayForEach(item, value) {
		size_t mark = pointer_push_index(at, index++);

		ok = ok && networks_add(nets, count, item, at, issues);
		pointer_pop(at, mark);
	}
	return ok;
}

/* False: no memory. What a message is read by (Content-Length, Host) is none that tells of addresses. */
static bool
forwardfor_header(struct http_forwardfor *conf, const cJSON *header, struct pointer *at,
	struct issues *issues)
{
	if (!cJSON_IsString(header))
		return true;
	if (http_name_find(slice_of(header->valuestring)) != HTTP_NAME_OTHER) {
		issue_below(issues, at, "header",
			    "is one that the request has for another purpose");
		return true;
	}
	conf->header = strdup(header->valuestring);
	return conf->header != NULL;
}

/* true, or an object with options; the header's default is that of whoever sends it. */
static bool
forwardfor_compile(struct http_forwardfor *conf, const struct chain *chain, const char *field,
	struct pointer *at, struct issues *issues)
{
	const cJSON *value = chain_value(chain, field, NULL);
	size_t mark, inner;
	bool ok;

	conf->on = cJSON_IsTrue(value) || cJSON_IsObject(value);
	if (!cJSON_IsObject(value))
		return true;
	conf->if_none = cJSON_IsTrue(doc_field(value, "if_none"));
	mark = pointer_push(at, field);
	inner = pointer_push(at, "except");
	ok = networks_compile(&conf->except, &conf->except_count, doc_field(value, "except"), at,
		issues);
	pointer_pop(at, inner);
	ok = forwardfor_header(conf, doc_field(value, "header"), at, issues) && ok;
	pointer_pop(at, mark);
	return ok;
}

/* true is HAProxy's default: proto and for (manual, "option forwarded"). */
static void
forwarded_compile(struct http_forwarded *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	const cJSON *value = chain_value(chain, "forwarded", NULL);
	const struct { const char *name; bool *to; } rows[] = {
		{ "proto", &conf->proto }, { "host", &conf->host }, { "by", &conf->by },
		{ "by_port", &conf->by_port }, { "for", &conf->for_ },
		{ "for_port", &conf->for_port },
	};

	if (cJSON_IsTrue(value)) {
		conf->on = conf->proto = conf->for_ = true;
		return;
	}
	if (!cJSON_IsObject(value))
		return;
	for (size_t i = 0; i < COUNT(rows); i++) {
		*rows[i].to = cJSON_IsTrue(doc_field(value, rows[i].name));
		conf->on |= *rows[i].to;
	}
	if (!conf->on)
		issue_below(issues, at, "forwarded", "names no parameter that is on");
}

/* -- frontends and backends -- */

#define FRONTEND(member) offsetof(struct frontend_http, member)
static const struct field frontend_fields[] = {
	{ "timeout", "http_request",	bind_timeout, FRONTEND(timeout_request),    NULL },
	{ "timeout", "http_keep_alive", bind_timeout, FRONTEND(timeout_keep_alive), NULL },
	{ "monitor_uri", NULL,		bind_text,    FRONTEND(monitor_uri),	    NULL },
};

bool
frontend_http_compile(struct frontend_http *http, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	http->timeout_request = http->timeout_keep_alive = TIMEOUT_NONE;
	fields_bind(frontend_fields, COUNT(frontend_fields), chain, http, at, issues);
	http->h1_options = h1_names(chain) |
	    h1_relaxed(chain, "accept_unsafe_violations_in_http_request");
	return forwardfor_compile(&http->forwardfor, chain, "forwardfor", at, issues) &&
	    forwardfor_compile(&http->originalto, chain, "originalto", at, issues) &&
	    errors_compile(&http->errors, chain, at, issues);
}

/* of enum http_reuse */
static const char *const reuse_words[] = { "never", "safe", "aggressive", "always", NULL };

#define BACKEND(member) offsetof(struct backend_http, member)
static const struct field backend_fields[] = {
	{ "http_reuse", NULL, bind_word, BACKEND(reuse), reuse_words },
};

bool
backend_http_compile(struct backend_http *http, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	fields_bind(backend_fields, COUNT(backend_fields), chain, http, at, issues);
	retry_on_compile(http, chain, at, issues);
	http->h1_options = h1_relaxed(chain, "accept_unsafe_violations_in_http_response");
	http->h1_names = h1_names(chain);
	forwarded_compile(&http->forwarded, chain, at, issues);
	return forwardfor_compile(&http->forwardfor, chain, "forwardfor", at, issues) &&
	    forwardfor_compile(&http->originalto, chain, "originalto", at, issues) &&
	    errors_compile(&http->errors, chain, at, issues);
}
