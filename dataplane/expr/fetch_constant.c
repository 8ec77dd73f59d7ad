/*
 * Values that were written down: numbers, texts, addresses (HAProxy manual, 7.3.2: "int", "str"). What
 * they are is settled when they are compiled. Any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <stdlib.h>

static bool
get_true(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	return true;
}

static bool
get_false(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 0;
	return true;
}

static bool
get_number(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = args->at[0].number;
	return true;
}

static bool
get_text(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->text = args->at[0].text.len == 0 ? SLICE("") : args->at[0].text;
	return true;
}

static bool
get_address(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->ip = args->at[0].mask;
	return true;
}

/* args->data are the bytes, args->number how many. */
static bool
get_bytes(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->text = (struct slice){ args->data, (size_t)args->number };
	return true;
}

static enum err
check_bool(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct arg *arg = &args->at[0];
	bool is_true = slice_equals(arg->text, SLICE("1")) ||
		       http_equals_nocase(arg->text, SLICE("true"));

	arg->number = is_true;
	if (is_true || slice_equals(arg->text, SLICE("0")) ||
	    http_equals_nocase(arg->text, SLICE("false")))
		return ERR_OK;
	diag_set(diag, "expected \"true\", \"false\", 0 or 1");
	return ERR_INVALID;
}

static enum err
check_address(struct arg *arg, bool is_ipv4, struct diag *diag)
{
	if (ip_of_text(&arg->mask, arg->text) && arg->mask.is_ipv4 == is_ipv4)
		return ERR_OK;
	diag_set(diag, "expected an address of %s", is_ipv4 ? "IPv4" : "IPv6");
	return ERR_INVALID;
}

static enum err
check_ipv4(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return check_address(&args->at[0], true, diag);
}

static enum err
check_ipv6(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return check_address(&args->at[0], false, diag);
}

static enum err
check_bytes(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct slice text = args->at[0].text;
	uint8_t *bytes = malloc(text.len / 2 + 1);

	if (bytes == NULL)
		return ERR_NOMEM;
	args->data = bytes;
	args->data_free = free;
	args->number = (int64_t)(text.len / 2);
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_value(text.at[i]);
		int low = i + 1 < text.len ? hex_value(text.at[i + 1]) : -1;

		if (high < 0 || low < 0) {
			diag_set(diag, "expected an even number of hexadecimal digits");
			return ERR_INVALID;
		}
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}

/* clang-format off */
#define NOTHING	{ ARG_NONE }
#define TEXT	{ ARG_STRING | ARG_OPTIONAL }
#define WORD	{ ARG_STRING }
#define NUMBER	{ ARG_INT }

static const struct fetch rows[] = {
	/* name			type		needs	args		which; help, check, get */
	{ "always_false",	SAMPLE_BOOL,	0,	NOTHING,	FETCH_ONE,
		"false", NULL, get_false },
	{ "always_true",	SAMPLE_BOOL,	0,	NOTHING,	FETCH_ONE,
		"true", NULL, get_true },
	{ "bin",		SAMPLE_BINARY,	0,	WORD,		FETCH_ONE,
		"bytes, from hexadecimal digits", check_bytes, get_bytes },
	{ "bool",		SAMPLE_BOOL,	0,	WORD,		FETCH_ONE,
		"true, false, 0 or 1", check_bool, get_number },
	{ "int",		SAMPLE_INT,	0,	NUMBER,		FETCH_ONE,
		"that number", NULL, get_number },
	{ "ipv4",		SAMPLE_IP,	0,	WORD,		FETCH_ONE,
		"that IPv4 address", check_ipv4, get_address },
	{ "ipv6",		SAMPLE_IP,	0,	WORD,		FETCH_ONE,
		"that IPv6 address", check_ipv6, get_address },
	{ "meth",		SAMPLE_METHOD,	0,	TEXT,		FETCH_ONE,
		"that HTTP method", NULL, get_text },
	{ "str",		SAMPLE_STRING,	0,	TEXT,		FETCH_ONE,
		"that text", NULL, get_text },
};
/* clang-format on */

struct fetch_table fetch_constant = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
