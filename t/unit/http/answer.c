/*
 * Answers of our own: built-in pages, answers of parts, error files.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/answer.h"
#include "http/h1.h"

#define NOTHING ((struct slice){ NULL, 0 })
#define MAX_BYTES 4096

/* All that is sent, terminated. Free it. */
static char *
sent(const struct http_answer *a, const char *extra, bool with_body)
{
	struct iovec iov[HTTP_ANSWER_IOVECS];
	int count = http_answer_iov(a, slice_of(extra), NOTHING, with_body, iov);
	struct buf all = { 0 };

	assert_in_range(count, 1, HTTP_ANSWER_IOVECS);
	for (int i = 0; i < count; i++)
		buf_put(&all, iov[i].iov_base, iov[i].iov_len);
	buf_put(&all, "", 1);
	assert_false(all.failed);
	return all.at;
}

static void
check_sent(const struct http_answer *a, const char *want)
{
	char *have = sent(a, "", true);

	assert_string_equal(have, want);
	free(have);
}

/* Our own parser takes it, and its body has the length that it says. */
static void
check_sound(const struct http_answer *a)
{
	char *text = sent(a, "Connection: close\r\n", true);
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head request = { .method = HTTP_METHOD_GET }, head = { .fields = fields };
	struct h1_parse parse = { 0 };

	assert_int_equal(h1_parse_response(&parse, &head, text, strlen(text), &request), H1_DONE);
	assert_int_equal(head.status, a->status);
	assert_true(slice_equals(head.reason, slice_of(http_reason(a->status))));
	assert_true(head.says & HTTP_SAYS_CLOSE);
	assert_int_equal(head.framing == HTTP_BODY_LENGTH ? head.length : 0, a->body.len);
	assert_int_equal(parse.head_len + a->body.len, strlen(text));
	free(text);
}

static void
each_built_in_page_is_a_sound_response(void **state)
{
	(void)state;
	for (int i = 0; i < HTTP_ERROR_COUNT; i++) {
		const struct http_answer *a = http_answer_builtin((enum http_error)i);

		check_sound(a);
		assert_int_equal(http_error_index(a->status), i);
		assert_non_null(
			memmem(a->head.at, a->head.len, "\r\nCache-Control: no-cache\r\n", 27));
		assert_non_null(
			memmem(a->head.at, a->head.len, "\r\nContent-Type: text/html\r\n", 27));
		assert_null(a->memory);
	}
	assert_int_equal(http_error_index(200), -1);
	assert_int_equal(http_error_index(418), -1);
}

static void
a_page_is_small_and_says_what_it_is(void **state)
{
	(void)state;
	check_sent(http_answer_builtin(HTTP_ERROR_503),
		   "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 101\r\n"
		   "Cache-Control: no-cache\r\nContent-Type: text/html\r\n\r\n"
		   "<html><body><h1>503 Service Unavailable</h1>\n"
		   "No server is available for this request.\n</body></html>\n");
}

