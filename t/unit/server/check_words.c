/*
 * What the end of a check is called. Each text in a row was measured with HAProxy 2.6 (the "info" of
 * log-health-checks); where we have words of our own the test says so.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "server/check_words_priv.h"
#include "t/unit/server/check_scene.h"

#define IS(said, text) assert_string_equal(said, text)

static char detail[CHECK_DETAIL_BYTES];

/* One line, as nothing else is ever told. */
static const char *
told(void)
{
	assert_true(strnlen(detail, sizeof(detail)) < sizeof(detail));
	for (const char *c = detail; *c != '\0'; c++)
		assert_in_range(*c, ' ', '~');
	return detail;
}

static const char *
failed(const struct check_step *step, const char *what)
{
	check_words_failed(detail, conf, step, what);
	return told();
}

static const char *
mismatch(const struct check_step *step)
{
	check_words_mismatch(detail, conf, step);
	return told();
}

static const char *
empty(const struct check_step *step)
{
	check_words_empty(detail, conf, step);
	return told();
}

static const char *
answer(const struct check_step *step, const char *what)
{
	check_words_answer(detail, conf, step, what);
	return told();
}

static void
add_connect(uint16_t port, const char *comment)
{
	assert_int_equal(
		check_conf_add_connect(&conf, &(struct check_connect){ .port = port }, comment),
		ERR_OK);
}

static void
add_send(const char *comment)
{
	assert_int_equal(check_conf_add_send(&conf, SLICE("secret"), comment), ERR_OK);
}

static void
add_expect(enum check_match match, bool negate, const char *pattern, const char *comment)
{
	struct check_expect expect = expect_of(match);

	expect.negate = negate;
	expect.text = SLICE("x-a");
	if (check_conf_add_expect(&conf, &expect, slice_of(pattern), comment, &diag) != ERR_OK)
		fail_msg("%s: %s", pattern, diag.text);
}

static void
add_request(const char *comment)
{
	assert_int_equal(check_conf_add_request(&conf, &(struct check_request){ .headers = NULL },
						comment, &diag), ERR_OK);
}

static void
a_step_of_tcp_check_is_named_by_number_kind_and_comment(void **state)
{
	conf_begin(CHECK_KIND_TCP);
	add_connect(81, "web");
	add_send("say");
	add_expect(CHECK_MATCH_STRING, false, "PONG", "cc");
	add_connect(0, NULL);
	add_expect(CHECK_MATCH_RSTRING, true, "^P", NULL);
	add_expect(CHECK_MATCH_RBINARY, false, "0001", NULL);
	conf_end();
	IS(failed(&conf->steps[0], "Connection refused"),
	   "Connection refused at step 1 of tcp-check (connect port 81) comment: 'web'");
	IS(failed(&conf->steps[1], "Broken pipe"),
	   "Broken pipe at step 2 of tcp-check (send) comment: 'say'");
	IS(failed(&conf->steps[2], "Connection reset by peer"),
	   "Connection reset by peer at step 3 of tcp-check (expect string 'PONG') comment: 'cc'");
	IS(failed(&conf->steps[3], "Connection refused"),
	   "Connection refused at step 4 of tcp-check (connect)");
	/* a timeout: HAProxy has a blank before it */
	IS(failed(&conf->steps[4], ""), "at step 5 of tcp-check (expect regex)");
	IS(failed(&conf->steps[5], ""), "at step 6 of tcp-check (expect binary regex)");
}

static void
the_connect_that_goes_without_saying_is_the_initial_one(void **state)
{
	conf_begin(CHECK_KIND_TCP);
	add_send(NULL);
	conf_end();
	IS(failed(&conf->steps[0], "Connection refused"),
	   "Connection refused at initial connection step of tcp-check");
	IS(failed(&conf->steps[1], ""), "at step 1 of tcp-check (send)");
}

