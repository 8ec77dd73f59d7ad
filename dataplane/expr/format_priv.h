/*
 * A compiled format: what format_compile.c makes, and format.c writes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "expr/expr.h"
#include "expr/format.h"

#define FORMAT_QUOTED	0x1U	/* +Q */
#define FORMAT_HEX	0x2U	/* +X */
#define FORMAT_ESCAPED	0x4U	/* +E */

#define FORMAT_SHORT_BYTES 16 /* texts up to this, most of all, are copied with two moves */

/* What stands behind a piece's text. */
enum format_piece_kind {
	FORMAT_PIECE_END,	/* nothing */
	FORMAT_PIECE_SPACE,	/* one, unless there is one already */
	FORMAT_PIECE_VAR,
	FORMAT_PIECE_EXPR,
};

struct format_piece {
	uint8_t		 kind;		/* enum format_piece_kind */
	uint8_t		 flags;		/* FORMAT_QUOTED ... */
	bool		 ends_in_space;	/* the text */
	struct slice	 text;		/* before it; into format.bytes, may be empty */
	union {
		const struct format_var	*var;
		struct expr		*expr;	/* owned */
	};
};

struct format {
	enum format_use		 use;
	unsigned		 needs;
	char			*bytes;		/* owned: of all texts, and FORMAT_SHORT_BYTES that may be read */
	struct format_piece	*pieces;	/* owned */
	uint32_t		 count;
};
