/*
 * The tables of rows that stream/ brings: fetch_stream.c registers them.
 */
#pragma once

#include "expr/fetch.h"
#include "stream/fetch.h"

struct client;

extern struct fetch_table fetch_client;

/* Whose evaluation it is; NULL: nobody's (a test). */
const struct client *eval_client(const struct eval *eval);
