/*
 * How a backend's servers are checked: the object "check" into steps (API.md; HAProxy manual,
 * "option httpchk", "http-check", "tcp-check", "option smtpchk"). Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "server/check_conf.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define CHECK_HEADERS_MAX 32	/* as the schema has it */

/* What is being made. Where a step is wrong none follows: its issue is told. */
struct check_build {
	struct check_conf	*conf;
	struct pointer		*at;
	struct issues		*issues;
	bool			 is_wrong, nomem;
};

/* -- values: what is of another type has been told by the schema -- */

static const cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_IsObject(object) ? doc_field(object, name) : NULL;
}

static const char *
member_string(const cJSON *object, const char *name)
{
	const cJSON *value = member(object, name);

	return cJSON_IsString(value) ? value->valuestring : NULL;
}

static struct slice
member_text(const cJSON *object, const char *name)
{
	const char *text = member_string(object, name);

	return text == NULL ? (struct slice){ 0 } : slice_of(text);
}

/* CHECK_UNKNOWN: nothing is said. */
static enum check_result
member_result(const cJSON *object, const char *name)
{
	static const enum check_result results[] = {
#define X(name, code, words, verdict) CHECK_##name,
		CHECK_RESULTS(X)
#undef X
	};
	const char *code = member_string(object, name);

	for (size_t i = 0; code != NULL && i < COUNT(results); i++)
		if (strcmp(check_result_code(results[i]), code) == 0)
			return results[i];
	return CHECK_UNKNOWN;
}

/* The first of the names that the object has; NULL: none. */
static const char *
member_of(const cJSON *object, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (member(object, names[i]) != NULL)
			return names[i];
	return NULL;
}

/* -- what became of a step -- */

static void
build_issue(struct check_build *b, const char *field, const char *detail)
{
	if (field != NULL)
		issue_below(b->issues, b->at, field, detail);
	else
		issues_add(b->issues, pointer_text(b->at), "%s", detail);
	b->is_wrong = true;
}

/* `field` is what `why` is about. */
static void
build_result(struct check_build *b, enum err e, const char *field, const struct diag *why)
{
	if (e == ERR_NOMEM)
		b->nomem = true;
	else if (e == ERR_LIMIT)
		build_issue(b, NULL, "is one step too many");
	else if (e != ERR_OK)
		build_issue(b, field, why == NULL ? "can't be done" : why->text);
}

/* -- requests -- */

static const char *
check_header_fault(const char *name)
{
	static const char *const own[] = { "Connection", "Content-Length", "Transfer-Encoding" };

	for (size_t i = 0; i < COUNT(own); i++)
		if (strcasecmp(own[i], name) == 0)
			return "is one that a check's request has by itself";
	return NULL;
}

static uint32_t
headers_build(struct check_build *b, const cJSON *list, struct check_header *headers)
{
	size_t mark = pointer_push(b->at, "headers"), index = 0;
	uint32_t count = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, array_or_none(list)) {
		const char *name = member_string(item, "name");
		size_t inner = pointer_push_index(b->at, index++);

		if (name != NULL && check_header_fault(name) != NULL)
			build_issue(b, "name", check_header_fault(name));
		else if (name != NULL && count < CHECK_HEADERS_MAX)
			headers[count++] = (struct check_header){ slice_of(name),
				member_text(item, "value") };
		pointer_pop(b->at, inner);
	}
	pointer_pop(b->at, mark);
	return count;
}

static bool
has_host(const struct check_request *request)
{
	for (uint32_t i = 0; i < request->header_count; i++)
		if (strcasecmp(request->headers[i].name.at, "Host") == 0)
			return true;
	return false;
}

/* Of the check itself, or of a step that sends. */
static void
request_build(struct check_build *b, const cJSON *parts, const char *comment)
{
	struct check_header headers[CHECK_HEADERS_MAX];
	const char *wrong = NULL;
	struct check_request request = {
		.method = member_text(parts, "method"),
		.uri = member_text(parts, "uri"),
		.version = member_text(parts, "version"),
		.headers = headers,
		.body = member_text(parts, "body"),
	};
	struct diag why = { "" };
	enum err e;

	request.wrong = &wrong;
	request.header_count = headers_build(b, member(parts, "headers"), headers);
	if (slice_equals(request.version, slice_of("HTTP/1.1")) && !has_host(&request))
		build_issue(b, "version", "HTTP/1.1 needs the header Host");
	if (b->is_wrong)
		return;
	e = check_conf_add_request(&b->conf, &request, comment, &why);
	build_result(b, e, wrong, &why);
}

/* -- what is expected -- */

struct match_word { const char *field; enum check_match match; };

