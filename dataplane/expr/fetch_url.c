/*
 * The target of a request: path, query, its parameters, what it is with its host (HAProxy manual, 7.3.6:
 * "path", "url", "urlp", "base").
 *
 * A worker runs these for each request: slices of the head, and of the evaluation's room where
 * host and path are put together. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>
#include "core/hash.h"

#define HTTP_PORT 80	/* of a target that names none (HAProxy manual, "url_port") */

/* "*" and "host:port" have no path (as in HAProxy: then `path` is not there at all). */
static bool
has_path(const struct http_head *head)
{
	return head != NULL && head->path.len != 0 && head->path.at[0] == '/';
}

static struct slice
slice_behind(struct slice text, const char *at)
{
	return (struct slice){ at, (size_t)(text.at + text.len - at) };
}

/* As it stands in the start line; a rule may have set another path. */
static struct slice
target_of(const struct http_head *head)
{
	return http_head_uri(head);
}

static bool
get_path(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!has_path(eval->request))
		return false;
	sample->text = http_head_path_only(eval->request);
	return true;
}

static bool
get_path_and_query(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!has_path(eval->request))
		return false;
	sample->text = eval->request->path;
	return true;
}

/* Behind the question mark: empty if nothing is, not there without one. */
static bool
get_query(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice path;
	const char *mark;

	if (eval->request == NULL || eval->request->path.len == 0)
		return false;
	path = eval->request->path;
	mark = memchr(path.at, '?', path.len);
	if (mark == NULL)
		return false;
	sample->text = slice_behind(path, mark + 1);
	return true;
}

static bool
get_url(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	sample->text = target_of(eval->request);
	return true;
}

/* The host of a target "http://host:port/", if that is an address. */
static bool
target_address(const struct http_head *head, struct ip *ip, int64_t *port)
{
	struct slice host;
	const char *at, *colon;

	if (head == NULL || head->form != HTTP_TARGET_ABSOLUTE)
		return false;
	at = memmem(head->target.at, head->target.len, "://", 3);
	if (at == NULL)
		return false;
	host = slice_behind(head->target, at + 3);
	at = memchr(host.at, '/', host.len);
	if (at != NULL)
		host.len = (size_t)(at - host.at);
	colon = memchr(host.at, ':', host.len);
	*port = colon == NULL ? HTTP_PORT : int_of_text(slice_behind(host, colon + 1));
	return ip_of_peer_text(ip, host) && ip->is_ipv4;
}

static bool
get_url_ip(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	int64_t port;

	return target_address(eval->request, &sample->ip, &port);
}

static bool
get_url_port(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct ip ip;

	return target_address(eval->request, &ip, &sample->number);
}

/* -- parameters -- */

/* The next "name=value"; what has no "=" is none. `delimiter` separates besides "&" and ";". */
static bool
param_take(struct slice *rest, char delimiter, struct slice *name, struct slice *value)
{
	const char *at = rest->at, *end = at + rest->len;

	while (at < end) {
		const char *from = at, *equals = NULL;

		for (; at < end && *at != '&' && *at != ';' && *at != delimiter; at++) {
			if (*at == '=' && equals == NULL)
				equals = at;
		}
		*rest = at < end ? slice_behind(*rest, at + 1) : (struct slice){ end, 0 };
		if (equals != NULL) {
			*name = (struct slice){ from, (size_t)(equals - from) };
			*value = (struct slice){ equals + 1, (size_t)(at - equals - 1) };
			return true;
		}
		at = rest->at;
	}
	return false;
}

bool
param_next(struct slice *rest, char delimiter, struct slice wanted, struct slice *value)
{
	struct slice name;

	while (param_take(rest, delimiter, &name, value)) {
		if (wanted.len == 0 || slice_equals(name, wanted))
			return true;
	}
	return false;
}

/* In turn, from behind the first delimiter on: "?", or what the second argument says. */
static bool
get_param(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	char delimiter = args->at[1].kind == ARG_NONE ? '?' : args->at[1].text.at[0];

	if (eval->request == NULL)
		return false;
	if (!cursor->inside) {
		struct slice target = target_of(eval->request);
		const char *at = target.len == 0 ? NULL : memchr(target.at, delimiter, target.len);

		if (at == NULL)
			return false;
		cursor->rest = slice_behind(target, at + 1);
		cursor->inside = true;
	}
	return param_next(&cursor->rest, delimiter, args->at[0].text, &sample->text);
}

static bool
get_param_number(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (!get_param(eval, args, cursor, sample))
		return false;
	sample->number = int_of_text(sample->text);
	return true;
}

