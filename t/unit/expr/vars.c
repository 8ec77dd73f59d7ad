/*
 * Variables: what is set is got, in each scope, and a scope stays within its limits.
 */
#include "config.h"
#include "../expr/scene.h"
#include <pthread.h>
#include <stdlib.h>
#include "expr/expr.h"
#include "expr/vars.h"

struct scene {
	struct vars	sess, txn;
	struct spares	blocks;
	char		room[8192];
	struct eval	eval;
};

static int
scene_begin(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->blocks.keep = 4;
	s->eval.room = (struct http_room){ s->room, sizeof(s->room) };
	s->eval.vars[VAR_SESS] = &s->sess;
	s->eval.vars[VAR_TXN] = &s->txn;
	s->eval.var_blocks = &s->blocks;
	*state = s;
	return 0;
}

static int
scene_end(void **state)
{
	struct scene *s = *state;

	vars_fini(&s->sess, &s->blocks);
	vars_fini(&s->txn, &s->blocks);
	spares_fini(&s->blocks);
	free(s);
	return 0;
}

static struct var_id
id_of(const char *name)
{
	struct var_id id;

	assert_int_equal(var_id_parse(&id, slice_of(name), NULL), ERR_OK);
	return id;
}

static enum err
set_text(struct scene *s, const char *name, const char *text, size_t len)
{
	const struct sample sample = { .type = SAMPLE_STRING, .text = { text, len } };

	return var_set(&s->eval, id_of(name), &sample, &s->blocks);
}

