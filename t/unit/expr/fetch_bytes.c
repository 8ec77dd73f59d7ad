/*
 * What raw bytes tell: payloads, RDP, HTTP, TLS hellos. The expected values were read off HAProxy 2.6 with the
 * same bytes; "-": there is no such value; "-?": not yet.
 */
#include "config.h"
#include "../expr/scene.h"
#include <stdlib.h>
#include "expr/expr.h"

/* TLS 1.3 as OpenSSL sends it: SNI www.x.org, ALPN h2 and http/1.1, groups, an empty ticket. */
static const char hello[] =
	"\x16\x03\x01\x00\x67\x01\x00\x00\x63\x03\x03"
	"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\x04ssss\x00\x04\x13\x02\xc0\x2c\x01\x00\x00\x32"
	"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09www.x.org"
	"\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17"
	"\x00\x23\x00\x00"
	"\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1";

#define BYTES(text)                      \
	{                                \
		(text), sizeof(text) - 1 \
	}

static struct expr *
expr_of(const char *text)
{
	struct expr *expr = NULL;
	struct diag diag = { "" };

	if (expr_compile(&expr, slice_of(text), &env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return expr;
}

/* Of a copy that ends where memory ends, so that the sanitizer sees a step too far. */
static const char *
value_of(const char *text, struct slice bytes, bool is_final)
{
	static char value[512];
	char room[512], *copy = malloc(bytes.len + 1);
	struct eval eval = { .room = { room, sizeof(room) }, .is_final = is_final };
	struct expr *expr = expr_of(text);
	struct sample sample;

	assert_non_null(copy);
	memcpy(copy + 1, bytes.at, bytes.len);
	eval.request_bytes = eval.response_bytes = (struct slice){ copy + 1, bytes.len };
	if (expr_eval_as(expr, &eval, SAMPLE_STRING, &sample))
		snprintf(value, sizeof(value), "%.*s%s", (int)sample.text.len, sample.text.at,
			 eval.is_undecided ? "?" : "");
	else
		snprintf(value, sizeof(value), "-%s", eval.is_undecided ? "?" : "");
	expr_free(&expr);
	free(copy);
	return value;
}

static void
expect(const char *text, struct slice bytes, bool is_final, const char *value)
{
	const char *is = value_of(text, bytes, is_final);

	if (strcmp(is, value) != 0)
		fail_msg("%s of %zu bytes is \"%s\", not \"%s\"", text, bytes.len, is, value);
}

static void
a_client_hello_tells_what_it_wants(void **state)
{
	struct slice bytes = BYTES(hello);

	(void)state;
	expect("req.ssl_hello_type", bytes, false, "1");
	expect("req_ssl_ver", bytes, false, "196611");
	expect("req.ssl_sni", bytes, false, "www.x.org");
	expect("req.ssl_alpn", bytes, false, "h2");
	expect("req.ssl_ec_ext", bytes, false, "1");
	expect("req.ssl_st_ext", bytes, false, "1");
	expect("req.rdp_cookie", bytes, true, "-");
	expect("req.proto_http", bytes, true, "-");
	expect("res.ssl_hello_type", bytes, false, "1");
}

static void
half_a_hello_is_awaited(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(hello) - 1; len++) {
		expect("req.ssl_sni", (struct slice){ hello, len }, false, "-?");
		expect("req.ssl_hello_type", (struct slice){ hello, len }, true, "-");
	}
}

/* Any byte may be wrong: nothing is read that is not there. */
static void
a_broken_hello_harms_nobody(void **state)
{
	static const char *const texts[] = { "req.ssl_sni", "req.ssl_alpn", "req.ssl_st_ext" };

	(void)state;
	for (size_t i = 0; i < sizeof(hello) - 1; i++) {
		for (int byte = 0; byte < 256; byte += 5) {
			char bytes[sizeof(hello)];

			memcpy(bytes, hello, sizeof(hello));
			bytes[i] = (char)byte;
			for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
				value_of(texts[t], (struct slice){ bytes, sizeof(hello) - 1 },
					 false);
		}
	}
}

static void
other_records_are_no_hello(void **state)
{
	static const struct slice server = BYTES("\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00");
	static const struct slice alert = BYTES("\x15\x03\x03\x00\x02\x01\x00");
	char v2[48] = "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10";

	(void)state;
	expect("req.ssl_hello_type", server, false, "2");
	expect("req.ssl_ver", server, false, "-");
	expect("req.ssl_sni", server, false, "-");
	expect("req.ssl_hello_type", alert, false, "-");
	expect("req.ssl_ver", alert, false, "-");
	expect("req.ssl_hello_type", SLICE("GET /"), false, "-");
	expect("req.ssl_ver", (struct slice){ v2, sizeof(v2) }, false, "196609");
	expect("req.ssl_hello_type", (struct slice){ v2, sizeof(v2) }, false, "-");
}

static void
payloads_stay_in_what_has_come(void **state)
{
	static const struct slice lv = BYTES("\x02\x00\x00\x00\x03" "abcdef");
	static const struct slice too_short = BYTES("\x02\x00\x00\x00\x09" "abcdef");

	(void)state;
	expect("req.len", lv, false, "11?");
	expect("req.len", lv, true, "11");
	expect("req.payload(5,3)", lv, false, "abc");
	expect("req.payload(5,0)", lv, false, "abcdef?");
	expect("req.payload(5,0)", lv, true, "abcdef");
	expect("req.payload(11,0)", lv, true, "");
	expect("req.payload(9,3)", lv, false, "-?");
	expect("req.payload(9,3)", lv, true, "-");
	expect("req.payload(0,100000)", lv, false, "-");	/* there will never be so many */
	expect("req.payload(0,0)", SLICE(""), true, "-");
	expect("req.payload_lv(3,2)", lv, false, "abc");
	expect("req.payload_lv(3,2,0),hex", lv, false, "020000");
	expect("req.payload_lv(3,2,+2)", lv, false, "cde");
	expect("req.payload_lv(3,2,-1),hex", lv, false, "036162");
	expect("req.payload_lv(3,2,+9)", lv, false, "-?");
	expect("req.payload_lv(3,2)", too_short, false, "-?");
	expect("req.payload_lv(1,2)", too_short, false, "-");	/* a length of 0 */
	expect("req.payload_lv(0,8)", lv, false, "-");		/* one that is too large */
	expect("req.payload_lv(9,8)", lv, false, "-?");
	expect("res.payload(5,3)", lv, false, "abc");
}

static void
rdp_has_a_cookie(void **state)
{
	static const struct slice cookie = BYTES(
		"\x03\x00\x00\x29\x24\xe0\x00\x00\x00\x00\x00"
		"Cookie: mstshash=joe\r\n\x01\x00\x08\x00\x00\x00\x00\x00");
	static const struct slice other = BYTES("\x03\x00\x00\x24\x1f\xe0\x00\x00\x00\x00\x00"
						"cookie:   Foo=bar baz;x\r\n");
	static const struct slice none = BYTES("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00"
					       "\x01\x00\x08\x00\x00\x00\x00\x00");

	(void)state;
	expect("req.rdp_cookie", cookie, false, "joe");
	expect("rdp_cookie(MSTShash)", cookie, false, "joe");
	expect("rdp_cookie(foo)", cookie, false, "-");
	expect("rdp_cookie_cnt(foo)", cookie, false, "0");
	expect("rdp_cookie_cnt", cookie, false, "1");
	expect("req.rdp_cookie", other, false, "bar baz;x");
	expect("req.rdp_cookie", none, false, "-");
	expect("req.rdp_cookie_cnt", none, false, "0");
	for (size_t len = 0; len < cookie.len; len++) {
		expect("req.rdp_cookie", (struct slice){ cookie.at, len }, false, "-?");
		expect("req.rdp_cookie_cnt", (struct slice){ cookie.at, len }, true, "-");
	}
}

static void
http_is_recognized_when_its_head_is_whole(void **state)
{
	(void)state;
	expect("req.proto_http", SLICE("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), false, "1");
	expect("req.proto_http", SLICE("GET /a HTTP/1.1\r\nHo"), false, "-?");
	expect("req.proto_http", SLICE("GET /a HTTP/1.1\r\nHo"), true, "-");
	expect("req.proto_http", SLICE("GET\r\n\r\n"), false, "-");
}

static void
the_end_of_waiting_is_awaited(void **state)
{
	(void)state;
	expect("wait_end", SLICE(""), false, "-?");
	expect("wait_end", SLICE(""), true, "1");
}

static void
an_offset_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = {
		"req.payload(-1,2)", "req.payload_lv(0,0)", "req.payload_lv(0,2,x)",
		"req.payload_lv(0,2,-3)", "req.payload_lv(-1,2)", "req.payload_lv(0,2,+)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct expr *expr = NULL;

		if (expr_compile(&expr, slice_of(texts[i]), &env, &(struct diag){ "" }) !=
		    ERR_INVALID)
			fail_msg("%s was taken", texts[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_hello_tells_what_it_wants),
		cmocka_unit_test(half_a_hello_is_awaited),
		cmocka_unit_test(a_broken_hello_harms_nobody),
		cmocka_unit_test(other_records_are_no_hello),
		cmocka_unit_test(payloads_stay_in_what_has_come),
		cmocka_unit_test(rdp_has_a_cookie),
		cmocka_unit_test(http_is_recognized_when_its_head_is_whole),
		cmocka_unit_test(the_end_of_waiting_is_awaited),
		cmocka_unit_test(an_offset_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
