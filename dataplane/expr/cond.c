/*
 * Does a condition hold? The walk over its tests. Any thread; most of all workers, for each request.
 */
#include "config.h"
#include "expr/cond.h"
#include <stdlib.h>
#include "expr/cond_priv.h"

static bool
term_matches_sample(const struct cond *cond, const struct term *term, const struct sample *sample)
{
	const struct pattern *pattern;

	if (term->match->kind == PATTERN_NONE)
		return term->match->holds(sample, NULL, &term->how);
	pattern = &cond->patterns[term->pattern_first];
	for (uint32_t i = 0; i < term->pattern_count; i++) {
		if (term->match->holds(sample, &pattern[i], &term->how))
			return true;
	}
	return false;
}

/* A value that is not there matches nothing; so the test's negation holds. */
static bool
term_matches(const struct cond *cond, const struct term *term, struct eval *eval)
{
	struct sample sample = { .type = term->fetch->type };
	struct fetch_cursor cursor = { 0 };

	while (term->fetch->get(eval, &term->args, &cursor, &sample)) {
		if (term_matches_sample(cond, term, &sample))
			return true;
		if (!term->fetch->many)
			return false;
	}
	return false;
}

enum cond_result
cond_eval(const struct cond *cond, struct eval *eval)
{
	uint32_t at = 0;

	/* `next` only points on, so this ends */
	while (at < cond->term_count)
		at = cond->terms[at].next[term_matches(cond, &cond->terms[at], eval)];
	return at == COND_YES ? COND_TRUE : COND_FALSE;
}

unsigned
cond_needs(const struct cond *cond)
{
	unsigned needs = 0;

	for (uint32_t i = 0; i < cond->term_count; i++)
		needs |= cond->terms[i].fetch->needs;
	return needs;
}

void
cond_free(struct cond **cp)
{
	struct cond *cond = *cp;

	*cp = NULL;
	if (cond == NULL)
		return;
	for (uint32_t i = 0; i < cond->term_count; i++)
		args_fini(&cond->terms[i].args);
	free(cond->terms);
	free(cond->patterns);
	words_fini(&cond->words);
	free(cond);
}
