/*
 * The variables of log formats: a row each (HAProxy manual, 8.2.6 "Custom log format"; 8.4 for the times,
 * 8.5 for the termination state). Where a stage was not reached a time is -1.
 *
 * They may stand in any format: what is not known where that is written is "-", or nothing. The stream's
 * worker; what the process is called is read when they are registered.
 */
#include "config.h"
#include <unistd.h>
#include "expr/format.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/format_stream.h"
#include "stream/format_stream_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_log_priv.h"
#include "stream/stream_priv.h"
#include "stream/unique_id.h"

#define HOST_BYTES 256

static char host_name[HOST_BYTES];
static int64_t process_id;

/* -- names -- */

static void
var_f(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);

	if (c != NULL)
		format_put(out, slice_of(c->frontend->name));
}

static void
var_b(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s != NULL && s->backend != NULL)
		format_put(out, slice_of(s->backend->name));
	else
		var_f(eval, out);
}

static void
var_s(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s == NULL || s->server == NULL)
		format_put(out, SLICE("<NOSRV>"));
	else
		format_put(out, slice_of(s->server->name));
}

static void
var_H(struct eval *eval, struct format_out *out)
{
	format_put(out, slice_of(host_name));
}

static void
var_pid(struct eval *eval, struct format_out *out)
{
	put_number(out, (uint64_t)process_id, 4);
}

static void
var_ID(struct eval *eval, struct format_out *out)
{
	struct slice id;

	if (eval->stream != NULL && stream_unique_id(eval->stream, &id))
		format_put(out, id);
}

static void
var_rt(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		put_number(out, stream_number(eval->stream), 4);
}

static void
var_lc(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);

	if (c != NULL)
		put_number(out, atomic_fetch_add_explicit(&c->frontend->log_lines, 1,
							  memory_order_relaxed), 4);
}

/* -- counts -- */

static uint32_t
level_of(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A stream that has ended does not count itself any more (as HAProxy). */
static uint32_t
without_own(const struct stream *s, uint32_t current)
{
	return s->state == STREAM_ENDED && s->server != NULL && current > 0 ? current - 1 : current;
}

static void
var_ac(struct eval *eval, struct format_out *out)
{
	format_put_int(out, level_of(&engine.connections.current));
}

static void
var_fc(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);

	format_put_int(out, c == NULL ? 0 : level_of(&c->frontend->sessions.current));
}

static void
var_bc(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	format_put_int(out, s == NULL || s->backend == NULL
				    ? 0
				    : without_own(s, stream_backend_sessions(s)));
}

static void
var_sc(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	format_put_int(out, s == NULL || s->server == NULL
				    ? 0
				    : without_own(s, level_of(&s->server->current)));
}

static void
var_rc(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s != NULL && s->redispatched)
		format_put_raw(out, SLICE("+"));
	format_put_int(out, s == NULL ? 0 : stream_retries(s));
}

/* The waiting line is the backend's, whoever's place it is for. */
static void
var_bq(struct eval *eval, struct format_out *out)
{
	format_put_int(out, eval->stream == NULL ? 0 : eval->stream->queue_served);
}

static void
var_sq(struct eval *eval, struct format_out *out)
{
	format_put_int(out, 0);
}

static void
var_B(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	format_put_int(out, eval->stream == NULL ? 0 : (int64_t)eval->stream->flow[DOWN].bytes);
}

static void
var_U(struct eval *eval, struct format_out *out)
{
	format_put_int(out, eval->stream == NULL ? 0 : (int64_t)eval->stream->flow[UP].bytes);
}

/* -- the end -- */

/* -1: it was to get one, and got none. */
static void
var_ST(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s == NULL || s->exchange == NULL)
		format_put_int(out, 0);
	else
		format_put_int(out, s->exchange->status == 0 ? -1 : s->exchange->status);
}

static void
var_ts(struct eval *eval, struct format_out *out)
{
	char state[] = "--";

	if (eval->stream != NULL)
		stream_termination(eval->stream, state);
	format_put_raw(out, (struct slice){ state, 2 });
}

static void
var_tsc(struct eval *eval, struct format_out *out)
{
	char state[] = "----";	/* the last two are about persistence cookies */

	if (eval->stream != NULL)
		stream_termination(eval->stream, state);
	format_put_raw(out, (struct slice){ state, 4 });
}

#define NUMBER	FORMAT_NUMBER
#define TEXT	FORMAT_TEXT
#define HTTP	NEEDS_HTTP

