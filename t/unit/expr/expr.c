/*
 * Expressions: how they are written, how values change their type between a fetch and a converter, and what
 * is said about those that are none. Values are HAProxy 2.6's.
 */
#include "config.h"
#include "../expr/scene.h"
#include "expr/expr_priv.h"
#include "expr/fetch.h"

/* -- rows of the test's own: t.str(x), t.int(x), t.ip(x), t.bin, and converters that only have types -- */

static bool
get_str(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	(void)eval, (void)cursor;
	sample->text = args->at[0].text;
	return true;
}

static bool
get_int(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	(void)eval, (void)cursor;
	sample->number = args->at[0].number;
	return true;
}

static bool
get_ip(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	(void)eval, (void)cursor;
	return ip_of_text(&sample->ip, args->at[0].text);
}

static bool
get_bin(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	(void)eval, (void)args, (void)cursor;
	sample->text = SLICE("A\0B");
	return true;
}

static bool
run_nothing(struct eval *eval, const struct args *args, struct sample *sample)
{
	(void)eval, (void)args, (void)sample;
	return true;
}

static bool
run_add(struct eval *eval, const struct args *args, struct sample *sample)
{
	(void)eval;
	sample->number += args->at[0].number;
	return true;
}

static const struct fetch fetches[] = {
	{ .name = "t.str", .type = SAMPLE_STRING, .args = { ARG_STRING }, .get = get_str },
	{ .name = "t.int", .type = SAMPLE_INT, .args = { ARG_INT }, .get = get_int },
	{ .name = "t.ip", .type = SAMPLE_IP, .args = { ARG_STRING }, .get = get_ip },
	{ .name = "t.bin", .type = SAMPLE_BINARY, .get = get_bin },
	{ .name = "t.end",
	  .type = SAMPLE_INT,
	  .needs = NEEDS_END,
	  .args = { ARG_INT },
	  .get = get_int },
	{
		.name = "t.mask",
		.type = SAMPLE_INT,
		.args = { ARG_MASK4, ARG_MASK6 | ARG_OPTIONAL },
		.get = get_int,
	},
	{ .name = "t.size", .type = SAMPLE_INT, .args = { ARG_SIZE }, .get = get_int },
	{ .name = "t.time", .type = SAMPLE_INT, .args = { ARG_DURATION }, .get = get_int },
	{ .name = "t.be",
	  .type = SAMPLE_INT,
	  .args = { ARG_BACKEND | ARG_OPTIONAL },
	  .get = get_int },
	{ .name = "t.srv", .type = SAMPLE_INT, .args = { ARG_SERVER }, .get = get_int },
};
static struct fetch_table fetch_rows = { fetches, sizeof(fetches) / sizeof(fetches[0]), NULL };

static const struct conv convs[] = {
	{ .name = "t.as_str", .in = SAMPLE_STRING, .out = SAMPLE_STRING, .run = run_nothing },
	{ .name = "t.as_bin", .in = SAMPLE_BINARY, .out = SAMPLE_BINARY, .run = run_nothing },
	{ .name = "t.as_int", .in = SAMPLE_INT, .out = SAMPLE_INT, .run = run_nothing },
	{ .name = "t.as_ip", .in = SAMPLE_IP, .out = SAMPLE_IP, .run = run_nothing },
	{ .name = "t.as_bool", .in = SAMPLE_BOOL, .out = SAMPLE_BOOL, .run = run_nothing },
	{ .name = "t.add",
	  .in = SAMPLE_INT,
	  .out = SAMPLE_INT,
	  .args = { ARG_INT },
	  .run = run_add },
};
static struct conv_table conv_rows = { convs, sizeof(convs) / sizeof(convs[0]), NULL };

static int
rows_register(void **state)
{
	(void)state;
	fetch_register(&fetch_rows);
	conv_register(&conv_rows);
	return 0;
}

/* -- what an expression says, as text; "-" if nothing; static memory -- */

