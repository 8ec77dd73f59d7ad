/*
 * One attempt of a check: connect, send, read, judge (HAProxy manual, "tcp-check connect", "send", "expect").
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
#include <errno.h>
#include <string.h>
#include "core/clock.h"
#include "core/obj.h"
#include "core/spares.h"
#include "server/backend.h"
#include "server/check_priv.h"

#define INTER_DEFAULT_MS 2000 /* HAProxy manual, "inter" */
#define STALL_GRANTS_MAX \
	3                /* of one attempt: who is silent is found out even by a loop that limps */
#define HEADER_BYTES 128 /* of PROXY: LOCAL, or addresses as text */

enum attempt_phase { ATTEMPT_CONNECTING, ATTEMPT_SENDING, ATTEMPT_EXPECTING };

/* What became of a part of the work. */
enum progress { WAITS, GOES_ON, ENDS };

struct attempt {
	unsigned magic;
#define ATTEMPT_MAGIC 0x6b1f04d7
	enum attempt_phase phase;
	uint32_t step;
	uint32_t grants;         /* timeouts that were put off */
	bool is_due;             /* the timeout is to be judged */
	bool has_ended;          /* the peer sends no more */
	int lost;                /* errno of the connection, found while it was opened */
	struct check *check;     /* outlives it */
	struct check_conf *conf; /* a reference */
	struct conn conn;
	struct proxy_send send_proxy;
	struct slice out;  /* to be sent: a step's bytes, or `header` */
	char *reply;       /* memory of its own for an answer in pieces; NULL: none */
	size_t reply_len;  /* bytes of the answer: in `reply`, else in attempts.scratch */
	bool reply_judged; /* these are known not to be enough */
	uint64_t began_us;
	int64_t timeout_ms;                    /* the one that the timer stands for */
	uint64_t began_stalled_ms, stalled_ms; /* checks_stalled_ms() then, and as granted */
	struct wheel_timer timer;
	struct list by_late; /* in attempts.late: to be worked on in the next turn */
	struct grave grave;
	char header[HEADER_BYTES];
};

/* Most attempts need no memory for an answer: it comes whole, is judged in `scratch`, and forgotten. */
static struct {
	struct list late;
	struct spares attempts, replies;
	char scratch[CHECK_REPLY_BYTES];
} attempts = {
	.late = { &attempts.late, &attempts.late },
	.attempts = { .keep = 256 },
	.replies = { .keep = 8 },
};

static enum progress attempt_begin_step(struct attempt *a, struct check_verdict *verdict);
static void attempt_wake(struct attempt *a);

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
static void
attempt_on_connecting(struct attempt *a, bool is_first)
{
	const struct backend_conf *conf = a->check->server->backend->conf;
	const int64_t inter = attempt_inter_ms(a);

	if (conf->timeout_check != TIMEOUT_NONE)
		attempt_set_timeout(a,
				    conf->timeout_connect < inter ? conf->timeout_connect : inter);
	else if (is_first)
		attempt_set_timeout(a, inter);
}

static void
attempt_on_connected(struct attempt *a)
{
	const struct backend_conf *conf = a->check->server->backend->conf;

	if (conf->timeout_check != TIMEOUT_NONE)
		attempt_set_timeout(a, conf->timeout_check);
}

/* -- verdicts -- */

static const struct check_step *
attempt_step(const struct attempt *a)
{
	return &a->conf->steps[a->step];
}

static enum progress
attempt_fail_because(struct attempt *a, struct check_verdict *verdict, enum check_result result,
		     const char *what)
{
	verdict->result = result;
	verdict->code = 0;
	check_words_failed(verdict->detail, a->conf, a->step, what);
	return ENDS;
}

/* `error` is an errno. */
static enum progress
attempt_fail(struct attempt *a, struct check_verdict *verdict, enum check_result result, int error)
{
	return attempt_fail_because(a, verdict, result, strerror(error));
}

