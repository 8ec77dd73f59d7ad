/*
 * What answers to checks are worth. Each is judged whole and cut at every byte: the verdict is the same.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "t/unit/server/check_scene.h"

#define IS(said, text) assert_string_equal(said, text)

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK_TEN	 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
#define CHUNKED	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void
http_of(enum check_match match, const char *pattern)
{
	conf_of(CHECK_KIND_HTTP, expect_of(match), pattern);
}

static void
http_not(enum check_match match, const char *pattern)
{
	struct check_expect expect = expect_of(match);

	expect.negate = true;
	conf_of(CHECK_KIND_HTTP, expect, pattern);
}

static void
tcp_of(enum check_match match, const char *pattern)
{
	conf_of(CHECK_KIND_TCP, expect_of(match), pattern);
}

static void
tcp_not(enum check_match match, const char *pattern)
{
	struct check_expect expect = expect_of(match);

	expect.negate = true;
	conf_of(CHECK_KIND_TCP, expect, pattern);
}

static void
tcp_min(enum check_match match, const char *pattern, int32_t min_recv)
{
	struct check_expect expect = expect_of(match);

	expect.min_recv = min_recv;
	conf_of(CHECK_KIND_TCP, expect, pattern);
}

static void
header_of(bool negate, enum check_value_match how, const char *value)
{
	struct check_expect expect = expect_of(CHECK_MATCH_HEADER);

	expect.negate = negate;
	expect.text = SLICE("x-a");
	expect.value_match = how;
	expect.value = slice_of(value);
	conf_of(CHECK_KIND_HTTP, expect, "");
}

static void
connecting_and_sending_pass_by_themselves(void **state)
{
	size_t used;

	tcp_of(CHECK_MATCH_STRING, "x");
	assert_int_equal(judge_once(&conf->steps[0], SLICE(""), false, &used), CHECK_JUDGED_PASS);
	IS(said, "PASS L4OK 0");
}

/* -- HTTP: the status -- */

static void
without_an_expect_2xx_and_3xx_are_fine(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_open(OK_EMPTY), "PASS L7OK 200");
	IS(judge_open("HTTP/1.0 302 Found\r\n\r\n"), "PASS L7OK 302");
	IS(judge_open("HTTP/1.0 404 Not Found\r\n\r\n"), "FAIL L7STS 404 Not Found");
	IS(judge_open("HTTP/1.0 500 Internal Server Error\r\n\r\n"),
	   "FAIL L7STS 500 Internal Server Error");
	IS(judge_open("HTTP/1.0 500\r\n\r\n"), "FAIL L7STS 500");
}

static void
a_reason_is_escaped(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_open("HTTP/1.1 503 a\x80\tb\r\n\r\n"), "FAIL L7STS 503 a\\x80\\x09b");
}

static void
a_404_means_go_away_softly(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf->disable_on_404 = true;
	conf_end();
	IS(judge_open("HTTP/1.0 404 Not Found\r\n\r\n"), "PASS L7OKC 404");
	IS(judge_open("HTTP/1.0 410 Gone\r\n\r\n"), "FAIL L7STS 410 Gone");
}

static void
a_404_wins_over_what_is_expected(void **state)
{
	http_of(CHECK_MATCH_STRING, "hello");
	conf->disable_on_404 = true;
	IS(judge_open("HTTP/1.0 404 Not Found\r\n\r\n"), "PASS L7OKC 404");
}

static void
a_404_ends_it_before_its_last_step(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "404");
	conf_expect(expect_of(CHECK_MATCH_STATUS), "404");
	conf->disable_on_404 = true;
	conf_end();
	IS(judge_cut(&conf->steps[2], SLICE("HTTP/1.0 404 No\r\n\r\n"), false), "FAIL L7OKC 404");
}

