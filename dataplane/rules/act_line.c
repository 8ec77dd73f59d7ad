/*
 * Actions on the start line: path, query, method, status (HAProxy manual, "http-request set-path"
 * and others).
 *
 * What comes of a format must be fit to stand in a request line: a blank or control byte would end
 * it. Workers.
 */
#include "config.h"
#include <string.h>
#include "rules/rules_priv.h"

/* Printable, without what ends a target or is not sent (RFC 9112, 3.2). */
bool
target_is_sound(struct slice target)
{
	for (size_t i = 0; i < target.len; i++) {
		const unsigned char byte = (unsigned char)target.at[i];

		if (byte <= ' ' || byte >= 0x7f || byte == '#')
			return false;
	}
	return target.len <= HTTP_TARGET_MAX_BYTES;
}

static struct slice
path_query(struct slice path)
{
	const char *mark = path.len == 0 ? NULL : memchr(path.at, '?', path.len);

	return mark == NULL ? (struct slice){ NULL, 0 }
			    : (struct slice){ mark, (size_t)(path.at + path.len - mark) };
}

/* Two pieces as one path, in the room; a path begins with a slash (or is "*"). */
static enum rules_result
head_set_path(struct rules_context *ctx, const struct rules_run *run, struct slice path,
	struct slice query)
{
	struct http_head *head = ctx->request;
	const bool needs_slash =
		path.len == 0 || (path.at[0] != '/' && !slice_equals(path, SLICE("*")));
	const size_t len = needs_slash + path.len + query.len;
	char *at = ctx->room->at;

	/* CONNECT has no path: it names a host, and stays what it is */
	if (!target_is_sound(path) || !target_is_sound(query) || len > HTTP_TARGET_MAX_BYTES ||
	    head->form == HTTP_TARGET_AUTHORITY)
		return rule_refused(run);
	if (len > ctx->room->left)
		return RULES_NO_ROOM;
	if (needs_slash)
		*at++ = '/';
	if (path.len > 0)
		memcpy(at, path.at, path.len);
	if (query.len > 0)
		memcpy(at + path.len, query.at, query.len);
	head->path = (struct slice){ ctx->room->at, len };
	ctx->room->at += len;
	ctx->room->left -= len;
	return RULES_GO_ON;
}

/* The rule's format in the scratch. RULES_FAILED: it does not fit. */
static enum rules_result
value_of(const struct rule *rule, struct rules_context *ctx, struct slice *value)
{
	return scratch_write(ctx->eval, rule->value, value) ? RULES_GO_ON : RULES_FAILED;
}

enum rules_result
rule_act_SET_PATH(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct slice path;

	if (value_of(rule, ctx, &path) != RULES_GO_ON || path_query(path).at != NULL)
		return rule_refused(run);
	return head_set_path(ctx, run, path, path_query(ctx->request->path));
}

enum rules_result
rule_act_SET_PATHQ(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct slice path;

	if (value_of(rule, ctx, &path) != RULES_GO_ON)
		return rule_refused(run);
	return head_set_path(ctx, run, path, (struct slice){ NULL, 0 });
}

/* The question mark is ours: one that the format brings is not doubled. */
enum rules_result
rule_act_SET_QUERY(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	const struct http_room rest = ctx->eval->room;
	char *query = rest.at;
	size_t len;

	if (rest.left < 2)
		return rule_refused(run);
	ctx->eval->room = (struct http_room){ rest.at + rest.left / 2, rest.left - rest.left / 2 };
	len = format_write(rule->value, ctx->eval, query + 1, rest.left / 2 - 1);
	if (len == FORMAT_TOO_LONG)
		return rule_refused(run);
	query[0] = '?';
	if (len > 0 && query[1] == '?') {
		query++;
		len--;
	}
	return head_set_path(ctx, run, http_head_path_only(ctx->request),
			     (struct slice){ query, len == 0 ? 0 : len + 1 });
}

/* Where an authority ends (RFC 3986, 3.2). */
static size_t
authority_length(struct slice text)
{
	size_t len = 0;

	while (len < text.len && memchr("/?#", text.at[len], 3) == NULL)
		len++;
	return len;
}

/* What stands behind "scheme://", up to the path; `uri` is cut to its path. Empty: none. */
static struct slice
uri_take_authority(struct slice *uri)
{
	const char *colon = memmem(uri->at, uri->len, "://", 3);
	struct slice authority = { NULL, 0 };

	if (colon == NULL || memchr(uri->at, '/', (size_t)(colon - uri->at)) != NULL)
		return authority;
	authority.at = colon + 3;
	authority.len = (size_t)(uri->at + uri->len - authority.at);
	authority.len = authority_length(authority);
	*uri = (struct slice){ authority.at + authority.len,
			       (size_t)(uri->at + uri->len - authority.at) - authority.len };
	return authority;
}

