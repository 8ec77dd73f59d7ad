/*
 * Redirects: where to, and the answer that says so (HAProxy manual, "redirect").
 *
 * The request's own bytes get into the Location: its parser let no control byte through, and
 * redirect_check() none of the configuration's, so no line can end where it should not. Workers, but
 * for redirect_check() and redirect_cookie().
 */
#include "config.h"
#include "rules/rules_priv.h"
#include <stdio.h>
#include <string.h>

/*
 * Columns: status, reason, fields. As HAProxy 2.6 answers: what a browser must ask again is not to be
 * cached. (301 and 308 are for good.)
 */
#define NO_CACHE "Cache-Control: no-cache\r\n"
#define REDIRECTS(X)					\
	X(301, "Moved Permanently",	"")		\
	X(302, "Found",			NO_CACHE)	\
	X(303, "See Other",		NO_CACHE)	\
	X(307, "Temporary Redirect",	NO_CACHE)	\
	X(308, "Permanent Redirect",	"")

#define HEAD(status, reason, fields) \
	"HTTP/1.1 " #status " " reason "\r\nContent-Length: 0\r\n" fields

static const struct http_answer answers[] = {
#define X(code, reason, fields) \
	{ .status = code,       \
	  .head = { HEAD(code, reason, fields), sizeof(HEAD(code, reason, fields)) - 1 } },
	REDIRECTS(X)
#undef X
};

const struct http_answer *
redirect_answer(uint16_t status)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i].status == status)
			return &answers[i];
	}
	return NULL;
}

/* What is written while it fits. */
struct writer {
	char	*at;
	size_t	 left;
	bool	 is_full;
};

static void
write_slice(struct writer *w, struct slice text)
{
	if (text.len > w->left)
		w->is_full = true;
	if (w->is_full || text.len == 0)
		return;
	memcpy(w->at, text.at, text.len);
	w->at += text.len;
	w->left -= text.len;
}

/* The request's path, with its query unless that is dropped. "*" and "host:port" have none: "/". */
static void
write_path(struct writer *w, const struct rule *rule, const struct http_head *request)
{
	struct slice path = rule->drop_query ? http_head_path_only(request) : request->path;

	if (path.len == 0 || path.at[0] != '/')
		path = SLICE("/");
	write_slice(w, path);
	if (rule->append_slash && path.at[path.len - 1] != '/')
		write_slice(w, SLICE("/"));
}

/*
 * The prefix "/" alone means: nothing before the path. Then "//host/" as a path would lead to another
 * host (RFC 3986, 4.2), and browsers take a backslash for a slash; "/." before it keeps it a path.
 */
static void
write_prefix(struct writer *w, struct slice to, const struct rule *rule,
	const struct http_head *request)
{
	struct slice path = request->path;

	if (!slice_equals(to, SLICE("/")))
		write_slice(w, to);
	else if (path.len > 1 && path.at[0] == '/' && (path.at[1] == '/' || path.at[1] == '\\'))
		write_slice(w, SLICE("/."));
	write_path(w, rule, request);
}

static void
write_location(struct writer *w, struct slice to, const struct rule *rule,
	const struct http_head *request)
{
	switch (rule->kind) {
	case REDIRECT_LOCATION: write_slice(w, to); break;
	case REDIRECT_PREFIX: write_prefix(w, to, rule, request); break;
	case REDIRECT_SCHEME:
		write_slice(w, to);
		write_slice(w, SLICE("://"));
		write_slice(w, request->authority);
		write_path(w, rule, request);
		break;
	}
}

static void
write_lines(struct writer *w, struct slice to, const struct rule *rule,
	const struct http_head *request)
{
	write_slice(w, SLICE("Location: "));
	write_location(w, to, rule, request);
	write_slice(w, SLICE("\r\n"));
	if (rule->text == NULL)
		return;
	write_slice(w, SLICE("Set-Cookie: "));
	write_slice(w, slice_of(rule->text));
	write_slice(w, SLICE("\r\n"));
}

/* Printable and without blanks: it is to stand in a line of its own. */
static bool
location_is_sound(struct slice to)
{
	for (size_t i = 0; i < to.len; i++) {
		if ((unsigned char)to.at[i] <= ' ' || to.at[i] == 0x7f)
			return false;
	}
	return true;
}

enum rules_result
redirect_lines(const struct rule *rule, struct rules_context *ctx, struct slice *lines,
	bool *has_no_host)
{
	const struct http_head *request = ctx->request;
	struct writer w = { ctx->room->at, ctx->room->left, false };
	struct slice to;

	/* HAProxy 2.6 answers "https:///path", which leads to a host named like the path */
	*has_no_host = rule->kind == REDIRECT_SCHEME && request->authority.len == 0;
	if (*has_no_host)
		return RULES_FAILED;
	if (!scratch_write(ctx->eval, rule->value, &to) || !location_is_sound(to))
		return RULES_FAILED;
	*lines = (struct slice){ ctx->room->at, 0 };
	if (to.len == 0 && rule->ignore_empty)
		return RULES_GO_ON;
	write_lines(&w, to, rule, request);
	if (w.is_full)
		return RULES_NO_ROOM;
	lines->len = (size_t)(w.at - ctx->room->at);
	*ctx->room = (struct http_room){ w.at, w.left };
	return RULES_GO_ON;
}

char *
redirect_cookie(const char *cookie, bool clear)
{
	char *value;

	if (asprintf(&value, "%s; path=/;%s", cookie, clear ? " Max-Age=0;" : "") < 0)
		return NULL;
	return value;
}

/* RFC 3986, 3.1. */
static bool
is_scheme(struct slice text)
{
	static const char others[] = "0123456789+-.";

	for (size_t i = 0; i < text.len; i++) {
		const char c = text.at[i];
		const bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!is_letter && (i == 0 || c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return text.len > 0;
}

static enum err
check_to(const struct rule *rule, const char **operand, struct diag *diag)
{
	struct slice to;

	*operand = "value";
	if (rule->value == NULL) {
		diag_set(diag, "expected where to redirect to");
		return ERR_INVALID;
	}
	if (!format_is_constant(rule->value, &to))
		return ERR_OK;
	if ((to.len == 0 && !rule->ignore_empty) || !location_is_sound(to)) {
		diag_set(diag, "expected where to redirect to, without white space and control "
			"characters");
		return ERR_INVALID;
	}
	if (rule->kind == REDIRECT_SCHEME && !is_scheme(to)) {
		diag_set(diag, "expected the scheme to redirect to, as \"https\"");
		return ERR_INVALID;
	}
	return ERR_OK;
}

enum err
redirect_check(const struct rule *rule, const char **operand, struct diag *diag)
{
	*operand = "status";
	if (redirect_answer(rule->status) == NULL) {
		diag_set(diag,
			 "expected 301, 302, 303, 307 or 308 as the code of a redirect, not %u",
			 rule->status);
		return ERR_INVALID;
	}
	*operand = "text";
	if (rule->text != NULL && !value_is_sound(slice_of(rule->text))) {
		diag_set(diag, "expected a cookie without control characters");
		return ERR_INVALID;
	}
	*operand = "append_slash";
	if (rule->append_slash && !rule->drop_query) {
		diag_set(diag,
			 "append_slash needs drop_query: a slash behind a query would change it");
		return ERR_INVALID;
	}
	*operand = "kind";
	if (rule->phase == PHASE_HTTP_RESPONSE && rule->kind != REDIRECT_LOCATION) {
		diag_set(diag, "a redirect of a response takes a location: there is no request any "
			"more to take a path from");
		return ERR_INVALID;
	}
	return check_to(rule, operand, diag);
}
