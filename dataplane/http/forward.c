/*
 * Hop-by-hop fields (RFC 9110, 7.6.1): they end here.
 *
 * On most heads there is nothing to do but for one field of them: a single pass finds out. Any thread.
 */
#include "config.h"
#include "http/forward.h"
#include "http/chars_priv.h"

#define BIT(id) (1U << HTTP_NAME_##id)

/* Of this connection, whatever Connection says. */
#define HOPS (BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(TE) | BIT(UPGRADE))

/* Of chunks, which HTTP/1.0 has not. */
#define CHUNKED (BIT(TRANSFER_ENCODING) | BIT(TRAILER))

/*
 * Names that Connection may hold besides those: a head with more is not worth the time (each is looked for
 * among all fields).
 */
#define NAMED_MAX 32

/*
 * Fields that are for whoever gets the message in the end, or that tell him who asked: to have them left
 * out by naming them in Connection is an old way to get past what relies on them (RFC 9110, 7.6.1,
 * forbids to name such). All that begin so; and all that http/head.h knows by id, as each has rules
 * of its own.
 */
static const struct slice kept_prefixes[] = {
	SLICE("accept"),
	SLICE("authorization"),
	SLICE("cache-control"),
	SLICE("content-"),
	SLICE("cookie"),
	SLICE("date"),
	SLICE("etag"),
	SLICE("expires"),
	SLICE("if-"),
	SLICE("last-modified"),
	SLICE("location"),
	SLICE("origin"),
	SLICE("pragma"),
	SLICE("proxy-auth"),
	SLICE("range"),
	SLICE("referer"),
	SLICE("sec-"),
	SLICE("set-cookie"),
	SLICE("strict-transport-security"),
	SLICE("user-agent"),
	SLICE("vary"),
	SLICE("via"),
	SLICE("x-client-"),
	SLICE("x-forwarded-"),
	SLICE("x-original-"),
	SLICE("x-real-ip"),
};

static bool
name_is_kept(struct slice name)
{
	if (http_name_find(name) != HTTP_NAME_OTHER)
		return true;
	for (size_t i = 0; i < sizeof(kept_prefixes) / sizeof(kept_prefixes[0]); i++) {
		struct slice front = { name.at, kept_prefixes[i].len };

		if (name.len >= front.len && http_equals_nocase(front, kept_prefixes[i]))
			return true;
	}
	return false;
}

static bool
option_is_known(struct slice option)
{
	return http_equals_nocase(option, SLICE("close")) ||
	       http_equals_nocase(option, SLICE("keep-alive"));
}

/* Leave out what Connection names. */
static enum err
named_leave_out(struct http_head *head)
{
	struct http_field *connection = NULL;
	unsigned named = 0;

	while ((connection = http_head_find(head, HTTP_NAME_CONNECTION, connection)) != NULL) {
		struct slice list = http_field_value(connection), option;

		while (http_list_next(&list, &option)) {
			struct http_field *f = NULL;

			if (option_is_known(option) || name_is_kept(option))
				continue;
			if (++named > NAMED_MAX)
				return ERR_LIMIT;
			/* what was added here is out of the peer's reach */
			while ((f = http_head_find_named(head, option, f)) != NULL &&
			       f < head->fields + head->received)
				f->left_out = true;
		}
	}
	return ERR_OK;
}

/* An upgrade that is asked for or granted; 426 tells to what it could be (RFC 9110, 15.5.22). */
static bool
upgrade_goes_on(const struct http_head *head)
{
	if ((head->says & HTTP_SAYS_UPGRADE) == 0)
		return false;
	return !head->is_response || head->status == 101 || head->status == 426;
}

/* Does the request take trailers? Other codings are between the client and us. */
static bool
trailers_go_on(const struct http_head *head)
{
	struct http_field *te = NULL;

	while (!head->is_response && (te = http_head_find(head, HTTP_NAME_TE, te)) != NULL) {
		if (http_list_has(http_field_value(te), SLICE("trailers")))
			return true;
	}
	return false;
}

/*
 * Put a constant line in the place of the first of that name, which is left out by then, or else
 * behind the others: a head that is full to the last field stays good.
 */
static enum err
line_put(struct http_head *head, enum http_name name, struct slice line)
{
	for (uint32_t i = 0; i < head->count; i++) {
		if (head->fields[i].name != name)
			continue;
		http_field_replace(&head->fields[i], line);
		return ERR_OK;
	}
	return http_head_add(head, line);
}

/* What was left out and has to go on all the same, in our words. */
static enum err
hops_put(struct http_head *head, bool upgrade, bool trailers)
{
	struct slice connection = SLICE("Connection: upgrade\r\n");
	enum err err = ERR_OK;

	if (trailers) {
		connection = upgrade ? SLICE("Connection: upgrade, te\r\n")
				     : SLICE("Connection: te\r\n");
		err = line_put(head, HTTP_NAME_TE, SLICE("TE: trailers\r\n"));
	}
	if (err == ERR_OK && (upgrade || trailers))
		err = line_put(head, HTTP_NAME_CONNECTION, connection);
	return err;
}

enum err
http_forward_hops(struct http_head *head, bool to_minor_0)
{
	unsigned leave = HOPS | (to_minor_0 ? CHUNKED : 0), found = 0;
	bool upgrade = upgrade_goes_on(head), trailers;
	enum err err;

	if ((head->says & HTTP_NAMES_HOPS) && (err = named_leave_out(head)) != ERR_OK)
		return err;
	for (uint32_t i = 0; i < head->count; i++)
		found |= 1U << head->fields[i].name;
	if ((found & leave) == 0)
		return ERR_OK;
	trailers = (found & BIT(TE)) && trailers_go_on(head);
	if (upgrade)
		leave &= ~BIT(UPGRADE);
	for (uint32_t i = 0; i < head->count; i++) {
		if (leave & 1U << head->fields[i].name)
			head->fields[i].left_out = true;
	}
	return hops_put(head, upgrade, trailers);
}

bool
http_forward_names(struct http_head *head, bool reject)
{
	for (uint32_t i = 0; i < head->count; i++) {
		struct http_field *f = &head->fields[i];
		const char *end = f->line + f->name_len;

		if (f->left_out || scan_set(f->line, end, CHAR_NAME) == end)
			continue;
		if (reject)
			return false;
		f->left_out = true;
	}
	return true;
}
