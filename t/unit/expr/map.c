/*
 * Maps: what is in them, how views follow, and that readers on workers see each change whole.
 */
#include "config.h"
#include "../core/crew.h"
#include "../expr/sets.h"
#include <stdatomic.h>
#include "expr/map.h"

static struct map *
a_map(const char *lines)
{
	struct map *map = NULL;
	struct diag diag;

	assert_int_equal(map_new(&map), ERR_OK);
	if (map_load(map, slice_of(lines), &diag) != ERR_OK)
		fail_msg("%s", diag.text);
	return map;
}

static struct map_view *
a_view(struct map *map, const char *method, enum sample_type value_type)
{
	struct map_view *view = NULL;
	struct diag diag;

	if (map_view_get(&view, map, match_find(slice_of(method)), false, value_type, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.text);
	return view;
}

/* "" for none. */
static const char *
looked_up(const struct map_view *view, const char *method, const char *text)
{
	static char found[128];
	struct sample sample = sample_for(method, text), value;
	struct eval eval = an_eval();

	found[0] = '\0';
	if (!map_view_find(view, &eval, &sample, &value))
		return "";
	if (value.type == SAMPLE_INT)
		snprintf(found, sizeof(found), "%lld", (long long)value.number);
	else
		snprintf(found, sizeof(found), "%.*s", (int)value.text.len, value.text.at);
	return found;
}

/* "key=value key=value", in order. */
static const char *
contents(const struct map *map)
{
	static char text[512];
	const struct map_entry *entry = NULL;
	size_t len = 0;

	text[0] = '\0';
	while ((entry = map_next(map, entry)) != NULL) {
		struct slice key = map_entry_key(entry), value = map_entry_value(entry);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s=%.*s",
					len != 0 ? " " : "", (int)key.len, key.at, (int)value.len,
					value.at);
	}
	return text;
}

static enum err
set(struct map *map, const char *key, const char *value)
{
	return map_set(map, slice_of(key), slice_of(value), NULL);
}

/*
 * "show map" of HAProxy 2.6 for the same bytes has the same, but for "b dup", which is second to
 * "b".
 */
static void
a_file_is_read_as_haproxy_reads_it(void **state)
{
	struct map *map = a_map("a\tv1  \n  b v2 x \r\n# c\n  # d\n   \n\nb dup\nnov\nlast");

	(void)state;
	assert_string_equal(contents(map), "a=v1 b=v2 x #=d nov= last=");
	assert_int_equal(map_count(map), 5);
	map_free(&map);
}

static void
a_line_that_is_too_long_is_told_with_its_number(void **state)
{
	char text[MAP_KEY_MAX_BYTES + 64] = "a b\n\n";
	struct map *map = a_map("");
	struct diag diag;

	(void)state;
	memset(text + 5, 'x', MAP_KEY_MAX_BYTES + 1);
	assert_int_equal(map_load(map, slice_of(text), &diag), ERR_INVALID);
	assert_string_equal(diag.text, "line 3: a key has at most 1024 bytes, not 1025");
	map_free(&map);
}

static void
entries_keep_their_place_and_new_ones_go_to_the_end(void **state)
{
	struct map *map = a_map("a 1\nb 2\nc 3\n");
	struct slice value;

	(void)state;
	assert_int_equal(set(map, "b", "22"), ERR_OK);
	assert_int_equal(set(map, "d", "4"), ERR_OK);
	assert_true(map_remove(map, SLICE("a")));
	assert_false(map_remove(map, SLICE("a")));
	assert_string_equal(contents(map), "b=22 c=3 d=4");
	assert_true(map_get(map, SLICE("b"), &value));
	assert_true(slice_equals(value, SLICE("22")));
	assert_false(map_get(map, SLICE("a"), &value));
	map_free(&map);
}

