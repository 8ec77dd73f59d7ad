/*
 * Conditions in HAProxy's syntax: what stands behind "if" and "unless" (HAProxy manual, 7.2).
 *
 * Named ACLs, anonymous tests in braces with white space inside, `!` before one, tests side by side
 * are "and", `or` or `||` between groups: "api !{ hdr(host) -i x.org } or { path / }". Compiled
 * once, then read only; evaluated without memory of its own. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/compile.h"
#include "expr/sample.h"

struct cond;

/* ERR_INVALID with the place and what was expected in `diag`; ERR_NOMEM. Free with cond_free(). */
enum err cond_compile(struct cond **cp, struct slice text, const struct compile_env *env,
	struct diag *diag);

enum cond_result {
	COND_FALSE,
	COND_TRUE,
	COND_UNDECIDED,		/* it may still become true or false: only where eval->is_final is not set */
};

enum cond_result cond_eval(const struct cond *cond, struct eval *eval);
unsigned cond_needs(const struct cond *cond);
void cond_free(struct cond **cp);	/* *cp may be NULL, and is NULL afterwards */

/*
 * Named ACLs: texts of tests ("path_beg /api"), several of a name are "or". They are compiled where
 * they are used, for that place. Immutable once filled; as long as what was compiled with it is
 * being compiled.
 */
struct acls;

/* The name and test of a predefined one; 0 to the first NULL. */
const char *acl_predefined(size_t index, const char **test);

struct acls *acls_new(void);	/* NULL: no memory */

/*
 * ERR_INVALID: the name (of a predefined one, or not [A-Za-z0-9._:-]+) or the test is none;
 * ERR_NOMEM. Texts are copied.
 */
enum err acls_add(struct acls *acls, struct slice name, struct slice test,
		  const struct compile_env *env, struct diag *diag);
void acls_free(struct acls **ap);
