/*
 * A value in JSON text, found by its path (RFC 8259): one pass, a bit for each open bracket, no memory.
 * Pure; any thread.
 */
#include "config.h"
#include "expr/json_path_priv.h"

struct reader {
	const char	*at, *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The byte that comes next behind white space, without taking it; NUL at the end. */
static char
reader_peek(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

static bool
reader_takes(struct reader *r, char byte)
{
	if (reader_peek(r) != byte || r->at == r->end)
		return false;
	r->at++;
	return true;
}

/* -- values, passed over -- */

static bool
pass_string(struct reader *r)
{
	if (!reader_takes(r, '"'))
		return false;
	for (; r->at < r->end; r->at++) {
		if (*r->at == '"') {
			r->at++;
			return true;
		}
		if (*r->at == '\\' && ++r->at == r->end)
			return false;
	}
	return false;
}

static bool
pass_digits(struct reader *r)
{
	const char *first = r->at;

	while (r->at < r->end && is_digit(*r->at))
		r->at++;
	return r->at > first;
}

static bool
pass_number(struct reader *r)
{
	if (*r->at == '-')
		r->at++;
	if (r->at < r->end && *r->at == '0')
		r->at++;	/* nothing but a fraction goes on behind it */
	else if (!pass_digits(r))
		return false;
	if (r->at < r->end && *r->at == '.') {
		r->at++;
		if (!pass_digits(r))
			return false;
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		return pass_digits(r);
	}
	return true;
}

static bool
pass_word(struct reader *r, struct slice word)
{
	if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.at, word.len) != 0)
		return false;
	r->at += word.len;
	return true;
}

static bool
pass_scalar(struct reader *r)
{
	switch (reader_peek(r)) {
	case '"':
		return pass_string(r);
	case 't':
		return pass_word(r, SLICE("true"));
	case 'f':
		return pass_word(r, SLICE("false"));
	case 'n':
		return pass_word(r, SLICE("null"));
	default:
		return r->at < r->end && pass_number(r);
	}
}

/* Objects and arrays that are open: a bit each, the innermost lowest; set: an object. */
struct nest {
	uint32_t	objects;
	uint32_t	depth;
};

/* A key and its colon, where the innermost is an object. */
static bool
pass_key(struct reader *r, const struct nest *nest)
{
	return (nest->objects & 1) == 0 || (pass_string(r) && reader_takes(r, ':'));
}

/* Behind a value: the brackets that close, up to the comma before the next one. */
static bool
pass_ends(struct reader *r, struct nest *nest)
{
	while (nest->depth > 0) {
		if (reader_takes(r, ','))
			return pass_key(r, nest);
		if (!reader_takes(r, (nest->objects & 1) != 0 ? '}' : ']'))
			return false;
		nest->objects >>= 1;
		nest->depth--;
	}
	return true;
}

/* An opening bracket; what is empty is closed at once, and is a whole value then. */
static bool
pass_opening(struct reader *r, struct nest *nest, bool *is_whole)
{
	bool object = *r->at++ == '{';

	*is_whole = reader_takes(r, object ? '}' : ']');
	if (*is_whole)
		return true;
	if (nest->depth == JSON_DEPTH_MAX)
		return false;
	nest->objects = nest->objects << 1 | object;
	nest->depth++;
	return pass_key(r, nest);
}

static bool
pass_value(struct reader *r)
{
	struct nest nest = { 0, 0 };

	do {
		char first = reader_peek(r);
		bool is_whole = true;

		if (first == '{' || first == '[') {
			if (!pass_opening(r, &nest, &is_whole))
				return false;
		} else if (!pass_scalar(r)) {
			return false;
		}
		if (is_whole && !pass_ends(r, &nest))
			return false;
	} while (nest.depth > 0);
	return true;
}

/* -- paths -- */

/* One step of a path: a key as it is written there, or a place in an array. */
struct step {
	struct slice	key;
	uint32_t	place;
	bool		is_place;
};

#define PLACE_MAX_DIGITS 9

static bool
step_is_place(struct reader *path, struct step *step)
{
	const char *first = ++path->at;

	step->is_place = true;
	step->place = 0;
	for (; path->at < path->end && is_digit(*path->at); path->at++) {
		if (path->at - first >= PLACE_MAX_DIGITS)
			return false;
		step->place = step->place * 10 + (uint32_t)(*path->at - '0');
	}
	return path->at > first && path->at < path->end && *path->at++ == ']';
}

static bool
step_is_key(struct reader *path, struct step *step)
{
	const char *first = ++path->at;

	step->is_place = false;
	for (; path->at < path->end && *path->at != '.' && *path->at != '['; path->at++) {
		if (*path->at == '\\' && ++path->at == path->end)
			return false;
	}
	step->key = (struct slice){ first, (size_t)(path->at - first) };
	return path->at > first;
}

/* `path` is at a "." or "[", and moves behind the step. */
static bool
step_next(struct reader *path, struct step *step)
{
	if (*path->at == '.')
		return step_is_key(path, step);
	return *path->at == '[' && step_is_place(path, step);
}

