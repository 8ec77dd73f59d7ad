/*
 * Answers that we give ourselves: the built-in pages, those made of parts, and how they are sent.
 *
 * Error files are read in answer_file.c. Any thread.
 */
#include "config.h"
#include "http/answer.h"
#include <assert.h>
#include <stdlib.h>
#include "http/answer_priv.h"
#include "http/chars_priv.h"

#define BASIC(who) who "-Authenticate: Basic realm=\"restricted\"\r\n"

/*
 * Columns of each: the page's length (the compiler counts after us), its words, what its status must have
 * in its head (RFC 9110, 15.5.2, 15.5.6, 15.5.8; HAProxy 2.6 leaves it out): "Allow:" allows no method.
 */
#define PAGE_400(X)	X(89, "The request could not be understood.", "")
#define PAGE_401(X)	X(97, "A user name and a password are needed here.", BASIC("WWW"))
#define PAGE_403(X)	X(79, "This request is not allowed.", "")
#define PAGE_404(X)	X(84, "There is nothing at this address.", "")
#define PAGE_405(X)	X(93, "This method is not possible here.", "Allow:\r\n")
#define PAGE_407(X)	X(114, "The proxy needs a user name and a password.", BASIC("Proxy"))
#define PAGE_408(X)	X(93, "The request took too long to arrive.", "")
#define PAGE_410(X)	X(77, "What was here is gone for good.", "")
#define PAGE_413(X)	X(99, "The content of the request is too large.", "")
#define PAGE_414(X)	X(93, "The address of the request is too long.", "")
#define PAGE_417(X)	X(99, "What the request expects cannot be met.", "")
#define PAGE_425(X)	X(111, "The request came too early to be safe. Please send it again.", "")
#define PAGE_429(X)	X(104, "There were too many requests in a short time.", "")
#define PAGE_431(X)	X(120, "The header fields of the request are too large.", "")
#define PAGE_500(X)	X(101, "Something went wrong inside the proxy.", "")
#define PAGE_501(X)	X(112, "The request asks for something that is not implemented.", "")
#define PAGE_502(X)	X(85, "The server gave no valid answer.", "")
#define PAGE_503(X)	X(101, "No server is available for this request.", "")
#define PAGE_504(X)	X(91, "The server did not answer in time.", "")

#define LENGTH(bytes, words, fields) bytes
#define TEXT(bytes, words, fields)   #bytes
#define WORDS(bytes, words, fields)  words
#define FIELDS(bytes, words, fields) fields

#define PAGE_BODY(status, reason)								\
	"<html><body><h1>" #status " " reason "</h1>\n" PAGE_##status(WORDS) "\n</body></html>\n"
#define PAGE_HEAD(status, reason)								\
	"HTTP/1.1 " #status " " reason "\r\nContent-Length: " PAGE_##status( \
		TEXT) "\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n" PAGE_##status(FIELDS)

