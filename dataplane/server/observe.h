/*
 * Watching traffic for errors ("observe", "error-limit", "on-error" in HAProxy's manual, 5.2).
 *
 * A worker tells how each connection or answer went; a success costs one relaxed load. Errors in a row are
 * counted over all workers; the one that reaches the limit sends one mail to control, which calls
 * server_on_observed(). Worker thread.
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

/* Columns: name, layer, HAProxy's words ("Detected 10 consecutive errors, last one was: ..."). */
#define OBSERVED_ERRORS(X)						\
	X(CONNECT,	4, "L4 unsuccessful connection")		\
	X(CLOSE,	7, "Close from server (http)")			\
	X(STATUS,	7, "Wrong http response")			\
	X(RESPONSE,	7, "Invalid http response (headers)")		\
	X(TIMEOUT,	7, "Read timeout (http)")			\
	X(READ,		7, "Read error (http)")

enum observed_error {
#define X(name, layer, words) OBSERVED_##name,
	OBSERVED_ERRORS(X)
#undef X
};
const char *observed_error_words(enum observed_error error);

/*
 * Of a server that is observed: it went well, as seen from layer 4 or 7; or it did not. The worker has a
 * reference to the slot. Use observe_success() and observe_error() of server.h, which look whether it is.
 */
void observe_note_success(struct server_slot *slot, int layer);
void observe_note_error(struct server_slot *slot, enum observed_error error);
