/*
 * What a condition is compiled to: a flat list of tests, each with where to go from it. So evaluation
 * neither recurses nor needs memory.
 */
#pragma once

#include "expr/cond.h"
#include "expr/expr_priv.h"
#include "expr/near_priv.h"
#include "expr/pattern.h"

#define COND_YES	UINT32_MAX		/* where to go from a test: the condition holds */
#define COND_NO		(UINT32_MAX - 1)	/* it does not */
#define COND_TERMS_MAX	8192			/* of one condition, with those of its ACLs */

enum term_kind {
	TERM_SET,		/* does any of the patterns match? */
	TERM_FOUND,		/* -m found */
	TERM_BOOL,		/* is it true? */
};

/* One test: does any of the values match? */
struct term {
	struct expr		*expr;		/* owned */
	struct pattern_set	*set;		/* owned; NULL: no values were written */
	struct ref		**maps;		/* owned array of the environment's references: -f; NULL: none */
	uint32_t		 map_count;
	uint32_t		 next[2];	/* a term's index, COND_YES or COND_NO; by whether it matches */
	uint8_t			 kind;		/* enum term_kind */
	bool			 is_negated;	/* its item is */
	bool			 opens_item;	/* the first of an item: of one test, or of a named ACL's, which are "or" */
	bool			 opens_group;	/* the first item behind an "or", or of all */
};

struct cond {
	struct term	*terms;		/* owned; at least one */
	uint32_t	 term_count, term_cap;
	unsigned	 needs;
};

/* Predefined ACLs (HAProxy manual, 7.4): a name for a test. */
struct predefined {
	const char	*name;
	const char	*test;
};
extern const struct predefined predefined_acls[];
extern const size_t predefined_count;

/* cond_acls.c; `acls` may be NULL. The test of `index`, its name. */
uint32_t acls_count(const struct acls *acls);
const char *acls_name(const struct acls *acls, uint32_t index);
struct slice acls_test(const struct acls *acls, uint32_t index);

/* One test without its braces: "path_beg /api". As cond_compile(). */
enum err cond_compile_test(struct cond **cp, struct slice text, const struct compile_env *env,
	struct diag *diag);

/* As near_priv.h's: of predefined ACLs, and those of `acls`. */
const char *near_acl(char buf[NEAR_BYTES], const struct acls *acls, struct slice name);
