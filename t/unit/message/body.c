/*
 * Bodies: where they end, and what of their bytes is what.
 */
#include "config.h"
#include "scene.h"
#include "http/body.h"

#define END "0\r\n\r\n"

/* A chunked body cut into spans; `step` bytes come at a time. */
struct cut {
	struct http_body	body;
	char			kinds[64];	/* D F T X, a run each */
	char			data[1024];
	char			sent[16384];	/* what goes on as chunks */
	size_t			data_len, sent_len, used;
	bool			failed;
};

static void
cut_take(struct cut *c, const struct http_span *span, const char *bytes)
{
	char kind = "DFTX"[span->kind];
	size_t len = strlen(c->kinds);

	if (len == 0 || c->kinds[len - 1] != kind)
		c->kinds[len] = kind;
	if (span->kind == HTTP_SPAN_DATA) {
		memcpy(c->data + c->data_len, bytes, span->len);
		c->data_len += span->len;
	}
	if (span->kind != HTTP_SPAN_DROPPED) {
		memcpy(c->sent + c->sent_len, bytes, span->len);
		c->sent_len += span->len;
	}
}

typedef bool cut_fn(struct http_body *, const char *, size_t, struct http_span *);

static void
cut_by(struct cut *c, struct slice text, size_t step, cut_fn *next)
{
	const struct http_head head = { .framing = HTTP_BODY_CHUNKED };

	memset(c, 0, sizeof(*c));
	http_body_init(&c->body, &head);
	while (c->used < text.len && !c->body.done) {
		size_t len = text.len - c->used < step ? text.len - c->used : step;
		char *bytes = malloc(len);	/* exact: a sanitizer sees one byte too far */
		struct http_span span;

		assert_non_null(bytes);
		memcpy(bytes, text.at + c->used, len);
		c->failed = !next(&c->body, bytes, len, &span);
		if (!c->failed) {
			assert_in_range(span.len, 1, len);
			cut_take(c, &span, bytes);
			c->used += span.len;
		}
		free(bytes);
		if (c->failed)
			return;
	}
}

static void
cut_chunked(struct cut *c, struct slice text, size_t step)
{
	cut_by(c, text, step, http_body_next);
}

static const struct good {
	struct slice	 text;
	const char	*kinds, *data;
} good[] = {
	{ B(END), "FT", "" },
	{ B("5\r\nhello\r\n" END), "FDFT", "hello" },
	{ B("0005\r\nhello\r\n000\r\n\r\n"), "FDFT", "hello" },
	{ B("00000000000000a\r\n0123456789\r\n000000000000000B\r\n0123456789A\r\n" END),
	  "FDFDFT", "01234567890123456789A" },
	{ B("1\r\nx\r\n1\r\ny\r\n10\r\n0123456789ABCDEF\r\n1\r\nz\r\n" END), "FDFDFDFDFT",
	  "xy0123456789ABCDEFz" },
	{ B("A\r\n0123456789\r\na\r\n9876543210\r\n" END), "FDFDFT", "01234567899876543210" },
	{ B("1;a\r\nx\r\n0;b=c\r\n\r\n"), "FXFDFXFT", "x" },
	{ B("1 \t; a = \"b;\\\"\t\\c\xe9\";d;e=f ;g\r\nx\r\n" END), "FXFDFT", "x" },
	{ B("1\r\nx\r\n0\r\nA: b\r\nX-Checksum:\tc \r\n\r\n"), "FDFT", "x" },
	{ B("0\r\nContent-MD5: a\r\nA-Very-Long-Trailer-Name-Indeed: a\r\n\r\n"), "FT", "" },
};

static void
a_chunked_body_is_cut_the_same_however_it_comes(void **state)
{
	struct cut c;

	for (size_t i = 0; i < COUNT(good); i++) {
		for (size_t step = 1; step <= good[i].text.len; step++) {
			cut_chunked(&c, good[i].text, step);
			if (!c.body.done || c.used != good[i].text.len)
				fail_msg("%s: %.*s", http_fault_name(c.body.fault),
					 (int)good[i].text.len, good[i].text.at);
			assert_string_equal(c.kinds, good[i].kinds);
			assert_string_equal(c.data, good[i].data);
			assert_int_equal(c.body.bytes, c.data_len);
		}
	}
}

static void
what_is_passed_on_as_chunks_is_the_same(void **state)
{
	struct cut c, passed;

	for (size_t i = 0; i < COUNT(good); i++) {
		cut_chunked(&c, good[i].text, good[i].text.len);
		for (size_t step = 1; step <= good[i].text.len; step++) {
			cut_by(&passed, good[i].text, step, http_body_pass);
			assert_true(passed.body.done);
			assert_int_equal(passed.used, c.used);
			assert_int_equal(passed.body.bytes, c.data_len);
			assert_int_equal(passed.sent_len, c.sent_len);
			assert_memory_equal(passed.sent, c.sent, c.sent_len);
		}
	}
}

