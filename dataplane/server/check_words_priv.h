/*
 * What the end of a check is called, whoever finds it: check_steps.c, that nobody answers; the judges, what
 * an answer lacks. HAProxy's words as its logs have them (log-health-checks), and ours where it has none.
 *
 * Each fills `detail`: one line, printable, escaped; a long pattern or comment is cut. Pure.
 */
#pragma once

#include "server/check_conf.h"

/* On the way: errno's words, or "" where it took too long. "Connection refused at step 1 of tcp-check (connect)". */
void check_words_failed(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
			const struct check_step *step, const char *what);

/* The answer has not what an EXPECT looks for, or has what it must not: "TCPCHK did not match content 'PONG'". */
void check_words_mismatch(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
			  const struct check_step *step);

/* There is no answer: "TCPCHK got an empty response at step 2 comment: 'greet'". */
void check_words_empty(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
		       const struct check_step *step);

/* What the server says itself, or what is wrong with its answer; printable: "Not Found comment: the page". */
void check_words_answer(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
			const struct check_step *step, const char *what);

/* All steps went well, and the last one's judge told nothing: "(tcp-check)", or "". */
const char *check_words_passed(const struct check_conf *conf);
