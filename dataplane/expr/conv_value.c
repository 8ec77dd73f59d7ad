/*
 * Arguments of converters that may be a constant or a variable (HAProxy manual, 7.3.1: "add").
 * check() runs on any thread, run() on a worker.
 */
#include "config.h"
#include "expr/conv_value_priv.h"

const char *
arg_shown(char buf[ARG_SHOWN_BYTES], const struct arg *arg)
{
	return str_escape(buf, ARG_SHOWN_BYTES, arg->text);
}

void
arg_text_or_var(struct args *args, unsigned index)
{
	struct arg *arg = &args->at[index];

	if (arg->kind == ARG_STRING && var_id_parse(&arg->var, arg->text, NULL) == ERR_OK)
		arg->kind = ARG_VAR;
}

enum err
arg_number_or_var(struct args *args, unsigned index, struct diag *diag)
{
	struct arg *arg = &args->at[index];
	char shown[ARG_SHOWN_BYTES];

	arg_text_or_var(args, index);
	if (arg->kind == ARG_VAR)
		return ERR_OK;
	if (int_parse(arg->text, &arg->number) != ERR_OK) {
		diag_set(diag, "\"%s\" is neither a number nor a variable (like \"txn.name\")",
			arg_shown(shown, arg));
		return ERR_INVALID;
	}
	arg->kind = ARG_INT;
	return ERR_OK;
}

enum err
arg_var(struct args *args, unsigned index, struct diag *diag)
{
	struct arg *arg = &args->at[index];
	enum err err;

	if (arg->kind != ARG_STRING || arg->text.len == 0)
		return ERR_OK;
	err = var_id_parse(&arg->var, arg->text, diag);
	if (err == ERR_OK)
		arg->kind = ARG_VAR;
	return err;
}

bool
arg_get_number(struct eval *eval, const struct arg *arg, int64_t *number)
{
	struct sample value;

	if (arg->kind != ARG_VAR) {
		*number = arg->number;
		return true;
	}
	if (!var_get(eval, arg->var, &value) || !sample_cast(eval, &value, SAMPLE_INT))
		return false;
	*number = value.number;
	return true;
}

bool
arg_get_text(struct eval *eval, const struct arg *arg, enum sample_type type, struct slice *text)
{
	struct sample value;

	if (arg->kind != ARG_VAR) {
		*text = arg->text;
		return true;
	}
	if (!var_get(eval, arg->var, &value) || !sample_cast(eval, &value, type))
		return false;
	*text = value.text;
	return true;
}
