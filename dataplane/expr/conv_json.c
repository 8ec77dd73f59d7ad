/*
 * json: text escaped for a JSON string, ASCII only (HAProxy manual, 7.3.1).
 *
 * What is behind a NUL is left out, as in HAProxy.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/conv_value_priv.h"

/* How bytes are read. The words of the argument are rows' names. */
struct decoder {
	const char	*name;
	bool		 utf8;
	bool		 drops;		/* errors are left out; else there is no value then */
	bool		 mends;		/* more bytes than needed are no error */
};

static const struct decoder decoders[] = {
	{ "ascii", false, false, false },
	{ "utf8", true, false, false },
	{ "utf8s", true, true, false },
	{ "utf8p", true, false, true },
	{ "utf8ps", true, true, true },
};

#define CHARACTER_BYTES 6	/* "\u00e9", of one byte at the worst */

static enum err
json_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	char shown[ARG_SHOWN_BYTES];

	args->number = 0;
	if (args->at[0].text.len == 0)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++) {
		if (slice_equals(args->at[0].text, slice_of(decoders[i].name))) {
			args->number = (int64_t)i;
			return ERR_OK;
		}
	}
	diag_set(diag, "\"%s\": expected \"ascii\", \"utf8\", \"utf8s\", \"utf8p\" or \"utf8ps\"",
		arg_shown(shown, &args->at[0]));
	return ERR_INVALID;
}

/* How many bytes a character has that begins with this one; 0: none begins so. */
static size_t
utf8_length(uint8_t lead)
{
	static const struct {
		uint8_t	mask, value;
	} leads[] = { { 0x80, 0x00 }, { 0xe0, 0xc0 }, { 0xf0, 0xe0 }, { 0xf8, 0xf0 },
		{ 0xfc, 0xf8 }, { 0xfe, 0xfc } };

	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if ((lead & leads[i].mask) == leads[i].value)
			return i + 1;
	}
	return 0;
}

/* Fits in four hexadecimal digits, and is no surrogate or what Unicode calls no character. */
static bool
code_is_fit(uint32_t code)
{
	return code < 0xfffe && (code < 0xd800 || code > 0xdfff);
}

/*
 * The character at the front of `text`, which is taken off. False: it is none; what was taken off
 * are the bytes that cannot be part of another. utf8_take() does not tell what is wrong.
 */
static bool
utf8_next(struct slice *text, uint32_t *code, bool mends)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000 };
	uint8_t lead = (uint8_t)text->at[0];
	size_t len = utf8_length(lead), taken = 1;

	*code = len <= 1 ? lead : lead & (0x7fU >> len);
	while (taken < len && taken < text->len && ((uint8_t)text->at[taken] & 0xc0) == 0x80)
		*code = *code << 6 | ((uint8_t)text->at[taken++] & 0x3f);
	text->at += taken;
	text->len -= taken;
	return taken == len && (mends || *code >= least[len]) && code_is_fit(*code);
}

static char *
character_put(char *out, uint32_t code)
{
	static const char digits[] = "0123456789abcdef";
	static const char plain[] = "\"\\/\b\f\n\r\t", letters[] = "\"\\/bfnrt";
	const char *found = code == 0 || code > 0x7f ? NULL : strchr(plain, (int)code);

	if (found != NULL) {
		*out++ = '\\';
		*out++ = letters[found - plain];
	} else if (code >= 0x20 && code < 0x7f) {
		*out++ = (char)code;
	} else {
		*out++ = '\\';
		*out++ = 'u';
		for (int shift = 12; shift >= 0; shift -= 4)
			*out++ = digits[code >> shift & 15];
	}
	return out;
}

static struct slice
up_to_nul(struct slice text)
{
	const char *nul = text.len == 0 ? NULL : memchr(text.at, '\0', text.len);

	return nul == NULL ? text : (struct slice){ text.at, (size_t)(nul - text.at) };
}

static bool
json_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	const struct decoder *decoder = &decoders[args->number];
	struct slice rest = up_to_nul(sample->text);
	char *out = eval_take(eval, rest.len * CHARACTER_BYTES), *end = out;
	uint32_t code;

	if (out == NULL)
		return false;
	while (rest.len > 0) {
		if (!decoder->utf8) {
			code = (uint8_t)*rest.at++;
			rest.len--;
		} else if (!utf8_next(&rest, &code, decoder->mends)) {
			if (!decoder->drops)
				return false;
			continue;
		}
		end = character_put(end, code);
	}
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

static const struct conv rows[] = {
	{ "json", SAMPLE_STRING, SAMPLE_STRING, { ARG_STRING | ARG_OPTIONAL },
		"escaped for a JSON string; read as ascii (default), utf8, utf8s, utf8p or utf8ps",
		json_check, json_run, 0 },
};

struct conv_table conv_json = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
