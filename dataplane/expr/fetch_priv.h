/*
 * The tables of fetches that expr/ brings itself: fetch.c lists them.
 */
#pragma once

#include "core/network.h"
#include "expr/fetch.h"

/* The columns many, has_forms and is_last of a row that is written in columns. */
#define FETCH_ONE		false, false, false
#define FETCH_ONE_FORMS		false, true, false
#define FETCH_MANY		true, false, false
#define FETCH_MANY_FORMS	true, true, false
#define FETCH_MANY_LAST		true, false, true
#define FETCH_MANY_LAST_FORMS	true, true, true

extern struct fetch_table fetch_auth;
extern struct fetch_table fetch_body;
extern struct fetch_table fetch_constant;	/* always_true and the like */
extern struct fetch_table fetch_cookie;
extern struct fetch_table fetch_header;		/* values */
extern struct fetch_table fetch_head;		/* the rest of a head: its lines, all of it */
extern struct fetch_table fetch_hello;
extern struct fetch_table fetch_misc;
extern struct fetch_table fetch_payload;
extern struct fetch_table fetch_url;
extern struct fetch_table fetch_vars;		/* vars_rows.c */

/* An address as a header or a target has it; IPv4 with or without a port behind it. */
bool ip_of_peer_text(struct ip *ip, struct slice text);

/*
 * The value of the next parameter of that name ("": any) in "a=1&b=2;c"; `rest` moves behind it.
 * `delimiter` separates like "&" and ";". False: there is none.
 */
bool param_next(struct slice *rest, char delimiter, struct slice wanted, struct slice *value);
