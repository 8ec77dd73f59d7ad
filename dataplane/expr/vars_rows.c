/*
 * Variables in expressions: var(), set-var() and unset-var() (HAProxy manual, 7.3.1 and 7.3.2). A
 * worker runs them.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/fetch_priv.h"
#include "expr/vars.h"

/* Where it is not set, what stands behind it, as a string. */
static bool
get_var(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (var_get(eval, args->at[0].var, sample))
		return true;
	if (args->at[1].kind == ARG_NONE)
		return false;
	sample->type = SAMPLE_STRING;
	sample->text = args->at[1].text;
	return true;
}

static enum err
check_set(struct args *args, const struct compile_env *env, struct diag *diag)
{
	unsigned conds = 0;

	for (int i = 1; i < ARGS_MAX && args->at[i].kind != ARG_NONE; i++) {
		char seen[64];

		if (var_cond_find(&conds, args->at[i].text))
			continue;
		diag_set(diag,
			 "expected ifexists, ifnotexists, ifempty, ifnotempty, ifset, ifnotset, "
			 "ifgt or iflt, not \"%s\"",
			 str_escape(seen, sizeof(seen), args->at[i].text));
		return ERR_INVALID;
	}
	args->number = conds;
	return ERR_OK;
}

/* A value that may not be set, or can't be, is none, as in HAProxy. */
static bool
run_set(struct eval *eval, const struct args *args, struct sample *sample)
{
	const struct var_id id = args->at[0].var;

	return var_may_set(eval, id, sample, (unsigned)args->number) &&
	       var_set(eval, id, sample, eval->var_blocks) == ERR_OK;
}

static bool
run_unset(struct eval *eval, const struct args *args, struct sample *sample)
{
	var_unset(eval, args->at[0].var);
	return true;
}

static const struct fetch fetches[] = {
	{
		.name = "var",
		.type = SAMPLE_ANY,
		.args = { ARG_VAR, ARG_STRING | ARG_OPTIONAL },
		.help = "a variable's value, or the second argument where it is not set",
		.get = get_var,
	},
};

#define WORD (ARG_STRING | ARG_OPTIONAL)

static const struct conv convs[] = {
	{
		.name = "set-var",
		.in = SAMPLE_ANY,
		.out = SAMPLE_ANY,
		.args = { ARG_VAR, WORD, WORD, WORD, WORD, WORD },
		.help = "sets a variable to the value, if ifexists, ifnotempty and the like hold",
		.check = check_set,
		.run = run_set,
	},
	{
		.name = "unset-var",
		.in = SAMPLE_ANY,
		.out = SAMPLE_ANY,
		.args = { ARG_VAR },
		.help = "unsets a variable; the value stays",
		.run = run_unset,
	},
};

struct fetch_table fetch_vars = { fetches, sizeof(fetches) / sizeof(fetches[0]), NULL };
struct conv_table conv_vars = { convs, sizeof(convs) / sizeof(convs[0]), NULL };