static void
a_status_is_in_one_of_the_ranges(void **state)
{
	http_of(CHECK_MATCH_STATUS, "201-204,300");
	IS(judge_open("HTTP/1.1 201 x\r\n\r\n"), "PASS L7OK 201");
	IS(judge_open("HTTP/1.1 204 x\r\n\r\n"), "PASS L7OK 204");
	IS(judge_open("HTTP/1.1 300 x\r\n\r\n"), "PASS L7OK 300");
	IS(judge_open("HTTP/1.1 200 Fine\r\n\r\n"), "FAIL L7STS 200 Fine");
	http_not(CHECK_MATCH_STATUS, "200");
	IS(judge_open("HTTP/1.1 200 Fine\r\n\r\n"), "FAIL L7STS 200 Fine");
	IS(judge_open("HTTP/1.1 500 x\r\n\r\n"), "PASS L7OK 500");
}

static void
a_status_matches_a_regex(void **state)
{
	http_of(CHECK_MATCH_RSTATUS, "^[45]");
	IS(judge_open("HTTP/1.1 404 x\r\n\r\n"), "PASS L7OK 404");
	IS(judge_open("HTTP/1.1 200 Fine\r\n\r\n"), "FAIL L7STS 200 Fine");
	http_not(CHECK_MATCH_RSTATUS, "^5");
	IS(judge_open("HTTP/1.1 500 x\r\n\r\n"), "FAIL L7STS 500 x");
}

/* -- HTTP: answers that are none -- */

static void
an_empty_answer_is_invalid(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_ended(""), "FAIL L7RSP 0 HTTP check got an empty response");
	IS(judge_open(""), "MORE");
}

static void
junk_is_invalid_at_once(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_open("junk!"), "FAIL L7RSP 0 no valid HTTP answer: bad-version");
	IS(judge_open("HTTP/1.1 200 OK\r\nContent Length: 6\r\n\r\n"),
	   "FAIL L7RSP 0 no valid HTTP answer: bad-header-name");
	IS(judge_open("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\n"),
	   "FAIL L7RSP 0 no valid HTTP answer: bad-length");
}

static void
a_head_cut_in_its_middle_is_invalid(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_ended("HTTP/1.1 200 OK\r\nContent-Len"),
	   "FAIL L7RSP 0 the answer ends within its head");
	IS(judge_open("HTTP/1.1 200 OK\r\nContent-Len"), "MORE");
}

static void
a_head_longer_than_the_room_is_invalid(void **state)
{
	static char reply[CHECK_REPLY_BYTES];
	size_t used;

	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "HTTP/1.1 200 OK\r\nA: ", 20);
	judge_once(last_step(), (struct slice){ reply, sizeof(reply) }, false, &used);
	IS(said, "FAIL L7RSP 0 the head of the answer is over 16384 bytes");
}

static void
interim_answers_are_passed_over(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_open("HTTP/1.1 100 Continue\r\n\r\n" OK_EMPTY), "PASS L7OK 200");
	IS(judge_open("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" OK_EMPTY),
	   "PASS L7OK 200");
	IS(judge_ended("HTTP/1.1 100 Continue\r\n\r\n"),
	   "FAIL L7RSP 0 the answer ends behind a 1xx");
}

static void
lines_of_a_head_may_end_as_scripts_end_them(void **state)
{
	http_of(CHECK_MATCH_STRING, "body");
	IS(judge_ended("HTTP/1.1 200 OK\n\nbody"), "PASS L7OK 200");
	IS(judge_ended("HTTP/1.1 200 OK\r\n\nbody"), "PASS L7OK 200");
	IS(judge_open("HTTP/1.1 503 No\r\nContent-Length: 4\n\nbody"), "PASS L7OK 503");
	IS(judge_open("HTTP/1.1 100 C\n\n" OK_TEN "body"), "PASS L7OK 200");
	IS(judge_ended("HTTP/1.1 200 OK\nContent-"),
	   "FAIL L7RSP 0 the answer ends within its head");
	IS(judge_open("HTTP/1.1 200 OK\rA: b\n\n"),
	   "FAIL L7RSP 0 no valid HTTP answer: bad-line-end");
}