static enum progress
attempt_pass(struct attempt *a, struct check_verdict *verdict)
{
	const struct check_step *last = attempt_step(a);

	if (last->kind != CHECK_STEP_EXPECT) {	/* else its judge has said what it is */
		verdict->result = last->kind == CHECK_STEP_CONNECT ? CHECK_L4OK : CHECK_L7OK;
		verdict->code = 0;
		verdict->detail[0] = '\0';
	}
	if (verdict->detail[0] == '\0')
		strcpy(verdict->detail, check_words_passed(a->conf));
	return ENDS;
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

/* -- connecting -- */

/* The connection of the last CONNECT ends as that says; an unread answer would make an RST of a FIN. */
static void
attempt_close(struct attempt *a)
{
	uint32_t at = a->step;

	if (a->conn.fd < 0)
		return;
	while (a->conf->steps[at].kind != CHECK_STEP_CONNECT)
		at--;
	if (a->phase == ATTEMPT_CONNECTING) {
		conn_close(&a->conn);
	} else if (!a->conf->steps[at].connect.linger) {
		conn_reset(&a->conn);
	} else {
		(void)conn_recv(&a->conn, attempts.scratch, sizeof(attempts.scratch));
		conn_close(&a->conn);
	}
}

static void
attempt_on_wake(struct conn *conn)
{
	struct attempt *a = container_of(conn, struct attempt, conn);

	loop_mark(loop_self());
	attempt_wake(obj_cast(a, ATTEMPT_MAGIC));
}

/* What we lack ourselves says nothing of the server. */
static bool
error_is_our_own(int error, const struct check_target *target)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS: return true;
	case EADDRNOTAVAIL: /* no port is free; with a source: it is not ours */
		return target->source.len == 0;
	case EAGAIN: /* Unix: its backlog is full */ return !addr_is_unix(&target->to);
	default: return false;
	}
}

/* Whoever speaks first waits for the end of the handshake; else it can go with what we send, or not at all. */
static bool
attempt_may_connect_quietly(const struct attempt *a)
{
	return a->step + 1 == a->conf->count ||
	       a->conf->steps[a->step + 1].kind != CHECK_STEP_EXPECT;
}

static enum progress
attempt_connect(struct attempt *a, struct check_verdict *verdict)
{
	int (*connect)(struct conn *, struct event_base *, const struct addr *,
		       const struct addr *) = conn_connect;
	struct check_target target;
	const char *why = check_target_set(&target, a->check, &attempt_step(a)->connect);
	int result;

	if (why != NULL)
		return attempt_fail_because(a, verdict, CHECK_L4CON, why);
	if (attempt_may_connect_quietly(a) || target.send_proxy.version != 0)
		connect = conn_connect_quietly;
	conn_init(&a->conn, attempt_on_wake);
	a->send_proxy = target.send_proxy;
	a->has_ended = false;
	a->lost = 0;
	a->phase = ATTEMPT_CONNECTING;
	result = connect(&a->conn, loop_self()->base, &target.to, &target.source);
	if (result < 0)
		return attempt_fail(
			a, verdict,
			error_is_our_own(-result, &target) ? CHECK_SOCKERR : CHECK_L4CON, -result);
	attempt_on_connecting(a, a->step == 0);
	return GOES_ON;
}

/*
 * The header as the server's own connections have it; with version 1 HAProxy names the check's own
 * addresses, with version 2 it says LOCAL.
 */
static void
attempt_begin_header(struct attempt *a)
{
	const struct proxy_send how = { .version = a->send_proxy.version,
					.options = a->send_proxy.options & PROXY_SEND_CRC32C };
	struct addr from, to;
	const bool has_addrs = how.version == 1 && addr_of_socket(&from, a->conn.fd) == ERR_OK &&
			       addr_of_peer(&to, a->conn.fd) == ERR_OK;
	char header[PROXY_OUT_MAX_BYTES];
	size_t len = proxy_write(header, &how, has_addrs ? &from : NULL, has_addrs ? &to : NULL,
				 (struct slice){ NULL, 0 });

	assert(len <= sizeof(a->header));
	memcpy(a->header, header, len);
	a->out = (struct slice){ a->header, len };
	a->phase = ATTEMPT_SENDING;
}

