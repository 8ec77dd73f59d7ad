/*
 * Strings of the strict pass: UTF-8, escapes, and their decoded bytes.
 *
 * Nothing is copied: a raw text that was accepted once is decoded again where its bytes are
 * wanted. Pure; any thread.
 */
#include "config.h"
#include "adminapi/json/scan_priv.h"

/*
 * The lengths and ranges of well-formed UTF-8 (Unicode, table 3-7): by its first byte, how many
 * follow and what the second may be. Overlong forms and surrogates fall out by that.
 */
static const struct utf8_row {
	unsigned char	first_lo, first_hi;
	unsigned char	second_lo, second_hi;
	unsigned	follow;
} utf8_rows[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 1 },	/* U+0080 */
	{ 0xe0, 0xe0, 0xa0, 0xbf, 2 },	/* U+0800 */
	{ 0xe1, 0xec, 0x80, 0xbf, 2 },	/* U+1000 */
	{ 0xed, 0xed, 0x80, 0x9f, 2 },	/* U+D000, up to the surrogates */
	{ 0xee, 0xef, 0x80, 0xbf, 2 },	/* U+E000 */
	{ 0xf0, 0xf0, 0x90, 0xbf, 3 },	/* U+10000 */
	{ 0xf1, 0xf3, 0x80, 0xbf, 3 },	/* U+40000 */
	{ 0xf4, 0xf4, 0x80, 0x8f, 3 },	/* U+100000 */
};

static bool
scan_utf8(struct scan *scan)
{
	const unsigned char *at = (const unsigned char *)scan->at;
	size_t left = (size_t)(scan->end - scan->at);
	const struct utf8_row *row = utf8_rows;
	const struct utf8_row *rows_end = utf8_rows + sizeof(utf8_rows) / sizeof(utf8_rows[0]);
	unsigned i;

	while (row < rows_end && (at[0] < row->first_lo || at[0] > row->first_hi))
		row++;
	if (row == rows_end || left <= row->follow || at[1] < row->second_lo ||
	    at[1] > row->second_hi)
		return scan_fail(scan, scan->at, "not UTF-8 (byte \\x%02X)", at[0]);
	for (i = 2; i <= row->follow; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return scan_fail(scan, scan->at, "not UTF-8 (byte \\x%02X)", at[0]);
	}
	scan->at += row->follow + 1;
	return true;
}

bool
scan_is_utf8(struct slice text)
{
	struct scan scan = { .at = text.at, .end = text.at + text.len };

	while (scan.at < scan.end) {
		if ((unsigned char)*scan.at < 0x80)
			scan.at++;
		else if (!scan_utf8(&scan))
			return false;
	}
	return true;
}

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits at `at`; -1: not four. */
static int
hex4(const char *at, const char *end)
{
	int value = 0, i;

	if (end - at < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		int digit = hex_of(at[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* The low half that must follow a high one, as "\uDCxx" at `at`; -1: it does not. */
static int
low_surrogate(const char *at, const char *end)
{
	int low;

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	low = hex4(at + 2, end);
	return low >= 0xdc00 && low <= 0xdfff ? low : -1;
}

/* At the backslash of a \u. */
static bool
scan_unicode(struct scan *scan)
{
	int unit = hex4(scan->at + 2, scan->end);

	if (unit < 0)
		return scan_fail(scan, scan->at, "\\u needs four hexadecimal digits");
	if (unit == 0)
		return scan_fail(scan, scan->at, "\\u0000 is not taken in a string");
	if (unit < 0xd800 || unit > 0xdfff) {
		scan->at += 6;
		return true;
	}
	if (unit > 0xdbff || low_surrogate(scan->at + 6, scan->end) < 0)
		return scan_fail(scan, scan->at, "half of a surrogate pair (\\u%04x)",
				 (unsigned)unit);
	scan->at += 12;
	return true;
}

static bool
scan_escape(struct scan *scan)
{
	char seen[16];

	if (scan->end - scan->at < 2)
		return scan_fail(scan, scan->end, "a string without its closing quote");
	if (scan->at[1] == 'u')
		return scan_unicode(scan);
	if (scan->at[1] == '\0' || strchr("\"\\/bfnrt", scan->at[1]) == NULL)
		return scan_fail(scan, scan->at, "unknown escape \"\\%s\"",
			str_escape(seen, sizeof(seen), (struct slice){ scan->at + 1, 1 }));
	scan->at += 2;
	return true;
}

bool
scan_string(struct scan *scan, struct slice *raw)
{
	const char *quote = scan->at++;

	for (;;) {
		while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\' &&
		       (unsigned char)*scan->at >= 0x20 && (unsigned char)*scan->at < 0x80)
			scan->at++;
		if (scan->at == scan->end)
			return scan_fail(scan, quote, "a string without its closing quote");
		if (*scan->at == '"')
			break;
		if (*scan->at == '\\') {
			if (!scan_escape(scan))
				return false;
		} else if ((unsigned char)*scan->at < 0x20) {
			return scan_fail(scan, scan->at, "a raw control character (\\x%02X)",
					 (unsigned char)*scan->at);
		} else if (!scan_utf8(scan)) {
			return false;
		}
	}
	*raw = (struct slice){ quote + 1, (size_t)(scan->at - quote) - 1 };
	scan->at++;
	return true;
}

void
json_chars_init(struct json_chars *chars, struct slice raw)
{
	*chars = (struct json_chars){ .at = raw.at, .end = raw.at + raw.len };
}

/* Put the UTF-8 of `code` into `pending`. */
static void
chars_encode(struct json_chars *chars, unsigned code)
{
	unsigned char *out = chars->pending;
	unsigned len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	unsigned i;

	for (i = len - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (unsigned char)(len == 1 ? code : (0xf00u >> len & 0xff) | code);
	chars->pending_at = 0;
	chars->pending_len = len;
}

static void
chars_unicode(struct json_chars *chars)
{
	unsigned code = (unsigned)hex4(chars->at + 2, chars->end);

	chars->at += 6;
	if (code >= 0xd800 && code <= 0xdbff) {
		unsigned low = (unsigned)low_surrogate(chars->at, chars->end);

		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		chars->at += 6;
	}
	chars_encode(chars, code);
}

int
json_chars_next(struct json_chars *chars)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *letter;

	if (chars->pending_at < chars->pending_len)
		return chars->pending[chars->pending_at++];
	if (chars->at == chars->end)
		return -1;
	if (*chars->at != '\\')
		return (unsigned char)*chars->at++;
	if (chars->at[1] == 'u') {
		chars_unicode(chars);
		return chars->pending[chars->pending_at++];
	}
	letter = strchr(letters, chars->at[1]);
	chars->at += 2;
	return (unsigned char)(letter != NULL ? meant[letter - letters] : chars->at[-1]);
}
