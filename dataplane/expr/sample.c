/*
 * Samples: the room of an evaluation, and casts between types as HAProxy 2.6 does them.
 *
 * A worker is in here for each request: nothing is allocated. Any thread.
 */
#include "config.h"
#include "expr/sample.h"
#include <arpa/inet.h>
#include <string.h>
#include "core/iptext.h"

#define INT_BYTES 8		/* a number as binary: big endian, as in HAProxy */
#define INT_TEXT_MAX_BYTES (UINT64_TEXT_MAX_BYTES + 1)
#define IP4_AT 12		/* where IPv4's bytes are in a mapped address */

const char *
sample_type_name(enum sample_type type)
{
	static const char *const names[] = {
		[SAMPLE_BOOL] = "bool",
		[SAMPLE_INT] = "integer",
		[SAMPLE_IP] = "ip",
		[SAMPLE_STRING] = "string",
		[SAMPLE_BINARY] = "binary",
		[SAMPLE_METHOD] = "method",
		[SAMPLE_ANY] = "any",
	};

	return names[type];
}

char *
eval_take(struct eval *eval, size_t len)
{
	char *at = eval->room.at;

	if (len > eval->room.left)
		return NULL;
	eval->room.at += len;
	eval->room.left -= len;
	return at;
}

void
eval_trim(struct eval *eval, char *end)
{
	eval->room.left += (size_t)(eval->room.at - end);
	eval->room.at = end;
}

/* -- numbers -- */

int64_t
int_of_text(struct slice text)
{
	bool negative = text.len != 0 && text.at[0] == '-';
	size_t i = text.len != 0 && (text.at[0] == '-' || text.at[0] == '+');
	int64_t value = 0;

	for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
		int digit = text.at[i] - '0';

		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit, &value))
			return negative ? INT64_MIN : INT64_MAX;
	}
	return value;
}

static bool
cast_text_to_int(struct eval *eval, struct sample *sample)
{
	if (sample->text.len == 0)
		return false;
	sample->number = int_of_text(sample->text);
	return true;
}

static bool
cast_text_to_bool(struct eval *eval, struct sample *sample)
{
	if (!cast_text_to_int(eval, sample))
		return false;
	sample->number = sample->number != 0;
	return true;
}

static bool
cast_int_to_bool(struct eval *eval, struct sample *sample)
{
	sample->number = sample->number != 0;
	return true;
}

static bool
cast_ip_to_int(struct eval *eval, struct sample *sample)
{
	const uint8_t *b = sample->ip.bytes + IP4_AT;

	if (!sample->ip.is_ipv4)
		return false;
	sample->number = (int64_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
				   (uint32_t)b[2] << 8 | b[3]);
	return true;
}

static bool
cast_ip_to_bool(struct eval *eval, struct sample *sample)
{
	return cast_ip_to_int(eval, sample) && cast_int_to_bool(eval, sample);
}

/* -- text -- */

static bool
cast_int_to_text(struct eval *eval, struct sample *sample)
{
	char *at = eval_take(eval, INT_TEXT_MAX_BYTES), *end = at;
	uint64_t value = (uint64_t)sample->number;

	if (at == NULL)
		return false;
	if (sample->number < 0) {
		*end++ = '-';
		value = -value;
	}
	end += uint64_write(end, value);
	sample->text = (struct slice){ at, (size_t)(end - at) };
	eval_trim(eval, end);
	return true;
}

static bool
cast_ip_to_text(struct eval *eval, struct sample *sample)
{
	char *at = eval_take(eval, IP6_TEXT_MAX_BYTES);
	size_t len;

	if (at == NULL)
		return false;
	len = sample->ip.is_ipv4 ? ip4_write(at, sample->ip.bytes + IP4_AT)
				 : ip6_write(at, sample->ip.bytes);
	sample->text = (struct slice){ at, len };
	eval_trim(eval, at + len);
	return true;
}

/* HAProxy's binary ends at a NUL once it is a string. */
static bool
cast_binary_to_text(struct eval *eval, struct sample *sample)
{
	sample->text.len = strnlen(sample->text.at, sample->text.len);
	return true;
}

/* -- binary -- */

static bool
cast_int_to_binary(struct eval *eval, struct sample *sample)
{
	uint64_t value = __builtin_bswap64((uint64_t)sample->number);
	char *at = eval_take(eval, INT_BYTES);

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are swapped");
	if (at == NULL)
		return false;
	memcpy(at, &value, INT_BYTES);
	sample->text = (struct slice){ at, INT_BYTES };
	return true;
}

static bool
cast_ip_to_binary(struct eval *eval, struct sample *sample)
{
	size_t first = sample->ip.is_ipv4 ? IP4_AT : 0, len = sizeof(sample->ip.bytes) - first;
	char *at = eval_take(eval, len);

	if (at == NULL)
		return false;
	memcpy(at, sample->ip.bytes + first, len);
	sample->text = (struct slice){ at, len };
	return true;
}

/* -- addresses -- */