static enum err
check_delimiter(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[1].kind == ARG_NONE || args->at[1].text.len == 1)
		return ERR_OK;
	diag_set(diag, "expected one character for the delimiter");
	return ERR_INVALID;
}

/* -- host and path -- */

/* The first Host field, and `path` behind it; in one piece. */
static bool
host_with(struct eval *eval, struct slice path, struct slice *text)
{
	const struct http_field *field = http_head_find(eval->request, HTTP_NAME_HOST, NULL);
	struct slice host = field == NULL ? (struct slice){ "", 0 } : http_field_value(field);
	char *at = eval_take(eval, host.len + path.len);

	if (at == NULL)
		return false;
	memcpy(at, host.at, host.len);
	if (path.len != 0)
		memcpy(at + host.len, path.at, path.len);
	*text = (struct slice){ at, host.len + path.len };
	return true;
}

static bool
get_base(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice path = { NULL, 0 };

	if (eval->request == NULL)
		return false;
	if (has_path(eval->request))
		path = http_head_path_only(eval->request);
	return host_with(eval, path, &sample->text);
}

static bool
get_base_and_query(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice path = { NULL, 0 };

	if (eval->request == NULL)
		return false;
	if (has_path(eval->request))
		path = eval->request->path;
	return host_with(eval, path, &sample->text);
}

/* The room is given back: only the number is kept. */
static bool
hash_with_host(struct eval *eval, struct slice path, int64_t *number)
{
	struct http_room room = eval->room;
	struct slice text;

	if (!host_with(eval, path, &text))
		return false;
	*number = hash_avalanche(hash_sdbm(text.at, text.len));
	eval->room = room;
	return true;
}

bool
fetch_base32(struct eval *eval, int64_t *number)
{
	struct slice path = { NULL, 0 };

	if (eval->request == NULL)
		return false;
	if (has_path(eval->request))
		path = http_head_path_only(eval->request);
	return hash_with_host(eval, path, number);
}

bool
fetch_url32(struct eval *eval, int64_t *number)
{
	struct slice path = { NULL, 0 };

	if (eval->request == NULL)
		return false;
	if (has_path(eval->request))
		path = eval->request->path;
	return hash_with_host(eval, path, number);
}

static bool
get_base32(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return fetch_base32(eval, &sample->number);
}

static bool
get_url32(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return fetch_url32(eval, &sample->number);
}

/* clang-format off */
#define NOTHING		{ ARG_NONE }
#define PARAM		{ ARG_STRING | ARG_OPTIONAL, ARG_STRING }
#define PARAM_HELP	"values of a parameter of the query, or of any: all in conditions, else the first"

static const struct fetch rows[] = {
	/* name		type		needs		args		which; help, check, get */
	{ "base",	SAMPLE_STRING,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE_FORMS,
		"the first Host header and the path", NULL, get_base },
	{ "base32",	SAMPLE_INT,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"a hash of base, as base,sdbm(1)", NULL, get_base32 },
	{ "baseq",	SAMPLE_STRING,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"the first Host header, the path and the query", NULL, get_base_and_query },
	{ "path",	SAMPLE_STRING,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE_FORMS,
		"the request's path, without its query", NULL, get_path },
	{ "pathq",	SAMPLE_STRING,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"the request's path with its query", NULL, get_path_and_query },
	{ "query",	SAMPLE_STRING,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"what stands behind the first question mark", NULL, get_query },
	{ "url",	SAMPLE_STRING,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE_FORMS,
		"the request's target as the client wrote it", NULL, get_url },
	{ "url32",	SAMPLE_INT,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"a hash of baseq, as baseq,sdbm(1)", NULL, get_url32 },
	{ "url_ip",	SAMPLE_IP,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"the IPv4 address in a target like http://192.0.2.1/", NULL, get_url_ip },
	{ "url_param",	SAMPLE_STRING,	NEEDS_REQUEST,	PARAM,		FETCH_MANY_FORMS,
		PARAM_HELP, check_delimiter, get_param },
	{ "url_port",	SAMPLE_INT,	NEEDS_REQUEST,	NOTHING,	FETCH_ONE,
		"the port behind url_ip, or 80", NULL, get_url_port },
	{ "urlp",	SAMPLE_STRING,	NEEDS_REQUEST,	PARAM,		FETCH_MANY_FORMS,
		PARAM_HELP, check_delimiter, get_param },
	{ "urlp_val",	SAMPLE_INT,	NEEDS_REQUEST,	PARAM,		FETCH_MANY,
		"the same as numbers", check_delimiter, get_param_number },
};
/* clang-format on */

struct fetch_table fetch_url = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
