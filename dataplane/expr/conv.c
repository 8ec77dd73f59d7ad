/*
 * The registry of converters. Any thread, see registry_priv.h.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/registry_priv.h"

/* expr/'s own, by file. */
static struct conv_table *const own[] = {
	&conv_big_endian,
	&conv_code,
	&conv_digest,
	&conv_field,
	&conv_forwarded,
	&conv_hash,
	&conv_int,
	&conv_json,
	&conv_json_query,
	&conv_jwt,
	&conv_map,
	&conv_net,
	&conv_regsub,
	&conv_text,
	&conv_time,
	&conv_vars,
	NULL,
};

REGISTRY(conv, own)