bool
ip_of_text(struct ip *ip, struct slice text)
{
	char buf[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(buf) || memchr(text.at, '\0', text.len) != NULL)
		return false;
	memcpy(buf, text.at, text.len);
	buf[text.len] = '\0';
	*ip = (struct ip){ .is_ipv4 = memchr(buf, ':', text.len) == NULL };
	if (!ip->is_ipv4)
		return inet_pton(AF_INET6, buf, ip->bytes) == 1;
	ip->bytes[10] = ip->bytes[11] = 0xff;
	return inet_pton(AF_INET, buf, ip->bytes + IP4_AT) == 1;
}

/*
 * Four numbers up to 255, in decimal even with a zero before them, and behind them anything but one
 * more dot.
 */
static bool
ip4_at_front(uint8_t bytes[4], struct slice text)
{
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		size_t first = at;
		unsigned value = 0;

		for (; at < text.len && text.at[at] >= '0' && text.at[at] <= '9'; at++) {
			value = value * 10 + (unsigned)(text.at[at] - '0');
			if (value > UINT8_MAX)
				return false;
		}
		if (at == first || (at < text.len && text.at[at] == '.') != (i < 3))
			return false;
		at++;
		bytes[i] = (uint8_t)value;
	}
	return true;
}

/*
 * What stands behind an IPv4 address (a prefix length, a port) does not count; an IPv6 address is
 * all of the text.
 */
static bool
cast_text_to_ip(struct eval *eval, struct sample *sample)
{
	uint8_t bytes[4];

	if (!ip4_at_front(bytes, sample->text))
		return ip_of_text(&sample->ip, sample->text) && !sample->ip.is_ipv4;
	sample->ip = (struct ip){ .is_ipv4 = true };
	sample->ip.bytes[10] = sample->ip.bytes[11] = 0xff;
	memcpy(sample->ip.bytes + IP4_AT, bytes, sizeof(bytes));
	return true;
}

static bool
cast_int_to_ip(struct eval *eval, struct sample *sample)
{
	uint32_t value = (uint32_t)sample->number;

	sample->ip = (struct ip){ .is_ipv4 = true };
	sample->ip.bytes[10] = sample->ip.bytes[11] = 0xff;
	for (int i = 0; i < 4; i++)
		sample->ip.bytes[IP4_AT + i] = (uint8_t)(value >> (24 - 8 * i));
	return true;
}

/* -- all casts -- */

static bool
cast_none(struct eval *eval, struct sample *sample)
{
	return true;
}

typedef bool cast_fn(struct eval *eval, struct sample *sample);

/* From a row's type to a column's; NULL: never. */
static cast_fn *const casts[SAMPLE_TYPES][SAMPLE_TYPES] = {
	[SAMPLE_BOOL] = {
		[SAMPLE_BOOL] = cast_none,
		[SAMPLE_INT] = cast_none,
		[SAMPLE_STRING] = cast_int_to_text,
		[SAMPLE_BINARY] = cast_int_to_binary,
	},
	[SAMPLE_INT] = {
		[SAMPLE_BOOL] = cast_int_to_bool,
		[SAMPLE_INT] = cast_none,
		[SAMPLE_IP] = cast_int_to_ip,
		[SAMPLE_STRING] = cast_int_to_text,
		[SAMPLE_BINARY] = cast_int_to_binary,
	},
	[SAMPLE_IP] = {
		[SAMPLE_BOOL] = cast_ip_to_bool,
		[SAMPLE_INT] = cast_ip_to_int,
		[SAMPLE_IP] = cast_none,
		[SAMPLE_STRING] = cast_ip_to_text,
		[SAMPLE_BINARY] = cast_ip_to_binary,
	},
	[SAMPLE_STRING] = {
		[SAMPLE_BOOL] = cast_text_to_bool,
		[SAMPLE_INT] = cast_text_to_int,
		[SAMPLE_IP] = cast_text_to_ip,
		[SAMPLE_STRING] = cast_none,
		[SAMPLE_BINARY] = cast_none,
		[SAMPLE_METHOD] = cast_none,
	},
	[SAMPLE_BINARY] = {
		[SAMPLE_STRING] = cast_binary_to_text,
		[SAMPLE_BINARY] = cast_none,
		[SAMPLE_METHOD] = cast_binary_to_text,
	},
	[SAMPLE_METHOD] = {
		[SAMPLE_STRING] = cast_none,
		[SAMPLE_BINARY] = cast_none,
		[SAMPLE_METHOD] = cast_none,
	},
};
/* clang-format on */

bool
sample_cast(struct eval *eval, struct sample *sample, enum sample_type to)
{
	cast_fn *cast;

	if (to == SAMPLE_ANY || to == sample->type)
		return true;
	cast = casts[sample->type][to];
	if (cast == NULL || !cast(eval, sample))
		return false;
	sample->type = to;
	return true;
}

bool
sample_may_cast(enum sample_type from, enum sample_type to)
{
	return from == SAMPLE_ANY || to == SAMPLE_ANY || casts[from][to] != NULL;
}
