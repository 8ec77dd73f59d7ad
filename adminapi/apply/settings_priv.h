/*
 * Tables from fields to C: each row says where a field's value goes and how.
 */
#pragma once

#include <stddef.h>
#include "adminapi/apply/settings.h"

struct field;

/* Puts a value where its row says; what the schema cannot see becomes an issue at `at`. */
typedef void field_bind_fn(const struct field *field, const cJSON *value, void *to,
	struct pointer *at, struct issues *issues);

struct field {
	const char	*name, *sub;		/* "timeout", "connect"; sub NULL: a plain field */
	field_bind_fn	*bind;
	size_t		 offset;		/* of the target in the struct */
	const char *const *words;		/* bind_word: the enum's words in order, NULL-ended */
};

/* Walk a table: the value that holds of each field goes where its row says. */
void fields_bind(const struct field *fields, size_t count, const struct chain *chain, void *to,
	struct pointer *at, struct issues *issues);

/*
 * Targets by type. A value of a wrong type is left out: the schema has told. Durations: 0 is
 * TIMEOUT_NONE.
 */
field_bind_fn bind_timeout;	/* int64_t */
field_bind_fn bind_ms;		/* int64_t; 0 is 0 */
field_bind_fn bind_seconds;	/* int, rounded up */
field_bind_fn bind_size;	/* int64_t */
field_bind_fn bind_u32;
field_bind_fn bind_u16;
field_bind_fn bind_u8;
field_bind_fn bind_int;
field_bind_fn bind_bool;
field_bind_fn bind_word;	/* an enum */
field_bind_fn bind_text;	/* char *, owned */
field_bind_fn bind_target;	/* struct addr with a port */
field_bind_fn bind_source;	/* struct addr, port optional */
field_bind_fn bind_ip;		/* struct addr without a port */

/* An IP address alone. False, with an issue at `at`, if it is none. */
bool ip_parse(struct addr *addr, struct slice text, struct pointer *at, struct issues *issues);

/* What the schema refused is compiled too, for its other faults: members of an object are no items. */
const cJSON *array_or_none(const cJSON *value);

/* An issue at a member of what `at` is. */
void issue_below(struct issues *issues, struct pointer *at, const char *field, const char *detail);

/*
 * Networks of a string or a list of strings; an issue for each that is none. *nets is allocated, the
 * caller's also when there was no memory (false).
 */
bool networks_compile(struct network **nets, uint32_t *count, const cJSON *value,
	struct pointer *at, struct issues *issues);

/*
 * An answer of content_type, headers and `body_field` of an object; none where there was an issue. False:
 * no memory.
 */
bool answer_compile(struct http_answer **ap, uint16_t status, const cJSON *parts,
	const char *body_field, struct pointer *at, struct issues *issues);

/* http_errors and errorfiles. False: no memory. */
bool errors_compile(struct http_errors *errors, const struct chain *chain, struct pointer *at,
	struct issues *issues);

/*
 * A set of error pages (of "http_errors"): what error_pages_find() gives, NULL: there is none, as
 * who checks references tells. False: no memory. What is wrong is an issue below `at`;
 * http_errors_fini() in any case.
 */
const cJSON *error_pages_find(const struct chain *chain, const char *name);
bool error_pages_compile(struct http_errors *errors, const cJSON *set, const char *files_dir,
	struct pointer *at, struct issues *issues);

/*
 * Named ACLs, monitor_fail, the rules that hold. Objects behind their references are to be found
 * when they are prepared. False: no memory. What was made is the conf's.
 */
bool frontend_rules_compile(struct frontend_conf *conf, const struct chain *chain,
	struct pointer *at, struct issues *issues);
bool backend_rules_compile(struct backend_conf *conf, const struct chain *chain,
	struct pointer *at, struct issues *issues);

/*
 * Note for the plan what `refs` names behind *noted (the last one noted; NULL: none was): it stands
 * at `at`. Whoever compiles expressions calls it after each, so that what is missing is told where
 * it was named first.
 */
const struct ref *refs_last(const struct refs *refs);	/* NULL: it is empty */
void refs_note(const struct chain *chain, const struct refs *refs, const struct ref **noted,
	struct pointer *at);

/* Why a header may not stand in an answer of ours; NULL: it may. */
const char *answer_header_fault(const char *name);

/*
 * Targets of a `log` list, those whose format is `format` (NULL: all); an issue for each mistake,
 * below `at`. *lp stays NULL for an empty one. False: no memory. *lp is the caller's.
 */
bool log_compile(struct log_list **lp, const cJSON *list, const char *format, const char *log_dir,
	struct pointer *at, struct issues *issues);

/* Captures, and what is logged in which format, into conf->captures and conf->access. False: no memory. */
bool access_compile(struct frontend_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues);

/* Of plans: a server, of whose "track" a note is made. */
void *server_compile(const struct chain *chain, struct pointer *at, struct issues *issues);
void server_conf_drop(void *conf);

/* How a backend's servers are checked, into conf->check. False: no memory. */
bool backend_check_compile(struct backend_conf *conf, const struct chain *chain,
	struct pointer *at, struct issues *issues);

/* The fields that only HTTP has. False: no memory; what was made is the conf's. */
bool frontend_http_compile(struct frontend_http *http, const struct chain *chain,
	struct pointer *at, struct issues *issues);
bool backend_http_compile(struct backend_http *http, const struct chain *chain,
	struct pointer *at, struct issues *issues);

/*
 * One listening address: a string, or {"address", "mode"}. False, with an issue at `at`, if it is
 * none.
 */
bool listen_parse(const cJSON *item, struct addr *addr, mode_t *mode, struct pointer *at,
	struct issues *issues);
