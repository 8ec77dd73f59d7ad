/*
 * Conditions in HAProxy's syntax: what stands behind "if" and "unless" (HAProxy manual, 7.2).
 *
 * Anonymous tests in braces with white space inside, `!` before one, tests side by side are "and", `or` or
 * `||` between groups: "{ path_beg /api } !{ hdr(host) -i x.org } or { path / }". Compiled once, then read only;
 * evaluated without memory of its own. Any thread.
 */
#pragma once

#include <stdbool.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "http/head.h"

struct cond;

/* ERR_INVALID with the place and what was expected in `diag`; ERR_NOMEM. Free with cond_free(). */
enum err cond_compile(struct cond **cp, struct slice text, struct diag *diag);

bool cond_holds(const struct cond *cond, const struct http_head *request);

void cond_free(struct cond **cp);	/* *cp may be NULL, and is NULL afterwards */
