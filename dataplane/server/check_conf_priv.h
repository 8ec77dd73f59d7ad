/*
 * What the files that make steps of checks share.
 */
#pragma once

#include "server/check_conf.h"

bool check_slice_copy(struct slice *to, struct slice from);	/* false: no memory */
void check_slice_free(struct slice *text);

/* `step` becomes the last one, or is freed. ERR_LIMIT, ERR_NOMEM. */
enum err check_step_add(struct check_conf **cp, struct check_step *step, const char *comment);
