/*
 * What heads and bodies tell. The expected values were read off HAProxy 2.6 with the same requests;
 * "-": there is no such value.
 */
#include "config.h"
#include "../expr/scene.h"
#include "core/iptext.h"
#include "expr/expr.h"
#include "expr/userlist.h"

struct row {
	const char	*expr, *value;
};

static struct refs refs;
static char room[16384];

static struct expr *
expr_of(const char *text)
{
	struct compile_env place = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	struct expr *expr = NULL;
	struct diag diag = { "" };

	if (expr_compile(&expr, slice_of(text), &place, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return expr;
}

/* As text; static memory. */
static const char *
value_of(const char *text, const struct eval *of)
{
	static char buf[4096];
	struct eval eval = *of;
	struct expr *expr = expr_of(text);
	struct sample sample;

	eval.room = (struct http_room){ room, sizeof(room) };
	snprintf(buf, sizeof(buf), "-");
	if (expr_eval_as(expr, &eval, SAMPLE_STRING, &sample))
		snprintf(buf, sizeof(buf), "%.*s", (int)sample.text.len, sample.text.at);
	expr_free(&expr);
	return buf;
}

static void
check(const struct row *rows, size_t count, const struct eval *eval)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = value_of(rows[i].expr, eval);

		if (strcmp(value, rows[i].value) != 0)
			fail_msg("%s is \"%s\", not \"%s\"", rows[i].expr, value, rows[i].value);
	}
}

#define CHECK(rows, ...) \
	check(rows, sizeof(rows) / sizeof((rows)[0]), \
	      &(struct eval){ .is_final = true, __VA_ARGS__ })

static struct http_field response_fields[HTTP_FIELDS_MAX];

/* A 200 with these lines, each with its CRLF; static memory. */
static const struct http_head *
response_of(const char *lines)
{
	static char bytes[2048];
	static struct http_head head;
	struct h1_parse parse = { 0 };

	snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", lines);
	head = (struct http_head){ .fields = response_fields };
	if (h1_parse_response(&parse, &head, bytes, strlen(bytes), NULL) != H1_DONE)
		fail_msg("%s: %s", bytes, http_fault_name(parse.fault));
	return &head;
}

#define FORWARDED                                                                  \
	"Host: ex.com:80\r\n"                                                      \
	"X-F: 10.0.0.1, 2001:db8::1 ,, \"a,b\", [::1], 1.2.3.4:80\r\nX-F: last\r\n" \
	"X-Num: 12abc\r\nX-N2: -5\r\nX-E:\r\nX-R: a,\r\n"

static void
headers_are_cut_at_commas_and_counted(void **state)
{
	static const struct row rows[] = {
		{ "req.hdr(x-f)", "last" },
		{ "req.hdr(x-f,1)", "10.0.0.1" },
		{ "req.hdr(x-f,3)", "" },
		{ "req.hdr(x-f,4)", "\"a,b\"" },
		{ "req.hdr(x-f,9)", "-" },
		{ "req.hdr(x-f,-2)", "1.2.3.4:80" },
		{ "req.hdr(x-f,-7)", "10.0.0.1" },
		{ "req.hdr(x-f,-10)", "-" },
		{ "req.hdr(,1)", "ex.com:80" },
		{ "req.fhdr(x-f)", "last" },
		{ "req.fhdr(x-f,1)", "10.0.0.1, 2001:db8::1 ,, \"a,b\", [::1], 1.2.3.4:80" },
		{ "req.hdr_cnt(x-f)", "7" },
		{ "req.hdr_cnt(x-r)", "2" },
		{ "req.hdr_cnt(nope)", "0" },
		{ "req.fhdr_cnt(x-f)", "2" },
		{ "req.fhdr_cnt", "7" },
		{ "req.hdr(x-e)", "" },
		{ "req.hdr(nope)", "-" },
		{ "hdr(host)", "ex.com:80" },
		{ "hdr_val(x-num)", "12" },
		{ "hdr_val(x-n2)", "-5" },
		{ "req.hdr_names", "host,x-f,x-f,x-num,x-n2,x-e,x-r" },
		{ "req.hdr_names(;)", "host;x-f;x-f;x-num;x-n2;x-e;x-r" },
	};

	(void)state;
	CHECK(rows, .request = request_of("GET /", FORWARDED));
}

