/*
 * A pattern's text, read for its match method: the key that is compared or hashed. Any thread.
 */
#include "config.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/match_priv.h"
#include "expr/regex.h"

#define SEEN_BYTES 64	/* how much of a pattern an error shows */

enum range_op {
	RANGE_EQ,
	RANGE_GE,
	RANGE_GT,
	RANGE_LE,
	RANGE_LT,
};

static const char *const op_names[] = {
	[RANGE_EQ] = "eq", [RANGE_GE] = "ge", [RANGE_GT] = "gt",
	[RANGE_LE] = "le", [RANGE_LT] = "lt",
};

struct range {
	int64_t	low, high;	/* both included */
};

static bool
range_op_find(enum range_op *op, struct slice text)
{
	for (size_t i = 0; i < sizeof(op_names) / sizeof(op_names[0]); i++) {
		if (slice_equals(text, slice_of(op_names[i]))) {
			*op = (enum range_op)i;
			return true;
		}
	}
	return false;
}

static enum err
draft_refuse(struct diag *diag, const char *expected, struct slice text)
{
	char seen[SEEN_BYTES];

	diag_set(diag, "expected %s, not \"%s\"", expected, str_escape(seen, sizeof(seen), text));
	return ERR_INVALID;
}

enum err
draft_parse_text(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	draft->key = draft->text;
	draft->hashes = true;
	return ERR_OK;
}

enum err
draft_parse_listed(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	draft->key = draft->text;
	return ERR_OK;
}

/* Delimiters around it say nothing (HAProxy manual, 7.1.3). */
enum err
draft_parse_portions(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	struct slice key = draft->text;

	for (; key.len != 0 && is_delimiter(set, key.at[0]); key.at++)
		key.len--;
	while (key.len != 0 && is_delimiter(set, key.at[key.len - 1]))
		key.len--;
	if (key.len == 0)
		return draft_refuse(diag,
				    "something between the delimiters, or it would never match",
				    draft->text);
	draft->key = key;
	draft->hashes = true;
	return ERR_OK;
}

/*
 * An operator and a number as the range that they mean. False: nothing is over or under that
 * number.
 */
static bool
range_set(struct range *range, enum range_op op, int64_t value)
{
	*range = (struct range){ INT64_MIN, INT64_MAX };
	switch (op) {
	case RANGE_EQ:
		range->low = range->high = value;
		break;
	case RANGE_GE:
		range->low = value;
		break;
	case RANGE_GT:
		return !__builtin_add_overflow(value, 1, &range->low);
	case RANGE_LE:
		range->high = value;
		break;
	case RANGE_LT:
		return !__builtin_sub_overflow(value, 1, &range->high);
	}
	return true;
}

/* "low:high"; either may be left out, not both. */
static enum err
range_parse(struct range *range, struct slice text, const char *separator, struct diag *diag)
{
	struct slice low = { text.at, (size_t)(separator - text.at) };
	struct slice high = { separator + 1, text.len - low.len - 1 };

	*range = (struct range){ INT64_MIN, INT64_MAX };
	if ((low.len == 0 && high.len == 0) ||
	    (low.len != 0 && int_parse(low, &range->low) != ERR_OK) ||
	    (high.len != 0 && int_parse(high, &range->high) != ERR_OK))
		return draft_refuse(diag, "a range of numbers (\"1:3\", \":3\" or \"1:\")", text);
	if (range->low > range->high)
		return draft_refuse(diag, "a range whose first number is not over its last", text);
	return ERR_OK;
}

/* The colon of a range, or the dash of "1-3", which is one too in HAProxy. NULL: it is a number. */
static const char *
range_separator(struct slice text)
{
	const char *colon = text.len != 0 ? memchr(text.at, ':', text.len) : NULL;

	if (colon != NULL || text.len < 2)
		return colon;
	return memchr(text.at + 1, '-', text.len - 1);
}

