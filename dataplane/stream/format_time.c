/*
 * Log variables: dates and times (HAProxy manual, 8.4 "Timing events"). A stage that was not reached is -1.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/format_stream_priv.h"
#include <string.h>
#include "stream/exchange_priv.h"
#include "stream/log_time.h"
#include "stream/stream_log_priv.h"

/* When the stream was begun, and when what it waited for before: the accept, or the end of the exchange before. */
static uint64_t
accept_us(const struct stream *s)
{
	if (s->exchange == NULL)
		return s->begun_us;
	return s->begun_us - (s->begun_ms - s->client->since_ms) * 1000;
}

static void
put_date(struct eval *eval, struct format_out *out, enum log_date date, bool is_request)
{
	const struct stream *s = eval->stream;

	if (s != NULL)
		format_put_raw(out, log_date(date, (is_request ? s->begun_us : accept_us(s)) /
						   1000000));
}

static void
put_date_ms(struct eval *eval, struct format_out *out, bool is_request)
{
	const struct stream *s = eval->stream;
	struct slice date;
	char text[64];
	uint64_t us;
	unsigned ms;

	if (s == NULL)
		return;
	us = is_request ? s->begun_us : accept_us(s);
	ms = (unsigned)(us / 1000 % 1000);
	date = log_date(LOG_DATE_LOCAL, us / 1000000);
	memcpy(text, date.at, date.len);
	text[date.len] = '.';
	text[date.len + 1] = (char)('0' + ms / 100);
	text[date.len + 2] = (char)('0' + ms / 10 % 10);
	text[date.len + 3] = (char)('0' + ms % 10);
	format_put_raw(out, (struct slice){ text, date.len + 4 });
}

void
var_t(struct eval *eval, struct format_out *out)
{
	put_date_ms(eval, out, false);
}

void
var_tr(struct eval *eval, struct format_out *out)
{
	put_date_ms(eval, out, true);
}

void
var_T(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_GMT_ZONE, false);
}

void
var_Tl(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_LOCAL_ZONE, false);
}

void
var_trg(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_GMT_ZONE, true);
}

void
var_trl(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_LOCAL_ZONE, true);
}

void
var_Ts(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		put_number(out, accept_us(eval->stream) / 1000000, 4);
}

void
var_ms(struct eval *eval, struct format_out *out)
{
	unsigned ms;
	char text[3];

	if (eval->stream == NULL)
		return;
	ms = (unsigned)(accept_us(eval->stream) / 1000 % 1000);
	if (format_flag_hex(out)) {
		format_put_hex(out, ms, 2);
		return;
	}
	text[0] = (char)('0' + ms / 100);
	text[1] = (char)('0' + ms / 10 % 10);
	text[2] = (char)('0' + ms % 10);
	format_put_raw(out, (struct slice){ text, sizeof(text) });
}

static int64_t
now_ms(const struct stream *s)
{
	return (int64_t)s->worker->loop->now_ms;
}

static int64_t
time_idle(const struct stream *s)
{
	return s->exchange == NULL ? 0 : (int64_t)(s->begun_ms - s->client->since_ms);
}

static bool
was_in_tarpit(const struct stream *s)
{
	return s->state == STREAM_ENDED && s->ended_in == STREAM_TARPIT;
}

/* Of a request that was read whole and then had no backend to go to, HAProxy does not tell it. */
static int64_t
time_request(const struct stream *s)
{
	const struct exchange *x = s->exchange;

	if (x == NULL || x->request_ms == 0 || s->cause == END_NO_BACKEND || was_in_tarpit(s))
		return -1;
	return (int64_t)(x->request_ms - s->begun_ms);
}

static int64_t
time_all_request(const struct stream *s)
{
	return time_request(s) < 0 ? -1 : time_idle(s) + time_request(s);
}

static int64_t
time_data(const struct stream *s)
{
	const uint64_t from = s->exchange == NULL ? s->connected_ms : s->exchange->response_ms;

	return from == 0 ? -1 : now_ms(s) - (int64_t)from;
}

static int64_t
time_active(const struct stream *s)
{
	return now_ms(s) - (int64_t)s->begun_ms;
}

static int64_t
time_total(const struct stream *s)
{
	return time_idle(s) + time_active(s);
}

/* A tarpit counts as one, from the beginning and less the request's time, which HAProxy does not tell: -1. */
static int64_t
time_queue(const struct stream *s)
{
	return was_in_tarpit(s) ? time_total(s) - time_request(s) : stream_time_queue(s);
}

static int64_t
time_handshake(const struct stream *s)
{
	return 0;	/* a PROXY header's is in the idle time */
}

static void
put_time(struct eval *eval, struct format_out *out, int64_t (*time)(const struct stream *s))
{
	format_put_int(out, eval->stream == NULL ? -1 : time(eval->stream));
}

void
var_Ta(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	put_time(eval, out, time_active);
}

void
var_Tt(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	put_time(eval, out, time_total);
}

void
var_Tu(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	put_time(eval, out, time_active);
}

#define PUT_TIME(name, time)						\
	void var_##name(struct eval *eval, struct format_out *out) \
	{								\
		put_time(eval, out, time);				\
	}

PUT_TIME(Tc, stream_time_connect)
PUT_TIME(Td, time_data)
PUT_TIME(Th, time_handshake)
PUT_TIME(Ti, time_idle)
PUT_TIME(Tq, time_all_request)
PUT_TIME(TR, time_request)
PUT_TIME(Tr, stream_time_response)
PUT_TIME(Tw, time_queue)
