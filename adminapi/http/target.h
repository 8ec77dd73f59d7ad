/*
 * The request target: its path and its query, taken apart.
 *
 * Pure; all of it works in place on a copy of what the client sent. Split first, then decode: an
 * encoded '/' or '&' is part of a name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adminapi/http/call.h"
#include "core/err.h"

/* What is wrong with a target: the words of an answer. */
struct target_fault {
	unsigned	 status;	/* 400 or 404 */
	const char	*detail;	/* static */
	const char	*name;		/* what the words are about; NULL: the whole. Inside the target */
};

/*
 * Decode %HH (and '+' as a space, if `plus`) in place; terminates. ERR_INVALID: an escape without
 * two hex digits, or %00.
 */
enum err percent_decode(char *text, bool plus);

/*
 * Take "/v1/backends/app?depth=1" apart into `call`: segments, params. `target` is cut up and must
 * live as long as the call's texts. "/" has no segments. False with `fault` set: an empty segment
 * (404), a bad escape, "." or ".." (400), a parameter that is empty or given twice (400).
 */
bool target_parse(char *target, struct call *call, struct target_fault *fault);

/* The two halves, for tests. */
bool path_parse(char *path, struct call *call, struct target_fault *fault);
bool query_parse(char *query, struct call *call, struct target_fault *fault);
