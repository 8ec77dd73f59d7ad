/*
 * be2dec, be2hex, le2dec: bytes as numbers, chunk by chunk (HAProxy manual, 7.3.1).
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "core/iptext.h"
#include "expr/conv_value_priv.h"

enum { SEPARATOR, CHUNK, TRUNCATE };	/* their arguments */

static enum err
chunk_check(struct args *args, struct diag *diag, int64_t least, int64_t most)
{
	int64_t chunk = arg_number(args, CHUNK, 0), truncate = arg_number(args, TRUNCATE, 0);

	if (chunk < least || chunk > most) {
		diag_set(diag, "chunk size %lld: expected %lld to %lld", (long long)chunk,
			(long long)least, (long long)most);
		return ERR_INVALID;
	}
	if (truncate != 0 && truncate != 1) {
		diag_set(diag, "third argument %lld: expected 0 or 1", (long long)truncate);
		return ERR_INVALID;
	}
	return ERR_OK;
}

static enum err
decimal_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return chunk_check(args, diag, 1, (int64_t)sizeof(uint64_t));
}

static enum err
be2hex_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	bool needs_chunk = args->at[SEPARATOR].text.len != 0 || arg_number(args, TRUNCATE, 0) != 0;

	return chunk_check(args, diag, needs_chunk, INT32_MAX);
}

/* How many bytes of `left` the next number is made of; 0: it is the end. */
static size_t
chunk_next(size_t left, size_t chunk, bool truncates)
{
	if (left >= chunk)
		return chunk;
	return truncates ? 0 : left;
}

static char *
decimal_put(char *out, const uint8_t *in, size_t len, bool little)
{
	uint64_t number = 0;

	for (size_t i = 0; i < len; i++)
		number = number << 8 | in[little ? len - 1 - i : i];
	return out + uint64_write(out, number);
}

static bool
decimal_run(struct eval *eval, const struct args *args, struct sample *sample, bool little)
{
	size_t left = sample->text.len, size = (size_t)arg_number(args, CHUNK, 1);
	const uint8_t *in = (const uint8_t *)sample->text.at;
	struct slice separator = args->at[SEPARATOR].text;
	size_t chunks = left / size + 1, len;
	char *out = eval_take(eval, chunks * (UINT64_TEXT_MAX_BYTES + separator.len)), *end = out;

	if (out == NULL)
		return false;
	for (; (len = chunk_next(left, size, arg_number(args, TRUNCATE, 0) != 0)) > 0;
	     left -= len) {
		if (end != out && separator.len > 0) {
			memcpy(end, separator.at, separator.len);
			end += separator.len;
		}
		end = decimal_put(end, in, len, little);
		in += len;
	}
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

static bool
be2dec_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return decimal_run(eval, args, sample, false);
}

static bool
le2dec_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return decimal_run(eval, args, sample, true);
}

static char *
hex_put(char *out, const uint8_t *in, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	return out;
}

static bool
be2hex_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	size_t left = sample->text.len, size = (size_t)arg_number(args, CHUNK, 0), len;
	const uint8_t *in = (const uint8_t *)sample->text.at;
	struct slice separator = args->at[SEPARATOR].text;
	char *out, *end;

	if (size == 0)
		size = left;
	end = out = eval_take(eval, 2 * left + (size == 0 ? 0 : left / size * separator.len));
	if (out == NULL)
		return false;
	for (; left > 0 && (len = chunk_next(left, size, arg_number(args, TRUNCATE, 0) != 0)) > 0;
	     left -= len) {
		if (end != out && separator.len > 0) {
			memcpy(end, separator.at, separator.len);
			end += separator.len;
		}
		end = hex_put(end, in, len);
		in += len;
	}
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

static const struct conv rows[] = {
	{ "be2dec", SAMPLE_BINARY, SAMPLE_STRING,
		{ ARG_STRING, ARG_INT, ARG_INT | ARG_OPTIONAL },
		"big-endian numbers in decimal: separator, bytes of each, whether a short last one is left out",
		decimal_check, be2dec_run, 0 },
	{ "be2hex", SAMPLE_BINARY, SAMPLE_STRING,
		{ ARG_STRING | ARG_OPTIONAL, ARG_INT | ARG_OPTIONAL, ARG_INT | ARG_OPTIONAL },
		"the same in hexadecimal digits", be2hex_check, be2hex_run, 0 },
	{ "le2dec", SAMPLE_BINARY, SAMPLE_STRING,
		{ ARG_STRING, ARG_INT, ARG_INT | ARG_OPTIONAL },
		"as be2dec, of little-endian numbers", decimal_check, le2dec_run, 0 },
};

struct conv_table conv_big_endian = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
