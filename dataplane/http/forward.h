/*
 * What a proxy changes in a head before it sends it on: hop-by-hop fields end here (RFC 9110, 7.6.1),
 * and who asked is told (X-Forwarded-For, Forwarded, X-Original-To).
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/network.h"
#include "core/err.h"
#include "core/str.h"
#include "http/head.h"

/*
 * Leave out Connection, what it names, Keep-Alive, Proxy-Connection, TE, Upgrade (and Transfer-Encoding and
 * Trailer only if it goes `to_minor_0`, to who speaks HTTP/1.0: RFC 9112, 6.1, whether a body
 * follows or not). An upgrade that is asked for (HTTP_SAYS_UPGRADE), granted (101) or demanded
 * (426) keeps Upgrade, and "TE: trailers" stays; both get a Connection of their own, from
 * constants.
 *
 * Connection may name what it likes but for fields that are for the message's last recipient, or tell
 * him who asked: all that head.h knows by id, and Authorization, Cookie, Content-*, X-Forwarded-* and such
 * (forward.c has the list) stay. Call it before fields are added: what is ours is then out of its reach.
 * ERR_LIMIT: too many fields, or Connection names over 32 others.
 */
enum err http_forward_hops(struct http_head *head, bool to_minor_0);

/*
 * Leave out fields of other names than [A-Za-z0-9-]+ (the frontend's parser does the same, by H1_NAMES_*, in
 * its way). False: `reject`, and there is one.
 */
bool http_forward_names(struct http_head *head, bool reject);

/* "option forwardfor" and "option originalto" (HAProxy manual): also their "except" and "if-none". */
struct http_forwardfor {
	bool			 on;
	bool			 if_none;	/* only where no such field is there */
	uint32_t		 except_count;
	struct network		*except;	/* owned; not for addresses in one of these */
	char			*header;	/* owned; NULL: "X-Forwarded-For" or "X-Original-To" */
};

/* "option forwarded" (RFC 7239): which parameters. A port counts only with its node. */
struct http_forwarded {
	bool	on;
	bool	proto, host, by, by_port, for_, for_port;
};

/*
 * ERR_NOMEM: the room does not suffice (nothing is changed, it may be called again with more). ERR_LIMIT: too
 * many fields. `client` and `local` are the connection's ends as the
 * PROXY protocol or the kernel tells them; Unix sockets get no X-Forwarded-For, and for=unknown.
 *
 * One line where the backend, the frontend or both have it on: under the header of the backend if that
 * has it on, not for what either excepts, and "if-none" only where all that are on say so.
 */
enum err http_forward_for(struct http_head *head, const struct http_forwardfor *backend,
	const struct http_forwardfor *frontend, const struct addr *client, struct http_room *room);
enum err http_forward_original_to(struct http_head *head, const struct http_forwardfor *backend,
	const struct http_forwardfor *frontend, const struct addr *local, struct http_room *room);
enum err http_forward_forwarded(struct http_head *head, const struct http_forwarded *conf,
	const struct addr *client, const struct addr *local, bool is_tls, struct http_room *room);
void http_forwardfor_fini(struct http_forwardfor *conf);