static void
only_what_is_an_address_is_one(void **state)
{
	static const struct row rows[] = {
		{ "req.hdr_ip(x-f)", "-" },	/* the last one is none: an earlier one may be forged */
		{ "req.hdr_ip(x-f,1)", "10.0.0.1" },
		{ "req.hdr_ip(x-f,2)", "2001:db8::1" },
		{ "req.hdr_ip(x-f,-2)", "1.2.3.4" },
		{ "req.hdr_ip(x-i)", "-" },
		{ "req.hdr_ip(x-j)", "-" },
		{ "req.hdr_ip(x-l)", "-" },
		{ "req.hdr_ip(x-m)", "1.2.3.4" },
		{ "req.hdr_ip(x-n)", "::ffff:1.2.3.4" },
		{ "req.hdr_ip(x-p)", "-" },
		{ "req.hdr_ip(x-e)", "-" },
	};
	const struct http_head *request = request_of("GET /",
		FORWARDED "X-I: 1.2.3.4:99999\r\nX-J: 1.2.3.4:\r\nX-L: [::1]\r\nX-M: 1.2.3.4:0\r\n"
			  "X-N: ::ffff:1.2.3.4\r\nX-P: 1.2.3.4x\r\n");

	(void)state;
	CHECK(rows, .request = request);
	assert_true(cond_says("{ hdr_ip(x-f) 1.2.3.4 }", request));
	assert_true(cond_says("{ hdr_ip(x-f) 10.0.0.0/8 }", request));
	assert_false(cond_says("{ hdr_ip(x-f) 11.0.0.0/8 }", request));
}

static void
cookies_are_read_as_browsers_write_them(void **state)
{
	static const struct row rows[] = {
		{ "req.cook(a)", "3" },
		{ "req.cook(b)", "\"two;2\"" },
		{ "req.cook(c)", "-" },
		{ "req.cook(d)", "" },
		{ "req.cook(e)", "5" },
		{ "req.cook(f)", "6" },
		{ "req.cook($Version)", "-" },
		{ "req.cook", "1" },
		{ "req.cook_cnt", "7" },
		{ "req.cook_cnt(a)", "2" },
		{ "req.cook_val(a)", "3" },
		{ "cook_val(nope)", "-" },
	};
	const struct http_head *request = request_of("GET /",
		"Host: x\r\nCookie: a=1; b = \"two;2\" ;c; a=3; d=\r\n"
		"Cookie: $Version=1; e=5,f=6;;\r\nCookie: k = \"open\r\n");

	(void)state;
	CHECK(rows, .request = request);
	assert_true(cond_says("{ cook(a) 1 }", request));
	assert_true(cond_says("{ cook(a) 3 }", request));
	assert_true(cond_says("{ cook(a) -m found } !{ cook(c) -m found }", request));
}

static void
a_response_sets_a_cookie_a_line(void **state)
{
	static const struct row rows[] = {
		{ "res.cook(a)", "2" },
		{ "res.cook(Path)", "-" },
		{ "scook_cnt", "2" },
		{ "res.cook_val(a)", "2" },
		{ "res.hdr(x-a,1)", "1" },
		{ "res.fhdr(x-a)", "1, 2" },
		{ "shdr_cnt(x-a)", "2" },
		{ "res.hdr_ip(x-i)", "192.0.2.1" },
		{ "status", "200" },
		{ "res.ver", "1.1" },
		{ "res.hdr_names", "set-cookie,set-cookie,x-a,x-i,content-length" },
	};

	(void)state;
	CHECK(rows, .response = response_of("Set-Cookie: a=1; Path=/\r\nSet-Cookie: a=2\r\n"
					    "X-A: 1, 2\r\nX-I: 192.0.2.1\r\n"));
}

static void
targets_are_told_in_parts(void **state)
{
	static const struct row rows[] = {
		{ "url", "/a/b;x=9?p=1&q=2;r=3&p=&=z&s" },
		{ "path", "/a/b;x=9" },
		{ "pathq", "/a/b;x=9?p=1&q=2;r=3&p=&=z&s" },
		{ "query", "p=1&q=2;r=3&p=&=z&s" },
		{ "base", "ex.com:80/a/b;x=9" },
		{ "baseq", "ex.com:80/a/b;x=9?p=1&q=2;r=3&p=&=z&s" },
		{ "base32", "2463621113" },
		{ "base,sdbm(1)", "2463621113" },
		{ "url32", "3689074370" },
		{ "urlp(p)", "1" },
		{ "urlp(q)", "2" },
		{ "urlp(r)", "3" },
		{ "urlp(s)", "-" },
		{ "urlp(x,;)", "9?p=1" },
		{ "urlp()", "1" },
		{ "urlp_val(q)", "2" },
		{ "url_ip", "-" },
		{ "url_port", "-" },
	};
	static const struct row absolute[] = {
		{ "url", "http://10.1.2.3:81/x?a=b" },
		{ "path", "/x" },
		{ "base", "10.1.2.3:81/x" },
		{ "url_ip", "10.1.2.3" },
		{ "url_port", "81" },
		{ "url32", "1620120551" },
		{ "base32", "1115293239" },
	};
	static const struct row asterisk[] = {
		{ "url", "*" },
		{ "path", "-" },
		{ "base", "ex.com" },
		{ "url32", "3582357527" },
		{ "base32", "3582357527" },
	};

	(void)state;
	CHECK(rows, .request = request_of("GET /a/b;x=9?p=1&q=2;r=3&p=&=z&s", FORWARDED));
	CHECK(absolute,
	      .request = request_of("POST http://10.1.2.3:81/x?a=b", "Host: 10.1.2.3:81\r\n"));
	CHECK(asterisk, .request = request_of("OPTIONS *", "Host: ex.com\r\n"));
}