static void
what_was_not_found_is_told_with_its_step_and_a_bare_comment(void **state)
{
	static const struct {
		enum check_match match;
		bool negate;
		const char *pattern, *comment, *told;
	} rows[] = {
		{ CHECK_MATCH_STRING, false, "PONG", "is it",
		  "TCPCHK did not match content 'PONG' at step 1 comment: is it" },
		{ CHECK_MATCH_STRING, false, "PONG", NULL,
		  "TCPCHK did not match content 'PONG' at step 1" },
		{ CHECK_MATCH_STRING, true, "he", "cc",
		  "TCPCHK matched unwanted content 'he' at step 1 comment: cc" },
		{ CHECK_MATCH_RSTRING, false, "^P.NG", "cc",
		  "TCPCHK did not match content (regex) at step 1 comment: cc" },
		{ CHECK_MATCH_RSTRING, true, "h.l", "cc",
		  "TCPCHK matched unwanted content (regex) at step 1 comment: cc" },
		{ CHECK_MATCH_BINARY, false, "504f4e47", "cc",
		  "TCPCHK did not match content (binary) at step 1 comment: cc" },
		{ CHECK_MATCH_BINARY, true, "6865", "cc",
		  "TCPCHK matched unwanted content (binary) at step 1 comment: cc" },
		{ CHECK_MATCH_RBINARY, false, "^50", "cc",
		  "TCPCHK did not match content (binary regex) at step 1 comment: cc" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf_begin(CHECK_KIND_TCP);
		add_expect(rows[i].match, rows[i].negate, rows[i].pattern, rows[i].comment);
		conf_end();
		IS(mismatch(last_step()), rows[i].told);
	}
}

static void
an_answer_of_no_bytes_has_its_comment_in_quotes(void **state)
{
	conf_begin(CHECK_KIND_TCP);
	add_send(NULL);
	add_expect(CHECK_MATCH_STRING, false, "a", "two");
	conf_end();
	IS(empty(last_step()), "TCPCHK got an empty response at step 2 comment: 'two'");
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_redis(&conf), ERR_OK);
	IS(empty(last_step()), "TCPCHK got an empty response at step 2");
	/* HAProxy: at step 2, which nobody wrote */
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_agent(&conf, SLICE("")), ERR_OK);
	IS(empty(last_step()), "TCPCHK got an empty response");
}

static void
http_says_what_and_not_where(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	add_expect(CHECK_MATCH_STRING, false, "foo", "cc");
	conf_end();
	IS(failed(&conf->steps[0], "Connection refused"), "Connection refused");
	IS(failed(&conf->steps[1], "Connection reset by peer"), "Connection reset by peer");
	IS(mismatch(last_step()), "HTTP content check did not match comment: cc");
	IS(answer(last_step(), "Oops there"), "Oops there comment: cc");
	conf_begin(CHECK_KIND_HTTP);
	add_expect(CHECK_MATCH_RSTRING, true, "3.5", NULL);
	conf_end();
	IS(mismatch(last_step()), "HTTP check matched unwanted content");
	/* HAProxy: no word */
	IS(empty(last_step()), "HTTP check got an empty response");
	IS(failed(last_step(), ""), "");
}

/* HAProxy has the words before "at step" alone, and the comment. */
static void
but_of_a_list_of_steps_the_step_is_told(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	add_connect(81, "web");
	add_request("ask");
	add_expect(CHECK_MATCH_STATUS, false, "200", "one");
	add_expect(CHECK_MATCH_HEADER, false, "", NULL);
	conf_end();
	IS(failed(&conf->steps[0], "Connection refused"),
	   "Connection refused at step 1 of http-check (connect port 81) comment: 'web'");
	IS(failed(&conf->steps[1], "Broken pipe"),
	   "Broken pipe at step 2 of http-check (send) comment: 'ask'");
	IS(failed(&conf->steps[2], ""),
	   "at step 3 of http-check (expect HTTP status codes) comment: 'one'");
	IS(failed(&conf->steps[3], ""), "at step 4 of http-check (expect HTTP header 'x-a')");
	IS(answer(&conf->steps[2], "Oops there"), "Oops there at step 3 comment: one");
	IS(mismatch(&conf->steps[2]), "HTTP content check did not match at step 3 comment: one");
}

