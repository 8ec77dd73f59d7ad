/*
 * The tables of converters that expr/ brings itself: conv.c lists them.
 */
#pragma once

#include "expr/fetch.h"

extern struct conv_table conv_vars;		/* vars_rows.c */