/* What an expression says, as text; "-": nothing; static memory. */
static const char *
said(struct scene *s, const char *text)
{
	static char out[256];
	struct expr *expr = NULL;
	struct sample sample;
	struct diag diag = { "" };

	if (expr_compile(&expr, slice_of(text), &env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	snprintf(out, sizeof(out), "-");
	if (expr_eval_as(expr, &s->eval, SAMPLE_STRING, &sample))
		snprintf(out, sizeof(out), "%.*s", (int)sample.text.len, sample.text.at);
	expr_free(&expr);
	return out;
}

static void
what_is_set_is_got_with_its_type(void **state)
{
	struct scene *s = *state;
	struct sample sample = { .type = SAMPLE_INT, .number = -7 };

	assert_int_equal(var_set(&s->eval, id_of("txn.n"), &sample, &s->blocks), ERR_OK);
	sample = (struct sample){ .type = SAMPLE_IP };
	assert_true(ip_of_text(&sample.ip, SLICE("192.0.2.1")));
	assert_int_equal(var_set(&s->eval, id_of("sess.a.b"), &sample, &s->blocks), ERR_OK);
	assert_int_equal(set_text(s, "txn.t", "text", 4), ERR_OK);
	assert_int_equal(set_text(s, "proc.t", "process", 7), ERR_OK);
	assert_string_equal(said(s, "var(txn.n)"), "-7");
	assert_string_equal(said(s, "var(sess.a.b)"), "192.0.2.1");
	assert_string_equal(said(s, "var(txn.t)"), "text");
	assert_string_equal(said(s, "var(proc.t)"), "process");
	assert_string_equal(said(s, "var(sess.t)"), "-");
	var_unset(&s->eval, id_of("txn.t"));
	var_unset(&s->eval, id_of("proc.t"));
	assert_string_equal(said(s, "var(txn.t)"), "-");
	assert_string_equal(said(s, "var(proc.t,none)"), "none");
}

static void
a_scope_that_is_not_there_has_nothing_and_takes_nothing(void **state)
{
	struct scene *s = *state;

	assert_int_equal(set_text(s, "res.x", "x", 1), ERR_INVALID);
	assert_string_equal(said(s, "var(res.x)"), "-");
	var_unset(&s->eval, id_of("res.x"));
}

static void
a_value_that_grows_and_shrinks_takes_no_more_than_twice_its_size(void **state)
{
	struct scene *s = *state;
	char text[4096];
	uint32_t bytes;

	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len += 7)
		assert_int_equal(set_text(s, "sess.big", text, len), ERR_OK);
	bytes = s->sess.bytes;
	for (int i = 0; i < 10000; i++)
		assert_int_equal(set_text(s, "sess.big", text, (size_t)i % 4000), ERR_OK);
	assert_int_equal(s->sess.bytes, bytes);
	assert_true(bytes < 4 * sizeof(text));
}

static void
a_full_scope_keeps_what_it_has(void **state)
{
	struct scene *s = *state;
	char *text = calloc(1, VARS_MAX_BYTES + 1);

	assert_non_null(text);
	assert_int_equal(set_text(s, "txn.keep", "kept", 4), ERR_OK);
	assert_int_equal(set_text(s, "txn.keep", text, VARS_MAX_BYTES + 1), ERR_LIMIT);
	assert_int_equal(set_text(s, "txn.other", text, VARS_MAX_BYTES), ERR_LIMIT);
	assert_string_equal(said(s, "var(txn.keep)"), "kept");
	assert_true(s->txn.bytes <= VARS_MAX_BYTES);
	free(text);
}

static void
a_variable_may_be_set_to_a_part_of_itself(void **state)
{
	struct scene *s = *state;
	struct sample sample;

	assert_int_equal(set_text(s, "txn.t", "abcdef", 6), ERR_OK);
	assert_true(var_get(&s->eval, id_of("txn.t"), &sample));
	sample.text.at += 2;
	sample.text.len -= 2;
	assert_int_equal(var_set(&s->eval, id_of("txn.t"), &sample, &s->blocks), ERR_OK);
	assert_string_equal(said(s, "var(txn.t)"), "cdef");
}

static void
set_var_in_a_chain_hands_the_value_on(void **state)
{
	struct scene *s = *state;

	id_of("txn.x");		/* held, from one expression to the next */
	assert_string_equal(said(s, "always_true,set-var(txn.x)"), "1");
	assert_string_equal(said(s, "var(txn.x)"), "1");
	assert_string_equal(said(s, "var(txn.x),unset-var(txn.x)"), "1");
	assert_string_equal(said(s, "var(txn.x)"), "-");
	assert_string_equal(said(s, "var(txn.none),set-var(txn.x)"), "-");
}

static void
conditions_of_set_var_are_haproxys(void **state)
{
	struct scene *s = *state;

	id_of("txn.x");		/* held, from one expression to the next */
	id_of("txn.i");
	assert_string_equal(said(s, "var(txn.no,a),set-var(txn.x,ifexists)"), "-");
	assert_string_equal(said(s, "var(txn.no,a),set-var(txn.x,ifnotexists)"), "a");
	assert_string_equal(said(s, "var(txn.no,a),set-var(txn.x,ifnotset)"), "-");
	assert_string_equal(said(s, "var(txn.no,''),set-var(txn.z,ifnotempty)"), "-");
	assert_string_equal(said(s, "var(txn.no,''),set-var(txn.z,ifempty)"), "");
	assert_string_equal(said(s, "var(txn.no,5),set-var(txn.i,ifgt)"), "5");
	assert_string_equal(said(s, "var(txn.no,6),set-var(txn.i,ifgt)"), "-");
	assert_string_equal(said(s, "var(txn.no,6),set-var(txn.i,iflt)"), "6");
	assert_string_equal(said(s, "var(txn.no,6),set-var(txn.j,iflt,ifset)"), "-");
}

static void
names_that_are_none_are_refused(void **state)
{
	static const char *const none[] = {
		"", ".", "x", "txn", "txn.", ".x", "foo.x", "txn.a-b", "txn.a b", "Txn.a",
	};
	struct var_id id;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(var_id_parse(&id, slice_of(none[i]), &diag), ERR_INVALID);
	assert_int_equal(id_of("txn.q").name, id_of("req.q").name);
}

static void
a_name_that_nobody_holds_is_free(void **state)
{
	struct scene *s = *state;
	struct var_id first, id = { 0 };
	struct compile_env place = { .has = COMPILE_HAS_ALL, .place = "a test" };
	struct sample sample;
	char text[96];

	assert_int_equal(var_id_parse(&first, SLICE("proc.first"), NULL), ERR_OK);
	assert_int_equal(set_text(s, "txn.keep", "x", 1), ERR_OK);
	sample = (struct sample){ .type = SAMPLE_STRING, .text = SLICE("value") };
	assert_int_equal(var_set(&s->eval, first, &sample, NULL), ERR_OK);
	for (int i = 0; i < 3 * VAR_NAMES_MAX; i++) {
		struct expr *expr = NULL;

		snprintf(text, sizeof(text), "var(txn.n%d),set-var(sess.m%d),add(txn.k%d)", i, i,
			 i);
		assert_int_equal(expr_compile(&expr, slice_of(text), &place, NULL), ERR_OK);
		expr_free(&expr);
		snprintf(text, sizeof(text), "var(txn.o%d),nothing", i);
		assert_int_equal(expr_compile(&expr, slice_of(text), &place, NULL), ERR_INVALID);
	}
	assert_true(var_get(&s->eval, first, &sample));
	id = first;
	var_id_drop(&first);
	assert_int_equal(first.name, 0);
	var_id_drop(&first);
	assert_int_equal(var_id_parse(&first, SLICE("proc.first"), NULL), ERR_OK);
	assert_int_not_equal(first.name, id.name);	/* what lies under the old one is not its */
	assert_false(var_get(&s->eval, first, &sample));
	var_id_drop(&first);
}

static void
names_that_are_held_have_a_limit(void **state)
{
	static struct var_id ids[VAR_NAMES_MAX + 1];
	struct diag diag = { "" };
	enum err e = ERR_OK;
	char text[32];
	int count = 0;

	(void)state;
	while (e == ERR_OK) {
		snprintf(text, sizeof(text), "txn.held%d", count);
		e = var_id_parse(&ids[count], slice_of(text), &diag);
		count += e == ERR_OK;
	}
	assert_int_equal(e, ERR_LIMIT);
	assert_non_null(strstr(diag.text, "names"));
	var_id_drop(&ids[7]);
	assert_int_equal(var_id_parse(&ids[7], SLICE("txn.another"), &diag), ERR_OK);
	while (count > 0)
		var_id_drop(&ids[--count]);
}

#define ROUNDS 2000

/* Sets, and looks: whatever length and letter it is, all of it is of one writer. */
static void *
thread_run(void *arg)
{
	char room[512], text[200];
	struct eval eval = { .is_final = true };
	const struct var_id id = id_of("proc.shared");
	struct sample sample = { .type = SAMPLE_STRING };
	bool *torn = arg;

	for (int i = 0; i < ROUNDS; i++) {
		memset(text, 'a' + i % 26, sizeof(text));
		sample = (struct sample){ .type = SAMPLE_STRING,
					  .text = { text, (size_t)i % sizeof(text) } };
		eval.room = (struct http_room){ room, sizeof(room) };
		if (i % 3 == 0 && var_set(&eval, id, &sample, NULL) != ERR_OK)
			*torn = true;
		if (!var_get(&eval, id, &sample))
			*torn = true;
		for (size_t k = 1; k < sample.text.len; k++)
			*torn = *torn || sample.text.at[k] != sample.text.at[0];
	}
	return NULL;
}

static void
a_variable_of_the_process_is_seen_whole_by_each_thread(void **state)
{
	struct scene *s = *state;
	bool torn[4] = { false };
	pthread_t threads[4];

	assert_int_equal(set_text(s, "proc.shared", "x", 1), ERR_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_run, &torn[i]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_false(torn[i]);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(what_is_set_is_got_with_its_type),
		IN_SCENE(a_scope_that_is_not_there_has_nothing_and_takes_nothing),
		IN_SCENE(a_value_that_grows_and_shrinks_takes_no_more_than_twice_its_size),
		IN_SCENE(a_full_scope_keeps_what_it_has),
		IN_SCENE(a_variable_may_be_set_to_a_part_of_itself),
		IN_SCENE(set_var_in_a_chain_hands_the_value_on),
		IN_SCENE(conditions_of_set_var_are_haproxys),
		IN_SCENE(names_that_are_none_are_refused),
		IN_SCENE(a_name_that_nobody_holds_is_free),
		IN_SCENE(names_that_are_held_have_a_limit),
		IN_SCENE(a_variable_of_the_process_is_seen_whole_by_each_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
