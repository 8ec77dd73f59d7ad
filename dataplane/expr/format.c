/*
 * Writing formats: a walk over a flat list of pieces, straight into the caller's buffer.
 *
 * A line is written for each request: texts are copied whole, values run by run between the bytes that
 * have to be encoded. What HAProxy 2.6 writes for the same format is the measure (manual, 8.2.6, 8.6).
 *
 * Tables are registered by the main thread before any format is compiled; writing is the workers'.
 */
#include "config.h"
#include "expr/format.h"
#include <string.h>
#include "core/iptext.h"
#include "expr/format_priv.h"

/* What a byte has to be written otherwise for. */
#define BYTE_CONTROL	0x01U	/* ends or spoils a line; a tab does not */
#define BYTE_URI	0x02U	/* 8.6: all but printable ASCII, and quotes and '#' */
#define BYTE_HEADER	0x04U	/* and what stands around captured headers */
#define BYTE_ESCAPED	0x08U	/* by +E: quotes, backslashes, brackets (RFC 5424, 6.3.3) */

#define PRINTED_ALIKE (BYTE_URI | BYTE_HEADER)

/* clang-format off */
static const uint8_t byte_classes[256] = {
	[0x00 ... 0x08] = BYTE_CONTROL | PRINTED_ALIKE,
	['\t'] = PRINTED_ALIKE,
	[0x0a ... 0x1f] = BYTE_CONTROL | PRINTED_ALIKE,
	['"'] = PRINTED_ALIKE | BYTE_ESCAPED,
	['#'] = PRINTED_ALIKE,
	['{'] = BYTE_HEADER,
	['|'] = BYTE_HEADER,
	['}'] = BYTE_HEADER,
	['\\'] = BYTE_ESCAPED,
	[']'] = BYTE_ESCAPED,
	[0x7f] = BYTE_CONTROL | PRINTED_ALIKE,
	[0x80 ... 0xff] = PRINTED_ALIKE,
};
/* clang-format on */

static const unsigned encoded_classes[] = {
	[FORMAT_AS_TEXT] = BYTE_CONTROL,
	[FORMAT_AS_URI] = BYTE_URI,
	[FORMAT_AS_HEADER] = BYTE_HEADER,
	[FORMAT_AS_PART] = BYTE_HEADER,
};

static struct format_table *tables;

struct format_out {
	char		*at, *end;
	enum format_use	 use;
	uint8_t		 flags;
	bool		 is_full;	/* something did not fit: nothing follows */
	bool		 has_put;	/* the variable did */
};

void
format_register(struct format_table *table)
{
	table->next = tables;
	tables = table;
}

const struct format_table *
format_tables(void)
{
	return tables;
}

const struct format_var *
format_var_find(struct slice name)
{
	for (const struct format_table *t = tables; t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count; i++) {
			if (slice_equals(slice_of(t->rows[i].name), name))
				return &t->rows[i];
		}
	}
	return NULL;
}

/* -- bytes -- */

/* Where `len` bytes go, which belong together; NULL: they do not fit. */
static char *
out_room(struct format_out *out, size_t len)
{
	char *at = out->at;

	if (out->is_full || len > (size_t)(out->end - at)) {
		out->is_full = true;
		return NULL;
	}
	out->at += len;
	return at;
}

static void
out_copy(struct format_out *out, const char *bytes, size_t len)
{
	size_t room = out->is_full ? 0 : (size_t)(out->end - out->at);

	if (len > room) {
		out->is_full = true;
		len = room;
	}
	memcpy(out->at, bytes, len);
	out->at += len;
}

static void
out_byte(struct format_out *out, char byte)
{
	char *at = out_room(out, 1);

	if (at != NULL)
		*at = byte;
}

/* "#22" in a line, "%22" in a value, or "\"" where +E asks for it. */
static void
out_special(struct format_out *out, unsigned char byte, unsigned encoded)
{
	static const char digits[] = "0123456789ABCDEF";
	char *at;

	if ((byte_classes[byte] & encoded) == 0) {
		at = out_room(out, 2);
		if (at == NULL)
			return;
		at[0] = '\\';
		at[1] = (char)byte;
		return;
	}
	at = out_room(out, 3);
	if (at == NULL)
		return;
	at[0] = out->use == FORMAT_LOG || (encoded & BYTE_CONTROL) == 0 ? '#' : '%';
	at[1] = digits[byte >> 4];
	at[2] = digits[byte & 0xf];
}

static void
out_encoded(struct format_out *out, struct slice bytes, unsigned encoded)
{
	const unsigned special = encoded | ((out->flags & FORMAT_ESCAPED) != 0 ? BYTE_ESCAPED : 0);
	const char *from = bytes.at, *end = bytes.at + bytes.len;

	while (from < end && !out->is_full) {
		const char *at = from;

		while (at < end && (byte_classes[(unsigned char)*at] & special) == 0)
			at++;
		out_copy(out, from, (size_t)(at - from));
		if (at < end)
			out_special(out, (unsigned char)*at++, encoded);
		from = at;
	}
}

