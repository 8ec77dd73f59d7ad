/*
 * What a TLS hello tells before anything is deciphered: type, version, server name, extensions (HAProxy
 * manual, 7.3.5: "req.ssl_sni"; RFC 8446, 4.1.2 and 5.1; RFC 6066, 3; RFC 7301; RFC 5077).
 *
 * Bytes of a stranger: each length is judged by what is there. A hello must lie in one record, and all
 * of it must have come: until then the answer is open, unless it is none already.
 * A worker runs these; slices of what came, no memory. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"

#define RECORD_HEAD_BYTES    5
#define RECORD_HANDSHAKE     22
#define RECORD_MAX_BYTES     (16384 + 2048)	/* RFC 5246, 6.2.3 */
#define HANDSHAKE_HEAD_BYTES 4
#define CLIENT_HELLO	     1
#define SERVER_HELLO	     2
#define VERSION_MAJOR	     3	/* SSL 3.0 to TLS 1.3 all say so */
#define RANDOM_BYTES	     32

#define EXTENSION_SERVER_NAME 0
#define EXTENSION_GROUPS      10
#define EXTENSION_ALPN	      16
#define EXTENSION_TICKET      35
#define NAME_IS_HOST	      0

/* An SSL 2.0 hello in its two-byte record head (RFC 5246, E.2). */
#define V2_HEAD_BYTES  2
#define V2_MIN_BYTES   9	/* what a hello has before its lists */

/* Bytes that are still to be read; once too much was asked for, it stays broken. */
struct reader {
	const uint8_t	*at, *end;
	bool		 broken;
};

static struct reader
reader_of(const void *at, size_t len)
{
	return (struct reader){ at, (const uint8_t *)at + len, false };
}

static const uint8_t *
read_bytes(struct reader *r, size_t len)
{
	const uint8_t *at = r->at;

	if (r->broken || len > (size_t)(r->end - r->at)) {
		r->broken = true;
		return NULL;
	}
	r->at += len;
	return at;
}

