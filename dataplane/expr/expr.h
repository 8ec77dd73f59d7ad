/*
 * Expressions: a fetch with its arguments, and a chain of converters:
 * "req.hdr(host,1),lower,map(hosts,none)".
 *
 * Compiled once, by any thread; read only from then on; evaluated by workers, without memory.
 */
#pragma once

#include <stdbool.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/compile.h"
#include "expr/sample.h"

struct expr;

/*
 * The whole text. ERR_INVALID with "column N: ..." and the nearest name in `diag`; ERR_NOMEM. Free
 * with expr_free().
 */
enum err expr_compile(struct expr **ep, struct slice text, const struct compile_env *env,
	struct diag *diag);

/*
 * One that ends where the text goes on with something else ("]" of "%[...]", white space): `text` moves
 * behind it. Columns are counted from `start`, into which `text` points.
 */
enum err expr_compile_part(struct expr **ep, struct slice *text, const char *start,
	const struct compile_env *env, struct diag *diag);

/* False: there is no such value. eval->is_undecided may be set. */
bool expr_eval(const struct expr *expr, struct eval *eval, struct sample *sample);

/* The same, cast to `type`. */
bool expr_eval_as(const struct expr *expr, struct eval *eval, enum sample_type type,
	struct sample *sample);

unsigned expr_needs(const struct expr *expr);
void expr_free(struct expr **ep);	/* *ep may be NULL, and is NULL afterwards */