static void
what_goes_without_saying_is_not_counted(void **state)
{
	conf_begin(CHECK_KIND_HTTP);
	add_expect(CHECK_MATCH_STATUS, false, "200", NULL);
	add_expect(CHECK_MATCH_STRING, false, "ok", NULL);
	conf_end();		/* a CONNECT and a request before them */
	assert_int_equal(conf->count, 4);
	IS(failed(&conf->steps[0], "x"), "x at initial connection step of http-check");
	IS(failed(&conf->steps[1], "x"), "x");
	IS(answer(&conf->steps[2], "x"), "x at step 1");
	IS(answer(&conf->steps[3], "x"), "x at step 2");
	conf_begin(CHECK_KIND_HTTP);
	add_connect(0, NULL);
	add_request(NULL);
	conf_end();		/* and an EXPECT behind them */
	IS(answer(&conf->steps[2], "Not Found"), "Not Found");
}

static void
of_presets_and_a_bare_connect_nothing_is_told_but_what(void **state)
{
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_connect(&conf), ERR_OK);
	IS(failed(&conf->steps[0], "Connection refused"), "Connection refused");
	IS(failed(&conf->steps[0], ""), "");
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_redis(&conf), ERR_OK);
	IS(failed(last_step(), "Connection reset by peer"), "Connection reset by peer");
	IS(answer(last_step(), "-LOADING"), "-LOADING");
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_smtp(&conf, SLICE(""), SLICE(""), &diag), ERR_OK);
	IS(failed(last_step(), ""), "");
	IS(answer(last_step(), "go away"), "go away");
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_agent(&conf, SLICE("hi")), ERR_OK);
	IS(failed(last_step(), ""), "");
}

static void
what_passed_is_called_by_who_asked(void **state)
{
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_connect(&conf), ERR_OK);
	IS(check_words_passed(conf), "");
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new_redis(&conf), ERR_OK);
	IS(check_words_passed(conf), "Redis server is ok");
	conf_begin(CHECK_KIND_TCP);
	add_send(NULL);
	conf_end();
	IS(check_words_passed(conf), "(tcp-check)");
	conf_begin(CHECK_KIND_TCP);
	add_connect(0, NULL);
	conf_end();
	IS(check_words_passed(conf), "(tcp-check)");
	conf_begin(CHECK_KIND_HTTP);
	conf_end();
	IS(check_words_passed(conf), "");
}

/* HAProxy lets a long pattern push the comment out. */
static void
what_is_long_is_cut_and_what_is_not_printable_escaped(void **state)
{
	char pattern[301], comment[601];

	memset(pattern, 'x', sizeof(pattern) - 1);
	memset(comment, '\n', sizeof(comment) - 1);
	pattern[sizeof(pattern) - 1] = comment[sizeof(comment) - 1] = '\0';
	conf_begin(CHECK_KIND_TCP);
	add_expect(CHECK_MATCH_STRING, false, pattern, comment);
	add_expect(CHECK_MATCH_STRING, false, "a\n\001", "b\r\n");
	conf_end();
	IS(mismatch(&conf->steps[1]),
	   "TCPCHK did not match content 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' at step 1 "
	   "comment: \\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A...");
	IS(failed(&conf->steps[1], ""),
	   "at step 1 of tcp-check (expect string 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...') "
	   "comment: '\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A...'");
	IS(mismatch(&conf->steps[2]),
	   "TCPCHK did not match content 'a\\x0A\\x01' at step 2 comment: b\\x0D\\x0A");
	for (size_t len = 0; len < sizeof(comment); len++) {
		comment[len] = '\0';
		memset(comment, 'w', len);
		(void)failed(&conf->steps[1], comment);
		(void)answer(&conf->steps[1], comment);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, conf_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_step_of_tcp_check_is_named_by_number_kind_and_comment),
		TEST(the_connect_that_goes_without_saying_is_the_initial_one),
		TEST(what_was_not_found_is_told_with_its_step_and_a_bare_comment),
		TEST(an_answer_of_no_bytes_has_its_comment_in_quotes),
		TEST(http_says_what_and_not_where),
		TEST(but_of_a_list_of_steps_the_step_is_told),
		TEST(what_goes_without_saying_is_not_counted),
		TEST(of_presets_and_a_bare_connect_nothing_is_told_but_what),
		TEST(what_passed_is_called_by_who_asked),
		TEST(what_is_long_is_cut_and_what_is_not_printable_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
