/*
 * What can go wrong in the world outside: one enum for every room.
 *
 * What the program itself got wrong is an assert. Errors go up by return value; the layer that
 * decides what follows logs them, once.
 */
#pragma once

enum err {
	ERR_OK,
	ERR_NOMEM,	/* no memory */
	ERR_SYSTEM,	/* a system call failed: errno, or the diag, says how */
	ERR_INVALID,	/* bytes that do not mean anything: the diag says where */
	ERR_UNKNOWN,	/* a name that nobody knows */
	ERR_EXISTS,	/* a name or address that is taken */
	ERR_LIMIT,	/* a limit was reached */
	ERR_BUSY,	/* not now: in use, or under way */
	ERR_TIMEOUT,
	ERR_GONE,	/* the other side left, or the object is no more */
};

/* A few plain words for `e`; static memory. */
const char *err_text(enum err e);
