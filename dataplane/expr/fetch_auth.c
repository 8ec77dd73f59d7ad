/*
 * Who the client says that it is: the Authorization header (HAProxy manual, 7.3.6: "http_auth_user";
 * RFC 7617 "Basic", RFC 6750 "Bearer").
 *
 * A worker runs these for each request; what is decoded lies in the evaluation's room. Any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>
#include "expr/conv_code_priv.h"
#include "expr/userlist.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What stands behind the scheme's name, of the first field of that name. False: it is of another scheme. */
static bool
credentials_of(const struct http_head *head, struct slice field_name, struct slice scheme,
	struct slice *credentials)
{
	const struct http_field *field;
	struct slice value, name;

	if (head == NULL)
		return false;
	field = http_head_find_named(head, field_name, NULL);
	if (field == NULL)
		return false;
	value = http_field_value(field);
	name = (struct slice){ value.at, scheme.len };
	if (value.len <= scheme.len || !is_blank(value.at[scheme.len]) ||
	    !http_equals_nocase(name, scheme))
		return false;
	value.at += scheme.len;
	value.len -= scheme.len;
	while (value.len != 0 && is_blank(*value.at)) {
		value.at++;
		value.len--;
	}
	*credentials = value;
	return true;
}

/* Of "Basic": in the evaluation's room. A password may have colons, a user's name has none. */
static bool
basic_of(struct eval *eval, struct slice *user, struct slice *password)
{
	struct slice text;
	const char *colon;
	ptrdiff_t len;
	char *at;

	if (!credentials_of(eval->request, SLICE("Authorization"), SLICE("Basic"), &text))
		return false;
	at = eval_take(eval, base64_bytes_max(text.len));
	if (at == NULL)
		return false;
	len = base64_bytes(at, text);
	eval_trim(eval, at + (len < 0 ? 0 : len));
	colon = len <= 0 ? NULL : memchr(at, ':', (size_t)len);
	if (colon == NULL)
		return false;
	*user = (struct slice){ at, (size_t)(colon - at) };
	*password = (struct slice){ colon + 1, (size_t)(at + len - colon - 1) };
	return true;
}

static bool
get_user(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice password;

	return basic_of(eval, &sample->text, &password);
}

static bool
get_password(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice user;

	return basic_of(eval, &user, &sample->text);
}

static bool
get_bearer(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice name = args->at[0].text;

	if (name.len == 0)
		name = SLICE("Authorization");
	return credentials_of(eval->request, name, SLICE("Bearer"), &sample->text);
}

/* The scheme in its own spelling, where there are credentials of it. */
static bool
get_type(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct http_room room = eval->room;
	struct slice ignored, password;
	bool is_basic = basic_of(eval, &ignored, &password);

	eval->room = room;
	sample->text = is_basic ? SLICE("Basic") : SLICE("Bearer");
	return is_basic || credentials_of(eval->request, SLICE("Authorization"),
					  SLICE("Bearer"), &ignored);
}

/*
 * Not there without credentials, nor where there was no time to check them, which is no wrong
 * password; else whether the list has them. The room is given back.
 */
static bool
get_verdict(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct ref *ref = args->at[0].ref;
	struct http_room room = eval->room;
	struct slice user, password;
	enum login_verdict verdict = LOGIN_UNCHECKED;

	if (basic_of(eval, &user, &password) && ref != NULL && ref->object != NULL)
		verdict = userlist_check(ref->object, user, password);
	eval->room = room;
	sample->number = verdict == LOGIN_RIGHT;
	return verdict != LOGIN_UNCHECKED;
}

/* A condition asks for the groups of a user who has that password, in turn; else it is he himself. */
static bool
get_group(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct ref *ref = args->at[0].ref;
	struct slice password;

	if (!cursor->inside) {
		if (ref == NULL || ref->object == NULL ||
		    !basic_of(eval, &cursor->rest, &password) ||
		    userlist_check(ref->object, cursor->rest, password) != LOGIN_RIGHT)
			return false;
		cursor->inside = true;
	}
	if (!cursor->wants_last)
		return userlist_group_next(ref->object, cursor->rest, &cursor->taken,
					   &sample->text);
	sample->text = cursor->rest;
	return cursor->taken++ == 0;
}

/* clang-format off */
#define NOTHING		{ ARG_NONE }
#define HEADER		{ ARG_STRING | ARG_OPTIONAL }
#define USERLIST	{ ARG_USERLIST }
#define REQUEST		NEEDS_REQUEST

static const struct fetch rows[] = {
	/* name			type		needs		args		which; help, check, get */
	{ "http_auth",		SAMPLE_BOOL,	REQUEST,	USERLIST,	FETCH_ONE,
		"the request's user and password are in that userlist; no value without any, or if "
		"there is no time to check them", NULL, get_verdict },
	{ "http_auth_bearer",	SAMPLE_STRING,	REQUEST,	HEADER,		FETCH_ONE,
		"the token behind Bearer in Authorization, or in that header", NULL, get_bearer },
	{ "http_auth_group",	SAMPLE_STRING,	REQUEST,	USERLIST,	FETCH_MANY_LAST,
		"the user, if that userlist has him; in conditions his groups", NULL, get_group },
	{ "http_auth_pass",	SAMPLE_STRING,	REQUEST,	NOTHING,	FETCH_ONE,
		"the password of the request's basic authentication", NULL, get_password },
	{ "http_auth_type",	SAMPLE_STRING,	REQUEST,	NOTHING,	FETCH_ONE,
		"Basic or Bearer, if the request has such credentials", NULL, get_type },
	{ "http_auth_user",	SAMPLE_STRING,	REQUEST,	NOTHING,	FETCH_ONE,
		"the user of the request's basic authentication", NULL, get_user },
};
/* clang-format on */

struct fetch_table fetch_auth = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