static void
views_of_the_same_kind_are_one(void **state)
{
	struct map *map = a_map("a 1\n");
	struct map_view *one = a_view(map, "beg", SAMPLE_INT),
			*two = a_view(map, "beg", SAMPLE_INT);
	struct map_view *other = a_view(map, "beg", SAMPLE_STRING);

	(void)state;
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, other);
	map_view_release(&one);
	assert_string_equal(looked_up(two, "beg", "abc"), "1");
	map_view_release(&two);
	map_view_release(&other);
	map_free(&map);
}

static void
views_follow_every_change(void **state)
{
	struct map *map = a_map("a 1\nab 2\n"), *from = a_map("a 7\nabc 8\n");
	struct map_view *exact = a_view(map, "str", SAMPLE_STRING);
	struct map_view *numbers = a_view(map, "beg", SAMPLE_INT);

	(void)state;
	assert_string_equal(looked_up(numbers, "beg", "abcd"), "2");
	assert_int_equal(set(map, "abc", "3"), ERR_OK);
	assert_string_equal(looked_up(numbers, "beg", "abcd"), "3");
	assert_string_equal(looked_up(exact, "str", "abc"), "3");
	assert_true(map_remove(map, SLICE("abc")));
	assert_string_equal(looked_up(numbers, "beg", "abcd"), "2");
	assert_string_equal(looked_up(exact, "str", "abc"), "");
	assert_int_equal(map_replace(map, &from, NULL), ERR_OK);
	assert_null(from);
	assert_string_equal(looked_up(numbers, "beg", "abcd"), "8");
	assert_string_equal(looked_up(exact, "str", "ab"), "");
	assert_string_equal(contents(map), "a=7 abc=8");
	assert_int_equal(set(map, "a", "9"), ERR_OK);
	assert_string_equal(looked_up(numbers, "beg", "a"), "9");
	assert_string_equal(looked_up(exact, "str", "a"), "9");
	map_view_release(&exact);
	map_view_release(&numbers);
	map_free(&map);
}