/* Big endian, of up to four bytes; 0 where there are not so many. */
static uint32_t
read_uint(struct reader *r, size_t bytes)
{
	const uint8_t *at = read_bytes(r, bytes);
	uint32_t value = 0;

	for (size_t i = 0; at != NULL && i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

/* What a length of `bytes` bytes stands before. */
static struct reader
read_vector(struct reader *r, size_t bytes)
{
	uint32_t len = read_uint(r, bytes);
	const uint8_t *at = read_bytes(r, len);

	return at == NULL ? (struct reader){ NULL, NULL, true } : reader_of(at, len);
}

static bool
reader_has_more(const struct reader *r)
{
	return !r->broken && r->at < r->end;
}

/* -- hellos -- */

enum hello_state {
	HELLO_WHOLE,
	HELLO_SHORT,		/* more bytes may make one of it */
	HELLO_NONE,
};

struct hello {
	unsigned	 type;		/* CLIENT_HELLO, SERVER_HELLO */
	struct reader	 body;
};

static enum hello_state
hello_read(struct hello *hello, struct slice bytes)
{
	struct reader r = reader_of(bytes.at, bytes.len), record;
	uint32_t type = read_uint(&r, 1), major = read_uint(&r, 1), len;

	if (bytes.len != 0 && type != RECORD_HANDSHAKE)
		return HELLO_NONE;
	if (bytes.len > 1 && major != VERSION_MAJOR)
		return HELLO_NONE;
	read_uint(&r, 1);
	len = read_uint(&r, 2);
	if (r.broken)
		return HELLO_SHORT;
	if (len < HANDSHAKE_HEAD_BYTES || len > RECORD_MAX_BYTES)
		return HELLO_NONE;
	if ((size_t)(r.end - r.at) < len)
		return HELLO_SHORT;
	record = reader_of(r.at, len);
	hello->type = read_uint(&record, 1);
	hello->body = read_vector(&record, 3);
	if (hello->body.broken || (hello->type != CLIENT_HELLO && hello->type != SERVER_HELLO))
		return HELLO_NONE;
	return HELLO_WHOLE;
}

/* Notes that the answer is still open. */
static bool
hello_get(struct eval *eval, struct slice bytes, struct hello *hello)
{
	enum hello_state state;

	if (eval->request != NULL || eval->response != NULL)
		return false;	/* HTTP's bodies are not looked at */
	state = hello_read(hello, bytes);
	if (state == HELLO_SHORT && !eval->is_final)
		eval->is_undecided = true;
	return state == HELLO_WHOLE;
}

static bool
client_hello_get(struct eval *eval, struct hello *hello)
{
	return hello_get(eval, eval->request_bytes, hello) && hello->type == CLIENT_HELLO;
}

/* The body of a client's first extension of that type. False: it has none, or is cut off before it. */
static bool
extension_find(struct eval *eval, uint32_t wanted, struct reader *body)
{
	struct hello hello;
	struct reader extensions;

	if (!client_hello_get(eval, &hello))
		return false;
	read_bytes(&hello.body, 2 + RANDOM_BYTES);
	read_vector(&hello.body, 1);	/* session id */
	read_vector(&hello.body, 2);	/* cipher suites */
	read_vector(&hello.body, 1);	/* compression */
	extensions = read_vector(&hello.body, 2);
	while (reader_has_more(&extensions)) {
		uint32_t type = read_uint(&extensions, 2);

		*body = read_vector(&extensions, 2);
		if (type == wanted && !body->broken)
			return true;
	}
	return false;
}

static struct slice
rest_of(const struct reader *r)
{
	return (struct slice){ (const char *)r->at, (size_t)(r->end - r->at) };
}

/* -- get() -- */

static bool
get_request_type(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct hello hello;

	if (!hello_get(eval, eval->request_bytes, &hello))
		return false;
	sample->number = hello.type;
	return true;
}

static bool
get_response_type(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct hello hello;

	if (!hello_get(eval, eval->response_bytes, &hello))
		return false;
	sample->number = hello.type;
	return true;
}

/* Of the old hello in which a client could offer what came after SSL 2.0. */
static bool
v2_version(struct eval *eval, int64_t *number)
{
	struct reader r = reader_of(eval->request_bytes.at, eval->request_bytes.len);
	uint32_t len = read_uint(&r, 2), type = read_uint(&r, 1);
	uint32_t major = read_uint(&r, 1), minor = read_uint(&r, 1);

	if (eval->request != NULL || r.broken || (len & 0x8000) == 0 || type != CLIENT_HELLO)
		return false;
	len &= 0x7fff;
	if (len < V2_MIN_BYTES)
		return false;
	if (eval->request_bytes.len < len + V2_HEAD_BYTES) {
		eval->is_undecided |= !eval->is_final;
		return false;
	}
	*number = (int64_t)major << 16 | minor;
	return true;
}

static bool
get_version(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct hello hello;
	uint32_t major, minor;

	if (!client_hello_get(eval, &hello))
		return v2_version(eval, &sample->number);
	major = read_uint(&hello.body, 1);
	minor = read_uint(&hello.body, 1);
	sample->number = (int64_t)major << 16 | minor;
	return !hello.body.broken;
}

static bool
get_server_name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct reader body, names, name;
	uint32_t type;

	if (!extension_find(eval, EXTENSION_SERVER_NAME, &body))
		return false;
	names = read_vector(&body, 2);
	type = read_uint(&names, 1);
	name = read_vector(&names, 2);
	if (name.broken || type != NAME_IS_HOST)
		return false;
	sample->text = rest_of(&name);
	return true;
}

static bool
get_alpn(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct reader body, names, name;

	if (!extension_find(eval, EXTENSION_ALPN, &body))
		return false;
	names = read_vector(&body, 2);
	name = read_vector(&names, 1);
	if (name.broken)
		return false;
	sample->text = rest_of(&name);
	return true;
}

static bool
get_has_groups(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct reader body;

	sample->number = 1;
	return extension_find(eval, EXTENSION_GROUPS, &body);
}

static bool
get_ticket(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	struct reader body;
	struct hello hello;

	if (!client_hello_get(eval, &hello))
		return false;
	sample->number = 0;
	if (extension_find(eval, EXTENSION_TICKET, &body))
		sample->number = reader_has_more(&body) ? 2 : 1;
	return true;
}

/* clang-format off */
#define NOTHING		{ ARG_NONE }
#define BYTES		NEEDS_REQUEST_BYTES

#define SNI_HELP	"the server's name in a TLS client hello"
#define TYPE_HELP	"1 for a TLS client hello, 2 for a server's"
#define VERSION_HELP	"the version in a TLS client hello: its first number times 65536, and its second"

static const struct fetch rows[] = {
	/* name			type		needs		args		which; help, check, get */
	{ "rep_ssl_hello_type",	SAMPLE_INT,	NEEDS_RESPONSE_BYTES, NOTHING,	FETCH_ONE,
		TYPE_HELP, NULL, get_response_type },
	{ "req.ssl_alpn",	SAMPLE_STRING,	BYTES,		NOTHING,	FETCH_ONE,
		"the first protocol in a TLS client hello's ALPN", NULL, get_alpn },
	{ "req.ssl_ec_ext",	SAMPLE_BOOL,	BYTES,		NOTHING,	FETCH_ONE,
		"true if a TLS client hello names elliptic curves", NULL, get_has_groups },
	{ "req.ssl_hello_type",	SAMPLE_INT,	BYTES,		NOTHING,	FETCH_ONE,
		TYPE_HELP, NULL, get_request_type },
	{ "req.ssl_sni",	SAMPLE_STRING,	BYTES,		NOTHING,	FETCH_ONE,
		SNI_HELP, NULL, get_server_name },
	{ "req.ssl_st_ext",	SAMPLE_INT,	BYTES,		NOTHING,	FETCH_ONE,
		"1 if a TLS client hello takes session tickets, 2 if it has one, else 0",
		NULL, get_ticket },
	{ "req.ssl_ver",	SAMPLE_INT,	BYTES,		NOTHING,	FETCH_ONE,
		VERSION_HELP, NULL, get_version },
	{ "req_ssl_hello_type",	SAMPLE_INT,	BYTES,		NOTHING,	FETCH_ONE,
		TYPE_HELP, NULL, get_request_type },
	{ "req_ssl_sni",	SAMPLE_STRING,	BYTES,		NOTHING,	FETCH_ONE,
		SNI_HELP, NULL, get_server_name },
	{ "req_ssl_ver",	SAMPLE_INT,	BYTES,		NOTHING,	FETCH_ONE,
		VERSION_HELP, NULL, get_version },
	{ "res.ssl_hello_type",	SAMPLE_INT,	NEEDS_RESPONSE_BYTES, NOTHING,	FETCH_ONE,
		TYPE_HELP, NULL, get_response_type },
};
/* clang-format on */

struct fetch_table fetch_hello = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