static void
a_page_has_the_field_that_its_status_must_have(void **state)
{
	static const struct {
		enum http_error	 error;
		const char	*line;
	} rows[] = {
		{ HTTP_ERROR_401, "\r\nWWW-Authenticate: Basic realm=\"restricted\"\r\n" },
		{ HTTP_ERROR_405, "\r\nAllow:\r\n" },
		{ HTTP_ERROR_407, "\r\nProxy-Authenticate: Basic realm=\"restricted\"\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = sent(http_answer_builtin(rows[i].error), "", false);

		assert_non_null(strstr(text, rows[i].line));
		free(text);
	}
}

static void
a_head_request_gets_the_head_alone(void **state)
{
	char *text = sent(http_answer_builtin(HTTP_ERROR_404), "Connection: close\r\n", false);

	(void)state;
	assert_string_equal(
		text, "HTTP/1.1 404 Not Found\r\nContent-Length: 84\r\nCache-Control: no-cache\r\n"
				  "Content-Type: text/html\r\nConnection: close\r\n\r\n");
	free(text);
}

static void
lines_of_two_places_both_go_out(void **state)
{
	const struct http_answer *a = http_answer_builtin(HTTP_ERROR_404);
	struct iovec iov[HTTP_ANSWER_IOVECS];

	(void)state;
	assert_int_equal(http_answer_iov(a, SLICE("Location: /\r\n"),
					 SLICE("Connection: close\r\n"), true, iov),
			 HTTP_ANSWER_IOVECS);
	assert_memory_equal(iov[1].iov_base, "Location: /\r\n", iov[1].iov_len);
	assert_memory_equal(iov[2].iov_base, "Connection: close\r\n", iov[2].iov_len);
	assert_memory_equal(iov[3].iov_base, "\r\n", iov[3].iov_len);
}

static void
registered_statuses_have_a_reason(void **state)
{
	(void)state;
	assert_string_equal(http_reason(200), "OK");
	assert_string_equal(http_reason(100), "Continue");
	assert_string_equal(http_reason(511), "Network Authentication Required");
	for (unsigned status = 0; status <= UINT16_MAX; status++)
		assert_non_null(http_reason((uint16_t)status));
	assert_string_equal(http_reason(0), "");
	assert_string_equal(http_reason(99), "");
	assert_string_equal(http_reason(418), "");
	assert_string_equal(http_reason(512), "");
	assert_string_equal(http_reason(UINT16_MAX), "");
}

static void
an_answer_of_parts_gets_its_length(void **state)
{
	struct http_answer *a = NULL;

	(void)state;
	assert_int_equal(
		http_answer_new(&a, 200, SLICE("text/plain"), SLICE("X-A: 1\r\n"), SLICE("ok\n")),
			 ERR_OK);
	check_sent(
		a,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\nX-A: 1\r\n\r\nok\n");
	check_sound(a);
	http_answer_free(&a);
	assert_null(a);
	http_answer_free(&a);
	assert_int_equal(http_answer_new(&a, 302, NOTHING, SLICE("Location: /\r\n"), NOTHING),
			 ERR_OK);
	check_sent(a, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n");
	http_answer_free(&a);
	assert_int_equal(http_answer_new(&a, 299, NOTHING, NOTHING, NOTHING), ERR_OK);
	check_sent(a, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
	check_sound(a);
	http_answer_free(&a);
}

static void
a_status_without_a_body_gets_none(void **state)
{
	static const struct {
		uint16_t	 status;
		const char	*head;
	} rows[] = {
		{ 204, "HTTP/1.1 204 No Content\r\n\r\n" },
		{ 205, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n" },
		{ 304, "HTTP/1.1 304 Not Modified\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer *a = NULL;

		assert_int_equal(http_answer_new(&a, rows[i].status, SLICE("text/plain"), NOTHING,
						 SLICE("x")),
				 ERR_OK);
		check_sent(a, rows[i].head);
		check_sound(a);
		http_answer_free(&a);
	}
}

static void
an_error_file_is_made_sound(void **state)
{
	static const struct {
		const char	*file, *sent;
	} rows[] = {
		{ "HTTP/1.0 503 Service Unavailable\r\nCache-Control: no-cache\r\nConnection: close\r\n"
		  "Content-Type: text/html\r\n\r\n<b>gone</b>\r\n",
		  "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\nCache-Control: no-cache\r\n"
		  "Content-Type: text/html\r\n\r\n<b>gone</b>\r\n" },
		{ "HTTP/1.1 404 My Words\nX-A:1\nX-B: \t2 \t\n\nbody\n",
		  "HTTP/1.1 404 My Words\r\nContent-Length: 5\r\nX-A: 1\r\nX-B: 2\r\n\r\nbody\n" },
		{ "HTTP/1.1 400 Bad Request\nContent-length: 999\nCONTENT-LENGTH: 7\n\nbody",
		  "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nbody" },
		{ "HTTP/1.1 400 Bad Request\nTransfer-Encoding: chunked\nKeep-Alive: 5\nProxy-Connection: x\n"
		  "Upgrade: x\nTrailer: x\nTE: x\n\nbody",
		  "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nbody" },
		{ "HTTP/1.1 200\n\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n" },
		{ "HTTP/1.1 200 \nX:\n\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\nX: \r\n\r\n" },
		{ "HTTP/1.1 204 No Content\n\n", "HTTP/1.1 204 No Content\r\n\r\n" },
		{ "HTTP/1.1 599 \xc3\xa9\nX: \xc3\xa9\n\n\n\n",
		  "HTTP/1.1 599 \xc3\xa9\r\nContent-Length: 2\r\nX: \xc3\xa9\r\n\r\n\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer *a = NULL;
		struct diag diag = { "" };

		if (http_answer_parse(&a, slice_of(rows[i].file), MAX_BYTES, &diag) != ERR_OK)
			fail_msg("row %zu: %s", i, diag.text);
		check_sent(a, rows[i].sent);
		http_answer_free(&a);
	}
}

static void
a_broken_error_file_is_refused_with_its_line(void **state)
{
	static const struct {
		const char	*file, *why;
	} rows[] = {
		{ "", "line 1: the file ends" },
		{ "<html>sorry</html>", "line 1: the file ends" },
		{ "<html>sorry</html>\n", "line 1: a status line" },
		{ "HTTP/2 503 Sorry\n\n", "line 1: a status line" },
		{ "HTTP/1.2 503 Sorry\n\n", "line 1: a status line" },
		{ "HTTP/1.1  503 Sorry\n\n", "line 1: a status line" },
		{ "HTTP/1.1 50\n\n", "line 1: a status line" },
		{ "HTTP/1.1 5033 Sorry\n\n", "line 1: a status line" },
		{ "HTTP/1.1 5a3 Sorry\n\n", "line 1: a status line" },
		{ "HTTP/1.1 503 So\rry\n\n", "line 1: a status line" },
		{ "HTTP/1.1 100 Continue\n\n", "line 1: the status is none" },
		{ "HTTP/1.1 600 Sorry\n\n", "line 1: the status is none" },
		{ "HTTP/1.1 503 Sorry\n", "line 2: the file ends" },
		{ "HTTP/1.1 503 Sorry\nX-A: 1\n", "line 3: the file ends" },
		{ "HTTP/1.1 503 Sorry\nX-A: 1", "line 2: the file ends" },
		{ "HTTP/1.1 503 Sorry\nX-A: 1\n folded\n\n", "line 3: headers that are folded" },
		{ "HTTP/1.1 503 Sorry\nX-A\n\n", "line 2: a header" },
		{ "HTTP/1.1 503 Sorry\n: 1\n\n", "line 2: a header" },
		{ "HTTP/1.1 503 Sorry\nX A: 1\n\n", "line 2: a header" },
		{ "HTTP/1.1 503 Sorry\nX-A : 1\n\n", "line 2: a header" },
		{ "HTTP/1.1 503 Sorry\nX-A: 1\r\r\n\n", "line 2: a header" },
		{ "HTTP/1.1 503 Sorry\nConnection: \x01\n\n", "line 2: a header" },
		{ "HTTP/1.1 204 No Content\n\nbody", "line 2: this status has no body" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer *a = NULL;
		struct diag diag = { "" };

		assert_int_equal(http_answer_parse(&a, slice_of(rows[i].file), MAX_BYTES, &diag),
				 ERR_INVALID);
		if (strncmp(diag.text, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, diag.text);
		assert_null(a);
	}
}

static void
an_error_file_may_be_as_long_as_the_limit(void **state)
{
	struct slice file = SLICE("HTTP/1.1 503 Sorry\n\nbody");
	struct http_answer *a = NULL;
	struct diag diag = { "" };

	(void)state;
	assert_int_equal(http_answer_parse(&a, file, file.len - 1, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "the file has 24 bytes, more than 23");
	assert_int_equal(http_answer_parse(&a, file, file.len, &diag), ERR_OK);
	http_answer_free(&a);
}

static void
a_field_is_a_token_and_no_control_characters(void **state)
{
	(void)state;
	assert_true(http_field_is_sound(SLICE("X-A"), SLICE("a\tb \xff")));
	assert_true(http_field_is_sound(SLICE("!#$%&'*+-.^_`|~"), SLICE("")));
	assert_false(http_field_is_sound(SLICE(""), SLICE("a")));
	assert_false(http_field_is_sound(SLICE("X A"), SLICE("a")));
	assert_false(http_field_is_sound(SLICE("X:"), SLICE("a")));
	assert_false(http_field_is_sound(SLICE("X\r\n"), SLICE("a")));
	assert_false(http_field_is_sound(SLICE("X"), SLICE("a\r\nB: c")));
	assert_false(http_field_is_sound(SLICE("X"), SLICE("a\0")));
	assert_false(http_field_is_sound(SLICE("X"), SLICE("\x7f")));
}

static void
what_is_configured_comes_before_what_is_built_in(void **state)
{
	struct http_errors errors = { { NULL } };

	(void)state;
	assert_int_equal(http_answer_parse(&errors.own[HTTP_ERROR_503],
					   SLICE("HTTP/1.1 503 Sorry\n\nbody"), MAX_BYTES, NULL),
			 ERR_OK);
	assert_ptr_equal(http_errors_get(&errors, HTTP_ERROR_503), errors.own[HTTP_ERROR_503]);
	assert_ptr_equal(http_errors_get(&errors, HTTP_ERROR_502),
			 http_answer_builtin(HTTP_ERROR_502));
	assert_ptr_equal(http_errors_get(NULL, HTTP_ERROR_503),
			 http_answer_builtin(HTTP_ERROR_503));
	http_errors_fini(&errors);
	assert_null(errors.own[HTTP_ERROR_503]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_built_in_page_is_a_sound_response),
		cmocka_unit_test(a_page_is_small_and_says_what_it_is),
		cmocka_unit_test(a_page_has_the_field_that_its_status_must_have),
		cmocka_unit_test(a_head_request_gets_the_head_alone),
		cmocka_unit_test(lines_of_two_places_both_go_out),
		cmocka_unit_test(registered_statuses_have_a_reason),
		cmocka_unit_test(an_answer_of_parts_gets_its_length),
		cmocka_unit_test(a_status_without_a_body_gets_none),
		cmocka_unit_test(an_error_file_is_made_sound),
		cmocka_unit_test(a_broken_error_file_is_refused_with_its_line),
		cmocka_unit_test(an_error_file_may_be_as_long_as_the_limit),
		cmocka_unit_test(a_field_is_a_token_and_no_control_characters),
		cmocka_unit_test(what_is_configured_comes_before_what_is_built_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