static enum err
number_parse(struct range *range, enum range_op op, struct slice text, struct diag *diag)
{
	const char *separator = range_separator(text);
	int64_t value;

	if (separator != NULL && op != RANGE_EQ)
		return draft_refuse(diag, "a number behind an operator, no range", text);
	if (separator != NULL)
		return range_parse(range, text, separator, diag);
	if (int_parse(text, &value) != ERR_OK)
		return draft_refuse(
			diag, "a number, a range, or one of the operators eq, ge, gt, le and lt",
			text);
	if (!range_set(range, op, value))
		return draft_refuse(diag, "a number that another may be over or under", text);
	return ERR_OK;
}

/*
 * "5", "1:3", "gt 5". HAProxy takes "-5" for "up to 5", which nobody means: it has to be written
 * clearly.
 */
enum err
draft_parse_number(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	struct slice rest = draft->text;
	const char *blank = rest.len != 0 ? memchr(rest.at, ' ', rest.len) : NULL;
	enum range_op op = RANGE_EQ;
	struct range range;
	enum err e;

	if (blank != NULL &&
	    range_op_find(&op, (struct slice){ rest.at, (size_t)(blank - rest.at) })) {
		rest.len -= (size_t)(blank - rest.at) + 1;
		rest.at = blank + 1;
	}
	e = number_parse(&range, op, rest, diag);
	if (e == ERR_OK && rest.at == draft->text.at && rest.at[0] == '-' &&
	    memchr(rest.at, ':', rest.len) == NULL)
		e = draft_refuse(
			diag,
			"\":5\" for up to 5 or \"eq -5\" for a negative number (\"-5\" is the "
			"former in HAProxy)",
			rest);
	if (e != ERR_OK)
		return e;
	memcpy(draft->room, &range, sizeof(range));
	draft->key = (struct slice){ draft->room, sizeof(range) };
	draft->hashes = range.low == range.high;
	return ERR_OK;
}

