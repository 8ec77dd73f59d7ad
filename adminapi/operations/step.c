/*
 * What a drain does next. It never fights: whoever changed the server since it began has the last word.
 *
 * After a restart the same questions are asked of what is there by then, so a step that was done and not
 * noted is found done. Pure.
 */
#include "config.h"
#include "adminapi/operations/operation.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 2, 3)))
say(char *detail, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, OPERATION_DETAIL_BYTES, fmt, ap);
	va_end(ap);
}

static const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static enum operation_step
end_superseded(const struct operation_sight *sight, enum operation_state *state, char *detail)
{
	*state = OPERATION_SUPERSEDED;
	if (sight->server == OPERATION_SERVER_GONE)
		say(detail, "the server was deleted meanwhile");
	else if (sight->server == OPERATION_SERVER_REPLACED)
		say(detail, "the server was deleted meanwhile, and another one has its name now");
	else
		say(detail, "admin_state was set to %s meanwhile%s%.80s", sight->admin_state,
			sight->by == NULL ? "" : " by ", sight->by == NULL ? "" : sight->by);
	return OPERATION_END;
}

static bool
has_admin_state(const struct operation_sight *sight, const char *state)
{
	return sight->server == OPERATION_SERVER_THERE && strcmp(sight->admin_state, state) == 0;
}

static bool
is_held(const struct operation *op, const struct operation_sight *sight)
{
	return has_admin_state(sight, operation_hold(op));
}

static enum operation_step
step_waiting(const struct operation *op, const struct operation_sight *sight,
	enum operation_state *state, char *detail)
{
	if (!is_held(op, sight))
		return end_superseded(sight, state, detail);
	if (sight->sessions == 0)
		return OPERATION_FINISH;
	if (!sight->is_due)
		return OPERATION_WAIT;
	if (op->kill)
		return OPERATION_KILL;
	*state = OPERATION_EXPIRED;
	say(detail,
	    "the deadline has passed, %" PRIu64 " session%s left; the server goes on draining",
		sight->sessions, sight->sessions == 1 ? " is" : "s are");
	return OPERATION_END;
}

static enum operation_step
step_ending(const struct operation *op, const struct operation_sight *sight,
	    enum operation_state *state, char *detail)
{
	if (!is_held(op, sight))
		return end_superseded(sight, state, detail);
	if (sight->sessions == 0)
		return OPERATION_FINISH;
	if (!sight->is_overdue)
		return OPERATION_KILL;
	*state = OPERATION_FAILED;
	say(detail, "%" PRIu64 " session%s did not end in time, or came by rules that name the "
		"server; it goes on draining", sight->sessions, plural(sight->sessions));
	return OPERATION_END;
}

/* It was seen with nobody left: `then` is not taken back for who came by a rule since. */
static enum operation_step
step_finishing(const struct operation *op, const struct operation_sight *sight,
	enum operation_state *state, char *detail)
{
	bool is_done = op->then == OPERATION_THEN_DELETE ?
		sight->server != OPERATION_SERVER_THERE :
		has_admin_state(sight, operation_then_text(op->then));

	if (is_held(op, sight))
		return OPERATION_FINISH;
	if (!is_done)
		return end_superseded(sight, state, detail);
	*state = OPERATION_DONE;
	operation_done_words(op, detail);
	return OPERATION_END;
}

static enum operation_step
step_calling_off(const struct operation *op, const struct operation_sight *sight,
	enum operation_state *state, char *detail)
{
	const char *before = op->before[0] == '\0' ? "ready" : op->before;

	if (has_admin_state(sight, before)) {
		*state = OPERATION_CALLED_OFF;
		return OPERATION_END;
	}
	if (is_held(op, sight))
		return OPERATION_PUT_BACK;
	return end_superseded(sight, state, detail);
}

enum operation_step
operation_step(const struct operation *op, const struct operation_sight *sight,
	enum operation_state *state, char *detail)
{
	detail[0] = '\0';
	switch (op->state) {
	case OPERATION_STARTING:
		if (sight->server != OPERATION_SERVER_THERE)
			return end_superseded(sight, state, detail);
		return OPERATION_DRAIN;
	case OPERATION_WAITING:
		return step_waiting(op, sight, state, detail);
	case OPERATION_ENDING:
		return step_ending(op, sight, state, detail);
	case OPERATION_FINISHING:
		return step_finishing(op, sight, state, detail);
	case OPERATION_CALLING_OFF:
		return step_calling_off(op, sight, state, detail);
	case OPERATION_DONE:
	case OPERATION_EXPIRED:
	case OPERATION_FAILED:
	case OPERATION_CALLED_OFF:
	case OPERATION_SUPERSEDED:
		break;
	}
	*state = op->state;
	return OPERATION_END;
}
