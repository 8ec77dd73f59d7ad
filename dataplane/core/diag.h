/*
 * The text of one error, carried up to the layer that reports it.
 *
 * A diag lives on its caller's stack. Functions that take one accept NULL.
 */
#pragma once

#define DIAG_MAX_BYTES 512	/* longest text; a longer one is cut, never lost */

struct diag {
	char	text[DIAG_MAX_BYTES];
};

/* Set the text; outside bytes in it must have been escaped (str_escape) by the caller. */
void diag_set(struct diag *diag, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As diag_set, then ": " and the words of errno, which stays as it was. */
void diag_errno(struct diag *diag, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
