/*
 * The registry of fetches. Any thread, see registry_priv.h.
 */
#include "config.h"
#include "expr/fetch.h"
#include "expr/fetch_priv.h"
#include "expr/registry_priv.h"

/* expr/'s own, by file: what http/ and core/ tell is below them, and can't register itself. */
static struct fetch_table *const own[] = {
	&fetch_auth,
	&fetch_body,
	&fetch_constant,
	&fetch_cookie,
	&fetch_head,
	&fetch_header,
	&fetch_hello,
	&fetch_misc,
	&fetch_payload,
	&fetch_url,
	&fetch_vars,
	NULL,
};

REGISTRY(fetch, own)