enum err
draft_parse_hex(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	size_t len = draft->text.len / 2;

	draft->bytes = malloc(len + 1);
	if (draft->bytes == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(draft->text.at[2 * i]);
		int low = hex_value(draft->text.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return draft_refuse(diag, "hexadecimal digits", draft->text);
		draft->bytes[i] = (char)(high << 4 | low);
	}
	if (draft->text.len % 2 != 0)
		return draft_refuse(diag, "an even number of hexadecimal digits", draft->text);
	draft->key = (struct slice){ draft->bytes, len };
	draft->hashes = true;
	return ERR_OK;
}

/* The first `bits` of a mask of `len` bytes. */
static void
mask_fill(uint8_t *mask, unsigned len, unsigned bits)
{
	for (unsigned i = 0; i < len; i++, bits -= bits < 8 ? bits : 8)
		mask[i] = bits < 8 ? (uint8_t)(0xff00 >> bits) : 0xff;
}

static bool
mask_is_prefix(const uint8_t *mask, unsigned len)
{
	unsigned bits = 0;

	while (bits < len * 8 && (mask[bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	for (; bits < len * 8; bits++) {
		if ((mask[bits / 8] & 0x80 >> bits % 8) != 0)
			return false;
	}
	return true;
}

/* Behind the slash: a number of bits, or for IPv4 a mask, even one with holes (as in HAProxy). */
static bool
mask_parse(uint8_t *mask, unsigned len, struct slice text)
{
	char buf[INET_ADDRSTRLEN];
	int64_t bits;

	if (int_parse(text, &bits) == ERR_OK && text.at[0] != '-') {
		if (bits > (int64_t)len * 8)
			return false;
		mask_fill(mask, len, (unsigned)bits);
		return true;
	}
	if (len != 4 || text.len >= sizeof(buf))
		return false;
	memcpy(buf, text.at, text.len);
	buf[text.len] = '\0';
	return inet_pton(AF_INET, buf, mask) == 1;
}

/*
 * The key is the address, of its own family and without the bits that do not count, and the mask.
 * Names are not looked up (HAProxy does, once, when it starts: an address that is gone by noon).
 */
enum err
draft_parse_net(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	static const char expected[] =
		"an IP address or network (\"10.0.0.0/8\", \"2001:db8::/32\")";
	const char *slash =
		draft->text.len != 0 ? memchr(draft->text.at, '/', draft->text.len) : NULL;
	size_t len = slash != NULL ? (size_t)(slash - draft->text.at) : draft->text.len;
	char text[INET6_ADDRSTRLEN];
	uint8_t *addr = (uint8_t *)draft->room, *mask;
	unsigned addr_len;

	if (len >= sizeof(text))
		return draft_refuse(diag, expected, draft->text);
	memcpy(text, draft->text.at, len);
	text[len] = '\0';
	if (strlen(text) != len)
		return draft_refuse(diag, expected, draft->text);
	addr_len = inet_pton(AF_INET, text, addr) == 1 ? 4 :
		inet_pton(AF_INET6, text, addr) == 1 ? 16 : 0;
	if (addr_len == 0)
		return draft_refuse(diag, expected, draft->text);
	mask = addr + addr_len;
	mask_fill(mask, addr_len, addr_len * 8);
	if (slash != NULL && !mask_parse(mask, addr_len,
		(struct slice){ slash + 1, draft->text.len - len - 1 }))
		return draft_refuse(diag, expected, draft->text);
	for (unsigned i = 0; i < addr_len; i++)
		addr[i] &= mask[i];
	draft->key = (struct slice){ draft->room, 2 * addr_len };
	draft->hashes = mask_is_prefix(mask, addr_len);
	return ERR_OK;
}

enum err
draft_parse_regex(const struct pattern_set *set, struct draft *draft, struct diag *diag)
{
	enum err e = regex_compile(&draft->regex, draft->text, set->nocase, diag);

	if (e != ERR_OK)
		return e;
	memcpy(draft->room, &draft->regex, sizeof(draft->regex));
	draft->key = (struct slice){ draft->room, sizeof(draft->regex) };
	return ERR_OK;
}

void
draft_fini(struct draft *draft)
{
	free(draft->bytes);
	draft->bytes = NULL;
	if (draft->regex != NULL)
		regex_free(&draft->regex);
}

static enum err
value_parse_int(struct slice text, struct slice *bytes, char room[PATTERN_KEY_BYTES],
	struct diag *diag)
{
	int64_t number;

	if (int_parse(text, &number) != ERR_OK)
		return draft_refuse(diag, "a number as value", text);
	memcpy(room, &number, sizeof(number));
	*bytes = (struct slice){ room, sizeof(number) };
	return ERR_OK;
}

static enum err
value_parse_ip(struct slice text, struct slice *bytes, char room[PATTERN_KEY_BYTES],
	struct diag *diag)
{
	struct network network;
	struct ip ip;

	if ((text.len != 0 && memchr(text.at, '/', text.len) != NULL) ||
	    network_parse(&network, text, NULL) != ERR_OK)
		return draft_refuse(diag, "an IP address as value", text);
	memset(&ip, 0, sizeof(ip));
	memcpy(ip.bytes, network.bytes, sizeof(ip.bytes));
	ip.is_ipv4 = network.is_ipv4;
	memcpy(room, &ip, sizeof(ip));
	*bytes = (struct slice){ room, sizeof(ip) };
	return ERR_OK;
}

enum err
value_parse(enum sample_type type, struct slice text, struct slice *bytes,
	    char room[PATTERN_KEY_BYTES], struct diag *diag)
{
	switch (type) {
	case SAMPLE_ANY:
		*bytes = (struct slice){ NULL, 0 };
		return ERR_OK;
	case SAMPLE_BOOL:
	case SAMPLE_INT:
		return value_parse_int(text, bytes, room, diag);
	case SAMPLE_IP:
		return value_parse_ip(text, bytes, room, diag);
	case SAMPLE_STRING:
	case SAMPLE_BINARY:
	case SAMPLE_METHOD:
		*bytes = text;
		return ERR_OK;
	}
	return ERR_INVALID;
}
