/*
 * An operation's next step, and its texts.
 */
#include "config.h"
#include "adminapi/operations/operation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "adminapi/json/embedded.h"
#include "adminapi/json/schema.h"

static enum operation_state ended_in;
static char said[OPERATION_DETAIL_BYTES];

static enum operation_step
next(enum operation_state state, enum operation_then then, bool kill,
	const struct operation_sight *sight)
{
	struct operation op = { .state = state, .then = then, .kill = kill };

	return operation_step(&op, sight, &ended_in, said);
}

#define SEES(...) (&(struct operation_sight){ __VA_ARGS__ })
#define NEXT(state, ...) \
	next(OPERATION_##state, OPERATION_THEN_MAINT, false, SEES(.admin_state = __VA_ARGS__))
#define GONE .server = OPERATION_SERVER_GONE

static void
it_begins_with_the_write_and_does_it_again_after_a_restart(void **state)
{
	assert_int_equal(NEXT(STARTING, "ready"), OPERATION_DRAIN);
	assert_int_equal(NEXT(STARTING, "drain"), OPERATION_DRAIN);
	assert_int_equal(NEXT(STARTING, NULL, GONE), OPERATION_END);
	assert_int_equal(ended_in, OPERATION_SUPERSEDED);
}

static void
it_waits_while_there_are_sessions(void **state)
{
	assert_int_equal(NEXT(WAITING, "drain", .sessions = 1), OPERATION_WAIT);
	assert_int_equal(NEXT(WAITING, "drain", .sessions = 0), OPERATION_FINISH);
	assert_int_equal(NEXT(WAITING, "drain", .sessions = 0, .is_due = true), OPERATION_FINISH);
}

static void
at_the_deadline_it_ends_them_or_expires(void **state)
{
	assert_int_equal(NEXT(WAITING, "drain", .sessions = 2, .is_due = true), OPERATION_END);
	assert_int_equal(ended_in, OPERATION_EXPIRED);
	assert_non_null(strstr(said, "2 sessions are left; the server goes on draining"));
	assert_int_equal(next(OPERATION_WAITING, OPERATION_THEN_READY, true,
		SEES(.admin_state = "drain", .sessions = 2, .is_due = true)), OPERATION_KILL);
}

static void
sessions_that_do_not_end_make_it_fail(void **state)
{
	assert_int_equal(NEXT(ENDING, "drain", .sessions = 1), OPERATION_KILL);
	assert_int_equal(NEXT(ENDING, "drain", .sessions = 0, .is_overdue = true),
			 OPERATION_FINISH);
	assert_int_equal(NEXT(ENDING, "drain", .sessions = 1, .is_overdue = true), OPERATION_END);
	assert_int_equal(ended_in, OPERATION_FAILED);
}

static void
whoever_changes_the_server_meanwhile_is_obeyed(void **state)
{
	static const enum operation_state all[] = { OPERATION_WAITING, OPERATION_ENDING,
		OPERATION_FINISHING };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(next(all[i], OPERATION_THEN_MAINT, true,
			SEES(.admin_state = "ready", .by = "eve")), OPERATION_END);
		assert_int_equal(ended_in, OPERATION_SUPERSEDED);
		assert_string_equal(said, "admin_state was set to ready meanwhile by eve");
		assert_int_equal(next(all[i], OPERATION_THEN_MAINT, true, SEES(GONE)),
				 OPERATION_END);
		assert_int_equal(ended_in, OPERATION_SUPERSEDED);
		assert_int_equal(
			next(all[i], OPERATION_THEN_MAINT, true,
			     SEES(.admin_state = "drain", .server = OPERATION_SERVER_REPLACED)),
			OPERATION_END);
		assert_int_equal(ended_in, OPERATION_SUPERSEDED);
	}
}

static void
what_was_done_before_a_crash_is_found_done(void **state)
{
	assert_int_equal(NEXT(FINISHING, "drain"), OPERATION_FINISH);
	assert_int_equal(NEXT(FINISHING, "maint"), OPERATION_END);
	assert_int_equal(ended_in, OPERATION_DONE);
	assert_int_equal(next(OPERATION_FINISHING, OPERATION_THEN_DELETE, false, SEES(GONE)),
		OPERATION_END);
	assert_int_equal(ended_in, OPERATION_DONE);
	assert_int_equal(NEXT(CALLING_OFF, "ready"), OPERATION_END);
	assert_int_equal(ended_in, OPERATION_CALLED_OFF);
}

static void
calling_off_puts_back_what_was_before(void **state)
{
	struct operation op = { .state = OPERATION_CALLING_OFF, .before = "ready" };

	assert_int_equal(NEXT(CALLING_OFF, "drain"), OPERATION_PUT_BACK);
	assert_int_equal(operation_step(&op, SEES(.admin_state = "drain"), &ended_in, said),
		OPERATION_PUT_BACK);
	assert_int_equal(operation_step(&op, SEES(.admin_state = "maint"), &ended_in, said),
		OPERATION_END);
	assert_int_equal(ended_in, OPERATION_SUPERSEDED);
	strcpy(op.before, "drain");	/* somebody drained it by hand before */
	assert_int_equal(operation_step(&op, SEES(.admin_state = "drain"), &ended_in, said),
		OPERATION_END);
	assert_int_equal(ended_in, OPERATION_CALLED_OFF);
}

