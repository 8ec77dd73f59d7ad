/*
 * Converters of text (HAProxy manual, 7.3.1): letters, ends, length, what is put together.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/conv_value_priv.h"

static bool
is_of(struct slice set, char c)
{
	return set.len != 0 && memchr(set.at, c, set.len) != NULL;
}

static bool
letters_run(struct eval *eval, struct sample *sample, char first, char last)
{
	size_t len = sample->text.len;
	const char *in = sample->text.at;
	char *out = eval_take(eval, len);

	if (out == NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = in[i] >= first && in[i] <= last ? (char)(in[i] ^ 0x20) : in[i];
	return sample_is_text(sample, SAMPLE_STRING, out, len);
}

static bool
lower_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return letters_run(eval, sample, 'A', 'Z');
}

static bool
upper_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return letters_run(eval, sample, 'a', 'z');
}

static bool
length_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return sample_is_int(sample, (int64_t)sample->text.len);
}

static bool
ltrim_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice *text = &sample->text;

	while (text->len > 0 && is_of(args->at[0].text, text->at[0])) {
		text->at++;
		text->len--;
	}
	return true;
}

static bool
rtrim_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice *text = &sample->text;

	while (text->len > 0 && is_of(args->at[0].text, text->at[text->len - 1]))
		text->len--;
	return true;
}

static bool
cut_crlf_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice *text = &sample->text;

	for (size_t i = 0; i < text->len; i++) {
		if (text->at[i] == '\r' || text->at[i] == '\n')
			text->len = i;
	}
	return true;
}

static enum err
bytes_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	for (unsigned i = 0; i < 2 && args->at[i].kind == ARG_STRING; i++) {
		enum err err = arg_number_or_var(args, i, diag);

		if (err != ERR_OK)
			return err;
		if (args->at[i].kind == ARG_INT && args->at[i].number < 0) {
			diag_set(diag, "%s: expected 0 or more", i == 0 ? "offset" : "length");
			return ERR_INVALID;
		}
	}
	return ERR_OK;
}

/* What lies behind the end is empty. A variable that is negative, or none, leaves no value. */
static bool
bytes_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice *text = &sample->text;
	int64_t offset, length = INT64_MAX;

	if (!arg_get_number(eval, &args->at[0], &offset) || offset < 0)
		return false;
	if (args->at[1].kind != ARG_NONE &&
	    (!arg_get_number(eval, &args->at[1], &length) || length < 0))
		return false;
	if ((uint64_t)offset > text->len)
		offset = (int64_t)text->len;
	text->at += offset;
	text->len -= (size_t)offset;
	if (text->len > (uint64_t)length)
		text->len = (size_t)length;
	return true;
}

/* The texts one behind the other. */
static bool
join(struct eval *eval, struct sample *sample, const struct slice *parts, size_t count)
{
	size_t len = 0;
	char *out, *end;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	end = out = eval_take(eval, len);
	if (out == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(end, parts[i].at, parts[i].len);
		end += parts[i].len;
	}
	return sample_is_text(sample, SAMPLE_STRING, out, len);
}

static enum err
concat_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return arg_var(args, 1, diag);
}

static bool
concat_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice parts[] = { sample->text, args->at[0].text, { NULL, 0 }, args->at[2].text };

	if (args->at[1].kind == ARG_VAR)
		arg_get_text(eval, &args->at[1], SAMPLE_STRING, &parts[2]);
	return join(eval, sample, parts, 4);
}

static enum err
add_item_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	enum err err = arg_var(args, 1, diag);

	if (err == ERR_OK && args->at[1].kind != ARG_VAR && args->at[2].text.len == 0) {
		diag_set(diag, "expected a variable, or a text as third argument, or both");
		return ERR_INVALID;
	}
	return err;
}

static bool
add_item_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice parts[] = { sample->text, { NULL, 0 }, { NULL, 0 }, args->at[2].text };

	if (args->at[1].kind == ARG_VAR)
		arg_get_text(eval, &args->at[1], SAMPLE_STRING, &parts[2]);
	if (sample->text.len > 0 && (parts[2].len > 0 || parts[3].len > 0))
		parts[1] = args->at[0].text;
	return join(eval, sample, parts, 4);
}

