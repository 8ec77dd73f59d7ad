/*
 * One attempt of a check, from its beginning to its verdict, and the time that it has; its steps are check_steps.c's.
 *
 * An attempt owns its connection and ends with its verdict: it is freed before the verdict is told, so who
 * hears it may begin the next one, or free the check. Its server's configuration may change while it is
 * under way, so nothing of that is kept; the list of steps is.
 *
 * A timeout is judged only after the socket was read. Time in which our own loop stood still is not the
 * server's: it is granted anew.
 *
 * Control thread.
 */
#include "config.h"
#include <string.h>
#include "core/clock.h"
#include "core/obj.h"
#include "core/spares.h"
#include "server/backend.h"
#include "server/check_attempt_priv.h"

#define INTER_DEFAULT_MS 2000	/* HAProxy manual, "inter" */
#define STALL_GRANTS_MAX 3	/* of one attempt: silence is found out even by a loop that limps */

static struct {
	struct list	 late;		/* attempts that a turn had no time for */
	struct spares	 spares;
} attempts = {
	.late = { &attempts.late, &attempts.late },
	.spares = { .keep = 256 },
};

/* -- its timeouts -- */

static void
attempt_set_timer(struct attempt *a, int64_t ms)
{
	a->is_due = false;
	/* one more: the millisecond that has begun is not whole */
	wheel_set(&loop_self()->wheel, &a->timer, check_now_ms() + (uint64_t)ms + 1);
}

static void
attempt_set_timeout(struct attempt *a, int64_t ms)
{
	a->timeout_ms = ms;
	attempt_set_timer(a, ms);
}

static int64_t
attempt_inter_ms(const struct attempt *a)
{
	const struct server_conf *conf = a->check->server->conf;
	const int64_t inter = a->check->source == CHECK_OF_AGENT ? conf->agent_inter : conf->inter;

	return inter > 0 ? inter : INTER_DEFAULT_MS;
}

/*
 * "inter" bounds the whole check, or, with "timeout check", the connecting, as "timeout connect" does, and
 * that one bounds the rest (HAProxy manual, "timeout check").
 */
void
attempt_on_connecting(struct attempt *a)
{
	const struct backend_conf *conf = a->check->server->backend->conf;
	const int64_t inter = attempt_inter_ms(a);

	if (conf->timeout_check != TIMEOUT_NONE)
		attempt_set_timeout(a,
				    conf->timeout_connect < inter ? conf->timeout_connect : inter);
	else if (a->step == 0)
		attempt_set_timeout(a, inter);
}

void
attempt_on_connected(struct attempt *a)
{
	const struct backend_conf *conf = a->check->server->backend->conf;

	if (conf->timeout_check != TIMEOUT_NONE)
		attempt_set_timeout(a, conf->timeout_check);
}

static enum check_result
attempt_timeout_result(const struct attempt *a)
{
	const struct check_step *step = attempt_step(a);

	if (a->phase == ATTEMPT_CONNECTING)
		return CHECK_L4TOUT;
	if (step->kind == CHECK_STEP_EXPECT && step->expect.tout_status != CHECK_UNKNOWN)
		return step->expect.tout_status;
	return CHECK_L7TOUT;
}

/* -- the whole -- */

static void
attempt_bury(struct grave *grave)
{
	spares_give(&attempts.spares, container_of(grave, struct attempt, grave));
}

static void
attempt_free(struct attempt *a)
{
	wheel_cancel(&a->timer);
	list_remove(&a->by_late);
	attempt_drop_connection(a);
	check_conf_unref(&a->conf);
	a->magic = 0;
	loop_bury(loop_self(), &a->grave, attempt_bury);
}

static void
attempt_end(struct attempt *a, struct check_verdict *verdict, bool in_stall)
{
	const struct agent_report report = a->report;
	struct check *c = a->check;

	verdict->duration_ms = (uint32_t)((clock_read_us(CLOCK_MONOTONIC) - a->began_us) / 1000);
	attempt_free(a);
	check_on_attempt(c, verdict, &report, in_stall);
}