static void
what_a_view_can_not_take_changes_nothing(void **state)
{
	struct map *map = a_map("a 1\n"), *from = a_map("b x\n");
	struct map_view *text = a_view(map, "beg", SAMPLE_STRING);
	struct map_view *numbers = a_view(map, "str", SAMPLE_INT), *addresses = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(map_set(map, SLICE("b"), SLICE("x"), &diag), ERR_INVALID);
	assert_string_equal(diag.text, "expected a number as value, not \"x\"");
	assert_int_equal(set(map, "a", "y"), ERR_INVALID);
	assert_string_equal(contents(map), "a=1");
	assert_string_equal(looked_up(text, "beg", "b"), "");
	assert_string_equal(looked_up(text, "beg", "a"), "1");
	assert_int_equal(map_replace(map, &from, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "the entry \"b\": expected a number as value, not \"x\"");
	assert_non_null(from);
	assert_string_equal(contents(map), "a=1");
	assert_int_equal(
		map_view_get(&addresses, map, match_find(SLICE("ip")), false, SAMPLE_STRING, &diag),
		ERR_INVALID);
	assert_non_null(strstr(diag.text, "the entry \"a\": expected an IP address"));
	map_view_release(&text);
	map_view_release(&numbers);
	map_free(&map);
	map_free(&from);
}

static void
one_made_like_another_is_checked_while_it_is_read(void **state)
{
	struct map *map = a_map("a 1\n"), *like = NULL;
	struct map_view *numbers = a_view(map, "str", SAMPLE_INT);
	struct map_view *prefixes = a_view(map, "beg", SAMPLE_STRING);
	struct diag diag;

	(void)state;
	assert_int_equal(map_new_like(&like, map), ERR_OK);
	assert_int_equal(map_load(like, SLICE("# x\nb 2\nc x\n"), &diag), ERR_INVALID);
	assert_string_equal(diag.text, "line 3: expected a number as value, not \"x\"");
	assert_int_equal(map_load(like, SLICE("c 3\n"), &diag), ERR_OK);
	assert_int_equal(map_replace(map, &like, &diag), ERR_OK);
	assert_string_equal(contents(map), "b=2 c=3");
	assert_string_equal(looked_up(numbers, "str", "c"), "3");
	assert_string_equal(looked_up(prefixes, "beg", "cx"), "3");
	assert_int_equal(map_new_like(&like, map), ERR_OK);
	map_free(&like);
	map_view_release(&numbers);
	map_view_release(&prefixes);
	map_free(&map);
}

/* -- with workers -- */

static int
start(void **state)
{
	return crew_start(state);
}

/* What a worker does in each turn, until it is told to stop. */
struct job {
	struct mail		 mail;
	struct task		 task;
	void			(*run)(struct job *);
	const struct map_view	*texts, *numbers, *prefixes;
	int64_t			 seen[20];	/* of each key the highest generation */
	uint64_t		 finds, faults;
	_Atomic(bool)		 must_end, has_ended, has_begun;
};

static void
job_on_task(struct task *task)
{
	struct job *job = container_of(task, struct job, task);

	job->run(job);
	atomic_store_explicit(&job->has_begun, true, memory_order_release);
	if (!atomic_load_explicit(&job->must_end, memory_order_acquire))
		loop_queue(loop_self(), task);
	else
		atomic_store_explicit(&job->has_ended, true, memory_order_release);
}

static void
job_on_mail(struct mail *mail)
{
	struct job *job = container_of(mail, struct job, mail);

	task_init(&job->task, job_on_task);
	loop_queue(loop_self(), &job->task);
}

static void
job_start(struct job *job, uint32_t worker, void (*run)(struct job *))
{
	job->run = run;
	job->mail.deliver = job_on_mail;
	mailbox_send(&crew_workers[worker]->mailbox, &job->mail);
	while (!atomic_load_explicit(&job->has_begun, memory_order_acquire))
		loop_turn(crew_control, false);
}

static void
job_end(struct job *job)
{
	atomic_store_explicit(&job->must_end, true, memory_order_release);
	while (!atomic_load_explicit(&job->has_ended, memory_order_acquire))
		loop_turn(crew_control, false);
}

/* Generations only grow, each key that stays is always there, and a value is a whole one. */
static void
job_read(struct job *job)
{
	char room[256], key[32];

	for (int i = 0; i < 50; i++) {
		struct eval eval = { .room = { room, sizeof(room) } };
		struct sample sample = { .type = SAMPLE_STRING }, value;

		sample.text = (struct slice){ key, (size_t)snprintf(key, sizeof(key), "stays-%d",
								    i % 20) };
		if (!map_view_find(job->numbers, &eval, &sample, &value) ||
		    value.number < job->seen[i % 20])
			job->faults++;
		else
			job->seen[i % 20] = value.number;
		if (!map_view_find(job->texts, &eval, &sample, &value) || value.text.len == 0)
			job->faults++;
		sample.text = (struct slice){ key, (size_t)snprintf(key, sizeof(key), "stays-%d-x",
								    i % 20) };
		if (!map_view_find(job->prefixes, &eval, &sample, &value) || value.text.len == 0)
			job->faults++;
		sample.text =
			(struct slice){ key, (size_t)snprintf(key, sizeof(key), "comes-%d", i) };
		if (map_view_find(job->texts, &eval, &sample, &value) && value.text.len == 0)
			job->faults++;
		job->finds += 4;
	}
}

static void
write_generation(struct map *map, int generation)
{
	char key[32], value[32];

	snprintf(value, sizeof(value), "%d", generation);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "stays-%d", i);
		assert_int_equal(set(map, key, value), ERR_OK);
	}
}

static struct map *
a_generation(const struct map *like, int generation)
{
	struct map *map = NULL;

	assert_int_equal(like != NULL && generation % 2 != 0 ? map_new_like(&map, like) :
		map_new(&map), ERR_OK);
	write_generation(map, generation);
	return map;
}

