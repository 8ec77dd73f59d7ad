/*
 * Redirects: where to, and the answer that says so (HAProxy manual, "redirect").
 *
 * The request's own bytes get into the Location: its parser let no control byte through, and
 * redirect_check() none of the configuration's, so no line can end where it should not. Workers, but
 * for redirect_check() and redirect_cookie().
 */
#include "config.h"
#include "rules/redirect_priv.h"
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
write_prefix(struct writer *w, const struct rule *rule, const struct http_head *request)
{
	struct slice path = request->path;

	if (strcmp(rule->to, "/") != 0)
		write_slice(w, slice_of(rule->to));
	else if (path.len > 1 && path.at[0] == '/' && (path.at[1] == '/' || path.at[1] == '\\'))
		write_slice(w, SLICE("/."));
	write_path(w, rule, request);
}

static void
write_location(struct writer *w, const struct rule *rule, const struct http_head *request)
{
	switch (rule->kind) {
	case REDIRECT_LOCATION:
		write_slice(w, slice_of(rule->to));
		break;
	case REDIRECT_PREFIX:
		write_prefix(w, rule, request);
		break;
	case REDIRECT_SCHEME:
		write_slice(w, slice_of(rule->to));
		write_slice(w, SLICE("://"));
		write_slice(w, request->authority);
		write_path(w, rule, request);
		break;
	}
}

enum err
redirect_lines(const struct rule *rule, const struct http_head *request, struct http_room *room,
	struct slice *lines)
{
	struct writer w = { room->at, room->left, false };

	/* HAProxy 2.6 answers "https:///path", which leads to a host named like the path */
	if (rule->kind == REDIRECT_SCHEME && request->authority.len == 0)
		return ERR_INVALID;
	write_slice(&w, SLICE("Location: "));
	write_location(&w, rule, request);
	write_slice(&w, SLICE("\r\n"));
	if (rule->cookie != NULL) {
		write_slice(&w, SLICE("Set-Cookie: "));
		write_slice(&w, slice_of(rule->cookie));
		write_slice(&w, SLICE("\r\n"));
	}
	if (w.is_full)
		return ERR_LIMIT;
	*lines = (struct slice){ room->at, (size_t)(w.at - room->at) };
	room->at = w.at;
	room->left = w.left;
	return ERR_OK;
}

char *
redirect_cookie(const char *cookie, bool clear)
{
	char *value;

	if (asprintf(&value, "%s; path=/;%s", cookie, clear ? " Max-Age=0;" : "") < 0)
		return NULL;
	return value;
}

/* The first byte below `least`, or DEL; NULL: none. */
static const char *
text_find_bad(const char *text, unsigned char least)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < least || *text == 0x7f)
			return text;
	}
	return NULL;
}

/* RFC 3986, 3.1. */
static bool
is_scheme(const char *text)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";

	return text[0] != '\0' && strchr(first, text[0]) != NULL &&
	       text[strspn(text, others)] == '\0';
}

static enum err
check_fail(struct diag *diag, const char *what, const char *text)
{
	char seen[64];

	diag_set(diag, "%s, not \"%s\"", what, str_escape(seen, sizeof(seen), slice_of(text)));
	return ERR_INVALID;
}

static enum err
check_to(const struct rule *rule, struct diag *diag)
{
	if (rule->to == NULL || rule->to[0] == '\0') {
		diag_set(diag, "expected where to redirect to");
		return ERR_INVALID;
	}
	if (text_find_bad(rule->to, '!') != NULL)
		return check_fail(
			diag,
			"expected where to redirect to, without white space and control characters",
			rule->to);
	if (rule->kind == REDIRECT_SCHEME && !is_scheme(rule->to))
		return check_fail(diag, "expected the scheme to redirect to, as \"https\"",
				  rule->to);
	return ERR_OK;
}

enum err
redirect_check(const struct rule *rule, struct diag *diag)
{
	if (redirect_answer(rule->status) == NULL) {
		diag_set(diag,
			 "expected 301, 302, 303, 307 or 308 as the code of a redirect, not %u",
			 rule->status);
		return ERR_INVALID;
	}
	if (check_to(rule, diag) != ERR_OK)
		return ERR_INVALID;
	if (rule->cookie != NULL && text_find_bad(rule->cookie, ' ') != NULL)
		return check_fail(diag, "expected a cookie without control characters",
				  rule->cookie);
	if (rule->append_slash && !rule->drop_query) {
		diag_set(diag,
			 "append_slash needs drop_query: a slash behind a query would change it");
		return ERR_INVALID;
	}
	return ERR_OK;
}
