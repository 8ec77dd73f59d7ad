/*
 * What stands behind the references of expressions and rules: objects, held as long as the
 * reference lives, and counts of rules, kept as long as an id lives. Control thread.
 */
#pragma once

#include "adminapi/doc/plan.h"
#include "core/diag.h"
#include "expr/args.h"
#include "rules/rules.h"

/*
 * Find and hold the object that a prepared plan has under this name; the plan has checked that it
 * is there. ERR_INVALID: a map's entries do not fit the way in which it is asked (`diag`).
 * ERR_NOMEM. `in_backend`: of a backend's conf, which only looks at other backends.
 */
enum err ref_resolve(struct plan *plan, struct ref *ref, bool in_backend, struct diag *diag);

/* It will not be published: before any object that is discarded with it. */
void refs_let_go(struct refs *refs);

/*
 * All that what was prepared names, when every op is; an issue and ERR_INVALID where a map does not
 * fit. And what is called off names nobody, before its objects go.
 */
struct preparation;
enum err preparation_resolve(struct preparation *p);
void preparation_let_go(struct preparation *p);

/*
 * Each rule counts on where the one of its id did in `before` (NULL: none was), else from 0. False:
 * no memory.
 */
bool rules_keep_stats(struct rules *rules, const struct rules *before);
