/*
 * Error files: what is taken is a response that our own parser takes, with the body's length; read
 * again, it is the same.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "http/answer.h"
#include "http/h1.h"

#define MAX_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static struct buf
sent(const struct http_answer *a)
{
	struct iovec iov[HTTP_ANSWER_IOVECS];
	int count = http_answer_iov(a, (struct slice){ NULL, 0 }, (struct slice){ NULL, 0 },
				    true, iov);
	struct buf all = { 0 };

	for (int i = 0; i < count; i++)
		buf_put(&all, iov[i].iov_base, iov[i].iov_len);
	claim(!all.failed);
	return all;
}

static void
answer_check(const struct http_answer *a, struct buf all)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head request = { .method = HTTP_METHOD_GET }, head = { .fields = fields };
	struct h1_parse parse = { 0 };
	enum h1_result result = h1_parse_response(&parse, &head, all.at, all.len, &request);

	/* an error file may have more headers than we take from others; ours are sent as they are */
	if (result == H1_BAD && parse.fault == HTTP_FAULT_FIELDS)
		return;
	claim(result == H1_DONE);
	claim(head.status == a->status);
	claim((head.framing == HTTP_BODY_LENGTH ? head.length : 0) == a->body.len);
	claim(parse.head_len + a->body.len == all.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = { (const char *)data, size };
	struct http_answer *a = NULL, *again = NULL;
	struct diag diag = { "" };
	struct buf all, all_again;

	if (http_answer_parse(&a, file, MAX_BYTES, &diag) != ERR_OK) {
		claim(a == NULL && diag.text[0] != '\0');
		return 0;
	}
	all = sent(a);
	answer_check(a, all);
	claim(http_answer_parse(&again, (struct slice){ all.at, all.len }, SIZE_MAX, NULL) ==
	      ERR_OK);
	all_again = sent(again);
	claim(all.len > 0 && all.len == all_again.len &&
	      memcmp(all.at, all_again.at, all.len) == 0);
	buf_fini(&all);
	buf_fini(&all_again);
	http_answer_free(&a);
	http_answer_free(&again);
	return 0;
}
