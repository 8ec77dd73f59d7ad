/*
 * Whether two lists of steps are one: a new configuration may ask what the old one did. Pure.
 */
#include "config.h"
#include <string.h>
#include "server/check_conf.h"

static bool
slice_is_same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static bool
connect_is_same(const struct check_connect *a, const struct check_connect *b)
{
	return a->port == b->port && addr_equals(&a->addr, &b->addr) &&
	       a->send_proxy == b->send_proxy && a->is_explicit == b->is_explicit &&
	       a->linger == b->linger;
}

static bool
ranges_are_same(const struct check_expect *a, const struct check_expect *b)
{
	if (a->range_count != b->range_count)
		return false;
	for (uint32_t i = 0; i < a->range_count; i++)
		if (a->ranges[i].low != b->ranges[i].low || a->ranges[i].high != b->ranges[i].high)
			return false;
	return true;
}

/* Regexes are what their sources say: text, or a header's value. */
static bool
expect_is_same(const struct check_expect *a, const struct check_expect *b)
{
	return a->match == b->match && a->negate == b->negate && a->min_recv == b->min_recv &&
	       a->value_match == b->value_match && slice_is_same(a->text, b->text) &&
	       slice_is_same(a->value, b->value) && ranges_are_same(a, b) &&
	       a->ok_status == b->ok_status && a->error_status == b->error_status &&
	       a->tout_status == b->tout_status;
}

static bool
step_is_same(const struct check_step *a, const struct check_step *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CHECK_STEP_CONNECT: return connect_is_same(&a->connect, &b->connect);
	case CHECK_STEP_SEND: return slice_is_same(a->send, b->send);
	case CHECK_STEP_EXPECT: return expect_is_same(&a->expect, &b->expect);
	}
	return false;
}

bool
check_conf_equals(const struct check_conf *a, const struct check_conf *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL || a->kind != b->kind ||
	    a->disable_on_404 != b->disable_on_404 || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!step_is_same(&a->steps[i], &b->steps[i]))
			return false;
	return true;
}