/* True: it has more time, since our loop stood still for as long. */
static bool
attempt_grant(struct attempt *a)
{
	const uint64_t stalled_ms = checks_stalled_ms();
	const int64_t lost_ms = (int64_t)(stalled_ms - a->stalled_ms);

	if (lost_ms == 0 || a->grants >= STALL_GRANTS_MAX)
		return false;
	a->grants++;
	a->stalled_ms = stalled_ms;
	attempt_set_timer(a, lost_ms < a->timeout_ms ? lost_ms : a->timeout_ms);
	return true;
}

/* The poll may not have told yet what the socket knows. */
static void
attempt_look(struct attempt *a)
{
	struct addr peer;

	if (a->phase == ATTEMPT_EXPECTING)
		a->conn.readable = true;
	else if (a->phase == ATTEMPT_CONNECTING && addr_of_peer(&peer, a->conn.fd) == ERR_OK)
		a->conn.writable = true;
}

/* Its last act may be the attempt's last. */
static void
attempt_run(struct attempt *a)
{
	struct check_verdict verdict = { 0 };

	if (a->is_due)
		attempt_look(a);
	if (attempt_advance(a, &verdict) == ENDS) {
		attempt_end(a, &verdict, checks_stalled_ms() != a->began_stalled_ms);
	} else if (a->is_due && !attempt_grant(a)) {
		attempt_fail_because(a, &verdict, attempt_timeout_result(a), "");
		attempt_end(a, &verdict, false);
	}
}

static void
attempt_wake(struct attempt *a)
{
	if (!list_is_empty(&a->by_late))
		return;
	if (checks_may_act()) {
		attempt_run(a);
	} else {
		list_append(&attempts.late, &a->by_late);
		checks_queue_work();
	}
}

void
attempt_on_wake(struct conn *conn)
{
	struct attempt *a = container_of(conn, struct attempt, conn);

	loop_mark(loop_self());
	attempt_wake(obj_cast(a, ATTEMPT_MAGIC));
}

static void
attempt_on_timer(struct wheel_timer *timer)
{
	struct attempt *a = obj_cast(container_of(timer, struct attempt, timer), ATTEMPT_MAGIC);

	a->is_due = true;
	attempt_wake(a);
}

struct attempt *
attempt_new(struct check *c)
{
	struct check_conf *conf = c->source == CHECK_OF_AGENT ? c->server->conf->agent_steps
							      : c->server->backend->conf->check;
	struct attempt *a = spares_take(&attempts.spares, sizeof(*a));

	if (a == NULL)
		return NULL;
	memset(a, 0, offsetof(struct attempt, header));
	a->magic = ATTEMPT_MAGIC;
	a->check = c;
	a->conf = check_conf_ref(conf);
	a->began_us = clock_read_us(CLOCK_MONOTONIC);
	a->began_stalled_ms = a->stalled_ms = checks_stalled_ms();
	conn_init(&a->conn, attempt_on_wake);
	wheel_timer_init(&a->timer, attempt_on_timer);
	list_init(&a->by_late);
	return a;
}

void
attempt_start(struct attempt *a)
{
	struct check_verdict verdict = { 0 };

	if (attempt_begin_step(a, &verdict) == ENDS)
		attempt_end(a, &verdict, false);
	else
		attempt_run(a);
}

void
attempt_give_up(struct attempt **ap)
{
	struct attempt *a = *ap;

	*ap = NULL;
	if (a != NULL)
		attempt_free(a);
}

void
attempts_catch_up(void)
{
	while (!list_is_empty(&attempts.late) && checks_may_act())
		attempt_run(container_of(list_take_first(&attempts.late), struct attempt, by_late));
}

void
attempts_finish(void)
{
	spares_fini(&attempts.spares);
	attempts_finish_steps();
}
