/*
 * Request heads: what is read, and as what. What is refused is in h1_refused.c.
 */
#include "config.h"
#include "scene.h"

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST

/* What is read: as the contract names it. */
static const struct good {
	struct slice		 text;
	enum http_target_form	 form;
	const char		*method, *authority, *path;
	enum http_framing	 framing;
	uint64_t		 length;
	unsigned		 says;
	bool			 closes;
} good[] = {
	{ B(GET HOST "\r\n"), HTTP_TARGET_ORIGIN, "GET", "h", "/", HTTP_NO_BODY, 0, 0, false },
	{ B("\r\n\r\n" GET HOST "\r\n"), HTTP_TARGET_ORIGIN, "GET", "h", "/", HTTP_NO_BODY, 0, 0,
	  false },
	{ B("GET /a/b?c=[d]&e=%zz;'()*+,!$@:~ HTTP/1.1\r\nHost: x-1_y.example:8080\r\n\r\n"),
	  HTTP_TARGET_ORIGIN, "GET", "x-1_y.example:8080", "/a/b?c=[d]&e=%zz;'()*+,!$@:~",
	  HTTP_NO_BODY, 0, 0, false },
	{ B("GET // HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "[::1]:80",
	  "//", HTTP_NO_BODY, 0, 0, false },
	{ B("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "", "/", HTTP_NO_BODY, 0,
	  0, false },
	{ B("GET / HTTP/1.1\r\nHost: h:\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "h:", "/",
	  HTTP_NO_BODY, 0, 0, false },
	{ B("GET / HTTP/1.0\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "", "/", HTTP_NO_BODY, 0, 0,
	  true },
	{ B("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "", "/",
	  HTTP_NO_BODY, 0, HTTP_SAYS_KEEP_ALIVE, false },
	{ B(GET HOST "Connection: close\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "h", "/",
	  HTTP_NO_BODY, 0, HTTP_SAYS_CLOSE, true },
	{ B(GET HOST "Connection: X-A\r\nConnection: ,keep-alive , CLOSE\r\n\r\n"),
	  HTTP_TARGET_ORIGIN, "GET", "h", "/", HTTP_NO_BODY, 0,
	  HTTP_SAYS_CLOSE | HTTP_SAYS_KEEP_ALIVE | HTTP_NAMES_HOPS, true },
	{ B("GET http://H HTTP/1.1\r\nHost: h:80\r\n\r\n"), HTTP_TARGET_ABSOLUTE, "GET", "h:80",
	  "/", HTTP_NO_BODY, 0, 0, false },
	{ B("GET HTTPS://h:443/a?b HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP_TARGET_ABSOLUTE, "GET", "h",
	  "/a?b", HTTP_NO_BODY, 0, 0, false },
	{ B("GET http://h?b HTTP/1.1\r\n" HOST "\r\n"), HTTP_TARGET_ABSOLUTE, "GET", "h", "?b",
	  HTTP_NO_BODY, 0, 0, false },
	{ B("GET http://h/ HTTP/1.0\r\n\r\n"), HTTP_TARGET_ABSOLUTE, "GET", "h", "/", HTTP_NO_BODY,
	  0, 0, true },
	{ B("GET a+b.c-d://h/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_TARGET_ABSOLUTE, "GET", "h", "/",
	  HTTP_NO_BODY, 0, 0, false },
	{ B("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), HTTP_TARGET_ASTERISK, "OPTIONS", "h", "*",
	  HTTP_NO_BODY, 0, 0, false },
	{ B("OPTIONS http://h HTTP/1.1\r\n" HOST "\r\n"), HTTP_TARGET_ABSOLUTE, "OPTIONS", "h", "*",
	  HTTP_NO_BODY, 0, 0, false },
	{ B("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), HTTP_TARGET_AUTHORITY, "CONNECT",
	  "h:443", "", HTTP_NO_BODY, 0, 0, false },
	{ B("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nContent-Length: 0\r\n\r\n"),
	  HTTP_TARGET_AUTHORITY, "CONNECT", "[::1]:443", "", HTTP_BODY_LENGTH, 0, 0, false },
	{ B("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP_TARGET_AUTHORITY, "CONNECT", "h:443",
	  "", HTTP_NO_BODY, 0, 0, false },
	{ B("CONNECT h:80 HTTP/1.1\r\nHost: H\r\n\r\n"), HTTP_TARGET_AUTHORITY, "CONNECT", "h:80",
	  "", HTTP_NO_BODY, 0, 0, false },
	{ B("M-SEARCH / HTTP/1.1\r\n" HOST "\r\n"), HTTP_TARGET_ORIGIN, "M-SEARCH", "h", "/",
	  HTTP_NO_BODY, 0, 0, false },
	{ B(POST "Content-Length: 5\r\n\r\n"), HTTP_TARGET_ORIGIN, "POST", "h", "/",
	  HTTP_BODY_LENGTH, 5, 0, false },
	{ B(POST "Content-Length:\t 5 \t\r\n\r\n"), HTTP_TARGET_ORIGIN, "POST", "h", "/",
	  HTTP_BODY_LENGTH, 5, 0, false },
	{ B(POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"), HTTP_TARGET_ORIGIN, "POST", "h",
	  "/", HTTP_BODY_LENGTH, 5, 0, false },
	{ B(POST "Content-Length: 9223372036854775807\r\n\r\n"), HTTP_TARGET_ORIGIN, "POST", "h",
	  "/", HTTP_BODY_LENGTH, INT64_MAX, 0, false },
	{ B("GET / HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "h",
	  "/", HTTP_BODY_LENGTH, 7, 0, false },
	{ B(POST "Transfer-Encoding: CHUNKED\r\nTrailer: X\r\n\r\n"), HTTP_TARGET_ORIGIN, "POST",
	  "h", "/", HTTP_BODY_CHUNKED, 0, HTTP_HAS_TRAILERS, false },
	{ B(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"), HTTP_TARGET_ORIGIN, "POST",
	  "h", "/", HTTP_BODY_LENGTH, 1, HTTP_EXPECTS_CONTINUE, false },
	{ B("POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\n"), HTTP_TARGET_ORIGIN,
	  "POST", "", "/", HTTP_BODY_LENGTH, 1, 0, true },
	{ B(GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), HTTP_TARGET_ORIGIN,
	  "GET", "h", "/", HTTP_NO_BODY, 0, HTTP_SAYS_UPGRADE, false },
	{ B(GET HOST "Connection: Upgrade\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "h", "/",
	  HTTP_NO_BODY, 0, 0, false },
	{ B(GET HOST "Upgrade: websocket\r\n\r\n"), HTTP_TARGET_ORIGIN, "GET", "h", "/",
	  HTTP_NO_BODY, 0, 0, false },
	{ B(GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"),
	  HTTP_TARGET_ORIGIN, "GET", "h", "/", HTTP_NO_BODY, 0, HTTP_NAMES_HOPS, false },
	{ B(GET HOST "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n\r\n"), HTTP_TARGET_ORIGIN,
	  "GET", "h", "/", HTTP_NO_BODY, 0, 0, false },
	{ B(POST "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\n"),
	  HTTP_TARGET_ORIGIN, "POST", "h", "/", HTTP_BODY_LENGTH, 4, 0, false },
	{ B(GET HOST "A_b!#$%&'*+.^`|~: \t caf\xe9\t\"<>\\{} \t \r\nB:\r\n\r\n"),
	  HTTP_TARGET_ORIGIN, "GET", "h", "/", HTTP_NO_BODY, 0, 0, false },
};

static void
is_read(const struct good *g, const struct scene *s)
{
	if (s->result != H1_DONE)
		fail_msg("%d, %s: %.*s", s->result, http_fault_name(s->parse.fault),
			 (int)g->text.len, g->text.at);
	assert_int_equal(s->parse.head_len, g->text.len);
	assert_false(s->head.is_response);
	assert_int_equal(s->head.form, g->form);
	is_text(s->head.method_text, g->method);
	is_text(s->head.authority, g->authority);
	is_text(s->head.path, g->path);
	assert_int_equal(s->head.framing, g->framing);
	assert_int_equal(s->head.length, g->length);
	assert_int_equal(s->head.says, g->says);
	assert_int_equal(h1_is_persistent(&s->head), !g->closes);
}

static void
what_is_sound_is_read(void **state)
{
	struct scene s;

	for (size_t i = 0; i < COUNT(good); i++) {
		scene_read(&s, false, good[i].text, 0, NULL);
		is_read(&good[i], &s);
		scene_fini(&s);
		scene_read_bytes(&s, false, good[i].text, 0, NULL);
		is_read(&good[i], &s);
		scene_fini(&s);
		scene_read(&s, false, good[i].text, H1_RELAXED, NULL);
		is_read(&good[i], &s);
		scene_fini(&s);
	}
}

static void
what_follows_a_head_is_not_its(void **state)
{
	struct scene s;
	static const char text[] = GET HOST "\r\n\0\n\r trash";

	scene_read(&s, false, (struct slice)B(text), 0, NULL);
	assert_int_equal(s.result, H1_DONE);
	assert_int_equal(s.parse.head_len, strlen(GET HOST "\r\n"));
	scene_fini(&s);
}

static void
each_beginning_of_a_head_wants_more(void **state)
{
	struct scene s;

	for (size_t i = 0; i < COUNT(good); i++) {
		for (size_t len = 0; len < good[i].text.len; len++) {
			scene_read(&s, false, (struct slice){ good[i].text.at, len }, 0, NULL);
			assert_int_equal(s.result, H1_MORE);
			scene_fini(&s);
		}
	}
}

static void
fields_are_slices_of_their_lines(void **state)
{
	struct scene s;

	scene_read(&s, false, (struct slice)B(GET "hOST: h\r\nX-A:  b c\t\r\nx-a:d\r\nE:\r\n\r\n"),
		   0, NULL);
	assert_int_equal(s.head.count, 4);
	assert_int_equal(s.room[0].name, HTTP_NAME_HOST);
	is_text(http_field_name(&s.room[1]), "X-A");
	is_text(http_field_value(&s.room[1]), "b c");
	is_text(http_field_value(&s.room[2]), "d");
	is_text(http_field_value(&s.room[3]), "");
	assert_int_equal(s.room[1].line_len, strlen("X-A:  b c\t\r\n"));
	is_text(s.head.line, GET);
	is_text(s.head.end, "\r\n");
	scene_fini(&s);
}

static void
a_length_said_again_is_left_out(void **state)
{
	struct scene s;

	scene_read(&s, false,
		   (struct slice)B(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 0, NULL);
	assert_false(s.room[1].left_out);
	assert_true(s.room[2].left_out);
	scene_fini(&s);
}

static void
an_upgrade_that_is_not_ours_to_pass_on_is_left_out(void **state)
{
	static const struct slice texts[] = {
		B(GET HOST "Upgrade: websocket\r\n\r\n"),
		B(GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
		B(GET HOST
		  "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: HTTP/2.0\r\n\r\n"),
		B("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
		B(POST
		  "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n"),
	};
	struct scene s;

	for (size_t i = 0; i < COUNT(texts); i++) {
		scene_read(&s, false, texts[i], 0, NULL);
		assert_int_equal(s.result, H1_DONE);
		assert_null(http_head_find(&s.head, HTTP_NAME_UPGRADE, NULL));
		assert_int_equal(s.head.says & HTTP_SAYS_UPGRADE, 0);
		scene_fini(&s);
	}
}

static void
odd_names_are_refused_or_left_out_as_told(void **state)
{
	static const struct slice text = B(GET HOST "X_A: b\r\nX-B: c\r\n\r\n");
	struct scene s;

	scene_read(&s, false, text, H1_NAMES_REJECT, NULL);
	assert_int_equal(s.result, H1_BAD);
	assert_int_equal(s.parse.fault, HTTP_FAULT_NAME_REFUSED);
	scene_fini(&s);
	scene_read(&s, false, text, H1_NAMES_DELETE, NULL);
	assert_int_equal(s.result, H1_DONE);
	is_text(scene_value(&s, "X_A"), "(none)");
	is_text(scene_value(&s, "X-B"), "c");
	scene_fini(&s);
	scene_read(&s, false, text, 0, NULL);
	is_text(scene_value(&s, "X_A"), "b");
	scene_fini(&s);
}

static void
chunked_said_twice_is_sent_once_when_relaxed(void **state)
{
	static const struct slice texts[] = {
		B(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
		B(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
	};
	struct scene s;
	char text[256];
	int pieces;

	for (size_t i = 0; i < COUNT(texts); i++) {
		scene_read(&s, false, texts[i], H1_RELAXED, NULL);
		assert_int_equal(s.result, H1_DONE);
		assert_int_equal(s.head.framing, HTTP_BODY_CHUNKED);
		assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
				    POST "Transfer-Encoding: chunked\r\n\r\n");
		scene_fini(&s);
	}
}

/* `count` fields, and what they are closed with. */
static struct slice
many_fields(struct buf *buf, unsigned count)
{
	buf_puts(buf, GET HOST);
	for (unsigned i = 1; i < count; i++)
		buf_puts(buf, "A: b\r\n");
	buf_puts(buf, "\r\n");
	return (struct slice){ buf->at, buf->len };
}

static void
there_is_a_limit_of_fields(void **state)
{
	struct buf buf = { 0 };
	struct scene s;

	scene_read(&s, false, many_fields(&buf, HTTP_FIELDS_MAX), 0, NULL);
	assert_int_equal(s.result, H1_DONE);
	assert_int_equal(s.head.count, HTTP_FIELDS_MAX);
	scene_fini(&s);
	buf_clear(&buf);
	scene_read(&s, false, many_fields(&buf, HTTP_FIELDS_MAX + 1), 0, NULL);
	assert_int_equal(s.result, H1_BAD);
	assert_int_equal(s.parse.fault, HTTP_FAULT_FIELDS);
	scene_fini(&s);
	buf_fini(&buf);
}

static void
there_is_a_limit_of_the_target(void **state)
{
	struct scene s;

	for (size_t over = 0; over < 2; over++) {
		struct buf buf = { 0 };

		buf_puts(&buf, "GET /");
		for (size_t i = 1; i < HTTP_TARGET_MAX_BYTES + over; i++)
			buf_puts(&buf, "a");
		buf_puts(&buf, " HTTP/1.1\r\n" HOST "\r\n");
		scene_read(&s, false, (struct slice){ buf.at, buf.len }, 0, NULL);
		assert_int_equal(s.result, over == 0 ? H1_DONE : H1_BAD);
		assert_int_equal(s.parse.fault,
				 over == 0 ? HTTP_FAULT_NONE : HTTP_FAULT_TARGET_LONG);
		scene_fini(&s);
		buf_fini(&buf);
	}
}

static void
the_start_line_ends_with_its_line(void **state)
{
	assert_true(h1_in_start_line("", 0));
	assert_true(h1_in_start_line("\r\n\r\nGET /", 9));
	assert_false(h1_in_start_line(GET, strlen(GET)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sound_is_read),
		cmocka_unit_test(what_follows_a_head_is_not_its),
		cmocka_unit_test(each_beginning_of_a_head_wants_more),
		cmocka_unit_test(fields_are_slices_of_their_lines),
		cmocka_unit_test(a_length_said_again_is_left_out),
		cmocka_unit_test(an_upgrade_that_is_not_ours_to_pass_on_is_left_out),
		cmocka_unit_test(odd_names_are_refused_or_left_out_as_told),
		cmocka_unit_test(chunked_said_twice_is_sent_once_when_relaxed),
		cmocka_unit_test(there_is_a_limit_of_fields),
		cmocka_unit_test(there_is_a_limit_of_the_target),
		cmocka_unit_test(the_start_line_ends_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
