/*
 * Header names to ids: by length and first letter, so that most names cost no comparison.
 *
 * Pure; any thread.
 */
#pragma once

#include "http/chars_priv.h"
#include "http/head.h"

#define NAME_LEN_MAX 18		/* "Proxy-Authenticate" */

/* The names of one length (no two of them open with the same letter), and their ids. */
struct name_row {
	char	first[2];	/* lower case; 0: none */
	uint8_t	id[2];
};
extern const struct name_row http_name_rows[NAME_LEN_MAX + 1];

/* Is it the name of that id, which has this length? */
bool http_name_is(const char *name, size_t len, enum http_name id);

static inline enum http_name
name_find(const char *name, size_t len)
{
	const struct name_row *row;
	unsigned i;

	if (len - 1 >= NAME_LEN_MAX)
		return HTTP_NAME_OTHER;
	row = &http_name_rows[len];
	i = row->first[1] == (char)(name[0] | 0x20);
	if (row->first[i] != (char)(name[0] | 0x20) || !http_name_is(name, len, row->id[i]))
		return HTTP_NAME_OTHER;
	return row->id[i];
}