/* On with the step behind this one; there may be none. */
static enum progress
attempt_next(struct attempt *a, struct check_verdict *verdict)
{
	if (a->step + 1 == a->conf->count)
		return attempt_pass(a, verdict);
	if (a->conf->steps[a->step + 1].kind == CHECK_STEP_CONNECT)
		attempt_close(a);
	a->step++;
	return attempt_begin_step(a, verdict);
}

/* An RST that came behind the end of the handshake is a matter of the steps that follow, if any do. */
static bool
error_is_of_connected(int error)
{
	return error == ECONNRESET || error == EPIPE;
}

static enum progress
attempt_connecting(struct attempt *a, struct check_verdict *verdict)
{
	if (!a->conn.readable && !a->conn.writable)
		return WAITS;
	a->lost = a->conn.readable ? -conn_error(&a->conn) : 0;
	if (a->lost != 0 && !error_is_of_connected(a->lost))
		return attempt_fail(a, verdict, CHECK_L4CON, a->lost);
	attempt_on_connected(a);
	if (a->send_proxy.version == 0) {
		a->phase = ATTEMPT_SENDING; /* nothing, but it is connected */
		return attempt_next(a, verdict);
	}
	attempt_begin_header(a);
	return GOES_ON;
}

/* -- sending -- */

static enum progress
attempt_sending(struct attempt *a, struct check_verdict *verdict)
{
	if (a->lost != 0)
		return attempt_fail(a, verdict, CHECK_L7RSP, a->lost);
	while (a->out.len > 0) {
		ssize_t n = a->conn.writable ? conn_send(&a->conn, a->out.at, a->out.len) : -EAGAIN;

		if (n == -EAGAIN)
			return WAITS;
		if (n < 0)
			return attempt_fail(a, verdict, CHECK_L7RSP, (int)-n);
		a->out.at += n;
		a->out.len -= (size_t)n;
	}
	return attempt_next(a, verdict);
}

/* -- reading and judging -- */

static char *
attempt_reply(struct attempt *a)
{
	return a->reply != NULL ? a->reply : attempts.scratch;
}

/* An answer in pieces is kept; scratch is anybody's. */
static enum progress
attempt_keep_reply(struct attempt *a, struct check_verdict *verdict)
{
	if (a->reply_len == 0 || a->reply != NULL)
		return WAITS;
	a->reply = spares_take(&attempts.replies, CHECK_REPLY_BYTES);
	if (a->reply == NULL)
		return attempt_fail(a, verdict, CHECK_SOCKERR, ENOMEM);
	memcpy(a->reply, attempts.scratch, a->reply_len);
	return WAITS;
}

/* The next EXPECT looks at the same bytes, see check_judge(); who sends is done with those that were used. */
static void
attempt_pass_reply(struct attempt *a, size_t used)
{
	char *reply = attempt_reply(a);

	assert(used <= a->reply_len);
	if (a->step + 1 < a->conf->count && a->conf->steps[a->step + 1].kind == CHECK_STEP_EXPECT)
		return;
	a->reply_len -= used;
	memmove(reply, reply + used, a->reply_len);
}

/* GOES_ON: it has more now, or knows that there will be no more. */
static enum progress
attempt_read(struct attempt *a, struct check_verdict *verdict)
{
	ssize_t n = conn_recv(&a->conn, attempt_reply(a) + a->reply_len,
			      CHECK_REPLY_BYTES - a->reply_len);

	if (n == -EAGAIN)
		return WAITS;
	if (n < 0 && a->reply_len == 0)
		return attempt_fail(a, verdict, CHECK_L7RSP, (int)-n);
	if (n > 0)
		a->reply_len += (size_t)n;
	else
		a->has_ended = true; /* what came before an RST is judged, as HAProxy does */
	a->reply_judged = false;
	return GOES_ON;
}

