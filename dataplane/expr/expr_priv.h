/*
 * What an expression is compiled to.
 */
#pragma once

#include "expr/expr.h"
#include "expr/fetch.h"

#define EXPR_TEXT_MAX_BYTES	16384
#define EXPR_STEPS_MAX		64	/* converters in a chain */

/* One converter. */
struct step {
	const struct conv	*conv;
	struct args		 args;
};

struct expr {
	const struct fetch	*fetch;
	uint32_t		 step_count;
	enum sample_type	 type;		/* of its value; SAMPLE_ANY: known when it is evaluated */
	bool			 has_default;	/* a step with CONV_ON_NONE is there */
	struct args		 args;		/* the fetch's */
	struct step		*steps;		/* owned */
	unsigned		 needs;
	struct slice		 text;		/* as it was written; owned */
};

/* All converters, in place. False: there is no value any more. */
bool expr_convert(const struct expr *expr, struct eval *eval, struct sample *sample);

/* The same where the fetch has no value: a converter may bring one (has_default). */
bool expr_convert_none(const struct expr *expr, struct eval *eval, struct sample *sample);

/*
 * As expr_compile_part(), with a fetch that the caller found (a form of its name), behind whose
 * name `text` stands.
 */
enum err expr_compile_rest(struct expr **ep, const struct fetch *fetch, struct slice name,
	struct slice *text, const char *start, const struct compile_env *env, struct diag *diag);

/* The name at the front: letters, digits, "._-". */
struct slice expr_name(struct slice text);
