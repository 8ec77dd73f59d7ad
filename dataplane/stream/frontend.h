/*
 * A frontend: binds, limits, and where its streams go.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include "core/publish.h"
#include "core/snap.h"
#include "expr/args.h"
#include "net/bind.h"
#include "server/backend.h"
#include "stream/access_log.h"
#include "stream/capture.h"

/* A worker's count of the streams that began with a conf; a cache line each. */
struct frontend_conf_slot {
	_Alignas(64) struct snap_slot	 ref;
};

/* What only HTTP has. Owned by the conf. */
struct frontend_http {
	int64_t			 timeout_request;	/* ms, TIMEOUT_NONE: a head, from its first byte */
	int64_t			 timeout_keep_alive;	/* from an answer to the next request's first byte */
	unsigned		 h1_options;		/* H1_*: of requests */
	struct http_forwardfor	 forwardfor, originalto;
	struct http_errors	 errors;
	char			*monitor_uri;		/* owned; NULL: none */
	struct cond		*monitor_fail;		/* owned; NULL: it never fails */
};

/* Immutable; control fills it after frontend_conf_new(). */
struct frontend_conf {
	struct snap		 snap;
	enum traffic_mode	 mode;
	struct frontend_http	 http;
	struct backend		*default_backend;	/* held (backend_hold) by the conf; may be NULL */
	struct rules		*rules;		/* owned; NULL: none */
	struct acls		*acls;		/* owned; NULL: none. What monitor_fail and formats were compiled with */
	struct refs		 refs;		/* what these name */
	int64_t			 timeout_client, timeout_client_fin;	/* ms, TIMEOUT_NONE */
	int64_t			 timeout_tarpit;
	uint32_t		 maxconn;		/* 0: the process's */
	struct access_conf	 access;		/* its log */
	struct capture_conf	 captures;
	struct tcp_keepalive	 clitcpka;
	uint32_t		 bind_count;
	struct bind	       **binds;			/* held by the conf until its successor is in force */
	struct bind_conf	*bind_confs;		/* of each: options that hold from now on */
	char		       (*bind_texts)[ADDR_TEXT_BYTES];	/* frontend_publish_new() fills them */
	uint32_t		 workers;
	struct frontend_conf_slot *slots;
};

struct frontend_totals {
	uint64_t	sessions, bytes_in, bytes_out, refused, denied;
	uint64_t	responses[HTTP_CLASSES];
	uint32_t	current, max;
};

struct frontend;

/* Zeroed, `binds` with room for bind_count. ERR_NOMEM. After the workers were started. */
enum err frontend_conf_new(struct frontend_conf **cp, uint32_t bind_count);
void frontend_conf_discard(struct frontend_conf **cp);	/* releases binds and backend */

enum err frontend_new(struct frontend **fp, const char *name);

/* One that was never published; or any, with its conf, after engine_stop(). */
void frontend_discard(struct frontend **fp);

/*
 * The change that installs `conf`. Workers start to accept on binds that are new, keep those that
 * are in both confs (same struct bind), and accept the queue of the others empty before they let
 * go; those are released when all have. Its abort() discards conf, and the frontend if this was to
 * be its first.
 */
enum err frontend_publish_new(struct publish_item **ip, struct frontend *frontend,
			      struct frontend_conf *conf);

/* The change that takes it away: binds close, streams run on. */
enum err frontend_retire_new(struct publish_item **ip, struct frontend *frontend);

/* Control: expressions name it (so it may not be freed), and no more. */
void frontend_hold(struct frontend *frontend);
void frontend_release(struct frontend *frontend);

const struct frontend_conf *frontend_published(const struct frontend *frontend);
void frontend_totals(const struct frontend *frontend, struct frontend_totals *totals);