/* Generations: each is `changes` single ones, then the whole is replaced. */
static void
change_much(struct map *map, int generations)
{
	char key[32];

	for (int generation = 1; generation <= generations; generation++) {
		struct map *from = a_generation(map, 2 * generation);

		write_generation(map, 2 * generation - 1);
		for (int i = 0; i < 300; i++) {
			snprintf(key, sizeof(key), "comes-%d", i % 200);
			if (i % 3 == 2)
				map_remove(map, slice_of(key));
			else
				assert_int_equal(set(map, key, "1"), ERR_OK);
			if (i % 50 == 0)
				loop_turn(crew_control, false);
		}
		assert_int_equal(map_replace(map, &from, NULL), ERR_OK);
		loop_turn(crew_control, false);
	}
}

static void
readers_see_whole_changes_while_much_is_changed(void **state)
{
	static struct job jobs[CREW_WORKERS];
	struct map *map = a_generation(NULL, 0);
	struct map_view *texts = a_view(map, "str", SAMPLE_STRING);
	struct map_view *numbers = a_view(map, "str", SAMPLE_INT);
	struct map_view *prefixes = a_view(map, "beg", SAMPLE_STRING);

	(void)state;
	for (uint32_t i = 0; i < CREW_WORKERS; i++) {
		jobs[i].texts = texts;
		jobs[i].numbers = numbers;
		jobs[i].prefixes = prefixes;
		job_start(&jobs[i], i, job_read);
	}
	change_much(map, 100);
	for (uint32_t i = 0; i < CREW_WORKERS; i++) {
		job_end(&jobs[i]);
		assert_true(jobs[i].finds > 0);
		assert_int_equal(jobs[i].faults, 0);
	}
	map_view_release(&texts);
	map_view_release(&numbers);
	map_view_release(&prefixes);
	map_free(&map);
}

/* -- asks -- */

static void
job_ask(struct job *job)
{
	char key[32];

	for (int i = 0; i < 5; i++) {
		struct slice text = { key, (size_t)snprintf(key, sizeof(key), "asked-%d",
			(int)(job->finds++ % 100)) };
		enum err e = map_view_ask(job->texts, text, i % 5 == 4 ? (struct slice){ NULL, 0 } :
			SLICE("1"));

		if (e != ERR_OK && e != ERR_LIMIT)
			job->faults++;
	}
	/* the last word: a worker's own asks stay in order */
	while (map_view_ask(job->texts, SLICE("last"), SLICE("x")) != ERR_OK ||
	       map_view_ask(job->texts, SLICE("last"), SLICE("y")) != ERR_OK)
		;
}

static void
what_workers_ask_for_is_done_in_their_order(void **state)
{
	static struct job jobs[CREW_WORKERS];
	struct map *map = a_map("");
	struct map_view *texts = a_view(map, "str", SAMPLE_STRING);

	(void)state;
	for (uint32_t i = 0; i < CREW_WORKERS; i++) {
		jobs[i].texts = texts;
		job_start(&jobs[i], i, job_ask);
	}
	while (map_asks_done(map) < 20000)
		loop_turn(crew_control, true);
	for (uint32_t i = 0; i < CREW_WORKERS; i++) {
		job_end(&jobs[i]);
		assert_int_equal(jobs[i].faults, 0);
	}
	for (int i = 0; i < 10; i++)
		loop_turn(crew_control, false);
	assert_string_equal(looked_up(texts, "str", "last"), "y");
	assert_int_equal(map_asks_refused(map), 0);
	map_view_release(&texts);
	map_free(&map);
}

static void
what_would_change_nothing_is_not_asked(void **state)
{
	struct map *map = a_map("a 1\n");
	struct map_view *view = a_view(map, "str", SAMPLE_STRING);
	const struct slice none = { NULL, 0 };

	(void)state;
	assert_int_equal(map_view_ask(view, SLICE("a"), SLICE("1")), ERR_OK);
	assert_int_equal(map_view_ask(view, SLICE("b"), none), ERR_OK);
	loop_turn(crew_control, false);
	assert_int_equal(map_asks_done(map), 0);
	assert_int_equal(map_view_ask(view, SLICE("a"), none), ERR_OK);
	assert_int_equal(map_view_ask(view, SLICE("a"), SLICE("1")), ERR_OK);	/* now it would */
	loop_turn(crew_control, false);
	assert_int_equal(map_asks_done(map), 2);
	assert_string_equal(contents(map), "a=1");
	map_view_release(&view);
	map_free(&map);
}

