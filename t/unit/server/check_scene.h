/*
 * Checks for tests: lists of steps in a line, and an answer judged however it is cut.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/check_conf.h"

#define SAID_BYTES 256

static struct check_conf *conf;
static struct diag diag;
static char said[SAID_BYTES];	/* what judging said last: "PASS L7OK 200 detail" */

static inline void
conf_begin(enum check_kind kind)
{
	check_conf_unref(&conf);
	assert_int_equal(check_conf_new(&conf, kind), ERR_OK);
}

static inline void
conf_end(void)
{
	assert_int_equal(check_conf_end(&conf), ERR_OK);
}

static inline struct check_expect
expect_of(enum check_match match)
{
	return (struct check_expect){ .match = match, .min_recv = -1 };
}

static inline void
conf_expect(struct check_expect expect, const char *pattern)
{
	if (check_conf_add_expect(&conf, &expect, slice_of(pattern), NULL, &diag) != ERR_OK)
		fail_msg("%s: %s", pattern, diag.text);
}

/* A connect, and what is expected then (HTTP: a request between). */
static inline void
conf_of(enum check_kind kind, struct check_expect expect, const char *pattern)
{
	conf_begin(kind);
	conf_expect(expect, pattern);
	conf_end();
}

static inline const struct check_step *
last_step(void)
{
	return &conf->steps[conf->count - 1];
}

static inline enum check_judged
judge_once(const struct check_step *step, struct slice reply, bool is_end, size_t *used)
{
	static const char *const words[] = { "MORE", "PASS", "FAIL" };
	struct check_verdict v = { .result = CHECK_UNKNOWN };
	char *copy = malloc(reply.len + 1);	/* so that a sanitizer sees its end */
	enum check_judged judged;

	assert_non_null(copy);
	if (reply.len > 0)
		memcpy(copy, reply.at, reply.len);
	copy = realloc(copy, reply.len > 0 ? reply.len : 1);
	judged = check_judge(conf, step, (struct slice){ copy, reply.len }, is_end, used, &v);
	free(copy);
	if (judged == CHECK_JUDGED_MORE)
		snprintf(said, sizeof(said), "MORE");
	else
		snprintf(said, sizeof(said), "%s %s %u%s%s", words[judged],
			 check_result_code(v.result), v.code, v.detail[0] ? " " : "", v.detail);
	assert_true(*used <= reply.len);
	return judged;
}

/* Whole, in two pieces cut anywhere, and byte by byte: it has to be said the same. */
static inline const char *
judge_cut(const struct check_step *step, struct slice reply, bool is_end)
{
	char whole[SAID_BYTES];
	enum check_judged judged;
	size_t used;

	judge_once(step, reply, is_end, &used);
	strcpy(whole, said);
	for (size_t cut = 0; cut < reply.len; cut++) {
		judged = judge_once(step, (struct slice){ reply.at, cut }, false, &used);
		if (judged != CHECK_JUDGED_MORE && strcmp(said, whole) != 0)
			fail_msg("cut at %zu: %s; whole: %s", cut, said, whole);
	}
	strcpy(said, whole);
	return said;
}

static inline const char *
judge_open(const char *reply)
{
	return judge_cut(last_step(), slice_of(reply), false);
}

static inline const char *
judge_ended(const char *reply)
{
	return judge_cut(last_step(), slice_of(reply), true);
}

static inline int
conf_drop(void **state)
{
	check_conf_unref(&conf);
	return 0;
}
