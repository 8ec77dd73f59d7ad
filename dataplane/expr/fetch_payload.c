/*
 * Bytes of a TCP stream before they are sent on: how many, some of them, RDP's cookie, whether it is HTTP
 * (HAProxy manual, 7.3.5: "req.payload").
 *
 * Bytes of a stranger: each offset is judged by what is there. Where more may come the answer is
 * open, and eval->is_undecided says so. A worker runs these; slices of what came, no memory. Any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>
#include "core/slab.h"
#include "http/h1.h"

#define WINDOW_BYTES	 ((int64_t)SLAB_ROOM)	/* no more is ever looked at */

static bool
undecided(struct eval *eval)
{
	eval->is_undecided |= !eval->is_final;
	return false;
}

/* HTTP's bytes are heads and bodies: there are rows for these. */
static bool
is_http(const struct eval *eval)
{
	return eval->request != NULL || eval->response != NULL;
}

/* -- how many -- */

static bool
get_request_len(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = (int64_t)eval->request_bytes.len;
	undecided(eval);
	return true;
}

static bool
get_response_len(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = (int64_t)eval->response_bytes.len;
	undecided(eval);
	return true;
}

/* -- some of them -- */

/* `len` bytes from `offset` on; 0: all from there on, however many there will be. */
static bool
bytes_get(struct eval *eval, struct slice bytes, int64_t offset, int64_t len, struct sample *sample)
{
	if (is_http(eval) || offset < 0 || len < 0 || offset > WINDOW_BYTES ||
	    len > WINDOW_BYTES - offset)
		return false;
	if (offset + len > (int64_t)bytes.len || (len == 0 && bytes.len == 0))
		return undecided(eval);
	if (len == 0) {
		len = (int64_t)bytes.len - offset;
		undecided(eval);
	}
	sample->text = (struct slice){ bytes.at + offset, (size_t)len };
	return true;
}

static bool
get_request_bytes(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return bytes_get(eval, eval->request_bytes, args->at[0].number, args->at[1].number, sample);
}

static bool
get_response_bytes(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return bytes_get(eval, eval->response_bytes, args->at[0].number, args->at[1].number,
			 sample);
}

static enum err
check_bytes(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].number >= 0 && args->at[1].number >= 0)
		return ERR_OK;
	diag_set(diag, "expected an offset and a length that are not negative");
	return ERR_INVALID;
}

/*
 * As many as a number says that stands at args[0] and has args[1] bytes; behind it, or where the third
 * argument says: args->number is that offset, and with a sign it counts from behind the number.
 */
static bool
counted_get(struct eval *eval, struct slice bytes, const struct args *args, struct sample *sample)
{
	int64_t at = args->at[0].number, end = at + args->at[1].number, len = 0, offset = end;
	const struct arg *elsewhere = &args->at[2];

	if (is_http(eval))
		return false;
	if (end > (int64_t)bytes.len)
		return undecided(eval);
	for (int64_t i = at; i < end; i++) {
		if (len <= WINDOW_BYTES)
			len = len << 8 | (uint8_t)bytes.at[i];
	}
	if (elsewhere->kind != ARG_NONE)
		offset = elsewhere->number + (elsewhere->text.at[0] == '+' ||
					      elsewhere->text.at[0] == '-' ? end : 0);
	return len != 0 && bytes_get(eval, bytes, offset, len, sample);
}

static bool
get_request_counted(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return counted_get(eval, eval->request_bytes, args, sample);
}

static bool
get_response_counted(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return counted_get(eval, eval->response_bytes, args, sample);
}

