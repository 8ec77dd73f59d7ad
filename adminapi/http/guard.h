/*
 * Who may speak to the admin server: the Host, Origin and Sec-Fetch-Site rules.
 *
 * They keep a browser on this machine from being used against it: a page of somebody else (Origin,
 * Sec-Fetch-Site), or a name of somebody else that resolves to us (Host; "DNS rebinding"). Pure.
 */
#pragma once

#include <stddef.h>
#include "core/diag.h"

/* Headers of a request; NULL: not given. `hosts` are names that Host may carry besides addresses. */
struct guard_input {
	const char		*host;
	const char		*origin;
	const char		*fetch_site;
	const char *const	*hosts;
	size_t			 host_count;
};

/*
 * 0: welcome. 400: no Host, or not a host and port. 403: the Host is neither an address,
 * "localhost" nor listed; the Origin is not the request's own; Sec-Fetch-Site is "cross-site" or
 * "same-site". `diag` then has the words.
 */
unsigned guard_check(const struct guard_input *in, struct diag *diag);
