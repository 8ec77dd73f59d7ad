/*
 * What a frontend logs of its streams: in which formats, to whom, which of them at all (HAProxy manual,
 * 8.2, 8.3).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/log.h"
#include "expr/format.h"

/* Columns: name, its word, whether it is of HTTP only (elsewhere it is tcplog). */
#define ACCESS_FORMATS(X)				\
	X(JSON,		"json",		false)		\
	X(HTTPLOG,	"httplog",	true)		\
	X(HTTPSLOG,	"httpslog",	true)		\
	X(TCPLOG,	"tcplog",	false)		\
	X(CLF,		"clf",		true)		\
	X(OWN,		"log_format",	false)

enum access_format {
#define X(id, word, http) ACCESS_##id,
	ACCESS_FORMATS(X)
#undef X
};
#define ACCESS_FORMAT_COUNT (ACCESS_OWN + 1)

const char *access_format_word(enum access_format which);

/* One way to write a line, and who gets it. */
struct access_log {
	const struct format	*format;	/* NULL: JSON */
	struct log_list		*list;		/* owned */
};

/* Immutable once its frontend is published; owned by its conf. {0}: nothing is logged. */
struct access_conf {
	struct access_log	 logs[ACCESS_FORMAT_COUNT];
	uint32_t		 count;
	struct format		*log_format;	/* owned; NULL: none */
	struct format		*unique_id;	/* owned; NULL: none */
	char			*unique_id_header;	/* owned; NULL: it is not added */
	bool			 dont_log_null;	/* nothing of those that the client sent nothing in */
	bool			 dont_log_normal;
	bool			 log_asap;	/* before the data goes */
	bool			 separate_errors;	/* they are of level "err" */
};

/*
 * A predefined format; of HTTP only ones tcplog for a frontend that is not; NULL for ACCESS_JSON and
 * ACCESS_OWN. It stays for good. ERR_NOMEM. Any thread but the workers.
 */
enum err access_format_get(const struct format **fp, enum access_format which, bool is_http);

/* The place that access logs (is_http: of frontends in HTTP mode) are compiled for; refs is to be set. */
struct compile_env access_log_env(bool is_http);

/* The place of unique_id_format: a request that has just come. */
struct compile_env access_id_env(bool is_http);
void access_conf_fini(struct access_conf *conf);
