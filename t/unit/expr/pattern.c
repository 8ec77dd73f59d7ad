/*
 * Sets of patterns: what each method matches, which value counts, and that a set of many says
 * what a set of few says. Where it can be compared, the verdicts are HAProxy 2.6's.
 */
#include "config.h"
#include <stdlib.h>
#include "../expr/sets.h"
#include "expr/match_priv.h"

static struct pattern_set *
a_set(const char *method, bool nocase, enum sample_type value_type)
{
	struct pattern_set *set = NULL;

	assert_int_equal(pattern_set_new(&set, match_find(slice_of(method)), nocase, value_type,
		false), ERR_OK);
	return set;
}

static void
add(struct pattern_set *set, const char *text, const char *value)
{
	struct diag diag = { "" };

	if (pattern_set_add(set, slice_of(text), slice_of(value), false, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
}

/* Patterns that nobody asks for, so many that there is a table. */
static void
add_noise(struct pattern_set *set, const char *method)
{
	for (int i = 0; i < 20; i++) {
		char text[64];

		if (strcmp(method, "ip") == 0)
			snprintf(text, sizeof(text), "203.0.113.%d", i);
		else if (strcmp(method, "int") == 0 || strcmp(method, "len") == 0)
			snprintf(text, sizeof(text), "%d", 100000 + i);
		else if (strcmp(method, "bin") == 0)
			snprintf(text, sizeof(text), "ffffffff%02x", i);
		else
			snprintf(text, sizeof(text), "~noise~%d~", i);
		add(set, text, "1");
	}
}

/* Does one of the patterns (separated by '|') match? Few and many say the same. */
static bool
holds_nocase(const char *method, const char *patterns, const char *text, bool nocase)
{
	bool says[2];

	for (int many = 0; many < 2; many++) {
		struct pattern_set *set = a_set(method, nocase, SAMPLE_ANY);
		struct sample sample = sample_for(method, text);
		struct eval eval = an_eval();
		char copy[256], *rest = copy, *one;

		snprintf(copy, sizeof(copy), "%s", patterns);
		while ((one = strsep(&rest, "|")) != NULL)
			add(set, one, "");
		if (many != 0)
			add_noise(set, method);
		says[many] = pattern_set_find(set, &eval, &sample, NULL);
		pattern_set_free(&set);
	}
	assert_int_equal(says[0], says[1]);
	return says[0];
}

static bool
holds(const char *method, const char *patterns, const char *text)
{
	return holds_nocase(method, patterns, text, false);
}

/* The value of the one that counts: "pattern=value|...". "" for none. */
static const char *
value_of(const char *method, const char *patterns, const char *text)
{
	static char values[2][64];

	for (int many = 0; many < 2; many++) {
		struct pattern_set *set = a_set(method, false, SAMPLE_STRING);
		struct sample sample = sample_for(method, text), value;
		struct eval eval = an_eval();
		char copy[256], *rest = copy, *one;

		snprintf(copy, sizeof(copy), "%s", patterns);
		while ((one = strsep(&rest, "|")) != NULL) {
			char *equals = strrchr(one, '=');

			*equals = '\0';
			add(set, one, equals + 1);
		}
		if (many != 0)
			add_noise(set, method);
		values[many][0] = '\0';
		if (pattern_set_find(set, &eval, &sample, &value))
			snprintf(values[many], sizeof(values[many]), "%.*s", (int)value.text.len,
				 value.text.at);
		pattern_set_free(&set);
	}
	assert_string_equal(values[0], values[1]);
	return values[0];
}

static const char *
error_of(const char *method, const char *text)
{
	static struct diag diag;
	struct pattern_set *set = a_set(method, false, SAMPLE_ANY);

	assert_int_equal(pattern_set_add(set, slice_of(text), SLICE(""), false, &diag),
			 ERR_INVALID);
	assert_int_equal(pattern_set_count(set), 0);
	pattern_set_free(&set);
	return diag.text;
}

static void
texts_are_equal_or_begin_or_end_with_it_or_have_it_inside(void **state)
{
	(void)state;
	assert_true(holds("str", "a|b", "b"));
	assert_false(holds("str", "a|b", "bb"));
	assert_true(holds("beg", "/a|/b", "/abc"));
	assert_false(holds("beg", "/a|/b", "x/a"));
	assert_true(holds("end", ".js|.css", "x.css"));
	assert_false(holds("end", ".js|.css", "x.cssx"));
	assert_true(holds("sub", "bc|x", "abcd"));
	assert_false(holds("sub", "bc|x", "ab"));
	assert_true(holds("str", "", ""));
	assert_true(holds("beg", "", "abc"));
}

static void
case_counts_unless_it_is_ignored(void **state)
{
	static const char *const methods[] = { "str", "beg", "end", "sub", "dir", "dom", "reg" };

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		assert_false(holds_nocase(methods[i], "AbCdEfGhIjKlMn", "aBcDeFgHiJkLmN", false));
		assert_true(holds_nocase(methods[i], "AbCdEfGhIjKlMn", "aBcDeFgHiJkLmN", true));
		assert_false(holds_nocase(methods[i], "a@b", "A`B", true));
	}
}

static void
only_ascii_letters_have_case(void **state)
{
	char a[2] = "", b[2] = "";

	(void)state;
	for (int i = 1; i < 256; i++) {
		for (int k = 1; k < 256; k++) {
			bool letters = (i ^ k) == 0x20 && (i | 0x20) >= 'a' && (i | 0x20) <= 'z';

			a[0] = (char)i;
			b[0] = (char)k;
			assert_int_equal(bytes_equal_nocase(a, b, 1), i == k || letters);
			assert_int_equal(word_fold(WORD_OF((uint64_t)i)) ==
				word_fold(WORD_OF((uint64_t)k)), i == k || letters);
		}
	}
}

static void
portions_stand_between_delimiters(void **state)
{
	(void)state;
	assert_true(holds("dir", "b", "/a/b/c"));
	assert_true(holds("dir", "/b/c/", "/a/b/c?x"));
	assert_true(holds("dir", "b", "/a/b?c"));
	assert_false(holds("dir", "b", "/a/b.c"));
	assert_false(holds("dir", "b", "/ab/"));
	assert_true(holds("dom", "x.org", "www.x.org:80"));
	assert_true(holds("dom", ".x.", "www.x.org"));
	assert_false(holds("dom", "x", "www.xx.org"));
	assert_true(holds("dom", "b/c", "a.b/c?d"));
}

static void
numbers_are_equal_or_in_a_range(void **state)
{
	(void)state;
	assert_true(holds("int", "1|5|9", "5"));
	assert_false(holds("int", "1|5|9", "6"));
	assert_true(holds("int", "1:3|5:9", "7"));
	assert_true(holds("int", ":3", "-7"));
	assert_true(holds("int", "gt 3", "4"));
	assert_false(holds("int", "gt 3", "3"));
	assert_true(holds("int", "le -3|ge 9", "-3"));
	assert_true(holds("int", "eq 9", "9"));
	assert_true(holds("int", "eq -9", "-9"));
	assert_true(holds("int", "3-5", "4"));
	assert_false(holds("int", "3-5|7-", "6"));
	assert_true(holds("int", "-5:-3", "-4"));
	assert_true(holds("len", "3:4", "abc"));
	assert_true(holds("len", "lt 1", ""));
	assert_false(holds("len", "2", "abc"));
}

static void
networks_have_addresses_of_both_families(void **state)
{
	(void)state;
	assert_true(holds("ip", "10.0.0.0/8", "10.1.2.3"));
	assert_false(holds("ip", "10.0.0.0/8", "11.1.2.3"));
	assert_true(holds("ip", "10.1.2.3/8", "10.9.9.9"));
	assert_true(holds("ip", "10.1.0.0/255.255.0.0", "10.1.9.9"));
	assert_true(holds("ip", "10.0.0.7/255.0.0.255", "10.5.6.7"));
	assert_false(holds("ip", "10.0.0.7/255.0.0.255", "10.5.6.8"));
	assert_true(holds("ip", "0.0.0.0/0", "1.2.3.4"));
	assert_true(holds("ip", "2001:db8::/32", "2001:db8:1::1"));
	assert_false(holds("ip", "2001:db8::/32", "2001:db9::1"));
	assert_true(holds("ip", "::1", "::1"));
}

static void
an_address_in_another_is_looked_up_too(void **state)
{
	(void)state;
	assert_true(holds("ip", "10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(holds("ip", "10.0.0.0/8", "::10.1.2.3"));
	assert_true(holds("ip", "10.0.0.0/8", "2002:0a01:0203::1"));
	assert_true(holds("ip", "::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_true(holds("ip", "::/0", "10.1.2.3"));
	assert_false(holds("ip", "0.0.0.0/0", "2001:db8::1"));
}

static void
bytes_are_written_in_hexadecimal(void **state)
{
	(void)state;
	assert_true(holds("bin", "616263|00", "abc"));
	assert_true(holds("bin", "4A4b", "JK"));
	assert_false(holds("bin", "6162", "abc"));
}

static void
regular_expressions_are_searched(void **state)
{
	(void)state;
	assert_true(holds("reg", "^/a|^/b", "/b"));
	assert_true(holds("reg", "x{3}$", "axxx"));
	assert_false(holds("reg", "x{3}$", "axxxa"));
}

static void
well_known_methods_have_their_case(void **state)
{
	struct pattern_set *set = a_set("meth", true, SAMPLE_ANY);
	static const struct { const char *method; bool matches; } cases[] = {
		{ "GET", true }, { "get", false }, { "PURGE", true }, { "purge", true },
	};

	(void)state;
	add(set, "GET", "");
	add(set, "Purge", "");
	for (size_t i = 0; i < 4; i++) {
		struct sample sample = { .type = SAMPLE_METHOD, .text = slice_of(cases[i].method) };
		struct eval eval = an_eval();

		assert_int_equal(pattern_set_find(set, &eval, &sample, NULL), cases[i].matches);
	}
	pattern_set_free(&set);
}

static void
some_methods_take_no_patterns(void **state)
{
	struct pattern_set *found = a_set("found", false, SAMPLE_ANY);
	struct pattern_set *truth = a_set("bool", false, SAMPLE_ANY);
	struct sample none = int_sample(0), one = int_sample(1), text = text_sample("12");
	struct eval eval = an_eval();

	(void)state;
	assert_true(pattern_set_find(found, &eval, &none, NULL));
	assert_false(pattern_set_find(truth, &eval, &none, NULL));
	assert_true(pattern_set_find(truth, &eval, &one, NULL));
	assert_true(pattern_set_find(truth, &eval, &text, NULL));
	assert_string_equal(error_of("found", "x"), "\"-m found\" takes no value");
	pattern_set_free(&found);
	pattern_set_free(&truth);
}

static void
a_sample_of_another_type_is_cast(void **state)
{
	struct pattern_set *set = a_set("str", false, SAMPLE_ANY);
	struct sample number = int_sample(42);
	struct eval eval = an_eval();

	(void)state;
	add(set, "42", "");
	assert_true(pattern_set_find(set, &eval, &number, NULL));
	pattern_set_free(&set);
	assert_true(match_takes(match_find(SLICE("int")), SAMPLE_STRING));
	assert_true(match_takes(match_find(SLICE("found")), SAMPLE_IP));
	assert_false(match_takes(match_find(SLICE("ip")), SAMPLE_BOOL));
	assert_null(match_default(SAMPLE_BINARY));
	assert_null(match_default(SAMPLE_ANY));
}

static void
the_longest_prefix_gives_the_value(void **state)
{
	(void)state;
	assert_string_equal(value_of("beg", "ab=2|abc=3|a=1|abc=dup", "abcd"), "3");
	assert_string_equal(value_of("beg", "ab=2|abc=3|a=1", "ax"), "1");
	assert_string_equal(value_of("beg", "ab=2", "b"), "");
}

static void
the_narrowest_network_of_the_own_family_gives_the_value(void **state)
{
	static const char *const nets = "0.0.0.0/0=any|10.0.0.0/8=ten|::ffff:10.1.0.0/112=mapped|"
		"10.2.0.0/255.255.0.0=mask|99.0.0.7/255.0.0.255=holes|2001:db8::/32=v6";

	(void)state;
	assert_string_equal(value_of("ip", nets, "10.1.2.3"), "ten");
	assert_string_equal(value_of("ip", nets, "::ffff:10.1.2.3"), "mapped");
	assert_string_equal(value_of("ip", nets, "2002:a01:203::1"), "ten");
	assert_string_equal(value_of("ip", nets, "10.2.0.0"), "mask");
	assert_string_equal(value_of("ip", nets, "99.5.0.7"), "any");
	assert_string_equal(value_of("ip", nets, "2001:db8::1"), "v6");
	assert_string_equal(value_of("ip", "::/0=6|9.0.0.0/8=nine|::ffff:9.9.9.0/120=m", "9.9.9.9"),
			    "nine");
}

static void
else_the_first_gives_the_value(void **state)
{
	(void)state;
	assert_string_equal(value_of("str", "a=1|a=2", "a"), "1");
	assert_string_equal(value_of("end", "z=short|yz=long", "xyz"), "short");
	assert_string_equal(value_of("end", "yz=long|z=short", "xyz"), "long");
	assert_string_equal(value_of("sub", "bc=1|b=2", "abc"), "1");
	assert_string_equal(value_of("dir", "/b/=1|a=2", "/a/b"), "1");
	assert_string_equal(value_of("dom", "org=1|x=2", "x.org"), "1");
	assert_string_equal(value_of("int", "1:9=range|5=five", "5"), "range");
	assert_string_equal(value_of("int", "5=five|1:9=range", "5"), "five");
	assert_string_equal(value_of("reg", "b=1|a=2", "ab"), "1");
}

static void
values_of_regm_have_the_groups(void **state)
{
	(void)state;
	assert_string_equal(value_of("regm", "^([a-z]+)([0-9]+)$=X\\2-\\1", "abc123"), "X123-abc");
	assert_string_equal(value_of("reg", "^([a-z]+)([0-9]+)$=X\\2-\\1", "abc123"), "X\\2-\\1");
}

static void
values_are_of_their_type(void **state)
{
	struct pattern_set *numbers = a_set("str", false, SAMPLE_INT);
	struct pattern_set *addresses = a_set("str", false, SAMPLE_IP);
	struct sample sample = text_sample("a"), value;
	struct eval eval = an_eval();
	struct diag diag;

	(void)state;
	add(numbers, "a", "-7");
	assert_true(pattern_set_find(numbers, &eval, &sample, &value));
	assert_int_equal(value.type, SAMPLE_INT);
	assert_int_equal(value.number, -7);
	assert_int_equal(pattern_set_add(numbers, SLICE("b"), SLICE("x"), false, &diag),
			 ERR_INVALID);
	assert_string_equal(diag.text, "expected a number as value, not \"x\"");
	add(addresses, "a", "192.0.2.1");
	assert_true(pattern_set_find(addresses, &eval, &sample, &value));
	assert_true(value.ip.is_ipv4);
	assert_int_equal(value.ip.bytes[12], 192);
	assert_int_equal(pattern_set_add(addresses, SLICE("b"), SLICE("::1"), false, &diag),
			 ERR_OK);
	assert_int_equal(pattern_set_add(addresses, SLICE("c"), SLICE("10.0.0.0/8"), false, &diag),
			 ERR_INVALID);
	pattern_set_free(&numbers);
	pattern_set_free(&addresses);
}

static void
what_can_not_be_a_pattern_is_told(void **state)
{
	(void)state;
	assert_non_null(strstr(error_of("int", "x"), "expected a number, a range"));
	assert_non_null(strstr(error_of("int", "3:1"), "first number is not over its last"));
	assert_non_null(strstr(error_of("int", ":"), "expected a range"));
	assert_non_null(strstr(error_of("int", "-5"), "expected \":5\" for up to 5"));
	assert_non_null(strstr(error_of("len", "-3-5"), "expected"));
	assert_non_null(strstr(error_of("int", "gt 1:2"), "a number behind an operator"));
	assert_non_null(strstr(error_of("len", "gt 9223372036854775807"), "may be over or under"));
	assert_non_null(strstr(error_of("ip", "localhost"), "expected an IP address"));
	assert_non_null(strstr(error_of("ip", "10.0.0.0/33"), "expected an IP address"));
	assert_non_null(strstr(error_of("ip", "::1/ffff::"), "expected an IP address"));
	assert_non_null(strstr(error_of("ip", "10.0.0.0/-1"), "expected an IP address"));
	assert_non_null(strstr(error_of("bin", "abc"), "even number"));
	assert_non_null(strstr(error_of("bin", "xx"), "expected hexadecimal digits"));
	assert_non_null(strstr(error_of("dir", "//"), "something between the delimiters"));
	assert_non_null(strstr(error_of("reg", "("), "at offset 1"));
}

static void
another_value_takes_the_place_of_the_old_one(void **state)
{
	struct sample sample, value;
	struct eval eval = an_eval();

	(void)state;
	for (int many = 0; many < 2; many++) {
		struct pattern_set *set = a_set("sub", false, SAMPLE_STRING);

		add(set, "a", "1");
		add(set, "b", "2");
		if (many != 0)
			add_noise(set, "sub");
		assert_int_equal(pattern_set_add(set, SLICE("a"), SLICE("3"), true, NULL), ERR_OK);
		assert_int_equal(pattern_set_count(set), many != 0 ? 22 : 2);
		sample = text_sample("ab");
		assert_true(pattern_set_find(set, &eval, &sample, &value));
		assert_true(slice_equals(value.text, SLICE("3")));
		pattern_set_free(&set);
	}
}

static void
what_is_removed_is_gone_and_its_twin_stays(void **state)
{
	struct sample sample = text_sample("ABC"), value;
	struct eval eval = an_eval();

	(void)state;
	for (int many = 0; many < 2; many++) {
		struct pattern_set *set = a_set("str", true, SAMPLE_STRING);

		add(set, "abc", "1");
		add(set, "Abc", "2");
		if (many != 0)
			add_noise(set, "str");
		assert_true(pattern_set_find(set, &eval, &sample, &value));
		assert_true(slice_equals(value.text, SLICE("1")));
		assert_true(pattern_set_remove(set, SLICE("abc")));
		assert_false(pattern_set_remove(set, SLICE("abc")));
		assert_true(pattern_set_find(set, &eval, &sample, &value));
		assert_true(slice_equals(value.text, SLICE("2")));
		assert_true(pattern_set_remove(set, SLICE("Abc")));
		assert_false(pattern_set_find(set, &eval, &sample, &value));
		pattern_set_free(&set);
	}
}

static void
one_that_was_added_twice_is_removed_once(void **state)
{
	static const char *const cases[][2] = { { "sub", "a" }, { "int", "1:3" }, { "str", "a" } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pattern_set *set = a_set(cases[i][0], false, SAMPLE_ANY);

		add(set, cases[i][1], "");
		add(set, cases[i][1], "");
		assert_true(pattern_set_remove(set, slice_of(cases[i][1])));
		assert_false(pattern_set_remove(set, slice_of(cases[i][1])));
		assert_int_equal(pattern_set_count(set), 0);
		pattern_set_free(&set);
	}
}

/* -- many random patterns: what the table says is what looking at each of them says -- */

static unsigned random_state = 1;

static unsigned
random_below(unsigned bound)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 16) % bound;
}

/* Short ones of few letters, so that they meet. */
static const char *
random_text(const char *method)
{
	static char text[64];
	static const char *const letters[] = { "ab", "aAbB/", "ab.:/?" };
	const char *from = letters[random_below(3)];
	unsigned len = 1 + random_below(7);

	if (strcmp(method, "ip") == 0) {
		if (random_below(3) == 0)
			snprintf(text, sizeof(text), "::ffff:10.%u.0.%u", random_below(3),
				 random_below(3));
		else
			snprintf(text, sizeof(text), "10.%u.0.%u", random_below(3),
				 random_below(3));
		return text;
	}
	if (strcmp(method, "int") == 0 || strcmp(method, "len") == 0) {
		snprintf(text, sizeof(text), "%u", random_below(300));
		return text;
	}
	if (strcmp(method, "bin") == 0) {
		snprintf(text, sizeof(text), "%02x%02x", 'a' + random_below(30),
			 'a' + random_below(8));
		return text;
	}
	for (unsigned i = 0; i < len; i++)
		text[i] = from[random_below((unsigned)strlen(from))];
	text[len] = '\0';
	return text;
}

static const char *
random_pattern(const char *method)
{
	static char text[96];
	unsigned low = random_below(300);

	if (strcmp(method, "ip") == 0 && random_below(8) == 0)
		snprintf(text, sizeof(text), "10.0.0.%u/255.0.0.%u", random_below(3),
			 random_below(256));
	else if (strcmp(method, "ip") == 0 && random_below(2) == 0)
		snprintf(text, sizeof(text), "10.%u.0.%u/%u", random_below(3), random_below(3),
			 random_below(33));
	else if ((strcmp(method, "int") == 0 || strcmp(method, "len") == 0) && random_below(4) == 0)
		snprintf(text, sizeof(text), "%u:%u", low, low + random_below(5));
	else
		snprintf(text, sizeof(text), "%s", random_text(method));
	return text;
}

/* By looking at each. */
static const struct pattern *
search_slowly(const struct pattern_set *set, const struct sample *sample)
{
	const struct pattern *p = NULL, *best = NULL;

	while ((p = pattern_set_next(set, p)) != NULL) {
		if (set->match->holds(set, p, sample))
			best = pattern_better(set, best, p, sample);
	}
	return best;
}

static void
compare_many(const char *method, bool nocase, enum sample_type value_type)
{
	struct pattern_set *set = a_set(method, nocase, value_type);

	for (int turn = 0; turn < 1500; turn++) {
		const char *text = random_pattern(method);
		struct sample sample;
		const struct pattern *fast, *slow;

		if (random_below(3) == 0)
			pattern_set_remove(set, slice_of(text));
		else
			pattern_set_add(set, slice_of(text), SLICE("1"), random_below(2) != 0,
					NULL);
		sample = sample_for(method, random_text(method));
		fast = pattern_set_search(set, &sample);
		slow = search_slowly(set, &sample);
		if (set->has_values)
			assert_ptr_equal(fast, slow);
		else
			assert_int_equal(fast != NULL, slow != NULL);
	}
	pattern_set_free(&set);
}

static void
a_table_says_what_looking_at_each_pattern_says(void **state)
{
	static const char *const methods[] = {
		"str", "beg", "end", "sub", "dir", "dom", "int", "len", "ip", "bin",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		for (int way = 0; way < 4; way++)
			compare_many(methods[i], way % 2 != 0, way < 2 ? SAMPLE_ANY : SAMPLE_INT);
	}
}

static void
a_hundred_thousand_are_all_found_and_all_removed(void **state)
{
	struct pattern_set *set = a_set("str", false, SAMPLE_INT);
	struct eval eval = an_eval();
	char key[32];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		add(set, key, key + 4);
	}
	assert_int_equal(pattern_set_count(set), 100000);
	for (int i = 0; i < 100000; i++) {
		struct sample sample = text_sample(key), value;

		snprintf(key, sizeof(key), "key-%d", i);
		sample = text_sample(key);
		assert_true(pattern_set_find(set, &eval, &sample, &value));
		assert_int_equal(value.number, i);
	}
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		assert_true(pattern_set_remove(set, slice_of(key)));
	}
	assert_int_equal(pattern_set_count(set), 0);
	pattern_set_free(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_equal_or_begin_or_end_with_it_or_have_it_inside),
		cmocka_unit_test(case_counts_unless_it_is_ignored),
		cmocka_unit_test(only_ascii_letters_have_case),
		cmocka_unit_test(portions_stand_between_delimiters),
		cmocka_unit_test(numbers_are_equal_or_in_a_range),
		cmocka_unit_test(networks_have_addresses_of_both_families),
		cmocka_unit_test(an_address_in_another_is_looked_up_too),
		cmocka_unit_test(bytes_are_written_in_hexadecimal),
		cmocka_unit_test(regular_expressions_are_searched),
		cmocka_unit_test(well_known_methods_have_their_case),
		cmocka_unit_test(some_methods_take_no_patterns),
		cmocka_unit_test(a_sample_of_another_type_is_cast),
		cmocka_unit_test(the_longest_prefix_gives_the_value),
		cmocka_unit_test(the_narrowest_network_of_the_own_family_gives_the_value),
		cmocka_unit_test(else_the_first_gives_the_value),
		cmocka_unit_test(values_of_regm_have_the_groups),
		cmocka_unit_test(values_are_of_their_type),
		cmocka_unit_test(what_can_not_be_a_pattern_is_told),
		cmocka_unit_test(another_value_takes_the_place_of_the_old_one),
		cmocka_unit_test(what_is_removed_is_gone_and_its_twin_stays),
		cmocka_unit_test(one_that_was_added_twice_is_removed_once),
		cmocka_unit_test(a_table_says_what_looking_at_each_pattern_says),
		cmocka_unit_test(a_hundred_thousand_are_all_found_and_all_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
