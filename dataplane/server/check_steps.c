/*
 * The steps of an attempt: connect, send, read, judge (HAProxy manual, "tcp-check connect", "send", "expect").
 *
 * What is told of failures, how a connection is closed and who is sent a PROXY header is as HAProxy 2.6 was
 * seen to do it; but an answer cut off by an RST is an invalid one (L7RSP), where HAProxy says "Socket error":
 * CHECK_SOCKERR is for what we lack ourselves.
 *
 * Control thread.
 */
#include "config.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "core/spares.h"
#include "server/check_attempt_priv.h"
#include "server/check_words_priv.h"

/* Most attempts need no memory for an answer: it comes whole, is judged in `scratch`, and forgotten. */
static struct spares replies = { .keep = 8 };
static char scratch[CHECK_REPLY_BYTES];

/* -- verdicts -- */

const struct check_step *
attempt_step(const struct attempt *a)
{
	return &a->conf->steps[a->step];
}

enum progress
attempt_fail_because(struct attempt *a, struct check_verdict *verdict, enum check_result result,
		     const char *what)
{
	verdict->result = result;
	verdict->code = 0;
	check_words_failed(verdict->detail, a->conf, attempt_step(a), what);
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
		(void)conn_recv(&a->conn, scratch, sizeof(scratch));
		conn_close(&a->conn);
	}
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
	attempt_on_connecting(a);
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

static char *
attempt_reply(struct attempt *a)
{
	return a->reply != NULL ? a->reply : scratch;
}

/* -- sending -- */

/*
 * It can't send any more, but an answer may be there already; if one is expected it is judged, as HAProxy
 * does.
 */
static enum progress
attempt_cut_off(struct attempt *a, struct check_verdict *verdict, int error)
{
	uint32_t at = a->step + 1;
	ssize_t n;

	while (at < a->conf->count && a->conf->steps[at].kind == CHECK_STEP_SEND)
		at++;
	if (at == a->conf->count || a->conf->steps[at].kind != CHECK_STEP_EXPECT)
		return attempt_fail(a, verdict, CHECK_L7RSP, error);
	n = conn_recv(&a->conn, attempt_reply(a) + a->reply_len, CHECK_REPLY_BYTES - a->reply_len);
	if (n <= 0)
		return attempt_fail(a, verdict, CHECK_L7RSP, error);
	a->reply_len += (size_t)n;
	a->lost = error;
	a->step = at;
	return attempt_begin_step(a, verdict);
}

static enum progress
attempt_sending(struct attempt *a, struct check_verdict *verdict)
{
	if (a->lost != 0)
		return attempt_cut_off(a, verdict, a->lost);
	while (a->out.len > 0) {
		ssize_t n = a->conn.writable ? conn_send(&a->conn, a->out.at, a->out.len) : -EAGAIN;

		if (n == -EAGAIN)
			return WAITS;
		if (n < 0)
			return attempt_cut_off(a, verdict, (int)-n);
		a->out.at += n;
		a->out.len -= (size_t)n;
	}
	return attempt_next(a, verdict);
}

/* -- reading and judging -- */

/* An answer in pieces is kept; scratch is anybody's. */
static enum progress
attempt_keep_reply(struct attempt *a, struct check_verdict *verdict)
{
	if (a->reply_len == 0 || a->reply != NULL)
		return WAITS;
	a->reply = spares_take(&replies, CHECK_REPLY_BYTES);
	if (a->reply == NULL)
		return attempt_fail(a, verdict, CHECK_SOCKERR, ENOMEM);
	memcpy(a->reply, scratch, a->reply_len);
	return WAITS;
}

/* The next EXPECT looks at the same bytes, see check_judge(); who sends is done with those that were used. */
static enum progress
attempt_pass_reply(struct attempt *a, size_t used, struct check_verdict *verdict)
{
	char *reply = attempt_reply(a);

	assert(used <= a->reply_len);
	if (a->step + 1 == a->conf->count || a->conf->steps[a->step + 1].kind == CHECK_STEP_EXPECT)
		return GOES_ON;
	a->reply_len -= used;
	memmove(reply, reply + used, a->reply_len);
	/* a SEND may have to wait, and scratch is anybody's meanwhile */
	return attempt_keep_reply(a, verdict) == ENDS ? ENDS : GOES_ON;
}

/* GOES_ON: it has more now, or knows that there will be no more. */
static enum progress
attempt_read(struct attempt *a, struct check_verdict *verdict)
{
	ssize_t n = conn_recv(&a->conn, attempt_reply(a) + a->reply_len,
			      CHECK_REPLY_BYTES - a->reply_len);

	if (n == -EAGAIN)
		return WAITS;
	if (n <= 0 && a->reply_len == 0 && (n < 0 || a->lost != 0))
		return attempt_fail(a, verdict, CHECK_L7RSP, a->lost != 0 ? a->lost : (int)-n);
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
	case CHECK_JUDGED_PASS:
		if (a->conf->kind == CHECK_KIND_AGENT)
			(void)agent_parse(&a->report, check_first_line(bytes));
		if (attempt_pass_reply(a, used, verdict) == ENDS)
			return ENDS;
		return attempt_next(a, verdict);
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
		a->conn.readable = true; /* what came before that */
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

enum progress
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

enum progress
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

void
attempt_drop_connection(struct attempt *a)
{
	attempt_close(a);
	if (a->reply != NULL)
		spares_give(&replies, a->reply);
}

void
attempts_finish_steps(void)
{
	spares_fini(&replies);
}
