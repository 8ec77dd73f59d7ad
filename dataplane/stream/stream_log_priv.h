/*
 * What log lines, in whatever format, say of a stream.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"
#include "expr/sample.h"

#define LOG_REQUEST_BYTES \
	1023 /* of a request's first line (HAProxy: tune.http.logurilen, with a NUL) */
#define LOG_ROOM_BYTES	  4096 /* for what expressions of a format make, one after the other */

struct stream;

/* -1: that stage was not reached (HAProxy manual, 8.4). */
int64_t stream_time_queue(const struct stream *s);
int64_t stream_time_connect(const struct stream *s);
int64_t stream_time_response(const struct stream *s);

/* How long it has been without a server: before its first one, and in line for others; if `is_queued`, until now. */
uint64_t stream_queued_for_ms(const struct stream *s, bool is_queued);

/* Its backend's, those that wait included (HAProxy manual, 8.2.3 "beconn"). */
uint32_t stream_backend_sessions(const struct stream *s);

/* Who ended it, and when, into the first two of `state` (HAProxy manual, 8.5). */
void stream_termination(const struct stream *s, char state[2]);

/* Another one for each stream of the process, from 1 on. */
uint64_t stream_number(const struct stream *s);

/* What expressions see of it; `room` is for what they make. */
void stream_eval_fill(struct eval *eval, struct stream *s, struct http_room room);

/* exchange_log.c: the request as it came, as much as is logged. False: it never got whole. */
bool exchange_said(const struct stream *s, struct slice *method, struct slice *uri);

/* The path and query of a URI; empty where it has none. */
struct slice request_uri_path(struct slice uri);