#define X(status, reason)									\
	static_assert(sizeof(PAGE_BODY(status, reason)) - 1 == PAGE_##status(LENGTH),		\
		      "the page of " #status " has another length");
HTTP_ERRORS(X)
#undef X

/* SLICE() of a constant table: an initializer, and no compound literal. */
#define CONSTANT(literal)                      \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}

static const struct http_answer answer_pages[] = {
#define X(status, reason)									\
	[HTTP_ERROR_##status] = { status, CONSTANT(PAGE_HEAD(status, reason)),			\
				  CONSTANT(PAGE_BODY(status, reason)), NULL },
	HTTP_ERRORS(X)
#undef X
};

const struct http_answer *
http_answer_builtin(enum http_error error)
{
	return &answer_pages[error];
}

const struct http_answer *
http_answer_login(void)
{
	static const struct http_answer page = {
		401,
		CONSTANT("HTTP/1.1 401 Unauthorized\r\nContent-Length: " PAGE_401(TEXT) "\r\n"
			 "Cache-Control: no-cache\r\nContent-Type: text/html\r\n"),
		CONSTANT(PAGE_BODY(401, "Unauthorized")), NULL
	};

	return &page;
}

#define READY "<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n"

const struct http_answer *
http_answer_ready(void)
{
	static const struct http_answer page = {
		200,
		CONSTANT("HTTP/1.1 200 OK\r\nContent-Length: 58\r\nCache-Control: no-cache\r\n"
			 "Content-Type: text/html\r\n"),
		CONSTANT(READY), NULL
	};

	static_assert(sizeof(READY) - 1 == 58, "the page has another length");
	return &page;
}

int
http_error_index(uint16_t status)
{
	for (int i = 0; i < HTTP_ERROR_COUNT; i++) {
		if (answer_pages[i].status == status)
			return i;
	}
	return -1;
}

/* 1xx, 204 and 304 end with their head; 205 has a length, and it is 0 (RFC 9110, 6.4.1, 15.3.6). */
bool
http_status_has_body(uint16_t status)
{
	return status >= 200 && status != 204 && status != 205 && status != 304;
}

enum err
answer_build(struct http_answer **ap, uint16_t status, struct slice reason, struct slice fields,
	     struct slice body)
{
	struct http_answer *a = calloc(1, sizeof(*a));
	struct buf buf = { 0 };
	size_t head_len;

	if (!http_status_has_body(status))
		body.len = 0;
	buf_printf(&buf, "HTTP/1.1 %u ", status);
	buf_put(&buf, reason.at, reason.len);
	buf_puts(&buf, "\r\n");
	if (status >= 200 && status != 204 && status != 304)
		buf_printf(&buf, "Content-Length: %zu\r\n", body.len);
	buf_put(&buf, fields.at, fields.len);
	head_len = buf.len;
	buf_put(&buf, body.at, body.len);
	if (a == NULL || buf.failed) {
		free(a);
		buf_fini(&buf);
		return ERR_NOMEM;
	}
	a->status = status;
	a->memory = buf.at;
	a->head = (struct slice){ buf.at, head_len };
	a->body = (struct slice){ buf.at + head_len, body.len };
	*ap = a;
	return ERR_OK;
}

enum err
http_answer_new(struct http_answer **ap, uint16_t status, struct slice content_type,
		struct slice fields, struct slice body)
{
	struct buf lines = { 0 };
	enum err err = ERR_NOMEM;

	assert(content_type.len > 0 || body.len == 0);
	if (content_type.len > 0 && http_status_has_body(status)) {
		buf_puts(&lines, "Content-Type: ");
		buf_put(&lines, content_type.at, content_type.len);
		buf_puts(&lines, "\r\n");
	}
	buf_put(&lines, fields.at, fields.len);
	if (!lines.failed)
		err = answer_build(ap, status, slice_of(http_reason(status)),
				   (struct slice){ lines.at, lines.len }, body);
	buf_fini(&lines);
	return err;
}

void
http_answer_free(struct http_answer **ap)
{
	struct http_answer *a = *ap;

	if (a == NULL)
		return;
	*ap = NULL;
	free(a->memory);
	free(a);
}

bool
http_field_is_sound(struct slice name, struct slice value)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!char_is(name.at[i], CHAR_TOKEN))
			return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (!char_is(value.at[i], CHAR_VALUE))
			return false;
	}
	return name.len > 0;
}

static int
iov_put(struct iovec *iov, int count, struct slice bytes)
{
	if (bytes.len == 0)
		return count;
	/* an iovec is for reading and writing alike, hence not const: sent it is only read */
	iov[count] = (struct iovec){ (void *)(uintptr_t)bytes.at, bytes.len };
	return count + 1;
}

int
http_answer_iov(const struct http_answer *a, struct slice extra, struct slice more, bool with_body,
		struct iovec *iov)
{
	int count = iov_put(iov, 0, a->head);

	count = iov_put(iov, count, extra);
	count = iov_put(iov, count, more);
	count = iov_put(iov, count, SLICE("\r\n"));
	return with_body ? iov_put(iov, count, a->body) : count;
}

const struct http_answer *
http_errors_get(const struct http_errors *errors, enum http_error error)
{
	if (errors != NULL && errors->own[error] != NULL)
		return errors->own[error];
	return http_answer_builtin(error);
}

void
http_errors_fini(struct http_errors *errors)
{
	for (int i = 0; i < HTTP_ERROR_COUNT; i++)
		http_answer_free(&errors->own[i]);
}