/* A whole URI also says who is meant: the Host follows (RFC 9112, 3.2.2). */
static enum rules_result
head_set_host(struct rules_context *ctx, struct slice authority)
{
	static const char name[] = "Host: ";
	const size_t len = sizeof(name) - 1 + authority.len + 2;
	struct http_head *head = ctx->request;
	char *at = ctx->room->at;

	if (len > ctx->room->left)
		return RULES_NO_ROOM;
	memcpy(at, name, sizeof(name) - 1);
	memcpy(at + sizeof(name) - 1, authority.at, authority.len);
	memcpy(at + len - 2, "\r\n", 2);
	http_head_leave_out(head, HTTP_NAME_HOST);
	if (http_head_add(head, (struct slice){ at, len }) != ERR_OK)
		return RULES_FAILED;
	head->authority = (struct slice){ at + sizeof(name) - 1, authority.len };
	ctx->room->at += len;
	ctx->room->left -= len;
	return RULES_GO_ON;
}

static enum rules_result
head_set_uri(struct rules_context *ctx, const struct rules_run *run, struct slice uri)
{
	const struct slice authority = uri_take_authority(&uri);
	enum rules_result result;

	if (!target_is_sound(authority) || ctx->room->left < authority.len + uri.len + 16)
		return target_is_sound(authority) ? RULES_NO_ROOM : rule_refused(run);
	if (authority.len > 0) {
		result = head_set_host(ctx, authority);
		if (result != RULES_GO_ON)
			return result == RULES_FAILED ? rule_refused(run) : result;
	}
	return head_set_path(ctx, run, uri, (struct slice){ NULL, 0 });
}

enum rules_result
rule_act_SET_URI(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct slice uri;

	if (value_of(rule, ctx, &uri) != RULES_GO_ON)
		return rule_refused(run);
	return head_set_uri(ctx, run, uri);
}

/* -- replace-path and the like -- */

/*
 * `in` with its first match replaced, in the scratch. False: it does not match (*failed is not set), or
 * what comes of it does not fit.
 */
static bool
text_replace(const struct rule *rule, struct rules_context *ctx, struct slice in, struct slice *out,
	bool *failed)
{
	struct regex_groups groups;
	struct slice format;
	size_t len;

	*failed = false;
	if (!regex_match(rule->regex, in, &groups))
		return false;
	*failed = true;
	if (!scratch_write(ctx->eval, rule->value, &format) ||
	    regex_expand(ctx->eval->room.at, ctx->eval->room.left, &len, format, &groups) != ERR_OK)
		return false;
	*out = (struct slice){ ctx->eval->room.at, len };
	*failed = false;
	return true;
}

enum rules_result
rule_act_REPLACE_PATH(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct slice path;
	bool failed;

	if (!text_replace(rule, ctx, http_head_path_only(ctx->request), &path, &failed))
		return failed ? rule_refused(run) : RULES_GO_ON;
	return head_set_path(ctx, run, path, path_query(ctx->request->path));
}

enum rules_result
rule_act_REPLACE_PATHQ(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct slice path;
	bool failed;

	if (!text_replace(rule, ctx, ctx->request->path, &path, &failed))
		return failed ? rule_refused(run) : RULES_GO_ON;
	return head_set_path(ctx, run, path, (struct slice){ NULL, 0 });
}

/* What the client wrote, or what rules made of it since. */
enum rules_result
rule_act_REPLACE_URI(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	const struct http_head *head = ctx->request;
	struct slice uri;
	bool failed;

	if (!text_replace(rule, ctx, http_head_uri(head), &uri, &failed))
		return failed ? rule_refused(run) : RULES_GO_ON;
	return head_set_uri(ctx, run, uri);
}

/* -- method and status -- */

static bool
is_token(struct slice text)
{
	return text.len > 0 && http_field_is_sound(text, (struct slice){ "", 0 });
}

/* How an answer is framed depends on these two: the client knows what it has sent (RFC 9112, 6.3). */
static bool
method_frames(enum http_method method)
{
	return method == HTTP_METHOD_HEAD || method == HTTP_METHOD_CONNECT;
}

enum rules_result
rule_act_SET_METHOD(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct http_head *head = ctx->request;
	struct slice text;
	enum http_method method;

	if (room_write(ctx->room, ctx->eval, rule->value, &text) == RULES_NO_ROOM)
		return RULES_NO_ROOM;
	method = http_method_find(text);
	if (!is_token(text) ||
	    (method != head->method && (method_frames(method) || method_frames(head->method))))
		return rule_refused(run);
	head->method = method;
	head->method_text = text;
	return RULES_GO_ON;
}

/* Without a body there is no other framing, and the other way round. */
static bool
status_may_become(const struct http_head *head, uint16_t status)
{
	return http_status_has_body(head->status) == http_status_has_body(status) &&
	       head->framing != HTTP_TUNNEL;
}

enum rules_result
rule_act_SET_STATUS(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct http_head *head = ctx->response;

	if (!status_may_become(head, rule->status))
		return rule_refused(run);
	head->status = rule->status;
	head->reason = slice_of(rule->text != NULL ? rule->text : http_reason(rule->status));
	return RULES_GO_ON;
}
