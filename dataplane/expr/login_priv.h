/*
 * Checking a password against its hash, at a bounded cost. Any thread; each has a memory of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"
#include "expr/userlist.h"

/*
 * Is it that password? It has no NUL inside. `hash` as crypt(3) made it; `user`: whose share of time
 * it takes.
 */
enum login_verdict login_check(const void *user, const char *hash, struct slice password);

/* For tests: another clock than the machine's, in ms; NULL: that one. */
void login_set_clock(uint64_t (*now_ms)(void));
