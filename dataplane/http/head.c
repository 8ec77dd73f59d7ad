/*
 * Heads: finding, leaving out and adding fields; lists in values. Pure; any thread.
 */
#include "config.h"
#include "http/head.h"
#include <assert.h>
#include "http/chars_priv.h"
#include "http/names_priv.h"

enum http_method
http_method_find(struct slice text)
{
	static const struct slice names[] = {
		[HTTP_METHOD_OTHER] = { "", 0 },
#define X(name) [HTTP_METHOD_##name] = { #name, sizeof(#name) - 1 },
		HTTP_METHODS(X)
#undef X
	};

	for (unsigned i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text.len == names[i].len && text.at[0] == names[i].at[0] &&
		    memcmp(text.at, names[i].at, text.len) == 0)
			return (enum http_method)i;
	}
	return HTTP_METHOD_OTHER;
}

bool
http_method_is_idempotent(enum http_method method)
{
	switch (method) {
	case HTTP_METHOD_GET:
	case HTTP_METHOD_HEAD:
	case HTTP_METHOD_PUT:
	case HTTP_METHOD_DELETE:
	case HTTP_METHOD_OPTIONS:
	case HTTP_METHOD_TRACE:
		return true;
	case HTTP_METHOD_OTHER:
	case HTTP_METHOD_POST:
	case HTTP_METHOD_CONNECT:
	case HTTP_METHOD_PATCH:
		break;
	}
	return false;
}

/* Up to the first `stop`; a fragment ends a path, too, where it was let in. */
static struct slice
slice_until(struct slice text, char stop)
{
	size_t len = 0;

	while (len < text.len && text.at[len] != stop && text.at[len] != '#')
		len++;
	return (struct slice){ text.at, len };
}

struct slice
http_head_path_only(const struct http_head *head)
{
	struct slice path = slice_until(head->path, '?');

	/* "http://host?query" has a path, only nobody wrote it (RFC 9110, 4.2.3) */
	return path.len == 0 && head->path.len > 0 ? SLICE("/") : path;
}

struct slice
http_head_uri(const struct http_head *head)
{
	const uintptr_t path = (uintptr_t)head->path.at, target = (uintptr_t)head->target.at;
	const bool stands = path >= target && path + head->path.len == target + head->target.len;

	return stands || head->form == HTTP_TARGET_AUTHORITY ? head->target : head->path;
}

/* Where a search goes on. */
static struct http_field *
fields_behind(const struct http_head *head, const struct http_field *after)
{
	return after == NULL ? head->fields : head->fields + (after - head->fields) + 1;
}

struct http_field *
http_head_find(const struct http_head *head, enum http_name name, const struct http_field *after)
{
	struct http_field *end = head->fields + head->count;

	for (struct http_field *f = fields_behind(head, after); f < end; f++) {
		if (f->name == name && !f->left_out)
			return f;
	}
	return NULL;
}

struct http_field *
http_head_find_named(const struct http_head *head, struct slice name,
		     const struct http_field *after)
{
	struct http_field *end = head->fields + head->count;

	for (struct http_field *f = fields_behind(head, after); f < end; f++) {
		if (f->name_len == name.len && !f->left_out &&
		    http_equals_nocase(http_field_name(f), name))
			return f;
	}
	return NULL;
}

void
http_head_leave_out(struct http_head *head, enum http_name name)
{
	for (uint32_t i = 0; i < head->count; i++) {
		if (head->fields[i].name == name)
			head->fields[i].left_out = true;
	}
}

void
http_field_replace(struct http_field *f, struct slice line)
{
	const char *colon = memchr(line.at, ':', line.len);
	const char *value, *end = line.at + line.len - 2;

	assert(colon != NULL && line.len <= UINT16_MAX && end[0] == '\r' && end[1] == '\n');
	for (value = colon + 1; value < end && char_is_space(*value); value++)
		continue;
	while (end > value && char_is_space(end[-1]))
		end--;
	*f = (struct http_field){
		.line = line.at,
		.name_len = (uint16_t)(colon - line.at),
		.value_at = (uint16_t)(value - line.at),
		.value_len = (uint16_t)(end - value),
		.line_len = (uint16_t)line.len,
		.name = name_find(line.at, (size_t)(colon - line.at)),
	};
}

enum err
http_head_add(struct http_head *head, struct slice line)
{
	if (head->count >= HTTP_FIELDS_MAX)
		return ERR_LIMIT;
	http_field_replace(&head->fields[head->count++], line);
	return ERR_OK;
}

bool
http_list_next(struct slice *list, struct slice *member)
{
	const char *at = list->at, *end = at + list->len, *stop, *next;
	bool quoted = false;

	while (at < end && (*at == ',' || char_is_space(*at)))
		at++;
	/* a comma in a quoted string is no separator; a lone quote mark takes all that follows */
	for (stop = at; stop < end && (quoted || *stop != ','); stop++) {
		if (quoted && *stop == '\\' && stop + 1 < end)
			stop++;
		else if (*stop == '"')
			quoted = !quoted;
	}
	next = stop;
	while (stop > at && char_is_space(stop[-1]))
		stop--;
	*list = (struct slice){ next, (size_t)(end - next) };
	*member = (struct slice){ at, (size_t)(stop - at) };
	return member->len > 0;
}

bool
http_list_has(struct slice list, struct slice token)
{
	struct slice member;

	while (http_list_next(&list, &member)) {
		if (http_equals_nocase(member, token))
			return true;
	}
	return false;
}

bool
http_equals_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (char_lower(a.at[i]) != char_lower(b.at[i]))
			return false;
	}
	return true;
}
