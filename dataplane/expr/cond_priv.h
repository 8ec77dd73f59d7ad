/*
 * What a condition is compiled to: a flat list of tests, each with where to go from it. So evaluation
 * neither recurses nor needs memory, and what follows (named ACLs) only compiles to more of the same.
 */
#pragma once

#include "expr/cond.h"
#include "expr/match_priv.h"
#include "expr/near_priv.h"
#include "expr/words_priv.h"

#define COND_YES	UINT32_MAX		/* where to go from a test: the condition holds */
#define COND_NO		(UINT32_MAX - 1)	/* it does not */

/* One test: does any of the values match any of the patterns? */
struct term {
	const struct fetch	*fetch;
	const struct match	*match;
	struct args		 args;
	struct match_how	 how;
	uint32_t		 pattern_first;		/* of cond->patterns */
	uint32_t		 pattern_count;
	bool			 is_negated;		/* the compiler's: `next` knows it */
	bool			 opens_group;		/* the compiler's: behind an "or" */
	uint32_t		 next[2];		/* a term's index, COND_YES or COND_NO; by whether it matches */
};

struct cond {
	struct term	*terms;		/* owned; at least one */
	uint32_t	 term_count, term_cap;
	struct pattern	*patterns;	/* owned */
	uint32_t	 pattern_count, pattern_cap;
	struct words	 words;		/* their memory is what patterns and arguments point into */
};

/* Predefined ACLs (HAProxy manual, 7.4): a name for a test. */
struct predefined {
	const char	*name;
	const char	*fetch;
	const char	*values[2];	/* NULL: none, or no more */
};
extern const struct predefined predefined_acls[];
extern const size_t predefined_count;

/* As near_priv.h's: predefined ACLs, and those of `acls` (may be NULL). */
const char *near_acl(char buf[NEAR_BYTES], struct slice name);
