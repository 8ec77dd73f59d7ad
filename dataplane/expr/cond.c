/*
 * Does a condition hold? The walk over its tests. Any thread; most of all workers, for each request.
 */
#include "config.h"
#include "expr/cond.h"
#include <stdlib.h>
#include "expr/cond_priv.h"
#include "expr/map.h"

static bool
sample_is_true(struct eval *eval, struct sample *sample)
{
	if (sample->type != SAMPLE_BOOL && sample->type != SAMPLE_INT &&
	    !sample_cast(eval, sample, SAMPLE_INT))
		return false;
	return sample->number != 0;
}

/* Cast once, it stays of the type that all of them take. */
static bool
maps_find(const struct term *term, struct eval *eval, struct sample *sample)
{
	for (uint32_t i = 0; i < term->map_count; i++) {
		const struct map_view *view = term->maps[i]->object;

		if (view != NULL && map_view_find(view, eval, sample, NULL))
			return true;
	}
	return false;
}

static inline bool
term_matches_sample(const struct term *term, struct eval *eval, struct sample *sample)
{
	switch ((enum term_kind)term->kind) {
	case TERM_SET:
		return (term->set != NULL && pattern_set_find(term->set, eval, sample, NULL)) ||
		       (term->map_count != 0 && maps_find(term, eval, sample));
	case TERM_FOUND:
		return true;
	case TERM_BOOL:
		return sample_is_true(eval, sample);
	}
	return false;
}

/* A value that is not there matches nothing; so the test's negation holds. */
static bool
term_matches(const struct term *term, struct eval *eval)
{
	const struct expr *expr = term->expr;
	const struct fetch *fetch = expr->fetch;
	const struct http_room room = eval->room;
	struct fetch_cursor cursor = { 0 };
	struct sample sample;
	bool matches = false, is_there = false;

	do {
		sample.type = fetch->type;
		if (!fetch->get(eval, &expr->args, &cursor, &sample))
			break;
		is_there = true;
		matches = (expr->step_count == 0 || expr_convert(expr, eval, &sample)) &&
			  term_matches_sample(term, eval, &sample);
		eval->room = room;	/* nobody looks at the value any more */
	} while (!matches && fetch->many);
	if (!is_there && expr_convert_none(expr, eval, &sample)) {
		matches = term_matches_sample(term, eval, &sample);
		eval->room = room;
	}
	return matches;
}

/* -- with bytes still to come -- */

static enum cond_result
term_eval(const struct term *term, struct eval *eval)
{
	eval->is_undecided = false;
	if (term_matches(term, eval))
		return COND_TRUE;
	return eval->is_undecided ? COND_UNDECIDED : COND_FALSE;
}

/* A test, or all of a named ACL from `at`: any of them. `at` moves behind. */
static enum cond_result
item_eval(const struct cond *cond, uint32_t *at, struct eval *eval)
{
	const bool is_negated = cond->terms[*at].is_negated;
	enum cond_result result = COND_FALSE;

	do {
		enum cond_result one =
			result != COND_TRUE ? term_eval(&cond->terms[*at], eval) : COND_TRUE;

		if (one != COND_FALSE)
			result = one;
		(*at)++;
	} while (*at < cond->term_count && !cond->terms[*at].opens_item);
	if (result == COND_UNDECIDED || !is_negated)
		return result;
	return result == COND_TRUE ? COND_FALSE : COND_TRUE;
}

/* All items up to an "or". What is false is so whatever comes; else one undecided leaves all so. */
static enum cond_result
group_eval(const struct cond *cond, uint32_t *at, struct eval *eval)
{
	enum cond_result result = COND_TRUE;

	do {
		enum cond_result one = item_eval(cond, at, eval);

		if (one == COND_FALSE || (one == COND_UNDECIDED && result == COND_TRUE))
			result = one;
	} while (*at < cond->term_count && !cond->terms[*at].opens_group);
	return result;
}

static enum cond_result
cond_eval_partly(const struct cond *cond, struct eval *eval)
{
	enum cond_result result = COND_FALSE;
	uint32_t at = 0;

	while (at < cond->term_count) {
		enum cond_result one = group_eval(cond, &at, eval);

		if (one == COND_TRUE)
			return COND_TRUE;
		if (one == COND_UNDECIDED)
			result = COND_UNDECIDED;
	}
	return result;
}

/* -- the usual way -- */

enum cond_result
cond_eval(const struct cond *cond, struct eval *eval)
{
	uint32_t at = 0;

	eval->is_undecided = false;
	/* `next` only points on, so this ends */
	while (at < cond->term_count) {
		const struct term *term = &cond->terms[at];

		at = term->next[term_matches(term, eval)];
		if (__builtin_expect(eval->is_undecided && !eval->is_final, 0))
			return cond_eval_partly(cond, eval);
	}
	return at == COND_YES ? COND_TRUE : COND_FALSE;
}

unsigned
cond_needs(const struct cond *cond)
{
	return cond->needs;
}

static void
term_fini(struct term *term)
{
	expr_free(&term->expr);
	pattern_set_free(&term->set);
	free(term->maps);
}

void
cond_free(struct cond **cp)
{
	struct cond *cond = *cp;

	*cp = NULL;
	if (cond == NULL)
		return;
	for (uint32_t i = 0; i < cond->term_count; i++)
		term_fini(&cond->terms[i]);
	free(cond->terms);
	free(cond);
}
