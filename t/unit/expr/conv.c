/*
 * Converters: what holds for all of them, and their edges. That their values are HAProxy's is
 * t/haproxy-expr.t's to say.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expr/expr.h"
#include "expr/fetch.h"
#include "expr/vars.h"

#define ROOM_BYTES 8192

static struct vars txn;

static struct eval
scene(char *room, size_t size, struct slice input)
{
	struct eval eval = { .room = { room, size }, .vars = { [VAR_TXN] = &txn } };
	struct sample value = { .type = SAMPLE_STRING, .text = input };
	struct var_id id;

	assert_int_equal(var_id_parse(&id, SLICE("txn.in"), NULL), ERR_OK);
	assert_int_equal(var_set(&eval, id, &value, NULL), ERR_OK);
	return eval;
}

static enum err
compile(struct expr **expr, const char *convs, struct diag *diag)
{
	static struct refs refs;
	struct compile_env env = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	char text[1024];

	snprintf(text, sizeof(text), "var(txn.in),%s", convs);
	return expr_compile(expr, slice_of(text), &env, diag);
}

static struct expr *
expr_of(const char *convs)
{
	struct expr *expr = NULL;
	struct diag diag = { "" };

	if (compile(&expr, convs, &diag) != ERR_OK)
		fail_msg("%s: %s", convs, diag.text);
	return expr;
}

/* As text; NULL: no value. Static memory. */
static const char *
value_of_bytes(const char *convs, struct slice input)
{
	static char room[ROOM_BYTES], text[ROOM_BYTES];
	struct eval eval = scene(room, sizeof(room), input);
	struct expr *expr = expr_of(convs);
	struct sample value;
	bool is_there = expr_eval_as(expr, &eval, SAMPLE_STRING, &value);

	if (is_there)
		snprintf(text, sizeof(text), "%.*s", (int)value.text.len, value.text.at);
	expr_free(&expr);
	vars_fini(&txn, NULL);
	return is_there ? text : NULL;
}

static const char *
value_of(const char *convs, const char *input)
{
	return value_of_bytes(convs, slice_of(input));
}

static const char *
error_of(const char *convs)
{
	static struct diag diag;
	struct expr *expr = NULL;

	diag.text[0] = '\0';
	assert_int_equal(compile(&expr, convs, &diag), ERR_INVALID);
	assert_null(expr);
	return diag.text;
}

static void
each_row_says_what_it_does(void **state)
{
	for (const struct conv_table *t = conv_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++) {
			const struct conv *row = &t->rows[i];

			assert_non_null(row->help);
			assert_non_null(row->run);
			assert_true(row->help[0] != '\0' &&
				    row->help[strlen(row->help) - 1] != '.');
			assert_ptr_equal(conv_find(slice_of(row->name)), row);	/* no name twice */
		}
	}
}

/* Each that makes something, so that its room may be too small. */
static const char *const makers[] = {
	"lower",
	"upper",
	"concat(a,txn.in,b)",
	"add_item(-,txn.in,b)",
	"base64",
	"ub64enc",
	"b64dec",
	"ub64dec",
	"hex",
	"url_enc",
	"url_dec",
	"be2dec(..,1)",
	"be2dec(,8)",
	"be2hex(..,1)",
	"be2hex",
	"be2hex(..,3,1)",
	"le2dec(.,2,1)",
	"sha1",
	"sha2(512)",
	"digest(md5)",
	"hmac(sha256,QUI=)",
	"json",
	"json(utf8ps)",
	"json_query('$.a')",
	"json_query('$.a.b[1]')",
	"json_query('$')",
	"jwt_header_query",
	"jwt_payload_query('$.a')",
	"jwt_verify(HS256,k)",
	"regsub(.,xyz,g)",
	"regsub(x*,-,g)",
	"regsub(a,)",
	"host_only",
	"port_only",
	"length,htonl",
	"length,http_date(0,us)",
	"length,utime(%c %Z)",
	"length,us_utime(%N%N%N)",
	"rfc7239_field(for)",
	"rfc7239_is_valid",
	"rfc7239_n2nn",
	"rfc7239_n2np",
	"field(2,.)",
	"field(-2,.,0)",
	"word(2,.,2)",
	"word(-1,.,0)",
	"language(en;fr,de)",
	"param(a)",
	"bytes(1,3)",
	"cut_crlf",
	"ltrim(ab)",
	"rtrim(ab)",
	"crc32(1)",
	"crc32c",
	"djb2",
	"sdbm",
	"wt6",
	"xxh32",
	"xxh64",
	"xxh3",
	"hex2i",
	"default(x)",
	"ipmask(8,8)",
	"iif(yes,no)",
	"strcmp(txn.in)",
	"secure_memcmp(txn.in)",
};