static enum err
check_counted(struct args *args, const struct compile_env *env, struct diag *diag)
{
	int64_t at = args->at[0].number, bytes = args->at[1].number;
	struct arg *elsewhere = &args->at[2];
	struct slice text = elsewhere->text;

	if (at < 0 || at > WINDOW_BYTES || bytes < 1 || bytes > WINDOW_BYTES) {
		diag_set(diag, "expected an offset from 0 and a length from 1 to %d",
			 (int)WINDOW_BYTES);
		return ERR_INVALID;
	}
	if (elsewhere->kind == ARG_NONE)
		return ERR_OK;
	if (text.len != 0 && text.at[0] == '+') {
		text.at++;
		text.len--;
	}
	if (int_parse(text, &elsewhere->number) == ERR_OK && elsewhere->number <= WINDOW_BYTES &&
	    elsewhere->number >= -(at + bytes))
		return ERR_OK;
	diag_set(diag, "expected an offset for the bytes, as \"4\", \"+4\" or \"-4\"");
	return ERR_INVALID;
}

/* -- RDP (MS-RDPBCGR, 2.2.1.1; RFC 1006; X.224, 13.3) -- */

#define RDP_VERSION    3
#define RDP_HEAD_BYTES 11	/* TPKT's 4, a connection request's 7 */
#define RDP_REQUEST    0xe0

enum rdp_state { RDP_COOKIE, RDP_SHORT, RDP_NONE };

/* The heads before the cookie. */
static enum rdp_state
rdp_body(struct slice bytes, struct slice *body)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	size_t len;

	if (bytes.len <= RDP_HEAD_BYTES)
		return RDP_SHORT;
	len = (size_t)at[2] << 8 | at[3];
	if (at[0] != RDP_VERSION || at[1] != 0 || len <= RDP_HEAD_BYTES || at[4] != len - 5 ||
	    (at[5] & 0xf0) != RDP_REQUEST || at[6] != 0 || at[7] != 0)
		return RDP_NONE;
	if (bytes.len < len)
		return RDP_SHORT;
	*body = (struct slice){ bytes.at + RDP_HEAD_BYTES, len - RDP_HEAD_BYTES };
	return RDP_COOKIE;
}

/* "Cookie: name=value" and CRLF. */
static bool
rdp_cookie_of(struct slice body, struct slice *name, struct slice *value)
{
	static const struct slice word = { "cookie:", 7 };
	const char *at = body.at + word.len, *end, *equals;

	if (body.len < word.len || !http_equals_nocase((struct slice){ body.at, word.len }, word))
		return false;
	end = memmem(body.at, body.len, "\r\n", 2);
	if (end == NULL)
		return false;
	while (at < end && *at == ' ')
		at++;
	equals = memchr(at, '=', (size_t)(end - at));
	if (equals == NULL)
		return false;
	*name = (struct slice){ at, (size_t)(equals - at) };
	*value = (struct slice){ equals + 1, (size_t)(end - equals - 1) };
	return true;
}

/* The cookie, if it has the name that is asked for. */
static enum rdp_state
rdp_get(struct eval *eval, const struct args *args, struct slice *value)
{
	struct slice body, name, wanted = args->at[0].text;
	enum rdp_state state = is_http(eval) ? RDP_NONE : rdp_body(eval->request_bytes, &body);

	if (state != RDP_COOKIE)
		return state;
	if (!rdp_cookie_of(body, &name, value))
		return RDP_NONE;
	return wanted.len == 0 || http_equals_nocase(name, wanted) ? RDP_COOKIE : RDP_NONE;
}

static bool
get_rdp_cookie(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	enum rdp_state state = rdp_get(eval, args, &sample->text);

	return state == RDP_SHORT ? undecided(eval) : state == RDP_COOKIE;
}

static bool
get_rdp_cookie_count(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct slice value;
	enum rdp_state state = rdp_get(eval, args, &value);

	sample->number = state == RDP_COOKIE;
	return state == RDP_SHORT ? undecided(eval) : true;
}

/* -- HTTP -- */

/* True once there is a whole request head; what is none is not there, as in HAProxy. */
static bool
get_is_http(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = fields };
	struct h1_parse parse = { 0 };

	sample->number = 1;
	if (is_http(eval))
		return true;
	switch (h1_parse_request(&parse, &head, eval->request_bytes.at, eval->request_bytes.len)) {
	case H1_DONE: return true;
	case H1_MORE: return undecided(eval);
	case H1_BAD: break;
	}
	return false;
}