static enum err
var_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].text.len == 0) {
		diag_set(diag, "expected a variable (like \"txn.name\")");
		return ERR_INVALID;
	}
	return arg_var(args, 0, diag);
}

static bool
strcmp_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice a = sample->text, b;
	size_t shorter;
	int order = 0;

	if (!arg_get_text(eval, &args->at[0], SAMPLE_STRING, &b))
		return false;
	shorter = a.len < b.len ? a.len : b.len;
	for (size_t i = 0; i < shorter && order == 0; i++)
		order = (int)(uint8_t)a.at[i] - (int)(uint8_t)b.at[i];
	if (order == 0)
		order = (a.len > b.len) - (a.len < b.len);
	return sample_is_int(sample, order);
}

/* Takes as long whatever the bytes are, if there are as many. */
static bool
secure_memcmp_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice a = sample->text, b;
	uint8_t differs = 0;

	if (!arg_get_text(eval, &args->at[0], SAMPLE_BINARY, &b))
		return false;
	if (a.len != b.len)
		return sample_is_bool(sample, false);
	for (size_t i = 0; i < a.len; i++)
		differs |= (uint8_t)(((const volatile char *)a.at)[i] ^ b.at[i]);
	return sample_is_bool(sample, differs == 0);
}

static bool
default_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	if (sample->text.len == 0)
		sample->text = args->at[0].text;
	return true;
}

static const struct conv rows[] = {
	{ "add_item", SAMPLE_STRING, SAMPLE_STRING,
		{ ARG_STRING, ARG_STRING | ARG_OPTIONAL, ARG_STRING | ARG_OPTIONAL },
		"delimiter (if it is not the first), a variable's value and a text behind it",
		add_item_check, add_item_run, 0 },
	{ "bytes", SAMPLE_BINARY, SAMPLE_BINARY, { ARG_STRING, ARG_STRING | ARG_OPTIONAL },
		"from an offset on, at most so many bytes; both may be variables",
		bytes_check, bytes_run, 0 },
	{ "concat", SAMPLE_STRING, SAMPLE_STRING,
		{ ARG_STRING | ARG_OPTIONAL, ARG_STRING | ARG_OPTIONAL, ARG_STRING | ARG_OPTIONAL },
	  "a text, a variable's value and a text behind it",
	  concat_check,
	  concat_run,
	  0 },
	{ "cut_crlf",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_NONE },
	  "up to the first carriage return or line feed",
	  NULL,
	  cut_crlf_run,
	  0 },
	{ "default",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_STRING },
	  "that text where there is no value, or an empty one",
	  NULL,
	  default_run,
	  CONV_ON_NONE },
	{ "length",
	  SAMPLE_STRING,
	  SAMPLE_INT,
	  { ARG_NONE },
	  "how many bytes it has",
	  NULL,
	  length_run,
	  0 },
	{ "lower",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_NONE },
	  "in lower case (ASCII)",
	  NULL,
	  lower_run,
	  0 },
	{ "ltrim",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_STRING },
	  "without those characters at its beginning",
	  NULL,
	  ltrim_run,
	  0 },
	{ "rtrim",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_STRING },
	  "without those characters at its end",
	  NULL,
	  rtrim_run,
	  0 },
	{ "secure_memcmp",
	  SAMPLE_BINARY,
	  SAMPLE_BOOL,
	  { ARG_STRING },
		"whether a variable has the same bytes; tells nothing by its time",
		var_check, secure_memcmp_run, 0 },
	{ "strcmp", SAMPLE_STRING, SAMPLE_INT, { ARG_STRING },
		"negative, 0 or positive: it is before, equal to or behind a variable's text",
		var_check, strcmp_run, 0 },
	{ "upper", SAMPLE_STRING, SAMPLE_STRING, { ARG_NONE }, "in upper case (ASCII)",
		NULL, upper_run, 0 },
};

struct conv_table conv_text = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
