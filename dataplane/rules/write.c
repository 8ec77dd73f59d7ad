/*
 * What actions write: values and lines of formats, checked so that no line ends where it should not.
 *
 * Workers.
 */
#include "config.h"
#include <string.h>
#include "rules/rules_priv.h"

#define LINE_MAX_BYTES 65535 /* of a field (http/head.h) */

enum rules_result
room_write(struct http_room *room, struct eval *eval, const struct format *format,
	   struct slice *text)
{
	const size_t len = format_write(format, eval, room->at, room->left);

	if (len == FORMAT_TOO_LONG)
		return RULES_NO_ROOM;
	*text = (struct slice){ room->at, len };
	room->at += len;
	room->left -= len;
	return RULES_GO_ON;
}

bool
scratch_write(struct eval *eval, const struct format *format, struct slice *text)
{
	const size_t max = eval->room.left / 2;	/* its expressions need room, too */
	char *at = eval_take(eval, max);
	size_t len;

	if (at == NULL)
		return false;
	len = format_write(format, eval, at, max);
	if (len == FORMAT_TOO_LONG)
		return false;
	*text = (struct slice){ at, len };
	return true;
}

bool
value_is_sound(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		const unsigned char byte = (unsigned char)value.at[i];

		if ((byte < ' ' && byte != '\t') || byte == 0x7f)
			return false;
	}
	return true;
}

/*
 * White space around a value is not a part of it (RFC 9110, 5.5); what is behind goes, what is
 * before stays.
 */
static size_t
value_trim_end(const char *at, size_t len)
{
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	return len;
}

enum rules_result
room_write_line(struct http_room *room, struct eval *eval, const char *name,
	const struct format *value, struct slice *line)
{
	const size_t name_len = strlen(name), around = name_len + sizeof(": \r\n") - 1;
	char *at = room->at;
	size_t len;

	if (room->left < around)
		return RULES_NO_ROOM;
	len = format_write(value, eval, at + name_len + 2, room->left - around);
	if (len == FORMAT_TOO_LONG)
		return RULES_NO_ROOM;
	if (!value_is_sound((struct slice){ at + name_len + 2, len }))
		return RULES_FAILED;
	len = value_trim_end(at + name_len + 2, len);
	if (len + around > LINE_MAX_BYTES)
		return RULES_FAILED;
	memcpy(at, name, name_len);
	memcpy(at + name_len, ": ", 2);
	memcpy(at + name_len + 2 + len, "\r\n", 2);
	*line = (struct slice){ at, len + around };
	room->at += line->len;
	room->left -= line->len;
	return RULES_GO_ON;
}
