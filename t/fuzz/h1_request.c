/*
 * Request heads: the first byte is the options, the rest the bytes. Cut anywhere they mean the same, and
 * what goes out is read again as what came in.
 */
#include "config.h"
#include "head.h"

#define OPTIONS (H1_RELAXED | H1_NAMES_DELETE | H1_NAMES_REJECT)

#define LINES_BYTES 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head that comes byte by byte ends where it ends in one piece, and what is wrong then was wrong before. */
static void
pieces_check(const struct h1_parse *whole, enum h1_result result, const char *bytes, size_t size)
{
	struct http_field room[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = room };
	char lines[LINES_BYTES];
	struct http_room left = { lines, sizeof(lines) };
	struct h1_parse p = { .options = whole->options, .room = &left };
	enum h1_result now = H1_MORE;
	size_t len = 0;

	while (now == H1_MORE && len < size)
		now = h1_parse_request(&p, &head, bytes, ++len);
	claim(now == result || (now == H1_MORE && result == H1_BAD));
	claim(now != H1_DONE || (p.head_len == whole->head_len && p.head_len == len));
	claim(now != H1_BAD || (p.fault == whole->fault && p.fault_at == whole->fault_at));
}

static void
again_check(const struct http_head *head, unsigned options)
{
	struct http_field room[HTTP_FIELDS_MAX];
	struct http_head again = { .fields = room };
	struct h1_parse p = { .options = options };
	size_t len;
	char *text = head_write(head, &len);

	claim(h1_parse_request(&p, &again, text, len) == H1_DONE && p.head_len == len);
	claim(slice_equals(head->method_text, again.method_text) && head->method == again.method);
	claim(slice_equals(http_head_path_only(head), http_head_path_only(&again)));
	claim(again.form != HTTP_TARGET_ABSOLUTE);
	claim(again.form == head->form || head->form == HTTP_TARGET_ABSOLUTE);
	claim(slice_equals(head->authority, again.authority));
	claim(head->framing == again.framing && head->length == again.length);
	claim(head->says == again.says);
	fields_claim_same(head, &again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field room[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = room };
	char lines[LINES_BYTES];
	struct http_room left = { lines, sizeof(lines) };
	struct h1_parse p = { .room = &left };
	enum h1_result result;
	char *bytes;

	if (size == 0)
		return 0;
	p.options = data[0] & OPTIONS;
	bytes = bytes_copy((const char *)data + 1, --size);
	result = h1_parse_request(&p, &head, bytes, size);
	claim((result == H1_BAD) == (p.fault != HTTP_FAULT_NONE));
	claim(p.fault_at <= size);
	pieces_check(&p, result, bytes, size);
	if (result == H1_DONE) {
		claim(p.head_len <= size && head.end.at + 2 == bytes + p.head_len);
		again_check(&head, p.options);
	}
	free(bytes);
	return 0;
}
