/*
 * What converters have in common: giving a result, and arguments that may be a constant or a variable.
 */
#pragma once

#include "expr/fetch.h"
#include "expr/vars.h"

static inline bool
sample_is_int(struct sample *sample, int64_t number)
{
	sample->type = SAMPLE_INT;
	sample->number = number;
	return true;
}

static inline bool
sample_is_bool(struct sample *sample, bool value)
{
	sample->type = SAMPLE_BOOL;
	sample->number = value;
	return true;
}

static inline bool
sample_is_text(struct sample *sample, enum sample_type type, const char *at, size_t len)
{
	sample->type = type;
	sample->text = (struct slice){ at, len };
	return true;
}

/* check(): argument `index` is a number or a variable's name; it becomes ARG_INT or ARG_VAR. */
enum err arg_number_or_var(struct args *args, unsigned index, struct diag *diag);

/* It has to be a variable's name; an empty one stays ARG_STRING. */
enum err arg_var(struct args *args, unsigned index, struct diag *diag);

/* A variable's name where it is one, else it stays the text that it is. */
void arg_text_or_var(struct args *args, unsigned index);

/* run(): what such an argument stands for. False: there is no such variable, or it is no number or text. */
bool arg_get_number(struct eval *eval, const struct arg *arg, int64_t *number);
bool arg_get_text(struct eval *eval, const struct arg *arg, enum sample_type type,
	struct slice *text);

/* The optional number of argument `index`; `otherwise` if it was left out. */
static inline int64_t
arg_number(const struct args *args, unsigned index, int64_t otherwise)
{
	return args->at[index].kind == ARG_NONE ? otherwise : args->at[index].number;
}

/* An argument for an error text, escaped; static memory of the caller's `buf`. */
#define ARG_SHOWN_BYTES 80
const char *arg_shown(char buf[ARG_SHOWN_BYTES], const struct arg *arg);
