/*
 * Match methods: how a value is compared with the patterns of a test (HAProxy manual, 7.1). A row
 * each: what values it takes, what patterns, and the comparison.
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "expr/pattern.h"

enum pattern_kind {
	PATTERN_NONE,		/* the method takes no patterns */
	PATTERN_RANGE,		/* "5", "1:3", ":3", "1:", or an operator and a number */
	PATTERN_TEXT,
	PATTERN_PORTIONS,	/* text without the delimiters around it; must leave something */
};

struct pattern {
	struct slice	text;
	int64_t		low, high;	/* PATTERN_RANGE: both included */
};

/* How texts are compared: as they are, or with ASCII case ignored (-i). */
struct match_how {
	const char	*delimiters;	/* of PATTERN_PORTIONS */
	bool		 nocase;
};

struct match {
	const char		*name;		/* behind -m, and of the form "path_beg" */
	unsigned		 types;		/* 1 << enum sample_type: what it takes */
	enum pattern_kind	 kind;
	bool			 has_form;	/* "path_beg" is a word of its own */
	const char		*delimiters;	/* PATTERN_PORTIONS */
	bool			(*holds)(const struct sample *sample, const struct pattern *pattern,
					const struct match_how *how);
};

extern const struct match matches[];
extern const size_t match_count;

/* An operator before numbers; it holds for all that follow, until the next. */
enum range_op {
	RANGE_EQ,
	RANGE_GE,
	RANGE_GT,
	RANGE_LE,
	RANGE_LT,
};

/* Is it one? */
bool range_op_find(enum range_op *op, struct slice text);

/* ERR_INVALID: `diag` says what was expected, without a place. */
enum err pattern_parse(struct pattern *pattern, const struct match *match, enum range_op op,
	struct slice text, struct diag *diag);

/* The sample as a type that the method takes. */
bool match_cast(const struct match *match, struct eval *eval, struct sample *sample);