static void
an_upgrade_that_was_asked_for_may_be_expected(void **state)
{
	const struct check_header h[] = { { SLICE("Connection"), SLICE("Upgrade") },
					  { SLICE("Upgrade"), SLICE("websocket") } };
	const struct check_request r = { .version = SLICE("HTTP/1.1"),
					 .method = SLICE("GET"),
					 .headers = h,
					 .header_count = 2 };

	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(check_conf_add_request(&conf, &r, NULL, &diag), ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "101");
	conf_end();
	IS(judge_open("HTTP/1.1 101 Sw\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
	   "PASS L7OK 101");
}

static void
a_status_does_not_wait_for_the_body(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(judge_open(OK_TEN), "PASS L7OK 200");
	IS(judge_ended(OK_TEN "abc"), "PASS L7OK 200");
	IS(judge_open(CHUNKED "zz"), "PASS L7OK 200");
}

/* -- HTTP: the body -- */

static void
a_string_is_sought_in_the_body(void **state)
{
	http_of(CHECK_MATCH_STRING, "needle");
	IS(judge_open(OK_TEN "a needle b"), "PASS L7OK 200");
	IS(judge_open(OK_TEN "a noodle b"), "FAIL L7RSP 200 HTTP content check did not match");
	IS(judge_open("HTTP/1.1 200 needle\r\nContent-Length: 1\r\n\r\nx"),
	   "FAIL L7RSP 200 HTTP content check did not match");
	IS(judge_open("HTTP/1.1 500 x\r\nContent-Length: 6\r\n\r\nneedle"), "PASS L7OK 500");
}

static void
a_string_that_has_come_is_enough(void **state)
{
	http_of(CHECK_MATCH_STRING, "needle");
	IS(judge_open(OK_TEN "needle"), "PASS L7OK 200");
	IS(judge_open(OK_TEN "needl"), "MORE");
}

static void
a_string_that_must_not_be_there_needs_the_whole_body(void **state)
{
	http_not(CHECK_MATCH_STRING, "needle");
	IS(judge_open(OK_TEN "abc"), "MORE");
	IS(judge_open(OK_TEN "0123456789"), "PASS L7OK 200");
	IS(judge_open(OK_TEN "needle"), "FAIL L7RSP 200 HTTP check matched unwanted content");
}

static void
a_body_cut_in_its_middle_is_judged_as_it_is(void **state)
{
	http_of(CHECK_MATCH_STRING, "needle");
	IS(judge_ended(OK_TEN "abc"), "FAIL L7RSP 200 HTTP content check did not match");
	http_not(CHECK_MATCH_STRING, "needle");
	IS(judge_ended(OK_TEN "abc"), "PASS L7OK 200");
}

static void
without_a_length_the_end_of_the_connection_is_the_bodys(void **state)
{
	http_of(CHECK_MATCH_RSTRING, "^a.c$");
	IS(judge_open("HTTP/1.0 200 OK\r\n\r\nabc"), "MORE");
	IS(judge_ended("HTTP/1.0 200 OK\r\n\r\nabc"), "PASS L7OK 200");
	IS(judge_ended("HTTP/1.0 200 OK\r\n\r\nabcd"),
	   "FAIL L7RSP 200 HTTP content check did not match");
}

static void
a_string_is_sought_in_the_decoded_body(void **state)
{
	http_of(CHECK_MATCH_STRING, "needle");
	IS(judge_open(CHUNKED "3\r\nnee\r\n3;x=y\r\ndle\r\n0\r\n\r\n"), "PASS L7OK 200");
	IS(judge_open(CHUNKED "6;needle\r\nabcdef\r\n0\r\n\r\n"),
	   "FAIL L7RSP 200 HTTP content check did not match");
	IS(judge_open(CHUNKED "3\r\nnee\r\nzz"),
	   "FAIL L7RSP 200 no valid HTTP answer: bad-chunk-size");
	IS(judge_open(CHUNKED "6\r\nneedle\r\nzz"), "PASS L7OK 200");
}

static void
a_regex_waits_for_the_whole_body(void **state)
{
	http_of(CHECK_MATCH_RSTRING, "^ok$");
	IS(judge_open(OK_TEN "ok"), "MORE");
	IS(judge_open(OK_TEN "okayokayok"), "FAIL L7RSP 200 HTTP content check did not match");
	IS(judge_open("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "PASS L7OK 200");
	http_not(CHECK_MATCH_RSTRING, "exception");
	IS(judge_open(OK_TEN "exception!"), "FAIL L7RSP 200 HTTP check matched unwanted content");
}

static void
no_body_has_neither_what_is_wanted_nor_what_is_not(void **state)
{
	http_of(CHECK_MATCH_STRING, "x");
	IS(judge_open(OK_EMPTY),
	   "FAIL L7RSP 200 HTTP content check could not find a response body");
	http_not(CHECK_MATCH_STRING, "x");
	IS(judge_open(OK_EMPTY),
	   "FAIL L7RSP 200 HTTP content check could not find a response body");
	IS(judge_open("HTTP/1.1 204 No\r\n\r\n"),
	   "FAIL L7RSP 204 HTTP content check could not find a response body");
}

static void
an_answer_to_head_has_no_body(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(check_conf_add_request(&conf,
						&(struct check_request){ .method = SLICE("HEAD") },
						NULL, &diag), ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STRING), "x");
	conf_end();
	IS(judge_open(OK_TEN), "FAIL L7RSP 200 HTTP content check could not find a response body");
}

static void
of_a_long_body_the_front_is_judged(void **state)
{
	static char reply[CHECK_REPLY_BYTES + 100];
	size_t used;

	http_of(CHECK_MATCH_STRING, "needle");
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n", 42);
	judge_once(last_step(), (struct slice){ reply, CHECK_REPLY_BYTES - 1 }, false, &used);
	IS(said, "MORE");
	memcpy(reply + CHECK_REPLY_BYTES, "needle", 6);
	judge_once(last_step(), (struct slice){ reply, sizeof(reply) }, false, &used);
	IS(said, "FAIL L7RSP 200 HTTP content check did not match");
}

static void
min_recv_makes_what_came_conclusive(void **state)
{
	struct check_expect expect = expect_of(CHECK_MATCH_RSTRING);
	size_t used;

	expect.min_recv = 3;
	conf_of(CHECK_KIND_HTTP, expect, "needle");
	assert_int_equal(judge_once(last_step(), SLICE(OK_TEN "ne"), false, &used),
			 CHECK_JUDGED_MORE);
	assert_int_equal(judge_once(last_step(), SLICE(OK_TEN "nee"), false, &used),
			 CHECK_JUDGED_FAIL);
}

/* -- HTTP: headers -- */

static void
a_header_has_to_be_there(void **state)
{
	header_of(false, CHECK_VALUE_NONE, "");
	IS(judge_open("HTTP/1.1 200 OK\r\nX-A:\r\n\r\n"), "PASS L7OK 200");
	IS(judge_open("HTTP/1.1 500 No\r\nX-A: 1\r\n\r\n"), "PASS L7OK 500");
	IS(judge_open("HTTP/1.1 200 OK\r\nX-B: 1\r\n\r\n"),
	   "FAIL L7STS 200 header \"x-a\" is missing");
	header_of(true, CHECK_VALUE_NONE, "");
	IS(judge_open("HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n"),
	   "FAIL L7STS 200 header \"x-a\" is there");
}

static void
a_value_fits_by_the_way_it_is_matched(void **state)
{
	static const char reply[] = "HTTP/1.1 200 OK\r\nX-A: abc , \"x,y\"\r\nX-A: def\r\n\r\n";
	static const struct {
		enum check_value_match how;
		const char *value;
		bool fits;
	} rows[] = {
		{ CHECK_VALUE_STR, "abc", true },
		{ CHECK_VALUE_STR, "Abc", false },
		{ CHECK_VALUE_STR, "\"x,y\"", true },
		{ CHECK_VALUE_STR, "def", true },
		{ CHECK_VALUE_BEG, "de", true },
		{ CHECK_VALUE_BEG, "ef", false },
		{ CHECK_VALUE_END, "bc", true },
		{ CHECK_VALUE_END, "ab", false },
		{ CHECK_VALUE_SUB, "e", true },
		{ CHECK_VALUE_SUB, "g", false },
		{ CHECK_VALUE_SUB, "c , ", true },
		{ CHECK_VALUE_SUB, "far longer than it is, or the line", false },
		{ CHECK_VALUE_REG, "^d.f$", true },
		{ CHECK_VALUE_REG, "^c", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		header_of(false, rows[i].how, rows[i].value);
		IS(judge_open(reply), rows[i].fits ?
			"PASS L7OK 200" : "FAIL L7STS 200 header \"x-a\" has another value");
		header_of(true, rows[i].how, rows[i].value);
		IS(judge_open(reply), rows[i].fits ?
			"FAIL L7STS 200 header \"x-a\" has the unwanted value" : "PASS L7OK 200");
	}
}

/* -- HTTP: several steps -- */

static void
an_answer_ends_before_the_next_request(void **state)
{
	const struct check_step *first;
	size_t used;

	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(check_conf_add_request(
				 &conf, &(struct check_request){ .uri = SLICE("/a") }, NULL, &diag),
			 ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "200");
	assert_int_equal(check_conf_add_request(
				 &conf, &(struct check_request){ .uri = SLICE("/b") }, NULL, &diag),
			 ERR_OK);
	conf_end();
	first = &conf->steps[2];
	IS(judge_cut(first, SLICE(OK_TEN "abc"), false), "MORE");
	IS(judge_cut(first, SLICE(OK_TEN "0123456789"), false), "PASS L7OK 200");
	judge_once(first, SLICE("HTTP/1.1 100 C\r\n\r\n" OK_TEN "0123456789HTTP/1.1"), false,
		   &used);
	assert_int_equal(used, sizeof("HTTP/1.1 100 C\r\n\r\n" OK_TEN) - 1 + 10);
	judge_once(first, SLICE(CHUNKED "1\r\nx\r\n0\r\nT: x\r\n\r\nHTTP/1.1"), false, &used);
	assert_int_equal(used, sizeof(CHUNKED "1\r\nx\r\n0\r\nT: x\r\n\r\n") - 1);
	IS(judge_cut(first, SLICE(CHUNKED "1\r\nx\r\nzz"), false),
	   "FAIL L7RSP 200 no valid HTTP answer: bad-chunk-size at step 2");
}

static void
two_expects_look_at_the_same_answer(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "200");
	conf_expect(expect_of(CHECK_MATCH_STRING), "nok");
	conf_end();
	IS(judge_cut(&conf->steps[2], SLICE(OK_TEN), false), "PASS L7OK 200");
	IS(judge_cut(&conf->steps[3], SLICE(OK_TEN "0123456789"), false),
	   "FAIL L7RSP 200 HTTP content check did not match at step 2");
}

/* -- what the user calls it -- */

static void
a_comment_is_told_with_a_failure(void **state)
{
	const struct check_expect expect = expect_of(CHECK_MATCH_STATUS);

	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(
		check_conf_add_expect(&conf, &expect, SLICE("200"), "must be fine\n", &diag),
			 ERR_OK);
	conf_end();
	IS(judge_open("HTTP/1.1 500 Oops\r\n\r\n"),
	   "FAIL L7STS 500 Oops comment: must be fine\\x0A");
}

static void
results_may_be_called_otherwise(void **state)
{
	struct check_expect expect = expect_of(CHECK_MATCH_STATUS);

	expect.ok_status = CHECK_L4OK;
	expect.error_status = CHECK_L7OKC;
	conf_of(CHECK_KIND_HTTP, expect, "200");
	IS(judge_open(OK_EMPTY), "PASS L4OK 200");
	IS(judge_open("HTTP/1.1 500 x\r\n\r\n"), "FAIL L7OKC 500 x");
}

static void
steps_are_counted_as_written(void **state)
{
	conf_begin(CHECK_KIND_TCP);
	assert_int_equal(check_conf_add_connect(&conf, &(struct check_connect){ .port = 81 }, NULL),
			 ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STRING), "a");
	conf_end();
	IS(judge_ended("b"), "FAIL L7RSP 0 TCPCHK did not match content 'a' at step 2");
	tcp_of(CHECK_MATCH_STRING, "a");
	IS(judge_ended("b"), "FAIL L7RSP 0 TCPCHK did not match content 'a' at step 1");
}

/* -- TCP -- */

static void
a_string_may_come_later(void **state)
{
	tcp_of(CHECK_MATCH_STRING, "PONG");
	IS(judge_open("+PONG\r\n"), "PASS L7OK 0");
	IS(judge_open("hello world"), "MORE");
	IS(judge_ended("hello world"),
	   "FAIL L7RSP 0 TCPCHK did not match content 'PONG' at step 1");
	IS(judge_ended(""), "FAIL L7RSP 0 TCPCHK got an empty response at step 1");
	IS(judge_cut(last_step(), SLICE("a\0PONG"), false), "PASS L7OK 0");
}

static void
what_must_not_come_is_known_at_the_end(void **state)
{
	tcp_not(CHECK_MATCH_STRING, "PONG");
	IS(judge_open("hello"), "MORE");
	IS(judge_ended("hello"), "PASS L7OK 0");
	IS(judge_ended("PO"), "PASS L7OK 0");
	IS(judge_ended(""), "FAIL L7RSP 0 TCPCHK got an empty response at step 1");
	IS(judge_open("PONG"), "FAIL L7RSP 0 TCPCHK matched unwanted content 'PONG' at step 1");
}

static void
min_recv_is_waited_for_and_is_enough(void **state)
{
	size_t used;

	tcp_min(CHECK_MATCH_STRING, "PONG", 10);
	IS(judge_open("PONG"), "MORE");
	IS(judge_ended("PONG"), "PASS L7OK 0");
	tcp_min(CHECK_MATCH_RSTRING, "PING", 4);
	assert_int_equal(judge_once(last_step(), SLICE("PON"), false, &used), CHECK_JUDGED_MORE);
	assert_int_equal(judge_once(last_step(), SLICE("PONG"), false, &used), CHECK_JUDGED_FAIL);
	tcp_min(CHECK_MATCH_STRING, "PONG", 0);
	assert_int_equal(judge_once(last_step(), SLICE("+PO"), false, &used), CHECK_JUDGED_MORE);
	assert_int_equal(judge_once(last_step(), SLICE("+POxyz"), false, &used), CHECK_JUDGED_FAIL);
}

static void
a_regex_matches_what_came(void **state)
{
	tcp_of(CHECK_MATCH_RSTRING, "^P.NG");
	IS(judge_open("PUNG"), "PASS L7OK 0");
	IS(judge_open("xPONG"), "MORE");
	IS(judge_ended("xPONG"), "FAIL L7RSP 0 TCPCHK did not match content (regex) at step 1");
}

static void
bytes_are_sought_by_their_digits(void **state)
{
	tcp_of(CHECK_MATCH_BINARY, "2b504F4e47");
	IS(judge_open("x+PONG"), "PASS L7OK 0");
	IS(judge_ended("+PANG"), "FAIL L7RSP 0 TCPCHK did not match content (binary) at step 1");
	tcp_of(CHECK_MATCH_RBINARY, "^2b50(4f|4a)4E");
	IS(judge_open("+PONG"), "PASS L7OK 0");
	IS(judge_open("+PJN"), "PASS L7OK 0");
	IS(judge_ended("-PONG"),
	   "FAIL L7RSP 0 TCPCHK did not match content (binary regex) at step 1");
}

/* -- presets -- */

static void
redis_answers_with_pong(void **state)
{
	assert_int_equal(check_conf_new_redis(&conf), ERR_OK);
	IS(judge_open("+PONG\r\n"), "PASS L7OK 0");
	IS(judge_open("+PO"), "MORE");
	IS(judge_open("-NOAUTH Authentication required.\r\n"),
	   "FAIL L7STS 0 -NOAUTH Authentication required.");
	IS(judge_ended("-LOADING x"), "FAIL L7STS 0 -LOADING x");
	IS(judge_ended(""), "FAIL L7STS 0 TCPCHK got an empty response at step 2");
}

static void
smtp_replies_begin_with_2(void **state)
{
	assert_int_equal(check_conf_new_smtp(&conf, SLICE(""), SLICE(""), &diag), ERR_OK);
	IS(judge_open("220 mail ESMTP\r\n"), "PASS L7OK 220 mail ESMTP");
	IS(judge_open("250\r\n"), "PASS L7OK 250");
	IS(judge_open("554 go away\r\n"), "FAIL L7STS 554 go away");
	IS(judge_ended("221 bye"), "PASS L7OK 221 bye");
	IS(judge_open("220 mail"), "MORE");
}

static void
smtp_replies_may_have_lines(void **state)
{
	assert_int_equal(check_conf_new_smtp(&conf, SLICE(""), SLICE(""), &diag), ERR_OK);
	IS(judge_open("250-hi\r\n250-SIZE\r\n250 OK\r\n"), "PASS L7OK 250 hi");
	IS(judge_open("250-hi\r\n250-SIZE\r\n"), "MORE");
	IS(judge_ended("250-hi\r\n"), "FAIL L7RSP 0 250-hi");
	IS(judge_open("250-hi\r\n550 no\r\n"), "FAIL L7RSP 0 550 no");
}

static void
what_is_no_smtp_is_invalid(void **state)
{
	assert_int_equal(check_conf_new_smtp(&conf, SLICE(""), SLICE(""), &diag), ERR_OK);
	IS(judge_open("hello\r\n"), "FAIL L7RSP 0 hello");
	IS(judge_open("22 x\r\n"), "FAIL L7RSP 0 22 x");
	IS(judge_open("220x\r\n"), "FAIL L7RSP 0 220x");
	IS(judge_ended(""), "FAIL L7RSP 0 TCPCHK got an empty response at step 5");
}

static void
an_agents_line_counts_with_its_end(void **state)
{
	size_t used;

	assert_int_equal(check_conf_new_agent(&conf, SLICE("")), ERR_OK);
	IS(judge_open("up 50%\nmore"), "PASS L7OK 0 up 50%");
	IS(judge_open("up 50%"), "MORE");
	IS(judge_ended("up 50%"), "FAIL L7RSP 0 Ignoring incomplete line from agent");
	IS(judge_ended("up\t50%\n"), "PASS L7OK 0 up 50%");
	IS(judge_ended(""), "FAIL L7RSP 0 TCPCHK got an empty response");
	judge_once(last_step(), SLICE("up\r\nmore"), false, &used);
	assert_int_equal(used, 4);
}

static void
an_agents_empty_line_is_an_answer(void **state)
{
	assert_int_equal(check_conf_new_agent(&conf, SLICE("")), ERR_OK);
	IS(judge_open("\n"), "PASS L7OK 0");
	IS(judge_open("\r\ndown\n"), "PASS L7OK 0");
	IS(judge_open(" \t \n"), "PASS L7OK 0");
}

static void
of_an_agents_line_a_short_form_is_told(void **state)
{
	static char reply[CHECK_REPLY_BYTES];
	size_t used;

	assert_int_equal(check_conf_new_agent(&conf, SLICE("")), ERR_OK);
	IS(judge_open(" down\t#a\\b \xc3\xa9 \r\n"), "PASS L7OK 0 down #a\\x5Cb \\xC3\\xA9");
	memset(reply, ' ', sizeof(reply));
	memcpy(reply + sizeof(reply) - 5, "down\n", 5);
	judge_once(last_step(), (struct slice){ reply, sizeof(reply) }, false, &used);
	IS(said, "PASS L7OK 0 down");
	reply[sizeof(reply) - 1] = ' ';
	judge_once(last_step(), (struct slice){ reply, sizeof(reply) }, false, &used);
	IS(said, "FAIL L7RSP 0 Ignoring incomplete line from agent");
	memset(reply, 'x', sizeof(reply) - 1);
	reply[sizeof(reply) - 1] = '\n';
	judge_once(last_step(), (struct slice){ reply, sizeof(reply) }, false, &used);
	assert_int_equal(strlen(said), strlen("PASS L7OK 0 ") + CHECK_DETAIL_BYTES - 1);
	IS(said + strlen(said) - 4, "x...");
}

static void
the_first_line_is_what_stands_before_its_end(void **state)
{
	static const char *const rows[][2] = { { "up\r\nmore", "up" }, { "up\rmore", "up" },
					       { "up\n", "up" }, { "\nup", "" }, { "up", "up" },
					       { " up\t\n", " up\t" }, { "", "" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(slice_equals(check_first_line(slice_of(rows[i][0])),
					 slice_of(rows[i][1])));
}

#define TEST(name) cmocka_unit_test_teardown(name, conf_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connecting_and_sending_pass_by_themselves),
		TEST(without_an_expect_2xx_and_3xx_are_fine),
		TEST(a_reason_is_escaped),
		TEST(a_404_means_go_away_softly),
		TEST(a_404_wins_over_what_is_expected),
		TEST(a_404_ends_it_before_its_last_step),
		TEST(a_status_is_in_one_of_the_ranges),
		TEST(a_status_matches_a_regex),
		TEST(an_empty_answer_is_invalid),
		TEST(junk_is_invalid_at_once),
		TEST(a_head_cut_in_its_middle_is_invalid),
		TEST(a_head_longer_than_the_room_is_invalid),
		TEST(interim_answers_are_passed_over),
		TEST(lines_of_a_head_may_end_as_scripts_end_them),
		TEST(an_upgrade_that_was_asked_for_may_be_expected),
		TEST(a_status_does_not_wait_for_the_body),
		TEST(a_string_is_sought_in_the_body),
		TEST(a_string_that_has_come_is_enough),
		TEST(a_string_that_must_not_be_there_needs_the_whole_body),
		TEST(a_body_cut_in_its_middle_is_judged_as_it_is),
		TEST(without_a_length_the_end_of_the_connection_is_the_bodys),
		TEST(a_string_is_sought_in_the_decoded_body),
		TEST(a_regex_waits_for_the_whole_body),
		TEST(no_body_has_neither_what_is_wanted_nor_what_is_not),
		TEST(an_answer_to_head_has_no_body),
		TEST(of_a_long_body_the_front_is_judged),
		TEST(min_recv_makes_what_came_conclusive),
		TEST(a_header_has_to_be_there),
		TEST(a_value_fits_by_the_way_it_is_matched),
		TEST(an_answer_ends_before_the_next_request),
		TEST(two_expects_look_at_the_same_answer),
		TEST(a_comment_is_told_with_a_failure),
		TEST(results_may_be_called_otherwise),
		TEST(steps_are_counted_as_written),
		TEST(a_string_may_come_later),
		TEST(what_must_not_come_is_known_at_the_end),
		TEST(min_recv_is_waited_for_and_is_enough),
		TEST(a_regex_matches_what_came),
		TEST(bytes_are_sought_by_their_digits),
		TEST(redis_answers_with_pong),
		TEST(smtp_replies_begin_with_2),
		TEST(smtp_replies_may_have_lines),
		TEST(what_is_no_smtp_is_invalid),
		TEST(an_agents_line_counts_with_its_end),
		TEST(an_agents_empty_line_is_an_answer),
		TEST(of_an_agents_line_a_short_form_is_told),
		TEST(the_first_line_is_what_stands_before_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