enum err
json_path_check(struct slice text, struct diag *diag)
{
	struct reader path = { text.at, text.at + text.len };
	struct step step;
	uint32_t depth = 0;

	if (text.len == 0 || *path.at++ != '$') {
		diag_set(diag, "a JSON path begins with \"$\", like \"$.name[0]\"");
		return ERR_INVALID;
	}
	for (; path.at < path.end; depth++) {
		const char *at = path.at;

		if (depth == JSON_DEPTH_MAX) {
			diag_set(diag, "a JSON path has at most %d steps", JSON_DEPTH_MAX);
			return ERR_INVALID;
		}
		if (!step_next(&path, &step)) {
			diag_set(diag, "byte %zu of the JSON path: expected \".key\" or \"[0]\"",
				(size_t)(at - text.at) + 1);
			return ERR_INVALID;
		}
	}
	return ERR_OK;
}

/* Keys are compared as they are written; a backslash in the path hides the byte behind it. */
static bool
key_is(struct slice key, struct slice wanted)
{
	size_t at = 0;

	for (size_t i = 0; i < wanted.len; i++) {
		if (wanted.at[i] == '\\')
			i++;
		if (at == key.len || key.at[at++] != wanted.at[i])
			return false;
	}
	return at == key.len;
}

/* To the value of a key of the object that begins here. */
static bool
reader_enter_key(struct reader *r, struct slice wanted)
{
	if (!reader_takes(r, '{'))
		return false;
	do {
		const char *first;

		reader_peek(r);
		first = r->at + 1;
		if (!pass_string(r))
			return false;
		if (key_is((struct slice){ first, (size_t)(r->at - 1 - first) }, wanted))
			return reader_takes(r, ':');
		if (!reader_takes(r, ':') || !pass_value(r))
			return false;
	} while (reader_takes(r, ','));
	return false;
}

static bool
reader_enter_place(struct reader *r, uint32_t place)
{
	if (!reader_takes(r, '['))
		return false;
	for (; place > 0; place--) {
		if (!pass_value(r) || !reader_takes(r, ','))
			return false;
	}
	return reader_peek(r) != ']';
}

bool
json_path_find(struct slice json, struct slice text, struct slice *value)
{
	struct reader path = { text.at + 1, text.at + text.len };
	struct reader r = { json.at, json.at + json.len };
	struct step step;

	while (path.at < path.end) {
		if (!step_next(&path, &step))
			return false;
		if (!(step.is_place ? reader_enter_place(&r, step.place)
				    : reader_enter_key(&r, step.key)))
			return false;
	}
	reader_peek(&r);
	value->at = r.at;
	if (!pass_value(&r))
		return false;
	value->len = (size_t)(r.at - value->at);
	return true;
}

/* -- strings -- */

/* The four digits of "\u". */
static bool
unit_take(struct reader *r, uint32_t *unit)
{
	if (r->end - r->at < 4)
		return false;
	*unit = 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(*r->at++);

		if (digit < 0)
			return false;
		*unit = *unit << 4 | (uint32_t)digit;
	}
	return true;
}

/* Behind "\u"; two of them may be one character (RFC 8259, 7). */
static bool
code_take(struct reader *r, uint32_t *code)
{
	uint32_t low;

	if (!unit_take(r, code))
		return false;
	if (*code < 0xd800 || *code > 0xdfff)
		return true;
	if (*code > 0xdbff || r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
		return false;
	r->at += 2;
	if (!unit_take(r, &low) || low < 0xdc00 || low > 0xdfff)
		return false;
	*code = 0x10000 + ((*code & 0x3ff) << 10 | (low & 0x3ff));
	return true;
}

static char *
utf8_put(char *out, uint32_t code)
{
	if (code < 0x80) {
		*out++ = (char)code;
		return out;
	}
	if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*out++ = (char)(0xe0 | code >> 12);
		} else {
			*out++ = (char)(0xf0 | code >> 18);
			*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (code & 0x3f));
	return out;
}

/* Behind a backslash. NULL: nothing that JSON knows. */
static char *
escape_take(struct reader *r, char *out)
{
	static const char letters[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
	char letter = r->at < r->end ? *r->at++ : '\0';
	const char *found;
	uint32_t code;

	if (letter == 'u')
		return code_take(r, &code) ? utf8_put(out, code) : NULL;
	found = letter == '\0' ? NULL : strchr(letters, letter);
	if (found == NULL)
		return NULL;
	*out++ = plain[found - letters];
	return out;
}

ptrdiff_t
json_string_bytes(char *out, struct slice text)
{
	struct reader r = { text.at + 1, text.at + text.len - 1 };
	char *end = out;

	while (r.at < r.end && end != NULL) {
		char c = *r.at++;

		if (c == '\\')
			end = escape_take(&r, end);
		else
			*end++ = c;
	}
	return end == NULL ? -1 : end - out;
}