static void
asks_beyond_the_limit_are_dropped(void **state)
{
	struct map *map = a_map("");
	struct map_view *view = a_view(map, "str", SAMPLE_INT);
	char key[MAP_KEY_MAX_BYTES + 2] = "";

	(void)state;
	for (int i = 0; i < MAP_ASKS_MAX; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(map_view_ask(view, slice_of(key), SLICE("1")), ERR_OK);
	}
	assert_int_equal(map_view_ask(view, SLICE("x"), SLICE("1")), ERR_LIMIT);
	memset(key, 'x', sizeof(key) - 1);
	assert_int_equal(map_view_ask(view, slice_of(key), SLICE("1")), ERR_LIMIT);
	assert_int_equal(map_asks_dropped(map), 2);
	while (map_count(map) < MAP_ASKS_MAX)	/* a turn does no more than it has time for */
		loop_turn(crew_control, false);
	assert_int_equal(map_view_ask(view, SLICE("x"), SLICE("no number")), ERR_OK);
	loop_turn(crew_control, false);
	assert_int_equal(map_asks_refused(map), 1);
	map_view_release(&view);
	map_free(&map);
}

/* A rule asks, and control does it. */
static void
ask(struct map *map, const struct map_view *view, const char *key, const char *value)
{
	const struct slice none = { NULL, 0 };
	uint64_t before = map_asks_done(map) + map_asks_refused(map) + map_asks_dropped(map);

	assert_int_equal(map_view_ask(view, slice_of(key), value != NULL ? slice_of(value) : none),
			 ERR_OK);
	while (map_asks_done(map) + map_asks_refused(map) + map_asks_dropped(map) == before)
		loop_turn(crew_control, false);
}

static void
rules_may_fill_a_map_up_to_a_limit(void **state)
{
	struct map *map = a_map("base 1\n"), *other = a_map("k 1\n");
	struct map_view *view = a_view(map, "sub", SAMPLE_STRING);

	(void)state;
	map_limit(map, 2 * (MAP_ENTRY_BYTES + 4));
	ask(map, view, "r1", "11");
	ask(map, view, "r2", "22");
	assert_int_equal(map_rule_bytes(map), 2 * (MAP_ENTRY_BYTES + 4));
	ask(map, view, "r3", "33");
	ask(map, view, "base", "2");
	ask(map, view, "r1", "111");
	assert_int_equal(map_asks_dropped(map), 3);
	assert_int_equal(map_asks_refused(map), 0);
	assert_string_equal(contents(map), "base=1 r1=11 r2=22");
	assert_int_equal(set(map, "big", "0123456789"), ERR_OK);	/* control may */
	assert_int_equal(set(map, "r1", "x"), ERR_OK);		/* and it is its own then */
	assert_int_equal(map_rule_bytes(map), MAP_ENTRY_BYTES + 4);
	ask(map, view, "r2", NULL);
	assert_int_equal(map_rule_bytes(map), 0);
	ask(map, view, "base", "2");
	assert_int_equal(map_rule_bytes(map), MAP_ENTRY_BYTES + 5);
	map_limit(map, 0);
	ask(map, view, "base", "");	/* less than there is */
	assert_string_equal(contents(map), "base= r1=x big=0123456789");
	assert_int_equal(map_replace(map, &other, NULL), ERR_OK);
	assert_int_equal(map_rule_bytes(map), 0);
	map_view_release(&view);
	map_free(&map);
}

#define LONG_LIST 3000

