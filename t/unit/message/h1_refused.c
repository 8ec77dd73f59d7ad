/*
 * Request heads that are refused: each form of smuggling, each that is malformed, and its fault.
 */
#include "config.h"
#include "scene.h"

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST

/* What two readers could read in two ways, and what is malformed. */
static const struct bad {
	struct slice	text;
	enum http_fault	fault;
	bool		relaxed;	/* still refused when relaxed */
} bad[] = {
	/* length against coding */
	{ B(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	  HTTP_FAULT_LENGTH_AND_CODING, true },
	{ B(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
	  HTTP_FAULT_LENGTH_AND_CODING, true },
	{ B(POST "transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n"),
	  HTTP_FAULT_LENGTH_AND_CODING, true },

	/* lengths */
	{ B(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 5, 5\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 5, 6\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 5,\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: +5\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: -5\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 0x5\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 5a\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 5 5\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 5.0\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 1e3\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: \"5\"\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length:\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: \t \r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 9223372036854775808\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 18446744073709551621\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B(POST "Content-Length: 00000000000000000005\r\n\r\n"), HTTP_FAULT_LENGTH, true },
	{ B("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\n\r\n"), HTTP_FAULT_LENGTH,
	  true },

	/* codings */
	{ B(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n"),
	  HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
	  HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"), HTTP_FAULT_CODING, false },
	{ B(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	  HTTP_FAULT_CODING, false },
	{ B(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: xchunked\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: chunked,\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: , chunked\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: \vchunked\r\n\r\n"), HTTP_FAULT_VALUE, false },
	{ B(POST "Transfer-Encoding:\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: identity\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: gzip\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), HTTP_FAULT_CODING_UNKNOWN, true },
	{ B(POST "Transfer-Encoding: identity, chunked\r\n\r\n"), HTTP_FAULT_CODING_UNKNOWN, true },
	{ B("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"), HTTP_FAULT_CODING,
	  true },
	{ B("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n"),
	  HTTP_FAULT_CODING, true },

	/* white space and folding */
	{ B(GET HOST "A: b\r\n c\r\n\r\n"), HTTP_FAULT_FOLDED, true },
	{ B(GET HOST "A: b\r\n\tc\r\n\r\n"), HTTP_FAULT_FOLDED, true },
	{ B(GET HOST "A: b\r\n \r\n\r\n"), HTTP_FAULT_FOLDED, true },
	{ B(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"), HTTP_FAULT_CODING, true },
	{ B(GET " " HOST "\r\n"), HTTP_FAULT_NAME, true },
	{ B(GET "\t" HOST "\r\n"), HTTP_FAULT_NAME, true },
	{ B(GET HOST "A : b\r\n\r\n"), HTTP_FAULT_NAME, true },
	{ B(GET HOST "A\t: b\r\n\r\n"), HTTP_FAULT_NAME, true },
	{ B(POST "Content-Length : 5\r\n\r\n"), HTTP_FAULT_NAME, true },
	{ B(POST "Transfer-Encoding : chunked\r\n\r\n"), HTTP_FAULT_NAME, true },

	/* names */
	{ B(GET HOST ": b\r\n\r\n"), HTTP_FAULT_NAME, true },
	{ B(GET HOST "A\r\n\r\n"), HTTP_FAULT_NAME, true },
	{ B(GET HOST "A b: c\r\n\r\n"), HTTP_FAULT_NAME, true },
	{ B(GET HOST "A\0b: c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "A\x01: c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "A\x7f: c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "A\xe9: c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "A(: c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "A@b: c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "\"A\": c\r\n\r\n"), HTTP_FAULT_NAME, false },
	{ B(GET HOST "A{}: c\r\n\r\n"), HTTP_FAULT_NAME, false },

	/* values */
	{ B(GET HOST "A: \0b\r\n\r\n"), HTTP_FAULT_VALUE, false },
	{ B(GET HOST "A: b\x01\r\n\r\n"), HTTP_FAULT_VALUE, false },
	{ B(GET HOST "A: \x1b[0m\r\n\r\n"), HTTP_FAULT_VALUE, false },
	{ B(GET HOST "A: b\x7f\r\n\r\n"), HTTP_FAULT_VALUE, false },
	{ B(GET HOST "A: a long value that is read in strides\x02\r\n\r\n"), HTTP_FAULT_VALUE,
	  false },

	/* line ends */
	{ B("GET / HTTP/1.1\n" HOST "\r\n"), HTTP_FAULT_LINE_END, true },
	{ B("GET /\n" HOST "\r\n"), HTTP_FAULT_LINE_END, true },
	{ B("GET / HTTP/1.1\r" HOST "\r\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET "Host: h\n\r\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "\rA"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "A: b\rc\r\n\r\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "A: b\nc: d\r\n\r\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "A: b\r\r\n\r\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "A\nb: c\r\n\r\n"), HTTP_FAULT_LINE_END, true },
	{ B(GET HOST "A\rb: c\r\n\r\n"), HTTP_FAULT_LINE_END, true },
	{ B("\n" GET HOST "\r\n"), HTTP_FAULT_LINE_END, true },
	{ B("\r" GET HOST "\r\n"), HTTP_FAULT_LINE_END, true },
	{ B("\r\n\r\n\r\n\r\n\r\n\r\n" GET HOST "\r\n"), HTTP_FAULT_METHOD, true },

	/* methods */
	{ B(" GET / HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_METHOD, true },
	{ B("G(T / HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_METHOD, true },
	{ B("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_METHOD, true },
	{ B("GET\r\n\r\n"), HTTP_FAULT_METHOD, true },
	{ B("G\0T / HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_METHOD, true },
	{ B("\x16\x03\x01\x02"), HTTP_FAULT_METHOD, true },

	/* targets */
	{ B("GET  HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET  / HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET /\t HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET /\x01 HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("GET a HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET * HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("OPTIONS ** HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET h:80 HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET ?a HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http:/a HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET ://h/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET 1http://h/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http:///a HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://u@h/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://u:p@h/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://h:x/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://h:65536/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://h:1:2/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://[::1/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://[]/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://[::1]x/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://[h]/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://[fe80::1%25eth0]/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://h%/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("GET http://h%4/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, true },
	{ B("CONNECT / HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("CONNECT h HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("CONNECT h: HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("CONNECT h:0 HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("CONNECT http://h:1/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },
	{ B("CONNECT u@h:1 HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_TARGET, false },

	/* versions */
	{ B("GET /\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / \r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET /  HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/1.1 \r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/1.1\t\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/1.1 x\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / x HTTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / http/1.1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTP/1.1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/1.\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/1,1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("GET / HTTP/0.9\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, false },
	{ B("GET / HTTP/1.2\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, false },
	{ B("GET / HTTP/1.10\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, false },
	{ B("GET / HTTP/01.1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, false },
	{ B("GET / HTTP/2.0\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, false },
	{ B("GET / HTTP/99999.0\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },
	{ B("OPTIONS * HTTP/+1.1\r\n" HOST "\r\n"), HTTP_FAULT_VERSION, true },

	/* Host */
	{ B(GET "\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET HOST HOST "\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET HOST "Host: i\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET HOST "host:\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a, b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a,b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B("GET http://a,b/ HTTP/1.1\r\nHost: a,b\r\n\r\n"), HTTP_FAULT_TARGET, true },
	{ B(GET "Host: a/b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a?b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a#b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a@b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a:b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a:123456\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: :80\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: \"a\"\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: a<b\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: \xc3\xa9\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: ::1\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: [::1\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B(GET "Host: [1.2.3.4]\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B("GET / HTTP/1.0\r\n" HOST HOST "\r\n"), HTTP_FAULT_HOST, true },
	{ B("GET http://h/ HTTP/1.1\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B("GET http://h/ HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_FAULT_HOST, true },
	{ B("GET http://h/ HTTP/1.1\r\nHost: i\r\n\r\n"), HTTP_FAULT_HOST, false },
	{ B("GET http://h/ HTTP/1.1\r\nHost: h:81\r\n\r\n"), HTTP_FAULT_HOST, false },
	{ B("GET https://h/ HTTP/1.1\r\nHost: h:80\r\n\r\n"), HTTP_FAULT_HOST, false },
	{ B("GET foo://h/ HTTP/1.1\r\nHost: h:80\r\n\r\n"), HTTP_FAULT_HOST, false },
	{ B("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP_FAULT_HOST, false },

	/* Expect */
	{ B(POST "Expect: 200-ok\r\n\r\n"), HTTP_FAULT_EXPECTATION, true },
	{ B(POST "Expect: 100-continue, x\r\n\r\n"), HTTP_FAULT_EXPECTATION, true },
	{ B(POST "Expect:\r\n\r\n"), HTTP_FAULT_EXPECTATION, true },
};

static void
is_refused(const struct bad *b, unsigned options,
	   void (*read)(struct scene *, bool, struct slice, unsigned, const struct http_head *))
{
	struct scene s;

	read(&s, false, b->text, options, NULL);
	if (s.result != H1_BAD || s.parse.fault != b->fault)
		fail_msg("%d, %s instead of %s: %.*s", s.result, http_fault_name(s.parse.fault),
			 http_fault_name(b->fault), (int)b->text.len, b->text.at);
	assert_true(s.parse.fault_at <= b->text.len);
	scene_fini(&s);
}

static void
what_can_be_read_in_two_ways_is_refused(void **state)
{
	for (size_t i = 0; i < COUNT(bad); i++)
		is_refused(&bad[i], 0, scene_read);
}

static void
it_is_refused_just_so_if_it_comes_byte_by_byte(void **state)
{
	for (size_t i = 0; i < COUNT(bad); i++)
		is_refused(&bad[i], 0, scene_read_bytes);
}

static void
relaxed_means_neither_framing_nor_line_ends(void **state)
{
	struct scene s;

	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct bad *b = &bad[i];

		scene_read(&s, false, b->text, H1_RELAXED, NULL);
		if ((s.result == H1_BAD) != b->relaxed && b->fault != HTTP_FAULT_VALUE)
			fail_msg("%d, %s: %.*s", s.result, http_fault_name(s.parse.fault),
				 (int)b->text.len, b->text.at);
		scene_fini(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(it_is_refused_just_so_if_it_comes_byte_by_byte),
		cmocka_unit_test(relaxed_means_neither_framing_nor_line_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
