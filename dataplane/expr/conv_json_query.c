/*
 * json_query, and what it gives of a JSON Web Token's parts (HAProxy manual, 7.3.1).
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/conv_code_priv.h"
#include "expr/conv_value_priv.h"
#include "expr/json_path_priv.h"
#include "expr/jwt_priv.h"

enum { PATH, OUTPUT };		/* arguments */

#define JSON_INT_MAX \
	((1LL << 53) - 1) /* numbers beyond are not the same for all readers (RFC 8259, 6) */

static enum err
query_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	char shown[ARG_SHOWN_BYTES];

	if (args->at[OUTPUT].text.len > 0 && !slice_equals(args->at[OUTPUT].text, SLICE("int"))) {
		diag_set(diag, "output type \"%s\": expected \"int\", or nothing",
			arg_shown(shown, &args->at[OUTPUT]));
		return ERR_INVALID;
	}
	return json_path_check(args->at[PATH].text, diag);
}

/* Without a path the whole is meant. */
static enum err
part_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return args->at[PATH].kind == ARG_NONE ? ERR_OK : query_check(args, env, diag);
}

/* What is behind the digits (a fraction, an exponent) does not count, as in HAProxy. */
static bool
number_is(struct sample *sample, struct slice text)
{
	bool negative = text.at[0] == '-';
	int64_t number = 0;

	for (size_t i = negative; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
		number = number * 10 + (text.at[i] - '0');
		if (number > JSON_INT_MAX)
			return false;
	}
	return sample_is_int(sample, negative ? -number : number);
}

static bool
string_is(struct eval *eval, struct sample *sample, struct slice text)
{
	char *out = eval_take(eval, text.len);
	ptrdiff_t len;

	if (out == NULL)
		return false;
	len = json_string_bytes(out, text);
	if (len < 0)
		return false;
	eval_trim(eval, out + len);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)len);
}

/* Objects, arrays and null have no value. */
static bool
query_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice value;

	if (!json_path_find(sample->text, args->at[PATH].text, &value))
		return false;
	switch (value.at[0]) {
	case '"':
		return string_is(eval, sample, value);
	case 't':
	case 'f':
		return sample_is_bool(sample, value.at[0] == 't');
	case '{':
	case '[':
	case 'n':
		return false;
	default:
		if (args->at[OUTPUT].text.len > 0)
			return number_is(sample, value);
		return sample_is_text(sample, SAMPLE_STRING, value.at, value.len);
	}
}

static bool
part_run(struct eval *eval, const struct args *args, struct sample *sample, enum jwt_part part)
{
	struct slice parts[JWT_PARTS];
	char *out;
	ptrdiff_t len;

	if (jwt_split(parts, sample->text) <= (size_t)part)
		return false;
	out = eval_take(eval, base64_bytes_max(parts[part].len));
	if (out == NULL)
		return false;
	len = base64url_bytes(out, parts[part]);
	if (len < 0)
		return false;
	eval_trim(eval, out + len);
	sample_is_text(sample, SAMPLE_STRING, out, (size_t)len);
	return args->at[PATH].kind == ARG_NONE || query_run(eval, args, sample);
}

static bool
header_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return part_run(eval, args, sample, JWT_HEADER);
}

static bool
payload_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return part_run(eval, args, sample, JWT_PAYLOAD);
}

static const struct conv rows[] = {
	{ "json_query", SAMPLE_STRING, SAMPLE_ANY, { ARG_STRING, ARG_STRING | ARG_OPTIONAL },
		"a string, number or boolean in JSON by its path (\"$.a.b[0]\"); \"int\": as an integer",
		query_check, query_run, 0 },
	{ "jwt_header_query", SAMPLE_BINARY, SAMPLE_ANY,
		{ ARG_STRING | ARG_OPTIONAL, ARG_STRING | ARG_OPTIONAL },
	  "a JSON Web Token's header, or what json_query finds in it",
	  part_check,
	  header_run,
	  0 },
	{ "jwt_payload_query",
	  SAMPLE_BINARY,
	  SAMPLE_ANY,
		{ ARG_STRING | ARG_OPTIONAL, ARG_STRING | ARG_OPTIONAL },
		"a JSON Web Token's payload, or what json_query finds in it",
		part_check, payload_run, 0 },
};

struct conv_table conv_json_query = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
