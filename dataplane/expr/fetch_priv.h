/*
 * The tables of fetches that expr/ brings itself: fetch.c lists them.
 */
#pragma once

#include "expr/fetch.h"

extern struct fetch_table fetch_constant;	/* always_true and the like */
extern struct fetch_table fetch_http;
extern struct fetch_table fetch_vars;		/* vars_rows.c */
