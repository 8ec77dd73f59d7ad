/*
 * What checks expect of an answer: patterns read, compiled, refused.
 */
#include "config.h"
#include <stdlib.h>
#include "expr/regex.h"
#include "server/check_conf_priv.h"

#define STATUS_MIN	100
#define STATUS_MAX	999		/* HTTP's three digits (RFC 9110, 15) */
#define KIND(kind)	(1U << CHECK_KIND_##kind)

enum pattern_kind {
	PATTERN_NONE,
	PATTERN_TEXT,
	PATTERN_HEX,
	PATTERN_REGEX,
	PATTERN_RANGES,
	PATTERN_HEADER
};

/* Columns: what its pattern is, in which kinds of check it has a meaning, its name in texts. */
static const struct {
	enum pattern_kind	 pattern;
	unsigned		 kinds;
	const char		*name;
} matches[] = {
	[CHECK_MATCH_ANY]	= { PATTERN_NONE,	KIND(TCP) | KIND(HTTP),	"anything" },
	[CHECK_MATCH_STATUS]	= { PATTERN_RANGES,	KIND(HTTP),		"status" },
	[CHECK_MATCH_RSTATUS]	= { PATTERN_REGEX,	KIND(HTTP),		"rstatus" },
	[CHECK_MATCH_STRING]	= { PATTERN_TEXT,	KIND(TCP) | KIND(HTTP),	"string" },
	[CHECK_MATCH_RSTRING]	= { PATTERN_REGEX,	KIND(TCP) | KIND(HTTP),	"rstring" },
	[CHECK_MATCH_BINARY]	= { PATTERN_HEX,	KIND(TCP),		"binary" },
	[CHECK_MATCH_RBINARY]	= { PATTERN_REGEX,	KIND(TCP),		"rbinary" },
	[CHECK_MATCH_HEADER]	= { PATTERN_HEADER,	KIND(HTTP),		"header" },
	[CHECK_MATCH_LINE]	= { PATTERN_TEXT,	KIND(TCP) | KIND(AGENT), "line" },
	[CHECK_MATCH_REPLY]	= { PATTERN_NONE,	KIND(TCP),		"reply" },
};

const char *
check_match_name(enum check_match match)
{
	return matches[match].name;
}

enum err
check_hex_read(struct slice *to, struct slice hex, const char *what, struct diag *diag)
{
	static const char wanted[] = "an even number of hexadecimal digits, at least two";
	char *bytes = malloc(hex.len / 2 + 1);

	if (bytes == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < hex.len; i++) {
		const int digit = hex_value(hex.at[i]);

		if (digit < 0) {
			free(bytes);
			return check_refuse(diag, what, hex, wanted);
		}
		bytes[i / 2] = (char)(i % 2 == 0 ? digit << 4 : (bytes[i / 2] | digit));
	}
	if (hex.len == 0 || hex.len % 2 != 0) {
		free(bytes);
		return check_refuse(diag, what, hex, wanted);
	}
	*to = (struct slice){ bytes, hex.len / 2 };
	return ERR_OK;
}

/* "200" or "200-399". */
static bool
range_read(struct check_range *range, struct slice text)
{
	const char *dash = memchr(text.at, '-', text.len);
	const size_t low_len = dash == NULL ? text.len : (size_t)(dash - text.at);
	struct slice high = text;
	int64_t numbers[2];

	if (dash != NULL)
		high = (struct slice){ dash + 1, text.len - low_len - 1 };
	if (int_parse((struct slice){ text.at, low_len }, &numbers[0]) != ERR_OK ||
	    int_parse(high, &numbers[1]) != ERR_OK)
		return false;
	if (numbers[0] < STATUS_MIN || numbers[0] > numbers[1] || numbers[1] > STATUS_MAX)
		return false;
	*range = (struct check_range){ (uint16_t)numbers[0], (uint16_t)numbers[1] };
	return true;
}

