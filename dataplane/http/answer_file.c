/*
 * Reading an error file: an HTTP response as a person wrote it (HAProxy manual, "errorfile").
 *
 * It is made sound once, here, so that the data path sends its bytes as they are. Any thread.
 */
#include "config.h"
#include "http/answer.h"
#include "http/answer_priv.h"
#include "http/chars_priv.h"

/* The file line by line; `why` says what is wrong with line `number`. */
struct answer_file {
	struct slice	 rest;
	unsigned	 number;
	const char	*why;
};

/* Without its line end, LF or CR LF. False: the file ends before a line end. */
static bool
line_take(struct answer_file *file, struct slice *line)
{
	const char *end = file->rest.len > 0 ? memchr(file->rest.at, '\n', file->rest.len) : NULL;

	file->number++;
	if (end == NULL) {
		file->why = "the file ends before the empty line that ends the headers";
		return false;
	}
	*line = (struct slice){ file->rest.at, (size_t)(end - file->rest.at) };
	file->rest.at += line->len + 1;
	file->rest.len -= line->len + 1;
	if (line->len > 0 && end[-1] == '\r')
		line->len--;
	return true;
}

/* "HTTP/1.1 503 Service Unavailable" */
static bool
status_read(struct answer_file *file, struct slice line, uint16_t *status, struct slice *reason)
{
	static const char opens[] = "HTTP/1.";
	size_t code = sizeof(opens) - 1 + 2;

	file->why = "a status line is expected, such as \"HTTP/1.1 503 Service Unavailable\"";
	if (line.len < code + 3 || memcmp(line.at, opens, sizeof(opens) - 1) != 0 ||
	    (line.at[code - 2] != '0' && line.at[code - 2] != '1') || line.at[code - 1] != ' ')
		return false;
	*status = 0;
	for (size_t i = code; i < code + 3; i++) {
		if (!char_is_digit(line.at[i]))
			return false;
		*status = (uint16_t)(*status * 10 + (line.at[i] - '0'));
	}
	if (line.len > code + 3 && line.at[code + 3] != ' ')
		return false;
	*reason = (struct slice){ line.at + code + 3, line.len - code - 3 };
	if (reason->len > 0) {
		reason->at++;
		reason->len--;
	}
	if (!http_field_is_sound(SLICE("reason"), *reason))
		return false;
	file->why = "the status is none from 200 to 599";
	return *status >= 200 && *status <= 599;
}

/* Fields that we set ourselves, or that are of the connection that they were recorded from. */
static bool
field_is_ours(struct slice name)
{
	switch (http_name_find(name)) {
	case HTTP_NAME_CONNECTION:
	case HTTP_NAME_CONTENT_LENGTH:
	case HTTP_NAME_KEEP_ALIVE:
	case HTTP_NAME_PROXY_CONNECTION:
	case HTTP_NAME_TE:
	case HTTP_NAME_TRAILER:
	case HTTP_NAME_TRANSFER_ENCODING:
	case HTTP_NAME_UPGRADE:
		return true;
	case HTTP_NAME_OTHER:
	case HTTP_NAME_CONTENT_TYPE:
	case HTTP_NAME_EXPECT:
	case HTTP_NAME_FORWARDED:
	case HTTP_NAME_HOST:
	case HTTP_NAME_PROXY_AUTHENTICATE:
	case HTTP_NAME_WWW_AUTHENTICATE:
		break;
	}
	return false;
}

static bool
field_read(struct answer_file *file, struct slice line, struct buf *fields)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct slice name = { line.at, colon == NULL ? 0 : (size_t)(colon - line.at) };
	struct slice value;

	if (char_is_space(line.at[0])) {
		file->why = "headers that are folded over lines are not supported";
		return false;
	}
	file->why = "a header is expected, such as \"Content-Type: text/html\", or an empty line";
	if (colon == NULL)
		return false;
	value = (struct slice){ colon + 1, line.len - name.len - 1 };
	while (value.len > 0 && char_is_space(value.at[0])) {
		value.at++;
		value.len--;
	}
	while (value.len > 0 && char_is_space(value.at[value.len - 1]))
		value.len--;
	if (!http_field_is_sound(name, value))
		return false;
	if (field_is_ours(name))
		return true;
	buf_put(fields, name.at, name.len);
	buf_puts(fields, ": ");
	buf_put(fields, value.at, value.len);
	buf_puts(fields, "\r\n");
	return true;
}

/* The fields up to the empty line; what is left of the file is the body. */
static bool
file_read(struct answer_file *file, uint16_t *status, struct slice *reason, struct buf *fields)
{
	struct slice line;

	if (!line_take(file, &line) || !status_read(file, line, status, reason))
		return false;
	while (line_take(file, &line)) {
		if (line.len == 0) {
			file->why = "this status has no body";
			return file->rest.len == 0 || http_status_has_body(*status);
		}
		if (!field_read(file, line, fields))
			return false;
	}
	return false;
}

enum err
http_answer_parse(struct http_answer **ap, struct slice text, size_t max, struct diag *diag)
{
	struct answer_file file = { .rest = text };
	struct buf fields = { 0 };
	struct slice reason;
	uint16_t status;
	enum err err;

	if (text.len > max) {
		diag_set(diag, "the file has %zu bytes, more than %zu", text.len, max);
		return ERR_INVALID;
	}
	if (!file_read(&file, &status, &reason, &fields)) {
		diag_set(diag, "line %u: %s", file.number, file.why);
		err = ERR_INVALID;
	} else if (fields.failed)
		err = ERR_NOMEM;
	else
		err = answer_build(ap, status, reason, (struct slice){ fields.at, fields.len },
				   file.rest);
	buf_fini(&fields);
	return err;
}
