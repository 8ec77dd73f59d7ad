/*
 * Pattern sets: many patterns of one match method, found fast; with a value each they are what a
 * map looks in.
 *
 * A set has one writer (control, or whoever compiles it before it is shared) and readers without
 * a lock on any thread: links are atomics, and what is taken out is only freed when every worker
 * has ended a turn (core/grace.h). The structure is the method's: a hash (str, bin, and single
 * numbers of int and len), a hash of the sample's parts that have the length of some pattern
 * (beg, end, dir, dom, ip), a list in order (sub, reg, ranges).
 *
 * Which of several that match gives the value is HAProxy's: of beg the longest, of ip the
 * narrowest network, the address's own family first; of all others the one that came first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/sample.h"

struct match;
struct pattern_set;

const struct match *match_find(struct slice name);	/* "beg"; NULL: there is none */
const struct match *match_default(enum sample_type type);	/* NULL: -m must be given (binary, any) */
bool match_takes(const struct match *match, enum sample_type type);	/* as it is, or cast */
bool match_takes_patterns(const struct match *match);	/* not found, bool */
bool match_has_form(const struct match *match);		/* path_beg is a word */
const char *match_name(const struct match *match);

/* All of them, for lists: 0 to the first NULL. */
const struct match *match_at(size_t index);

/*
 * `value_type`: SAMPLE_ANY for sets without values. `is_live`: it will be changed while it is read.
 */
enum err pattern_set_new(struct pattern_set **sp, const struct match *match, bool nocase,
	enum sample_type value_type, bool is_live);

/*
 * Add one. An operator of numbers is a part of the text: "gt 5", "1:3". ERR_INVALID: text or
 * value is not fit, `diag` says why, without a place. Of a text that is there already the first
 * stays (as in HAProxy) unless `replace`: then it gets that value. ERR_NOMEM, ERR_LIMIT (4 GiB).
 */
enum err pattern_set_add(struct pattern_set *set, struct slice text, struct slice value,
			 bool replace, struct diag *diag);

/* By the text that it was added with. False: it is not there. */
bool pattern_set_remove(struct pattern_set *set, struct slice text);
size_t pattern_set_count(const struct pattern_set *set);

/*
 * Does any match? The sample is of a type that the method takes (else it is cast, in eval->room).
 * `value` may be NULL; it is the pattern's, of the set's value_type, and holds until the end of
 * the worker's turn.
 */
bool pattern_set_find(const struct pattern_set *set, struct eval *eval, struct sample *sample,
	struct sample *value);
void pattern_set_free(struct pattern_set **sp);	/* nobody reads it any more; NULL afterwards */
