/*
 * What a check's result is called, and what it counts as: CHECK_RESULTS in columns. Any thread.
 */
#include "config.h"
#include "server/health.h"

static const struct {
	const char		*code, *words;
	enum check_outcome	 outcome;
} results[] = {
#define X(name, code, words, verdict) { code, words, CHECK_IS_##verdict },
	CHECK_RESULTS(X)
#undef X
};

const char *
check_result_code(enum check_result result)
{
	return results[result].code;
}

const char *
check_result_words(enum check_result result)
{
	return results[result].words;
}

enum check_outcome
check_result_outcome(enum check_result result)
{
	return results[result].outcome;
}