static void
plain_chunks_are_passed_on_in_one_span(void **state)
{
	const struct http_head head = { .framing = HTTP_BODY_CHUNKED };
	static const char text[] = "1\r\nx\r\n2\r\nyz\r\n1\r\nx\r\n2";
	struct http_body body;
	struct http_span span;

	http_body_init(&body, &head);
	assert_true(http_body_pass(&body, text, sizeof(text) - 1, &span));
	assert_int_equal(span.kind, HTTP_SPAN_FRAMING);
	assert_int_equal(span.len, sizeof(text) - 1 - strlen("\r\n2"));
	assert_int_equal(body.bytes, 4);
}

/* What was good before a fault goes on; then nothing does. */
static void
a_fault_behind_what_is_passed_on_comes_next(void **state)
{
	const struct http_head head = { .framing = HTTP_BODY_CHUNKED };
	struct http_body body;
	struct http_span span;

	http_body_init(&body, &head);
	assert_true(http_body_pass(&body, "1\r\nxy", 5, &span));
	assert_int_equal(span.len, 4);
	for (int i = 0; i < 2; i++) {
		assert_false(http_body_pass(&body, "y", 1, &span));
		assert_int_equal(body.fault, HTTP_FAULT_CHUNK_END);
	}
}

static const struct bad {
	struct slice	text;
	enum http_fault	fault;
} bad[] = {
	{ B("\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B(" 5\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5 \r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5\t\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("+5\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("-5\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("0x5\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5g\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("g\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5,\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5_0\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5\r\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5\rx"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5\0\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("8000000000000000\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("ffffffffffffffff\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("10000000000000005\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a \r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a b\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=b c\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a==b\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;=b\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;;a\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5 a\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\"b\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\"\r\n\"\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\"\n\"\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\"\\\r\"\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\"b\"c\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;a=\"\0\"\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;\x7f\r\n"), HTTP_FAULT_CHUNK_SIZE },
	{ B("5;\xe9\r\n"), HTTP_FAULT_CHUNK_SIZE },

	{ B("1\r\nxx\r\n"), HTTP_FAULT_CHUNK_END },
	{ B("1\r\nx\n"), HTTP_FAULT_CHUNK_END },
	{ B("1\r\nx\rx"), HTTP_FAULT_CHUNK_END },
	{ B("1\r\nx0\r\n"), HTTP_FAULT_CHUNK_END },

	{ B("0\r\n\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\n\rx"), HTTP_FAULT_TRAILER },
	{ B("0\r\nx\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nGET / HTTP/1.1\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\n: b\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA : b\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\n A: b\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA: b\r\n c\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA: b\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA: b\rc"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA: \0\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA\xe9: b\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nContent-Length: 5\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nTRANSFER-ENCODING: chunked\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nHost: h\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nA: b\r\nConnection: close\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nTrailer: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nTE: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nUpgrade: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nAuthorization: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nProxy-Authorization: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nProxy-Authentication-Info: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nContent-Encoding: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nForwarded: a\r\n"), HTTP_FAULT_TRAILER },
	{ B("0\r\nX-Forwarded-For: a\r\n"), HTTP_FAULT_TRAILER },
};

static void
a_malformed_body_is_refused_however_it_comes(void **state)
{
	struct cut c;

	for (size_t i = 0; i < COUNT(bad); i++) {
		for (size_t step = 1; step <= bad[i].text.len; step++) {
			cut_by(&c, bad[i].text, step, step % 2 ? http_body_next : http_body_pass);
			if (!c.failed || c.body.fault != bad[i].fault)
				fail_msg("%s instead of %s: %.*s", http_fault_name(c.body.fault),
					 http_fault_name(bad[i].fault), (int)bad[i].text.len,
					 bad[i].text.at);
			assert_false(c.body.done);
		}
	}
}

/* As HAProxy passes them; they say nothing that would make another message of it. */
static void
trailers_that_are_of_no_use_do_no_harm(void **state)
{
	static const char *const names[] = { "Set-Cookie",    "Cookie",	      "Expect",
					     "Cache-Control", "Range",	      "If-Unmodified-Since",
					     "Content-Type",  "Max-Forwards", "WWW-Authenticate" };
	char text[64];
	struct cut c;

	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t step = 1; step <= 32; step += 31) {
			snprintf(text, sizeof(text), "0\r\n%s: a\r\n\r\n", names[i]);
			cut_chunked(&c, slice_of(text), step);
			if (!c.body.done)
				fail_msg("%s: %s", names[i], http_fault_name(c.body.fault));
			assert_string_equal(c.sent, text);
		}
	}
}

static void
a_size_has_63_bits(void **state)
{
	struct cut c;

	cut_chunked(&c, (struct slice)B("7fffffffffffffff\r\n"), 64);
	assert_int_equal(http_body_data_ahead(&c.body), INT64_MAX);
}

/* `front`, `count` bytes of `fill`, `back`. */
static bool
is_taken(const char *front, char fill, size_t count, const char *back, enum http_fault fault)
{
	struct buf buf = { 0 };
	struct cut *c = malloc(sizeof(*c));
	bool taken;

	assert_non_null(c);
	buf_puts(&buf, front);
	for (size_t i = 0; i < count; i++)
		buf_put(&buf, &fill, 1);
	buf_puts(&buf, back);
	cut_chunked(c, (struct slice){ buf.at, buf.len }, 4096);
	taken = c->body.done;
	assert_int_equal(c->body.fault, taken ? HTTP_FAULT_NONE : fault);
	buf_fini(&buf);
	free(c);
	return taken;
}

static void
a_size_line_and_the_trailers_have_limits(void **state)
{
	/* "0;" and CR LF; "A:", CR LF and CR LF */
	const size_t line = HTTP_CHUNK_LINE_MAX_BYTES - 4, trailers = HTTP_TRAILERS_MAX_BYTES - 6;

	assert_true(is_taken("0;", 'a', line, "\r\n\r\n", HTTP_FAULT_CHUNK_SIZE));
	assert_false(is_taken("0;", 'a', line + 1, "\r\n\r\n", HTTP_FAULT_CHUNK_SIZE));
	assert_false(is_taken("", '0', HTTP_CHUNK_LINE_MAX_BYTES, END, HTTP_FAULT_CHUNK_SIZE));
	assert_true(is_taken("0\r\nA:", 'a', trailers, "\r\n\r\n", HTTP_FAULT_TRAILER));
	assert_false(is_taken("0\r\nA:", 'a', trailers + 1, "\r\n\r\n", HTTP_FAULT_TRAILER));
}

static void
extensions_are_not_sent_on(void **state)
{
	struct cut c;

	cut_chunked(&c, (struct slice)B("1 ; a=\"b\"\r\nx\r\n0;c\r\nA: b\r\n\r\n"), 64);
	assert_string_equal(c.sent, "1\r\nx\r\n0\r\nA: b\r\n\r\n");
}

static void
what_follows_a_body_is_not_its(void **state)
{
	struct http_body body;
	struct http_span span;
	struct cut c;

	cut_chunked(&c, (struct slice)B(END "GET /"), 64);
	assert_int_equal(c.used, strlen(END));
	http_body_init(&body, &(struct http_head){ .framing = HTTP_BODY_LENGTH, .length = 3 });
	assert_true(http_body_next(&body, "abcdef", 6, &span));
	assert_int_equal(span.kind, HTTP_SPAN_DATA);
	assert_int_equal(span.len, 3);
	assert_true(body.done);
}

static void
no_body_is_done_at_once(void **state)
{
	struct http_body body;

	http_body_init(&body, &(struct http_head){ .framing = HTTP_NO_BODY });
	assert_true(body.done);
	http_body_init(&body, &(struct http_head){ .framing = HTTP_BODY_LENGTH });
	assert_true(body.done);
}

static void
data_may_be_moved_unseen(void **state)
{
	struct http_body body;
	struct http_span span;

	http_body_init(&body, &(struct http_head){ .framing = HTTP_BODY_LENGTH, .length = 10 });
	assert_int_equal(http_body_data_ahead(&body), 10);
	http_body_skip(&body, 4);
	assert_false(body.done);
	http_body_skip(&body, 6);
	assert_true(body.done);
	assert_int_equal(body.bytes, 10);

	http_body_init(&body, &(struct http_head){ .framing = HTTP_BODY_CHUNKED });
	assert_int_equal(http_body_data_ahead(&body), 0);
	assert_true(http_body_next(&body, "a\r\nx", 4, &span));
	assert_int_equal(span.len, 3);
	assert_int_equal(http_body_data_ahead(&body), 10);
	http_body_skip(&body, 10);
	assert_int_equal(http_body_data_ahead(&body), 0);
	assert_true(http_body_next(&body, "\r\n" END, 7, &span));
	assert_int_equal(span.kind, HTTP_SPAN_FRAMING);
	assert_int_equal(span.len, 5);
	assert_true(http_body_next(&body, "\r\n", 2, &span));
	assert_true(body.done);

	http_body_init(&body, &(struct http_head){ .framing = HTTP_TUNNEL });
	assert_true(http_body_data_ahead(&body) == UINT64_MAX);
	http_body_skip(&body, 1 << 20);
	assert_true(http_body_data_ahead(&body) == UINT64_MAX);
	assert_false(body.done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chunked_body_is_cut_the_same_however_it_comes),
		cmocka_unit_test(what_is_passed_on_as_chunks_is_the_same),
		cmocka_unit_test(plain_chunks_are_passed_on_in_one_span),
		cmocka_unit_test(a_fault_behind_what_is_passed_on_comes_next),
		cmocka_unit_test(a_malformed_body_is_refused_however_it_comes),
		cmocka_unit_test(trailers_that_are_of_no_use_do_no_harm),
		cmocka_unit_test(a_size_has_63_bits),
		cmocka_unit_test(a_size_line_and_the_trailers_have_limits),
		cmocka_unit_test(extensions_are_not_sent_on),
		cmocka_unit_test(what_follows_a_body_is_not_its),
		cmocka_unit_test(no_body_is_done_at_once),
		cmocka_unit_test(data_may_be_moved_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
