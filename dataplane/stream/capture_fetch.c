/*
 * Captures as expressions see them, and the request and status line as they came (HAProxy manual, 7.3.6
 * "capture.req.hdr", 7.3.1 "capture-req"). They can be asked for as long as the stream lives, so also by logs.
 *
 * The stream's worker.
 */
#include "config.h"
#include "expr/fetch.h"
#include "stream/capture.h"
#include "stream/exchange_priv.h"
#include "stream/format_stream.h"
#include "stream/stream_log_priv.h"
#include "stream/stream_priv.h"
#include "stream/unique_id.h"

static enum err
check_slot(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].number >= 0 && args->at[0].number < CAPTURE_SLOTS_MAX)
		return ERR_OK;
	diag_set(diag, "expected the number of a capture slot, 0 to %d", CAPTURE_SLOTS_MAX - 1);
	return ERR_INVALID;
}

/* Into a slot that the frontend lacks nothing is kept. A backend serves many frontends: there it is not known. */
static enum err
check_kept(struct args *args, const struct compile_env *env, bool is_response, struct diag *diag)
{
	enum err e = check_slot(args, env, diag);

	if (e != ERR_OK || env->slots == NULL ||
	    args->at[0].number < (int64_t)env->slots->count[is_response])
		return e;
	diag_set(diag, "the frontend has no capture slot %d of %s", (int)args->at[0].number,
		 is_response ? "responses" : "requests");
	return ERR_INVALID;
}

static enum err
check_kept_req(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return check_kept(args, env, false, diag);
}

static enum err
check_kept_res(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return check_kept(args, env, true, diag);
}

static bool
get_capture(struct eval *eval, const struct args *args, bool is_response, struct sample *sample)
{
	if (eval->stream == NULL)
		return false;
	sample->text = capture_get(eval->stream, is_response, (uint32_t)args->at[0].number);
	sample->type = SAMPLE_STRING;
	return sample->text.len > 0;
}

static bool
get_req_hdr(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	    struct sample *sample)
{
	return get_capture(eval, args, false, sample);
}

static bool
get_res_hdr(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	    struct sample *sample)
{
	return get_capture(eval, args, true, sample);
}

/* False: there is no request (yet). */
static bool
request_of(const struct eval *eval, struct slice *method, struct slice *uri, struct sample *sample)
{
	sample->type = SAMPLE_STRING;
	return eval->stream != NULL && eval->stream->exchange != NULL &&
	       exchange_said(eval->stream, method, uri);
}

static bool
get_req_method(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	       struct sample *sample)
{
	struct slice uri;

	return request_of(eval, &sample->text, &uri, sample);
}

static bool
get_req_uri(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	    struct sample *sample)
{
	struct slice method, uri;

	if (!request_of(eval, &method, &uri, sample))
		return false;
	sample->text = request_uri_path(uri);
	return sample->text.len > 0;
}

static bool
get_req_ver(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	    struct sample *sample)
{
	struct slice method, uri;

	if (!request_of(eval, &method, &uri, sample))
		return false;
	sample->text = eval->stream->exchange->request.minor == 0 ? SLICE("HTTP/1.0")
								    : SLICE("HTTP/1.1");
	return true;
}

/* A proxy answers in its own version, whatever the server's. */
static bool
get_res_ver(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	    struct sample *sample)
{
	const struct stream *s = eval->stream;

	if (s == NULL || s->exchange == NULL || s->exchange->status == 0)
		return false;
	sample->type = SAMPLE_STRING;
	sample->text = SLICE("HTTP/1.1");
	return true;
}

static bool
get_unique_id(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	      struct sample *sample)
{
	sample->type = SAMPLE_STRING;
	return eval->stream != NULL && stream_unique_id(eval->stream, &sample->text);
}

static bool
keep(struct eval *eval, const struct args *args, bool is_response, const struct sample *sample)
{
	return eval->stream != NULL && capture_put(eval->stream, is_response,
						   (uint32_t)args->at[0].number, sample->text);
}

static bool
run_capture_req(struct eval *eval, const struct args *args, struct sample *sample)
{
	return keep(eval, args, false, sample);
}

static bool
run_capture_res(struct eval *eval, const struct args *args, struct sample *sample)
{
	return keep(eval, args, true, sample);
}

#define LINE	NEEDS_REQUEST_LINE
#define STRING	SAMPLE_STRING

/* clang-format off */
static const struct fetch fetches[] = {
	{ .name = "capture.req.hdr", .type = STRING, .needs = LINE, .args = { ARG_INT }, .check = check_slot,
	  .get = get_req_hdr, .help = "what a request's capture slot holds" },
	{ .name = "capture.req.method", .type = STRING, .needs = LINE, .get = get_req_method,
	  .help = "the request's method as it came" },
	{ .name = "capture.req.uri", .type = STRING, .needs = LINE, .get = get_req_uri,
	  .help = "the request's path and query as they came" },
	{ .name = "capture.req.ver", .type = STRING, .needs = LINE, .get = get_req_ver,
	  .help = "the request's HTTP version: HTTP/1.0 or HTTP/1.1" },
	{ .name = "capture.res.hdr", .type = STRING, .needs = LINE, .args = { ARG_INT }, .check = check_slot,
	  .get = get_res_hdr, .help = "what a response's capture slot holds" },
	{ .name = "capture.res.ver", .type = STRING, .needs = LINE, .get = get_res_ver,
	  .help = "the response's HTTP version" },
	{ .name = "unique-id", .type = STRING, .needs = NEEDS_CLIENT, .get = get_unique_id,
	  .help = "what unique_id_format makes" },
};

static const struct conv convs[] = {
	{ .name = "capture-req", .in = STRING, .out = STRING, .args = { ARG_INT }, .check = check_kept_req,
	  .run = run_capture_req, .needs = LINE, .help = "kept in a request's capture slot" },
	{ .name = "capture-res", .in = STRING, .out = STRING, .args = { ARG_INT }, .check = check_kept_res,
	  .run = run_capture_res, .needs = LINE, .help = "kept in a response's capture slot" },
};
/* clang-format on */

static struct fetch_table fetch_table = { fetches, sizeof(fetches) / sizeof(fetches[0]), NULL };
static struct conv_table conv_table = { convs, sizeof(convs) / sizeof(convs[0]), NULL };

void
capture_fetch_register(void)
{
	fetch_register(&fetch_table);
	conv_register(&conv_table);
}