static const char *
said_with(const char *text, const char *lines)
{
	static char room[4096], out[4200];
	struct eval eval = {
		.request = request_of("GET /a", lines),
		.room = { room, sizeof(room) },
		.is_final = true,
	};
	struct expr *expr = NULL;
	struct sample sample;
	struct diag diag = { "" };

	if (expr_compile(&expr, slice_of(text), &env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	snprintf(out, sizeof(out), "-");
	if (expr_eval_as(expr, &eval, SAMPLE_STRING, &sample))
		snprintf(out, sizeof(out), "%.*s", (int)sample.text.len, sample.text.at);
	expr_free(&expr);
	return out;
}

static const char *
said(const char *text)
{
	return said_with(text, "Host: x\r\n");
}

static const char *
expr_error_in(const char *text, const struct compile_env *where)
{
	static struct diag diag;
	struct expr *expr = NULL;

	diag.text[0] = '\0';
	assert_int_equal(expr_compile(&expr, slice_of(text), where, &diag), ERR_INVALID);
	assert_null(expr);
	return diag.text;
}

static const char *
expr_error(const char *text)
{
	return expr_error_in(text, &env);
}

static void
arguments_are_quoted_as_in_haproxy(void **state)
{
	(void)state;
	assert_string_equal(said("t.str(\"a,b\")"), "a,b");
	assert_string_equal(said("t.str( a )"), " a ");
	assert_string_equal(said("t.str(a\"b,\"c)"), "ab,c");
	assert_string_equal(said("t.str(a\\\\b)"), "a\\b");
	assert_string_equal(said("t.str(a\\nb)"), "a\nb");
	assert_string_equal(said("t.str(a\\qb)"), "a\\qb");
	assert_string_equal(said("t.str('a\\nb')"), "a\\nb");
	assert_string_equal(said("t.str(\"a\\\"b\")"), "a\"b");
	assert_string_equal(said("t.str(a\\ b)"), "a b");
	assert_string_equal(said("t.str(a\\$b)"), "a\\$b");
	assert_string_equal(said("t.str(a(b)"), "a(b");
}

static void
numbers_become_texts_and_back(void **state)
{
	(void)state;
	assert_string_equal(said("t.int(-5),t.as_str"), "-5");
	assert_string_equal(said("t.int(-9223372036854775808)"), "-9223372036854775808");
	assert_string_equal(said("t.str(12abc),t.add(1)"), "13");
	assert_string_equal(said("t.str(abc),t.add(1)"), "1");
	assert_string_equal(said("t.str(-3),t.add(1)"), "-2");
	assert_string_equal(said("t.str(+3),t.add(1)"), "4");
	assert_string_equal(said("t.str(0x10),t.add(1)"), "1");
	assert_string_equal(said("t.str( 3),t.add(1)"), "1");
	assert_string_equal(said("t.str(''),t.add(1)"), "-");
	assert_string_equal(said("t.str(99999999999999999999),t.as_int"), "9223372036854775807");
	assert_string_equal(said("t.str(-99999999999999999999),t.as_int"), "-9223372036854775808");
	assert_string_equal(said("always_true,t.add(1)"), "2");
	assert_string_equal(said("t.int(5),t.as_bool"), "1");
}

static void
addresses_become_numbers_and_texts(void **state)
{
	(void)state;
	assert_string_equal(said("t.ip(127.0.0.1),t.add(1)"), "2130706434");
	assert_string_equal(said("t.ip(255.0.0.0),t.as_int"), "4278190080");
	assert_string_equal(said("t.ip(::1),t.as_int"), "-");
	assert_string_equal(said("t.ip(::ffff:1.2.3.4)"), "::ffff:1.2.3.4");
	assert_string_equal(said("t.int(16909060),t.as_ip"), "1.2.3.4");
	assert_string_equal(said("t.int(-1),t.as_ip"), "255.255.255.255");
	assert_string_equal(said("t.int(4294967296),t.as_ip"), "0.0.0.0");
	assert_string_equal(said("t.str(10.1.2.3/33),t.as_ip"), "10.1.2.3");
	assert_string_equal(said("t.str('1.2.3.4 '),t.as_ip"), "1.2.3.4");
	assert_string_equal(said("t.str(' 1.2.3.4'),t.as_ip"), "-");
	assert_string_equal(said("t.str(1.2.3),t.as_ip"), "-");
	assert_string_equal(said("t.str(x.org),t.as_ip"), "-");
	assert_string_equal(said("t.str(1.2.3.4:80),t.as_ip"), "1.2.3.4");
	assert_string_equal(said("t.str(01.002.0003.4),t.as_ip"), "1.2.3.4");
	assert_string_equal(said("t.str(1.2.3.4.5),t.as_ip"), "-");
	assert_string_equal(said("t.str(1.2.3.256),t.as_ip"), "-");
	assert_string_equal(said("t.str(1.2.3.),t.as_ip"), "-");
	assert_string_equal(said("t.str(2001:db8::1),t.as_ip"), "2001:db8::1");
	assert_string_equal(said("t.str(::1/128),t.as_ip"), "-");
	assert_string_equal(said("t.str('::1 '),t.as_ip"), "-");
}

static void
binary_is_a_text_up_to_its_first_nul(void **state)
{
	(void)state;
	assert_string_equal(said("t.bin"), "A");
	assert_string_equal(said("t.bin,t.as_str,t.as_str"), "A");
	assert_string_equal(said("t.int(4702111234474983745),t.as_bin"), "AAAAAAAA");
	assert_string_equal(said("t.ip(65.66.67.68),t.as_bin"), "ABCD");
}

static void
of_many_values_the_last_is_meant(void **state)
{
	(void)state;
	assert_string_equal(said_with("hdr(y)", "Host: x\r\nY: a,b\r\nY: c\r\n"), "c");
	assert_string_equal(said_with("hdr(y,1),t.as_str", "Host: x\r\nY: a,b\r\nY: c\r\n"), "a");
	assert_string_equal(said_with("req.hdr(y)", "Host: x\r\n"), "-");
}

static void
names_that_are_none_are_shown_with_the_nearest(void **state)
{
	(void)state;
	assert_string_equal(expr_error("pth"),
			    "column 1: there is no sample \"pth\" (did you mean \"path\"?)");
	assert_string_equal(
		expr_error("path,t.as_sr"),
		"column 6: there is no converter \"t.as_sr\" (did you mean \"t.as_str\"?)");
	assert_string_equal(expr_error(""), "column 1: expected an expression, as \"path,lower\"");
	assert_string_equal(expr_error("path,"), "column 6: expected a converter behind \",\"");
	assert_string_equal(expr_error("path t.as_str"),
			    "column 5: \" t.as_str\" behind the expression means nothing");
}

static void
types_that_do_not_fit_are_errors(void **state)
{
	(void)state;
	assert_string_equal(expr_error("t.bin,t.add(1)"),
			    "column 7: \"t.add\" takes type integer, and gets binary");
	assert_string_equal(expr_error("method,t.as_int"),
			    "column 8: \"t.as_int\" takes type integer, and gets method");
}

static void
arguments_are_checked(void **state)
{
	(void)state;
	assert_string_equal(expr_error("path,t.add"), "column 11: expected \"t.add(integer)\"");
	assert_string_equal(expr_error("path,t.add(1,2)"),
			    "column 14: too many arguments: expected \"t.add(integer)\"");
	assert_string_equal(expr_error("path,t.add(x)"),
			    "column 12: expected a number, not \"x\", for \"t.add\"");
	assert_string_equal(expr_error("t.str('a)"), "column 7: a quote that does not end");
	assert_string_equal(expr_error("t.str(a"),
			    "column 8: expected a \")\" for the \"(\" behind \"t.str\"");
	assert_non_null(strstr(expr_error("t.mask(33)"), "column 8: expected a prefix length"));
	assert_non_null(strstr(expr_error("t.mask(24,129)"), "column 11: expected a prefix"));
	assert_non_null(strstr(expr_error("t.mask(a)"), "column 8: expected a netmask"));
	assert_non_null(strstr(expr_error("t.size(1x)"), "column 8: expected a size"));
	assert_non_null(strstr(expr_error("t.time(x)"), "column 8: expected a duration"));
	assert_string_equal(said("t.size(16k)"), "16384");
	assert_string_equal(said("t.time(2s)"), "2000");
	assert_string_equal(said("t.mask(24)"), "24");
	assert_string_equal(said("t.mask(255.255.0.0,ffff::)"), "16");
}

static void
a_place_must_have_what_is_needed(void **state)
{
	const struct compile_env tcp = {
		.has = NEEDS_CLIENT,
		.place = "tcp-request connection rules",
	};

	(void)state;
	assert_string_equal(expr_error_in("path", &tcp),
			    "column 1: \"path\" needs an HTTP request's head, which tcp-request "
			    "connection rules do not have");
	assert_string_equal(expr_error_in("t.end(1)", &tcp),
			    "column 1: \"t.end\" needs the end of the session, which tcp-request "
			    "connection rules do not have");
}

static void
what_is_named_is_collected(void **state)
{
	struct refs refs = { NULL };
	const struct compile_env in = {
		.has = COMPILE_HAS_ALL,
		.place = "a test",
		.backend = "app",
		.refs = &refs,
	};
	struct expr *expr[4] = { NULL };

	(void)state;
	assert_int_equal(expr_compile(&expr[0], SLICE("t.be(web)"), &in, NULL), ERR_OK);
	assert_int_equal(expr_compile(&expr[1], SLICE("t.be(web),t.add(1)"), &in, NULL), ERR_OK);
	assert_int_equal(expr_compile(&expr[2], SLICE("t.srv(s1)"), &in, NULL), ERR_OK);
	assert_int_equal(expr_compile(&expr[3], SLICE("t.be()"), &in, NULL), ERR_OK);
	assert_string_equal(refs.first->name, "web");
	assert_int_equal(refs.first->kind, REF_BACKEND);
	assert_string_equal(refs.first->next->name, "s1");
	assert_string_equal(refs.first->next->parent, "app");
	assert_null(refs.first->next->next);
	for (int i = 0; i < 4; i++)
		expr_free(&expr[i]);
	refs_fini(&refs);
	assert_string_equal(expr_error("t.be(web)"),
			    "column 6: \"t.be\" can not be used in a test");
	assert_non_null(strstr(expr_error("t.srv(s1)"), "column 7: expected a server as"));
}

static void
a_part_ends_where_something_else_begins(void **state)
{
	struct slice text = SLICE("t.str(a]b),t.as_str]rest");
	struct expr *expr = NULL;

	(void)state;
	assert_int_equal(expr_compile_part(&expr, &text, text.at, &env, NULL), ERR_OK);
	assert_true(slice_equals(text, SLICE("]rest")));
	assert_true(slice_equals(expr->text, SLICE("t.str(a]b),t.as_str")));
	expr_free(&expr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_are_quoted_as_in_haproxy),
		cmocka_unit_test(numbers_become_texts_and_back),
		cmocka_unit_test(addresses_become_numbers_and_texts),
		cmocka_unit_test(binary_is_a_text_up_to_its_first_nul),
		cmocka_unit_test(of_many_values_the_last_is_meant),
		cmocka_unit_test(names_that_are_none_are_shown_with_the_nearest),
		cmocka_unit_test(types_that_do_not_fit_are_errors),
		cmocka_unit_test(arguments_are_checked),
		cmocka_unit_test(a_place_must_have_what_is_needed),
		cmocka_unit_test(what_is_named_is_collected),
		cmocka_unit_test(a_part_ends_where_something_else_begins),
	};

	return cmocka_run_group_tests(tests, rows_register, NULL);
}