static const struct slice inputs[] = {
	{ NULL, 0 },
	{ "a", 1 },
	{ "\0", 1 },
	{ "%", 1 },
	{ "QUI=", 4 },
	{ "a.b..c.", 7 },
	{ "\xff\xfe\xc3\xa9\xed\xa0\x80\xf0", 8 },
	{ "{\"a\":{\"b\":[1,\"\\u20ac\\n\"]}}", 26 },
	{ "{\"a\":\"\\ud83d\\ude00\"}", 20 },
	{ "eyJhIjoxfQ.eyJhIjoxfQ.QUJD", 26 },
	{ "for=\"[::1]:80\";proto=http, for=_a", 33 },
	{ "x?a=1&b=%41+%zz\r\n", 17 },
	{ "en-gb;q=0.5, fr;q=", 18 },
	{ "\\\"\\", 3 },
};

static void
a_room_that_is_too_small_is_no_value_and_never_overrun(void **state)
{
	for (size_t m = 0; m < sizeof(makers) / sizeof(makers[0]); m++) {
		struct expr *expr = expr_of(makers[m]);

		for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
			for (size_t size = 0; size < 120; size += size < 8 ? 1 : 7) {
				char *room = malloc(size + 1);	/* the sanitizer watches its end */
				struct eval eval = scene(room + 1, size, inputs[i]);
				struct sample value;

				if (expr_eval_as(expr, &eval, SAMPLE_STRING, &value) &&
				    value.text.len > 0)
					assert_non_null(value.text.at);
				assert_true(eval.room.left <= size);
				vars_fini(&txn, NULL);
				free(room);
			}
		}
		expr_free(&expr);
	}
}

static void
what_can_never_work_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char	*convs, *why;
	} cases[] = {
		{ "add(x)", "neither a number nor a variable" },
		{ "bytes(-1)", "0 or more" },
		{ "field(0,_)", "index 0" },
		{ "word(1,)", "at least one delimiter" },
		{ "be2dec(.,9)", "expected 1 to 8" },
		{ "be2hex(.)", "chunk size 0" },
		{ "digest(nope)", "no message digest" },
		{ "sha2(100)", "expected 224" },
		{ "hmac(sha256,!)", "base64" },
		{ "json(utf16)", "expected \"ascii\"" },
		{ "json_query(a)", "begins with \"$\"" },
		{ "json_query('$.a[x]')", "byte 4" },
		{ "json_query('$.a',str)", "expected \"int\"" },
		{ "jwt_verify(XX,k)", "algorithm \"XX\"" },
		{ "jwt_verify(RS256,/nowhere)", "No such file" },
		{ "jwt_verify(RS256,txn.key)", "path of a certificate" },
		{ "regsub(a,b,x)", "\"g\" and \"i\"" },
		{ "regsub('(',b)", "offset" },
		{ "url_enc(path)", "expected \"query\"" },
		{ "http_date(0,h)", "expected \"s\"" },
		{ "param(a,;;)", "one character" },
		{ "add_item(;)", "expected a variable" },
		{ "concat(,x)", "variable" },
		{ "strcmp()", "strcmp" },
		{ "map_str_int(m,x)", "expected a number" },
		{ "map_str_ip(m,10.0.0.0/8)", "expected an address" },
		{ "rfc7239_field(x)", "expected \"by\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = error_of(cases[i].convs);

		if (strstr(said, cases[i].why) == NULL)
			fail_msg("%s: \"%s\", expected \"%s\"", cases[i].convs, said, cases[i].why);
	}
}