static const struct match_word tcp_matches[] = {
	{ "string",  CHECK_MATCH_STRING },
	{ "rstring", CHECK_MATCH_RSTRING },
	{ "binary",  CHECK_MATCH_BINARY },
	{ "rbinary", CHECK_MATCH_RBINARY },
};

static const struct match_word http_matches[] = {
	{ "status",  CHECK_MATCH_STATUS },
	{ "rstatus", CHECK_MATCH_RSTATUS },
	{ "string",  CHECK_MATCH_STRING },
	{ "rstring", CHECK_MATCH_RSTRING },
	{ "header",  CHECK_MATCH_HEADER },
};

/* The one that is there; NULL, with an issue, where that is none or not the only one. */
static const struct match_word *
match_find(struct check_build *b, const cJSON *parts, const struct match_word *words, size_t count)
{
	const struct match_word *found = NULL;
	struct buf text = { 0 };
	size_t there = 0;

	for (size_t i = 0; i < count; i++) {
		buf_printf(&text, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " and ",
			words[i].field);
		if (member(parts, words[i].field) == NULL)
			continue;
		found = &words[i];
		there++;
	}
	buf_put(&text, "", 1);
	if (text.failed)
		b->nomem = true;
	else if (there != 1)
		issues_add(b->issues, pointer_text(b->at), "needs just one of %s, has %zu", text.at,
			there);
	buf_fini(&text);
	b->is_wrong |= there != 1;
	return there == 1 ? found : NULL;
}

static void
header_expected(struct check_expect *expect, const cJSON *header)
{
	static const char *const words[] = { "str", "beg", "end", "sub", "reg" };
	static const enum check_value_match matches[] = {
		CHECK_VALUE_STR, CHECK_VALUE_BEG, CHECK_VALUE_END, CHECK_VALUE_SUB, CHECK_VALUE_REG,
	};
	const char *how = member_string(header, "match");

	expect->text = member_text(header, "name");
	expect->value = member_text(header, "value");
	if (expect->value.len == 0)
		return;
	expect->value_match = CHECK_VALUE_STR;
	for (size_t i = 0; how != NULL && i < COUNT(words); i++)
		if (strcmp(words[i], how) == 0)
			expect->value_match = matches[i];
}

/* A status may be a number. */
static struct slice
expected_pattern(const cJSON *parts, const char *field, char number[16])
{
	const cJSON *value = member(parts, field);

	if (!cJSON_IsNumber(value))
		return member_text(parts, field);
	snprintf(number, 16, "%d", value->valueint);
	return slice_of(number);
}

static void
expect_build(struct check_build *b, const cJSON *parts, const struct match_word *words,
	     size_t count, const char *comment)
{
	const struct match_word *word = match_find(b, parts, words, count);
	const cJSON *min_recv = member(parts, "min_recv");
	struct check_expect expect = {
		.negate = cJSON_IsTrue(member(parts, "negate")),
		.min_recv = cJSON_IsNumber(min_recv) ? min_recv->valueint : -1,
		.ok_status = member_result(parts, "ok_status"),
		.error_status = member_result(parts, "error_status"),
		.tout_status = member_result(parts, "tout_status"),
	};
	struct diag why = { "" };
	char number[16];

	if (word == NULL)
		return;
	expect.match = word->match;
	if (word->match == CHECK_MATCH_HEADER)
		header_expected(&expect, member(parts, "header"));
	if (!b->is_wrong)
		build_result(b, check_conf_add_expect(&b->conf, &expect,
			expected_pattern(parts, word->field, number), comment, &why), word->field,
			&why);
}

/* -- steps -- */

static void
connect_build(struct check_build *b, const cJSON *step, const char *comment)
{
	const cJSON *port = member(step, "port");
	const char *addr = member_string(step, "addr");
	struct check_connect connect = {
		.port = cJSON_IsNumber(port) ? (uint16_t)port->valueint : 0,
		.send_proxy = cJSON_IsTrue(member(step, "send_proxy")),
		.linger = cJSON_IsTrue(member(step, "linger")),
		.is_explicit = true,
	};
	size_t mark = pointer_push(b->at, "addr");

	if (addr != NULL && !ip_parse(&connect.addr, slice_of(addr), b->at, b->issues))
		b->is_wrong = true;
	pointer_pop(b->at, mark);
	if (!b->is_wrong)
		build_result(b, check_conf_add_connect(&b->conf, &connect, comment), NULL, NULL);
}

static void
send_build(struct check_build *b, const cJSON *step, const char *comment)
{
	if (!b->is_wrong)
		build_result(b, check_conf_add_send(&b->conf, member_text(step, "data"), comment),
			NULL, NULL);
}

