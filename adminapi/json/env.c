/*
 * ${NAME} in the strings of the configuration file.
 *
 * Reads the environment, which nobody changes after the start. Any thread.
 */
#include "config.h"
#include "adminapi/json/strict.h"
#include <stdlib.h>
#include "adminapi/json/scan_priv.h"

#define NAME_MAX_BYTES 256

/* The length of a variable's name at `at` (POSIX: letters, digits, '_', no digit first); 0: none. */
static size_t
name_length(const char *at)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t len = strspn(at, letters);

	return *at >= '0' && *at <= '9' ? 0 : len;
}

/* The reference at *atp ("${NAME}") into `out`, *atp behind it. False: an issue was added. */
static bool
reference_expand(struct buf *out, const char **atp, const char *pointer, struct issues *issues)
{
	char name[NAME_MAX_BYTES + 1];
	size_t len = name_length(*atp + 2);
	const char *value;

	if (len == 0 || len > NAME_MAX_BYTES || (*atp)[2 + len] != '}') {
		issues_add(issues, pointer,
			   "expected ${NAME}; a literal \"${\" is written \"$${\"");
		return false;
	}
	memcpy(name, *atp + 2, len);
	name[len] = '\0';
	*atp += len + 3;
	value = getenv(name);
	if (value == NULL) {
		issues_add(issues, pointer, "the environment variable %s is not set", name);
		return false;
	}
	if (!scan_is_utf8(slice_of(value))) {
		issues_add(issues, pointer, "the environment variable %s is not UTF-8", name);
		return false;
	}
	buf_puts(out, value);
	return true;
}

static bool
text_expand(struct buf *out, const char *text, const char *pointer, struct issues *issues)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "$");

		buf_put(out, text, plain);
		text += plain;
		if (strncmp(text, "$${", 3) == 0) {
			buf_puts(out, "${");
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			if (!reference_expand(out, &text, pointer, issues))
				return false;
		} else if (*text == '$') {
			buf_put(out, text++, 1);
		}
	}
	buf_put(out, "", 1);
	return true;
}

static enum err
string_expand(cJSON *string, struct pointer *at, struct issues *issues)
{
	struct buf out = { 0 };
	enum err err = ERR_OK;
	char *text;

	if (strstr(string->valuestring, "${") == NULL)
		return ERR_OK;
	if (!text_expand(&out, string->valuestring, pointer_text(at), issues)) {
		err = ERR_INVALID;
	} else if (out.failed || (text = cJSON_malloc(out.len)) == NULL) {
		err = ERR_NOMEM;
	} else {
		memcpy(text, out.at, out.len);
		cJSON_free(string->valuestring);
		string->valuestring = text;
	}
	buf_fini(&out);
	return err;
}

static enum err
value_expand(cJSON *value, struct pointer *at, struct issues *issues)
{
	enum err err = ERR_OK;
	size_t index = 0;
	cJSON *item;

	if (cJSON_IsString(value))
		return string_expand(value, at, issues);
	cJSON_ArrayForEach(item, value) {
		size_t mark = cJSON_IsObject(value) ? pointer_push(at, item->string)
						    : pointer_push_index(at, index++);
		enum err item_err = value_expand(item, at, issues);

		pointer_pop(at, mark);
		if (item_err == ERR_NOMEM)
			return item_err;
		if (item_err != ERR_OK)
			err = item_err;
	}
	return err;
}

enum err
json_expand_env(cJSON *root, struct issues *issues)
{
	struct pointer at = { 0 };
	enum err err = value_expand(root, &at, issues);

	pointer_fini(&at);
	return err;
}
