/*
 * Giving up root: the user and group of the configuration, with CAP_NET_BIND_SERVICE kept.
 */
#pragma once

#include "adminapi/json/issues.h"
#include "core/diag.h"
#include "core/err.h"

/*
 * Before any thread is started. `user` or `group` may be NULL. Not started as root: nothing is done
 * if they are who runs us already, else an error. `state_dir` (NULL: none) is created for and given
 * to the user.
 */
enum err privileges_drop(const char *user, const char *group, const char *state_dir,
	struct diag *diag);

/* --check: is there such a user, such a group? What is missing is an issue of "global". */
void privileges_look_up(const char *user, const char *group, struct issues *issues);