static void
send_hex_build(struct check_build *b, const cJSON *step, const char *comment)
{
	struct diag why = { "" };

	if (!b->is_wrong)
		build_result(b, check_conf_add_send_hex(&b->conf, member_text(step, "hex"),
			comment, &why), "hex", &why);
}

static void
tcp_expect_build(struct check_build *b, const cJSON *step, const char *comment)
{
	expect_build(b, step, tcp_matches, COUNT(tcp_matches), comment);
}

static void
http_expect_build(struct check_build *b, const cJSON *step, const char *comment)
{
	expect_build(b, step, http_matches, COUNT(http_matches), comment);
}

struct step_word {
	const char	*action;
	void		(*build)(struct check_build *b, const cJSON *step, const char *comment);
};

static const struct step_word tcp_steps[] = {
	{ "connect",	 connect_build },
	{ "send",	 send_build },
	{ "send-binary", send_hex_build },
	{ "expect",	 tcp_expect_build },
};

static const struct step_word http_steps[] = {
	{ "connect",	 connect_build },
	{ "send",	 request_build },
	{ "expect",	 http_expect_build },
};

/* `check` has "steps". */
static void
steps_build(struct check_build *b, const cJSON *check, const struct step_word *words, size_t count)
{
	size_t mark = pointer_push(b->at, "steps"), index = 0;
	const cJSON *step;

	cJSON_ArrayForEach(step, array_or_none(member(check, "steps"))) {
		const char *action = member_string(step, "action");
		size_t inner = pointer_push_index(b->at, index++);

		for (size_t i = 0; action != NULL && i < count; i++)
			if (strcmp(words[i].action, action) == 0)
				words[i].build(b, step, member_string(step, "comment"));
		pointer_pop(b->at, inner);
	}
	pointer_pop(b->at, mark);
}

/* -- types -- */

static void
tcp_build(struct check_build *b, const cJSON *check)
{
	steps_build(b, check, tcp_steps, COUNT(tcp_steps));
}

static void
http_build(struct check_build *b, const cJSON *check)
{
	static const char *const simple[] = {
		"method", "uri", "version", "headers", "body", "expect",
	};
	const char *beside = member_of(check, simple, COUNT(simple));
	size_t mark;

	if (member(check, "steps") == NULL) {
		request_build(b, check, NULL);
		mark = pointer_push(b->at, "expect");
		if (cJSON_IsObject(member(check, "expect")))
			http_expect_build(b, member(check, "expect"), NULL);
		pointer_pop(b->at, mark);
		return;
	}
	if (beside != NULL)
		build_issue(b, beside, "can't stand beside steps: a step says it");
	steps_build(b, check, http_steps, COUNT(http_steps));
}

static void
listed_build(struct check_build *b, const cJSON *check, enum check_kind kind)
{
	enum err e = check_conf_new(&b->conf, kind);

	if (e == ERR_OK && kind == CHECK_KIND_HTTP)
		b->conf->disable_on_404 = cJSON_IsTrue(member(check, "disable_on_404"));
	b->nomem |= e != ERR_OK;
	if (e == ERR_OK && kind == CHECK_KIND_HTTP)
		http_build(b, check);
	else if (e == ERR_OK)
		tcp_build(b, check);
	if (!b->is_wrong && !b->nomem)
		build_result(b, check_conf_end(&b->conf), NULL, NULL);
}

static void
check_build(struct check_build *b, const cJSON *check)
{
	const char *type = member_string(check, "type");
	struct diag why = { "" };

	if (type == NULL)
		return;
	if (strcmp(type, "http") == 0)
		listed_build(b, check, CHECK_KIND_HTTP);
	else if (strcmp(type, "tcp") == 0)
		listed_build(b, check, CHECK_KIND_TCP);
	else if (strcmp(type, "redis") == 0)
		build_result(b, check_conf_new_redis(&b->conf), NULL, NULL);
	else if (strcmp(type, "smtp") == 0)
		build_result(b, check_conf_new_smtp(&b->conf, member_text(check, "hello"),
			member_text(check, "domain"), &why), "hello", &why);
}

bool
backend_check_compile(struct backend_conf *conf, const struct chain *chain, struct pointer *at,
		      struct issues *issues)
{
	struct check_build b = { .at = at, .issues = issues };
	size_t mark = pointer_push(at, "check");

	check_build(&b, chain_value(chain, "check", NULL));
	pointer_pop(at, mark);
	if (b.is_wrong || b.nomem)
		check_conf_unref(&b.conf);
	if (!b.nomem && b.conf == NULL)
		b.nomem = check_conf_new_connect(&b.conf) != ERR_OK;
	conf->check = b.conf;
	return !b.nomem;
}