static void
a_server_in_maintenance_is_not_opened_to_be_drained(void **state)
{
	struct operation op = { .state = OPERATION_WAITING, .before = "maint" };

	assert_string_equal(operation_hold(&op), "maint");
	assert_int_equal(operation_step(&op, SEES(.admin_state = "maint", .sessions = 1), &ended_in,
		said), OPERATION_WAIT);
	assert_int_equal(operation_step(&op, SEES(.admin_state = "maint"), &ended_in, said),
		OPERATION_FINISH);
	assert_int_equal(operation_step(&op, SEES(.admin_state = "drain"), &ended_in, said),
		OPERATION_END);
}

static void
what_is_saved_comes_back_as_it_was(void **state)
{
	struct operation op = { .id = 1795195402895, .state = OPERATION_ENDING,
		.then = OPERATION_THEN_DELETE, .kill = true, .backend = "app", .server = "s1",
		.before = "maint", .actor = "a \"quoted\" one", .reason = "r", .detail = "d",
		.off_actor = "zoe", .off_reason = "too late",
		.began_us = 1795195402895123, .deadline_us = 1795195403895123,
		.sessions_at_begin = 9, .sessions_left = 3, .killed = 6 }, back;
	struct buf text = { 0 };

	operation_save(&text, &op);
	assert_int_equal(operation_restore(&back, (struct slice){ text.at, text.len }), ERR_OK);
	assert_memory_equal(&back, &op, sizeof(op));
	buf_fini(&text);
}

static void
what_is_not_understood_is_refused(void **state)
{
	static const char *const wrong[] = { "", "x", "[]", "{}",
		"{\"kind\":\"drain\",\"state\":\"waiting\",\"then\":\"maint\"}",
		"{\"kind\":\"drain\",\"state\":\"?\",\"then\":\"maint\",\"backend\":\"b\",\"server\":\"s\"}",
		("{\"kind\":\"drain\",\"state\":\"waiting\",\"then\":\"maint\",\"backend\":\"b\",\"server\":\"s\","
		 "\"id\":-1,\"began_us\":1,\"deadline_us\":1,\"ended_us\":1,\"sessions_at_begin\":1,"
		 "\"sessions_left\":1,\"killed\":1}") };
	struct operation op;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(operation_restore(&op, slice_of(wrong[i])), ERR_INVALID);
}

static struct schema *
bodies(void)
{
	struct schema *schema = NULL;
	struct diag why;

	for (size_t i = 0; i < embedded_file_count; i++)
		if (strcmp(embedded_files[i].name, "operations.json") == 0)
			assert_int_equal(schema_compile(&schema, embedded_files[i].text,
				embedded_files[i].size, &why), ERR_OK);
	assert_non_null(schema);
	return schema;
}

static enum err
wish(struct operation_wish *wish, const char *text)
{
	struct schema *schema = bodies();
	struct issues issues = { 0 };
	enum err e =
		operation_wish_parse(wish, slice_of(text), schema_def(schema, "drain"), &issues);

	assert_int_equal(e != ERR_OK, issues_any(&issues));
	issues_fini(&issues);
	schema_free(&schema);
	return e;
}

static void
nothing_need_be_said(void **state)
{
	struct operation_wish w;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(wish(&w, i == 0 ? "" : "{}"), ERR_OK);
		assert_int_equal(w.then, OPERATION_THEN_MAINT);
		assert_false(w.kill || w.has_deadline);
	}
}

static void
what_is_said_is_taken(void **state)
{
	struct operation_wish w;

	assert_int_equal(wish(&w, "{\"deadline\":\"30s\",\"then\":\"delete\",\"kill\":true}"),
			 ERR_OK);
	assert_true(w.kill && w.has_deadline && w.deadline_ms == 30000);
	assert_int_equal(w.then, OPERATION_THEN_DELETE);
	assert_int_equal(wish(&w, "{\"deadline\":0,\"kill\":true,\"then\":\"ready\"}"), ERR_OK);
	assert_true(w.has_deadline && w.deadline_ms == 0 && w.then == OPERATION_THEN_READY);
}

static void
a_wrong_body_is_refused(void **state)
{
	static const char *const wrong[] = { "[]",
					     "null",
					     "{\"then\":\"drain\"}",
					     "{\"kill\":true}",
					     "{\"deadline\":\"soon\"}",
					     "{\"deadline\":\"-1s\"}",
					     "{\"deadline\":\"9999999h\"}",
					     "{\"kill\":1}",
					     "{\"then\":null}",
					     "{\"timeout\":\"1s\"}" };
	struct operation_wish w;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(wish(&w, wrong[i]), ERR_INVALID);
	assert_int_equal(wish(&w, "{"), ERR_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_with_the_write_and_does_it_again_after_a_restart),
		cmocka_unit_test(it_waits_while_there_are_sessions),
		cmocka_unit_test(at_the_deadline_it_ends_them_or_expires),
		cmocka_unit_test(sessions_that_do_not_end_make_it_fail),
		cmocka_unit_test(whoever_changes_the_server_meanwhile_is_obeyed),
		cmocka_unit_test(what_was_done_before_a_crash_is_found_done),
		cmocka_unit_test(calling_off_puts_back_what_was_before),
		cmocka_unit_test(a_server_in_maintenance_is_not_opened_to_be_drained),
		cmocka_unit_test(what_is_saved_comes_back_as_it_was),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(nothing_need_be_said),
		cmocka_unit_test(what_is_said_is_taken),
		cmocka_unit_test(a_wrong_body_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
