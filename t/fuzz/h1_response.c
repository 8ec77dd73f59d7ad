/*
 * Response heads: the first byte is the options and which request is answered, the rest the bytes. Cut
 * anywhere they mean the same, and what goes out is read again as what came in.
 */
#include "config.h"
#include "head.h"

#define OPTIONS (H1_RELAXED | H1_NAMES_DELETE | H1_NAMES_REJECT)
#define REQUEST_SHIFT 4		/* of the first byte: bits 4 and 5 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
request_read(struct http_head *request, unsigned which)
{
	static const struct slice texts[] = {
		SLICE("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
		SLICE("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
		SLICE("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"),
		SLICE("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
	};
	struct h1_parse p = { 0 };

	claim(h1_parse_request(&p, request, texts[which].at, texts[which].len) == H1_DONE);
}

/* A head that comes byte by byte ends where it ends in one piece, and what is wrong then was wrong before. */
static void
pieces_check(const struct h1_parse *whole, enum h1_result result, const char *bytes, size_t size,
	     const struct http_head *request)
{
	struct http_field room[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = room };
	struct h1_parse p = { .options = whole->options };
	enum h1_result now = H1_MORE;
	size_t len = 0;

	while (now == H1_MORE && len < size)
		now = h1_parse_response(&p, &head, bytes, ++len, request);
	claim(now == result || (now == H1_MORE && result == H1_BAD));
	claim(now != H1_DONE || (p.head_len == whole->head_len && p.head_len == len));
	claim(now != H1_BAD || (p.fault == whole->fault && p.fault_at == whole->fault_at));
}

static void
again_check(const struct http_head *head, unsigned options, const struct http_head *request)
{
	struct http_field room[HTTP_FIELDS_MAX];
	struct http_head again = { .fields = room };
	struct h1_parse p = { .options = options };
	unsigned ours = head->status == 204 ? HTTP_SAYS_CLOSE : 0; /* of a body that must not be */
	size_t len;
	char *text = head_write(head, &len);

	claim(h1_parse_response(&p, &again, text, len, request) == H1_DONE && p.head_len == len);
	claim(head->status == again.status && slice_equals(head->reason, again.reason));
	claim(head->framing == again.framing && head->length == again.length);
	claim((head->says & ~ours) == (again.says & ~ours));
	claim(again.minor == 1);
	fields_claim_same(head, &again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field room[HTTP_FIELDS_MAX], request_room[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = room }, request = { .fields = request_room };
	struct h1_parse p = { 0 };
	enum h1_result result;
	char *bytes;

	if (size == 0)
		return 0;
	request_read(&request, data[0] >> REQUEST_SHIFT & 3);
	p.options = data[0] & OPTIONS;
	bytes = bytes_copy((const char *)data + 1, --size);
	result = h1_parse_response(&p, &head, bytes, size, &request);
	claim((result == H1_BAD) == (p.fault != HTTP_FAULT_NONE));
	claim(p.fault_at <= size);
	pieces_check(&p, result, bytes, size, &request);
	if (result == H1_DONE) {
		claim(p.head_len <= size && head.end.at + 2 == bytes + p.head_len);
		again_check(&head, p.options, &request);
	}
	free(bytes);
	return 0;
}
