/*
 * Formats: what their texts mean, what they write, what is said about those that are none. Where HAProxy 2.6
 * takes the same text, the lines are HAProxy's.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "expr/fetch.h"
#include "expr/format.h"

/* What the variables below show. */
static struct slice shown = { "", 0 };

static void
put_text(struct eval *eval, struct format_out *out)
{
	format_put(out, shown);
}

static void
put_uri(struct eval *eval, struct format_out *out)
{
	format_put_as(out, shown, FORMAT_AS_URI);
}

static void
put_part(struct eval *eval, struct format_out *out)
{
	if (shown.len == 0)
		return;
	format_put_raw(out, SLICE("{"));
	format_put_as(out, shown, FORMAT_AS_PART);
	format_put_raw(out, SLICE("}"));
}

static void
put_item(struct eval *eval, struct format_out *out)
{
	format_put_as(out, shown, FORMAT_AS_HEADER);
}

static void
put_number(struct eval *eval, struct format_out *out)
{
	if (format_flag_hex(out))
		format_put_hex(out, 255, 4);
	else
		format_put_int(out, -255);
}

static void
put_nothing(struct eval *eval, struct format_out *out)
{
}

static const struct format_var rows[] = {
	{ "t", FORMAT_TEXT, 0, false, "a text", put_text },
	{ "u", FORMAT_TEXT, 0, false, "the same as a URI", put_uri },
	{ "part", FORMAT_TEXT, 0, true, "the same in braces, or nothing", put_part },
	{ "item", FORMAT_TEXT, 0, false, "the same of a list", put_item },
	{ "num", FORMAT_NUMBER, 0, false, "a number", put_number },
	{ "no", FORMAT_TEXT, 0, false, "nothing", put_nothing },
	{ "http", FORMAT_TEXT, NEEDS_HTTP, false, "of HTTP only", put_nothing },
};

static bool
get_word(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	 struct sample *sample)
{
	sample->type = SAMPLE_STRING;
	sample->text = SLICE("x");
	return true;
}

static bool
get_gone(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	 struct sample *sample)
{
	return false;
}

static const struct fetch fetches[] = {
	{ .name = "word", .type = SAMPLE_STRING, .get = get_word, .help = "x" },
	{ .name = "gone", .type = SAMPLE_STRING, .get = get_gone, .help = "nothing" },
};

static struct fetch_table fetch_table = { fetches, sizeof(fetches) / sizeof(fetches[0]), NULL };
static struct format_table table = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
static struct refs refs;