static enum progress
attempt_judge(struct attempt *a, struct check_verdict *verdict)
{
	const bool is_end = a->has_ended || a->reply_len == CHECK_REPLY_BYTES;
	const struct slice bytes = { attempt_reply(a), a->reply_len };
	size_t used = 0;

	if (a->reply_judged || (a->reply_len == 0 && !is_end))
		return WAITS;
	switch (check_judge(a->conf, attempt_step(a), bytes, is_end, &used, verdict)) {
	case CHECK_JUDGED_PASS: attempt_pass_reply(a, used); return attempt_next(a, verdict);
	case CHECK_JUDGED_FAIL: return ENDS;
	case CHECK_JUDGED_MORE: break;
	}
	a->reply_judged = true;
	return is_end ? attempt_fail_because(a, verdict, CHECK_L7RSP, "the answer is incomplete")
		      : WAITS;
}

/* Reads until there is no more: an RST behind the bytes is seen only so, see net/conn.h. */
static enum progress
attempt_expecting(struct attempt *a, struct check_verdict *verdict)
{
	bool has_read = false;
	enum progress p;

	if (a->lost != 0)
		return attempt_fail(a, verdict, CHECK_L7RSP, a->lost);
	for (;;) {
		p = attempt_judge(a, verdict);
		if (p != WAITS)
			return p;
		if (!a->conn.readable && !has_read)
			return attempt_keep_reply(a, verdict);
		p = attempt_read(a, verdict);
		if (p == WAITS)
			return attempt_keep_reply(a, verdict);
		if (p == ENDS)
			return ENDS;
		has_read = true;
	}
}

/* -- the whole -- */

static enum progress
attempt_begin_step(struct attempt *a, struct check_verdict *verdict)
{
	const struct check_step *step = attempt_step(a);

	if (step->kind == CHECK_STEP_EXPECT) {
		a->phase = ATTEMPT_EXPECTING;
		a->reply_judged = false;
		return GOES_ON;
	}
	if (step->kind == CHECK_STEP_CONNECT) {
		a->reply_len = 0;
		return attempt_connect(a, verdict);
	}
	a->out = step->send;
	a->phase = ATTEMPT_SENDING;
	return GOES_ON;
}

static enum progress
attempt_advance(struct attempt *a, struct check_verdict *verdict)
{
	enum progress p = GOES_ON;

	while (p == GOES_ON) {
		switch (a->phase) {
		case ATTEMPT_CONNECTING: p = attempt_connecting(a, verdict); break;
		case ATTEMPT_SENDING: p = attempt_sending(a, verdict); break;
		case ATTEMPT_EXPECTING: p = attempt_expecting(a, verdict); break;
		}
	}
	return p;
}

static void
attempt_bury(struct grave *grave)
{
	spares_give(&attempts.attempts, container_of(grave, struct attempt, grave));
}

static void
attempt_free(struct attempt *a)
{
	wheel_cancel(&a->timer);
	list_remove(&a->by_late);
	attempt_close(a);
	check_conf_unref(&a->conf);
	if (a->reply != NULL)
		spares_give(&attempts.replies, a->reply);
	a->magic = 0;
	loop_bury(loop_self(), &a->grave, attempt_bury);
}

static void
attempt_end(struct attempt *a, struct check_verdict *verdict, bool in_stall)
{
	struct check *c = a->check;

	verdict->duration_ms = (uint32_t)((clock_read_us(CLOCK_MONOTONIC) - a->began_us) / 1000);
	attempt_free(a);
	check_on_attempt(c, verdict, in_stall);
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
	struct attempt *a = spares_take(&attempts.attempts, sizeof(*a));

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
	spares_fini(&attempts.attempts);
	spares_fini(&attempts.replies);
}
