/*
 * Routes: from a call's segments, method and parameters to its handler.
 *
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/route.h"
#include <stdio.h>
#include <string.h>
#include "adminapi/http/http_priv.h"
#include "core/hint.h"

#define NAME_MAX_BYTES	   128
#define KNOWN_PARAMS_MAX   32
#define KNOWN_PARAMS_BYTES 512
#define ALLOW_MAX_BYTES	   64
#define SHOWN_MAX_BYTES	   200	/* of outside text in an error */

enum match { MATCH_NO, MATCH_YES, MATCH_BAD_NAME };

static const char *const method_names[METHOD_COUNT] = {
	[METHOD_GET] = "GET",	      [METHOD_HEAD] = "HEAD", [METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",     [METHOD_POST] = "POST", [METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};

static bool
name_is_valid(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._:-");

	return len > 0 && len <= NAME_MAX_BYTES && name[len] == '\0';
}

/* One segment of a pattern against one of a call; `captured` counts the captures so far. */
static enum match
segment_match(struct slice pattern, const char *segment, struct call *call, uint32_t *captured)
{
	bool is_name = pattern.len > 0 && pattern.at[0] == '{';
	bool any = is_name && pattern.at[pattern.len - 2] == '*';

	if (!is_name)
		return slice_equals(pattern, slice_of(segment)) ? MATCH_YES : MATCH_NO;
	call->captures[(*captured)++] = segment;
	return any || name_is_valid(segment) ? MATCH_YES : MATCH_BAD_NAME;
}

static enum match
route_match(const struct route *route, struct call *call)
{
	const char *at = route->pattern;
	enum match verdict = MATCH_YES;
	uint32_t segment = 0, captured = 0;

	while (*at == '/' && segment < call->segment_count) {
		struct slice pattern = { at + 1, strcspn(at + 1, "/") };
		enum match match =
			segment_match(pattern, call->segments[segment++], call, &captured);

		if (match == MATCH_NO)
			return MATCH_NO;
		if (match == MATCH_BAD_NAME)
			verdict = match;
		at = pattern.at + pattern.len;
	}
	return *at == '\0' && segment == call->segment_count ? verdict : MATCH_NO;
}

static call_handler *
route_handler(const struct route *route, enum method method)
{
	if (method == METHOD_COUNT)
		return NULL;
	if (method == METHOD_HEAD && route->handlers[METHOD_HEAD] == NULL)
		return route->handlers[METHOD_GET];
	return route->handlers[method];
}

static const char *
route_allow(const struct route *route, char buf[ALLOW_MAX_BYTES])
{
	size_t len = 0;

	for (int m = 0; m < METHOD_COUNT; m++) {
		if (m != METHOD_OPTIONS && route_handler(route, (enum method)m) == NULL)
			continue;
		len += (size_t)snprintf(buf + len, ALLOW_MAX_BYTES - len, "%s%s",
					len > 0 ? ", " : "", method_names[m]);
	}
	return buf;
}

static bool
method_is_write(enum method method)
{
	return method == METHOD_PUT || method == METHOD_PATCH || method == METHOD_POST ||
	       method == METHOD_DELETE;
}

/* The names of the parameters that a route knows; `text` keeps them. */
struct known_params {
	char		 text[KNOWN_PARAMS_BYTES];
	const char	*names[KNOWN_PARAMS_MAX];
	size_t		 count;
};

static void
known_params_init(struct known_params *known, const struct route *route, enum method method)
{
	const char *more = method_is_write(method) ? route->write_params : NULL;
	char *save = NULL;

	snprintf(known->text, sizeof(known->text), "%s %s",
		 route->params != NULL ? route->params : "", more != NULL ? more : "");
	known->count = 0;
	for (char *name = strtok_r(known->text, " ", &save);
	     name != NULL && known->count < KNOWN_PARAMS_MAX; name = strtok_r(NULL, " ", &save))
		known->names[known->count++] = name;
}

static bool
param_is_known(const struct known_params *known, const char *name)
{
	for (size_t i = 0; i < known->count; i++) {
		size_t len = strlen(known->names[i]);

		/* "data.*" knows all that begin so */
		if (len > 0 && known->names[i][len - 1] == '*'
			    ? strncmp(known->names[i], name, len - 1) == 0
			    : strcmp(known->names[i], name) == 0)
			return true;
	}
	return false;
}

/* False: answered. */
static bool
route_check_params(const struct route *route, struct call *call)
{
	struct known_params known;
	char shown[SHOWN_MAX_BYTES];

	known_params_init(&known, route, call->method);
	for (uint32_t i = 0; i < call->param_count; i++) {
		const char *name = call->params[i].name, *near;

		if (param_is_known(&known, name))
			continue;
		near = hint_nearest(name, known.names, known.count);
		str_escape(shown, sizeof(shown), slice_of(name));
		if (near != NULL)
			call_problem(call, 400, NULL,
				     "unknown query parameter \"%s\": did you mean \"%s\"?", shown,
				     near);
		else
			call_problem(call, 400, NULL, "unknown query parameter \"%s\"", shown);
		return false;
	}
	return true;
}

/* What curl -d sends is called a form; it is taken as JSON if it is JSON. */
static bool
content_type_is_taken(const struct call *call)
{
	const char *type = call->content_type;

	return type == NULL || strcmp(type, "application/json") == 0 ||
	       strcmp(type, "application/x-www-form-urlencoded") == 0 ||
	       (call->method == METHOD_PATCH && strcmp(type, "application/merge-patch+json") == 0);
}

/* False: answered. DELETE has no use for a body. */
static bool
route_check_type(struct call *call)
{
	char shown[SHOWN_MAX_BYTES];

	if (!method_is_write(call->method) || call->method == METHOD_DELETE ||
	    call->body.len == 0 || content_type_is_taken(call))
		return true;
	call_problem(call, 415, NULL, "the body is \"%s\", taken is application/json%s",
		     str_escape(shown, sizeof(shown), slice_of(call->content_type)),
		     call->method == METHOD_PATCH ? " or application/merge-patch+json" : "");
	return false;
}

static void
route_refuse_method(const struct route *route, struct call *call)
{
	char allow[ALLOW_MAX_BYTES], detail[ALLOW_MAX_BYTES + 64];
	struct answer answer = { .status = 405, .content_type = PROBLEM_TYPE };

	answer.allow = route_allow(route, allow);
	snprintf(detail, sizeof(detail), "this resource knows %s", allow);
	problem_write(&answer.body, 405, NULL, (struct slice){ "", 0 }, detail);
	call_answer(call, &answer);
}

static void
route_answer_options(const struct route *route, struct call *call)
{
	char allow[ALLOW_MAX_BYTES];
	struct answer answer = { .status = 204, .allow = route_allow(route, allow) };

	call_answer(call, &answer);
}

static void
route_take(const struct route *route, struct call *call)
{
	call_handler *handler = route_handler(route, call->method);

	if (handler == NULL && call->method == METHOD_OPTIONS)
		route_answer_options(route, call);
	else if (handler == NULL)
		route_refuse_method(route, call);
	else if (route_check_params(route, call) && route_check_type(call))
		handler(call);
}

void
route_call(const struct route *routes, size_t count, struct call *call)
{
	bool bad_name = false;

	for (size_t i = 0; i < count; i++) {
		enum match match = route_match(&routes[i], call);

		if (match == MATCH_YES) {
			route_take(&routes[i], call);
			return;
		}
		bad_name = bad_name || match == MATCH_BAD_NAME;
	}
	if (bad_name)
		call_problem(call, 400, NULL, "a name is 1 to %d of A-Z a-z 0-9 . _ : -",
			     NAME_MAX_BYTES);
	else
		call_problem(call, 404, NULL, "no such resource");
}
