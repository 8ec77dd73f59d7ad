/*
 * Converters between bytes and texts that stand for them: base64, hexadecimal, percent signs (HAProxy
 * manual, 7.3.1; RFC 4648, RFC 3986).
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/conv_code_priv.h"
#include "expr/conv_value_priv.h"

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_upper[] = "0123456789ABCDEF";

static int
base64_value(char c, const char *digits)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == digits[62])
		return 62;
	return c == digits[63] ? 63 : -1;
}

/* One to three bytes. Returns the end. */
static char *
base64_put(char *out, const uint8_t *in, size_t len, const char *digits)
{
	uint32_t bits = (uint32_t)in[0] << 16;

	if (len > 1)
		bits |= (uint32_t)in[1] << 8;
	if (len > 2)
		bits |= in[2];
	for (size_t i = 0; i <= len; i++)
		*out++ = digits[bits >> (18 - 6 * i) & 63];
	return out;
}

static bool
base64_encode(struct eval *eval, struct sample *sample, const char *digits, bool pads)
{
	const uint8_t *in = (const uint8_t *)sample->text.at;
	size_t len = sample->text.len;
	char *out = eval_take(eval, (len + 2) / 3 * 4), *end = out;

	if (out == NULL)
		return false;
	for (; len >= 3; len -= 3, in += 3)
		end = base64_put(end, in, 3, digits);
	if (len > 0)
		end = base64_put(end, in, len, digits);
	for (; pads && len > 0 && len < 3; len++)
		*end++ = '=';
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

static bool
base64_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return base64_encode(eval, sample, base64_digits, true);
}

static bool
ub64enc_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return base64_encode(eval, sample, base64url_digits, false);
}

/* Up to four digits. Bits behind the last whole byte do not count. */
static char *
base64_take(char *out, const char *in, size_t len, const char *digits)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < len ? base64_value(in[i], digits) : 0;

		if (value < 0)
			return NULL;
		bits = bits << 6 | (uint32_t)value;
	}
	for (size_t i = 0; i + 1 < len; i++)
		*out++ = (char)(bits >> (16 - 8 * i));
	return out;
}

ptrdiff_t
base64url_bytes(char *out, struct slice in)
{
	char *end = out;

	if (in.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < in.len && end != NULL; i += 4)
		end = base64_take(end, in.at + i, in.len - i < 4 ? in.len - i : 4,
				  base64url_digits);
	return end == NULL ? -1 : end - out;
}

/* HAProxy takes texts one behind the other, so any four digits may be the last. */
ptrdiff_t
base64_bytes(char *out, struct slice in)
{
	char *end = out;

	if (in.len % 4 != 0)
		return -1;
	for (size_t i = 0; i < in.len && end != NULL; i += 4) {
		size_t len = 4;

		while (len > 1 && in.at[i + len - 1] == '=')
			len--;
		end = base64_take(end, in.at + i, len, base64_digits);
	}
	return end == NULL ? -1 : end - out;
}

static bool
decode_run(struct eval *eval, struct sample *sample, ptrdiff_t (*decode)(char *, struct slice))
{
	char *out = eval_take(eval, base64_bytes_max(sample->text.len));
	ptrdiff_t len;

	if (out == NULL)
		return false;
	len = decode(out, sample->text);
	if (len < 0)
		return false;
	eval_trim(eval, out + len);
	return sample_is_text(sample, SAMPLE_BINARY, out, (size_t)len);
}

static bool
b64dec_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return decode_run(eval, sample, base64_bytes);
}

static bool
ub64dec_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return decode_run(eval, sample, base64url_bytes);
}

static bool
hex_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	size_t len = sample->text.len;
	char *out = eval_take(eval, 2 * len);

	if (out == NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex_upper[(uint8_t)sample->text.at[i] >> 4];
		out[2 * i + 1] = hex_upper[(uint8_t)sample->text.at[i] & 15];
	}
	return sample_is_text(sample, SAMPLE_STRING, out, 2 * len);
}

static bool
hex2i_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	uint64_t number = 0;

	for (size_t i = 0; i < sample->text.len; i++) {
		int value = hex_value(sample->text.at[i]);

		if (value < 0)
			return false;
		number = number << 4 | (uint64_t)value;
	}
	return sample_is_int(sample, (int64_t)number);
}

/* RFC 3986, 2.3: unreserved. */
static bool
is_unreserved(char c)
{
	char lower = c | 0x20;

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		c == '_' || c == '~';
}

static enum err
url_enc_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	char shown[ARG_SHOWN_BYTES];

	if (args->at[0].kind == ARG_NONE || slice_equals(args->at[0].text, SLICE("query")))
		return ERR_OK;
	diag_set(diag, "\"%s\": expected \"query\"", arg_shown(shown, &args->at[0]));
	return ERR_INVALID;
}

static bool
url_enc_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	char *out = eval_take(eval, 3 * sample->text.len), *end = out;

	if (out == NULL)
		return false;
	for (size_t i = 0; i < sample->text.len; i++) {
		char c = sample->text.at[i];

		if (is_unreserved(c)) {
			*end++ = c;
			continue;
		}
		*end++ = '%';
		*end++ = hex_upper[(uint8_t)c >> 4];
		*end++ = hex_upper[(uint8_t)c & 15];
	}
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

/* A "%" that no two hexadecimal digits follow makes all of it no value. */
static bool
url_dec_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	bool in_form = arg_number(args, 0, 0) != 0;
	struct slice in = sample->text;
	char *out = eval_take(eval, in.len), *end = out;

	if (out == NULL)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];

		if (c == '%') {
			if (in.len - i < 3 || hex_value(in.at[i + 1]) < 0 ||
			    hex_value(in.at[i + 2]) < 0)
				return false;
			c = (char)(hex_value(in.at[i + 1]) << 4 | hex_value(in.at[i + 2]));
			i += 2;
		} else if (c == '+' && in_form) {
			c = ' ';
		} else if (c == '?') {
			in_form = true;
		}
		*end++ = c;
	}
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

static const struct conv rows[] = {
	{ "b64dec", SAMPLE_STRING, SAMPLE_BINARY, { ARG_NONE }, "what base64 text stands for",
		NULL, b64dec_run, 0 },
	{ "base64", SAMPLE_BINARY, SAMPLE_STRING, { ARG_NONE }, "as base64", NULL, base64_run, 0 },
	{ "hex",
	  SAMPLE_BINARY,
	  SAMPLE_STRING,
	  { ARG_NONE },
	  "in hexadecimal digits",
	  NULL,
	  hex_run,
	  0 },
	{ "hex2i",
	  SAMPLE_STRING,
	  SAMPLE_INT,
	  { ARG_NONE },
	  "the number of these hexadecimal digits",
	  NULL,
	  hex2i_run,
	  0 },
	{ "ub64dec",
	  SAMPLE_STRING,
	  SAMPLE_BINARY,
	  { ARG_NONE },
	  "what base64url text stands for",
	  NULL,
	  ub64dec_run,
	  0 },
	{ "ub64enc",
	  SAMPLE_BINARY,
	  SAMPLE_STRING,
	  { ARG_NONE },
	  "as base64url, without padding",
	  NULL,
	  ub64enc_run,
	  0 },
	{ "url_dec",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_INT | ARG_OPTIONAL },
	  "percent signs decoded; with 1, or behind a \"?\", \"+\" too",
	  NULL,
	  url_dec_run,
	  0 },
	{ "url_enc",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_STRING | ARG_OPTIONAL },
	  "fit for a URL's query",
	  url_enc_check,
	  url_enc_run,
	  0 },
};

struct conv_table conv_code = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
