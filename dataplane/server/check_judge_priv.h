/*
 * What the files that judge answers share.
 */
#pragma once

#include "server/check_conf.h"

/* One look at an answer. */
struct judging {
	const struct check_conf		*conf;
	const struct check_step		*step;
	struct slice			 bytes;
	bool				 is_end;
	size_t				 used;
	struct check_verdict		*verdict;
};

/* Does the step's text or regex occur? Not for STATUS, HEADER and what is whole lines. */
bool judge_finds(const struct check_expect *expect, struct slice bytes);

/*
 * What follows from what was found in `bytes`, as far as more might come (HAProxy manual, "min-recv"): found is
 * found. CHECK_JUDGED_MORE while neither can be said.
 */
enum check_judged judge_search(const struct check_expect *expect, struct slice bytes, bool is_all);

enum check_judged judge_pass(struct judging *j);

/* `usual`: the result, if error_status says no other. The detail is what is said here, its step, its comment. */
enum check_judged judge_fail(struct judging *j, enum check_result usual, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum check_judged judge_mismatch(struct judging *j);	/* judge_search() said FAIL */
enum check_judged judge_empty(struct judging *j);	/* the server ended it without a word */

enum check_judged check_judge_tcp(struct judging *j);
enum check_judged check_judge_http(struct judging *j);
