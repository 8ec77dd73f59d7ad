/*
 * The tables of converters that expr/ brings itself: conv.c lists them.
 */
#pragma once

#include "expr/fetch.h"

extern struct conv_table conv_big_endian;
extern struct conv_table conv_code;
extern struct conv_table conv_digest;
extern struct conv_table conv_field;
extern struct conv_table conv_forwarded;
extern struct conv_table conv_hash;
extern struct conv_table conv_int;
extern struct conv_table conv_json;
extern struct conv_table conv_json_query;
extern struct conv_table conv_jwt;
extern struct conv_table conv_map;
extern struct conv_table conv_net;
extern struct conv_table conv_regsub;
extern struct conv_table conv_text;
extern struct conv_table conv_time;
extern struct conv_table conv_vars;		/* vars_rows.c */
