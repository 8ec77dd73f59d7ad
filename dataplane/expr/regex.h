/*
 * Regular expressions: PCRE2 with its JIT and a limit on what one match may cost.
 *
 * Compiled by any thread, read only from then on. A match takes no memory: each thread has its own
 * match data, taken when it first matches.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define REGEX_GROUPS_MAX	10	/* \0 to \9, as HAProxy's */
#define REGEX_MATCH_LIMIT \
	100000 /* backtracking steps of one match; beyond it does not match, and is counted */

struct regex;

struct regex_groups {
	struct slice	at[REGEX_GROUPS_MAX];	/* [0]: the whole match; .at NULL: not set */
	uint32_t	count;
};

/* ERR_INVALID with PCRE2's words and the offset in `diag`; ERR_NOMEM. */
enum err regex_compile(struct regex **rp, struct slice pattern, bool nocase, struct diag *diag);

/* `groups` may be NULL. */
bool regex_match(const struct regex *regex, struct slice text, struct regex_groups *groups);

/* The same for what is left of a text behind a match: "^" is not where it begins. */
bool regex_match_rest(const struct regex *regex, struct slice text, struct regex_groups *groups);

/* How many matches hit the limit since the start; any thread. */
uint64_t regex_limited(void);

/*
 * `format` with \0 to \9 replaced by groups, "\xHH" by that byte, and "\" before anything else left out, as
 * HAProxy's replace-header and regsub do. ERR_LIMIT: `size` bytes do not suffice. ERR_INVALID:
 * regex_check_format() would say why.
 */
enum err regex_expand(char *out, size_t size, size_t *len, struct slice format,
	const struct regex_groups *groups);

/*
 * Could it be expanded? ERR_INVALID: a backslash at the end, or "\x" without two digits; `diag`
 * says where.
 */
enum err regex_check_format(struct slice format, struct diag *diag);
void regex_free(struct regex **rp);