static void
each_parameter_of_a_name_is_looked_at(void **state)
{
	const struct http_head *request = request_of("GET /z?a=1&&b=2&b=3?c=4&d=5", "Host: x\r\n");

	(void)state;
	assert_true(cond_says("{ urlp(b) 2 } { urlp(b) 3 } { urlp(c) 4 } { urlp 5 }", request));
	assert_false(cond_says("{ urlp(b) 4 }", request));
}

static void
heads_are_told_whole(void **state)
{
	static const struct row rows[] = {
		{ "req.hdrs", "host: ex.com\r\nx-a: b, C\r\n\r\n" },
		{ "req.hdrs_bin,hex", "04686F73740665782E636F6D03782D6104622C20430000" },
		{ "method", "PUT" },
		{ "req.ver", "1.1" },
	};

	(void)state;
	CHECK(rows, .request = request_of("PUT /", "Host: ex.com\r\nX-A:  b, C \r\n"));
}

static void
credentials_are_decoded(void **state)
{
	static const struct row basic[] = {
		{ "http_auth_user", "joe" },
		{ "http_auth_pass", "pass" },
		{ "http_auth_type", "Basic" },
		{ "http_auth_bearer", "-" },
		{ "http_auth_bearer(x-t)", "tok" },
		{ "http_auth_bearer(x-u)", "-" },
	};
	static const struct row bearer[] = {
		{ "http_auth_bearer", "abc.def" },
		{ "http_auth_type", "Bearer" },
		{ "http_auth_user", "-" },
	};
	static const struct row broken[] = {
		{ "http_auth_user", "-" },
		{ "http_auth_type", "-" },
	};

	(void)state;
	CHECK(basic, .request = request_of("GET /",
		"Host: x\r\nAuthorization: bAsIc   am9lOnBhc3M=\r\n"
		"X-T: Bearer  tok\r\nX-U: tok\r\n"));
	CHECK(bearer,
	      .request = request_of("GET /", "Host: x\r\nAuthorization: Bearer  abc.def \r\n"));
	CHECK(broken, .request = request_of("GET /", "Host: x\r\nAuthorization: Basic am9l\r\n"));
}

static void
a_userlist_knows_users_and_groups(void **state)
{
	const struct http_head *request =
		request_of("GET /", "Host: x\r\nAuthorization: Basic am9lOnBhc3M=\r\n");
	struct compile_env place = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	struct eval eval = { .request = request, .is_final = true };
	struct userlist *list = NULL;
	struct cond *cond = NULL;
	struct diag diag = { "" };

	(void)state;
	assert_int_equal(userlist_new(&list), ERR_OK);
	assert_int_equal(userlist_add(list, SLICE("joe"), SLICE("pass"), false, &diag), ERR_OK);
	assert_int_equal(userlist_add_to_group(list, SLICE("joe"), SLICE("staff")), ERR_OK);
	assert_int_equal(userlist_add_to_group(list, SLICE("joe"), SLICE("admins")), ERR_OK);
	assert_int_equal(cond_compile(&cond,
				      SLICE("{ http_auth(ul) } { http_auth_group(ul) admins } "
						   "!{ http_auth_group(ul) joe }"),
				      &place, &diag), ERR_OK);
	for (struct ref *ref = refs.first; ref != NULL; ref = ref->next)
		ref->object = list;
	eval.room = (struct http_room){ room, sizeof(room) };
	assert_int_equal(cond_eval(cond, &eval), COND_TRUE);
	assert_string_equal(value_of("http_auth_group(ul)", &eval), "joe");
	cond_free(&cond);
	refs_fini(&refs);
	userlist_unref(&list);
}

