/*
 * Lists of steps for checks: what they become, and what is refused.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "t/unit/server/check_scene.h"

static const struct check_request plain;

static enum err
request_add(struct check_request request)
{
	diag.text[0] = '\0';
	return check_conf_add_request(&conf, &request, NULL, &diag);
}

static struct check_request
request_of(const char *method, const char *uri, const char *version)
{
	return (struct check_request){ .method = slice_of(method),
				       .uri = slice_of(uri),
				       .version = slice_of(version) };
}

static void
sent_is(uint32_t step, const char *bytes)
{
	assert_true(step < conf->count);
	assert_int_equal(conf->steps[step].kind, CHECK_STEP_SEND);
	if (!slice_equals(conf->steps[step].send, slice_of(bytes)))
		fail_msg("%.*s", (int)conf->steps[step].send.len, conf->steps[step].send.at);
}

/* The bytes of one request alone. */
static void
request_is(struct check_request request, const char *bytes)
{
	conf_begin(CHECK_KIND_HTTP);
	if (request_add(request) != ERR_OK)
		fail_msg("%s: %s", bytes, diag.text);
	sent_is(0, bytes);
}

static void
request_refused(struct check_request request, const char *why)
{
	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(request_add(request), ERR_INVALID);
	if (strstr(diag.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", diag.text, why);
}

static void
header_refused(const char *name, struct slice value, const char *why)
{
	const struct check_header h = { slice_of(name), value };

	request_refused((struct check_request){ .headers = &h, .header_count = 1 }, why);
}

static void
expect_refused(enum check_kind kind, enum check_match match, const char *pattern, const char *why)
{
	const struct check_expect expect = expect_of(match);

	conf_begin(kind);
	diag.text[0] = '\0';
	assert_int_equal(check_conf_add_expect(&conf, &expect, slice_of(pattern), NULL, &diag),
			 ERR_INVALID);
	if (strstr(diag.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", diag.text, why);
}

static void
a_bare_connect_is_one_step_that_nobody_wrote(void **state)
{
	assert_int_equal(check_conf_new_connect(&conf), ERR_OK);
	assert_int_equal(conf->count, 1);
	assert_int_equal(conf->steps[0].kind, CHECK_STEP_CONNECT);
	assert_false(conf->steps[0].connect.is_explicit);
}

static void
a_list_lives_as_long_as_somebody_counts_on_it(void **state)
{
	struct check_conf *other;

	assert_int_equal(check_conf_new_connect(&conf), ERR_OK);
	other = check_conf_ref(conf);
	check_conf_unref(&other);
	assert_null(other);
	assert_int_equal(conf->count, 1);
}

static void
http_alone_asks_as_haproxy_does(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	assert_int_equal(conf->count, 3);
	sent_is(1, "OPTIONS / HTTP/1.0\r\n\r\n");
	assert_int_equal(conf->steps[2].kind, CHECK_STEP_EXPECT);
	assert_int_equal(conf->steps[2].expect.match, CHECK_MATCH_ANY);
}

static void
an_expect_alone_gets_the_request_before_it(void **state)
{
	conf_of(CHECK_KIND_HTTP, expect_of(CHECK_MATCH_STATUS), "200");
	assert_int_equal(conf->count, 3);
	sent_is(1, "OPTIONS / HTTP/1.0\r\n\r\n");
	assert_int_equal(conf->steps[2].expect.match, CHECK_MATCH_STATUS);
}

static void
a_last_request_without_expect_gets_one(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(request_add(plain), ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "200");
	assert_int_equal(check_conf_add_connect(&conf, &(struct check_connect){ .port = 81 }, NULL),
			 ERR_OK);
	assert_int_equal(request_add(plain), ERR_OK);
	conf_end();
	assert_int_equal(conf->count, 6);
	assert_true(conf->steps[3].connect.is_explicit);
	assert_int_equal(conf->steps[5].expect.match, CHECK_MATCH_ANY);
}

static void
http_1_0_sends_no_host_and_no_connection(void **state)
{
	request_is(request_of("GET", "/x?y=z", ""), "GET /x?y=z HTTP/1.0\r\n\r\n");
}

static void
http_1_1_says_close_and_has_a_host(void **state)
{
	request_is(request_of("GET", "/x", "HTTP/1.1"),
		   "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

static void
a_host_that_was_written_is_the_only_one(void **state)
{
	const struct check_header h = { SLICE("host"), SLICE("www") };
	struct check_request r = request_of("OPTIONS", "*", "HTTP/1.1");

	r.headers = &h;
	r.header_count = 1;
	request_is(r, "OPTIONS * HTTP/1.1\r\nhost: www\r\nConnection: close\r\n\r\n");
}

static void
an_absolute_uri_brings_its_host(void **state)
{
	request_is(request_of("GET", "http://ex.org:81/x", "HTTP/1.1"),
		   "GET http://ex.org:81/x HTTP/1.1\r\nHost: ex.org:81\r\n"
		   "Connection: close\r\n\r\n");
	request_is(request_of("GET", "/x?u=http://a/b", ""),
		   "GET /x?u=http://a/b HTTP/1.0\r\n\r\n");
}

static void
a_body_has_its_length_before_it(void **state)
{
	struct check_request r = request_of("POST", "/p", "HTTP/1.0");

	r.body = SLICE("abc");
	request_is(r, "POST /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
}

static void
a_post_without_body_says_so(void **state)
{
	request_is(request_of("POST", "/p", ""), "POST /p HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
}

static void
a_length_by_hand_has_to_be_true(void **state)
{
	const struct check_header h = { SLICE("content-length"), SLICE("3") };
	struct check_request r = request_of("POST", "/p", "HTTP/1.0");

	r.headers = &h;
	r.header_count = 1;
	r.body = SLICE("abc");
	request_is(r, "POST /p HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc");
	r.body = SLICE("ab");
	request_refused(r, "Content-Length \"3\": the body has 2 bytes");
}

static void
a_connection_by_hand_is_left_alone(void **state)
{
	const struct check_header h[] = { { SLICE("Host"), SLICE("h") },
					  { SLICE("Connection"), SLICE("Upgrade") },
					  { SLICE("Upgrade"), SLICE("websocket") } };
	struct check_request r = request_of("GET", "/", "HTTP/1.1");

	r.headers = h;
	r.header_count = 3;
	request_is(r, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
		      "Upgrade: websocket\r\n\r\n");
}

static void
requests_on_one_connection_keep_it_but_the_last(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(request_add(request_of("GET", "/a", "HTTP/1.0")), ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "200");
	assert_int_equal(request_add(request_of("GET", "/b", "HTTP/1.1")), ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "200");
	assert_int_equal(request_add(request_of("GET", "/c", "HTTP/1.1")), ERR_OK);
	conf_end();
	sent_is(1, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	sent_is(3, "GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n");
	sent_is(5, "GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

static void
a_request_behind_one_that_says_close_is_refused(void **state)
{
	const struct check_header h = { SLICE("Connection"), SLICE("close") };

	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(request_add((struct check_request){ .headers = &h, .header_count = 1 }),
			 ERR_OK);
	conf_expect(expect_of(CHECK_MATCH_STATUS), "200");
	assert_int_equal(request_add(plain), ERR_INVALID);
	assert_non_null(strstr(diag.text, "put a connect step between"));
}

static void
a_request_behind_one_that_nobody_judged_is_refused(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	assert_int_equal(request_add(plain), ERR_OK);
	assert_int_equal(request_add(plain), ERR_INVALID);
	assert_non_null(strstr(diag.text, "put an expect or a connect step between"));
}

static void
what_would_break_a_request_is_refused_by_name(void **state)
{
	request_refused(request_of("GET /", "/", ""), "method \"GET /\"");
	request_refused(request_of("CONNECT", "h:1", ""), "method \"CONNECT\"");
	request_refused(request_of("GET", "/a b", ""), "uri \"/a b\"");
	request_refused(request_of("GET", "/\r\nX: y", ""), "uri \"/\\x0D\\x0AX: y\"");
	request_refused(request_of("GET", "/\xc3\xa4", ""), "uri \"/\\xC3\\xA4\"");
	request_refused(request_of("GET", "/", "HTTP/2.0"), "version \"HTTP/2.0\"");
	request_refused(request_of("GET", "/", "HTTP/1.1\r\nHost: x"), "version");
	header_refused("", SLICE("x"), "header name \"\"");
	header_refused("A B", SLICE("x"), "header name \"A B\"");
	header_refused("A:", SLICE("x"), "header name \"A:\"");
	header_refused("A", SLICE("x\ny"), "header value \"x\\x0Ay\"");
	header_refused("A", SLICE("x\ry"), "header value \"x\\x0Dy\"");
	header_refused("A", SLICE("x\0y"), "header value \"x\\x00y\"");
	header_refused("transfer-encoding", SLICE("chunked"), "Transfer-Encoding \"chunked\"");
	header_refused("Content-Length", SLICE("x"), "Content-Length \"x\"");
}

static void
a_host_that_is_not_the_uris_is_refused(void **state)
{
	const struct check_header h = { SLICE("Host"), SLICE("other") };
	struct check_request r = request_of("GET", "http://ex.org/", "HTTP/1.1");

	r.headers = &h;
	r.header_count = 1;
	request_refused(r, "bad-host");
}

static void
patterns_that_mean_nothing_are_refused_by_name(void **state)
{
	static const char *const ranges[] = { "",	"20",	    "99",	"1000", "300-200",
					      "200-",	"-200",	    "200,",	",200", "200 ",
					      "2xx",	"200-3-4",  "200,,201" };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		expect_refused(CHECK_KIND_HTTP, CHECK_MATCH_STATUS, ranges[i], "status \"");
	expect_refused(CHECK_KIND_HTTP, CHECK_MATCH_RSTATUS, "(", "regular expression");
	expect_refused(CHECK_KIND_HTTP, CHECK_MATCH_STRING, "", "at least one byte");
	expect_refused(CHECK_KIND_TCP, CHECK_MATCH_RSTRING, "", "at least one byte");
	expect_refused(CHECK_KIND_TCP, CHECK_MATCH_BINARY, "0d0", "even number");
	expect_refused(CHECK_KIND_TCP, CHECK_MATCH_BINARY, "0x", "even number");
	expect_refused(CHECK_KIND_TCP, CHECK_MATCH_BINARY, "", "even number");
	expect_refused(CHECK_KIND_TCP, CHECK_MATCH_STATUS, "200", "not for this type");
	expect_refused(CHECK_KIND_HTTP, CHECK_MATCH_BINARY, "00", "not for this type");
}

static void
a_header_to_expect_needs_a_name(void **state)
{
	struct check_expect expect = expect_of(CHECK_MATCH_HEADER);

	conf_begin(CHECK_KIND_HTTP);
	expect.text = SLICE("a:");
	assert_int_equal(check_conf_add_expect(&conf, &expect, SLICE(""), NULL, &diag),
			 ERR_INVALID);
	expect.text = SLICE("a");
	expect.value = SLICE("(");
	expect.value_match = CHECK_VALUE_REG;
	assert_int_equal(check_conf_add_expect(&conf, &expect, SLICE(""), NULL, &diag),
			 ERR_INVALID);
	assert_non_null(strstr(diag.text, "regular expression"));
}

static void
hexadecimal_is_sent_as_bytes(void **state)
{
	conf_begin(CHECK_KIND_TCP);
	assert_int_equal(check_conf_add_send_hex(&conf, SLICE("50494e470D0a"), "ping", &diag),
			 ERR_OK);
	sent_is(0, "PING\r\n");
	assert_string_equal(conf->steps[0].comment, "ping");
	assert_int_equal(check_conf_add_send_hex(&conf, SLICE("5"), NULL, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "hex \"5\""));
}

static void
more_than_64_steps_are_too_many(void **state)
{
	conf_begin(CHECK_KIND_TCP);
	for (int i = 0; i < CHECK_STEPS_MAX; i++)
		assert_int_equal(check_conf_add_send(&conf, SLICE("x"), "again"), ERR_OK);
	assert_int_equal(check_conf_add_send(&conf, SLICE("x"), "again"), ERR_LIMIT);
	conf_end();
	assert_int_equal(conf->count, CHECK_STEPS_MAX + 1);
}

static void
redis_is_asked_for_a_pong(void **state)
{
	assert_int_equal(check_conf_new_redis(&conf), ERR_OK);
	assert_int_equal(conf->count, 3);
	sent_is(1, "*1\r\n$4\r\nPING\r\n");
}

static void
smtp_is_greeted_and_left(void **state)
{
	assert_int_equal(check_conf_new_smtp(&conf, SLICE(""), SLICE(""), &diag), ERR_OK);
	assert_int_equal(conf->count, 6);
	sent_is(2, "HELO localhost\r\n");
	sent_is(4, "QUIT\r\n");
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_smtp(&conf, SLICE("EHLO"), SLICE("ex.org"), &diag), ERR_OK);
	sent_is(2, "EHLO ex.org\r\n");
}

static void
smtp_says_nothing_that_it_should_not(void **state)
{
	assert_int_equal(check_conf_new_smtp(&conf, SLICE("MAIL"), SLICE("x"), &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "hello \"MAIL\""));
	assert_int_equal(check_conf_new_smtp(&conf, SLICE("HELO"), SLICE("a\r\nDATA"), &diag),
			 ERR_INVALID);
	assert_non_null(strstr(diag.text, "domain \"a\\x0D\\x0ADATA\""));
}

static void
an_agent_is_told_something_only_if_that_was_written(void **state)
{
	assert_int_equal(check_conf_new_agent(&conf, SLICE("")), ERR_OK);
	assert_int_equal(conf->count, 2);
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_agent(&conf, SLICE("hi\n")), ERR_OK);
	assert_int_equal(conf->count, 3);
	sent_is(1, "hi\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, conf_drop)

/* -- whether two are one -- */

struct variant {
	enum check_kind kind;
	bool disable_on_404;
	struct check_connect connect;
	const char *send;
	struct check_expect expect;
	const char *pattern;
};

static struct check_conf *
variant_new(const struct variant *v, const char *comment)
{
	struct check_conf *made;

	conf_begin(v->kind);
	conf->disable_on_404 = v->disable_on_404;
	assert_int_equal(check_conf_add_connect(&conf, &v->connect, comment), ERR_OK);
	if (v->send != NULL)
		assert_int_equal(check_conf_add_send(&conf, slice_of(v->send), comment), ERR_OK);
	if (v->pattern != NULL)
		conf_expect(v->expect, v->pattern);
	conf_end();
	made = conf;
	conf = NULL;
	return made;
}

static void
two_are_one_if_they_ask_the_same_and_judge_alike(void **state)
{
#define EXPECT(m, ...)                                                \
	{                                                             \
		.match = CHECK_MATCH_##m, .min_recv = -1, __VA_ARGS__ \
	}
#define HEADER(name, how, value_text)                                                        \
	EXPECT(HEADER, .text = { name, sizeof(name) - 1 }, .value_match = CHECK_VALUE_##how, \
	       .value = { value_text, sizeof(value_text) - 1 })
	static const struct variant all[] = {
		{ .kind = CHECK_KIND_TCP },
		{ .kind = CHECK_KIND_HTTP },
		{ .kind = CHECK_KIND_HTTP, .disable_on_404 = true },
		{ .kind = CHECK_KIND_TCP, .connect = { .port = 7 } },
		{ .kind = CHECK_KIND_TCP, .connect = { .send_proxy = true } },
		{ .kind = CHECK_KIND_TCP, .connect = { .linger = true } },
		{ .kind = CHECK_KIND_TCP, .send = "a" },
		{ .kind = CHECK_KIND_TCP, .send = "b" },
		{ .kind = CHECK_KIND_TCP, .expect = EXPECT(STRING), .pattern = "a" },
		{ .kind = CHECK_KIND_TCP, .expect = EXPECT(STRING), .pattern = "ab" },
		{ .kind = CHECK_KIND_TCP,
		  .expect = EXPECT(STRING, .negate = true),
		  .pattern = "a" },
		{ .kind = CHECK_KIND_TCP,
		  .expect = { .match = CHECK_MATCH_STRING, .min_recv = 3 },
		  .pattern = "a" },
		{ .kind = CHECK_KIND_TCP,
		  .expect = EXPECT(STRING, .tout_status = CHECK_L4TOUT),
		  .pattern = "a" },
		{ .kind = CHECK_KIND_TCP,
		  .expect = EXPECT(STRING, .error_status = CHECK_L7OKC),
		  .pattern = "a" },
		{ .kind = CHECK_KIND_TCP, .expect = EXPECT(RSTRING), .pattern = "a" },
		{ .kind = CHECK_KIND_TCP, .expect = EXPECT(RSTRING), .pattern = "a+" },
		{ .kind = CHECK_KIND_HTTP, .expect = EXPECT(STATUS), .pattern = "200" },
		{ .kind = CHECK_KIND_HTTP, .expect = EXPECT(STATUS), .pattern = "200-299" },
		{ .kind = CHECK_KIND_HTTP, .expect = EXPECT(STATUS), .pattern = "200,404" },
		{ .kind = CHECK_KIND_HTTP, .expect = HEADER("a", STR, "x"), .pattern = "" },
		{ .kind = CHECK_KIND_HTTP, .expect = HEADER("a", REG, "x"), .pattern = "" },
		{ .kind = CHECK_KIND_HTTP, .expect = HEADER("a", REG, "x*"), .pattern = "" },
		{ .kind = CHECK_KIND_HTTP, .expect = HEADER("b", STR, "x"), .pattern = "" },
	};
	enum { COUNT = sizeof(all) / sizeof(all[0]) };
	struct check_conf *made[COUNT];

	for (int i = 0; i < COUNT; i++)
		made[i] = variant_new(&all[i], NULL);
	for (int i = 0; i < COUNT; i++) {
		struct check_conf *again = variant_new(&all[i], "a comment changes nothing");

		for (int k = 0; k < COUNT; k++)
			if (check_conf_equals(again, made[k]) != (i == k))
				fail_msg("variants %d and %d", i, k);
		assert_false(check_conf_equals(again, NULL));
		check_conf_unref(&again);
	}
	assert_true(check_conf_equals(NULL, NULL));
	for (int i = 0; i < COUNT; i++)
		check_conf_unref(&made[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bare_connect_is_one_step_that_nobody_wrote),
		TEST(a_list_lives_as_long_as_somebody_counts_on_it),
		TEST(http_alone_asks_as_haproxy_does),
		TEST(an_expect_alone_gets_the_request_before_it),
		TEST(a_last_request_without_expect_gets_one),
		TEST(http_1_0_sends_no_host_and_no_connection),
		TEST(http_1_1_says_close_and_has_a_host),
		TEST(a_host_that_was_written_is_the_only_one),
		TEST(an_absolute_uri_brings_its_host),
		TEST(a_body_has_its_length_before_it),
		TEST(a_post_without_body_says_so),
		TEST(a_length_by_hand_has_to_be_true),
		TEST(a_connection_by_hand_is_left_alone),
		TEST(requests_on_one_connection_keep_it_but_the_last),
		TEST(a_request_behind_one_that_says_close_is_refused),
		TEST(a_request_behind_one_that_nobody_judged_is_refused),
		TEST(what_would_break_a_request_is_refused_by_name),
		TEST(a_host_that_is_not_the_uris_is_refused),
		TEST(patterns_that_mean_nothing_are_refused_by_name),
		TEST(a_header_to_expect_needs_a_name),
		TEST(hexadecimal_is_sent_as_bytes),
		TEST(more_than_64_steps_are_too_many),
		TEST(redis_is_asked_for_a_pong),
		TEST(smtp_is_greeted_and_left),
		TEST(smtp_says_nothing_that_it_should_not),
		TEST(an_agent_is_told_something_only_if_that_was_written),
		TEST(two_are_one_if_they_ask_the_same_and_judge_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