static struct format *
format_of(const char *text, enum format_use use)
{
	const struct compile_env env = { .has = NEEDS_CLIENT, .place = "tests", .refs = &refs };
	struct format *format = NULL;
	struct diag diag = { "" };

	if (format_compile(&format, slice_of(text), use, &env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return format;
}

/* What it writes into so many bytes; static memory. NULL: it is too long. */
static const char *
written_within(const char *text, enum format_use use, size_t size)
{
	static char line[4096];
	char room[1024], *out = malloc(size + 1);
	struct format *format = format_of(text, use);
	struct eval eval = { .room = { room, sizeof(room) }, .is_final = true };
	size_t len;

	assert_non_null(out);
	len = format_write(format, &eval, out, size);
	format_free(&format);
	assert_null(format);
	if (len != FORMAT_TOO_LONG) {
		assert_true(len <= size);
		memcpy(line, out, len);
		line[len] = '\0';
	}
	free(out);
	return len == FORMAT_TOO_LONG ? NULL : line;
}

static const char *
line_of(const char *text)
{
	return written_within(text, FORMAT_LOG, 2048);
}

static const char *
value_of(const char *text)
{
	return written_within(text, FORMAT_VALUE, 2048);
}

/* What is wrong with it; static memory. */
static const char *
error_of(const char *text)
{
	const struct compile_env env = { .has = NEEDS_CLIENT, .place = "tests", .refs = &refs };
	static struct diag diag;
	struct format *format = NULL;

	diag.text[0] = '\0';
	assert_int_equal(format_compile(&format, slice_of(text), FORMAT_LOG, &env, &diag),
			 ERR_INVALID);
	assert_null(format);
	return diag.text;
}

#define assert_says(text, words) assert_non_null(strstr(error_of(text), words))

static void
text_is_written_as_it_is(void **state)
{
	assert_string_equal(line_of("a [b] \"c\" 100%% {d} \xc3\xa9"),
			    "a [b] \"c\" 100% {d} \xc3\xa9");
	assert_string_equal(value_of("a [b] \\ 100%%"), "a [b] \\ 100%");
	assert_string_equal(line_of(""), "");
}

static void
white_space_of_a_line_is_one_space_and_none_at_its_begin(void **state)
{
	assert_string_equal(line_of("  a   b\t\tc "), "a b c ");
	assert_string_equal(line_of("   "), "");
	assert_string_equal(value_of("  a   b "), "  a   b ");
}

static void
a_variable_that_vanishes_leaves_one_space(void **state)
{
	shown = SLICE("");
	assert_string_equal(line_of("a %part %part b"), "a b");
	assert_string_equal(line_of("a%part b"), "a b");
	assert_string_equal(line_of("%part b"), "b");
	assert_string_equal(line_of("a %part"), "a ");
	shown = SLICE("x");
	assert_string_equal(line_of("a %part %part b"), "a {x} {x} b");
	assert_string_equal(line_of("%part%part b"), "{x}{x} b");
}

static void
what_is_not_there_is_a_dash_in_lines_and_nothing_in_values(void **state)
{
	shown = SLICE("");
	assert_string_equal(line_of("%no %t %item %[gone]"), "- - - -");
	assert_string_equal(line_of("%{+Q}no %{+Q}t %{+Q}item"), "\"\" \"\" \"\"");
	assert_string_equal(value_of("a%no%t%item%[gone]b"), "ab");
	assert_string_equal(line_of("<%u> <%{+Q}u>"), "<> <\"\">");
}

static void
flags_hold_for_one_variable_or_for_all_that_follow(void **state)
{
	shown = SLICE("x");
	assert_string_equal(line_of("%{+Q}t %t"), "\"x\" x");
	assert_string_equal(line_of("%{+Q}o %t %{-Q}t %t"), "\"x\" x \"x\"");
	assert_string_equal(line_of("%{+X,+Q}o%num %{-X}num"), "00FF -255");
	assert_string_equal(line_of("%{+X +Q}num"), "00FF");
	assert_string_equal(line_of("%{}t"), "x");
	assert_string_equal(line_of("%{+Q}[word]"), "\"x\"");
}

static void
a_name_ends_where_letters_and_digits_end(void **state)
{
	shown = SLICE("x");
	assert_string_equal(line_of("%t_%t-%t/%t%t%%"), "x_x-x/xx%");
}

static void
lines_encode_as_haproxy_does(void **state)
{
	shown = SLICE("a\"#{|}\\]\x01\n\x7f\xe9z\t");
	assert_string_equal(line_of("%u"), "a#22#23{|}\\]#01#0A#7F#E9z#09");
	assert_string_equal(line_of("%part"), "{a#22#23#7B#7C#7D\\]#01#0A#7F#E9z#09}");
	assert_string_equal(line_of("%{+Q}item"), "\"a#22#23#7B#7C#7D\\]#01#0A#7F#E9z#09\"");
	assert_string_equal(line_of("%{+Q}part"), "{a#22#23#7B#7C#7D\\]#01#0A#7F#E9z#09}");
	assert_string_equal(line_of("%{+E}u"), "a#22#23{|}\\\\\\]#01#0A#7F#E9z#09");
}

static void
no_value_can_end_a_line(void **state)
{
	shown = SLICE("a\r\n\"#\xe9");
	assert_string_equal(line_of("%t"), "a#0D#0A\"#\xe9");
	assert_string_equal(line_of("%{+E}t"), "a#0D#0A\\\"#\xe9");
}

static void
values_encode_control_characters_as_haproxy_does(void **state)
{
	shown = SLICE("a\r\n\t\"#\x7f\xe9]\\");
	assert_string_equal(value_of("%t"), "a%0D%0A\t\"#%7F\xe9]\\");
	assert_string_equal(value_of("%{+E}t"), "a%0D%0A\t\\\"#%7F\xe9\\]\\\\");
	assert_string_equal(value_of("%u"), "a#0D#0A#09#22#23#7F#E9]\\");
}

static void
a_backslash_takes_the_meaning_of_the_next_byte_in_lines(void **state)
{
	shown = SLICE("x");
	assert_string_equal(line_of("%t\\ [%t]\\ \\\"\\#\\'\\\\ \\n"), "x [x] \"#'\\ \\n");
}

static void
a_line_is_cut_and_a_value_is_too_long(void **state)
{
	shown = SLICE("0123456789");
	assert_string_equal(written_within("%t%t", FORMAT_LOG, 15), "012345678901234");
	assert_string_equal(written_within("abc", FORMAT_LOG, 2), "ab");
	assert_string_equal(written_within("%t", FORMAT_LOG, 0), "");
	assert_null(written_within("%t%t", FORMAT_VALUE, 19));
	assert_non_null(written_within("%t%t", FORMAT_VALUE, 20));
	shown = SLICE("ab\"");
	assert_string_equal(written_within("%u", FORMAT_LOG, 4),
			    "ab"); /* no half of what is encoded */
}

static void
only_a_text_is_constant(void **state)
{
	static const char *const texts[] = { "", "abc", "a%%b" };
	struct slice text;

	for (size_t i = 0; i < 3; i++) {
		struct format *format = format_of(texts[i], FORMAT_VALUE);

		assert_true(format_is_constant(format, &text));
		assert_string_equal(value_of(texts[i]), i == 2 ? "a%b" : texts[i]);
		assert_int_equal(text.len, i == 0 ? 0 : 3);
		assert_int_equal(format_needs(format), 0);
		format_free(&format);
	}
	struct format *format = format_of("a%t", FORMAT_VALUE);

	assert_false(format_is_constant(format, &text));
	format_free(&format);
}

static void
an_error_says_where_it_is_and_what_was_meant(void **state)
{
	assert_says("a %", "column 3: expected a variable");
	assert_says("%5", "column 2: there is no variable");
	assert_says("a %%% b", "column 5: expected a variable");
	assert_says("a %{+Q}", "column 3: expected a variable");
	assert_says("a %{+Q}% b", "column 3: expected a variable");
	assert_says("%nm", "column 2: there is no variable \"%nm\" (did you mean \"%num\"?)");
	assert_says("%tx", "column 2: there is no variable");
	assert_says("%{+Q", "column 2: \"{\" is never closed");
	assert_says("%{+Z}t", "column 3: expected flags");
	assert_says("%{Q}t", "column 3: expected flags");
	assert_says("%{+}t", "column 3: expected flags");
	assert_says("x %[word", "column 9: expected \"]\"");
	assert_says("x %[word ]", "column 9: expected \"]\"");
	assert_says("x %[nothing]", "column 5: ");
	assert_says("x %[]", "column 5: ");
	assert_says("x %http", "column 4: \"%http\" needs HTTP mode");
	assert_says("a\nb", "column 2: a control character");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_written_as_it_is),
		cmocka_unit_test(white_space_of_a_line_is_one_space_and_none_at_its_begin),
		cmocka_unit_test(a_variable_that_vanishes_leaves_one_space),
		cmocka_unit_test(what_is_not_there_is_a_dash_in_lines_and_nothing_in_values),
		cmocka_unit_test(flags_hold_for_one_variable_or_for_all_that_follow),
		cmocka_unit_test(a_name_ends_where_letters_and_digits_end),
		cmocka_unit_test(lines_encode_as_haproxy_does),
		cmocka_unit_test(no_value_can_end_a_line),
		cmocka_unit_test(values_encode_control_characters_as_haproxy_does),
		cmocka_unit_test(a_backslash_takes_the_meaning_of_the_next_byte_in_lines),
		cmocka_unit_test(a_line_is_cut_and_a_value_is_too_long),
		cmocka_unit_test(only_a_text_is_constant),
		cmocka_unit_test(an_error_says_where_it_is_and_what_was_meant),
	};

	format_register(&table);
	fetch_register(&fetch_table);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
