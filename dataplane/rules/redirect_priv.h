/*
 * Redirects: rules/'s own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "http/answer.h"
#include "http/forward.h"
#include "http/head.h"
#include "rules/rules.h"

/* NULL: no code that redirects. Static memory. */
const struct http_answer *redirect_answer(uint16_t status);

/*
 * Location and Set-Cookie as lines, written into `room`, which moves on. ERR_LIMIT: they do not fit.
 * ERR_INVALID: the request has no host, and the Location needs one.
 */
enum err redirect_lines(const struct rule *rule, const struct http_head *request,
	struct http_room *room, struct slice *lines);

/* ERR_INVALID: `diag` names the field. */
enum err redirect_check(const struct rule *rule, struct diag *diag);