static void
out_absent(struct format_out *out)
{
	if ((out->flags & FORMAT_QUOTED) != 0)
		out_copy(out, "\"\"", 2);
	else if (out->use == FORMAT_LOG)
		out_byte(out, '-');
}

/* -- for variables -- */

void
format_put_as(struct format_out *out, struct slice bytes, enum format_as as)
{
	const bool quoted = (out->flags & FORMAT_QUOTED) != 0 && as != FORMAT_AS_PART;

	out->has_put = true;
	if (bytes.len == 0 && (as == FORMAT_AS_TEXT || as == FORMAT_AS_HEADER)) {
		out_absent(out);
		return;
	}
	if (quoted)
		out_byte(out, '"');
	out_encoded(out, bytes, encoded_classes[as]);
	if (quoted)
		out_byte(out, '"');
}

void
format_put(struct format_out *out, struct slice bytes)
{
	format_put_as(out, bytes, FORMAT_AS_TEXT);
}

void
format_put_int(struct format_out *out, int64_t number)
{
	char text[1 + UINT64_TEXT_MAX_BYTES];
	size_t len = 0;

	out->has_put = true;
	if (number >= 0 && number <= 9) {	/* most times of most lines */
		out_byte(out, (char)('0' + number));
		return;
	}
	if (number < 0)
		text[len++] = '-';
	len += uint64_write(text + len, number < 0 ? -(uint64_t)number : (uint64_t)number);
	out_copy(out, text, len);
}

void
format_put_hex(struct format_out *out, uint64_t number, unsigned digits)
{
	char text[16];
	size_t at = sizeof(text);

	out->has_put = true;
	do {
		text[--at] = "0123456789ABCDEF"[number & 0xf];
		number >>= 4;
	} while (at > 0 && (number != 0 || sizeof(text) - at < digits));
	out_copy(out, text + at, sizeof(text) - at);
}

void
format_put_raw(struct format_out *out, struct slice bytes)
{
	out->has_put = true;
	out_copy(out, bytes.at, bytes.len);
}

void
format_put_quote(struct format_out *out)
{
	if ((out->flags & FORMAT_QUOTED) != 0)
		out_byte(out, '"');
}

bool
format_flag_hex(const struct format_out *out)
{
	return (out->flags & FORMAT_HEX) != 0;
}

/* -- pieces -- */

/* The room that it took for making a value is free again: the value was copied. */
static void
out_expr(struct format_out *out, const struct expr *expr, struct eval *eval)
{
	const struct http_room room = eval->room;
	struct sample sample;

	if (expr_eval_as(expr, eval, SAMPLE_STRING, &sample))
		format_put(out, sample.text);
	else
		out_absent(out);
	eval->room = room;
}

/* Where there is room for more than it has, more is copied: what follows is written over it. */
static inline void
out_text(struct format_out *out, struct slice text)
{
	if (text.len <= FORMAT_SHORT_BYTES && (size_t)(out->end - out->at) >= FORMAT_SHORT_BYTES) {
		memcpy(out->at, text.at, FORMAT_SHORT_BYTES);
		out->at += text.len;
	} else {
		out_copy(out, text.at, text.len);
	}
}

/* False: there is nothing of it. */
static bool
out_var(struct format_out *out, const struct format_var *var, struct eval *eval)
{
	out->has_put = false;
	var->put(eval, out);
	if (!out->has_put && !var->may_vanish)
		out_absent(out);
	return out->has_put || !var->may_vanish;
}

size_t
format_write(const struct format *format, struct eval *eval, char *to, size_t size)
{
	struct format_out out = { .at = to, .end = to + size, .use = format->use };
	const struct format_piece *piece = format->pieces;
	const struct format_piece *end = format->count > 0 ? piece + format->count : piece;
	bool after_space = true;	/* a line does not begin with one */

	for (; piece < end && !out.is_full; piece++) {
		if (piece->text.len > 0) {
			out_text(&out, piece->text);
			after_space = piece->ends_in_space;
		}
		out.flags = piece->flags;
		switch ((enum format_piece_kind)piece->kind) {
		case FORMAT_PIECE_END: break;
		case FORMAT_PIECE_SPACE:
			if (!after_space)
				out_byte(&out, ' ');
			after_space = true;
			break;
		case FORMAT_PIECE_VAR:
			if (out_var(&out, piece->var, eval))
				after_space = false;
			break;
		case FORMAT_PIECE_EXPR:
			out_expr(&out, piece->expr, eval);
			after_space = false;
			break;
		}
	}
	if (out.is_full && format->use != FORMAT_LOG)
		return FORMAT_TOO_LONG;
	return (size_t)(out.at - to);
}

bool
format_is_constant(const struct format *format, struct slice *text)
{
	if (format->count > 1 ||
	    (format->count == 1 && format->pieces[0].kind != FORMAT_PIECE_END))
		return false;
	*text = format->count == 0 ? SLICE("") : format->pieces[0].text;
	return true;
}

unsigned
format_needs(const struct format *format)
{
	return format->needs;
}