/* clang-format off */
#define NOTHING		{ ARG_NONE }
#define SOME		{ ARG_INT, ARG_INT }
#define COUNTED		{ ARG_INT, ARG_INT, ARG_STRING | ARG_OPTIONAL }
#define NAMED		{ ARG_STRING | ARG_OPTIONAL }
#define REQUEST		NEEDS_REQUEST_BYTES
#define RESPONSE	NEEDS_RESPONSE_BYTES

#define LEN_HELP	"how many bytes have come"
#define SOME_HELP	"bytes from an offset on; a length of 0 is all that have come"
#define COUNTED_HELP	\
	"as many bytes as a number at the first offset says, of that length; behind it or at the second"
#define COOKIE_HELP	"the value of the cookie in an RDP connection request"
#define COUNT_HELP	"1 if an RDP connection request has that cookie, else 0"
#define HTTP_HELP	"true if the bytes are an HTTP request's head"

static const struct fetch rows[] = {
	/* name			type		needs		args		which; help, check, get */
	{ "rdp_cookie",		SAMPLE_STRING,	REQUEST,	NAMED,		FETCH_ONE,
		COOKIE_HELP, NULL, get_rdp_cookie },
	{ "rdp_cookie_cnt",	SAMPLE_INT,	REQUEST,	NAMED,		FETCH_ONE,
		COUNT_HELP, NULL, get_rdp_cookie_count },
	{ "req.len",		SAMPLE_INT,	REQUEST,	NOTHING,	FETCH_ONE,
		LEN_HELP, NULL, get_request_len },
	{ "req.payload",	SAMPLE_BINARY,	REQUEST,	SOME,		FETCH_ONE,
		SOME_HELP, check_bytes, get_request_bytes },
	{ "req.payload_lv",	SAMPLE_BINARY,	REQUEST,	COUNTED,	FETCH_ONE,
		COUNTED_HELP, check_counted, get_request_counted },
	{ "req.proto_http",	SAMPLE_BOOL,	REQUEST,	NOTHING,	FETCH_ONE,
		HTTP_HELP, NULL, get_is_http },
	{ "req.rdp_cookie",	SAMPLE_STRING,	REQUEST,	NAMED,		FETCH_ONE,
		COOKIE_HELP, NULL, get_rdp_cookie },
	{ "req.rdp_cookie_cnt",	SAMPLE_INT,	REQUEST,	NAMED,		FETCH_ONE,
		COUNT_HELP, NULL, get_rdp_cookie_count },
	{ "req_len",		SAMPLE_INT,	REQUEST,	NOTHING,	FETCH_ONE,
		LEN_HELP, NULL, get_request_len },
	{ "req_proto_http",	SAMPLE_BOOL,	REQUEST,	NOTHING,	FETCH_ONE,
		HTTP_HELP, NULL, get_is_http },
	{ "req_rdp_cookie",	SAMPLE_STRING,	REQUEST,	NAMED,		FETCH_ONE,
		COOKIE_HELP, NULL, get_rdp_cookie },
	{ "req_rdp_cookie_cnt",	SAMPLE_INT,	REQUEST,	NAMED,		FETCH_ONE,
		COUNT_HELP, NULL, get_rdp_cookie_count },
	{ "res.len",		SAMPLE_INT,	RESPONSE,	NOTHING,	FETCH_ONE,
		LEN_HELP, NULL, get_response_len },
	{ "res.payload",	SAMPLE_BINARY,	RESPONSE,	SOME,		FETCH_ONE,
		SOME_HELP, check_bytes, get_response_bytes },
	{ "res.payload_lv",	SAMPLE_BINARY,	RESPONSE,	COUNTED,	FETCH_ONE,
		COUNTED_HELP, check_counted, get_response_counted },
};
/* clang-format on */

struct fetch_table fetch_payload = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
