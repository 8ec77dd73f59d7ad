/*
 * Rows of settings_compilers: userlists become struct userlist, sets of error pages struct http_errors.
 */
#pragma once

#include "adminapi/apply/settings.h"
#include "expr/userlist.h"

void *userlist_compile(const struct chain *chain, struct pointer *at, struct issues *issues);
void userlist_drop(void *conf);
void *pages_compile(const struct chain *chain, struct pointer *at, struct issues *issues);
void pages_drop(void *conf);