static enum err
ranges_read(struct check_expect *expect, struct slice text, struct diag *diag)
{
	static const char wanted[] = "numbers of 100 to 999 and ranges of them, with commas";
	struct slice rest = text;

	if (text.len == 0)
		return check_refuse(diag, "status", text, wanted);
	expect->ranges = calloc(text.len / 2 + 1, sizeof(*expect->ranges));
	if (expect->ranges == NULL)
		return ERR_NOMEM;
	for (bool more = true; more;) {
		const char *comma = memchr(rest.at, ',', rest.len);
		struct slice one = rest;

		more = comma != NULL;
		if (more)
			one.len = (size_t)(comma - rest.at);
		if (one.len == 0 || !range_read(&expect->ranges[expect->range_count++], one))
			return check_refuse(diag, "status", text, wanted);
		rest = (struct slice){ rest.at + one.len + more, rest.len - one.len - more };
	}
	return ERR_OK;
}

static enum err
text_read(struct check_expect *expect, struct slice pattern, struct diag *diag)
{
	const char *what = check_match_name(expect->match);

	if (pattern.len == 0)
		return check_refuse(diag, what, pattern, "at least one byte to look for");
	if (pattern.len > CHECK_REPLY_BYTES)
		return check_refuse(diag, what, pattern, "longer than what is read of an answer");
	return check_slice_copy(&expect->text, pattern) ? ERR_OK : ERR_NOMEM;
}

/* Hexadecimal digits are meant in either case; HAProxy wants capitals. */
static enum err
regex_read(struct check_expect *expect, struct slice pattern, struct diag *diag)
{
	enum err e = text_read(expect, pattern, diag);

	if (e != ERR_OK)
		return e;
	return regex_compile(&expect->regex, pattern, expect->match == CHECK_MATCH_RBINARY, diag);
}

static enum err
header_read(struct check_expect *expect, const struct check_expect *asked, struct diag *diag)
{
	if (!check_is_token(asked->text))
		return check_refuse(diag, "header name", asked->text,
				    "letters, digits and !#$%&'*+-.^_`|~ only, at least one");
	if (!check_slice_copy(&expect->text, asked->text) ||
	    !check_slice_copy(&expect->value, asked->value))
		return ERR_NOMEM;
	if (asked->value_match != CHECK_VALUE_REG)
		return ERR_OK;
	return regex_compile(&expect->regex, asked->value, false, diag);
}

static enum err
expect_read(struct check_expect *expect, const struct check_expect *asked, struct slice pattern,
	    struct diag *diag)
{
	switch (matches[expect->match].pattern) {
	case PATTERN_NONE:
		break;
	case PATTERN_TEXT:
		return text_read(expect, pattern, diag);
	case PATTERN_HEX:
		if (pattern.len > 2 * CHECK_REPLY_BYTES)
			return check_refuse(diag, "binary", pattern,
					    "longer than what is read of an answer");
		return check_hex_read(&expect->text, pattern, "binary", diag);
	case PATTERN_REGEX:
		return regex_read(expect, pattern, diag);
	case PATTERN_RANGES:
		return ranges_read(expect, pattern, diag);
	case PATTERN_HEADER:
		return header_read(expect, asked, diag);
	}
	return ERR_OK;
}

enum err
check_conf_add_expect(struct check_conf **cp, const struct check_expect *expect,
		      struct slice pattern, const char *comment, struct diag *diag)
{
	struct check_step step = { .kind = CHECK_STEP_EXPECT, .expect = *expect };
	enum err e;

	if (!(matches[expect->match].kinds >> (*cp)->kind & 1)) {
		diag_set(diag, "\"%s\" is not for this type of check",
			 check_match_name(expect->match));
		return ERR_INVALID;
	}
	step.expect.text = step.expect.value = (struct slice){ NULL, 0 };
	step.expect.regex = NULL;
	step.expect.ranges = NULL;
	step.expect.range_count = 0;
	e = expect_read(&step.expect, expect, pattern, diag);
	if (e == ERR_OK)
		return check_step_add(cp, &step, comment);
	check_step_fini(&step);
	return e;
}
