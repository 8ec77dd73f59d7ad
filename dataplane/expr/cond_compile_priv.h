/*
 * A condition on its way from words to terms: what cond_compile.c (how tests are put together) and
 * cond_test.c (one test) share.
 */
#pragma once

#include "expr/cond_priv.h"
#include "expr/words_priv.h"

#define SEEN_BYTES 64	/* how much of a word an error shows */

struct compile {
	struct cond			*cond;
	const struct compile_env	*env;
	const struct words		*words;
	uint32_t			 at;		/* the next word */
	bool				 is_negated;	/* an odd number of "!" stands before what comes */
	bool				 opens_group;	/* what comes is the first, or behind an "or" */
	bool				 opens_item;	/* what comes is no further test of the same ACL */
	struct diag			*diag;
};

/* Says what is wrong in that column. ERR_INVALID. */
__attribute__((format(printf, 3, 4))) enum err compile_fail(struct compile *c, uint32_t column,
	const char *fmt, ...);

/* The next word, NULL behind the last; one of a test: NULL at its closing brace, too. */
const struct word *compile_peek(const struct compile *c);
const struct word *compile_peek_inside(const struct compile *c);

/* The column of the next word, or of the text's end. */
uint32_t compile_column(const struct compile *c);
bool word_is(const struct word *word, const char *text);

/* A test, from its name to the last of its values, as one more term. */
enum err compile_test(struct compile *c);
