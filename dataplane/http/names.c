/*
 * Header names to ids.
 *
 * A row that HTTP_NAMES gains needs its place here: a unit test looks for each name by its text.
 * Pure; any thread.
 */
#include "config.h"
#include "http/names_priv.h"

const struct name_row http_name_rows[NAME_LEN_MAX + 1] = {
	[2] = { { 't' }, { HTTP_NAME_TE } },
	[4] = { { 'h' }, { HTTP_NAME_HOST } },
	[6] = { { 'e' }, { HTTP_NAME_EXPECT } },
	[7] = { { 't', 'u' }, { HTTP_NAME_TRAILER, HTTP_NAME_UPGRADE } },
	[9] = { { 'f' }, { HTTP_NAME_FORWARDED } },
	[10] = { { 'c', 'k' }, { HTTP_NAME_CONNECTION, HTTP_NAME_KEEP_ALIVE } },
	[12] = { { 'c' }, { HTTP_NAME_CONTENT_TYPE } },
	[14] = { { 'c' }, { HTTP_NAME_CONTENT_LENGTH } },
	[16] = { { 'p', 'w' }, { HTTP_NAME_PROXY_CONNECTION, HTTP_NAME_WWW_AUTHENTICATE } },
	[17] = { { 't' }, { HTTP_NAME_TRANSFER_ENCODING } },
	[18] = { { 'p' }, { HTTP_NAME_PROXY_AUTHENTICATE } },
};

static const char *const name_texts[] = {
	[HTTP_NAME_OTHER] = "",
#define X(id, text) [HTTP_NAME_##id] = text,
	HTTP_NAMES(X)
#undef X
};

bool
http_name_is(const char *name, size_t len, enum http_name id)
{
	const char *text = name_texts[id];

	if (memcmp(name, text, len) == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (name[i] != text[i] && char_lower(name[i]) != char_lower(text[i]))
			return false;
	}
	return true;
}

enum http_name
http_name_find(struct slice name)
{
	return name_find(name.at, name.len);
}