/* clang-format off */
static const struct format_var rows[] = {
	/* name	 kind	 needs	may vanish */
	{ "B",	 NUMBER, 0,	false, "bytes from the server to the client",			var_B },
	{ "CC",	 TEXT,	 HTTP,	false, "the captured cookie of the request",			var_CC },
	{ "CS",	 TEXT,	 HTTP,	false, "the captured cookie of the response",			var_CS },
	{ "H",	 TEXT,	 0,	false, "the host's name",					var_H },
	{ "HM",	 TEXT,	 HTTP,	false, "the request's method",					var_HM },
	{ "HP",	 TEXT,	 HTTP,	false, "the request's URI without its query",			var_HP },
	{ "HPO", TEXT,	 HTTP,	false, "the request's path: neither host nor query",		var_HPO },
	{ "HQ",	 TEXT,	 HTTP,	false, "the request's query with its question mark",		var_HQ },
	{ "HU",	 TEXT,	 HTTP,	false, "the request's URI",					var_HU },
	{ "HV",	 TEXT,	 HTTP,	false, "the request's HTTP version",				var_HV },
	{ "ID",	 TEXT,	 0,	false, "what unique_id_format makes",				var_ID },
	{ "ST",	 NUMBER, 0,	false, "the response's status",					var_ST },
	{ "T",	 TEXT,	 0,	false, "when it was accepted, in GMT",				var_T },
	{ "TR",	 NUMBER, HTTP,	false, "ms until the request's head was there",			var_TR },
	{ "Ta",	 NUMBER, HTTP,	false, "ms from the request's first byte to the end",		var_Ta },
	{ "Tc",	 NUMBER, 0,	false, "ms to connect to the server",				var_Tc },
	{ "Td",	 NUMBER, 0,	false, "ms for the data",					var_Td },
	{ "Th",	 NUMBER, 0,	false, "ms for handshakes",					var_Th },
	{ "Ti",	 NUMBER, HTTP,	false, "ms idle before the request",				var_Ti },
	{ "Tl",	 TEXT,	 0,	false, "when it was accepted, with the time zone",		var_Tl },
	{ "Tq",	 NUMBER, HTTP,	false, "Th + Ti + TR",						var_Tq },
	{ "Tr",	 NUMBER, HTTP,	false, "ms until the response's head was there",		var_Tr },
	{ "Ts",	 NUMBER, 0,	false, "when it was accepted, in seconds since 1970",		var_Ts },
	{ "Tt",	 NUMBER, 0,	false, "ms from the accept to the end",				var_Tt },
	{ "Tu",	 NUMBER, 0,	false, "ms as the client saw it: without the idle time",	var_Tu },
	{ "Tw",	 NUMBER, 0,	false, "ms in the queue",					var_Tw },
	{ "U",	 NUMBER, 0,	false, "bytes from the client to the server",			var_U },
	{ "ac",	 NUMBER, 0,	false, "connections of the process",				var_ac },
	{ "b",	 TEXT,	 0,	false, "the backend",						var_b },
	{ "bc",	 NUMBER, 0,	false, "sessions of the backend",				var_bc },
	{ "bi",	 TEXT,	 0,	false, "the address that we connected to the server from",	var_bi },
	{ "bp",	 NUMBER, 0,	false, "and its port",						var_bp },
	{ "bq",	 NUMBER, 0,	false, "which one it was to leave the queue; 0: it did not wait", var_bq },
	{ "ci",	 TEXT,	 0,	false, "the client's address",					var_ci },
	{ "cp",	 NUMBER, 0,	false, "the client's port",					var_cp },
	{ "f",	 TEXT,	 0,	false, "the frontend",						var_f },
	{ "fc",	 NUMBER, 0,	false, "connections of the frontend",				var_fc },
	{ "fi",	 TEXT,	 0,	false, "the address that the client connected to",		var_fi },
	{ "fp",	 NUMBER, 0,	false, "and its port",						var_fp },
	{ "ft",	 TEXT,	 0,	false, "the frontend, with a ~ behind it for TLS",		var_f },
	{ "hr",	 TEXT,	 0,	true,  "the request's captures: {a|b}",				var_hr },
	{ "hrl", TEXT,	 0,	true,  "the same as a list",					var_hrl },
	{ "hs",	 TEXT,	 0,	true,  "the response's captures: {a|b}",			var_hs },
	{ "hsl", TEXT,	 0,	true,  "the same as a list",					var_hsl },
	{ "lc",	 NUMBER, 0,	false, "lines that the frontend logged before",			var_lc },
	{ "ms",	 NUMBER, 0,	false, "milliseconds of the accept's time",			var_ms },
	{ "pid", NUMBER, 0,	false, "the process id",					var_pid },
	{ "r",	 TEXT,	 HTTP,	false, "the request's first line",				var_r },
	{ "rc",	 NUMBER, 0,	false, "retries, with a + before them after a redispatch",	var_rc },
	{ "rt",	 NUMBER, 0,	false, "a number that only this session has",			var_rt },
	{ "s",	 TEXT,	 0,	false, "the server",						var_s },
	{ "sc",	 NUMBER, 0,	false, "sessions of the server",				var_sc },
	{ "si",	 TEXT,	 0,	false, "the server's address",					var_si },
	{ "sp",	 NUMBER, 0,	false, "and its port",						var_sp },
	{ "sq",	 NUMBER, 0,	false, "0: the queue is the backend's",				var_sq },
	{ "t",	 TEXT,	 0,	false, "when it was accepted, local time with milliseconds",	var_t },
	{ "tr",	 TEXT,	 HTTP,	false, "when the request began, local time with milliseconds",	var_tr },
	{ "trg", TEXT,	 HTTP,	false, "when the request began, in GMT",			var_trg },
	{ "trl", TEXT,	 HTTP,	false, "when the request began, with the time zone",		var_trl },
	{ "ts",	 TEXT,	 0,	false, "the termination state",					var_ts },
	{ "tsc", TEXT,	 HTTP,	false, "the termination state with that of cookies",		var_tsc },
};
/* clang-format on */

static struct format_table table = { rows, sizeof(rows) / sizeof(rows[0]), NULL };

void
format_stream_register(void)
{
	process_id = getpid();
	if (gethostname(host_name, sizeof(host_name) - 1) != 0)
		host_name[0] = '\0';
	format_register(&table);
}
