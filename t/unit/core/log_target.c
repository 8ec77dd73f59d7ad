/*
 * Targets: how they are written, which lines they take, and when two are one.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include "core/log_priv.h"

static struct log_place
place_of(const char *text)
{
	struct log_place place;

	assert_int_equal(log_place_parse(&place, text, NULL), ERR_OK);
	return place;
}

static const char *
address_of(const char *text)
{
	static char canonical[ADDR_TEXT_BYTES];
	struct log_place place = place_of(text);

	return addr_format(&place.addr, canonical);
}

static void
a_place_is_what_its_text_says(void **state)
{
	assert_int_equal(place_of("stdout").kind, LOG_TO_STDOUT);
	assert_int_equal(place_of("stderr").kind, LOG_TO_STDERR);
	assert_string_equal(place_of("file:/var/log/a").path, "/var/log/a");
	assert_string_equal(address_of("udp:127.0.0.1:1514"), "127.0.0.1:1514");
	assert_string_equal(address_of("udp:127.0.0.1"), "127.0.0.1:514");
	assert_string_equal(address_of("tcp:[::1]:1"), "[::1]:1");
	assert_string_equal(address_of("tcp:::1"), "[::1]:514");
	assert_string_equal(address_of("unix:/dev/log"), "unix:/dev/log");
}

static void
what_is_no_place_is_told_from_one(void **state)
{
	static const char *const wrong[] = {
		"",           "stdout ",     "stdout:",           "syslog", "file:", "udp:",
		"udp:name:1", "udp:unix:/x", "tcp:1.2.3.4:65536", "unix:",  "fd@1"
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct log_place place;
		struct diag why = { "" };

		assert_int_equal(log_place_parse(&place, wrong[i], &why), ERR_INVALID);
		assert_true(why.text[0] != '\0');
	}
}

/* Which of the first `count` lines pass. */
static const char *
passed(const char *sample, unsigned count)
{
	struct log_target target = { .conf = { .level = LOG_LEVEL_DEBUG } };
	static char text[128];
	unsigned i;

	assert_int_equal(log_sample_parse(&target.conf.sample, slice_of(sample), NULL), ERR_OK);
	for (i = 0; i < count; i++) {
		enum log_level level = LOG_LEVEL_INFO;

		text[i] = log_target_takes(&target, &level) ? 'x' : '.';
	}
	text[i] = '\0';
	return text;
}

static void
a_sample_takes_its_ranges_of_each_size(void **state)
{
	assert_string_equal(passed("1:1", 4), "xxxx");
	assert_string_equal(passed("2:3", 9), ".x..x..x.");
	assert_string_equal(passed("1,3:4", 8), "x.x.x.x.");
	assert_string_equal(passed("4,1-2:5", 10), "xx.x.xx.x.");
	assert_string_equal(passed("1-2:2", 4), "xxxx");
}

static void
what_is_no_sample_for_haproxy_is_none_here(void **state)
{
	static const char *const wrong[] = { "",
					     "1",
					     ":2",
					     "0:2",
					     "5:3",
					     "2-1:3",
					     "1:0",
					     "1-3,2:4",
					     "1,1:2",
					     "a:2",
					     "1:b",
					     "1-:2",
					     "-1:2",
					     "1:2:3",
					     "99999999999:99999999999",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17:99" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct log_sample sample;
		struct diag why = { "" };

		assert_int_equal(log_sample_parse(&sample, slice_of(wrong[i]), &why), ERR_INVALID);
		assert_true(why.text[0] != '\0');
	}
}

static void
a_level_bounds_what_is_sent_and_as_what(void **state)
{
	struct log_target target = { .conf = { .level = LOG_LEVEL_NOTICE,
					       .minlevel = LOG_LEVEL_ERROR } };
	enum log_level level = LOG_LEVEL_INFO;

	assert_false(log_target_takes(&target, &level));
	level = LOG_LEVEL_NOTICE;
	assert_true(log_target_takes(&target, &level));
	assert_int_equal(level, LOG_LEVEL_NOTICE);
	level = LOG_LEVEL_EMERG;
	assert_true(log_target_takes(&target, &level));
	assert_int_equal(level, LOG_LEVEL_ERROR);
}

/* Places that are shown, but for the standard streams. */
static void
note_place(const char *text, const struct log_counts *counts, const char *trouble, void *arg)
{
	char *all = arg;

	if (strncmp(text, "std", 3) != 0)
		snprintf(all + strlen(all), 256 - strlen(all), "%s ", text);
}

static const char *
places(void)
{
	static char all[256];

	all[0] = '\0';
	log_each_place(note_place, all);
	return all;
}

static struct log_list *
list_of(const char *const *texts, size_t count, enum log_level level)
{
	struct log_target_conf confs[4] = { 0 };
	struct log_list *list = NULL;

	for (size_t i = 0; i < count; i++) {
		confs[i].place = place_of(texts[i]);
		confs[i].level = level;
	}
	assert_int_equal(log_list_new(&list, confs, count), ERR_OK);
	return list;
}

static void
the_same_target_in_two_lists_is_one(void **state)
{
	static const char *const texts[] = { "file:/a", "file:/b", "file:/a" };
	struct log_list *one = list_of(texts, 3, LOG_LEVEL_INFO);
	struct log_list *two = list_of(texts + 1, 2, LOG_LEVEL_INFO);
	struct log_list *other = list_of(texts, 1, LOG_LEVEL_ERROR);

	assert_int_equal(one->count, 2);
	assert_ptr_equal(one->targets[0], two->targets[1]);
	assert_ptr_not_equal(one->targets[0], other->targets[0]);
	assert_ptr_equal(one->targets[0]->sink, other->targets[0]->sink);
	assert_string_equal(places(), "file:/b file:/a ");
	log_list_free(&one);
	assert_null(one);
	assert_string_equal(places(), "file:/b file:/a ");
	log_list_free(&two);
	assert_string_equal(places(), "file:/a ");
	log_list_free(&other);
	assert_string_equal(places(), "");
}

static void
a_kind_has_its_framing_and_length(void **state)
{
	static const char *const texts[] = { "stdout", "udp:127.0.0.1", "unix:/dev/log",
					     "tcp:127.0.0.1" };
	struct log_list *list = list_of(texts, 4, LOG_LEVEL_INFO);

	assert_int_equal(list->targets[0]->conf.framing, LOG_FRAMING_RAW);
	assert_int_equal(list->targets[0]->conf.len, LOG_LINE_MAX_BYTES);
	assert_int_equal(list->targets[1]->conf.framing, LOG_FRAMING_RFC3164);
	assert_int_equal(list->targets[1]->conf.len, 1024);
	assert_int_equal(list->targets[2]->conf.framing, LOG_FRAMING_LOCAL);
	assert_int_equal(list->targets[3]->conf.framing, LOG_FRAMING_RFC3164);
	log_list_free(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_what_its_text_says),
		cmocka_unit_test(what_is_no_place_is_told_from_one),
		cmocka_unit_test(a_sample_takes_its_ranges_of_each_size),
		cmocka_unit_test(what_is_no_sample_for_haproxy_is_none_here),
		cmocka_unit_test(a_level_bounds_what_is_sent_and_as_what),
		cmocka_unit_test(the_same_target_in_two_lists_is_one),
		cmocka_unit_test(a_kind_has_its_framing_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
