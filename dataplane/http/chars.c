/*
 * The table of bytes (RFC 3986, RFC 9110). Pure; any thread.
 *
 * A target may have any printed byte but "#": browsers send some of those that RFC 3986 wants encoded
 * ("|", "{", "^") as they are, HAProxy lets all of them through, and none ends a target for anybody.
 */
#include "config.h"
#include "http/chars_priv.h"

#define ANY	(CHAR_VALUE | CHAR_NAME_RELAXED)		/* what is printed */
#define SEEN	(ANY | CHAR_TARGET_RELAXED)			/* but for the space */
#define ALNUM	(SEEN | CHAR_TOKEN | CHAR_NAME | CHAR_TARGET | CHAR_HOST)
#define MARK	(SEEN | CHAR_TOKEN | CHAR_TARGET | CHAR_HOST)	/* of a token, a target, a host */
#define DELIM	(SEEN | CHAR_TARGET | CHAR_HOST)

const uint8_t http_chars[256] = {
	[0x00 ... 0x08] = CHAR_NAME_RELAXED,
	['\t'] = CHAR_VALUE,
	[0x0b ... 0x0c] = CHAR_NAME_RELAXED,
	[0x0e ... 0x1f] = CHAR_NAME_RELAXED,
	[' '] = CHAR_VALUE,
	['!'] = MARK,
	['"'] = SEEN | CHAR_TARGET,
	['#'] = SEEN | CHAR_TOKEN,
	['$' ... '\''] = MARK,
	['(' ... ')'] = DELIM,
	['*' ... '+'] = MARK,
	[','] = SEEN | CHAR_TARGET,
	['-'] = MARK | CHAR_NAME,
	['.'] = MARK,
	['/'] = SEEN | CHAR_TARGET,
	['0' ... '9'] = ALNUM | CHAR_HEX,
	[':'] = (SEEN | CHAR_TARGET) & ~CHAR_NAME_RELAXED,
	[';'] = DELIM,
	['<'] = SEEN | CHAR_TARGET,
	['='] = DELIM,
	['>'] = SEEN | CHAR_TARGET,
	['?' ... '@'] = SEEN | CHAR_TARGET,
	['A' ... 'F'] = ALNUM | CHAR_HEX,
	['G' ... 'Z'] = ALNUM,
	['['] = SEEN | CHAR_TARGET,
	['\\'] = SEEN | CHAR_TARGET,
	[']'] = SEEN | CHAR_TARGET,
	['^'] = SEEN | CHAR_TOKEN | CHAR_TARGET,
	['_'] = MARK,
	['`'] = SEEN | CHAR_TOKEN | CHAR_TARGET,
	['a' ... 'f'] = ALNUM | CHAR_HEX,
	['g' ... 'z'] = ALNUM,
	['{'] = SEEN | CHAR_TARGET,
	['|'] = SEEN | CHAR_TOKEN | CHAR_TARGET,
	['}'] = SEEN | CHAR_TARGET,
	['~'] = MARK,
	[0x7f] = CHAR_NAME_RELAXED,
	[0x80 ... 0xff] = SEEN,
};