static void
a_long_list_changes_as_fast_as_it_is_looked_up_right(void **state)
{
	struct map *map = a_map("");
	struct map_view *subs = a_view(map, "sub", SAMPLE_STRING);
	struct map_view *ranges = NULL;
	char key[16], value[32];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < LONG_LIST; i++) {
			snprintf(key, sizeof(key), "<%d>", (i * 617) % LONG_LIST);
			snprintf(value, sizeof(value), "%d-%d", round, i);
			if (round == 1 && i % 3 == 0)
				assert_true(map_remove(map, slice_of(key)));
			else
				assert_int_equal(set(map, key, value), ERR_OK);
		}
	}
	assert_int_equal(map_count(map), LONG_LIST);
	for (int i = 0; i < LONG_LIST; i++) {
		snprintf(key, sizeof(key), "<%d>", (i * 617) % LONG_LIST);
		snprintf(value, sizeof(value), "2-%d", i);
		assert_string_equal(looked_up(subs, "sub", key), value);
		assert_true(map_remove(map, slice_of(key)));
		assert_string_equal(looked_up(subs, "sub", key), "");
	}
	for (int i = 0; i < 100; i++) {	/* some hash, some do not */
		snprintf(key, sizeof(key), i % 3 != 0 ? "%d:%d" : "%d", i * 10, i * 10 + 5);
		assert_int_equal(set(map, key, "v"), ERR_OK);
	}
	ranges = a_view(map, "int", SAMPLE_STRING);
	for (int i = 0; i < 100; i += 2) {
		snprintf(key, sizeof(key), i % 3 != 0 ? "%d:%d" : "%d", i * 10, i * 10 + 5);
		snprintf(value, sizeof(value), "%d", i * 10);
		assert_int_equal(set(map, key, "w"), ERR_OK);
		assert_string_equal(looked_up(ranges, "int", value), "w");
		assert_true(map_remove(map, slice_of(key)));
		assert_string_equal(looked_up(ranges, "int", value), "");
	}
	map_view_release(&subs);
	map_view_release(&ranges);
	map_free(&map);
}

static void
a_map_that_goes_waits_for_what_was_asked(void **state)
{
	struct map *map = a_map("");
	struct map_view *view = a_view(map, "str", SAMPLE_STRING);

	(void)state;
	assert_int_equal(map_view_ask(view, SLICE("a"), SLICE("1")), ERR_OK);
	map_view_release(&view);
	map_free(&map);
	assert_null(map);
	loop_turn(crew_control, false);
}

static void
a_map_that_goes_leaves_undone_what_takes_long(void **state)
{
	struct map *map = a_map("");
	struct map_view *view = a_view(map, "sub", SAMPLE_STRING);
	char key[16];

	(void)state;
	for (int i = 0; i < MAP_ASKS_MAX; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(map_view_ask(view, slice_of(key), SLICE("1")), ERR_OK);
	}
	loop_turn(crew_control, false);
	assert_true(map_asks_done(map) > 0);
	(void)map_view_ask(view, SLICE("x"), SLICE("1"));
	map_view_release(&view);
	map_free(&map);
	assert_null(map);
	loop_turn(crew_control, false);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, crew_stop)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_as_haproxy_reads_it),
		cmocka_unit_test(a_line_that_is_too_long_is_told_with_its_number),
		cmocka_unit_test(entries_keep_their_place_and_new_ones_go_to_the_end),
		cmocka_unit_test(views_of_the_same_kind_are_one),
		cmocka_unit_test(views_follow_every_change),
		cmocka_unit_test(what_a_view_can_not_take_changes_nothing),
		cmocka_unit_test(one_made_like_another_is_checked_while_it_is_read),
		TEST(readers_see_whole_changes_while_much_is_changed),
		TEST(what_workers_ask_for_is_done_in_their_order),
		TEST(what_would_change_nothing_is_not_asked),
		TEST(a_map_that_goes_leaves_undone_what_takes_long),
		TEST(asks_beyond_the_limit_are_dropped),
		TEST(rules_may_fill_a_map_up_to_a_limit),
		TEST(a_long_list_changes_as_fast_as_it_is_looked_up_right),
		TEST(a_map_that_goes_waits_for_what_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
