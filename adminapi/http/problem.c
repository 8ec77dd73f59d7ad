/*
 * Problem details (RFC 9457): what every error of the API looks like.
 *
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <stdarg.h>
#include "core/jsonw.h"

static void
problem_write_issues(struct jsonw *w, const struct issues *issues)
{
	jsonw_array(w, "errors");
	for (uint32_t i = 0; i < issues->count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "pointer", issues->items[i].pointer);
		jsonw_string(w, "detail", issues->items[i].detail);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	if (issues->dropped > 0)
		jsonw_uint(w, "errors_dropped", issues->dropped);
}

void
problem_write(struct buf *out, unsigned status, const struct issues *issues, struct slice members,
	      const char *detail)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "about:blank");
	jsonw_string(&w, "title", MHD_get_reason_phrase_for(status));
	jsonw_uint(&w, "status", status);
	jsonw_string(&w, "detail", detail);
	if (issues != NULL && issues_any(issues))
		problem_write_issues(&w, issues);
	buf_put(out, members.at, members.len);	/* opens with its comma */
	jsonw_end_object(&w);
}

static void __attribute__((format(printf, 5, 0)))
problem_answer(struct call *call, unsigned status, const struct issues *issues,
	       struct slice members, const char *fmt, va_list ap)
{
	struct answer answer = { .status = status, .content_type = PROBLEM_TYPE };
	struct buf detail = { 0 };

	buf_vprintf(&detail, fmt, ap);
	buf_put(&detail, "", 1);
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		answer.retry_after_s = 1;
	problem_write(&answer.body, status, issues, members,
		      detail.failed ? "out of memory" : detail.at);
	buf_fini(&detail);
	call_answer(call, &answer);
}

void
call_problem(struct call *call, unsigned status, const struct issues *issues, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problem_answer(call, status, issues, (struct slice){ "", 0 }, fmt, ap);
	va_end(ap);
}

void
call_problem_with(struct call *call, unsigned status, const struct issues *issues,
		  struct slice members, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problem_answer(call, status, issues, members, fmt, ap);
	va_end(ap);
}