static void
arithmetic_stays_at_the_end_of_its_range(void **state)
{
	assert_string_equal(value_of("add(9223372036854775807)", "9223372036854775807"),
		"9223372036854775807");
	assert_string_equal(value_of("sub(9223372036854775807)", "-9"), "-9223372036854775808");
	assert_string_equal(value_of("mul(-9223372036854775808)", "-1"), "9223372036854775807");
	assert_string_equal(value_of("div(-1)", "-9223372036854775808"), "9223372036854775807");
	assert_string_equal(value_of("mod(-1)", "-9223372036854775808"), "0");
	assert_string_equal(value_of("neg", "-9223372036854775808"), "9223372036854775807");
}

static void
huge_indices_counts_and_offsets_find_nothing(void **state)
{
	assert_null(value_of("field(9223372036854775807,_)", "a_b"));
	assert_null(value_of("field(-9223372036854775808,_)", "a_b"));
	assert_string_equal(value_of("field(1,_,9223372036854775807)", "a_b"), "a_b");
	assert_string_equal(value_of("word(-9223372036854775808,_)", "a_b"), "");
	assert_string_equal(value_of("bytes(9223372036854775807,9223372036854775807)", "abc"), "");
	assert_string_equal(value_of("bytes(1,9223372036854775807)", "abc"), "bc");
	assert_non_null(value_of("utime(%Y,9223372036854775807)", "5") == NULL ? "" : "x");
}

static void
a_token_does_not_choose_how_it_is_verified(void **state)
{
	/* {"alg":"none"}.{} with the algorithm from the token itself */
	assert_string_equal(
		value_of("jwt_header_query('$.alg'),set-var(txn.alg)", "eyJhbGciOiJub25lIn0.e30."),
		"none");
	assert_string_equal(
		value_of("set-var(txn.token),jwt_header_query('$.alg'),set-var(txn.alg),"
		"concat(-),regsub('.*',''),concat(,txn.token),jwt_verify(txn.alg,secret)",
		"eyJhbGciOiJub25lIn0.e30."), "0");
	assert_string_equal(value_of("jwt_verify(none,secret)", "eyJhbGciOiJub25lIn0.e30."), "1");
}

static void
a_default_stands_where_a_fetch_or_a_converter_has_none(void **state)
{
	assert_string_equal(value_of("field(9,_),default(none)", "x"), "none");
	assert_string_equal(value_of("field(9,_),default(a_b),field(2,_),upper", "x"), "B");
	assert_null(value_of("field(9,_),default(a_b),field(3,_)", "x"));
	assert_string_equal(value_of("field(9,_),default(a),field(3,_),default(b)", "x"), "b");
}

static void
hashes_of_bytes_with_nul_go_to_the_end(void **state)
{
	struct slice zeros = { "\0\0\0\0", 4 };

	assert_string_equal(value_of_bytes("crc32", zeros), "558161692");	/* 0x2144df1c */
	assert_string_equal(value_of_bytes("length", zeros), "4");
	assert_string_equal(value_of_bytes("hex", zeros), "00000000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_says_what_it_does),
		cmocka_unit_test(a_room_that_is_too_small_is_no_value_and_never_overrun),
		cmocka_unit_test(what_can_never_work_is_refused_with_the_reason),
		cmocka_unit_test(arithmetic_stays_at_the_end_of_its_range),
		cmocka_unit_test(huge_indices_counts_and_offsets_find_nothing),
		cmocka_unit_test(a_token_does_not_choose_how_it_is_verified),
		cmocka_unit_test(a_default_stands_where_a_fetch_or_a_converter_has_none),
		cmocka_unit_test(hashes_of_bytes_with_nul_go_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
