/*
 * Watching traffic for errors ("observe", "error-limit", "on-error" in HAProxy's manual, 5.2).
 *
 * A worker tells how each connection or answer went; a success costs one relaxed load. Errors in a row are
 * counted over all workers; the one that reaches the limit sends one mail to control, which calls
 * server_on_observed(). Worker thread, but where said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct server_slot;

enum observe { OBSERVE_NONE, OBSERVE_LAYER4, OBSERVE_LAYER7 };
enum on_error {
	ON_ERROR_FAIL_CHECK,
	ON_ERROR_FASTINTER,
	ON_ERROR_SUDDEN_DEATH,
	ON_ERROR_MARK_DOWN
};

/* Columns: name, layer, HAProxy's words. */
#define OBSERVED_ERRORS(X)							\
	X(CONNECT,	4, "Layer4 unsuccessful connection")			\
	X(CLOSE,	7, "Layer7 closed connection before the answer")	\
	X(STATUS,	7, "Layer7 wrong status")				\
	X(RESPONSE,	7, "Layer7 invalid response")				\
	X(TIMEOUT,	7, "Layer7 response timeout")				\
	X(READ,		7, "Layer7 read error")

enum observed_error {
#define X(name, layer, words) OBSERVED_##name,
	OBSERVED_ERRORS(X)
#undef X
};
const char *observed_error_words(enum observed_error error);

/* layer 4 or 7: it went well; or it did not. */
void observe_success(struct server_slot *slot, int layer);
void observe_error(struct server_slot *slot, enum observed_error error);
