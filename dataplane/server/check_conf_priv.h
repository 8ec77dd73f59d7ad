/*
 * What the files that make steps of checks, and those that judge answers to them, share.
 */
#pragma once

#include "http/fault.h"
#include "http/head.h"
#include "server/check_conf.h"

bool check_slice_copy(struct slice *to, struct slice from);	/* false: no memory */
void check_slice_free(struct slice *text);

bool check_is_token(struct slice text);		/* RFC 9110, 5.6.2 */
bool check_is_word(struct slice text);		/* printable ASCII without white space; not empty */

/* ERR_INVALID, and `diag` says: what "seen": wanted. */
enum err check_refuse(struct diag *diag, const char *what, struct slice seen, const char *wanted);

/* Bytes of digits; *to is the caller's. ERR_INVALID, ERR_NOMEM. */
enum err check_hex_read(struct slice *to, struct slice hex, const char *what, struct diag *diag);

/* As configuration writes it: "rstring". */
const char *check_match_name(enum check_match match);

/* `step` becomes the last one, or is freed. ERR_LIMIT, ERR_NOMEM. */
enum err check_step_add(struct check_conf **cp, struct check_step *step, const char *comment);
void check_step_fini(struct check_step *step);

/* The head of a request that was made here. `fields`: room for HTTP_FIELDS_MAX. */
enum http_fault check_request_read(struct slice bytes, struct http_head *head,
				   struct http_field *fields);