static void
a_body_has_bytes_and_parameters(void **state)
{
	static const struct row rows[] = {
		{ "req.body", "a=1&b=%20x;c=3&b=4&d=" },
		{ "req.body_len", "21" },
		{ "req.body_size", "50" },
		{ "req.body_param(a)", "1" },
		{ "req.body_param(b)", "%20x" },
		{ "req.body_param(c)", "3" },
		{ "req.body_param(d)", "" },
		{ "req.body_param(z)", "-" },
		{ "req.body_param", "1" },
	};

	(void)state;
	CHECK(rows, .request = request_of("POST /", "Host: x\r\nContent-Length: 50\r\n"),
	      .request_bytes = SLICE("a=1&b=%20x;c=3&b=4&d="));
}

static void
constants_are_what_they_say(void **state)
{
	static const struct row rows[] = {
		{ "int(-5)", "-5" },
		{ "bool(tRUE)", "1" },
		{ "bin(4142)", "AB" },
		{ "ipv4(1.2.3.4)", "1.2.3.4" },
		{ "ipv6(::1)", "::1" },
		{ "meth(FOO)", "FOO" },
		{ "str(a b)", "a b" },
		{ "str()", "" },
		{ "date", "12" },
		{ "date(5,ms)", "12350" },
		{ "date(-5,us)", "12345673" },
		{ "date_us", "345678" },
		{ "env(SLUICE_NO_SUCH)", "-" },
		{ "proc", "1" },
		{ "rand(1)", "0" },
		{ "rand(0)", "0" },
		{ "uuid,length", "36" },
		{ "wait_end", "1" },
	};

	(void)state;
	CHECK(rows, .wall_us = 12345678);
}

static void
what_is_wrong_is_said_when_it_is_compiled(void **state)
{
	static const struct row rows[] = {
		{ "bin(41g)", "hexadecimal" },
		{ "bin(414)", "hexadecimal" },
		{ "bool(yes)", "\"true\"" },
		{ "uuid(3)", "version" },
		{ "date(0,xx)", "\"us\"" },
		{ "req.hdr(x,-11)", "-10" },
		{ "req.hdr(a b)", "header" },
		{ "ipv4(::1)", "IPv4" },
		{ "ipv6(1.2.3.4)", "IPv6" },
		{ "int(a)", "number" },
		{ "urlp(p,&&)", "delimiter" },
		{ "rand(-3)", "range" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expr *expr = NULL;
		struct diag diag = { "" };

		assert_int_equal(expr_compile(&expr, slice_of(rows[i].expr), &env, &diag),
				 ERR_INVALID);
		if (strstr(diag.text, rows[i].value) == NULL)
			fail_msg("%s: %s", rows[i].expr, diag.text);
	}
}

static void
without_room_there_is_no_value(void **state)
{
	static const char *const texts[] = { "base", "baseq", "base32", "req.hdrs", "req.hdrs_bin",
					     "req.hdr_names", "uuid", "http_auth_user" };
	struct eval eval = {
		.request =
			request_of("GET /abc", "Host: x\r\nAuthorization: Basic am9lOnBhc3M=\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct expr *expr = expr_of(texts[i]);
		struct sample sample;

		for (size_t left = 0; left < 3; left++) {
			eval.room = (struct http_room){ left == 0 ? NULL : room, left };
			assert_false(expr_eval(expr, &eval, &sample));
			assert_int_equal(eval.room.left, left);
		}
		expr_free(&expr);
	}
}

static void
what_was_let_go_is_not_there(void **state)
{
	static const char *const texts[] = {
		"base",    "path",       "url",          "query",    "req.hdr(a)",
		"cook(a)", "method",     "req.ver",      "req.hdrs", "http_auth_user",
		"status",  "res.hdr(a)", "res.cook(a)",  "hdr_cnt",  "url32",
		"url_ip",  "req.body",   "req.body_len", "urlp(a)",  "hdr_ip(a)"
	};
	struct eval nothing = { .is_final = true };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(value_of(texts[i], &nothing), "-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_cut_at_commas_and_counted),
		cmocka_unit_test(only_what_is_an_address_is_one),
		cmocka_unit_test(cookies_are_read_as_browsers_write_them),
		cmocka_unit_test(a_response_sets_a_cookie_a_line),
		cmocka_unit_test(targets_are_told_in_parts),
		cmocka_unit_test(each_parameter_of_a_name_is_looked_at),
		cmocka_unit_test(heads_are_told_whole),
		cmocka_unit_test(credentials_are_decoded),
		cmocka_unit_test(a_userlist_knows_users_and_groups),
		cmocka_unit_test(a_body_has_bytes_and_parameters),
		cmocka_unit_test(constants_are_what_they_say),
		cmocka_unit_test(what_is_wrong_is_said_when_it_is_compiled),
		cmocka_unit_test(without_room_there_is_no_value),
		cmocka_unit_test(what_was_let_go_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
